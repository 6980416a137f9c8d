//! What runs of letters and digits look like by themselves: a date, a hotline, a code in groups,
//! a slogan.
//!
//! Leaves to others: where a figure begins and ends, and the words beside it.

use super::code::{Shape, is_year};

/// Short words that begin a sentence.
const OPENERS: &[&str] = &["Do", "If", "It", "No", "Not", "Ne", "Nu", "Exp", "Use", "Ref", "For"];

/// Last digits of an account that are shown.
const HIDDEN_LEN_MAX: usize = 5;

/// How much of a run is the figure: the next sentence may begin without a blank, as in
/// `482913Valid for 5 minutes`.
pub(super) fn figure_len(run: &str) -> usize {
    let word = run.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = run.len() - word.len();
    let rest = word.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or_default();
    let is_word = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase());
    let is_word = is_word && (rest.len() >= 3 || OPENERS.contains(&word));
    if (4..=8).contains(&digits) && is_word { digits } else { run.len() }
}

/// What groups with hyphens between them are.
pub(super) fn shape_of<'a>(groups: impl Iterator<Item = &'a str> + Clone) -> Shape {
    let letters = |small: bool| {
        let is = move |b: u8| if small { b.is_ascii_lowercase() } else { b.is_ascii_alphabetic() };
        groups.clone().any(|group| group.bytes().any(is))
    };
    if letters(true) {
        return Shape::Taken;
    }
    if letters(false) {
        return Shape::Mixed;
    }
    let mut lens = [0; 3];
    let count = groups.clone().count();
    for (len, group) in lens.iter_mut().zip(groups.clone()) {
        *len = group.len();
    }
    let even = groups.clone().all(|group| group.len() == lens[0]);
    match (count, lens) {
        // A date, a span of years, a phone number.
        (3, [4, 1 | 2, 1 | 2] | [1 | 2, 1 | 2, 4]) if groups.clone().any(is_year) => Shape::Measure,
        (3, [4, 1 | 2, 1 | 2] | [1 | 2, 1 | 2, 4]) => Shape::Uneven,
        (3, [2, 2, 2]) if is_date(groups.clone()) => Shape::Measure,
        (2, [4, 4, _]) if groups.clone().all(is_year) => Shape::Measure,
        // "2025-26", "2025-118".
        (2, [4, 2 | 3, _]) if groups.clone().next().is_some_and(is_year) => Shape::Measure,
        // "02-888-8888" and "1588-9999" are dialled.
        _ if !even && groups.clone().next().is_some_and(|group| group.starts_with('0')) => {
            Shape::Measure
        }
        (2, [4, 4, _]) if groups.clone().next().is_some_and(is_hotline) => Shape::Uneven,
        (2, [1, 1, _]) | (3.., [1 | 3 | 4, 3, 3 | 4]) if !even || count == 2 => Shape::Measure,
        (2, [1 | 2, 1 | 2, _]) => Shape::Uneven,
        _ if even => Shape::Digits,
        // "24-0426405" is a file.
        (2, [first, second, _]) if first.abs_diff(second) >= 3 => Shape::Measure,
        _ => Shape::Uneven,
    }
}

/// True for a day, a month and two digits of a year of our time.
fn is_date<'a>(mut groups: impl Iterator<Item = &'a str>) -> bool {
    let mut within = |min: u32, max: u32| {
        groups.next().and_then(|group| group.parse().ok()).is_some_and(|n| (min..=max).contains(&n))
    };
    within(1, 31) && within(1, 12) && within(20, 39)
}

/// True for groups that no amount, date or time has, so that the points between them only make
/// a code easier to read: `60.31`, `48.21.07`.
pub(super) fn is_dotted<'a>(groups: impl Iterator<Item = &'a str> + Clone) -> bool {
    let is_pair = |group: &str| group.len() == 2 && group.bytes().all(|b| b.is_ascii_digit());
    let pairs = groups.clone().all(is_pair) && (2..=4).contains(&groups.clone().count());
    pairs && groups.take(1).all(|group| group > "31")
}

/// True for the first four digits of a Korean company's number.
fn is_hotline(digits: &str) -> bool {
    matches!(digits.as_bytes(), [b'1', b'5' | b'6' | b'8', ..])
}

/// True for a word and a few digits behind it, as advertisements have them: `SAVE20`.
pub(super) fn is_slogan(code: &[u8]) -> bool {
    let digits = code.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let word = &code[..code.len() - digits];
    let spoken = word.iter().any(|b| matches!(b, b'A' | b'E' | b'I' | b'O' | b'U'));
    let letters = word.iter().all(u8::is_ascii_uppercase);
    letters && spoken && word.len() >= 4 && matches!(digits, 2 | 3)
}

