//! What a message speaks of as a whole, whatever figure is looked at.

use super::code::Shape;
use super::cues::Kind;
use super::items::{Item, Row};

/// What the whole message speaks of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Topic {
    /// A bit for each kind of word that is in it.
    pub(super) kinds: u32,
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
        let kinds = row.items.iter().fold(0, |kinds, item| kinds | kind_of(item));
        let says = |kind: Kind| kinds >> kind as u32 & 1 != 0;
        let mut topic = Self {
            kinds,
            code: says(Kind::Otp) || says(Kind::Code),
            verify: says(Kind::Otp) || says(Kind::Verify),
            enter: says(Kind::Enter),
            trade: says(Kind::Trade),
            price: says(Kind::Currency),
            figures: 0,
            rivals: 0,
        };
        for figure in row.figures.iter().filter(|figure| figure.shape != Shape::Capitals) {
            topic.figures += 1;
            topic.rivals += usize::from(figure.is_open());
        }
        let named = proves(sender);
        topic.code |= named;
        topic.verify |= named;
        let part = memchr::memchr(b'%', text.as_bytes()).is_some();
        topic.price |= part;
        topic.trade |= part;
        topic
    }
}

/// The bit of a word's kind.
fn kind_of(item: &Item) -> u32 {
    match item {
        Item::Cue(kind) => 1 << *kind as u32,
        Item::Figure(_) | Item::Words(_) | Item::Joint | Item::Break(_) => 0,
        Item::Link { .. } | Item::Bound => 0,
    }
}

/// True for names under which proofs of identity are sent.
fn proves(sender: &str) -> bool {
    // Most names do not have the letters of any of these words.
    let letters = sender.bytes().fold(0_u32, |letters, byte| letters | 1 << (byte & 31));
    let has = |word: &[u8]| word.iter().all(|byte| letters >> (byte & 31) & 1 != 0);
    if ![b"otp".as_slice(), b"verify", b"auth", b"2fa"].into_iter().any(has) {
        return false;
    }
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
