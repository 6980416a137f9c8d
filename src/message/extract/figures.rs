//! What may be a code by its shape: a run of digits or capitals, or groups of them that belong
//! together. Amounts, dates, times, phone and card numbers are known by their shape as well.

use super::code::{CODE_LEN, Code, Figure, Shape, is_day};
use super::cues::{Cue, Kind};
use super::lexer::{Atom, AtomKind, Lexed, RunLetters};
use super::months::{is_month, is_run_date};
use super::shapes::{figure_len, is_clock, is_dotted, is_hidden, is_spoken, shape_of};

/// Groups that are read as one figure; more belong to a card or an account.
pub(super) const GROUPS_MAX: usize = 12;
/// Digits of a group behind a hidden one that belongs to it: what is longer may be a code.
const HIDDEN_GROUP_MAX: usize = 4;
/// What languages of southern Africa write before a number, with a dash: `Faka u-4821`.
const PARTICLES: &[&str] = &[
    "e", "i", "ka", "ku", "kwi", "li", "ne", "nge", "ngo", "ngu", "no", "o", "si", "u", "we", "wu",
    "yi",
];
/// Programs whose versions have three digits.
const PROGRAMS: &[&str] = &["chrome", "chromium", "firefox", "edge", "opera", "safari", "brave"];
/// Signs and blanks between digits that are said one by one, as in `4 ... 8 ... 2`.
const SPELLED_SIGNS_MAX: usize = 5;

/// A figure and the atom that follows it.
pub(super) type Built = (Figure, usize);

/// Builds the figures of one text.
#[derive(Clone, Copy)]
pub(super) struct Builder<'a> {
    pub(super) lexed: &'a Lexed,
    pub(super) cues: &'a [Cue],
}

impl<'a> Builder<'a> {
    /// The figure that begins in this atom at `start`, unless the atom is a plain word.
    pub(super) fn build(self, at: usize, start: usize, end: usize) -> Option<Built> {
        let run = self.run(at)?;
        if run.is_small_word() {
            return None;
        }
        if run.is_word() {
            return self.drawn(at, start).or_else(|| self.capitals(at));
        }
        let part = &self.lexed.text[start..end];
        let is_number = run.is_number() || part.bytes().all(|b| b.is_ascii_digit());
        if run.lower && start == self.lexed.atoms[at].start && is_spoken(part) {
            return None;
        }
        if is_hidden(&self.lexed.text, start, end) {
            return Some(self.closed(Shape::Measure, start, self.hidden_to(at)));
        }
        let before = self.lexed.text[..start].chars().next_back();
        if before == Some('+') || before == Some('(') && self.is_area(at) {
            return Some(self.phone(at, start));
        }
        // The figure may end before its atom does, where a unit is written close to it.
        if end < self.lexed.atoms[at].end {
            let (figure, next) = self.closed(Shape::Measure, start, at);
            return Some((Figure { end, ..figure }, next));
        }
        // "3 Mar 2025", "Chrome 120".
        if is_number && (self.is_of_date(at) || self.is_version(at)) {
            return Some(self.closed(Shape::Measure, start, at));
        }
        if self.follows_word(at) {
            return Some(self.closed(Shape::Taken, start, at));
        }
        // "P749.00", "R350,50".
        if !is_number && self.is_priced(at, part) {
            return Some(self.closed(Shape::Measure, start, at + 2));
        }
        if let Some(built) = self.spelled(at, start) {
            return Some(built);
        }
        let built = match self.kind(at + 1) {
            Some(AtomKind::Sign('.' | ',' | ':' | '/' | '\'')) if is_number => {
                self.amount(at, start)
            }
            Some(AtomKind::Sign('-')) => self.hyphenated(at, start),
            Some(AtomKind::Sign('·' | '_')) if is_number => self.parted(at, start),
            Some(AtomKind::Blank) if is_number => {
                self.halved(at, start).or_else(|| self.spaced(at, start))
            }
            Some(AtomKind::Blank) => self.paired(at, start),
            _ => None,
        };
        Some(built.unwrap_or_else(|| self.alone(at, start, end)))
    }

    /// The last of the short groups that follow a hidden one: they are no figure without it.
    fn hidden_to(self, at: usize) -> usize {
        let mut last = at;
        for _ in 0..GROUPS_MAX {
            let joined = matches!(self.kind(last + 1), Some(AtomKind::Blank | AtomKind::Sign('-')));
            let is_short = |group: &str| group.len() <= HIDDEN_GROUP_MAX;
            if !joined || !self.number(last + 2).is_some_and(is_short) || self.is_cue(last + 2) {
                break;
            }
            last += 2;
        }
        last
    }

