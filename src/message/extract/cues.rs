//! The words that tell what a figure is: the table `cues.txt`, found in a text in one pass.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::begins::{Begins, three_at};
use super::fold::{Glyph, glyph, is_alphabetic};
use super::trie::Trie;

/// The table, by language; its head explains it.
const TABLE: &str = include_str!("cues.txt");

/// What a word says of the figures beside it, as the head of the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Otp,
    Code,
    Enter,
    Done,
    Verify,
    With,
    Is,
    Stale,
    Instead,
    New,
    Open,
    Place,
    Trade,
    Thing,
    Person,
    Label,
    Tail,
    Unit,
    Currency,
    Month,
    Number,
    Link,
    Send,
}

const KINDS: &[(&str, Kind)] = &[
    ("otp", Kind::Otp),
    ("code", Kind::Code),
    ("enter", Kind::Enter),
    ("done", Kind::Done),
    ("verify", Kind::Verify),
    ("with", Kind::With),
    ("is", Kind::Is),
    ("stale", Kind::Stale),
    ("instead", Kind::Instead),
    ("new", Kind::New),
    ("open", Kind::Open),
    ("place", Kind::Place),
    ("trade", Kind::Trade),
    ("thing", Kind::Thing),
    ("person", Kind::Person),
    ("label", Kind::Label),
    ("tail", Kind::Tail),
    ("unit", Kind::Unit),
    ("currency", Kind::Currency),
    ("month", Kind::Month),
    ("number", Kind::Number),
    ("link", Kind::Link),
    ("send", Kind::Send),
];

/// A word of the table in a text: bytes `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cue {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A word as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    /// It is written in capitals.
    capital: bool,
    /// Nothing of its word may stand before it, or behind it.
    begins: bool,
    ends: bool,
}

/// What the rows of a word make of it where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Senses {
    /// By whether it is in capitals, whether it is inside a word, and whether its word goes on.
    kinds: [Option<Kind>; 8],
    /// Capitals count.
    cased: bool,
}

impl Senses {
    fn of(rows: &[Entry]) -> Self {
        let kind = |at: usize| {
            let [capitals, inside, goes_on] = [1, 2, 4].map(|bit| at & bit != 0);
            let rows = rows.iter().filter(|row| capitals || !row.capital);
            let rows = rows.filter(|row| !(row.begins && inside || row.ends && goes_on));
            // Where languages differ on a word, the kind that comes first counts.
            rows.map(|row| row.kind).min()
        };
        let kinds = std::array::from_fn(kind);
        Self { kinds, cased: rows.iter().any(|row| row.capital) }
    }

    fn kind(&self, capitals: bool, inside: bool, goes_on: bool) -> Option<Kind> {
        let at = usize::from(capitals) | usize::from(inside) << 1 | usize::from(goes_on) << 2;
        self.kinds[at]
    }
}

struct Table {
    /// The words, each with its senses; many have the same ones.
    words: Trie,
    senses: Vec<Senses>,
    /// What words begin with, and what those begin with that may stand inside a longer one.
    begins: [Begins; 2],
    /// Single words for a code, and whether they may be longer.
    names: Vec<(String, bool)>,
}

static CUES: LazyLock<Table> = LazyLock::new(|| {
    let words = read(TABLE);
    let mut senses: Vec<Senses> = Vec::new();
    let mut numbers = Vec::with_capacity(words.len());
    let mut begins = [Begins::default(), Begins::default()];
    for (word, rows) in &words {
        let sense = Senses::of(rows);
        let known = senses.iter().position(|known| *known == sense);
        let number = known.unwrap_or(senses.len());
        if number == senses.len() {
            senses.push(sense);
        }
        let number = u16::try_from(number).expect("words have far fewer senses");
        numbers.push((word.as_bytes(), number));
        let closed =
            rows.iter().all(|row| row.ends) && word.ends_with(|c: char| c.is_ascii_alphabetic());
        begins[0].mark(word, closed);
        if rows.iter().any(|row| !row.begins) {
            begins[1].mark(word, false);
        }
    }
    let is_name = |rows: &[Entry]| rows.iter().any(|row| row.kind <= Kind::Code);
    let names = words.iter().filter(|(word, rows)| is_name(rows) && is_word(word));
    let names = names.map(|(word, rows)| (word.clone(), rows.iter().any(|row| !row.ends)));
    Table { words: Trie::of(&numbers), senses, begins, names: names.collect() }
});

/// The words of the table, folded, each with its rows.
fn read(table: &str) -> BTreeMap<String, Vec<Entry>> {
    let mut found: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '['])) {
        let (kind, words) = line.split_once(" = ").expect("a line is `kind = words`");
        let (_, kind) = KINDS.iter().find(|(name, _)| *name == kind).expect("a kind of the head");
        for word in words.split(", ") {
            let (word, entry) = entry(word, *kind);
            let known = found.entry(word).or_default();
            if !known.contains(&entry) {
                known.push(entry);
            }
        }
    }
    found
}

