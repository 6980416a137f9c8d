//! A message taken apart: a folded copy of its text, and the atoms that the copy consists of.

use super::fold::{Glyph, glyph, kept_len};

/// Bytes of a message that are looked at: as long as a callback may be.
pub(super) const LEN_MAX: usize = 64 * 1024;

/// Atoms that most messages have fewer of.
const ATOMS_FEW: usize = 96;

/// What an atom is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtomKind {
    /// ASCII letters and digits.
    Run(RunLetters),
    /// Letters of a script that separates its words.
    Letters,
    /// Letters of a script that writes its words without blanks.
    Dense,
    Blank,
    Line,
    Sign(char),
    /// An address: of a page, of a site, of a mailbox.
    Link,
}

/// Which ASCII letters and digits a run has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RunLetters {
    pub(super) digits: bool,
    pub(super) upper: bool,
    pub(super) lower: bool,
}

impl RunLetters {
    /// True for a run of digits alone.
    pub(super) fn is_number(self) -> bool {
        self.digits && !self.upper && !self.lower
    }

    /// True for a run of letters some of which are small: no code has them.
    pub(super) fn is_small_word(self) -> bool {
        !self.digits && self.lower
    }

    /// True for a run of letters alone.
    pub(super) fn is_word(self) -> bool {
        !self.digits
    }
}

/// Bytes `start..end` of the folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    pub(super) kind: AtomKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A text as the judgement reads it.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    /// Without accents and invisible characters, digits in ASCII, blanks single.
    pub(super) text: String,
    /// All of the text, in order.
    pub(super) atoms: Vec<Atom>,
}

impl Lexed {
    pub(super) fn of(&self, atom: Atom) -> &str {
        &self.text[atom.start..atom.end]
    }

    fn last(&self) -> Option<AtomKind> {
        self.atoms.last().map(|atom| atom.kind)
    }

    /// Makes the last atom longer if it is of letters or digits as these bytes are.
    fn joins(&mut self, kind: AtomKind, len: usize) -> bool {
        let Some(last) = self.atoms.last_mut() else { return false };
        match (&mut last.kind, kind) {
            (AtomKind::Run(known), AtomKind::Run(new)) => {
                known.digits |= new.digits;
                known.upper |= new.upper;
                known.lower |= new.lower;
            }
            (AtomKind::Letters, AtomKind::Letters) | (AtomKind::Dense, AtomKind::Dense) => {}
            _ => return false,
        }
        last.end += len;
        true
    }
}

/// What a byte is to the lexer.
#[derive(Clone, Copy)]
enum Class {
    Run,
    Sign,
    Blank,
    /// To be looked at as a character.
    Other,
}

/// The class of each byte.
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 0x80 {
        classes[byte as usize] = match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Class::Run,
            b' ' => Class::Blank,
            b'!'..=b'~' => Class::Sign,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

/// Takes the beginning of a text apart.
pub(super) fn lex(text: &str) -> Lexed {
    let text = &text[..text.floor_char_boundary(LEN_MAX)];
    let mut lexer = Lexer {
        source: text,
        at: 0,
        copied: 0,
        lexed: Lexed {
            text: String::with_capacity(text.len()),
            atoms: Vec::with_capacity(ATOMS_FEW.min(text.len())),
        },
        may_link: false,
        after_point: false,
    };
    while let Some(byte) = text.as_bytes().get(lexer.at) {
        match CLASSES[usize::from(*byte)] {
            Class::Run => lexer.run(),
            Class::Sign => lexer.sign(*byte),
            Class::Blank => lexer.blank(),
            Class::Other => lexer.other(),
        }
        // Most words and signs have a blank behind them.
        if text.as_bytes().get(lexer.at) == Some(&b' ') {
            lexer.blank();
        }
    }
    lexer.copy();
    if lexer.may_link {
        join_links(&mut lexer.lexed);
    }
    lexer.lexed
}

/// A text that is taken apart.
struct Lexer<'a> {
    source: &'a str,
    /// Where it has got to.
    at: usize,
    /// What is before this byte is in the copy; what is between the two is the same there.
    copied: usize,
    lexed: Lexed,
    /// A slash is in it, or a point with no blank behind it.
    may_link: bool,
    after_point: bool,
}

