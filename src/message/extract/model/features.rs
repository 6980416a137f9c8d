//! What the model sees of a message and of each figure in it: features, each the hash of what
//! was seen and where. They name no language: words count by their first letters, scripts
//! without blanks by pairs of letters.
//!
//! Leaves to others: what a feature is worth.

use super::words::{Word, mix};
use crate::message::extract::candidates::{Beside, Candidate, Candidates};
use crate::message::extract::code::{Figure, Shape, is_year};
use crate::message::extract::items::{Item, Level, Row};
use crate::message::extract::shapes::{is_slogan, is_time};
use crate::message::extract::sides::Tie;
use crate::message::extract::topic::Topic;

/// Words on either side of a figure that count by where they stand.
const NEAR: usize = 5;
/// Words of a message that count by being there.
const WORDS_MAX: usize = 128;
/// What stands for no item: the message begins or ends.
const EDGE: u32 = 60;

/// What a feature tells of; a part of its hash.
#[derive(Clone, Copy, Debug)]
pub(super) enum About {
    // The message.
    Counts,
    Kind,
    Word,
    // The figure by itself.
    Length,
    Sole,
    SoleTopic,
    SoleLength,
    Digits,
    Groups,
    Vowels,
    Letters,
    // What the words of the table of cues say of it.
    Verified,
    Asked,
    Coded,
    Old,
    Taken,
    Person,
    Label,
    // What stands beside it.
    Before,
    After,
    TwoBefore,
    TwoAfter,
    Between,
    SignBefore,
    SignAfter,
    Place,
    // The words around it, by their letters.
    WordBefore,
    NearBefore,
    JoinedBefore,
    WordAfter,
    JoinedAfter,
}

/// A message as the model looks at it.
pub(super) struct Scene<'a> {
    pub(super) row: &'a Row,
    pub(super) text: &'a str,
    pub(super) sender: &'a str,
    pub(super) topic: Topic,
    pub(super) known: Candidates,
    pub(super) words: Vec<Word>,
}

/// Features, in the order in which they are seen: what each tells of, and what it was.
#[derive(Default)]
pub(super) struct Features(pub(super) Vec<(About, u32)>);

impl Features {
    fn put(&mut self, about: About, value: u32) {
        self.0.push((about, value));
    }

    /// The hash of each.
    pub(super) fn hashes(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(about, value)| {
            let hash = mix(mix(0x811c_9dc5, *about as u32), *value);
            let hash = (hash ^ (hash >> 15)).wrapping_mul(0x85eb_ca6b);
            hash ^ (hash >> 13)
        })
    }
}

/// True if a figure may be the code, whatever stands beside it.
pub(super) fn may_be(figure: &Figure, sender: &str) -> bool {
    let code = figure.code.as_bytes();
    let is_word = || code.len() < 4 || vowels(code) * 4 > code.len() || is_named_so(sender, code);
    figure.is_open() && !(figure.shape == Shape::Capitals && is_word())
}