fn entry(word: &str, kind: Kind) -> (String, Entry) {
    let capital = word.strip_prefix('^');
    let word = capital.unwrap_or(word);
    let exact = word.strip_prefix('=').filter(|rest| !rest.is_empty() && *rest != ">");
    let opened = exact.unwrap_or(word);
    let tail = opened.strip_prefix('*').filter(|rest| !rest.is_empty());
    let tail = tail.unwrap_or(opened);
    let plain = tail.strip_suffix('*').unwrap_or(tail);
    let folded = fold(plain);
    assert!(!folded.is_empty(), "a word of the table is empty: {word:?}");
    let first = folded.chars().next().is_some_and(stands_alone);
    let last = folded.chars().next_back().is_some_and(stands_alone);
    let entry = Entry {
        kind,
        capital: capital.is_some(),
        begins: exact.is_some() || (first && tail.len() == opened.len()),
        ends: exact.is_some() || (last && plain.len() == tail.len()),
    };
    (folded, entry)
}

/// A word of the table as the lexer would write it, in lower case.
fn fold(word: &str) -> String {
    let folded = word.chars().filter_map(|c| match glyph(c) {
        Glyph::Invisible => None,
        Glyph::Digit(ascii) => Some(char::from(ascii)),
        Glyph::Latin(letter) => Some(char::from(letter.to_ascii_lowercase())),
        Glyph::Letter(c) | Glyph::Dense(c) | Glyph::Sign(c) => Some(c),
        Glyph::Blank | Glyph::Line => Some(' '),
    });
    folded.collect()
}

/// True for one word of three letters or more.
fn is_word(word: &str) -> bool {
    word.chars().count() >= 3 && word.chars().all(char::is_alphabetic)
}

/// The word for a code that this one is, but for the letters that it has lost.
pub(super) fn whole(broken: &str) -> Option<&'static str> {
    let folded = fold(broken);
    let fits = |(word, open): &&(String, bool)| is_whole(word, &folded, *open);
    CUES.names.iter().find(fits).map(|(word, _)| word.as_str())
}

/// True if a word is whole what another is with lost letters: one letter may have been two
/// bytes or three.
fn is_whole(word: &str, broken: &str, open: bool) -> bool {
    let is_lost = |c: &char| *c == '\u{fffd}';
    let (mut letters, mut left) = (word.chars(), broken.chars().peekable());
    let mut known = 0;
    while let Some(c) = left.next() {
        let Some(letter) = letters.next() else { return open && known >= 2 };
        if is_lost(&c) {
            let _more = (0..2).map_while(|_| left.next_if(is_lost)).count();
        } else if c == letter {
            known += 1;
        } else {
            return false;
        }
    }
    letters.next().is_none() && known >= 2
}

/// Letters of the alphabets whose words the table holds as a whole.
fn stands_alone(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{370}'..='\u{52f}')
}

/// What a character is to the words around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Ascii,
    Other,
    NoLetter,
}

fn ascii_class(byte: u8) -> Class {
    if byte.is_ascii_alphabetic() { Class::Ascii } else { Class::NoLetter }
}

fn class(c: char) -> Class {
    match c {
        '\0'..='\x7f' => ascii_class(c as u8),
        // Vowel signs are letters here.
        '\u{900}'..='\u{109f}' => Class::Other,
        _ if is_alphabetic(c) => Class::Other,
        _ => Class::NoLetter,
    }
}

/// True if both are letters of one kind, so that a word goes on from one to the other.
fn goes_on(before: Option<char>, after: Option<char>) -> bool {
    let kind = |c: Option<char>| c.map_or(Class::NoLetter, class);
    kind(before) != Class::NoLetter && kind(before) == kind(after)
}

/// The words of the table in a folded text, in order, none overlapping another: of those that
/// do, the one that begins first, then the longest.
pub(super) fn find(text: &str) -> Vec<Cue> {
    let table = &*CUES;
    let bytes = text.as_bytes();
    let mut cues: Vec<Cue> = Vec::with_capacity(16);
    let mut before = Class::NoLetter;
    let mut start = 0;
    while let Some(byte) = bytes.get(start) {
        let (class, inside, len);
        if byte.is_ascii() {
            (class, len) = (ascii_class(*byte), 1);
            inside = class == Class::Ascii && before == Class::Ascii;
            if !table.begins[usize::from(inside)].ascii(three_at(bytes, start)) {
                (start, before) = (start + 1, class);
                continue;
            }
        } else {
            let mut letters = text[start..].chars();
            let c = letters.next().unwrap_or_default();
            (class, len) = (self::class(c), c.len_utf8());
            inside = class == Class::Other && before == Class::Other;
            if !table.begins[usize::from(inside)].beyond(c, letters.next()) {
                (start, before) = (start + len, class);
                continue;
            }
        }
        (start, before) = match table.longest(text, start, inside) {
            Some(cue) => {
                cues.push(cue);
                let last = text[..cue.end].chars().next_back();
                (cue.end, last.map_or(Class::NoLetter, self::class))
            }
            None => (start + len, class),
        };
    }
    stretch(text, &mut cues);
    cues
}

