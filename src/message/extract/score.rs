//! How sure it is that a figure is the code: its shape, the words beside it, and what else the
//! message speaks of. Points are percent; what they are worth was tuned on the corpus.

use super::candidates::{Beside, Candidate, Candidates, candidates, is_sender};
use super::code::{Figure, Shape, is_year};
use super::cues::Kind;
use super::items::{Item, Level, Row};
use super::shapes::{is_slogan, is_time};
use super::sides::{Placed, REACH, Side, Tie};
use super::ties::{after_points, before_points, verify_after_points, verify_before_points};
use super::topic::Topic;

/// What a code has at least.
pub(super) const ENOUGH: i32 = 58;
/// What a code has at most: a machine is never quite sure.
pub(super) const MOST: i32 = 99;
/// How near two figures may come to each other before neither is the code.
const TIE: i32 = 6;
/// Points of a figure beside the word for code.
const BESIDE: i32 = 44;
/// Points of a figure of which it is said that it is the new one.
const NEW: i32 = 34;
/// Points of a figure somewhere in a message that names a code.
const SOMEWHERE: i32 = 20;
/// Points of a figure where little else is said, or where it is all that is asked for.
const ALONE: i32 = 24;
/// Digits of a figure that may be another's number.
const SHORT_LEN: usize = 4;
/// Words between a figure and the word for code that is joined with it.
const JOINED_GAP_MAX: u32 = 16;
/// Words between the only figure that may be a code and a word that asks for one.
const SOLE_GAP_MAX: u32 = 6;

/// A figure's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    points: i32,
    /// Points that come from words beside it.
    link: i32,
}

/// The code of a message and its points.
pub(super) fn judge(row: &Row, text: &str, sender: &str) -> Option<(Figure, i32)> {
    let judge = Judge::of(row, text, sender);
    let each = &judge.known.each;
    let marks: Vec<Mark> = each.iter().map(|one| judge.mark(one)).collect();
    let best = marks.iter().enumerate().rev().max_by_key(|(_, mark)| mark.points)?;
    let (figure, mark) = (each[best.0].figure, *best.1);
    let rival = marks.iter().zip(each).any(|(other, rival)| {
        let near = mark.points - other.points < TIE && mark.link < BESIDE - 8;
        rival.figure.code != figure.code && near
    });
    (mark.points >= ENOUGH && !rival).then_some((figure, mark.points.min(MOST)))
}

/// True if a message speaks of a code, or of a number and a link, so that one may be in the
/// other.
pub(super) fn speaks_of_code(row: &Row) -> bool {
    let says = |kind: Kind| row.items.contains(&Item::Cue(kind));
    says(Kind::Otp) || says(Kind::Code) || says(Kind::Number) && says(Kind::Link)
}

/// What a figure is judged by besides its neighbours.
struct Judge<'a> {
    row: &'a Row,
    sender: &'a str,
    topic: Topic,
    known: Candidates,
}

/// How near a figure is to the word for code.
#[derive(Clone, Copy, Debug)]
struct Nearness {
    /// Beside it.
    close: bool,
    /// In one clause with it, or the text asks to enter the figure.
    wished: bool,
    /// "482913 is your code".
    joined_after: bool,
    /// "Tell the driver: 482", or a figure of as many digits as the text says.
    asked: bool,
}

impl<'a> Judge<'a> {
    fn of(row: &'a Row, text: &str, sender: &'a str) -> Self {
        let topic = Topic::of(row, text, sender);
        let known = candidates(row, &topic, text, sender);
        Self { row, sender, topic, known }
    }

    fn mark(&self, one: &Candidate) -> Mark {
        if !one.figure.is_open() {
            return Mark { points: 0, link: 0 };
        }
        let (link, nearness) = self.link(one);
        let rank = |side: &Side| side.code.map_or(0, |tie| tie.rank);
        let new = if one.is_new() { 8 } else { 0 };
        let rank = rank(&one.placed.before).max(rank(&one.placed.after)) + new;
        let lost = self.excuses(one, nearness) + self.contradictions(one, nearness);
        Mark { points: self.shape_points(one, nearness) + link + rank - lost, link }
    }

