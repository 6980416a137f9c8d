//! A phone number as people and programs write it: in digits of any script, with what they put
//! between and around them. Nothing is guessed: a number without its country's code is none.

use nexnum_engine::ids::Number;

use super::unseen::is_unseen;

/// The number that a text is.
#[must_use]
pub fn parse(text: &str) -> Option<Number> {
    let meant = text.chars().filter(|c| !is_between(*c)).map(|c| match c {
        '\u{ff0b}' | '\u{fe62}' => '+',
        c => ascii_digit(c).unwrap_or(c),
    });
    Number::parse(&meant.collect::<String>())
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

/// The zero of each script's digits (Unicode's Nd), in order; nine more follow each.
const ZEROS: [u32; 67] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
    0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50,
    0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
    0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650,
    0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0,
    0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e950,
    0x1fbf0,
];

/// The digit of ASCII that a digit of another script is.
fn ascii_digit(c: char) -> Option<char> {
    let code = u32::from(c);
    let after = ZEROS.partition_point(|zero| *zero <= code);
    let zero = after.checked_sub(1).map(|at| ZEROS[at])?;
    char::from_digit(code - zero, 10)
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