impl Lexer<'_> {
    /// Puts in the copy what has been kept.
    fn copy(&mut self) {
        self.lexed.text.push_str(&self.source[self.copied..self.at]);
        self.copied = self.at;
    }

    /// Where the copy has got to.
    fn end(&self) -> usize {
        self.lexed.text.len() + (self.at - self.copied)
    }

    /// Passes over bytes that the copy does not have.
    fn skip(&mut self, len: usize) {
        self.copy();
        self.at += len;
        self.copied = self.at;
    }

    /// Takes bytes as they are, for an atom of their own.
    fn keep(&mut self, kind: AtomKind, len: usize) {
        let start = self.end();
        self.at += len;
        self.lexed.atoms.push(Atom { kind, start, end: start + len });
    }

    fn sign(&mut self, sign: u8) {
        self.note(char::from(sign));
        self.keep(AtomKind::Sign(char::from(sign)), 1);
    }

    /// Looks for what a link has.
    fn note(&mut self, c: char) {
        self.may_link |= self.after_point | (c == '/');
        self.after_point = c == '.';
    }

    /// ASCII letters and digits, at once.
    fn run(&mut self) {
        let (len, letters) = run_of(&self.source.as_bytes()[self.at..]);
        self.note('a');
        let kind = AtomKind::Run(letters);
        if self.lexed.joins(kind, len) {
            self.at += len;
        } else {
            self.keep(kind, len);
        }
    }

    /// Blanks beside blanks and beside the ends of lines say nothing.
    fn blank(&mut self) {
        self.after_point = false;
        match self.lexed.last() {
            None | Some(AtomKind::Blank | AtomKind::Line) => self.skip(1),
            Some(_) => self.keep(AtomKind::Blank, 1),
        }
    }

    fn line(&mut self, len: usize) {
        self.after_point = false;
        self.skip(len);
        if self.lexed.last() == Some(AtomKind::Blank) {
            self.lexed.atoms.pop();
            self.lexed.text.pop();
        }
        if !matches!(self.lexed.last(), None | Some(AtomKind::Line)) {
            let start = self.lexed.text.len();
            self.lexed.text.push('\n');
            self.lexed.atoms.push(Atom { kind: AtomKind::Line, start, end: start + 1 });
        }
    }

    /// A control character, or one beyond ASCII.
    fn other(&mut self) {
        let Some(c) = self.source[self.at..].chars().next() else { return };
        let len = c.len_utf8();
        let letters = RunLetters::default();
        let (kind, folded) = match glyph(c) {
            Glyph::Invisible => return self.skip(len),
            Glyph::Line => return self.line(len),
            Glyph::Blank => match self.lexed.last() {
                None | Some(AtomKind::Blank | AtomKind::Line) => return self.skip(len),
                Some(_) => (AtomKind::Blank, ' '),
            },
            Glyph::Digit(ascii) => {
                (AtomKind::Run(RunLetters { digits: true, ..letters }), char::from(ascii))
            }
            Glyph::Latin(letter) => {
                let upper = letter.is_ascii_uppercase();
                let kind = AtomKind::Run(RunLetters { upper, lower: !upper, ..letters });
                (kind, char::from(letter))
            }
            Glyph::Letter(folded) => (AtomKind::Letters, folded),
            Glyph::Dense(folded) => (AtomKind::Dense, folded),
            Glyph::Sign(folded) => (AtomKind::Sign(folded), folded),
        };
        if kind == AtomKind::Blank {
            self.after_point = false;
        } else {
            self.note(folded);
        }
        if folded != c {
            return self.put(kind, folded, len);
        }
        let len = len + kept_len(&self.source[self.at + len..], c);
        if self.lexed.joins(kind, len) {
            self.at += len;
        } else {
            self.keep(kind, len);
        }
    }

    /// Takes one character for another.
    fn put(&mut self, kind: AtomKind, c: char, len: usize) {
        self.skip(len);
        let start = self.lexed.text.len();
        self.lexed.text.push(c);
        if !self.lexed.joins(kind, c.len_utf8()) {
            self.lexed.atoms.push(Atom { kind, start, end: self.lexed.text.len() });
        }
    }
}