    pub(super) fn kind(self, at: usize) -> Option<AtomKind> {
        self.lexed.atoms.get(at).map(|atom| atom.kind)
    }

    pub(super) fn is_blank(self, at: usize) -> bool {
        self.kind(at) == Some(AtomKind::Blank)
    }

    /// What is in the run at this place, if one is there.
    pub(super) fn run(self, at: usize) -> Option<RunLetters> {
        match self.kind(at)? {
            AtomKind::Run(letters) => Some(letters),
            AtomKind::Letters
            | AtomKind::Dense
            | AtomKind::Blank
            | AtomKind::Line
            | AtomKind::Sign(_)
            | AtomKind::Link => None,
        }
    }

    pub(super) fn number(self, at: usize) -> Option<&'a str> {
        self.run(at).filter(|run| run.is_number()).map(|_| self.text(at))
    }

    pub(super) fn text(self, at: usize) -> &'a str {
        let Atom { start, end, .. } = self.lexed.atoms[at];
        &self.lexed.text[start..end]
    }

    /// Bytes of the atom at this place.
    pub(super) fn len(self, at: usize) -> usize {
        let Atom { start, end, .. } = self.lexed.atoms[at];
        end - start
    }

    pub(super) fn end(self, at: usize) -> usize {
        self.lexed.atoms[at].end
    }

    /// The word of the table that begins at this byte.
    pub(super) fn cue_at(self, start: usize) -> Option<Kind> {
        let at = self.cues.partition_point(|cue| cue.start < start);
        self.cues.get(at).filter(|cue| cue.start == start).map(|cue| cue.kind)
    }

    /// True if the run at this place is a word of the table, or the beginning of a phrase; not a
    /// group of a code that is such a word by chance.
    pub(super) fn is_cue(self, at: usize) -> bool {
        let atom = self.lexed.atoms[at];
        let cue = self.cues.partition_point(|cue| cue.start < atom.start);
        let cue = self.cues.get(cue).filter(|cue| cue.start == atom.start && cue.end >= atom.end);
        cue.is_some_and(|cue| cue.end > atom.end || !self.is_group(at))
    }

    /// True for capitals among groups of a code that are as long, with hyphens between them: the
    /// currency's letters in `WXK-7PR-BAM`, not in `BAM-500` or `EUR-USD`.
    pub(super) fn is_group(self, at: usize) -> bool {
        let len = self.len(at);
        let dash = |at: usize| self.kind(at) == Some(AtomKind::Sign('-'));
        let group = |at: usize| {
            let text = self.run(at).filter(|run| !run.lower).map(|_| self.text(at));
            text.filter(|text| text.len() == len)
        };
        // Most words have no hyphen beside them.
        if !(dash(at + 1) || at > 0 && dash(at - 1)) || group(at).is_none() {
            return false;
        }
        let most = CODE_LEN.end() / len.max(1);
        let before = (1..=most).take_while(|n| {
            at.checked_sub(2 * n).is_some_and(|place| dash(place + 1) && group(place).is_some())
        });
        let behind = (1..=most).take_while(|n| dash(at + 2 * n - 1) && group(at + 2 * n).is_some());
        let (first, last) = (at - 2 * before.count(), at + 2 * behind.count());
        let count = (last - first) / 2 + 1;
        let has = |text: &str, is: fn(&u8) -> bool| text.bytes().any(|b| is(&b));
        let groups = (first..=last).step_by(2).map(|at| self.text(at));
        let mut others = groups.clone().filter(|text| *text != self.text(at));
        let is_mixed =
            |text: &str| has(text, u8::is_ascii_digit) && has(text, u8::is_ascii_uppercase);
        let is_word = |text: &str| has(text, u8::is_ascii_uppercase);
        (2..=most).contains(&count)
            && (others.clone().any(is_mixed) || count > 2 && others.any(is_word))
    }

    /// A figure that is no code, up to the end of the atom `last`.
    pub(super) fn closed(self, shape: Shape, start: usize, last: usize) -> Built {
        (Figure { shape, code: Code::default(), start, end: self.end(last) }, last + 1)
    }

    /// True for a currency's letters and an amount with two decimals.
    fn is_priced(self, at: usize, part: &str) -> bool {
        let amount = part.trim_start_matches(|c: char| c.is_ascii_uppercase());
        let letters = part.len() - amount.len();
        (1..=3).contains(&letters)
            && amount.bytes().all(|b| b.is_ascii_digit())
            && matches!(self.kind(at + 1), Some(AtomKind::Sign('.' | ',')))
            && self.number(at + 2).is_some_and(|decimals| decimals.len() == 2)
    }

    /// Digits and letters without any group beside them.
    fn alone(self, at: usize, start: usize, end: usize) -> Built {
        let end = start + figure_len(&self.lexed.text[start..end]);
        let text = &self.lexed.text[start..end];
        let small = text.bytes().any(|b| b.is_ascii_lowercase());
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let (shape, code) = match Code::of([text]) {
            Some(_) if digits && is_day(text) => (Shape::Measure, Code::default()),
            Some(code) if digits => (Shape::Digits, code),
            _ if text.as_bytes().windows(3).any(|it| it == b"XXX") || is_run_date(text) => {
                (Shape::Measure, Code::default())
            }
            Some(code) if !small => (Shape::Mixed, code),
            _ if text.len() >= *CODE_LEN.start() => (Shape::Taken, Code::default()),
            _ => (Shape::Measure, Code::default()),
        };
        (Figure { shape, code, start, end }, at + 1)
    }

    /// True behind a word in small letters and a hyphen or a low line, as in `river-4821`.
    fn follows_word(self, at: usize) -> bool {
        at >= 2
            && matches!(self.kind(at - 1), Some(AtomKind::Sign('-' | '_')))
            && self.run(at - 2).is_some_and(|run| run.is_word() && run.lower)
            && !self.ends_cue(at - 2)
            && !PARTICLES.contains(&self.text(at - 2))
    }

    /// True if a word of the table, or a phrase, ends with this atom.
    fn ends_cue(self, at: usize) -> bool {
        let end = self.end(at);
        let after = self.cues.partition_point(|cue| cue.end < end);
        self.cues.get(after).is_some_and(|cue| cue.end == end)
    }

    /// True for `800)` with more digits behind it.
    fn is_area(self, at: usize) -> bool {
        let behind = if self.kind(at + 2) == Some(AtomKind::Blank) { at + 3 } else { at + 2 };
        self.kind(at + 1) == Some(AtomKind::Sign(')'))
            && self.number(at).is_some_and(|area| (2..=5).contains(&area.len()))
            && self.number(behind).is_some()
            && matches!(self.kind(behind + 1), Some(AtomKind::Sign('-') | AtomKind::Blank))
            && self.number(behind + 2).is_some()
    }

    /// A phone number with its blanks, brackets and dashes.
    fn phone(self, at: usize, start: usize) -> Built {
        let (mut last, mut digits) = (at, self.text(at).len());
        let mut next = at + 1;
        for _ in 0..GROUPS_MAX {
            let mut joints = 0;
            while joints < 3
                && matches!(
                    self.kind(next),
                    Some(AtomKind::Blank | AtomKind::Sign('-' | '(' | ')' | '.' | '/'))
                )
            {
                (next, joints) = (next + 1, joints + 1);
            }
            match self.number(next) {
                Some(group) if digits + group.len() <= 15 && digits < 12 => {
                    (last, digits) = (next, digits + group.len());
                    next += 1;
                }
                Some(_) | None => break,
            }
        }
        self.closed(Shape::Measure, start, last)
    }

    /// Single digits as a voice says them: `4, 8, 2, 1` or `4. 8. 2. 1`.
    fn spelled(self, at: usize, start: usize) -> Option<Built> {
        let is_digit = |at: usize| self.number(at).is_some_and(|digit| digit.len() == 1);
        if start != self.lexed.atoms[at].start || !is_digit(at) {
            return None;
        }
        let (mut last, mut digits) = (at, Code::default());
        digits.push(self.text(at))?;
        // Another sign than before begins another figure.
        let mut between = None;
        loop {
            let mut next = last + 1;
            let mut sign = None;
            for _ in 0..SPELLED_SIGNS_MAX {
                match self.kind(next) {
                    Some(AtomKind::Blank | AtomKind::Line) => {}
                    Some(AtomKind::Sign(c @ ('.' | ',' | '、' | '،' | '，' | ';' | '-' | '…'))) => {
                        sign = Some(c)
                    }
                    _ => break,
                }
                next += 1;
            }
            let joined = next > last + 1 && is_digit(next);
            let alike = *between.get_or_insert(sign) == sign;
            // "7 2 0 - 4 1 6".
            let halved = between == Some(None) && sign == Some('-');
            if !joined || !(alike || halved) {
                break;
            }
            if digits.push(self.text(next)).is_none() {
                break;
            }
            last = next;
        }
        let (half, again) = digits.as_str().split_at(digits.as_str().len() / 2);
        let said =
            if half == again && half.len() >= *CODE_LEN.start() { half } else { digits.as_str() };
        let code = Code::of([said])?;
        let figure = Figure { shape: Shape::Spelled, code, start, end: self.end(last) };
        Some((figure, last + 1))
    }

    /// Figures joined by points, commas, colons: an amount, a time, a date.
    fn amount(self, at: usize, start: usize) -> Option<Built> {
        let starts_with_digit = |at: usize| {
            self.run(at).is_some() && self.text(at).starts_with(|c: char| c.is_ascii_digit())
        };
        // "123456,5 minutes" is a code and a measure.
        let is_measured = |next: usize| {
            let end = self.end(next);
            let blank = usize::from(self.kind(next + 1) == Some(AtomKind::Blank));
            let unit = [end, end + blank].iter().any(|at| self.cue_at(*at) == Some(Kind::Unit));
            unit && self.text(next).len() <= 2 && (4..=8).contains(&self.text(at).len())
        };
        let mut last = at;
        while let Some(AtomKind::Sign(sign)) = self.kind(last + 1) {
            let joins = matches!(sign, '.' | ',' | ':' | '/' | '\'' | '-');
            if !joins || !starts_with_digit(last + 2) || last == at && is_measured(last + 2) {
                break;
            }
            last += 2;
        }
        if last == at {
            return None;
        }
        let groups = (at..=last).step_by(2).map(|group| self.text(group));
        let dotted = (at + 1..last).step_by(2).all(|at| self.kind(at) == Some(AtomKind::Sign('.')));
        let whole = start == self.lexed.atoms[at].start;
        // "Your code is 482.913": an amount would not be called so.
        let is_half = |at: usize| self.number(at).is_some_and(|group| group.len() == 3);
        let halves = last == at + 2 && is_half(at) && is_half(last);
        let called = halves && dotted && self.is_called(start);
        let drawn = whole && (dotted && is_dotted(groups.clone()) || called);
        if let Some(code) = Code::of(groups).filter(|_| drawn) {
            let end = self.end(last);
            return Some((Figure { shape: Shape::Uneven, code, start, end }, last + 1));
        }
        Some(self.closed(Shape::Measure, start, last))
    }

    /// Groups with hyphens between them, beginning with a run that has digits.
    fn hyphenated(self, at: usize, start: usize) -> Option<Built> {
        let mut last = at;
        while self.kind(last + 1) == Some(AtomKind::Sign('-'))
            && self.run(last + 2).is_some()
            && !self.is_cue(last + 2)
            && self.cue_at(self.end(last)).is_none()
        {
            last += 2;
        }
        if last == at {
            return None;
        }
        let joins = matches!(self.kind(last + 1), Some(AtomKind::Sign('.' | ',' | ':' | '/')));
        if joins && self.number(last + 2).is_some() && self.number(last).is_some() {
            return self.amount(at, start);
        }
        let groups = (at..=last).step_by(2).map(|group| self.text(group));
        let first = &self.lexed.text[start..self.end(at)];
        let groups = groups.enumerate().map(|(at, group)| if at == 0 { first } else { group });
        let shape = match shape_of(groups.clone()) {
            // "12-Mar-2024".
            Shape::Taken if last == at + 4 && self.is_dated(at) => Shape::Measure,
            Shape::Mixed if last == at + 4 && self.is_dated(at) && is_month(self.text(at + 2)) => {
                Shape::Measure
            }
            // "Your 6-digit code".
            Shape::Taken if first.len() <= 2 && self.counts_words(at, last) => Shape::Measure,
            // "28-11 at 18:20", "9AM-5PM".
            Shape::Uneven if last == at + 2 && self.is_day_and_time(at) => Shape::Measure,
            Shape::Mixed if groups.clone().all(is_clock) => Shape::Measure,
            shape => shape,
        };
        let (shape, code) = match Code::of(groups) {
            _ if shape == Shape::Measure => (shape, Code::default()),
            Some(code) => (shape, code),
            None => {
                let long = matches!(shape, Shape::Mixed | Shape::Digits);
                (if long { Shape::Taken } else { Shape::Measure }, Code::default())
            }
        };
        Some((Figure { shape, code, start, end: self.end(last) }, last + 1))
    }

    /// True for the version of a program that opens pages, or the number of a machine:
    /// "Chrome 120", "ATM 882014".
    fn is_version(self, at: usize) -> bool {
        let Some(name) = at.checked_sub(2).filter(|_| self.is_blank(at - 1)) else { return false };
        let name = self.text(name);
        if name != "ATM" && self.len(at) != 3 {
            return false;
        }
        let is_program = || PROGRAMS.iter().any(|program| name.eq_ignore_ascii_case(program));
        name == "ATM" || self.text(at).len() == 3 && is_program()
    }

    /// True for a day, the name of a month and a year.
    fn is_dated(self, at: usize) -> bool {
        let len = |at: usize| self.number(at).map(str::len);
        matches!((len(at), len(at + 4)), (Some(1 | 2), Some(2 | 4)))
            && self.run(at + 2).is_some_and(RunLetters::is_word)
    }

    /// True for a day and a month with a time behind them.
    fn is_day_and_time(self, at: usize) -> bool {
        let within = |at: usize, most: u32| {
            let number = self.number(at).and_then(|part| part.parse::<u32>().ok());
            number.is_some_and(|number| (1..=most).contains(&number))
        };
        let short =
            |at: usize| self.run(at).is_some_and(|run| !run.digits) && self.text(at).len() <= 3;
        let time = match (self.is_blank(at + 3), short(at + 4) && self.is_blank(at + 5)) {
            (true, true) => at + 6,
            (true, false) => at + 4,
            (false, _) => return false,
        };
        within(at, 31)
            && within(at + 2, 12)
            && self.number(time).is_some_and(|hour| hour.len() <= 2)
            && matches!(self.kind(time + 1), Some(AtomKind::Sign(':' | '.')))
            && self.number(time + 2).is_some_and(|minute| minute.len() == 2)
    }

    /// True for a number and words in small letters, with hyphens between them.
    fn counts_words(self, at: usize, last: usize) -> bool {
        let mut words = (at + 2..=last).step_by(2);
        self.number(at).is_some()
            && words.all(|at| self.run(at).is_some_and(|run| run.is_word() && !run.upper))
    }

    /// Capitals: before a hyphen the name of the service, or a group of a code.
    fn capitals(self, at: usize) -> Option<Built> {
        let run = self.run(at)?;
        let (start, text) = (self.lexed.atoms[at].start, self.text(at));
        let dash =
            |at: Option<usize>| at.is_some_and(|at| self.kind(at) == Some(AtomKind::Sign('-')));
        let small = |at: Option<usize>| at.and_then(|at| self.run(at)).is_some_and(|run| run.lower);
        let mixed = dash(at.checked_add(1)) && small(at.checked_add(2)) && !self.is_cue(at + 2)
            || dash(at.checked_sub(1)) && small(at.checked_sub(2));
        if run.lower || mixed || self.is_cue(at) {
            return None;
        }
        if self.kind(at + 1) == Some(AtomKind::Sign('-'))
            && self.run(at + 2).is_some_and(|next| !(next.is_word() && next.lower))
            && !self.is_cue(at + 2)
        {
            let next = self.lexed.atoms[at + 2];
            let (mut figure, end) = self
                .hyphenated(at + 2, next.start)
                .or_else(|| self.number(at + 2).and_then(|_| self.spaced(at + 2, next.start)))
                .unwrap_or_else(|| self.alone(at + 2, next.start, next.end));
            figure.start = start;
            let crossed = text.len() >= 2 && text.bytes().all(|b| b == b'X');
            let digits = matches!(figure.shape, Shape::Digits | Shape::Uneven);
            if digits && !crossed {
                return Some((figure, end));
            }
            let rest = (at + 2..end).step_by(2).map(|group| self.text(group));
            let code = Code::of([text].into_iter().chain(rest)).filter(|_| !crossed && !digits);
            figure.shape = match (code, figure.shape) {
                (_, Shape::Measure) | (None, _) => Shape::Measure,
                (Some(code), _) if code.as_str().bytes().any(|b| b.is_ascii_lowercase()) => {
                    Shape::Taken
                }
                (Some(code), _) => {
                    figure.code = code;
                    let digit = code.as_str().bytes().any(|b| b.is_ascii_digit());
                    if digit { Shape::Mixed } else { Shape::Capitals }
                }
            };
            return Some((figure, end));
        }
        let code = Code::of([text])?;
        Some((Figure { shape: Shape::Capitals, code, start, end: self.end(at) }, at + 1))
    }
}
