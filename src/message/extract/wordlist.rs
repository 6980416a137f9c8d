//! Words that a rule knows, folded as texts are and without capitals.

use memchr::memmem::Finder;

use super::lexer;

/// Beginnings of words, in order, each with whether it is a whole word.
pub(super) struct Stems(Vec<(String, bool)>);

impl Stems {
    /// Those behind `=` are whole.
    pub(super) fn of<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let stems = words.map(|word| match word.strip_prefix('=') {
            Some(whole) => (folded(whole), true),
            None => (folded(word), false),
        });
        let mut stems: Vec<_> = stems.collect();
        stems.sort();
        Self(stems)
    }

    /// True for a word in small letters that is one of them or begins as one does.
    pub(super) fn fit(&self, word: &str) -> bool {
        let Some(first) = word.chars().next() else { return false };
        let from = self.0.partition_point(|(stem, _)| stem.chars().next() < Some(first));
        let mut same = self.0[from..].iter().take_while(|(stem, _)| stem.starts_with(first));
        let fits = |(stem, whole): &(String, bool)| match whole {
            true => word == stem,
            false => word.starts_with(stem.as_str()),
        };
        same.any(fits)
    }
}

/// Parts of a text, wherever they stand.
pub(super) struct Parts(Vec<Finder<'static>>);

impl Parts {
    pub(super) fn of<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        Self(words.map(|word| Finder::new(&folded(word)).into_owned()).collect())
    }

    /// True if one of them is in a text in small letters.
    pub(super) fn any_in(&self, text: &str) -> bool {
        self.0.iter().any(|part| part.find(text.as_bytes()).is_some())
    }
}

/// The words of a list that commas divide.
pub(super) fn listed(words: &str) -> impl Iterator<Item = &str> {
    words.split(',').map(str::trim)
}

/// A word of a rule, with the blanks around it.
fn folded(word: &str) -> String {
    // The lexer drops blanks at the ends.
    let text = lexer::lex(&format!("|{word}|")).text;
    text.trim_matches('|').to_lowercase()
}

/// The last word of a text, in small letters, and where it begins.
pub(super) fn last_word(text: &str) -> Option<(usize, String)> {
    let text = text.trim_end_matches(|c| !is_letter(c));
    let word = text.rsplit(|c| !is_letter(c)).next().filter(|word| !word.is_empty())?;
    Some((text.len() - word.len(), word.to_lowercase()))
}

/// True for a letter, and for a vowel sign of the scripts of South Asia.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '\u{900}'..='\u{109f}')
}
