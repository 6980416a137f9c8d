//! What words begin with: most places of a text are passed over by a look at two characters.
//!
//! Leaves to others: which word it is, if any.

/// Which pairs of characters a word may begin with. A pair may be let through that no word has.
#[derive(Debug)]
pub(super) struct Begins {
    /// For each ASCII character a bit for each byte that may follow it, by its low bits, which
    /// are the same for capitals and small letters.
    ascii: [u32; 128],
    /// A bit for each other character of a word that has no more, by its low bits.
    single: Bits,
    /// A bit for each other character and the one that follows it, by their hash.
    pairs: Bits,
}

/// Bits that tell other characters and pairs of them apart.
const BITS: u32 = 16;
type Bits = [u64; 1 << (BITS - 6)];

impl Default for Begins {
    fn default() -> Self {
        Self { ascii: [0; 128], single: [0; 1 << (BITS - 6)], pairs: [0; 1 << (BITS - 6)] }
    }
}

impl Begins {
    /// Adds a word in small letters.
    pub(super) fn mark(&mut self, word: &str) {
        let mut letters = word.chars();
        let Some(one) = letters.next() else { return };
        let two = letters.next();
        match (one, two) {
            ('\0'..='\x7f', _) => {
                let next = word.as_bytes().get(1);
                let bits = next.map_or(u32::MAX, |next| 1 << (next & 31));
                self.ascii[one as usize] |= bits;
                self.ascii[one.to_ascii_uppercase() as usize] |= bits;
            }
            (_, Some(two)) => set(&mut self.pairs, pair(one, two)),
            (_, None) => set(&mut self.single, u32::from(one)),
        }
    }

    /// False if no word begins with an ASCII character and the byte that follows it.
    pub(super) fn ascii(&self, one: u8, two: u8) -> bool {
        self.ascii[usize::from(one & 0x7f)] >> (two & 31) & 1 != 0
    }

    /// False if no word begins with another character and the one that follows it.
    pub(super) fn beyond(&self, one: char, two: Option<char>) -> bool {
        let two = two.map_or('\0', |two| two.to_ascii_lowercase());
        has(&self.pairs, pair(one, two)) || has(&self.single, u32::from(one))
    }
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
