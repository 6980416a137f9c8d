//! What a character of a message is: a digit of any script, a letter without its accents, a
//! blank, a sign, or invisible.
//!
//! Two spellings of one word become one: case is lost outside ASCII, accents and vowel points
//! go, full-width and styled forms become plain ones. Texts and cues are folded alike.

use std::sync::LazyLock;

use crate::message::digits::ascii_digit;

/// What a character is to the lexer, folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glyph {
    /// Shows nothing, or only changes the letter before it.
    Invisible,
    /// A digit, as ASCII.
    Digit(u8),
    /// A Latin letter without accents, its case kept.
    Latin(u8),
    /// A letter of a script that separates its words.
    Letter(char),
    /// A letter of a script that writes its words without blanks.
    Dense(char),
    Blank,
    Line,
    Sign(char),
}

/// What a character is.
pub(super) fn glyph(c: char) -> Glyph {
    match c {
        '0'..='9' => Glyph::Digit(c as u8),
        'a'..='z' | 'A'..='Z' => Glyph::Latin(c as u8),
        ' ' | '\t' => Glyph::Blank,
        '\n' | '\r' | '\x0b' | '\x0c' => Glyph::Line,
        '\0'..='\x1f' | '\x7f' => Glyph::Invisible,
        '\0'..='\x7f' => Glyph::Sign(c),
        _ => match GLYPHS.get(c as usize) {
            Some(known) => *known,
            None if is_common(c) => Glyph::Dense(c),
            None => beyond_ascii(c),
        },
    }
}

/// What the characters before those of Chinese are: most characters of a text need no search.
static GLYPHS: LazyLock<Box<[Glyph]>> = LazyLock::new(|| {
    let all = (0..u32::from(LISTED_END)).map(|code| char::from_u32(code).unwrap_or_default());
    all.map(beyond_ascii).collect()
});
const LISTED_END: u16 = 0x3100;

/// True for the characters of Chinese and the syllables of Korean.
fn is_common(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// What is known of a character beyond ASCII: it is a letter and stays as it is, of a script with
/// blanks or of one without; it is alphabetic.
const LETTER: u8 = 1;
const DENSE: u8 = 2;
const ALPHABETIC: u8 = 4;

/// What is known of the characters before those of Chinese: most letters of a text are one of
/// these and need no search.
static LIST: LazyLock<[u8; LISTED_END as usize]> = LazyLock::new(|| {
    std::array::from_fn(|code| {
        let c = u32::try_from(code).ok().and_then(char::from_u32).unwrap_or_default();
        let is_alphabetic = if c.is_alphabetic() { ALPHABETIC } else { 0 };
        let stays = match beyond_ascii(c) {
            _ if c.is_ascii() => 0,
            Glyph::Letter(folded) if folded == c => LETTER,
            Glyph::Dense(folded) if folded == c => DENSE,
            _ => 0,
        };
        is_alphabetic | stays
    })
});

fn listed(c: char) -> u8 {
    match LIST.get(c as usize) {
        Some(known) => *known,
        None if is_common(c) => DENSE | ALPHABETIC,
        // Signs in full width.
        None if matches!(c, '\u{ff01}'..='\u{ff20}') => 0,
        None if c.is_alphabetic() => ALPHABETIC,
        None => 0,
    }
}

/// Bytes of the letters that a text begins with, if they stay as they are and one before them does,
/// and are of such a script as that one.
pub(super) fn kept_len(text: &str, before: char) -> usize {
    let kept = |c: char| listed(c) & (LETTER | DENSE);
    let kind = kept(before);
    if kind == 0 {
        return 0;
    }
    text.chars().take_while(|c| kept(*c) == kind).map(char::len_utf8).sum()
}

/// True for a letter beyond ASCII.
pub(super) fn is_alphabetic(c: char) -> bool {
    listed(c) & ALPHABETIC != 0
}

fn beyond_ascii(c: char) -> Glyph {
    if let Some(letter) = latin(c) {
        return Glyph::Latin(letter);
    }
    // What real texts have most comes first.
    match c {
        '\u{400}'..='\u{52f}' => Glyph::Letter(cyrillic(c)),
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' if c.is_alphabetic() => {
            Glyph::Letter(greek(c))
        }
        '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}'..='\u{5c7}' => {
            Glyph::Invisible
        }
        '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => arabic(c),
        '\u{3041}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
            if !matches!(c, '\u{30fb}' | '\u{30a0}') =>
        {
            Glyph::Dense(c)
        }
        // Hebrew, Georgian, Armenian, Ethiopic, Devanagari, Bengali.
        '\u{5d0}'..='\u{5ea}' | '\u{10d0}'..='\u{10fa}' | '\u{561}'..='\u{586}' => Glyph::Letter(c),
        '\u{1200}'..='\u{1248}' | '\u{904}'..='\u{939}' | '\u{93e}'..='\u{94d}' => Glyph::Letter(c),
        '\u{985}'..='\u{9b9}' | '\u{9be}'..='\u{9cd}' => Glyph::Letter(c),
        // Thai, Burmese, Khmer.
        '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' => Glyph::Dense(c),
        '\u{1000}'..='\u{103f}' | '\u{1780}'..='\u{17b3}' | '\u{17b6}'..='\u{17d3}' => {
            Glyph::Dense(c)
        }
        _ if is_invisible(c) => Glyph::Invisible,
        _ => rare(c),
    }
}