    /// What it is worth that the text asks to enter or to tell a figure.
    fn enter_points(one: &Candidate) -> i32 {
        let Candidate { placed, sole, .. } = one;
        let Placed { before, after, .. } = placed;
        let points = match before.enter {
            Some(0) if *sole => 34,
            Some(1 | 2) if *sole => 26,
            _ if before.asked || placed.is_told() => 24,
            Some(0) => 20,
            Some(1) => 16,
            Some(2 | 3) => 8,
            Some(_) | None => 0,
        };
        match after.enter {
            _ if after.asked => points.max(26),
            Some(0..=2) if *sole => points.max(24),
            Some(0) => points.max(16),
            Some(1 | 2) => points.max(12),
            Some(_) | None => points,
        }
    }

    /// What words of the message are worth to the only figure that nothing explains.
    fn sole_points(&self, one: &Candidate) -> i32 {
        if !one.sole {
            return 0;
        }
        let Placed { before, after, .. } = &one.placed;
        let mixed = one.figure.shape == Shape::Mixed;
        let drawn = mixed || !(4..=8).contains(&one.figure.code.as_str().len());
        // Letters are asked for at once, or are the name of a thing.
        let gap_max = if mixed { 2 } else { SOLE_GAP_MAX };
        let near = |gap: Option<u32>| gap.is_some_and(|gap| gap <= gap_max);
        let inside = |tie: Option<Tie>| {
            tie.is_some_and(|tie| tie.crossed <= Some(Level::Clause) && tie.gap <= SOLE_GAP_MAX)
        };
        // "6-2-4019" is the number of a shelf and of what is on it.
        let reach = if one.figure.shape == Shape::Uneven { 5 } else { 1 };
        let opened = before.open.is_some() || after.open.is_some_and(|gap| gap <= reach);
        let opens = (opened || one.is_at_door()) && !drawn;
        let asked = before.with || near(before.enter) || near(after.enter) || opens;
        let proves = inside(before.verify) || inside(after.verify);
        let spelled = one.figure.shape == Shape::Spelled;
        if spelled || asked || self.known.replaced || self.owns_line(one.placed.at) {
            ALONE
        } else if proves && !drawn || self.is_bare(one) {
            SOMEWHERE
        } else {
            0
        }
    }

    /// True for a figure on a line of its own in a message that asks for one, or behind a line
    /// that ends with a colon.
    fn owns_line(&self, at: usize) -> bool {
        let items = &self.row.items;
        let line = Some(&Item::Break(Level::Line));
        let head = at.checked_sub(1).map(|at| &items[at]);
        let ends = matches!(items.get(at + 1), None | Some(Item::Break(_)));
        let above = at.checked_sub(2).map(|at| items[at]);
        let joined = matches!(above, Some(Item::Joint | Item::Cue(Kind::Is)));
        let topic = &self.topic;
        head == line && ends && (joined || topic.code || topic.enter) && !topic.trade
    }

    /// True in a message that speaks of no thing that has a number, and has no other figure but
    /// short ones.
    fn is_bare(&self, one: &Candidate) -> bool {
        let named = |item: &Item| match item {
            Item::Cue(kind) => matches!(
                kind,
                Kind::Label
                    | Kind::Thing
                    | Kind::Number
                    | Kind::Currency
                    | Kind::Tail
                    | Kind::Trade
                    | Kind::Send
            ),
            Item::Link { .. } => true,
            Item::Figure(other) => {
                let other = &self.row.figures[*other];
                let long = other.end - other.start >= SHORT_LEN;
                long && other.shape != Shape::Capitals && other.code != one.figure.code
            }
            Item::Words(_) | Item::Joint | Item::Break(_) | Item::Bound => false,
        };
        let code = one.figure.code.as_str();
        let likely = (4..=6).contains(&code.len()) && !code.ends_with("000");
        let at = one.placed.at;
        let apart = at_joint(self.row, at) || self.begins_sentence(at);
        one.plain && likely && apart && !self.row.items.iter().any(named)
    }

