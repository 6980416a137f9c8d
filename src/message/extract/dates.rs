//! Dates with the name of a month: `3 Mar 2025`, `March 3rd, 2025`, `2025. március 3.`,
//! `3 มีนาคม 2568`. A day or a year beside a month is no code, and joins no other figure.
//!
//! Leaves to others: dates in figures alone, and what stands around a date.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::code::is_year;
use super::figures::Builder;
use super::lexer::{AtomKind, RunLetters, lex};

/// The names, a comma between them, a line for some languages.
const MONTHS: &str = include_str!("months.txt");
/// Words between a day, a month and a year, folded.
const LINKS: &[&str] = &[
    "de",
    "del",
    "di",
    "d",
    "da",
    "do",
    "of",
    "den",
    "the",
    "g",
    "г",
    "year",
    "tahun",
    "nam",
    "an",
    "gada",
    "m",
    "yil",
    "il",
    "eko",
    "жылғы",
    "ж",
    "оны",
    "го",
    "года",
    "του",
    "من",
    "عام",
    "سنة",
    "ماه",
    "سال",
    "ค",
    "พ",
    "ศ",
    "ปี",
    "st",
    "nd",
    "rd",
    "th",
    "er",
    "è",
];
/// Atoms between a figure and its month.
const REACH: usize = 8;
/// Characters of a month that is cut short, with a point behind it.
const SHORT_LEN_MAX: usize = 5;
/// Characters of a name that takes an ending, and of the ending.
const STEM_LEN_MIN: usize = 4;
const ENDING_LEN_MAX: usize = 4;
/// Bytes of a name with its ending, so that endless words take no longer.
const NAME_LEN_MAX: usize = 64;

/// The names of months, folded as texts are.
struct Months {
    all: HashSet<Box<str>>,
    /// Those of scripts without blanks, and those with points inside.
    dense: Vec<Box<str>>,
}

static NAMES: LazyLock<Months> = LazyLock::new(|| {
    let mut months = Months { all: HashSet::new(), dense: Vec::new() };
    let lines = MONTHS.lines().filter(|line| !line.starts_with('#'));
    for name in lines.flat_map(|line| line.split(", ")) {
        let lexed = lex(name);
        let name = lexed.text.to_ascii_lowercase().into_boxed_str();
        if lexed.atoms.first().is_some_and(|atom| atom.kind == AtomKind::Dense) {
            months.dense.push(name);
        } else {
            months.all.insert(name);
        }
    }
    months
});

