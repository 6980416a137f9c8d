//! A phone number as people and programs write it: in digits of any script, with what they put
//! between and around them. Nothing is guessed: a number without its country's code is none.

use nexnum_engine::ids::Number;

use super::digits::ascii_digit;
use super::unseen::is_unseen;

/// The number that a text is.
#[must_use]
pub fn parse(text: &str) -> Option<Number> {
    let text = unfloated(text.trim())?;
    let meant = text.chars().filter(|c| !is_between(*c)).map(|c| match c {
        '\u{ff0b}' | '\u{fe62}' => '+',
        c => ascii_digit(c).map_or(c, char::from),
    });
    Number::parse(&meant.collect::<String>())
}

/// A number without the `.0` that a table of numbers has put behind it; `None` if another digit
/// stands there, since numbers are not grouped so.
fn unfloated(text: &str) -> Option<&str> {
    let is_plain = |whole: &str| {
        let digits = whole.strip_prefix('+').unwrap_or(whole);
        !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    match text.rsplit_once('.') {
        Some((whole, "0")) if is_plain(whole) => Some(whole),
        Some((whole, digit)) if digit.len() == 1 && is_plain(whole) => None,
        Some(_) | None => Some(text),
    }
}

/// True for what means nothing in a number: blanks, marks that are not seen, dashes, dots and
/// parentheses.
fn is_between(c: char) -> bool {
    let is_dash = matches!(
        c,
        '-' | '\u{2010}'
            ..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    );
    let is_mark = matches!(
        c,
        '(' | ')'
            | '['
            | ']'
            | '.'
            | '\u{b7}'
            | '\u{2022}'
            | '\u{2024}'
            | '\u{30fb}'
            | '\u{ff08}'
            | '\u{ff09}'
            | '\u{ff0e}'
    );
    c.is_whitespace() || c.is_control() || is_unseen(c) || is_dash || is_mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_digits_of_a_number_is_ignored() {
        let number_of = |text: &str| parse(text).map(|number| number.0);
        for text in [
            "+62 813 0000 0001",
            "62-813-0000-0001",
            "+62 (813) 0000.0001",
            "\u{a0}+62813\u{2011}00000001",
            "\u{200e}+62 813\u{202f}0000\u{2009}0001\u{200f}",
            "\u{202a}+6281300000001\u{202c}",
            "\u{2068}62\u{200b}813\u{2212}00000001\u{2069}",
            "\u{ff0b}\u{ff16}\u{ff12}\u{ff18}\u{ff11}\u{ff13}\u{ff10}\u{ff10}\u{ff10}\u{ff10}\u{ff10}\u{ff10}\u{ff10}\u{ff11}",
            "+٦٢٨١٣٠٠٠٠٠٠٠١",
            "+६२ ८१३ ०००० ०००१",
            "+62 813 0000 0001\n",
            "\u{feff}+62\u{ad}813\u{ff08}0000\u{ff09}0001",
        ] {
            assert_eq!(number_of(text), Some(6_281_300_000_001), "{text}");
        }
        for text in ["", "+", "0062813", "62813000000x", "+62+813000"] {
            assert_eq!(number_of(text), None, "{text}");
        }
    }
}
