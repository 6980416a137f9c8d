//! What may be said of each figure before any is weighed: whether it may be the code at all,
//! what explains it, and whether it is the only one that nothing explains.
//!
//! Most messages have one figure that is neither an amount nor a date, a parcel, a plate or a
//! card. Where the text asks for something, that one is the code, whatever the language.

use super::code::{Figure, Shape, is_year};
use super::cues::Kind;
use super::items::{Item, Level, Row};
use super::shapes::{is_plate, is_time};
use super::sides::{Placed, Tie, around, is_name};
use super::topic::Topic;

/// Items between a word for code and what the code is good for.
const PURPOSE_ITEMS: usize = 5;

/// Bytes on either side in which the name of a figure stands.
const NEAR_LEN: usize = 16;

/// The rank of a figure that something explains.
const UNFREE: u8 = 3;

/// What kind of measure the neighbours make of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Amount,
    Measure,
    Date,
    Nothing,
}

/// A figure and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) placed: Placed,
    pub(super) figure: Figure,
    pub(super) beside: Beside,
    /// Beside a word for code.
    pub(super) named: bool,
    /// The number that the message comes from.
    pub(super) sent: bool,
    /// Digits as most codes have them.
    pub(super) plain: bool,
    /// Part of a name: `BEST BUY #1093`, `ICE 1093`, `4821 KLM`.
    pub(super) tagged: bool,
    /// It may be a code, and nothing says that it is none.
    pub(super) free: bool,
    /// The only one of its kind.
    pub(super) sole: bool,
}

/// The figures of a message.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) each: Vec<Candidate>,
    /// Something that cannot be a code stands where the code would.
    pub(super) taken: bool,
    /// A figure is asked for that no door has.
    pub(super) login: bool,
    /// One figure is the only one that nothing explains.
    pub(super) settled: bool,
    /// A figure is said to count from now on.
    pub(super) renewed: bool,
    /// A figure is said to count no more, so that another may count instead.
    pub(super) replaced: bool,
}

/// Looks at every figure of a message.
pub(super) fn candidates(row: &Row, topic: &Topic, text: &str, sender: &str) -> Candidates {
    let looker = Looker { row, text, sender };
    let mut known = Candidates::default();
    // 1. What stands beside each.
    let mut each: Vec<Candidate> = Vec::with_capacity(row.figures.len());
    for (at, item) in row.items.iter().enumerate() {
        if let Item::Figure(figure) = *item {
            let labelled = |other: usize| each[other].placed.before.label.map(|it| it.place);
            let placed = around(row, (at, figure), labelled);
            each.push(looker.look(placed, row.figures[figure]));
            known.login |= each.last().is_some_and(is_login);
        }
    }
    // 2. What one says of another.
    for one in &mut each {
        one.free = looker.is_free(one, known.login);
        known.taken |= looker.is_taken(one);
        known.renewed |= one.is_new() && one.free;
        known.replaced |= one.plain && one.is_old();
    }
    // 3. The one that is left.
    let sole = if topic.trade && !topic.verify { None } else { looker.sole(&each) };
    if let Some(sole) = sole {
        known.settled = true;
        each.iter_mut().for_each(|one| one.sole = one.figure.code == sole.code);
    }
    Candidates { each, ..known }
}

impl Candidate {
    /// True for a figure that counts from now on.
    pub(super) fn is_new(&self) -> bool {
        self.placed.before.new || self.placed.after.new
    }

    /// True for a figure that counts no more.
    fn is_old(&self) -> bool {
        self.placed.after.stale || self.placed.before.old
    }

    /// The lower, the more it looks like the one figure that nothing explains.
    fn rank(&self) -> u8 {
        let is_named = self.named || self.figure.shape == Shape::Spelled;
        match self.free {
            true if is_named || self.placed.before.called => 0,
            true if self.plain => 1,
            true => 2,
            false => UNFREE,
        }
    }

    /// True for a figure of a door.
    pub(super) fn is_at_door(&self) -> bool {
        self.placed.before.place || self.placed.after.place
    }
}

struct Looker<'a> {
    row: &'a Row,
    text: &'a str,
    sender: &'a str,
}