/// How many ASCII letters and digits bytes begin with, and which: eight at a time, since a branch
/// on where a word ends could not be foreseen.
fn run_of(bytes: &[u8]) -> (usize, RunLetters) {
    /// The bit of each byte that is not ASCII's.
    const TOP: u64 = 0x8080_8080_8080_8080;
    /// Each byte plus a number, of which none has more than seven bits.
    fn plus(bytes: u64, number: u8) -> u64 {
        bytes.wrapping_add(u64::from_le_bytes([number; 8]))
    }
    let (mut len, mut letters) = (0, RunLetters::default());
    loop {
        let rest = &bytes[len..];
        let eight = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut few = [0; 8];
            few[..rest.len()].copy_from_slice(rest);
            few
        });
        let eight = u64::from_le_bytes(eight);
        let (ascii, small) = (eight & !TOP, (eight | TOP >> 2) & !TOP);
        // The top bit of a byte says what it is: from '0' on and not behind '9', and so on.
        let digits = plus(ascii, 0x80 - b'0') & !plus(ascii, 0x7f - b'9') & !eight & TOP;
        let alphabetic = plus(small, 0x80 - b'a') & !plus(small, 0x7f - b'z') & !eight & TOP;
        let count = (!(digits | alphabetic) & TOP).trailing_zeros() / 8;
        let inside = u64::MAX.checked_shr(64 - 8 * count).unwrap_or_default();
        // A letter is small if its third bit is set.
        let lower = eight << 2;
        letters.digits |= digits & inside != 0;
        letters.lower |= alphabetic & lower & inside != 0;
        letters.upper |= alphabetic & !lower & inside != 0;
        len += count as usize;
        if count < 8 {
            return (len, letters);
        }
    }
}

/// Puts the atoms of each address together.
fn join_links(lexed: &mut Lexed) {
    let (mut at, mut kept) = (0, 0);
    while at < lexed.atoms.len() {
        let mut atom = lexed.atoms[at];
        let len = link_len(lexed, at).filter(|len| *len > 1).unwrap_or(1);
        if len > 1 {
            atom = Atom { kind: AtomKind::Link, end: lexed.atoms[at + len - 1].end, ..atom };
        }
        // Atoms from `at` on, and the one before, are still those of the text.
        lexed.atoms[kept] = atom;
        kept += 1;
        at += len;
    }
    lexed.atoms.truncate(kept);
}

/// Endings of sites that messages name without `https://` or a path.
const ENDINGS: &[&str] = &[
    "app", "bank", "biz", "br", "cn", "co", "com", "cz", "de", "dev", "es", "eu", "example", "fi",
    "fr", "gl", "gov", "gr", "hu", "id", "il", "in", "info", "invalid", "io", "ir", "jp", "ke",
    "kr", "kz", "link", "ly", "me", "mobi", "mx", "net", "ng", "nl", "online", "org", "pk", "pl",
    "pt", "ro", "ru", "se", "shop", "site", "su", "test", "th", "tr", "ua", "uk", "us", "uz", "vn",
    "za",
];
/// Atoms of a site's name, dots included.
const HOST_ATOMS_MAX: usize = 15;

