//! Words found where they begin: the longest that fits, byte by byte.
//!
//! The words are bytes in small letters; a text may have capitals. The work at one place is
//! bounded by the longest word, and one look into one table leads from each byte to the next.

/// Bits of a cell: the byte that leads to it; whether a word ends with it that is not the only one;
/// whether no more than one word has it.
const BYTE: u32 = 0xff;
const WORD: u32 = 1 << 8;
const ONLY: u32 = 1 << 9;
/// Above those bits: where what is left of the only word begins, or else the cell from which the
/// bytes that follow are counted.
const REST: u32 = 10;
/// A byte that no text in UTF-8 has: where it leads to is the number of a word.
const END: u8 = 0xff;
/// A cell that nothing leads to.
const FREE: u32 = u32::MAX;

/// Words, each with a number: a double array, in which no two cells count from the same one.
#[derive(Debug)]
pub(super) struct Trie {
    cells: Vec<u32>,
    /// The cell from which first bytes are counted.
    root: u32,
    /// The number of each word that is the only one behind a cell, in two bytes, and what is left
    /// of it: how many bytes, and those.
    tails: Vec<u8>,
}

/// Words that have a cell's bytes in common, how many, and the cell, if it is not the root.
type Open<'a> = (&'a [(&'a [u8], u16)], usize, Option<usize>);

impl Trie {
    /// Words in order, none twice, none empty.
    pub(super) fn of(words: &[(&[u8], u16)]) -> Self {
        assert!(words.is_sorted_by(|one, two| one.0 < two.0), "words are in order");
        let mut making = Making::default();
        let (mut root, mut tails) = (0, Vec::new());
        let mut open: Vec<Open> = vec![(words, 0, None)];
        while let Some((words, depth, cell)) = open.pop() {
            let value = if let ([(word, number)], Some(_)) = (words, cell) {
                let start = size(tails.len());
                let tail = &word[depth..];
                tails.extend(number.to_le_bytes());
                tails.push(u8::try_from(tail.len()).expect("a word is short"));
                tails.extend(tail);
                ONLY | start << REST
            } else {
                let (word, longer) = match words {
                    [(word, number), longer @ ..] if word.len() == depth => (Some(number), longer),
                    _ => (None, words),
                };
                let groups = || longer.chunk_by(|one, two| one.0[depth] == two.0[depth]);
                let mut bytes: Vec<u8> = groups().map(|group| group[0].0[depth]).collect();
                bytes.extend(word.map(|_| END));
                let from = making.place(&bytes);
                let cell = |byte: u8| from + usize::from(byte);
                if let Some(number) = word {
                    making.cells[cell(END)] = u32::from(*number) << REST | u32::from(END);
                }
                open.extend(groups().map(|it| (it, depth + 1, Some(cell(it[0].0[depth])))));
                word.map_or(0, |_| WORD) | size(from) << REST
            };
            match cell {
                Some(cell) => making.cells[cell] |= value,
                None => root = value >> REST,
            }
        }
        Self { cells: making.cells, root, tails }
    }

    /// Tells of the words that a text begins with, shortest first: each one's length and number.
    pub(super) fn each(&self, text: &[u8], mut found: impl FnMut(usize, u16)) {
        let (mut from, mut at) = (self.root, 0);
        while let Some(byte) = text.get(at) {
            let Some(cell) = self.cell(from, small(*byte)) else { return };
            from = cell >> REST;
            at += 1;
            if cell & ONLY != 0 {
                if let Some((len, number)) = self.tail(from, &text[at..]) {
                    found(at + len, number);
                }
                return;
            }
            if cell & WORD != 0
                && let Some(end) = self.cell(from, END)
            {
                found(at, (end >> REST) as u16);
            }
        }
    }

    /// What is left of the only word behind a cell, if the text goes on so, and its number.
    fn tail(&self, start: u32, text: &[u8]) -> Option<(usize, u16)> {
        let [low, high, len, rest @ ..] = self.tails.get(start as usize..)? else { return None };
        let len = usize::from(*len);
        let fits = text.get(..len)?.eq_ignore_ascii_case(rest.get(..len)?);
        fits.then(|| (len, u16::from_le_bytes([*low, *high])))
    }

    /// The cell that a byte leads to.
    fn cell(&self, from: u32, byte: u8) -> Option<u32> {
        let cell = *self.cells.get(from as usize + usize::from(byte))?;
        (cell & BYTE == u32::from(byte)).then_some(cell)
    }
}

/// A table that is being filled.
#[derive(Default)]
struct Making {
    cells: Vec<u32>,
    /// Cells that the bytes behind another cell are counted from.
    taken: Vec<bool>,
    /// Where the search for free cells begins: for one of them, for several.
    hints: [usize; 2],
}

impl Making {
    /// Takes a cell for each of these bytes, which are in order: the cell to count them from.
    fn place(&mut self, bytes: &[u8]) -> usize {
        let hint = usize::from(bytes.len() > 1);
        let mut from = self.hints[hint];
        let mut tries = 0;
        while !self.fits(from, bytes) {
            from += 1;
            tries += 1;
        }
        if tries > TRIES_MANY {
            self.hints[hint] = from;
        }
        let len = self.cells.len().max(from + usize::from(END) + 1);
        self.cells.resize(len, FREE);
        self.taken.resize(len, false);
        self.taken[from] = true;
        for byte in bytes {
            self.cells[from + usize::from(*byte)] = u32::from(*byte);
        }
        from
    }

    fn fits(&self, from: usize, bytes: &[u8]) -> bool {
        let is_free =
            |byte: &u8| self.cells.get(from + usize::from(*byte)).is_none_or(|cell| *cell == FREE);
        !self.taken.get(from).is_some_and(|taken| *taken) && bytes.iter().all(is_free)
    }
}

/// Cells that did not fit, after which the search begins behind them.
const TRIES_MANY: usize = 16;

fn small(byte: u8) -> u8 {
    byte.to_ascii_lowercase()
}

fn size(len: usize) -> u32 {
    u32::try_from(len).expect("a table of words is far smaller")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_that_a_text_begins_with_are_found() {
        let words: [(&[u8], u16); 5] =
            [(b"co", 0), (b"code", 1), (b"codes", 2), (b"pin", 3), (b"pine", 0)];
        let trie = Trie::of(&words);
        let found = |text: &str| {
            let mut found = Vec::new();
            trie.each(text.as_bytes(), |len, number| found.push((len, number)));
            found
        };
        assert_eq!(found("Code is"), [(2, 0), (4, 1)]);
        assert_eq!(found("codes"), [(2, 0), (4, 1), (5, 2)]);
        assert_eq!(found("PIN"), [(3, 3)]);
        assert_eq!(found("pine\0"), [(3, 3), (4, 0)]);
        assert!(found("c").is_empty() && found("").is_empty() && found("x").is_empty());
        assert!(found("\0").is_empty() && found("co\0").len() == 1);
    }
}
