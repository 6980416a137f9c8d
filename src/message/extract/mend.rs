//! Texts that were damaged or disguised on their way: read in the wrong character set, with lost
//! letters, with letters of another alphabet that look alike.
//!
//! A text is changed only where that makes words of it; most texts are not copied.

use std::borrow::Cow;

use super::cues;

/// Words with lost letters that are looked up in one text.
const BROKEN_MAX: usize = 8;
/// Stands where a byte could not be read.
const LOST: char = '\u{fffd}';
/// What Windows-1252 has at 0x80 to 0x9f; `\0` where it has nothing.
const WINDOWS: &[char; 32] = &[
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];
/// Cyrillic letters that look like Latin ones, and those.
const ALIKE: &[(char, char)] = &[
    ('А', 'A'),
    ('В', 'B'),
    ('Е', 'E'),
    ('К', 'K'),
    ('М', 'M'),
    ('Н', 'H'),
    ('О', 'O'),
    ('Р', 'P'),
    ('С', 'C'),
    ('Т', 'T'),
    ('У', 'Y'),
    ('Х', 'X'),
    ('а', 'a'),
    ('е', 'e'),
    ('о', 'o'),
    ('р', 'p'),
    ('с', 'c'),
    ('у', 'y'),
    ('х', 'x'),
    ('і', 'i'),
    ('ј', 'j'),
    ('ѕ', 's'),
];

/// The text as its author wrote it.
pub(super) fn mend(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !is_suspicious(text.as_bytes()) {
        return text.into();
    }
    let text = decoded(text).map_or(Cow::Borrowed(text), Cow::Owned);
    let mixed = |word: &str| word.contains(LOST) || is_disguised(word);
    if !words(&text).any(|(_, word)| mixed(word)) {
        return text;
    }
    let mut mended = String::with_capacity(text.len());
    let (mut copied, mut broken) = (0, 0);
    for (start, word) in words(&text) {
        let known = if is_disguised(word) {
            Some(word.chars().map(|c| latin(c).unwrap_or(c)).collect::<String>())
        } else if word.contains(LOST) && broken < BROKEN_MAX {
            broken += 1;
            cues::whole(word).map(str::to_owned)
        } else {
            None
        };
        if let Some(known) = known {
            mended.push_str(&text[copied..start]);
            mended.push_str(&known);
            copied = start + word.len();
        }
    }
    mended.push_str(&text[copied..]);
    mended.into()
}

/// True if something may be mended: a quick look at the bytes.
fn is_suspicious(bytes: &[u8]) -> bool {
    let is_cyrillic = |b: u8| b & 0xfe == 0xd0;
    let is_latin = |b: u8| b.is_ascii_alphabetic();
    let looks = |one: u8, two: u8, three: u8| {
        // U+FFFD.
        let lost = (one == 0xef) & (two == 0xbf) & (three == 0xbd);
        // A letter with an accent and a sign behind it.
        let sign = (three == 0xc2) | (three == 0xc5) | (three == 0xc6);
        let sign = sign | (three == 0xcb) | (three == 0xe2);
        let accent = (one == 0xc3) & (0x82..=0xb4).contains(&two) & sign;
        // Latin and Cyrillic letters beside each other.
        let mixed = is_latin(two) & is_cyrillic(three) | is_cyrillic(one) & is_latin(three);
        lost | accent | mixed
    };
    // Many bytes at a time: no branch hangs on what one is.
    let (ones, twos) = (bytes, bytes.get(1..).unwrap_or_default());
    let threes = bytes.get(2..).unwrap_or_default();
    let all = ones.iter().zip(twos).zip(threes);
    all.fold(false, |found, ((one, two), three)| found | looks(*one, *two, *three))
}

/// Runs of letters and of lost ones, with the byte at which each begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(|c: char| !(c.is_alphabetic() || c == LOST))
        .filter(|word| !word.is_ascii())
        .map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

fn latin(c: char) -> Option<char> {
    ALIKE.iter().find(|(other, _)| *other == c).map(|(_, latin)| *latin)
}

/// True for a Latin word some letters of which are Cyrillic ones that look alike.
fn is_disguised(word: &str) -> bool {
    let is_latin = |c: char| c.is_ascii_alphabetic();
    word.contains(is_latin) && word.chars().all(|c| is_latin(c) || latin(c).is_some())
}

/// UTF-8 that was read as Windows-1252, as in `cÃ³digo`.
fn decoded(text: &str) -> Option<String> {
    let byte = |c: char| match u32::from(c) {
        code @ 0..=0xff => u8::try_from(code).ok(),
        _ => {
            let at = WINDOWS.iter().position(|windows| *windows == c)?;
            u8::try_from(0x80 + at).ok()
        }
    };
    let mut lead = false;
    let paired = text.chars().any(|c| {
        let pair = lead && byte(c).is_some_and(|byte| (0x80..=0xbf).contains(&byte));
        lead = matches!(c, '\u{c2}'..='\u{f4}');
        pair
    });
    let bytes: Option<Vec<u8>> = if paired { text.chars().map(byte).collect() } else { None };
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_lost_letters_is_the_one_of_the_table_that_fits() {
        assert_eq!(mend("Your c\u{fffd}de: 1"), "Your code: 1");
        assert_eq!(mend("Ваш к\u{fffd}\u{fffd}д 1"), "Ваш код 1");
        assert_eq!(mend("a \u{fffd} b"), "a \u{fffd} b");
    }

    #[test]
    fn letters_that_look_alike_become_those_of_the_word() {
        assert_eq!(mend("Уour сode"), "Your code");
        assert_eq!(mend("SMSкод"), "SMSкод");
        assert_eq!(mend("Код от Acme"), "Код от Acme");
    }

    #[test]
    fn utf_8_read_as_windows_1252_is_read_again() {
        assert_eq!(mend("Tu cÃ³digo"), "Tu código");
        assert_eq!(mend("ÐšÐ¾Ð´: 1"), "Код: 1");
        assert_eq!(mend("Prêt à «coder» São"), "Prêt à «coder» São");
    }
}
