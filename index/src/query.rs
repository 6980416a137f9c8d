//! From a typed text to a query, built by hand: no query language is exposed,
//! so no text can be malformed or expensive.

use tantivy::query::{
    BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, FuzzyTermQuery, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption, Term};

use crate::schema::{Fields, analyzer};

/// The longest text that is looked at, in bytes; what comes after is ignored.
pub const TEXT_LEN_MAX: usize = 200;

/// The most words of a text that are looked at; each costs up to four term lookups.
pub(crate) const WORDS_MAX: usize = 8;

/// A code or a whole word, as typed.
const EXACT_SCORE: f32 = 8.0;
/// The beginning of a word.
pub(crate) const PREFIX_SCORE: f32 = 4.0;
/// The beginning of a word, but for a typo or two.
const FUZZY_SCORE: f32 = 1.0;

/// The words of a text, lower case, without accents.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut end = text.len().min(TEXT_LEN_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(&text[..end]);
    let mut words = Vec::new();
    while words.len() < WORDS_MAX && stream.advance() {
        words.push(stream.token().text.clone());
    }
    words
}

/// A document scores by its best way to match the word, not by their sum: a
/// name that is spelt alike in six languages is no better a hit.
pub(crate) fn word(text: &str, fields: Fields) -> Box<dyn Query> {
    let mut ways = vec![
        exact(fields.codes, text),
        exact(fields.words, text),
        prefix(fields.words, text, 0, PREFIX_SCORE),
    ];
    let typos = typos_allowed(text);
    if typos > 0 {
        ways.push(prefix(fields.words, text, typos, FUZZY_SCORE));
    }
    Box::new(DisjunctionMaxQuery::new(ways))
}

/// Typos by the length of the word in letters: in a short one they would make another word of it.
fn typos_allowed(text: &str) -> u8 {
    match text.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

fn exact(field: Field, text: &str) -> Box<dyn Query> {
    let term = TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic);
    Box::new(ConstScoreQuery::new(Box::new(term), EXACT_SCORE))
}

fn prefix(field: Field, text: &str, typos: u8, score: f32) -> Box<dyn Query> {
    let term = Term::from_field_text(field, text);
    Box::new(BoostQuery::new(Box::new(FuzzyTermQuery::new_prefix(term, typos, true)), score))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_few_plain_words() {
        assert_eq!(words("  Côte d’Ivoire, İZMİR! "), ["cote", "d", "ivoire", "izmir"]);
        assert_eq!(words("ВОТСАП"), ["вотсап"]);
        assert_eq!(words("+*~^\"(:"), [""; 0]);
        assert_eq!(words(&"a ".repeat(100)).len(), WORDS_MAX);
        assert_eq!(words(&"ж".repeat(100)), [""; 0]);
        assert_eq!(words(&format!("{}жж", " ".repeat(TEXT_LEN_MAX - 3))), ["ж"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_becomes_few_short_words(text in ".{0,300}") {
            let words = words(&text);
            proptest::prop_assert!(words.len() <= WORDS_MAX);
            proptest::prop_assert!(words.iter().all(|word| !word.is_empty()));
        }
    }

    #[test]
    fn the_longer_the_word_the_more_typos_are_forgiven() {
        let typos = ["tg", "ind", "indo", "телегра", "indonesi"].map(typos_allowed);
        assert_eq!(typos, [0, 0, 1, 1, 2]);
    }
}
