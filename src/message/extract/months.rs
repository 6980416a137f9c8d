//! The names of months in many languages, and the years beside them.
//!
//! Leaves to others: where a date begins and ends.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::begins::Begins;
use super::code::is_year;
use super::lexer::{AtomKind, lex};

/// The names, a comma between them, a line for some languages.
const MONTHS: &str = include_str!("months.txt");
/// Characters of a name that takes an ending, and of the ending.
const STEM_LEN_MIN: usize = 4;
const ENDING_LEN_MAX: usize = 4;
/// Bytes of a name with its ending, so that endless words take no longer.
const NAME_LEN_MAX: usize = 64;

/// The names of months, folded as texts are.
struct Months {
    all: HashSet<Box<str>>,
    /// What they begin with.
    begins: Begins,
    /// Those of scripts without blanks, and those with points inside.
    dense: Vec<Box<str>>,
}

static NAMES: LazyLock<Months> = LazyLock::new(|| {
    let mut months = Months { all: HashSet::new(), begins: Begins::default(), dense: Vec::new() };
    for name in names() {
        let lexed = lex(name);
        let name = lexed.text.to_ascii_lowercase().into_boxed_str();
        if lexed.atoms.first().is_some_and(|atom| atom.kind == AtomKind::Dense) {
            months.dense.push(name);
        } else {
            months.begins.mark(&name, false);
            months.all.insert(name);
        }
    }
    months
});

/// True for the name of a month, or one with an ending.
pub(super) fn is_month(word: &str) -> bool {
    if word.len() > NAME_LEN_MAX || !NAMES.begins.may(word) {
        return false;
    }
    let word = word.to_ascii_lowercase();
    if NAMES.all.contains(&*word) {
        return true;
    }
    let ends = word.char_indices().map(|(at, _)| at).skip(STEM_LEN_MIN);
    let count = word.chars().count();
    ends.enumerate()
        .filter(|(at, _)| count - (at + STEM_LEN_MIN) <= ENDING_LEN_MAX)
        .any(|(_, end)| NAMES.all.contains(&word[..end]))
}

/// True for a year of our time: of the common era, the Buddhist one, the Solar Hijri one.
pub(super) fn is_any_year(digits: &str) -> bool {
    let within = |from: &str, to: &str| (from..=to).contains(&digits);
    digits.len() == 4 && (is_year(digits) || within("2560", "2579") || within("1398", "1415"))
}

/// True for the day of a month.
pub(super) fn is_day(digits: &str) -> bool {
    digits.parse::<u32>().is_ok_and(|day| (1..=31).contains(&day)) && digits.len() <= 2
}

/// True for a text that begins with a month of a script without blanks.
pub(super) fn starts_with_dense(text: &str) -> bool {
    NAMES.dense.iter().any(|name| text.starts_with(&**name))
}

/// True for a text that ends with a month of a script without blanks.
pub(super) fn ends_with_dense(text: &str) -> bool {
    NAMES.dense.iter().any(|name| text.ends_with(&**name))
}

/// The names as the list has them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    MONTHS.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split(", "))
}

/// True for a date in one run of capitals and digits: `12MAY`, `12MAY2025`, `MAY2025`.
pub(super) fn is_run_date(run: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    let rest = run.trim_start_matches(is_digit);
    let month = rest.trim_end_matches(is_digit);
    let (day, year) = (&run[..run.len() - rest.len()], &rest[month.len()..]);
    month.len() >= 3
        && (day.is_empty() || is_day(day))
        && match year.len() {
            0 => !day.is_empty(),
            2 => day.len() == 2,
            _ => is_any_year(year),
        }
        && is_month_exactly(month)
}

/// True for the name of a month as it stands.
fn is_month_exactly(word: &str) -> bool {
    NAMES.all.contains(&*word.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::is_run_date;

    #[test]
    fn a_run_of_day_month_and_year_is_a_date() {
        assert!(is_run_date("12MAY2025") && is_run_date("3MAR2025") && is_run_date("12MAY"));
        assert!(!is_run_date("12MAX2025") && !is_run_date("K7Q4XD") && !is_run_date("482913"));
    }
}
