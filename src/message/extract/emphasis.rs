//! Signs on both sides of a figure that print it bold: `*482-139*`, `**4 8 2 1 3**`.
//!
//! Where the figure has groups, the signs beside the first of them would hide it, as those of a
//! card's number do. They are dropped before anything is read.

use std::borrow::Cow;

/// Letters and digits of a figure, and all its bytes with what separates them.
const SAID: std::ops::RangeInclusive<usize> = 3..=10;
const LEN_MAX: usize = 24;
/// Signs of one kind beside each other that are bold print; more of them hide something.
const MARKS_MAX: usize = 2;

/// The text without such signs around groups.
pub(super) fn plain(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut copied, mut from) = (0, 0);
    while let Some(open) = next_mark(&text, from) {
        let (len, inside) = marks(&text[open..]);
        from = open + len;
        let is_apart = !text[..open].ends_with(|c: char| c.is_ascii_alphanumeric());
        let Some(close) = inside.and_then(|mark| closed(&text, from, (mark, len))) else {
            continue;
        };
        if is_apart {
            out.push_str(&text[copied..open]);
            out.push_str(&text[from..close]);
            copied = close + len;
        }
        from = close + len;
    }
    if copied == 0 {
        return text;
    }
    out.push_str(&text[copied..]);
    out.into()
}

/// Where the next sign is that may print something bold: `*`, `•`, `●`.
fn next_mark(text: &str, from: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[from..];
    let is_mark = |at: &usize| {
        matches!(bytes[*at..], [b'*', ..] | [0xe2, 0x80, 0xa2, ..] | [0xe2, 0x97, 0x8f, ..])
    };
    memchr::memchr2_iter(b'*', 0xe2, bytes).find(is_mark).map(|at| from + at)
}

/// Bytes of the same signs at the beginning of a text, and the sign if there are few enough.
fn marks(text: &str) -> (usize, Option<char>) {
    let Some(mark) = text.chars().next() else { return (0, None) };
    let rest = text.trim_start_matches(mark);
    let len = text.len() - rest.len();
    (len, (len <= MARKS_MAX * mark.len_utf8()).then_some(mark))
}

/// Where the same signs close a figure of several groups that begins at `from`.
fn closed(text: &str, from: usize, (mark, len): (char, usize)) -> Option<usize> {
    let is_said = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    let inside = text.as_bytes()[from..].iter().take(LEN_MAX + 1);
    let inside = inside.take_while(|b| is_said(**b) || matches!(b, b' ' | b'-' | b'.')).count();
    let figure = &text.as_bytes()[from..from + inside];
    let count = |is: fn(&u8) -> bool| figure.iter().filter(|b| is(b)).count();
    let said = figure.iter().filter(|b| is_said(**b)).count();
    let is_whole =
        figure.first().is_some_and(|b| is_said(*b)) && figure.last().is_some_and(|b| is_said(*b));
    let has_groups = said < figure.len() && count(u8::is_ascii_digit) >= 2;
    let close = from + inside;
    let (found, _) = marks(&text[close..]);
    let ends = text[close..].starts_with(mark) && found == len;
    // "*221*4821#" is dialled.
    let is_apart =
        ends && !text[close + len..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '#');
    (inside <= LEN_MAX && SAID.contains(&said) && is_whole && has_groups && is_apart)
        .then_some(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_around_groups_are_dropped() {
        for (text, expected) in [
            ("Your code is *482-139*.", "Your code is 482-139."),
            ("**4 8 2 1 3** is it", "4 8 2 1 3 is it"),
            ("验证码**48 21 39**", "验证码48 21 39"),
            ("•482 139•", "482 139"),
            ("*AB 12 C3*: *48 21*", "AB 12 C3: 48 21"),
            ("*482.139*", "482.139"),
        ] {
            assert_eq!(plain(text.into()), expected);
        }
        for text in [
            "*482139* is it",
            "card **** 4821 3977",
            "*4821 3977 is it",
            "*4821 3977**",
            "***4821 3977***",
            "dial *221*4821# or *22 1*4#",
            "x*48 21*",
            "*two words* and *x 1*",
            "*48 21\n39*",
            "**",
            "*",
        ] {
            assert_eq!(plain(text.into()), text);
        }
    }
}
