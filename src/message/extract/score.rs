//! How sure it is that a figure is the code: its shape, the words beside it, and what else the
//! message speaks of. Points are percent; what they are worth was tuned on the corpus.

use super::code::{Figure, Shape, is_year};
use super::cues::Kind;
use super::items::{Item, Level, Row};
use super::shapes::is_slogan;
use super::sides::{Placed, REACH, Side, Tie, around, is_name};

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
/// Items between a word for code and what the code is good for.
const PURPOSE_ITEMS: usize = 5;
/// Words between the only figure that may be a code and a word that asks for one.
const SOLE_GAP_MAX: u32 = 6;

/// What the whole message speaks of.
#[derive(Clone, Copy, Debug, Default)]
struct Topic {
    code: bool,
    verify: bool,
    enter: bool,
    trade: bool,
    /// An amount, or a part of one.
    price: bool,
    /// Something that cannot be a code stands where the code would.
    taken: bool,
    words: u32,
    cues: bool,
    /// The sender's name is in it.
    signed: bool,
    /// The sender has no name.
    numbered: bool,
    /// Figures, and those that may be codes.
    figures: usize,
    rivals: usize,
    /// No sale, and only this figure is not said to be something else.
    sole: Option<usize>,
    /// A figure is asked for that no door has.
    login: bool,
    /// A figure is said to count from now on.
    renewed: bool,
    /// A figure is said to count no more, so that another may count instead.
    replaced: bool,
    /// Digits that the code has, as the text says: "the 4 digits".
    counted: Option<usize>,
    /// Some word has small letters, so that capitals mean something.
    small: bool,
}

/// A figure's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    points: i32,
    /// Points that come from words beside it.
    link: i32,
}