    /// What the words beside a figure are worth.
    fn link(&self, one: &Candidate) -> (i32, Nearness) {
        let Placed { at, before, after, .. } = &one.placed;
        let code_before = before.code.map_or(0, before_points);
        let code_after = after.code.map_or(0, after_points);
        let lone = self.stands_apart(*at);
        // From another sentence only to a figure that stands by itself.
        let near = |points: i32, tie: Option<Tie>| {
            let inside = tie.is_some_and(|tie| tie.crossed <= Some(Level::Clause));
            if inside || lone.is_some() || points >= 30 { points } else { points / 2 }
        };
        // "Orchard: 482913. Type it to sign in", "Orchard: 482913. Keep it to yourself".
        let titled =
            at_joint(self.row, *at) && (self.topic.verify || self.topic.code && self.topic.enter);
        let sole = one.sole && lone.is_some_and(|words| words <= 3);
        let asked = titled && lone.is_some() && (self.topic.enter || sole);
        // "Tell it to no one! 482913 is for your payment".
        let begins = lone == Some(0) || one.sole && one.plain && self.begins_sentence(*at);
        let sole_points = self.sole_points(one);
        let links = [
            near(code_before, before.code),
            near(code_after, after.code),
            match (self.topic.code, one.sole && one.plain) {
                (true, true) => SOMEWHERE,
                (true, false) => near(SOMEWHERE, None),
                (false, _) => 0,
            },
            before.verify.map_or(0, verify_before_points),
            after.verify.map_or(0, verify_after_points),
            self.alone_points(one),
            sole_points,
            if one.is_new() && self.topic.code { NEW } else { 0 },
            if begins && self.topic.verify || asked { ALONE } else { 0 },
        ];
        let link = links.into_iter().max().unwrap_or(0) + Self::enter_points(one);
        let counted = self.topic.counted == Some(one.figure.code.as_str().len());
        let link = if counted { link + 8 } else { link };
        let shown = sole_points > SOMEWHERE || titled;
        let beside = code_before >= BESIDE || code_after >= BESIDE;
        (link, self.nearness(one, counted, beside || one.sole && shown, link))
    }

    fn nearness(&self, one: &Candidate, counted: bool, beside: bool, link: i32) -> Nearness {
        let Candidate { placed, sole, figure, .. } = one;
        let Placed { at, before, after, .. } = placed;
        let inside = |tie: Tie| tie.crossed.is_none();
        let joined_after = after
            .code
            .is_some_and(|tie| (tie.joined && tie.gap <= 5 || tie.gap == 0) && inside(tie));
        let gap_max = if *sole { JOINED_GAP_MAX } else { JOINED_GAP_MAX / 2 };
        let joined = before
            .code
            .is_some_and(|tie| tie.joined && tie.gap <= gap_max && inside(tie) && tie.passed == 0);
        // "The code for the payout of 5000 rub. 8N49-37".
        let described = before.code.is_some_and(|tie| {
            self.topic.verify && tie.gap <= SOLE_GAP_MAX && inside(tie) && tie.passed == 0
        });
        let next = |tie: Tie| tie.gap == 0 && tie.crossed.is_none_or(|level| level == Level::Line);
        // "R7XK2 is what you need to sign in".
        let proves = |tie: Tie| tie.joined && inside(tie);
        let stands = at_joint(self.row, *at) || self.begins_sentence(*at);
        let proves = stands && after.verify.is_some_and(proves)
            || figure.shape == Shape::Uneven
                && before.verify.is_some_and(|tie| inside(tie) && tie.gap == 0);
        // "Your code? Here: 5T8 K2W. Please type it in."
        let pointed = at_joint(self.row, *at)
            && self.stands_apart(*at).is_some()
            && self.topic.code
            && (self.topic.enter || self.topic.verify)
            && !self.topic.trade;
        let near = before.enter.is_some_and(|gap| gap <= 2);
        let told = before.asked || after.asked || placed.is_told();
        let entered = before.enter == Some(0);
        Nearness {
            close: joined
                || joined_after
                || before.code.is_some_and(next)
                || after.code.is_some_and(next),
            wished: beside
                || joined
                || joined_after
                || told
                || *sole && (near || proves || described || pointed)
                || entered && (link >= 30 || self.topic.verify),
            joined_after,
            asked: before.asked || counted || *sole && (entered || before.called || told),
        }
    }