fn rare(c: char) -> Glyph {
    if let Some(digit) = ascii_digit(c) {
        return Glyph::Digit(digit);
    }
    match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Glyph::Blank
        }
        '\u{85}' | '\u{2028}' | '\u{2029}' => Glyph::Line,
        '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{5be}'
        | '\u{2e3a}'
        | '\u{2e3b}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}' => Glyph::Sign('-'),
        '\u{2018}' | '\u{2019}' | '\u{2bc}' | '\u{2bb}' | '\u{b4}' => Glyph::Sign('\''),
        // A full-width comma ends a clause: it never is a decimal one.
        '\u{ff0c}' => Glyph::Sign(c),
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            Glyph::Latin(u8::try_from(u32::from(c) - 0xfee0).expect("full-width letters are 94"))
        }
        '\u{ff01}'..='\u{ff5e}' => {
            Glyph::Sign(char::from_u32(u32::from(c) - 0xfee0).expect("full-width ASCII"))
        }
        // Bold, italic and other letters of the mathematical block, 52 a style.
        '\u{1d400}'..='\u{1d6a3}' => {
            let at = u8::try_from((u32::from(c) - 0x1d400) % 52).expect("below 52");
            Glyph::Latin(if at < 26 { b'A' + at } else { b'a' + at - 26 })
        }
        _ if is_dense(c) => Glyph::Dense(c),
        _ if is_indic(c) => Glyph::Letter(indic(c)),
        _ if c.is_alphanumeric() => Glyph::Letter(lower(c)),
        _ => Glyph::Sign(c),
    }
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// U+00C0 to U+017F without accents.
const LATIN: &[u8; 192] = b"AAAAAAACEEEEIIIIDNOOOOO*OUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty\
AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiJjJjKkkLlLlLlLlLlNnNnNnnNnOoOoOoOoRrRrRr\
SsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
/// U+01CD to U+01DC.
const CARON: &[u8; 16] = b"AaIiOoUuUuUuUuUu";
/// U+1E00 to U+1E95.
const EXTENDED: &[u8; 150] = b"AaBbBbBbCcDdDdDdDdDdEeEeEeEeEeFfGgHhHhHhHhHhIiIiKkKkKkLlLlLlLl\
MmMmMmNnNnNnNnOoOoOoOoPpPpRrRrRrRrSsSsSsSsSsTtTtTtTtUuUuUuUuUuVvVvWwWwWwWwWwXxXxYyZzZzZz";

fn latin(c: char) -> Option<u8> {
    let code = u32::from(c);
    let at = |table: &[u8], first: u32| {
        usize::try_from(code - first).ok().and_then(|at| table.get(at).copied())
    };
    // Even code points of the Vietnamese rows are capitals.
    let pair = |letter: u8| if code.is_multiple_of(2) { letter } else { letter + 32 };
    let letter = match code {
        0xc0..=0x17f => at(LATIN, 0xc0)?,
        0x18f => b'E',
        0x259 => b'e',
        0x181 | 0x253 => b'b',
        0x18a | 0x257 => b'd',
        0x198 | 0x199 => b'k',
        0x1a0 => b'O',
        0x1a1 => b'o',
        0x1af => b'U',
        0x1b0 => b'u',
        0x1cd..=0x1dc => at(CARON, 0x1cd)?,
        0x218 => b'S',
        0x219 => b's',
        0x21a => b'T',
        0x21b => b't',
        0x1e00..=0x1e95 => at(EXTENDED, 0x1e00)?,
        0x1ea0..=0x1eb7 => pair(b'A'),
        0x1eb8..=0x1ec7 => pair(b'E'),
        0x1ec8..=0x1ecb => pair(b'I'),
        0x1ecc..=0x1ee3 => pair(b'O'),
        0x1ee4..=0x1ef1 => pair(b'U'),
        0x1ef2..=0x1ef9 => pair(b'Y'),
        _ => return None,
    };
    letter.is_ascii_alphabetic().then_some(letter)
}

fn cyrillic(c: char) -> char {
    match c {
        'а'..='я' => c,
        'ё' | 'Ё' => 'е',
        _ => lower(c),
    }
}

fn greek(c: char) -> char {
    match lower(c) {
        'ά' => 'α',
        'έ' => 'ε',
        'ή' => 'η',
        'ί' | 'ϊ' | 'ΐ' => 'ι',
        'ό' => 'ο',
        'ύ' | 'ϋ' | 'ΰ' => 'υ',
        'ώ' => 'ω',
        'ς' => 'σ',
        letter => letter,
    }
}