/// True for four digits between the letters of a licence plate: "АА 4410 КЕ".
pub(super) fn is_plate(head: &str, tail: &str, code: &[u8]) -> bool {
    let pair = |word: &str| {
        word.chars().count() == 2 && word.chars().all(|c| "авеіикмнорстху".contains(c))
    };
    if code.len() != 4 {
        return false;
    }
    let before = head.strip_suffix(' ').unwrap_or(head).rsplit([' ', '\n', ',', '(']).next();
    let after = tail.strip_prefix(' ').unwrap_or(tail).split([' ', '\n', ',', '.', ')']).next();
    before.is_some_and(pair) && after.is_some_and(pair)
}

/// True for a word of Arabic in Latin letters, where some digits are letters: `ta3ek`, `7ad`.
pub(super) fn is_spoken(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_lowercase).count();
    let spoken =
        word.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'2' | b'3' | b'5'..=b'9'));
    let ends = word.bytes().next_back().is_some_and(|b| b.is_ascii_lowercase());
    spoken && (1..=2).contains(&digits) && letters > digits && word.len() <= 8 && ends
}

/// True for hours and minutes.
pub(super) fn is_time(code: &[u8]) -> bool {
    matches!(code, [a, b, c, _] if [*a, *b] < *b"24" && *c < b'6')
}

/// True for an hour of half a day: `9AM`.
pub(super) fn is_clock(part: &str) -> bool {
    let hour = part.strip_suffix("AM").or_else(|| part.strip_suffix("PM"));
    hour.is_some_and(|hour| matches!(hour.len(), 1 | 2) && hour.bytes().all(|b| b.is_ascii_digit()))
}

/// True for digits behind a word, a colon or the like and a blank, and for those that begin a text:
/// most are so, and nothing hides them.
fn is_shown(text: &str, start: usize, end: usize) -> bool {
    let text = text.as_bytes();
    let is_apart = match text[..start] {
        [.., last, b' '] => !matches!(last, b' ' | b'-' | b'*' | b'x' | b'X'),
        [] => true,
        _ => false,
    };
    is_apart && !matches!(text[end..], [b'*' | 0xe2, ..]) && text[start].is_ascii_digit()
}

/// Digits of a card of which the others are hidden, a short code to dial.
pub(super) fn is_hidden(text: &str, start: usize, end: usize) -> bool {
    if is_shown(text, start, end) {
        return false;
    }
    let (before, after) = (&text[..start], &text[end..]);
    let stars: &[char] = &['*', '•', '●', '×', '∙', '＊'];
    let inside = text[start..end].trim_end_matches(|c: char| c.is_ascii_digit());
    let crosses = |text: &str| {
        text.len() - text.trim_end_matches(['x', 'X']).len() >= 2
            && !text.trim_end_matches(['x', 'X']).ends_with(|c: char| c.is_ascii_alphabetic())
    };
    // "DE…4821", "DE12..4821".
    let cut = before.strip_suffix('…').or_else(|| before.strip_suffix(".."));
    let cut = cut.map(|rest| rest.trim_end_matches(['.', '…']));
    let named = |rest: &str| rest.ends_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit());
    if cut.is_some_and(named) && end - start <= HIDDEN_LEN_MAX {
        return true;
    }
    let last = before.chars().next_back();
    if last.is_some_and(|c| matches!(c, '\u{370}'..='\u{52f}')) {
        // A licence plate or a product; a word that says what follows is longer.
        let letters = before.chars().rev().take(4);
        let letters = letters.take_while(|c| matches!(c, '\u{370}'..='\u{52f}')).count();
        if letters <= 2 {
            return true;
        }
    }
    let near = before.trim_end_matches([' ', '-']);
    if inside.len() >= 2 && inside.bytes().all(|b| matches!(b, b'x' | b'X'))
        || inside.is_empty() && near.len() + 1 >= before.len() && crosses(near)
    {
        return true;
    }
    // "PT50*** 8812".
    if near.ends_with("***") && near.len() < before.len() {
        return true;
    }
    if !before.ends_with(stars) {
        return after.starts_with("**") || after.starts_with(['•', '●']);
    }
    // "*221*4821#" is dialled.
    if let Some(rest) = after.strip_prefix('*') {
        let word = rest.split(char::is_whitespace).next().unwrap_or_default();
        if word.starts_with(|c: char| c.is_ascii_digit()) || word.contains('#') {
            return true;
        }
    }
    // One star on either side, or two, are bold print.
    let lead = before.len() - before.trim_end_matches('*').len();
    let tail = after.len() - after.trim_start_matches('*').len();
    !(matches!(lead, 1 | 2) && lead == tail)
}
