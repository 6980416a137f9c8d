//! What a message speaks of as a whole, whatever figure is looked at.

use super::code::{Figure, Shape};
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
    pub(super) words: u32,
    pub(super) cues: bool,
    /// The sender's name is in it.
    pub(super) signed: bool,
    /// The sender has no name.
    pub(super) numbered: bool,
    /// Figures, and those that may be codes.
    pub(super) figures: usize,
    pub(super) rivals: usize,
    /// Digits that the code has, as the text says: "the 4 digits".
    pub(super) counted: Option<usize>,
    /// Some word has small letters, so that capitals mean something.
    pub(super) small: bool,
}

impl Topic {
    pub(super) fn of(row: &Row, text: &str, sender: &str) -> Self {
        let mut topic = Self::default();
        // "#482913" says no more than the digits.
        let bare = text.trim_start().starts_with('#');
        for item in &row.items {
            match item {
                Item::Cue(kind) => {
                    topic.cues |= !(*kind == Kind::Is || bare && *kind == Kind::Number);
                    topic.code |= matches!(kind, Kind::Otp | Kind::Code);
                    topic.verify |= matches!(kind, Kind::Otp | Kind::Verify);
                    topic.enter |= *kind == Kind::Enter;
                    topic.trade |= *kind == Kind::Trade;
                    topic.price |= *kind == Kind::Currency;
                }
                Item::Words(words) => topic.words = topic.words.saturating_add(*words),
                Item::Figure(_) | Item::Joint | Item::Break(_) => {}
                Item::Link { .. } | Item::Bound => {}
            }
        }
        topic.counted = counted(row, text);
        for figure in row.figures.iter().filter(|figure| figure.shape != Shape::Capitals) {
            topic.figures += 1;
            topic.rivals += usize::from(figure.is_open());
        }
        // Names under which proofs of identity are sent.
        let name = sender.to_ascii_lowercase();
        let named = ["otp", "verify", "auth", "2fa"].iter().any(|word| name.contains(word));
        let named = named && !name.contains("bank");
        topic.code |= named;
        topic.verify |= named;
        topic.signed = !name.is_empty() && contains(text, &name);
        topic.numbered = !sender.bytes().any(|b| b.is_ascii_alphabetic());
        topic.price |= text.contains('%');
        topic.trade |= text.contains('%');
        topic.small = text.bytes().any(|b| b.is_ascii_lowercase() || !b.is_ascii());
        topic
    }
}

/// How many digits the text says that its code has.
fn counted(row: &Row, text: &str) -> Option<usize> {
    row.items.windows(2).find_map(|pair| {
        let [Item::Figure(figure), Item::Cue(Kind::Number | Kind::Code | Kind::Otp)] = pair else {
            return None;
        };
        let Figure { start, end, .. } = row.figures[*figure];
        text[start..end].parse().ok().filter(|count| (3..=10).contains(count))
    })
}

/// True if a text has a name in it, written in small letters or in capitals.
fn contains(text: &str, name: &str) -> bool {
    let (text, name) = (text.as_bytes(), name.as_bytes());
    let begins = |part: &[u8]| part[0].to_ascii_lowercase() == name[0];
    text.windows(name.len()).any(|part| begins(part) && part.eq_ignore_ascii_case(name))
}