impl Looker<'_> {
    fn look(&self, placed: Placed, figure: Figure) -> Candidate {
        let (beside, named) = (Beside::Nothing, false);
        let (sent, plain, tagged, free, sole) = (false, false, false, false, false);
        let one = Candidate { placed, figure, beside, named, sent, plain, tagged, free, sole };
        // One that cannot be a code only tells what stands beside the others.
        if !figure.is_open() {
            return one;
        }
        let named = is_named(&one.placed);
        Candidate {
            beside: self.beside(&one.placed, figure),
            named,
            sent: is_sender(self.sender, figure.code.as_bytes()),
            plain: self.is_plain(&one.placed, figure, named),
            tagged: self.is_tagged(&one.placed, figure, named),
            ..one
        }
    }

    fn item(&self, at: Option<usize>) -> Option<Item> {
        at.and_then(|at| self.row.items.get(at)).copied()
    }

    /// The one figure that nothing explains: of those beside a word for code, or else of digits
    /// neither few nor many, or else of other shapes, or else of those behind a word for code
    /// and for what it is good.
    fn sole(&self, each: &[Candidate]) -> Option<Figure> {
        let best = each.iter().map(Candidate::rank).min()?;
        let is_best = |one: &Candidate| match best {
            UNFREE => self.is_described(one),
            best => one.rank() == best,
        };
        let mut best = each.iter().filter(|one| is_best(one));
        let first = best.next()?.figure;
        // The same code again is no other one.
        best.all(|one| one.figure.code == first.code).then_some(first)
    }

    /// True for digits whose label may as well say what the code is good for: "the code for the
    /// parcel 482913".
    fn is_described(&self, one: &Candidate) -> bool {
        let Placed { at, before, .. } = one.placed;
        let numbered = self.item(at.checked_sub(1)) == Some(Item::Cue(Kind::Number))
            || self.text[..one.figure.start].trim_end().ends_with(['#', '№']);
        let described = before
            .label
            .is_some_and(|label| !label.joined && !label.sent && self.is_for(label.place));
        described
            && one.plain
            && one.beside == Beside::Nothing
            && before.code.is_some_and(|tie| tie.crossed.is_none() && tie.passed == 0)
            && !(one.tagged || one.is_old() || numbered)
    }

    /// True for the first label behind "code for".
    fn is_for(&self, place: usize) -> bool {
        let before = &self.row.items[place.saturating_sub(PURPOSE_ITEMS)..place];
        let label = |item: &Item| matches!(item, Item::Cue(Kind::Label | Kind::Thing));
        let named = before.windows(2).rposition(|pair| {
            matches!(pair, [Item::Cue(Kind::Otp | Kind::Code), Item::Cue(Kind::Is | Kind::With)])
        });
        named.is_some_and(|at| !before[at..].iter().any(label))
    }

    fn is_plain(&self, placed: &Placed, figure: Figure, named: bool) -> bool {
        match figure.shape {
            Shape::Digits => {
                let code = figure.code.as_bytes();
                let asked = placed.before.enter == Some(0) || named;
                // "LEB-6886" is a plate as well as a code.
                let drawn = self.text.as_bytes()[figure.start].is_ascii_uppercase();
                (4..=8).contains(&code.len()) && (!is_year(code) && !drawn || asked)
            }
            Shape::Spelled => true,
            Shape::Uneven | Shape::Mixed | Shape::Capitals | Shape::Taken | Shape::Measure => false,
        }
    }

    fn is_free(&self, one: &Candidate, login: bool) -> bool {
        let Placed { before, after, .. } = &one.placed;
        let spelled = one.figure.shape == Shape::Spelled;
        let explained = before.label.is_some() && !one.placed.is_told() && !spelled
            || after.stale
            || one.beside != Beside::Nothing
            || one.tagged
            || one.sent
            || login && one.is_at_door();
        // "P2P", "3DS" are words.
        let word = one.figure.shape == Shape::Mixed && one.figure.code.as_bytes().len() == 3;
        let open = one.figure.is_open() && one.figure.shape != Shape::Capitals;
        open && !explained && (!word || one.named)
    }

    fn is_tagged(&self, placed: &Placed, figure: Figure, is_named: bool) -> bool {
        let Figure { start, end, code, .. } = figure;
        let named = |tie: Tie| tie.gap <= 3 && tie.passed == 0 && tie.crossed.is_none();
        if placed.before.code.is_some_and(named) {
            return false;
        }
        // No further than the word beside it, so that endless texts take no longer.
        let head = &self.text[self.text.ceil_char_boundary(start.saturating_sub(NEAR_LEN))..start];
        let tail = &self.text[end..self.text.floor_char_boundary(end.saturating_add(NEAR_LEN))];
        let sides = [self.item(placed.at.checked_sub(1)), self.item(placed.at.checked_add(1))];
        let names = |item: Option<Item>, len_max: usize| {
            let Some(Item::Figure(other)) = item else { return false };
            let other = &self.row.figures[other];
            match other.shape {
                Shape::Capitals => other.code.as_bytes().len() <= len_max,
                Shape::Digits | Shape::Uneven | Shape::Taken => other.code != code,
                Shape::Spelled | Shape::Mixed | Shape::Measure => false,
            }
        };
        let asked = [Kind::Otp, Kind::Code, Kind::Enter, Kind::Verify].map(Item::Cue);
        // "Lab no. LB-0017898".
        let drawn = self.text.as_bytes()[start].is_ascii_uppercase();
        let worded = sides[0].is_some_and(|item| item != Item::Joint && !asked.contains(&item));
        let before =
            head.ends_with(' ') && (worded && ends_with_letters(head) || names(sides[0], 10));
        before
            || sides[0] == Some(Item::Cue(Kind::Number)) && drawn
            || tail.starts_with(' ') && names(sides[1], 3)
            || is_plate(head, tail, code.as_bytes())
            || head.ends_with('#') && start > 1 && sides[0] != Some(Item::Bound)
            || tail.trim_start().starts_with(':') && !is_named
    }

    /// True if something that cannot be a code stands where the code would.
    fn is_taken(&self, one: &Candidate) -> bool {
        let Placed { at, before, after, .. } = one.placed;
        let beside =
            |tie: Tie| tie.crossed.is_none() && (tie.gap == 0 || tie.joined && tie.gap == 1);
        one.figure.shape == Shape::Taken
            && !is_name(self.row, at)
            && (before.code.is_some_and(beside) || after.code.is_some_and(beside))
    }

    fn beside(&self, placed: &Placed, figure: Figure) -> Beside {
        let at = placed.at;
        let sides = (self.item(at.checked_sub(1)), self.item(at.checked_add(1)));
        let other = || matches!(self.item(at.checked_sub(2)), Some(Item::Figure(_)));
        let code = figure.code.as_bytes();
        // "482913 (USD 240)".
        let bracketed = || self.text[figure.end..].trim_start().starts_with('(');
        match sides {
            (_, Some(Item::Cue(Kind::Currency | Kind::Tail | Kind::Unit))) if bracketed() => {
                Beside::Nothing
            }
            (_, Some(Item::Cue(Kind::Currency | Kind::Tail))) => Beside::Amount,
            (Some(Item::Cue(Kind::Currency)), _) if !other() => Beside::Amount,
            (_, Some(Item::Cue(Kind::Unit))) => Beside::Measure,
            (Some(Item::Cue(Kind::Month)), _) if is_year(code) || is_time(code) => Beside::Date,
            (_, Some(Item::Cue(Kind::Month))) if is_year(code) => Beside::Date,
            _ => Beside::Nothing,
        }
    }
}

