//! What words begin with: most places of a text are passed over by a look at two characters.
//!
//! Leaves to others: which word it is, if any.

/// Which pairs of characters a word may begin with. A pair may be let through that no word has.
#[derive(Debug)]
pub(super) struct Begins {
    /// A bit for each ASCII character and the byte that follows it.
    ascii: Vec<u64>,
    /// A bit for each other character of a word that has no more, by its low bits.
    single: Vec<u64>,
    /// A bit for each other character and the one that follows it, by their hash.
    pairs: Vec<u64>,
}

/// Bits that tell characters and pairs of them apart.
const BITS: u32 = 16;

impl Default for Begins {
    fn default() -> Self {
        let bits = |bits: u32| vec![0; 1 << (bits - 6)];
        Self { ascii: bits(BITS - 1), single: bits(BITS), pairs: bits(BITS) }
    }
}

impl Begins {
    /// Adds a word in small letters.
    pub(super) fn mark(&mut self, word: &str) {
        let mut letters = word.chars();
        let Some(one) = letters.next() else { return };
        let two = letters.next();
        if !one.is_ascii() {
            match two {
                Some(two) => set(&mut self.pairs, pair(one, two)),
                None => set(&mut self.single, u32::from(one)),
            }
            return;
        }
        match word.as_bytes() {
            [one, two, ..] => set(&mut self.ascii, ascii(*one, *two)),
            [one] => (0..=u8::MAX).for_each(|two| set(&mut self.ascii, ascii(*one, two))),
            [] => {}
        }
    }

    /// False if no word begins with an ASCII character and the byte that follows it.
    pub(super) fn ascii(&self, one: u8, two: Option<&u8>) -> bool {
        let two = two.map_or(0, |two| two.to_ascii_lowercase());
        has(&self.ascii, ascii(one.to_ascii_lowercase(), two))
    }

    /// False if no word begins with another character and the one that follows it.
    pub(super) fn beyond(&self, one: char, two: Option<char>) -> bool {
        let two = two.map_or('\0', |two| two.to_ascii_lowercase());
        has(&self.pairs, pair(one, two)) || has(&self.single, u32::from(one))
    }
}

fn ascii(one: u8, two: u8) -> u32 {
    u32::from(one) << 8 | u32::from(two)
}

fn pair(one: char, two: char) -> u32 {
    let hash = u32::from(one).wrapping_mul(0x9e37_79b1) ^ u32::from(two);
    hash.wrapping_mul(0x85eb_ca6b) >> (32 - BITS)
}

fn has(bits: &[u64], bit: u32) -> bool {
    let bit = bit as usize % (64 * bits.len());
    bits[bit / 64] >> (bit % 64) & 1 != 0
}

fn set(bits: &mut [u64], bit: u32) {
    let bit = bit as usize % (64 * bits.len());
    bits[bit / 64] |= 1 << (bit % 64);
}