    fn shape_points(&self, one: &Candidate, nearness: Nearness) -> i32 {
        let Nearness { close, wished, asked, .. } = nearness;
        let Candidate { figure, sole, .. } = one;
        let code = figure.code.as_str();
        match (figure.shape, code.len()) {
            (Shape::Spelled, _) => 42,
            (Shape::Digits, 6) => 45,
            (Shape::Digits, 4..=8) => 40,
            (Shape::Digits, 9..=10) if close || asked => 30,
            // A phone number.
            (Shape::Digits, 9..=10) if code.starts_with('0') => -60,
            (Shape::Digits, 9..=10) => 22,
            (Shape::Digits, _) if asked => 34,
            (Shape::Digits, _) if close => 26,
            (Shape::Digits, _) => 8,
            (Shape::Uneven, _) if wished && *sole => 36,
            (Shape::Uneven, _) if wished => 25,
            // "P2P" is a word.
            (Shape::Mixed, 3) if !close => -60,
            (Shape::Mixed, _) if wished && *sole => 36,
            (Shape::Mixed, _) if wished => 32,
            (Shape::Capitals, 4..=10) if wished && self.is_drawn(code) => 26,
            (Shape::Uneven | Shape::Mixed | Shape::Capitals, _) => -60,
            (Shape::Taken | Shape::Measure, _) => -100,
        }
    }

    /// How many words are in the figure's own sentence, if little else is said: it begins it,
    /// or a colon stands before it.
    fn stands_apart(&self, at: usize) -> Option<u32> {
        let mut words = [0_u32; 2];
        let ahead = self.row.items[..at].iter().rev().take(REACH);
        let behind = self.row.items[at + 1..].iter().take(REACH);
        let count = |words: &mut u32, item: &Item| match item {
            Item::Break(Level::Line | Level::Sentence) => false,
            Item::Words(more) => {
                *words = words.saturating_add(*more);
                true
            }
            Item::Cue(Kind::Is | Kind::Number) | Item::Joint | Item::Break(Level::Clause) => true,
            Item::Cue(_) | Item::Figure(_) | Item::Link { .. } | Item::Bound => {
                *words += 1;
                true
            }
        };
        let _ended = ahead.map_while(|item| count(&mut words[0], item).then_some(())).count();
        let _ended = behind.map_while(|item| count(&mut words[1], item).then_some(())).count();
        let joined = at_joint(self.row, at);
        let apart = match words {
            [0, behind] => behind <= 8,
            [_, behind] if joined => behind <= 4,
            [1 | 2, behind] => behind <= 2,
            _ => false,
        };
        apart.then(|| words[0].saturating_add(words[1]))
    }

    fn begins_sentence(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map(|at| self.row.items[at]);
        matches!(before, None | Some(Item::Break(Level::Line | Level::Sentence)))
    }

    /// Capitals that are no word: few vowels, in a text that is not all capitals.
    fn is_drawn(&self, code: &str) -> bool {
        let name = self.sender.bytes().filter(u8::is_ascii_alphanumeric);
        if name.map(|b| b.to_ascii_uppercase()).eq(code.bytes()) {
            return false;
        }
        let vowels = code.bytes().filter(|b| matches!(b, b'A' | b'E' | b'I' | b'O' | b'U')).count();
        // "BLIK" and "WLAN" are names.
        let vowels_max = if code.len() < 6 { 0 } else { code.len() / 4 };
        self.topic.small && vowels <= vowels_max
    }

