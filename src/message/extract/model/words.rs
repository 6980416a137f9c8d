//! The words of a message as the model sees them: the first letters of each, and pairs of letters
//! where a script has no blanks. What belongs to a figure is no word.

use std::hint::select_unpredictable;

use crate::message::extract::code::Figure;
use crate::message::extract::lexer::{Atom, AtomKind, Lexed};

/// First letters of a word that count, so that its endings do not.
const STEM_LEN: usize = 4;
/// Words that most messages have fewer of.
const WORDS_FEW: usize = 32;
/// Words of a message that are looked at.
const WORDS_MAX: usize = 1024;

/// Bytes `start..end` of the folded text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    /// A hash of its first letters, or of the pair.
    pub(super) stem: u32,
    /// Which sentence or line it is in.
    pub(super) sentence: u32,
}

/// Joins two hashes.
pub(super) fn mix(hash: u32, value: u32) -> u32 {
    (hash.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b1)
}

/// The words of a text, in order.
pub(super) fn words(lexed: &Lexed, figures: &[Figure]) -> Vec<Word> {
    let mut words = Vec::with_capacity(WORDS_FEW);
    let mut sentence = 0;
    let mut figures = figures;
    for atom in &lexed.atoms {
        match atom.kind {
            AtomKind::Blank | AtomKind::Link => continue,
            AtomKind::Line => sentence += 1,
            AtomKind::Sign(sign) => {
                let ends = matches!(sign, '.' | '!' | '?' | '。' | '।' | '۔' | '؟');
                sentence += u32::from(ends);
            }
            AtomKind::Run(_) | AtomKind::Letters | AtomKind::Dense => {
                let (start, end) = outside(atom, &mut figures);
                let part = &lexed.text[start..end];
                if atom.kind == AtomKind::Dense {
                    pairs(part, start, sentence, &mut words);
                } else if !part.is_empty() {
                    let is_plain = atom.kind != AtomKind::Letters;
                    let stem =
                        if is_plain { plain_stem(&lexed.text, start, end) } else { stem(part) };
                    words.push(Word { start, end, stem, sentence });
                }
            }
        }
        if words.len() >= WORDS_MAX {
            break;
        }
    }
    words
}

/// The part of an atom that no figure has; figures that end before it are dropped.
fn outside(atom: &Atom, figures: &mut &[Figure]) -> (usize, usize) {
    let (mut start, mut end) = (atom.start, atom.end);
    while let [figure, rest @ ..] = *figures
        && figure.end <= end
    {
        *figures = rest;
        if figure.start > start {
            return (start, figure.start);
        }
        start = start.max(figure.end);
    }
    if let [figure, ..] = figures {
        end = end.min(figure.start.max(start));
    }
    (start, end)
}

fn stem(word: &str) -> u32 {
    let mut hash = SEED;
    let mut letters = word.chars();
    for c in letters.by_ref().take(STEM_LEN) {
        hash = mix(hash, u32::from(c.to_ascii_lowercase()));
    }
    if letters.next().is_none() { mix(hash, 1) } else { hash }
}

/// The stem of a word in ASCII. No branch hangs on how long it is: that cannot be foreseen.
fn plain_stem(text: &str, start: usize, end: usize) -> u32 {
    let len = end - start;
    let rest = &text.as_bytes()[start..];
    let first = rest.first_chunk().copied().unwrap_or_else(|| {
        let mut few = [0; STEM_LEN];
        few[..rest.len()].copy_from_slice(rest);
        few
    });
    let mut hashes = [SEED; STEM_LEN + 1];
    for (at, byte) in first.iter().enumerate() {
        hashes[at + 1] = mix(hashes[at], u32::from(byte.to_ascii_lowercase()));
    }
    let hash = hashes[len.min(STEM_LEN)];
    select_unpredictable(len <= STEM_LEN, mix(hash, 1), hash)
}

const SEED: u32 = 0x811c_9dc5;

fn pairs(part: &str, start: usize, sentence: u32, words: &mut Vec<Word>) {
    let letters = part.char_indices();
    for ((_, one), (at, two)) in letters.clone().zip(letters.skip(1)) {
        let (start, end) = (start + at, start + at + two.len_utf8());
        let stem = mix(mix(SEED, u32::from(one)), u32::from(two));
        words.push(Word { start, end, stem, sentence });
    }
}
