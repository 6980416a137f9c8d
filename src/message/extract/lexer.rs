//! A message taken apart: a folded copy of its text, and the atoms that the copy consists of.

use super::fold::{Glyph, glyph};

/// Bytes of a message that are looked at: as long as a callback may be.
pub(super) const LEN_MAX: usize = 64 * 1024;

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

    fn push(&mut self, kind: AtomKind, c: char) {
        let start = self.text.len();
        self.text.push(c);
        let end = self.text.len();
        if let Some(last) = self.atoms.last_mut() {
            match (&mut last.kind, kind) {
                (AtomKind::Run(known), AtomKind::Run(new)) => {
                    known.digits |= new.digits;
                    known.upper |= new.upper;
                    known.lower |= new.lower;
                    last.end = end;
                    return;
                }
                (AtomKind::Letters, AtomKind::Letters) | (AtomKind::Dense, AtomKind::Dense) => {
                    last.end = end;
                    return;
                }
                _ => {}
            }
        }
        self.atoms.push(Atom { kind, start, end });
    }

    /// ASCII letters and digits, at once.
    fn push_run(&mut self, part: &str) {
        let start = self.text.len();
        self.text.push_str(part);
        let end = self.text.len();
        let mut letters = RunLetters::default();
        for byte in part.bytes() {
            letters.digits |= byte.is_ascii_digit();
            letters.upper |= byte.is_ascii_uppercase();
            letters.lower |= byte.is_ascii_lowercase();
        }
        if let Some(Atom { kind: AtomKind::Run(known), end: last, .. }) = self.atoms.last_mut() {
            known.digits |= letters.digits;
            known.upper |= letters.upper;
            known.lower |= letters.lower;
            *last = end;
        } else {
            self.atoms.push(Atom { kind: AtomKind::Run(letters), start, end });
        }
    }

    /// Blanks beside blanks and beside the ends of lines say nothing.
    fn push_blank(&mut self) {
        let last = self.atoms.last().map(|atom| atom.kind);
        if !matches!(last, None | Some(AtomKind::Blank | AtomKind::Line)) {
            self.push(AtomKind::Blank, ' ');
        }
    }

    fn push_line(&mut self) {
        if self.atoms.last().is_some_and(|atom| atom.kind == AtomKind::Blank) {
            self.atoms.pop();
            self.text.pop();
        }
        if self.atoms.last().is_some_and(|atom| atom.kind != AtomKind::Line) {
            self.push(AtomKind::Line, '\n');
        }
    }
}

/// Takes the beginning of a text apart.
pub(super) fn lex(text: &str) -> Lexed {
    let text = &text[..text.floor_char_boundary(LEN_MAX)];
    let mut lexed = Lexed {
        text: String::with_capacity(text.len()),
        atoms: Vec::with_capacity(64.min(text.len())),
    };
    let letters = RunLetters::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let run = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if run > 0 {
            lexed.push_run(&rest[..run]);
            rest = &rest[run..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match glyph(c) {
            Glyph::Invisible => {}
            Glyph::Digit(ascii) => {
                let kind = AtomKind::Run(RunLetters { digits: true, ..letters });
                lexed.push(kind, char::from(ascii));
            }
            Glyph::Latin(letter) => {
                let upper = letter.is_ascii_uppercase();
                let kind = AtomKind::Run(RunLetters { upper, lower: !upper, ..letters });
                lexed.push(kind, char::from(letter));
            }
            Glyph::Letter(c) => lexed.push(AtomKind::Letters, c),
            Glyph::Dense(c) => lexed.push(AtomKind::Dense, c),
            Glyph::Blank => lexed.push_blank(),
            Glyph::Line => lexed.push_line(),
            Glyph::Sign(c) => lexed.push(AtomKind::Sign(c), c),
        }
    }
    join_links(&mut lexed);
    lexed
}

/// Puts the atoms of each address together.
fn join_links(lexed: &mut Lexed) {
    if !lexed.text.bytes().any(|b| matches!(b, b'.' | b'@' | b'/')) {
        return;
    }
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