/// True for a figure that the text asks to enter, and not at a door.
fn is_login(one: &Candidate) -> bool {
    let Placed { before, after, .. } = &one.placed;
    let inside = |tie: Option<Tie>| tie.is_some_and(|tie| tie.crossed <= Some(Level::Clause));
    let entered = before.enter.is_some_and(|gap| gap <= 2);
    let asked = entered || inside(before.verify) || inside(after.verify);
    one.figure.is_open() && before.label.is_none() && asked && !one.is_at_door()
}

/// True if the figure is the number that the message comes from.
fn is_sender(sender: &str, code: &[u8]) -> bool {
    let digits = || sender.bytes().filter(u8::is_ascii_digit);
    (3..=sender.len()).contains(&code.len()) && digits().eq(code.iter().copied())
}

/// True for a figure beside a word for code.
fn is_named(placed: &Placed) -> bool {
    let close = |tie: Tie| {
        let inside = tie.crossed.is_none_or(|level| level == Level::Line);
        inside && tie.passed == 0 && (tie.gap == 0 || tie.joined && tie.gap <= 4)
    };
    placed.before.code.is_some_and(close) || placed.after.code.is_some_and(close)
}

/// True behind the few capitals of a train, a flight, a shop: `ICE 1093`, `B-FN 2291`.
fn ends_with_letters(head: &str) -> bool {
    let word = head.split_whitespace().next_back().unwrap_or_default();
    let len_max = if word.contains('-') { 5 } else { 3 };
    (1..=len_max).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
}