fn char_at(text: &str, at: usize) -> Option<char> {
    match text.as_bytes().get(at)? {
        byte @ 0..=0x7f => Some(char::from(*byte)),
        _ => text[at..].chars().next(),
    }
}

impl Table {
    /// The longest word of the table that begins at this byte, inside another word or not.
    fn longest(&self, text: &str, start: usize, inside: bool) -> Option<Cue> {
        let mut longest = None;
        self.words.each(&text.as_bytes()[start..], |len, senses| {
            let end = start + len;
            if inside && len <= ROOT_LEN_MAX && !follows_particle(&text[..start], &text[start..end])
            {
                return;
            }
            // "yourcodeis482913" has no blank to tell its words.
            let goes_on =
                word_goes_on(text, end) && !(inside && len >= 4 && is_glued(&text[end..]));
            let senses = &self.senses[usize::from(senses)];
            let capitals =
                senses.cased && !text[start..end].bytes().any(|b| b.is_ascii_lowercase());
            if let Some(kind) = senses.kind(capitals, inside, goes_on) {
                longest = Some(Cue { kind, start, end });
            }
        });
        longest
    }
}

/// True if the word before this byte goes on behind it.
fn word_goes_on(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    match (bytes[at - 1], bytes.get(at)) {
        (_, None) => false,
        (one @ 0..=0x7f, Some(two @ 0..=0x7f)) => {
            one.is_ascii_alphabetic() && two.is_ascii_alphabetic()
        }
        _ => goes_on(text[..at].chars().next_back(), char_at(text, at)),
    }
}

/// Bytes of three letters of Arabic or Hebrew: as short a word is found in many others.
const ROOT_LEN_MAX: usize = 6;
/// What stands before such a word without a blank: "the", "and", "with", "for".
const PARTICLES: &[&str] = &[
    "ال", "ب", "بال", "س", "ف", "ک", "ل", "لل", "م", "می", "ن", "و", "وال", "ב", "בה", "ה", "ו",
    "וה", "כ", "ל", "מ", "מה", "ש", "שה",
];

/// True unless a word of Arabic or Hebrew letters stands behind other letters than a particle.
fn follows_particle(before: &str, word: &str) -> bool {
    let is_abjad = |c: char| matches!(c, '\u{5d0}'..='\u{6ff}');
    let letters = before.chars().rev().take(4).take_while(|c| is_abjad(*c));
    let len: usize = letters.map(char::len_utf8).sum();
    !word.starts_with(is_abjad) || PARTICLES.contains(&&before[before.len() - len..])
}

/// Stems reach to the end of their word, or to the next word of the table in it.
fn stretch(text: &str, cues: &mut [Cue]) {
    let mut limit = text.len();
    for cue in cues.iter_mut().rev() {
        let (end, from) = (limit, cue.start);
        limit = from;
        if !word_goes_on(text, cue.end) {
            continue;
        }
        let rest = &text[cue.end..end];
        let mut before = text[cue.start..cue.end].chars().next_back();
        let inside = |c: &char| {
            let inside = is_spaced(*c) && goes_on(before, Some(*c));
            before = Some(*c);
            inside
        };
        cue.end += rest.chars().take_while(inside).map(char::len_utf8).sum::<usize>();
    }
}

/// True if at most two letters stand before four digits.
fn is_glued(rest: &str) -> bool {
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    rest.len() - digits.len() <= 2
        && digits.bytes().take_while(u8::is_ascii_digit).take(4).count() == 4
}

/// Letters of a script that separates its words.
fn is_spaced(c: char) -> bool {
    matches!(glyph(c), Glyph::Latin(_) | Glyph::Letter(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(Kind, &str)]) {
        let found = find(text);
        let found: Vec<(Kind, &str)> =
            found.iter().map(|cue| (cue.kind, &text[cue.start..cue.end])).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_longest_of_words_that_begin_together_counts() {
        check("promo code", &[(Kind::Trade, "promo"), (Kind::Code, "code")]);
        check("qr code", &[(Kind::Label, "qr code")]);
        check("Verification Code", &[(Kind::Otp, "Verification Code")]);
        check("您的验证码是", &[(Kind::Otp, "验证码"), (Kind::Is, "是")]);
    }

    #[test]
    fn a_word_stands_alone_unless_the_table_opens_it() {
        check("shipping encoded", &[]);
        check("sicherheitscode", &[(Kind::Otp, "sicherheitscode")]);
        check("testcode", &[(Kind::Code, "code")]);
        check("קודם", &[]);
        check("pin4821", &[(Kind::Code, "pin")]);
        check("TAN 4821", &[(Kind::Otp, "TAN")]);
        check("tan pronto", &[]);
    }

    #[test]
    fn a_table_has_a_kind_and_a_word_in_each_place() {
        let words = read(TABLE);
        assert!(words.len() > 4_000, "{} words", words.len());
        assert!(words.keys().all(|word| !word.contains(['*', '\n'])), "a word has a sign left");
    }
}
