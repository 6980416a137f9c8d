//! The code in a message: the one that its reader is asked to enter, in the languages of the
//! countries that are sold.
//!
//! A code has ASCII digits and capitals only, 3 to 10: digits of any script are converted,
//! separators, invisible characters and the name of a service before a dash are dropped. A
//! figure counts by its shape and by the words beside it; one that is doubtful is left out.
//! The work is linear in the text, of which the first 64 KiB are looked at.
//!
//! Leaves to others: what a message is for, and whether it has come before.

mod begins;
mod candidates;
mod code;
mod cues;
mod dates;
mod emphasis;
mod figures;
mod fold;
mod groups;
mod items;
mod lexer;
mod links;
mod masked;
mod mend;
mod model;
mod months;
mod notice;
mod provider;
mod receipt;
mod shapes;
mod sides;
mod spans;
#[cfg(test)]
mod tests;
mod till;
mod topic;
mod trie;
mod wordlist;

use code::Figure;

/// Bytes of a text that are looked at.
pub const LOOKED_AT: usize = lexer::LEN_MAX;

/// Places of a code in a text that are looked at.
const SAID_MAX: usize = 8;

pub use provider::{CodeField, Readable, from_provider, read};

/// A code in a message, and how sure it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// ASCII digits and capitals, 3 to 10.
    pub code: Box<str>,
    /// Percent, 68 to 99: what is less sure is not found.
    pub confidence: u8,
}

/// The code that a text from this sender asks its reader to enter; `None` where there is none
/// or none is sure.
#[must_use]
pub fn extract(text: &str, sender: &str) -> Option<Found> {
    let text = bare(text);
    // 1. As it was written; without accents and invisible characters, digits in ASCII.
    let text = mend::mend(&text[..text.floor_char_boundary(lexer::LEN_MAX)]);
    let text = emphasis::plain(text);
    let lexed = lexer::lex(&text);
    if !lexed.text.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) {
        return None;
    }
    // 2. The words that say what a figure is.
    let cues = cues::find(&lexed.text);
    // 3. Figures between words.
    let row = items::row(&lexed, &cues);
    // 4. The one that is most likely the code, or else one in a link.
    let judged = model::judge(&row, &lexed, sender);
    let (code, confidence) = judged.or_else(|| links::judge(&row, &lexed.text))?;
    // 5. Only the words together tell that it is none.
    let mut said = row.figures.iter().filter(|figure| figure.code == code).take(SAID_MAX);
    let is_other = |figure: &Figure| {
        masked::is_code_hidden(&lexed.text, &cues, Some(figure))
            || receipt::is_of_receipt(&lexed.text, &cues, figure)
            || notice::is_of_notice(&lexed.text, &cues, figure)
    };
    let is_none = match said.next() {
        Some(first) => is_other(first) && said.all(is_other),
        None => masked::is_code_hidden(&lexed.text, &cues, None),
    };
    (!is_none).then(|| Found { code: code.as_str().into(), confidence })
}

/// The digits of a text that has nothing else but a sign before or behind them: "#44150".
fn bare(text: &str) -> &str {
    let begins = |c: char| c.is_whitespace() || c.is_ascii_digit() || matches!(c, '#' | '№');
    if !text.starts_with(begins) {
        return text;
    }
    let whole = text.trim();
    let digits = whole.trim_start_matches(['#', '№']).trim_end_matches(['.', ',', '!', ';']);
    let is_bare = (4..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if is_bare { digits } else { text }
}
