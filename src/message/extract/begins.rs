//! What words begin with: most places of a text are passed over by a look at a few characters.
//!
//! Leaves to others: which word it is, if any.

/// What words may begin with. A beginning may be let through that no word has.
#[derive(Debug)]
pub(super) struct Begins {
    /// For each ASCII character, whatever its case, and the code of the byte behind it a bit for
    /// each code of the byte behind both.
    ascii: [[u32; 32]; ROWS],
    /// A bit for each other character of a word that has no more, by its low bits.
    single: Bits,
    /// A bit for each other character and the one that follows it, by their hash.
    pairs: Bits,
}

/// Bits that tell other characters and pairs of them apart.
const BITS: u32 = 16;
type Bits = [u64; 1 << (BITS - 6)];

/// What a byte is behind another one: a letter whatever its case, or something else.
const CODES: [u8; 256] = {
    let mut codes = [0; 256];
    let mut byte = 0;
    while byte < codes.len() {
        codes[byte] = match byte as u8 {
            letter @ (b'a'..=b'z' | b'A'..=b'Z') => letter & 31,
            b'0'..=b'9' => 27,
            b'!'..=b'~' => 28,
            0x80.. => 29,
            _ => 0,
        };
        byte += 1;
    }
    codes
};
/// The bits of the letters.
const LETTERS: u32 = 0x07ff_fffe;

/// Rows of ASCII characters: letters of both cases have one, and few other characters share one.
const ROWS: usize = 0x60;

fn row(byte: u8) -> usize {
    usize::from(byte & 0x5f)
}

impl Default for Begins {
    fn default() -> Self {
        let none = [0; 1 << (BITS - 6)];
        Self { ascii: [[0; 32]; ROWS], single: none, pairs: none }
    }
}

impl Begins {
    /// Adds a word in small letters; no letter of ASCII may follow one that is closed.
    pub(super) fn mark(&mut self, word: &str, closed: bool) {
        let mut letters = word.chars();
        let Some(one) = letters.next() else { return };
        match letters.next() {
            _ if one.is_ascii() => self.mark_ascii(word.as_bytes(), closed),
            Some(two) => set(&mut self.pairs, pair(one, two)),
            None => set(&mut self.single, u32::from(one)),
        }
    }

    fn mark_ascii(&mut self, word: &[u8], closed: bool) {
        let code = |byte: u8| CODES[usize::from(byte)];
        let behind = if closed { !LETTERS } else { u32::MAX };
        let row = &mut self.ascii[row(word[0])];
        match word[1..] {
            [] => (0..32).filter(|two| behind >> two & 1 != 0).for_each(|two| row[two] = u32::MAX),
            [two] => row[usize::from(code(two))] |= behind,
            [two, three, ..] => row[usize::from(code(two))] |= 1 << code(three),
        }
    }

    /// False if no word begins as a text does.
    pub(super) fn may(&self, text: &str) -> bool {
        let mut letters = text.chars();
        match letters.next() {
            Some(one) if one.is_ascii() => self.ascii(three_at(text.as_bytes(), 0)),
            Some(one) => self.beyond(one, letters.next()),
            None => false,
        }
    }

    /// False if no word begins with an ASCII character and the bytes that follow it.
    pub(super) fn ascii(&self, [one, two, three]: [u8; 3]) -> bool {
        let code = |byte: u8| CODES[usize::from(byte)] % 32;
        self.ascii[row(one)][usize::from(code(two))] >> code(three) & 1 != 0
    }

    /// False if no word begins with another character and the one that follows it.
    pub(super) fn beyond(&self, one: char, two: Option<char>) -> bool {
        let two = two.map_or('\0', |two| two.to_ascii_lowercase());
        has(&self.pairs, pair(one, two)) || has(&self.single, u32::from(one))
    }
}

/// The bytes at a place, with zeros behind the last.
pub(super) fn three_at(bytes: &[u8], at: usize) -> [u8; 3] {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    bytes[at..].first_chunk().copied().unwrap_or_else(|| [byte(at), byte(at + 1), byte(at + 2)])
}

fn pair(one: char, two: char) -> u32 {
    let hash = u32::from(one).wrapping_mul(0x9e37_79b1) ^ u32::from(two);
    hash.wrapping_mul(0x85eb_ca6b) >> (32 - BITS)
}

fn has(bits: &Bits, bit: u32) -> bool {
    bits[bit as usize / 64 % bits.len()] >> (bit % 64) & 1 != 0
}

fn set(bits: &mut Bits, bit: u32) {
    bits[bit as usize / 64 % bits.len()] |= 1 << (bit % 64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_is_passed_over_where_a_word_begins() {
        let words =
            [("код", true), ("$", false), ("码", false), ("x", true), ("is", true), ("pin", false)];
        let mut begins = Begins::default();
        words.iter().for_each(|(word, closed)| begins.mark(word, *closed));
        for (word, closed) in words {
            for word in [word.to_owned(), word.to_ascii_uppercase()] {
                for behind in ["", " ", "1", "-", "é", "а", "码", "a", "Zz"] {
                    let goes_on = closed && behind.starts_with(|c: char| c.is_ascii_alphabetic());
                    let text = format!("{word}{behind}");
                    assert!(begins.may(&text) || goes_on && word.is_ascii(), "{text}");
                }
            }
        }
        for text in ["", "1", "xa", "isle", "pan", "y", "数", "ка"] {
            assert!(!begins.may(text), "{text}");
        }
    }
}