/// Arabic, Persian and Urdu type one letter as several code points.
fn arabic(c: char) -> Glyph {
    match c {
        '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6ed}' => Glyph::Invisible,
        '\u{660}'..='\u{669}' => Glyph::Digit(ascii(u32::from(c) - 0x660)),
        '\u{6f0}'..='\u{6f9}' => Glyph::Digit(ascii(u32::from(c) - 0x6f0)),
        'أ' | 'إ' | 'آ' | 'ٱ' => Glyph::Letter('ا'),
        'ى' | 'ي' | 'ئ' => Glyph::Letter('ی'),
        'ك' => Glyph::Letter('ک'),
        'ة' | 'ہ' | 'ھ' | 'ۀ' | 'ۃ' => Glyph::Letter('ه'),
        'ؤ' => Glyph::Letter('و'),
        '٪' => Glyph::Sign('%'),
        // Decimal and thousands separators.
        '٫' | '٬' => Glyph::Sign(','),
        '٭' | '۔' => Glyph::Sign(c),
        _ => Glyph::Letter(c),
    }
}

/// The dots below letters are typed apart or not at all.
fn indic(c: char) -> char {
    match c {
        '\u{958}' => 'क',
        '\u{959}' => 'ख',
        '\u{95a}' => 'ग',
        '\u{95b}' => 'ज',
        '\u{95c}' => 'ड',
        '\u{95d}' => 'ढ',
        '\u{95e}' => 'फ',
        '\u{95f}' => 'य',
        '\u{9dc}' => 'ড',
        '\u{9dd}' => 'ঢ',
        '\u{9df}' => 'য',
        _ => c,
    }
}

/// India's scripts and Sinhala: their vowel signs are letters here, and all but the dandas and
/// the currency signs.
fn is_indic(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{df4}')
        && !matches!(
            c,
            '\u{964}'
                | '\u{965}'
                | '\u{970}'
                | '\u{9f2}'
                | '\u{9f3}'
                | '\u{9fb}'
                | '\u{af1}'
                | '\u{bf9}'
                | '\u{df4}'
        )
}

/// Scripts without blanks between words. Hangul has blanks, but its particles stick to digits.
fn is_dense(c: char) -> bool {
    match c {
        '\u{e3f}' | '\u{e5a}' | '\u{e5b}' | '\u{104a}' | '\u{104b}' | '\u{17d4}'..='\u{17db}' => {
            false
        }
        '\u{e00}'..='\u{eff}' => true,
        '\u{1000}'..='\u{109f}' | '\u{aa60}'..='\u{aa7f}' | '\u{1780}'..='\u{17dd}' => true,
        '\u{3005}'..='\u{3007}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' => true,
        '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{f900}'..='\u{faff}' => true,
        '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}' => true,
        _ => false,
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{ad}' | '\u{300}'..='\u{36f}'
        | '\u{610}'..='\u{61c}' | '\u{93c}' | '\u{9bc}' | '\u{a3c}' | '\u{abc}' | '\u{b3c}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{20e3}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn ascii(value: u32) -> u8 {
    b'0' + u8::try_from(value).expect("a digit's value is below ten")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_are_ascii_ones() {
        for (digits, expected) in [
            ("٤٨٢", "482"),
            ("۴۸۲", "482"),
            ("४८२", "482"),
            ("৪৮২", "482"),
            ("๔๘២", "482"),
            ("၄၈၂", "482"),
            ("４８２", "482"),
            ("𝟒𝟖𝟐", "482"),
        ] {
            let read = digits.chars().map(|c| match glyph(c) {
                Glyph::Digit(digit) => char::from(digit),
                other => panic!("{c:?} is {other:?}"),
            });
            assert_eq!(read.collect::<String>(), expected);
        }
    }

    #[test]
    fn accents_styles_and_widths_are_folded_away() {
        let folded = |text: &str| -> String {
            let letters = text.chars().filter_map(|c| match glyph(c) {
                Glyph::Latin(letter) => Some(char::from(letter)),
                Glyph::Letter(letter) | Glyph::Dense(letter) => Some(letter),
                Glyph::Invisible => None,
                other => panic!("{c:?} is {other:?}"),
            });
            letters.collect()
        };
        assert_eq!(folded("Ðożcşőựẹệṣ"), "Dozcsoueas".replace("eas", "ees"));
        assert_eq!(folded("ＣＯＤＥ𝐜𝐨𝐝𝐞"), "CODEcode");
        assert_eq!(folded("КодЁЖ"), "кодеж");
        assert_eq!(folded("Κωδικός"), "κωδικοσ");
        assert_eq!(folded("ko\u{301}d"), "kod");
        assert_eq!(folded("كُود"), folded("کود"));
    }

    #[test]
    fn every_character_is_something() {
        for code in 0..=u32::from(char::MAX) {
            if let Some(c) = char::from_u32(code) {
                match glyph(c) {
                    Glyph::Digit(digit) => assert!(digit.is_ascii_digit()),
                    Glyph::Latin(letter) => assert!(letter.is_ascii_alphabetic()),
                    Glyph::Letter(_) | Glyph::Dense(_) | Glyph::Sign(_) => {}
                    Glyph::Invisible | Glyph::Blank | Glyph::Line => {}
                }
            }
        }
    }
}