/// True for a word of the sender's name: `PASS` from `UAEPASS`.
fn is_named_so(sender: &str, word: &[u8]) -> bool {
    sender.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

impl Scene<'_> {
    /// True if a figure may be the code at all.
    pub(super) fn may_be(&self, one: &Candidate) -> bool {
        one.beside != Beside::Amount && may_be(&one.figure, self.sender)
    }

    /// Features of the whole message.
    pub(super) fn message(&self, sink: &mut Features) {
        let Topic { figures, rivals, mut kinds, .. } = self.topic;
        sink.put(About::Counts, count(figures, 5) * 8 + count(rivals, 5));
        while kinds > 0 {
            sink.put(About::Kind, kinds.trailing_zeros());
            kinds &= kinds - 1;
        }
        for word in self.words.iter().take(WORDS_MAX) {
            sink.put(About::Word, word.stem);
        }
    }

    /// Features of one figure.
    pub(super) fn figure(&self, at: usize, sink: &mut Features) {
        let one = &self.known.each[at];
        self.shape(one, sink);
        self.said(one, sink);
        self.neighbours(one, sink);
        sink.put(About::Place, count(at, 3) * 8 + count(self.known.each.len(), 5));
        self.letters(one.figure, sink);
    }

    /// How the figure is built.
    fn shape(&self, one: &Candidate, sink: &mut Features) {
        let Topic { code: coded, verify, enter, trade, price, .. } = self.topic;
        let Figure { code, shape, start, end } = one.figure;
        let code = code.as_bytes();
        let length = shape as u32 * 16 + count(code.len(), 15);
        sink.put(About::Length, length);
        sink.put(About::Sole, bits(&[one.named, one.plain, one.tagged, one.free, one.sole]));
        sink.put(About::SoleTopic, bits(&[one.sole, coded, verify, enter, trade, price]));
        sink.put(About::SoleLength, length * 2 + u32::from(one.sole));
        let (begins, ends) = (code.starts_with(b"0"), code.ends_with(b"00"));
        let sent = !one.named && one.sent;
        sink.put(About::Digits, bits(&[is_year(code), is_time(code), begins, ends, sent]));
        let text = &self.text[start..end];
        let is_bare = text.as_bytes() == code;
        let signs = text.bytes().filter(|b| !is_bare && !b.is_ascii_alphanumeric()).count();
        let lettered = text.starts_with(|c: char| c.is_ascii_uppercase());
        sink.put(About::Groups, count(signs, 3) * 2 + u32::from(lettered));
        if shape != Shape::Digits {
            sink.put(About::Vowels, count(vowels(code), 3) * 2 + u32::from(is_slogan(code)));
            let letters = code.iter().take_while(|b| b.is_ascii_uppercase()).count();
            let only = if letters == 1 { u32::from(code[0]) } else { 0 };
            sink.put(About::Letters, count(letters, 4) * 256 + only);
        }
    }

    /// What the words of the table say of it.
    fn said(&self, one: &Candidate, sink: &mut Features) {
        let (placed, known, topic) = (&one.placed, &self.known, &self.topic);
        let (before, after) = (&placed.before, &placed.after);
        let coded = coarse(before.code) * 4 + coarse(after.code);
        let verified = coarse(before.verify) * 4 + coarse(after.verify);
        sink.put(About::Verified, coded * 16 + verified);
        let (asked, told) = (before.asked || after.asked, placed.is_told());
        let Topic { code, verify, .. } = *topic;
        sink.put(About::Asked, bits(&[one.sole, before.with, asked, told, verify, code]));
        sink.put(About::Coded, coded * 2 + u32::from(one.sole));
        let old = [one.is_new(), known.renewed, known.replaced, after.stale, before.old];
        sink.put(About::Old, bits(&old));
        let at_door = known.login && one.is_at_door();
        sink.put(About::Taken, bits(&[known.taken, at_door, known.settled, one.sole, one.tagged]));
        sink.put(About::Person, near(before.person) * 8 + near(after.person));
        let label = before
            .label
            .map_or(0, |label| bits(&[label.joined, label.sent]) * 8 + label.gap.min(7));
        let named = before.code.is_some_and(|tie| tie.crossed.is_none());
        sink.put(About::Label, label * 2 + u32::from(named));
    }

    /// The items and the signs beside it.
    fn neighbours(&self, one: &Candidate, sink: &mut Features) {
        let place = one.placed.at;
        let item = |offset| self.item(place.checked_add_signed(offset));
        let (before, after) = (item(-1), item(1));
        sink.put(About::Before, before);
        sink.put(About::After, after);
        sink.put(About::TwoBefore, before * 64 + item(-2));
        sink.put(About::TwoAfter, after * 64 + item(2));
        sink.put(About::Between, before * 64 + after);
        let Figure { start, end, .. } = one.figure;
        let sign = |c: Option<char>| match c {
            None => 1,
            Some('0'..='9') => 2,
            Some('a'..='z' | 'A'..='Z') => 3,
            // Punctuation of all scripts, of those without blanks, and in full width.
            Some(c @ ('\0'..='\u{bf}' | '\u{2000}'..='\u{20ff}')) => u32::from(c),
            Some(c @ ('\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff20}')) => u32::from(c),
            Some(_) => 3,
        };
        let head = self.text[..start].trim_end_matches([' ', '\n']).chars().next_back();
        let tail = self.text[end..].trim_start_matches(' ').chars().next();
        sink.put(About::SignBefore, sign(head));
        sink.put(About::SignAfter, sign(tail));
    }

    fn item(&self, at: Option<usize>) -> u32 {
        let Some(item) = at.and_then(|at| self.row.items.get(at)) else { return EDGE };
        match item {
            Item::Cue(kind) => *kind as u32,
            Item::Figure(figure) => 30 + self.row.figures[*figure].shape as u32,
            Item::Words(words) => 40 + (*words).min(2),
            Item::Joint => 50,
            Item::Break(level) => 51 + *level as u32,
            Item::Link { .. } => 54,
            Item::Bound => 55,
        }
    }

    /// The words on either side of it.
    fn letters(&self, figure: Figure, sink: &mut Features) {
        let ahead = &self.words[..self.words.partition_point(|word| word.start < figure.start)];
        let behind = &self.words[self.words.partition_point(|word| word.start < figure.end)..];
        let sentence = ahead.last().map_or(0, |word| word.sentence);
        for (at, word) in ahead.iter().rev().take(NEAR).enumerate() {
            let other = u32::from(word.sentence != sentence);
            let far = [0, 1, 2, 2, 3][at];
            sink.put(About::NearBefore, mix(word.stem, far * 2 + other));
            sink.put(About::WordBefore, mix(word.stem, other));
        }
        let sign = |text: &str| text.chars().find(|c| !c.is_whitespace()).map_or(0, u32::from);
        if let Some(word) = ahead.last() {
            let joint = sign(&self.text[word.end..figure.start]);
            sink.put(About::JoinedBefore, mix(word.stem, joint));
        }
        let sentence = behind.first().map_or(0, |word| word.sentence);
        for word in behind.iter().take(NEAR) {
            let other = u32::from(word.sentence != sentence);
            sink.put(About::WordAfter, mix(word.stem, other));
        }
        if let Some(word) = behind.first() {
            let joint = sign(&self.text[figure.end..word.start]);
            sink.put(About::JoinedAfter, mix(word.stem, joint));
        }
    }
}

fn vowels(code: &[u8]) -> usize {
    code.iter().filter(|b| matches!(b, b'A' | b'E' | b'I' | b'O' | b'U')).count()
}

fn count(count: usize, most: u32) -> u32 {
    u32::try_from(count).map_or(most, |count| count.min(most))
}

/// A distance in words, the coarser the longer it is.
fn distance(gap: u32) -> u32 {
    match gap {
        0..=3 => gap,
        4..=5 => 4,
        6..=9 => 5,
        _ => 6,
    }
}

fn near(gap: Option<u32>) -> u32 {
    gap.map_or(0, |gap| 1 + distance(gap))
}

/// None, beside it, in its sentence, elsewhere.
fn coarse(tie: Option<Tie>) -> u32 {
    tie.map_or(0, |tie| match tie.crossed {
        None if tie.gap == 0 || tie.joined && tie.gap <= 4 => 1,
        Some(Level::Line) if tie.gap == 0 => 1,
        None | Some(Level::Clause) => 2,
        Some(Level::Line | Level::Sentence) => 3,
    })
}

fn bits(flags: &[bool]) -> u32 {
    flags.iter().fold(1, |bits, flag| bits * 2 + u32::from(*flag))
}