/// True for the name of a month, or one with an ending.
pub(super) fn is_month(word: &str) -> bool {
    if word.len() > NAME_LEN_MAX {
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
fn is_any_year(digits: &str) -> bool {
    let within = |from: &str, to: &str| (from..=to).contains(&digits);
    digits.len() == 4 && (is_year(digits) || within("2560", "2579") || within("1398", "1415"))
}

fn is_day(digits: &str) -> bool {
    digits.parse::<u32>().is_ok_and(|day| (1..=31).contains(&day)) && digits.len() <= 2
}

/// A month beside a figure.
struct Beside {
    /// The atom of it that is farthest from the figure.
    at: usize,
    /// A day stands between.
    day: bool,
}

impl Builder<'_> {
    /// True for a day or a year of a date with the name of a month.
    pub(super) fn is_of_date(self, at: usize) -> bool {
        let Some(digits) = self.number(at) else { return false };
        if digits.len() == 4 {
            return is_any_year(digits)
                && (self.month(at, false).is_some() || self.month(at, true).is_some());
        }
        if digits.len() > 2 || self.goes_on(at) {
            return false;
        }
        let near = |ahead: bool| self.month(at, ahead).filter(|month| !month.day);
        let before = near(false);
        is_day(digits) && (before.is_some() || near(true).is_some())
            // "3 Mar 45".
            || digits.len() == 2 && before.is_some_and(|month| self.has_day(month.at))
    }

    /// True for digits with a sign and more digits: a time, an amount.
    fn goes_on(self, at: usize) -> bool {
        let sign = matches!(self.kind(at + 1), Some(AtomKind::Sign(':' | '.' | ',' | '/' | '-')));
        sign && self.number(at + 2).is_some()
    }

    /// True for a month behind a day.
    fn has_day(self, month: usize) -> bool {
        (month.saturating_sub(3)..month).any(|at| self.number(at).is_some_and(is_day))
    }

    /// The month that belongs to the figure at this atom, on one side of it.
    fn month(self, from: usize, ahead: bool) -> Option<Beside> {
        let (mut at, mut day, mut full_stop) = (from, false, false);
        for _ in 0..REACH {
            at = if ahead { at + 1 } else { at.checked_sub(1)? };
            let joins = match self.kind(at)? {
                AtomKind::Blank => continue,
                AtomKind::Sign('.') => {
                    if self.dotted(at, ahead) {
                        return Some(Beside { at, day });
                    }
                    full_stop |= self.is_blank(at + 1);
                    continue;
                }
                AtomKind::Sign(',' | '-' | '/' | '\'' | 'º' | '°' | '،') => continue,
                AtomKind::Sign(_) | AtomKind::Line | AtomKind::Link => return None,
                AtomKind::Dense => {
                    if self.dotted(at, ahead) {
                        return Some(Beside { at, day });
                    }
                    LINKS.contains(&self.text(at))
                }
                AtomKind::Letters => self.is_named(at),
                AtomKind::Run(run) if run.is_word() => self.is_named(at),
                AtomKind::Run(_) => {
                    if day || !self.is_ordinal(at) {
                        return None;
                    }
                    day = true;
                    continue;
                }
            };
            let word = self.text(at);
            if !joins {
                return None;
            }
            if !is_month(word) {
                continue;
            }
            let brief = word.chars().count() <= SHORT_LEN_MAX;
            let whole = !full_stop || !ahead && brief && !day || ahead && self.leads(at);
            return whole.then_some(Beside { at, day });
        }
        None
    }

    /// True for a month or a word that links it.
    fn is_named(self, at: usize) -> bool {
        LINKS.contains(&self.text(at)) || is_month(self.text(at))
    }

    /// True for a month with a day on either side: "2025. március 3", "2025. gada 3. marts".
    fn leads(self, month: usize) -> bool {
        let behind = (month + 1..month + 4).any(|at| self.is_ordinal(at));
        behind || self.has_day(month)
    }

    /// True for a day, which may have an ending: `3`, `3rd`.
    fn is_ordinal(self, at: usize) -> bool {
        let Some(RunLetters { digits: true, upper: false, .. }) = self.run(at) else {
            return false;
        };
        let text = self.text(at);
        let ending = text.trim_start_matches(|c: char| c.is_ascii_digit());
        ending.len() <= 3 && is_day(&text[..text.len() - ending.len()])
    }

    /// True for a month of a script without blanks, on one side of the figure.
    fn dotted(self, at: usize, ahead: bool) -> bool {
        let text = &self.lexed.text;
        let is = |name: &str| {
            if ahead {
                text[self.lexed.atoms[at].start..].starts_with(name)
            } else {
                text[..self.end(at)].ends_with(name)
            }
        };
        NAMES.dense.iter().any(|name| is(name))
    }
}

/// True for a date in one run of capitals and digits: `12MAY`, `12MAY2025`, `MAY2025`.
pub(super) fn is_run_date(run: &str) -> bool {
    let month = run.trim_matches(|c: char| c.is_ascii_digit());
    let day = run.find(month).map_or("", |at| &run[..at]);
    let year = &run[day.len() + month.len()..];
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
    use super::super::code::Shape;
    use super::super::{cues, items};
    use super::*;

    /// True if a text has a figure that may be a code.
    fn is_open(text: &str) -> bool {
        let lexed = lex(text);
        let row = items::row(&lexed, &cues::find(&lexed.text));
        row.figures.iter().any(|figure| figure.shape != Shape::Capitals && figure.is_open())
    }

    #[test]
    fn each_name_of_a_month_makes_a_date_of_days_and_years_beside_it() {
        let lines = MONTHS.lines().filter(|line| !line.starts_with('#'));
        let mut wrong = Vec::new();
        for name in lines.flat_map(|line| line.split(", ")) {
            for text in ["12 {} 2025", "{} 3, 2025", "{} 3 2025", "2025. {} 3", "12. {} 2568"] {
                let text = text.replace("{}", name);
                if is_open(&text) {
                    wrong.push(text);
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn other_words_and_other_figures_make_no_date() {
        for text in
            ["2025 users", "Code 2025. May I ask you", "3 Mar: 2025", "3 Mar 4821", "marx 2025"]
        {
            assert!(is_open(text), "{text}");
        }
        assert!(is_run_date("12MAY2025") && is_run_date("3MAR2025") && is_run_date("12MAY"));
        assert!(!is_run_date("12MAX2025") && !is_run_date("K7Q4XD") && !is_run_date("482913"));
    }
}
