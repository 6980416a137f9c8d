//! Words found where they begin: the longest that fits, letter by letter.
//!
//! The words are bytes in small letters; a text may have capitals. The work at one place is
//! bounded by the longest word.

use std::ops::Range;

/// A node without a word.
const NONE: u32 = u32::MAX;
/// Two letters that are looked at one after the other.
const SINGLY: u32 = u32::MAX - 1;
/// Labels that are looked through in order; of more the middle is looked at first.
const LABELS_FEW: usize = 8;

#[derive(Debug)]
struct Node {
    /// Bytes that all words behind it have next.
    tail: Range<u32>,
    /// The nodes that follow; `labels` has the byte that leads to each.
    children: Range<u32>,
    word: u32,
}

/// A node yet to be filled, its words, and how many of their bytes lead to it.
type Open<'a> = (usize, &'a [(&'a [u8], u32)], usize);

/// Words, each with a number.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    labels: Vec<u8>,
    tails: Vec<u8>,
    /// Where the first byte of a word leads; `NONE` where no word begins so.
    roots: [u32; 256],
    /// A bit for each three bytes that a word may begin with, by their hash.
    begins: Vec<u64>,
    /// The first bytes of words that are no longer.
    single: [bool; 256],
    /// The node behind two small letters, without the one between; `SINGLY` where that one counts.
    pairs: Vec<u32>,
}

/// The bit of three bytes: most places of a text are passed over by it.
fn bit(bytes: [u8; 3]) -> (usize, u64) {
    let [one, two, three] = bytes.map(u32::from);
    let hash = (one | two << 8 | three << 16).wrapping_mul(0x9e37_79b1) >> 16;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

impl Trie {
    /// Words in order, none twice, none empty.
    pub(super) fn of(words: &[(&[u8], u32)]) -> Self {
        assert!(words.is_sorted_by(|one, two| one.0 < two.0), "words are in order");
        let mut trie = Self {
            nodes: Vec::new(),
            labels: Vec::new(),
            tails: Vec::new(),
            roots: [NONE; 256],
            begins: vec![0; 1 << 10],
            single: [false; 256],
            pairs: Vec::new(),
        };
        words.iter().for_each(|(word, _)| trie.mark(word));
        let mut open = Vec::new();
        let children = trie.branch(words, 0, &mut open);
        for child in children {
            trie.roots[usize::from(trie.labels[child as usize])] = child;
        }
        while let Some((node, words, depth)) = open.pop() {
            let rest = |at: usize| &words[at].0[depth..];
            let (first, last) = (rest(0), rest(words.len() - 1));
            let shared = first.iter().zip(last).take_while(|(one, two)| one == two).count();
            let start = size(trie.tails.len());
            trie.tails.extend_from_slice(&first[..shared]);
            let (word, longer) = match words {
                [(_, number), longer @ ..] if first.len() == shared => (*number, longer),
                _ => (NONE, words),
            };
            let children = trie.branch(longer, depth + shared, &mut open);
            let tail = start..size(trie.tails.len());
            trie.nodes[node] = Node { tail, children, word };
        }
        let letters = || b'a'..=b'z';
        let pairs = letters().flat_map(|one| letters().map(move |two| (one, two)));
        trie.pairs = pairs.map(|(one, two)| trie.behind(one, two)).collect();
        trie
    }

    /// The node behind two letters.
    fn behind(&self, one: u8, two: u8) -> u32 {
        let root = self.roots[usize::from(one)];
        match self.nodes.get(root as usize) {
            None => NONE,
            Some(node) if node.word != NONE || !node.tail.is_empty() => SINGLY,
            Some(node) => self.child(&node.children, two),
        }
    }

    /// The first node of the words that a text may begin with, and the bytes that lead to it.
    fn first(&self, text: &[u8]) -> (u32, usize) {
        if !self.may_begin(text) {
            return (NONE, 0);
        }
        let letter = |at: usize| {
            let byte = text.get(at).map(|byte| small(*byte));
            byte.filter(u8::is_ascii_lowercase).map(|byte| usize::from(byte - b'a'))
        };
        if let (Some(one), Some(two)) = (letter(0), letter(1)) {
            let node = self.pairs[one * 26 + two];
            if node != SINGLY {
                return (node, 2);
            }
        }
        (text.first().map_or(NONE, |byte| self.roots[usize::from(small(*byte))]), 1)
    }

    /// Marks what a word begins with, and what may follow a short one.
    fn mark(&mut self, word: &[u8]) {
        let [one, rest @ ..] = word else { return };
        let Some(two) = rest.first() else {
            self.single[usize::from(*one)] = true;
            return;
        };
        for three in rest.get(1).map_or(0..=u8::MAX, |three| *three..=*three) {
            let (at, bit) = bit([*one, *two, three]);
            self.begins[at] |= bit;
        }
    }

    /// True unless no word begins as a text does.
    fn may_begin(&self, text: &[u8]) -> bool {
        let byte = |at: usize| text.get(at).map_or(0, |byte| small(*byte));
        let (at, bit) = bit([byte(0), byte(1), byte(2)]);
        self.begins[at] & bit != 0 || self.single[usize::from(byte(0))]
    }

    /// Makes a node for each byte that words have at a depth.
    fn branch<'a>(
        &mut self,
        words: &'a [(&'a [u8], u32)],
        depth: usize,
        open: &mut Vec<Open<'a>>,
    ) -> Range<u32> {
        let first = size(self.nodes.len());
        for group in words.chunk_by(|one, two| one.0[depth] == two.0[depth]) {
            open.push((self.nodes.len(), group, depth + 1));
            self.nodes.push(Node { tail: 0..0, children: 0..0, word: NONE });
            self.labels.push(group[0].0[depth]);
        }
        first..size(self.nodes.len())
    }

    /// The words that a text begins with, shortest first: each one's length and number.
    pub(super) fn prefixes<'a>(
        &'a self,
        text: &'a [u8],
    ) -> impl Iterator<Item = (usize, usize)> + 'a {
        let (mut next, mut at) = self.first(text);
        std::iter::from_fn(move || {
            while next != NONE {
                let Node { tail, children, word } = &self.nodes[next as usize];
                let tail = &self.tails[tail.start as usize..tail.end as usize];
                let fits = text.get(at..at + tail.len()).is_some_and(|text| {
                    text.iter().zip(tail).all(|(byte, tail)| small(*byte) == *tail)
                });
                if !fits {
                    break;
                }
                let end = at + tail.len();
                next = text.get(end).map_or(NONE, |byte| self.child(children, small(*byte)));
                at = end + 1;
                if *word != NONE {
                    return Some((end, *word as usize));
                }
            }
            next = NONE;
            None
        })
    }

    fn child(&self, children: &Range<u32>, byte: u8) -> u32 {
        let labels = &self.labels[children.start as usize..children.end as usize];
        let at = if labels.len() <= LABELS_FEW {
            labels.iter().position(|label| *label == byte)
        } else {
            labels.binary_search(&byte).ok()
        };
        at.map_or(NONE, |at| children.start + size(at))
    }
}

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
        let words: [(&[u8], u32); 4] = [(b"co", 0), (b"code", 1), (b"codes", 2), (b"pin", 3)];
        let trie = Trie::of(&words);
        let found = |text: &str| trie.prefixes(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(found("Code is"), [(2, 0), (4, 1)]);
        assert_eq!(found("codes"), [(2, 0), (4, 1), (5, 2)]);
        assert_eq!(found("PIN"), [(3, 3)]);
        assert!(found("c").is_empty() && found("").is_empty() && found("x").is_empty());
    }
}
