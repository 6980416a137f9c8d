//! What a provider gives as a message's code: the code itself, or a text that has it.

use std::borrow::Cow;

use super::code::CODE_LEN;
use super::extract;
use super::fold::{Glyph, glyph};

/// What is in a field that a provider has for codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeField<'a> {
    /// A code, in ASCII digits and capitals.
    Code(Box<str>),
    /// A text; a code may be in it.
    Text(&'a str),
}

/// Letters before a dash that name the service.
const PREFIX_LEN_MAX: usize = 5;

/// Judges a field that a provider has for codes: digits and capitals with separators between
/// them are a code, all else is a text.
#[must_use]
pub fn from_provider(field: &str) -> CodeField<'_> {
    code(field).map_or(CodeField::Text(field), |code| CodeField::Code(code.into()))
}

fn code(field: &str) -> Option<String> {
    let mut code = String::new();
    // Where the digits begin, if nothing but the name of a service is before them.
    let mut prefix = None;
    for c in field.trim().chars() {
        match glyph(c) {
            Glyph::Invisible => {}
            Glyph::Digit(ascii) => code.push(char::from(ascii)),
            Glyph::Latin(letter) if letter.is_ascii_uppercase() && c.is_uppercase() => {
                code.push(char::from(letter));
            }
            Glyph::Blank if code.bytes().all(|b| b.is_ascii_digit()) => {}
            Glyph::Sign('-') => {
                let letters = code.bytes().all(|b| b.is_ascii_uppercase());
                if prefix.is_none() && letters && (1..=PREFIX_LEN_MAX).contains(&code.len()) {
                    prefix = Some(code.len());
                }
            }
            Glyph::Latin(_)
            | Glyph::Letter(_)
            | Glyph::Dense(_)
            | Glyph::Blank
            | Glyph::Line
            | Glyph::Sign(_) => return None,
        }
        if code.len() > CODE_LEN.end() + PREFIX_LEN_MAX {
            return None;
        }
    }
    let digits = prefix.map(|len| &code[len..]).filter(|digits| {
        CODE_LEN.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    });
    let code = digits.unwrap_or(&code);
    let digit = code.bytes().any(|b| b.is_ascii_digit());
    (digit && CODE_LEN.contains(&code.len())).then(|| code.to_owned())
}

/// A message as its buyer reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readable<'a> {
    /// All that was said.
    pub text: Cow<'a, str>,
    /// The code; empty where none is sure.
    pub code: Box<str>,
}

/// Puts a text and what its source gave as a code together: a text in the place of a code is
/// kept whole, and the code is taken from it, or else from the message's own text.
#[must_use]
pub fn read<'a>(text: &'a str, field: &'a str, sender: &str) -> Readable<'a> {
    let find = |text: &str| extract(text, sender).map(|found| found.code);
    match from_provider(field) {
        CodeField::Code(code) => {
            Readable { text: text.into(), code: with_zeros(text, &code).unwrap_or(code) }
        }
        CodeField::Text(said) => {
            let code = find(said).or_else(|| find(text)).unwrap_or_default();
            let text = match (text.contains(said), text) {
                (true, _) => text.into(),
                (false, "") => said.into(),
                (false, _) => format!("{text}\n{said}").into(),
            };
            Readable { text, code }
        }
    }
}

/// The code with the zeros that its text has before it: a source that keeps codes as numbers
/// has lost them.
fn with_zeros(text: &str, code: &str) -> Option<Box<str>> {
    let is_number = code.bytes().all(|b| b.is_ascii_digit()) && !code.starts_with('0');
    let figures = text.split(|c: char| !c.is_ascii_alphanumeric());
    let mut figures = figures.filter(|figure| !figure.is_empty());
    let is_it =
        |figure: &&str| figure.trim_start_matches('0') == code && CODE_LEN.contains(&figure.len());
    let whole = figures.clone().any(|figure| figure == code);
    let found = figures.find(is_it).filter(|_| is_number && !whole);
    found.map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_was_kept_as_a_number_has_the_zeros_of_its_text() {
        for (text, field, code) in [
            ("Your code 08806", "8806", "08806"),
            ("0042 is your code", "42", "0042"),
            ("Your code 8806, not 08806", "8806", "8806"),
            ("Order 108806", "8806", "8806"),
            ("", "8806", "8806"),
        ] {
            assert_eq!(&*read(text, field, "").code, code, "{text}");
        }
    }

    #[track_caller]
    fn code_of(field: &str, expected: &str) {
        assert_eq!(from_provider(field), CodeField::Code(expected.into()), "{field:?}");
    }

    #[test]
    fn digits_and_capitals_are_a_code_without_what_separates_them() {
        code_of("482913", "482913");
        code_of(" 482 913 ", "482913");
        code_of("482-913", "482913");
        code_of("G-482913", "482913");
        code_of("RKJ-YP6", "RKJYP6");
        code_of("\u{200e}٤٨٢٩", "4829");
        code_of("１２３", "123");
    }

    #[test]
    fn all_else_is_a_text() {
        for field in [
            "",
            "12",
            "12345678901",
            "Code 4829",
            "a1b2c3",
            "ABCDEF",
            "AB 12",
            "48.29",
            "您的验证码是636246",
            "4829\n1234",
        ] {
            assert_eq!(from_provider(field), CodeField::Text(field));
        }
    }

    #[test]
    fn a_text_in_the_place_of_a_code_is_kept_whole() {
        let said = "Никому не сообщайте этот код для входа в личный кабинет: 482913";
        let readable = read("", said, "");
        assert_eq!((&*readable.text, &*readable.code), (said, "482913"));
        let both = read("Hello", "Your code is 4829", "");
        assert_eq!((&*both.text, &*both.code), ("Hello\nYour code is 4829", "4829"));
        let inside = read("Your code is 4829.", "code is 4829", "");
        assert_eq!((&*inside.text, &*inside.code), ("Your code is 4829.", "4829"));
        let short = read("Your code is 4829.", "77", "");
        assert_eq!((&*short.text, &*short.code), ("Your code is 4829.\n77", "4829"));
        assert_eq!(&*read("Your code is 4829.", "7777", "").code, "7777");
        assert_eq!(read("", "", ""), Readable { text: "".into(), code: "".into() });
    }
}