/// The code of a message and its points.
pub(super) fn judge(row: &Row, text: &str, sender: &str) -> Option<(Figure, i32)> {
    let mut judge = Judge { row, text, sender, topic: Topic::of(row, text, sender) };
    let placed = around(row);
    judge.topic.taken = placed.iter().any(|placed| judge.is_taken(placed));
    judge.topic.login = placed.iter().any(|placed| judge.is_login(placed));
    judge.topic.sole = judge.sole(&placed);
    judge.topic.renewed = placed.iter().any(|placed| judge.is_new(placed));
    judge.topic.replaced = placed.iter().any(|placed| judge.is_replaced(placed));
    let marks: Vec<Mark> = placed.iter().map(|placed| judge.mark(placed)).collect();
    let best = marks.iter().enumerate().rev().max_by_key(|(_, mark)| mark.points)?;
    let (at, mark) = (best.0, *best.1);
    let figure = row.figures[at];
    let rival = marks.iter().zip(&row.figures).any(|(other, rival)| {
        rival.code != figure.code && mark.points - other.points < TIE && mark.link < BESIDE - 8
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
    text: &'a str,
    sender: &'a str,
    topic: Topic,
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

impl Topic {
    fn of(row: &Row, text: &str, sender: &str) -> Self {
        let mut topic = Self::default();
        for item in &row.items {
            match item {
                Item::Cue(kind) => {
                    topic.cues |= *kind != Kind::Is;
                    topic.code |= matches!(kind, Kind::Otp | Kind::Code);
                    topic.verify |= matches!(kind, Kind::Otp | Kind::Verify);
                    topic.enter |= *kind == Kind::Enter;
                    topic.trade |= *kind == Kind::Trade;
                    topic.price |= *kind == Kind::Currency;
                }
                Item::Words(words) => topic.words = topic.words.saturating_add(*words),
                Item::Figure(_) | Item::Joint | Item::Break(_) => {}
                Item::Link { .. } | Item::Bound => {}
            }
        }
        topic.counted = counted(row, text);
        for figure in row.figures.iter().filter(|figure| figure.shape != Shape::Capitals) {
            topic.figures += 1;
            topic.rivals += usize::from(figure.is_open());
        }
        // Names under which proofs of identity are sent.
        let name = sender.to_ascii_lowercase();
        let named = ["otp", "verify", "auth", "2fa"].iter().any(|word| name.contains(word));
        let named = named && !name.contains("bank");
        topic.code |= named;
        topic.verify |= named;
        topic.signed = !name.is_empty() && text.to_ascii_lowercase().contains(&name);
        topic.numbered = !sender.bytes().any(|b| b.is_ascii_alphabetic());
        topic.price |= text.contains('%');
        topic.trade |= text.contains('%');
        topic.small = text.bytes().any(|b| b.is_ascii_lowercase() || !b.is_ascii());
        topic
    }
}

impl Judge<'_> {
    /// The one figure that nothing explains: of those beside a word for code, or else of digits
    /// neither few nor many, or else of other shapes, or else of those behind a word for code
    /// and for what it is good.
    fn sole(&self, placed: &[Placed]) -> Option<usize> {
        if self.topic.trade {
            return None;
        }
        let ranks: [fn(&Self, &Placed) -> bool; 4] = [
            |judge, at| judge.is_free(at) && (is_named(at) || judge.is_spelled(at)),
            |judge, at| judge.is_free(at) && judge.is_plain(at),
            |judge, at| judge.is_free(at),
            |judge, at| judge.is_described(at),
        ];
        let mut ranked = ranks.iter().map(|is| placed.iter().filter(|at| is(self, at)));
        let mut best = ranked.find_map(|figures| {
            let mut figures = figures.peekable();
            figures.peek().is_some().then_some(figures)
        })?;
        let first = best.next()?.figure;
        // The same code again is no other one.
        let code = self.row.figures[first].code;
        best.all(|at| self.row.figures[at.figure].code == code).then_some(first)
    }

    /// True for digits whose label may as well say what the code is good for: "the code for the
    /// parcel 482913".
    fn is_described(&self, placed: &Placed) -> bool {
        let own = self.text[..self.row.figures[placed.figure].start].trim_end();
        let numbered = self.row.items[..placed.at].last() == Some(&Item::Cue(Kind::Number));
        let label = placed.before.label;
        self.is_plain(placed)
            && matches!(self.beside(placed), Beside::Nothing)
            && !self.is_tagged(placed)
            && !placed.after.stale
            && !placed.before.old
            && label.is_some_and(|label| !label.joined && !label.sent)
            && placed.before.code.is_some_and(|tie| tie.crossed.is_none() && tie.passed == 0)
            && self.is_for(label.map_or(0, |label| label.place))
            && !numbered
            && !own.ends_with(['#', '№'])
    }

    /// True for a label soon behind "code for".
    fn is_for(&self, place: usize) -> bool {
        let before = &self.row.items[place.saturating_sub(PURPOSE_ITEMS)..place];
        before.windows(2).any(|pair| {
            matches!(pair, [Item::Cue(Kind::Otp | Kind::Code), Item::Cue(Kind::Is | Kind::With)])
        })
    }

    fn is_sole(&self, placed: &Placed) -> bool {
        let code = |figure: usize| self.row.figures[figure].code;
        self.topic.sole.is_some_and(|sole| code(sole) == code(placed.figure))
    }

    fn is_spelled(&self, placed: &Placed) -> bool {
        self.row.figures[placed.figure].shape == Shape::Spelled
    }

    /// True for digits as most codes have them.
    fn is_plain(&self, placed: &Placed) -> bool {
        let figure = &self.row.figures[placed.figure];
        match figure.shape {
            Shape::Digits => {
                let code = figure.code.as_str();
                let asked = placed.before.enter == Some(0) || is_named(placed);
                // "LEB-6886" is a plate as well as a code.
                let drawn = self.text.as_bytes()[figure.start].is_ascii_uppercase();
                (4..=8).contains(&code.len()) && (!is_year(code) && !drawn || asked)
            }
            Shape::Spelled => true,
            Shape::Uneven | Shape::Mixed | Shape::Capitals | Shape::Taken | Shape::Measure => false,
        }
    }

    /// True for a figure that may be a code, and of which nothing says that it is none.
    fn is_free(&self, placed: &Placed) -> bool {
        let figure = &self.row.figures[placed.figure];
        let Placed { before, after, .. } = placed;
        figure.is_open()
            && figure.shape != Shape::Capitals
            && (before.label.is_none() || placed.is_told() || told_last(placed))
            && !after.stale
            && matches!(self.beside(placed), Beside::Nothing)
            && !self.is_tagged(placed)
            && !self.is_sender(figure.code.as_str())
            && !(self.topic.login && (before.place || after.place))
    }

    /// True for the figure of a name: `BEST BUY #1093`, `ICE 1093`, `4821 KLM`, `Charger 12:`,
    /// `40-12-33 12345678`.
    fn is_tagged(&self, placed: &Placed) -> bool {
        let Figure { start, end, code, .. } = self.row.figures[placed.figure];
        let named = |tie: Tie| tie.gap <= 3 && tie.passed == 0 && tie.crossed.is_none();
        if placed.before.code.is_some_and(named) {
            return false;
        }
        let item = |at: Option<usize>| at.and_then(|at| self.row.items.get(at));
        let (head, tail) = (&self.text[..start], &self.text[end..]);
        let before = head.split_whitespace().next_back().unwrap_or_default();
        let letters = (1..=5).contains(&before.len())
            && before.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
            && (before.len() <= 3 || before.contains('-'));
        let named = |item: Option<&Item>, len_max: usize| match item {
            Some(Item::Figure(figure)) => {
                let figure = &self.row.figures[*figure];
                let other = matches!(figure.shape, Shape::Digits | Shape::Uneven | Shape::Taken);
                figure.shape == Shape::Capitals && figure.code.as_str().len() <= len_max
                    || other && figure.code != code
            }
            _ => false,
        };
        let bound = item(placed.at.checked_sub(1)) == Some(&Item::Bound);
        let own = matches!(item(placed.at.checked_sub(1)), Some(Item::Words(_) | Item::Figure(_)));
        letters && own && head.ends_with(' ')
            || is_plate(head, tail, code.as_str())
            || named(item(placed.at.checked_sub(1)), 10) && head.ends_with(' ')
            || named(item(placed.at.checked_add(1)), 3) && tail.starts_with(' ')
            || head.ends_with('#') && !bound
            || tail.starts_with(':')
    }

    /// True for a figure that the text asks to enter, and not at a door.
    fn is_login(&self, placed: &Placed) -> bool {
        let Placed { before, after, .. } = placed;
        let inside = |tie: Option<Tie>| tie.is_some_and(|tie| tie.crossed <= Some(Level::Clause));
        let asked = before.enter.is_some_and(|gap| gap <= 2) || inside(before.verify) || inside(after.verify);
        let open = self.row.figures[placed.figure].is_open() && before.label.is_none();
        open && asked && !before.place && !after.place
    }

    /// True for a figure that counts from now on.
    fn is_new(&self, placed: &Placed) -> bool {
        (placed.before.new || placed.after.new) && self.is_free(placed)
    }

    /// True for a figure that counts no more.
    fn is_replaced(&self, placed: &Placed) -> bool {
        self.row.figures[placed.figure].is_open()
            && (placed.after.stale || placed.before.old)
    }

    /// What it is worth that the text asks to enter or to tell a figure.
    fn enter_points(&self, placed: &Placed) -> i32 {
        let Placed { before, after, .. } = placed;
        let sole = self.is_sole(placed);
        let points = match before.enter {
            Some(0) if sole => 34,
            Some(1 | 2) if sole => 26,
            _ if before.asked || placed.is_told() => 24,
            Some(0) => 20,
            Some(1) => 16,
            Some(2 | 3) => 8,
            Some(_) | None => 0,
        };
        match after.enter {
            _ if after.asked => points.max(26),
            Some(0..=2) if sole => points.max(24),
            Some(0) => points.max(16),
            Some(1 | 2) => points.max(12),
            Some(_) | None => points,
        }
    }

    /// What words of the message are worth to the only figure that nothing explains.
    fn sole_points(&self, placed: &Placed) -> i32 {
        if !self.is_sole(placed) {
            return 0;
        }
        let Placed { before, after, .. } = placed;
        // Letters are asked for at once, or are the name of a thing.
        let Figure { shape, code, .. } = self.row.figures[placed.figure];
        let mixed = shape == Shape::Mixed;
        let gap_max = if mixed { 2 } else { SOLE_GAP_MAX };
        let near = |gap: Option<u32>| gap.is_some_and(|gap| gap <= gap_max);
        let inside = |tie: Option<Tie>| {
            tie.is_some_and(|tie| tie.crossed <= Some(Level::Clause) && tie.gap <= SOLE_GAP_MAX)
        };
        let asked = before.with || near(before.enter) || near(after.enter);
        let drawn = mixed || code.as_str().len() < 4;
        let opens = (before.open || before.place || after.place) && !drawn;
        let asked = asked || opens;
        if asked || self.topic.replaced {
            24
        } else if !drawn && (inside(before.verify) || inside(after.verify)) {
            SOMEWHERE
        } else {
            0
        }
    }

    /// True if something that cannot be a code stands where the code would.
    fn is_taken(&self, placed: &Placed) -> bool {
        let beside =
            |tie: Tie| tie.crossed.is_none() && (tie.gap == 0 || tie.joined && tie.gap == 1);
        self.row.figures[placed.figure].shape == Shape::Taken
            && !is_name(self.row, placed.at)
            && (placed.before.code.is_some_and(beside) || placed.after.code.is_some_and(beside))
    }

    fn mark(&self, placed: &Placed) -> Mark {
        let Placed { at, before, after, .. } = placed;
        let figure = &self.row.figures[placed.figure];
        if !figure.is_open() {
            return Mark { points: 0, link: 0 };
        }
        let (link, nearness) = self.link(figure, placed);
        let rank = |side: &Side| side.code.map_or(0, |tie| tie.rank);
        let new = if before.new || after.new { 8 } else { 0 };
        let rank = rank(before).max(rank(after)) + new;
        let lost = self.penalty(*at, figure, placed, nearness);
        Mark { points: self.shape_points(figure, self.is_sole(placed), nearness) + link + rank - lost, link }
    }

    /// What the words beside a figure are worth.
    fn link(&self, figure: &Figure, placed: &Placed) -> (i32, Nearness) {
        let Placed { at, before, after, .. } = placed;
        let code_before = before.code.map_or(0, before_points);
        let code_after = after.code.map_or(0, after_points);
        let lone = self.stands_apart(*at);
        // From another sentence only to a figure that stands by itself.
        let near = |points: i32, tie: Option<Tie>| {
            let inside = tie.is_some_and(|tie| tie.crossed <= Some(Level::Clause));
            if inside || lone.is_some() || points >= 30 { points } else { points / 2 }
        };
        // "Orchard: 482913. Type it to sign in", "Orchard: 482913. Keep it to yourself".
        let titled = at_joint(self.row, *at) && self.topic.verify;
        let sole = self.is_sole(placed) && lone.is_some_and(|words| words <= 3);
        let asked = titled && lone.is_some() && (self.topic.enter || sole);
        let links = [
            near(code_before, before.code),
            near(code_after, after.code),
            match (self.topic.code, self.is_sole(placed) && self.is_plain(placed)) {
                (true, true) => SOMEWHERE,
                (true, false) => near(SOMEWHERE, None),
                (false, _) => 0,
            },
            before.verify.map_or(0, verify_before_points),
            after.verify.map_or(0, verify_after_points),
            self.alone_points(figure, at_joint(self.row, *at), self.is_sole(placed)),
            self.sole_points(placed),
            if (before.new || after.new) && self.topic.code { NEW } else { 0 },
            if lone == Some(0) && self.topic.verify || asked { SOMEWHERE + 4 } else { 0 },
        ];
        let link = links.into_iter().max().unwrap_or(0) + self.enter_points(placed);
        let counted = self.topic.counted == Some(figure.code.as_str().len());
        let link = if counted { link + 8 } else { link };
        let inside = |tie: Tie| tie.crossed.is_none();
        let joined_after = after
            .code
            .is_some_and(|tie| (tie.joined && tie.gap <= 5 || tie.gap == 0) && inside(tie));
        let joined = before
            .code
            .is_some_and(|tie| tie.joined && tie.gap <= 8 && inside(tie) && tie.passed == 0);
        // "R7XK2 is what you need to sign in".
        let proves = |tie: Tie| tie.joined && inside(tie);
        let beside = code_before >= BESIDE || code_after >= BESIDE || joined || joined_after;
        let next = |tie: Tie| tie.gap == 0 && tie.crossed.is_none_or(|level| level == Level::Line);
        let nearness = Nearness {
            close: joined
                || joined_after
                || before.code.is_some_and(next)
                || after.code.is_some_and(next),
            wished: beside
                || before.asked
                || after.asked
                || placed.is_told()
                || self.is_sole(placed) && before.enter <= Some(2) && before.enter.is_some()
                || self.is_sole(placed) && at_joint(self.row, *at) && after.verify.is_some_and(proves)
                || before.enter == Some(0) && (link >= 30 || self.topic.verify)
                || self.is_sole(placed) && (self.sole_points(placed) > SOMEWHERE || titled),
            joined_after,
            asked: before.asked || counted || self.is_sole(placed) && before.enter == Some(0),
        };
        (link, nearness)
    }

    fn shape_points(&self, figure: &Figure, sole: bool, nearness: Nearness) -> i32 {
        let Nearness { close, wished, asked, .. } = nearness;
        let code = figure.code.as_str();
        match (figure.shape, code.len()) {
            (Shape::Spelled, _) => 42,
            (Shape::Digits, 6) => 45,
            (Shape::Digits, 4..=8) => 40,
            (Shape::Digits, 9..=10) if close || asked => 30,
            (Shape::Digits, 9..=10) => 22,
            (Shape::Digits, _) if asked => 34,
            (Shape::Digits, _) if close => 26,
            (Shape::Digits, _) => 8,
            (Shape::Uneven, _) if wished && sole => 36,
            (Shape::Uneven, _) if wished => 25,
            (Shape::Mixed, _) if wished && sole => 36,
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

    /// Capitals that are no word: few vowels, in a text that is not all capitals.
    fn is_drawn(&self, code: &str) -> bool {
        let name = self.sender.bytes().filter(u8::is_ascii_alphanumeric);
        if name.map(|b| b.to_ascii_uppercase()).eq(code.bytes()) {
            return false;
        }
        let vowels = code.bytes().filter(|b| matches!(b, b'A' | b'E' | b'I' | b'O' | b'U')).count();
        self.topic.small && vowels * 4 <= code.len()
    }

    /// A message that says nothing but a figure, or the sender's name before it.
    fn alone_points(&self, figure: &Figure, is_titled: bool, sole: bool) -> i32 {
        let code = figure.code.as_str();
        let titled = self.topic.numbered && (5..=7).contains(&code.len()) && is_titled;
        let named = self.topic.signed || titled;
        let few = self.topic.words == 0 || self.topic.words <= 2 && named;
        let few = few && !self.topic.cues && self.topic.figures == 1;
        // "Orchard: 482913. Ref #77120".
        let few = few || sole && named && is_titled && self.topic.words <= 2 && !self.topic.price;
        let digits = figure.shape == Shape::Digits && code.len() >= 4;
        if few && digits { SOMEWHERE + 4 } else { 0 }
    }

    fn penalty(&self, at: usize, figure: &Figure, placed: &Placed, nearness: Nearness) -> i32 {
        let Placed { before, after, .. } = placed;
        let Nearness { close, wished, joined_after, .. } = nearness;
        let code = figure.code.as_str();
        let mut lost = 0;
        if let Some(label) = before.label {
            // "The one-time code of your account, dear Ann, 482913".
            let named = |tie: Tie| tie.rank >= 3 && tie.crossed.is_none() && tie.passed == 0;
            let named = label.gap > 0 && before.code.is_some_and(named);
            lost += match (label.joined, joined_after) {
                _ if label.sent => 70,
                (false, _) if self.is_sole(placed) => 10,
                // "At the delivery show 4821", where the verb stands last.
                _ if told_last(placed) => 10,
                (_, false) if named => 20,
                (true, true) => 10,
                (false, true) => 35,
                (_, false) => 70,
            };
        }
        lost += match self.beside(placed) {
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
        // "Today only: code SAVE20".
        if figure.shape == Shape::Mixed && !self.topic.verify && is_slogan(code) {
            lost += 30;
        }
        if self.topic.trade && !self.topic.verify {
            let inside = before.trade || after.trade || self.topic.price && !is_named(placed);
            let near = inside || !matches!(figure.shape, Shape::Digits | Shape::Spelled);
            lost += if near { 45 } else { 15 };
        }
        if is_year(code) && !close && before.enter != Some(0) {
            lost += 35;
        } else if is_year(code) && self.topic.rivals > 1 {
            lost += 25;
        }
        // "Your PIN was 4413, it is 6620 now".
        if self.topic.renewed && !(before.new || after.new) {
            lost += 25;
        }
        lost += match (after.stale, self.topic.rivals) {
            (false, _) => 0,
            (true, 0 | 1) => 45,
            (true, _) => 50,
        };
        // A time of day, unless the message speaks of a code.
        if !self.topic.code && is_time(code) {
            lost += 15;
        }
        // A door's code beside one to log in with.
        if (before.place || after.place) && self.topic.login {
            lost += 40;
        }
        // The name of a thing where the code stands elsewhere.
        if self.topic.sole.is_some() && !self.is_sole(placed) && self.is_tagged(placed) {
            lost += 40;
        }
        if self.topic.taken && !wished {
            lost += 30;
        }
        if self.is_sender(code) && !wished {
            lost += 50;
        }
        lost
    }

    /// True if the figure is the number that the message comes from.
    fn is_sender(&self, code: &str) -> bool {
        code.len() >= 3 && self.sender.bytes().filter(u8::is_ascii_digit).eq(code.bytes())
    }

    /// What kind of measure the neighbours make of a figure.
    fn beside(&self, placed: &Placed) -> Beside {
        let item = |at: Option<usize>| at.and_then(|at| self.row.items.get(at)).copied();
        let at = placed.at;
        let (before, after) = (item(at.checked_sub(1)), item(at.checked_add(1)));
        let second = item(at.checked_sub(2));
        let other = matches!(second, Some(Item::Figure(_)));
        let code = self.row.figures[placed.figure].code;
        let (year, hours) = (is_year(code.as_str()), is_time(code.as_str()));
        match (before, after) {
            (_, Some(Item::Cue(Kind::Currency | Kind::Tail))) => Beside::Amount,
            (Some(Item::Cue(Kind::Currency)), _) if !other => Beside::Amount,
            (_, Some(Item::Cue(Kind::Unit))) => Beside::Measure,
            (Some(Item::Cue(Kind::Month)), _) if year || hours => Beside::Date,
            (_, Some(Item::Cue(Kind::Month))) if year => Beside::Date,
            _ => Beside::Nothing,
        }
    }
}

/// How many digits the text says that its code has.
fn counted(row: &Row, text: &str) -> Option<usize> {
    row.items.windows(2).find_map(|pair| {
        let [Item::Figure(figure), Item::Cue(Kind::Number | Kind::Code | Kind::Otp)] = pair else {
            return None;
        };
        let Figure { start, end, .. } = row.figures[*figure];
        text[start..end].parse().ok().filter(|count| (3..=10).contains(count))
    })
}

/// True for "At the delivery show 4821" where the verb stands last.
fn told_last(placed: &Placed) -> bool {
    placed.before.label.is_some_and(|label| label.gap >= 1 && !label.sent)
        && placed.after.enter == Some(0)
}

/// True for a figure beside a word for code.
fn is_named(placed: &Placed) -> bool {
    let close = |tie: Tie| {
        let inside = tie.crossed.is_none_or(|level| level == Level::Line);
        inside && tie.passed == 0 && (tie.gap == 0 || tie.joined && tie.gap <= 4)
    };
    placed.before.code.is_some_and(close)
        || placed.after.code.is_some_and(|tie| close(tie) && (tie.joined || tie.gap == 0))
}

/// True for four digits between the letters of a licence plate: "АА 4410 КЕ".
fn is_plate(head: &str, tail: &str, code: &str) -> bool {
    let pair = |word: &str| {
        word.chars().count() == 2 && word.chars().all(|c| "авеіикмнорстху".contains(c))
    };
    let before = head.strip_suffix(' ').unwrap_or(head).rsplit([' ', '\n', ',', '(']).next();
    let after = tail.strip_prefix(' ').unwrap_or(tail).split([' ', '\n', ',', '.', ')']).next();
    code.len() == 4 && before.is_some_and(pair) && after.is_some_and(pair)
}

/// True behind a colon or a dash.
fn at_joint(row: &Row, at: usize) -> bool {
    at > 0 && row.items[at - 1] == Item::Joint
}

enum Beside {
    Amount,
    Measure,
    Date,
    Nothing,
}

/// True for hours and minutes.
fn is_time(code: &str) -> bool {
    code.len() == 4
        && code.get(..2).is_some_and(|hours| hours < "24")
        && code.get(2..).is_some_and(|minutes| minutes < "60")
}

fn gap(tie: Tie) -> i32 {
    i32::try_from(tie.gap.min(100)).unwrap_or(100)
}

fn before_points(tie: Tie) -> i32 {
    let gap = gap(tie);
    let points = match tie.crossed {
        None if gap == 0 => 50,
        None if tie.joined => (50 - 3 * gap).max(36),
        None => (50 - 3 * gap).max(26),
        Some(Level::Clause) => (44 - 3 * gap).max(24),
        Some(Level::Line) if gap == 0 => 46,
        Some(Level::Line) => (36 - 3 * gap).max(22),
        Some(Level::Sentence) if gap == 0 => 34,
        Some(Level::Sentence) => (28 - 2 * gap).max(20),
    };
    points - 10 * tie.passed
}

fn after_points(tie: Tie) -> i32 {
    let gap = gap(tie);
    match tie.crossed {
        None if tie.joined => (48 - 2 * gap).max(26),
        None => (44 - 4 * gap).max(22),
        Some(Level::Clause) => (40 - 4 * gap).max(22),
        Some(Level::Line) if gap == 0 => 36,
        Some(Level::Line | Level::Sentence) => 22,
    }
}

fn verify_before_points(tie: Tie) -> i32 {
    let gap = gap(tie);
    match tie.crossed {
        None if tie.joined => (40 - 3 * gap).max(14),
        None if gap == 0 => 24,
        None | Some(Level::Clause) => 14,
        Some(Level::Line | Level::Sentence) => 8,
    }
}

fn verify_after_points(tie: Tie) -> i32 {
    let gap = gap(tie);
    match tie.crossed {
        None if tie.joined => (32 - 2 * gap).max(14),
        None if gap == 0 => 24,
        None if gap <= 2 => 20,
        None | Some(Level::Clause) => 14,
        Some(Level::Line | Level::Sentence) => 8,
    }
}
