//! Groups of digits and capitals with blanks between them: which belong to one figure.

use super::code::{CODE_LEN, Code, Figure, Shape, is_year};
use super::cues::{Cue, Kind};
use super::figures::{Builder, Built, GROUPS_MAX};
use super::lexer::AtomKind;

/// Bytes of a name between the word for code and a colon.
const NAME_LEN_MAX: usize = 24;

/// Signs between the word for code and the code.
const JOINTS: [char; 10] = [':', '-', '–', '—', '=', '"', '\'', '«', '(', ')'];

/// True for a name and a colon: " of Orchard: ".
fn is_headed(part: &str) -> bool {
    let name = part.trim_end();
    let inside = |c: char| c.is_alphabetic() || c == ' ';
    part.len() <= NAME_LEN_MAX
        && name.strip_suffix(':').is_some_and(|name| name.chars().all(inside))
}

impl Builder<'_> {
    /// True for digits that begin a measure, a date or a time: "482 913 10 minutes".
    pub(super) fn is_apart(self, at: usize) -> bool {
        let end = self.end(at);
        let blank = usize::from(self.kind(at + 1) == Some(AtomKind::Blank));
        // A letter behind a blank is a word that was cut short: "493 028 p/ compra".
        let letter = blank > 0 && self.run(at + 2).is_some() && self.text(at + 2).len() == 1;
        let unit = [end, end + blank].iter().any(|at| self.cue_at(*at) == Some(Kind::Unit));
        let unit = unit && !letter;
        let figure = self.number(at + 2).is_some();
        let joint = match self.kind(at + 1) {
            Some(AtomKind::Sign(':' | '/')) => figure,
            Some(AtomKind::Sign('.' | ',')) => figure && self.text(at).len() != 3,
            _ => false,
        };
        unit || joint || self.is_of_date(at) || self.begins_date(at)
    }

    /// True for the first number of `2026-11-29` or `29-11-2026`.
    fn begins_date(self, at: usize) -> bool {
        let dash = |at: usize| self.kind(at) == Some(AtomKind::Sign('-'));
        let lens = [at, at + 2, at + 4].map(|at| self.number(at).map(str::len));
        let dated = match lens {
            [Some(4), Some(2), Some(2)] => is_year(self.text(at)),
            [Some(1 | 2), Some(1 | 2), Some(4)] => is_year(self.text(at + 4)),
            _ => false,
        };
        dated && dash(at + 1) && dash(at + 3)
    }

    /// True for short groups that the text calls a code: "your code is 29 31 129".
    fn is_called_so(self, start: usize, (first, last): (usize, usize), total: usize) -> bool {
        let mut groups = (first..=last).step_by(2);
        let short = groups.all(|group| self.text(group).len() <= 4);
        // "Your code is 5519 3 tries left".
        let apart = self.text(first).len() == 4 && self.text(last).len() == 1;
        short && !apart && (5..=10).contains(&total) && self.is_called(start)
    }

    /// True right behind a word for code and what joins it: "your code is", "code:".
    pub(super) fn is_called(self, start: usize) -> bool {
        let (mut end, mut at) = (start, self.cues.partition_point(|cue| cue.end <= start));
        let joined = |part: &str| part.chars().all(|c| c.is_whitespace() || JOINTS.contains(&c));
        while let Some(cue) = at.checked_sub(1).map(|at| self.cues[at]) {
            match cue.kind {
                _ if !joined(&self.lexed.text[cue.end..end])
                    && !is_headed(&self.lexed.text[cue.end..end]) =>
                {
                    return false;
                }
                Kind::Otp | Kind::Code => return true,
                Kind::Is => (end, at) = (cue.start, at - 1),
                _ => return false,
            }
        }
        false
    }

    /// Short groups of capitals and digits with blanks between them: "your code is T3 Q3 L8". Behind
    /// a word in capitals, as a name is, only where the groups go on so.
    pub(super) fn drawn(self, at: usize, start: usize) -> Option<Built> {
        let fits = |at: usize| self.run(at).is_some_and(|run| !run.lower && self.len(at) <= 4);
        if start != self.lexed.atoms[at].start || !fits(at) {
            return None;
        }
        let spelled = |at: usize| self.len(at) == 1;
        // Not beyond a code's length, so that endless texts take no longer.
        let (mut last, mut len) = (at, self.text(at).len());
        while fits(last)
            && self.kind(last + 1) == Some(AtomKind::Blank)
            && fits(last + 2)
            // Among single letters and digits a letter is no word: "K T 9 P 2 W".
            && (spelled(last) && spelled(last + 2) || !self.is_cue(last + 2))
            && !self.is_apart(last + 2)
        {
            last += 2;
            len += self.text(last).len();
            if len > *CODE_LEN.end() {
                return None;
            }
        }
        if last == at {
            return None;
        }
        let groups = (at..=last).step_by(2).map(|group| self.text(group));
        let has = |is: fn(&u8) -> bool| groups.clone().any(|group| group.bytes().any(|b| is(&b)));
        let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase);
        let titled = !self.text(at).bytes().any(|b| b.is_ascii_digit());
        let goes_on = last >= at + 4
            && self.text(at).len() <= 2
            && self.text(last).len() + self.text(last - 2).len() <= 6;
        if !is_mixed {
            return None;
        }
        let single = groups.clone().all(|group| group.len() == 1);
        let called = single || self.is_called(start);
        let fits = if titled { called && goes_on } else { called || last >= at + 4 };
        if !fits || !single && self.is_cue(at) {
            return None;
        }
        let code = Code::of(groups)?;
        Some((Figure { shape: Shape::Mixed, code, start, end: self.end(last) }, last + 1))
    }

    /// Two groups of letters and digits with a blank between them, one as long as the other.
    pub(super) fn paired(self, at: usize, start: usize) -> Option<Built> {
        if let Some(built) = self.drawn(at, start) {
            return Some(built);
        }
        let parts =
            [&self.lexed.text[start..self.end(at)], self.run(at + 2).map(|_| self.text(at + 2))?];
        let fits = |part: &str| {
            let capital = part.bytes().any(|b| b.is_ascii_uppercase());
            capital && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        let digits = parts[1].bytes().any(|b| b.is_ascii_digit()) && parts[1].len() >= 3;
        if parts[0].len() != parts[1].len()
            || !parts.into_iter().all(fits)
            || !digits
            || self.is_cue(at + 2)
        {
            return None;
        }
        let code = Code::of(parts)?;
        Some((Figure { shape: Shape::Mixed, code, start, end: self.end(at + 2) }, at + 3))
    }

    /// True beside a currency.
    fn is_paid(self, start: usize, last: usize) -> bool {
        let ends = |cue: &Cue| self.lexed.text[cue.end..start].trim().is_empty();
        let before = self.cues[..self.cues.partition_point(|cue| cue.end <= start)].last();
        let before = before.is_some_and(|cue| cue.kind == Kind::Currency && ends(cue));
        let blank = usize::from(self.kind(last + 1) == Some(AtomKind::Blank));
        let after = self.cue_at(self.end(last) + blank);
        before || matches!(after, Some(Kind::Currency | Kind::Unit))
    }

    /// Two groups of three digits with a sign between them: `482·913`.
    pub(super) fn parted(self, at: usize, start: usize) -> Option<Built> {
        let group = |at: usize| self.number(at).filter(|group| group.len() == 3);
        let code = Code::of([group(at)?, group(at + 2)?])?;
        Some((Figure { shape: Shape::Digits, code, start, end: self.end(at + 2) }, at + 3))
    }

    /// Two groups of three digits with a dash and blanks between them.
    pub(super) fn halved(self, at: usize, start: usize) -> Option<Built> {
        let group = |at: usize| self.number(at).filter(|group| group.len() == 3);
        let groups = [group(at)?, group(at + 4)?];
        let dashed = self.kind(at + 2) == Some(AtomKind::Sign('-'))
            && self.kind(at + 3) == Some(AtomKind::Blank)
            && start == self.lexed.atoms[at].start
            && !self.is_apart(at + 4);
        if !dashed {
            return None;
        }
        // "100 - 200" is a span.
        if groups.iter().all(|group| group.ends_with('0')) {
            return Some(self.closed(Shape::Measure, start, at + 4));
        }
        let code = Code::of(groups)?;
        Some((Figure { shape: Shape::Digits, code, start, end: self.end(at + 4) }, at + 5))
    }

    /// True for three digits with a blank behind them.
    fn is_half(self, at: usize) -> bool {
        self.number(at).is_some_and(|group| group.len() == 3) && self.is_blank(at + 1)
    }

    /// Groups of digits with blanks between them. A unit behind two of three digits would belong
    /// to both: "614 205 saat".
    pub(super) fn spaced(self, at: usize, start: usize) -> Option<Built> {
        let first = self.end(at) - start;
        let (mut last, mut total, mut count, mut even) = (at, first, 1, true);
        let (mut thousands, mut behind) = (first <= 3, first);
        while self.kind(last + 1) == Some(AtomKind::Blank)
            && count < GROUPS_MAX
            && !self.lexed.atoms.get(last + 2).is_none_or(|_| self.is_cue(last + 2))
        {
            let Some(group) = self.number(last + 2) else { break };
            if self.is_apart(last + 2) && !(count == 1 && first == 3 && self.is_half(last + 2)) {
                break;
            }
            (last, total, count) = (last + 2, total + group.len(), count + 1);
            even &= group.len() == first;
            thousands &= group.len() == 3;
            behind = group.len();
        }
        if count == 1 {
            return None;
        }
        let decimal = matches!(self.kind(last + 1), Some(AtomKind::Sign('.' | ',' | ':' | '/')))
            && self.number(last + 2).is_some();
        let head = &self.lexed.text[start..self.end(at)];
        let groups = (at..=last).step_by(2);
        let groups = groups.map(|group| if group == at { head } else { self.text(group) });
        let end = self.end(last);
        let uneven = || {
            let code = Code::of(groups.clone())?;
            Some((Figure { shape: Shape::Uneven, code, start, end }, last + 1))
        };
        let joined = even && (4..=10).contains(&total);
        let joined = joined && if count == 2 { first >= 2 } else { first <= 3 };
        let joined = joined && !(total == 10 && head.starts_with('0'));
        if joined && !decimal && !groups.clone().skip(1).any(is_year) {
            let code = Code::of(groups)?;
            let shape = if total == 4 && count == 2 { Shape::Uneven } else { Shape::Digits };
            return Some((Figure { shape, code, start, end }, last + 1));
        }
        if count == 2 && total == 7 && first >= 3 && !decimal {
            return uneven();
        }
        if self.is_called_so(start, (at, last), total) && !decimal {
            return uneven();
        }
        // "030 5550142", "06 12 34 56 78".
        let area = self.lexed.text.as_bytes()[start] == b'0' && (7..=13).contains(&total);
        if area && !(even && total <= 8) {
            return Some(self.closed(Shape::Measure, start, last));
        }
        // "50 000", "1 500 000", "8 800 555 35 35", "4111 1111 1111 1111".
        let ragged = count == 3 && first == 3 && behind < 3 && (7..=8).contains(&total);
        if ragged && self.number(at + 2).is_some_and(|group| group.len() == 3) {
            return uneven();
        }
        // "48 213" is an amount where a currency is.
        let round = decimal || self.text(last).ends_with('0');
        if [count, total, first] == [2, 5, 2] && !round && !self.is_paid(start, last) {
            return uneven();
        }
        let is_phone = count >= 3 && (7..=13).contains(&total) && first <= 4 && behind <= 4;
        let is_card = even && count >= 3;
        let amount = thousands && (first < 3 || count > 2 || decimal);
        if amount || is_phone || is_card {
            return Some(self.closed(Shape::Measure, start, last));
        }
        // The first of short groups is no code of its own, nor are four digits before the last two.
        let ends = matches!(self.kind(last + 1), None | Some(AtomKind::Line | AtomKind::Sign('.')));
        let pair = count == 2 && first == 4 && behind == 2 && ends && !decimal;
        if first <= 3 || pair { uneven() } else { None }
    }
}
