//! Dates with the name of a month: `3 Mar 2025`, `March 3rd, 2025`, `2025. március 3.`,
//! `3 มีนาคม 2568`. A day or a year beside a month is no code, and joins no other figure.
//!
//! Leaves to others: the names of months, dates in figures alone, what stands around a date.

use std::sync::LazyLock;

use super::begins::Begins;
use super::figures::Builder;
use super::lexer::{AtomKind, RunLetters};
use super::months::{ends_with_dense, is_any_year, is_day, is_month, starts_with_dense};

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

/// What the words of `LINKS` begin with.
static BEGINS: LazyLock<Begins> = LazyLock::new(|| {
    let mut begins = Begins::default();
    LINKS.iter().for_each(|word| begins.mark(word, true));
    begins
});

fn is_link(word: &str) -> bool {
    BEGINS.may(word) && LINKS.contains(&word)
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
                    is_link(self.text(at))
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
        is_link(self.text(at)) || is_month(self.text(at))
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
        if ahead {
            starts_with_dense(&text[self.lexed.atoms[at].start..])
        } else {
            ends_with_dense(&text[..self.end(at)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::code::Shape;
    use super::super::lexer::lex;
    use super::super::months::names;
    use super::super::{cues, items};

    /// True if a text has a figure that may be a code.
    fn is_open(text: &str) -> bool {
        let lexed = lex(text);
        let row = items::row(&lexed, &cues::find(&lexed.text));
        row.figures.iter().any(|figure| figure.shape != Shape::Capitals && figure.is_open())
    }

    #[test]
    fn each_name_of_a_month_makes_a_date_of_days_and_years_beside_it() {
        let mut wrong = Vec::new();
        for name in names() {
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
    }
}
