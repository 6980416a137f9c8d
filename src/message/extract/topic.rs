//! What a message speaks of as a whole, whatever figure is looked at.

use super::code::Shape;
use super::cues::Kind;
use super::items::{Item, Row};

/// What the whole message speaks of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Topic {
    pub(super) code: bool,
    pub(super) verify: bool,
    pub(super) enter: bool,
    pub(super) trade: bool,
    /// An amount, or a part of one.
    pub(super) price: bool,
    /// Figures, and those that may be codes.
    pub(super) figures: usize,
    pub(super) rivals: usize,
}

impl Topic {
    pub(super) fn of(row: &Row, text: &str, sender: &str) -> Self {
        let mut topic = Self::default();
        for item in &row.items {
            if let Item::Cue(kind) = item {
                topic.code |= matches!(kind, Kind::Otp | Kind::Code);
                topic.verify |= matches!(kind, Kind::Otp | Kind::Verify);
                topic.enter |= *kind == Kind::Enter;
                topic.trade |= *kind == Kind::Trade;
                topic.price |= *kind == Kind::Currency;
            }
        }
        for figure in row.figures.iter().filter(|figure| figure.shape != Shape::Capitals) {
            topic.figures += 1;
            topic.rivals += usize::from(figure.is_open());
        }
        let named = proves(sender);
        topic.code |= named;
        topic.verify |= named;
        let part = text.contains('%');
        topic.price |= part;
        topic.trade |= part;
        topic
    }
}

/// True for names under which proofs of identity are sent.
fn proves(sender: &str) -> bool {
    let says = |at: usize, word: &str| {
        let part = sender.as_bytes().get(at..at + word.len());
        part.is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    let named = |(at, first): (usize, u8)| match first.to_ascii_lowercase() {
        b'o' => says(at, "otp"),
        b'v' => says(at, "verify"),
        b'a' => says(at, "auth"),
        b'2' => says(at, "2fa"),
        _ => false,
    };
    sender.bytes().enumerate().any(named) && !(0..sender.len()).any(|at| says(at, "bank"))
}