/// How many atoms the address has that begins here.
fn link_len(lexed: &Lexed, at: usize) -> Option<usize> {
    let atoms = &lexed.atoms[at..];
    let AtomKind::Run(letters) = atoms.first()?.kind else { return None };
    if at > 0 && matches!(lexed.atoms[at - 1].kind, AtomKind::Run(_) | AtomKind::Sign('.')) {
        return None;
    }
    // Most words have a blank behind them.
    let AtomKind::Sign(':' | '.' | '-' | '_' | '@') = atoms.get(1)?.kind else { return None };
    let word = lexed.of(atoms[0]);
    let sign =
        |at: usize, sign: char| atoms.get(at).is_some_and(|atom| atom.kind == AtomKind::Sign(sign));
    let with_scheme = !letters.digits && sign(1, ':') && sign(2, '/') && sign(3, '/');
    let www = word.eq_ignore_ascii_case("www") && sign(1, '.');
    if with_scheme || www {
        return Some(path_len(atoms));
    }
    let mut end = 0;
    let mut lettered = false;
    loop {
        let part = atoms.get(end).filter(|_| end < HOST_ATOMS_MAX)?;
        let AtomKind::Run(letters) = part.kind else { return None };
        lettered |= letters.upper || letters.lower;
        end += 1;
        let joint = matches!(
            atoms.get(end).map(|atom| atom.kind),
            Some(AtomKind::Sign('.' | '-' | '_' | '@'))
        );
        let goes_on = matches!(atoms.get(end + 1).map(|atom| atom.kind), Some(AtomKind::Run(_)));
        if !(joint && goes_on) {
            break;
        }
        end += 1;
    }
    let dotted = end >= 3 && sign(end - 2, '.');
    let last = lexed.of(atoms[end - 1]);
    if !dotted || !lettered || lexed.of(atoms[0]).bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let capital =
        lexed.text[atoms[0].start..atoms[end - 1].end].bytes().all(|b| !b.is_ascii_lowercase());
    let lower = last.to_ascii_lowercase();
    let known = if capital { lower.as_str() } else { last };
    let is_site = ENDINGS.binary_search(&known).is_ok();
    let is_path = sign(end, '/') && last.len() >= 2 && last.bytes().all(|b| b.is_ascii_lowercase());
    match (is_path, is_site) {
        (true, _) => Some(path_len(atoms)),
        (false, true) => Some(end),
        (false, false) => None,
    }
}

/// Up to what cannot be part of an address.
fn path_len(atoms: &[Atom]) -> usize {
    let ends = |kind: AtomKind| match kind {
        AtomKind::Blank | AtomKind::Line | AtomKind::Dense => true,
        AtomKind::Sign(c) => {
            matches!(c, '"' | '<' | '>' | '(' | ')' | '[' | ']' | '，' | '。' | '）' | '】' | '»')
        }
        AtomKind::Run(_) | AtomKind::Letters | AtomKind::Link => false,
    };
    let len = atoms.iter().position(|atom| ends(atom.kind)).unwrap_or(atoms.len());
    // A full stop at the end belongs to the sentence.
    let tail = atoms[..len].iter().rev();
    len - tail.take_while(|atom| matches!(atom.kind, AtomKind::Sign('.' | ',' | '!' | ';'))).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let lexed = lex(text);
        let atoms: Vec<&str> = lexed.atoms.iter().map(|atom| lexed.of(*atom)).collect();
        assert_eq!(atoms, expected);
    }

    #[test]
    fn words_digits_and_signs_are_atoms_of_their_own() {
        check("Code:  12-AB", &["Code", ":", " ", "12", "-", "AB"]);
        check("验证码是636246，如", &["验证码是", "636246", "，", "如"]);
        check("کد ۱۲۳\u{200f}۴", &["کد", " ", "1234"]);
        check(" a \r\n\n b", &["a", "\n", "b"]);
    }

    #[test]
    fn a_run_ends_where_a_byte_is_no_letter_and_no_digit() {
        for byte in 0..=u8::MAX {
            for len in 1..20 {
                let mut bytes = vec![b'a'; len];
                bytes.extend([byte, b'7', b'A']);
                let expected = bytes.iter().take_while(|b| b.is_ascii_alphanumeric());
                let (count, letters) = run_of(&bytes);
                assert_eq!(count, expected.count(), "{byte} behind {len}");
                let has = |is: fn(&u8) -> bool| bytes[..count].iter().any(is);
                let (digits, upper) = (has(u8::is_ascii_digit), has(u8::is_ascii_uppercase));
                assert_eq!(letters, RunLetters { digits, upper, lower: true });
            }
        }
    }

    #[test]
    fn an_address_is_one_atom() {
        check("see https://a.test/v/482913.", &["see", " ", "https://a.test/v/482913", "."]);
        check("@shop.example #123456", &["@", "shop.example", " ", "#", "123456"]);
        check("打开t.cn/A6x完成", &["打开", "t.cn/A6x", "完成"]);
        check("1234.Do not", &["1234", ".", "Do", " ", "not"]);
        check("code.Do", &["code", ".", "Do"]);
        assert!(ENDINGS.is_sorted());
    }

    #[test]
    fn only_the_beginning_of_an_endless_text_is_read() {
        let lexed = lex(&"é1 ".repeat(LEN_MAX));
        assert!(lexed.text.len() <= LEN_MAX);
        assert!(lex("").atoms.is_empty());
    }
}