    /// A message that says nothing but a figure, or the sender's name before it.
    fn alone_points(&self, one: &Candidate) -> i32 {
        let topic = &self.topic;
        let code = one.figure.code.as_str();
        let is_titled = at_joint(self.row, one.placed.at);
        let titled = topic.numbered && (5..=7).contains(&code.len()) && is_titled;
        // "[Orchard] 7716".
        let closed = Item::Break(Level::Clause);
        let opened = one.placed.at == 2 && self.row.items[1] == closed;
        let named = topic.signed || titled || opened;
        let few = topic.words == 0 || topic.words <= 2 && named;
        let nothing_else = few && !topic.cues && topic.figures == 1;
        // "Orchard: 482913. Ref #77120".
        let title = |item: &Item| matches!(item, Item::Words(_) | Item::Joint);
        let opens = is_titled && self.row.items[..one.placed.at].iter().all(title);
        let explained = one.sole && named && opens && topic.words <= 2 && !topic.price;
        let digits = one.figure.shape == Shape::Digits && code.len() >= 4;
        if digits && (nothing_else || explained) { ALONE } else { 0 }
    }

    /// What the neighbours take from a figure.
    fn excuses(&self, one: &Candidate, nearness: Nearness) -> i32 {
        let Candidate { placed, figure, .. } = one;
        let Placed { before, .. } = placed;
        let Nearness { close, wished, joined_after, .. } = nearness;
        let code = figure.code.as_str();
        let mut lost = 0;
        if let Some(label) = before.label {
            // "The one-time code of your account, dear Ann, 482913".
            let named = |tie: Tie| tie.rank >= 3 && tie.crossed.is_none() && tie.passed == 0;
            let named = label.gap > 0 && before.code.is_some_and(named);
            lost += match (label.joined, joined_after) {
                _ if label.sent => 70,
                (false, _) if one.sole => 10,
                _ if figure.shape == Shape::Spelled => 10,
                _ if placed.is_told_last() => 10,
                (_, false) if named => 20,
                (true, true) => 10,
                (false, true) => 35,
                (_, false) => 70,
            };
        }
        lost += match one.beside {
            Beside::Amount => 80,
            Beside::Measure if wished => 25,
            Beside::Measure => 80,
            Beside::Date if !wished => 60,
            Beside::Date | Beside::Nothing => 0,
        };
        // "Booking confirmed, code QK7PD2".
        let drawn = matches!(figure.shape, Shape::Mixed | Shape::Capitals);
        let named = before.code.is_some_and(|tie| tie.rank < 3) && !self.topic.verify;
        if drawn && before.thing && named {
            lost += 30;
        }
        if is_year(code) && !close && before.enter != Some(0) {
            lost += 35;
        } else if is_year(code) && self.topic.rivals > 1 {
            lost += 25;
        }
        lost
    }

    /// What the rest of the message takes from a figure.
    fn contradictions(&self, one: &Candidate, nearness: Nearness) -> i32 {
        let Candidate { placed, figure, .. } = one;
        let Placed { before, after, .. } = placed;
        let (topic, known, wished) = (&self.topic, &self.known, nearness.wished);
        let code = figure.code.as_str();
        let mut lost = 0;
        // "Today only: code SAVE20".
        if figure.shape == Shape::Mixed && !topic.verify && is_slogan(code) {
            lost += 30;
        }
        if topic.trade && !topic.verify {
            let inside = before.trade || after.trade || topic.price && !one.named;
            let near = inside || !matches!(figure.shape, Shape::Digits | Shape::Spelled);
            lost += if near { 45 } else { 15 };
        }
        // "Your PIN was 4413, it is 6620 now".
        if known.renewed && !one.is_new() {
            lost += 25;
        }
        lost += match (after.stale, topic.rivals) {
            (false, _) => 0,
            (true, 0 | 1) => 45,
            (true, _) => 50,
        };
        // A time of day, unless the message speaks of a code.
        if !topic.code && is_time(code) {
            lost += 15;
        }
        // A door's code beside one to log in with.
        if known.login && one.is_at_door() {
            lost += 40;
        }
        // The name of a thing where the code stands elsewhere.
        if known.settled && !one.sole && one.tagged {
            lost += 40;
        }
        if known.taken && !wished {
            lost += 30;
        }
        if is_sender(self.sender, code) && !wished {
            lost += 50;
        }
        lost
    }
}

/// True behind a colon or a dash.
fn at_joint(row: &Row, at: usize) -> bool {
    at > 0 && row.items[at - 1] == Item::Joint
}
