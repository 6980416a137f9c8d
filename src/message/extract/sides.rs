//! What stands on either side of a figure: the words that tie it to a code, and those that say
//! it is something else.

use super::code::{Figure, Shape};
use super::cues::Kind;
use super::items::{Item, Level, Row};

/// Items that are looked at on either side of a figure.
pub(super) const REACH: usize = 40;
/// Words between a figure and the word that says what it is.
const LABEL_GAP_MAX: u32 = 2;
/// Words between a figure and the word that says it counts no more.
const STALE_GAP_MAX: u32 = 5;
/// Words between a figure and the word that says that something is to be sent there.
const SEND_GAP_MAX: u32 = 6;
/// Words between a figure behind a colon and the word that asks for it.
const ASKED_GAP_MAX: u32 = 5;
/// Words between a figure and the words that ask to tell it to a person.
const TOLD_GAP_MAX: u32 = 5;
/// Items before a word for code among which a thing may own it.
const THING_ITEMS: usize = 8;
/// Items before a word for code that belong to it.
const NAME_ITEMS: usize = 4;

/// How a word is joined with a figure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tie {
    pub(super) gap: u32,
    pub(super) crossed: Option<Level>,
    pub(super) joined: bool,
    /// Figures between the two.
    pub(super) passed: i32,
}

/// A word that says that a figure is no code.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Label {
    /// Its item.
    pub(super) place: usize,
    pub(super) joined: bool,
    /// A word is to be sent to the figure.
    pub(super) sent: bool,
    /// Words between it and the figure.
    pub(super) gap: u32,
}

/// What stands on one side of a figure.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    pub(super) code: Option<Tie>,
    pub(super) verify: Option<Tie>,
    pub(super) enter: Option<u32>,
    /// A colon or the end of a line stands between the figure and the word that asks for it.
    pub(super) asked: bool,
    /// Who is told the figure.
    pub(super) person: Option<u32>,
    /// Where the word is that says the figure is something else, and whether it is joined.
    pub(super) label: Option<Label>,
    /// The figure counts no more.
    pub(super) stale: bool,
    /// It is called the old one.
    pub(super) old: bool,
    /// The figure is to be sent as a reply.
    pub(super) reply: bool,
    /// A door is named.
    pub(super) place: bool,
    /// The text asks to enter or to tell the code: "Tell the driver the code for boarding 274".
    pub(super) called: bool,
    /// Something is done with the figure.
    pub(super) with: bool,
    /// The figure counts from now on.
    pub(super) new: bool,
}

impl Side {
    /// True where no word has been met yet that ties a figure to anything.
    fn is_empty(&self) -> bool {
        self.code.is_none() && self.label.is_none() && self.enter.is_none() && !self.with
    }
}

/// A figure with what stands around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    /// Its item.
    pub(super) at: usize,
    pub(super) before: Side,
    pub(super) after: Side,
}

impl Placed {
    /// True if the text asks to tell the figure to a person.
    pub(super) fn is_told(&self) -> bool {
        let Self { before, after, .. } = self;
        let near = |before: Option<u32>, after: Option<u32>| {
            before.is_some_and(|gap| gap <= TOLD_GAP_MAX)
                || after.is_some_and(|gap| gap <= TOLD_GAP_MAX)
        };
        near(before.enter, after.enter) && near(before.person, after.person) || self.is_told_last()
    }

    /// True for "At the delivery show 4821" where the verb stands last.
    pub(super) fn is_told_last(&self) -> bool {
        self.before.label.is_some_and(|label| label.gap >= 1 && !label.sent)
            && self.after.enter.is_some_and(|gap| gap <= 1)
    }
}

/// Looks around the figure at an item of a row. `labelled` has the item that says of an earlier
/// figure that it is something else.
pub(super) fn around(
    row: &Row,
    (at, figure): (usize, usize),
    labelled: impl Fn(usize) -> Option<usize>,
) -> Placed {
    let looker = Looker { row, labelled };
    let shape = row.figures[figure].shape;
    // What stands behind an amount says nothing of it, nor what stands before the last figure.
    let measured = shape == Shape::Measure;
    let mut placed = Placed { at, before: Side::default(), after: Side::default() };
    if !measured {
        looker.look_on(at, &mut placed.after);
    }
    if !measured || figure + 1 < row.figures.len() {
        looker.look_back(at, &mut placed.before);
    }
    // "Reply YES5".
    if placed.before.reply && shape != Shape::Digits {
        placed.before.enter = None;
    }
    let Placed { before, after, .. } = &placed;
    // "Courier 482913", but "Tell the courier 482913".
    let owned = before.person.is_some_and(|gap| gap <= LABEL_GAP_MAX);
    let coded = before.code.or(after.code).is_some() || before.verify.is_some();
    if owned && !placed.is_told() && !coded {
        let label = Label { place: at, joined: false, sent: false, gap: 0 };
        placed.before.label.get_or_insert(label);
    }
    placed
}

/// True if what cannot be a code is the name of a thing: "1xBet: 58204".
pub(super) fn is_name(row: &Row, place: usize) -> bool {
    row.items.get(place + 1) == Some(&Item::Joint)
}

struct Looker<'a, L> {
    row: &'a Row,
    /// The item that says of an earlier figure that it is something else.
    labelled: L,
}

impl<L: Fn(usize) -> Option<usize>> Looker<'_, L> {
    /// What stands before a figure, from the nearest on. Not inlined: the side is filled where it
    /// stays, its flags are not taken apart.
    #[inline(never)]
    fn look_back(&self, at: usize, side: &mut Side) {
        let mut walk = Walk::default();
        let mut place = at;
        for _ in 0..REACH {
            let Some(next) = place.checked_sub(1) else { break };
            place = next;
            match self.row.items[place] {
                Item::Figure(figure) => match (self.labelled)(figure) {
                    Some(label) => {
                        if side.is_empty() && walk.crossed.is_none() && !walk.joined {
                            side.label = self.inherited(walk, place, label);
                        }
                        place = label;
                    }
                    // "The code for 5000 rub. 8N49-37".
                    None if self.is_measured(place) => walk.gap = walk.gap.saturating_add(1),
                    None => walk.pass(&self.row.figures[figure], is_name(self.row, place)),
                },
                Item::Cue(Kind::Stale | Kind::Instead)
                    if walk.gap <= 1 && walk.crossed.is_none() && !self.follows_figure(place) =>
                {
                    side.old = true;
                    side.label.get_or_insert(Label { place, joined: false, sent: false, gap: 0 });
                }
                Item::Cue(kind @ (Kind::Label | Kind::Thing | Kind::Trade | Kind::Month)) => {
                    let nearest = side.label.is_none() && side.enter.is_none() && !side.with;
                    let reach = if kind == Kind::Month { 0 } else { LABEL_GAP_MAX };
                    let near = walk.gap <= reach && walk.crossed.is_none();
                    if nearest && near && side.verify.is_none() && walk.passed == 0 {
                        side.label =
                            Some(Label { place, joined: walk.joined, sent: false, gap: walk.gap });
                    }
                    // "Booking confirmed: 482913".
                    if walk.crossed.is_none() && side.verify.is_some_and(|tie| tie.joined) {
                        side.verify = side.verify.map(|tie| Tie { joined: false, ..tie });
                    }
                    walk.gap = walk.gap.saturating_add(1);
                }
                // "Text STOP to 48213".
                Item::Cue(Kind::Send) if walk.gap > 0 && walk.crossed.is_none() && !side.with => {
                    let label = Label { place, joined: true, sent: true, gap: 0 };
                    side.label = side.label.or((walk.gap <= SEND_GAP_MAX).then_some(label));
                    walk.gap = walk.gap.saturating_add(1);
                }
                item => {
                    if walk.meet(side, item) {
                        break;
                    }
                }
            }
        }
        self.name(side, place);
        // "Text CODE to 48213": the word is what the reader shall send.
        let sent = place > 0
            && self.row.items[place - 1] == Item::Cue(Kind::Send)
            && !matches!(self.row.items[place + 1], Item::Figure(_) | Item::Joint);
        if let (true, Some(Tie { crossed: None, .. })) = (sent, side.code) {
            side.code = None;
            side.label = Some(Label { place: place - 1, joined: true, sent: true, gap: 0 });
        }
        // "The code for your order: 482913" names the code first.
        let named = |tie: Tie| tie.crossed.is_none() && tie.passed == 0;
        if side.label.is_some_and(|label| label.joined) && side.code.is_some_and(named) {
            side.label = None;
        }
    }

    /// Reads what is before the word for code at this place: "old", "new", what it is for.
    fn name(&self, side: &mut Side, place: usize) {
        let Some(tie) = side.code else { return };
        let clause = self.row.items[..place].iter().rev().take(THING_ITEMS);
        let mut clause =
            clause.take_while(|item| !matches!(item, Item::Break(Level::Line | Level::Sentence)));
        let entered = clause.any(|item| *item == Item::Cue(Kind::Enter));
        side.called = entered && tie.gap <= 1 && tie.crossed.is_none();
        for at in (place.saturating_sub(NAME_ITEMS)..place).rev() {
            match self.row.items[at] {
                Item::Cue(Kind::Stale | Kind::Instead)
                    if tie.crossed.is_none() && !side.new && !self.follows_figure(at) =>
                {
                    side.old = true;
                    side.label.get_or_insert(Label {
                        place: at,
                        joined: false,
                        sent: false,
                        gap: 0,
                    });
                }
                Item::Cue(Kind::New) => side.new = true,
                Item::Cue(_) | Item::Words(_) => {}
                Item::Figure(_)
                | Item::Joint
                | Item::Break(_)
                | Item::Link { .. }
                | Item::Bound => break,
            }
        }
    }

    /// What stands behind a figure, from the nearest on. Not inlined, as the other.
    #[inline(never)]
    fn look_on(&self, at: usize, side: &mut Side) {
        let mut walk = Walk::default();
        let end = self.row.items.len().min(at + 1 + REACH);
        for place in at + 1..end {
            match self.row.items[place] {
                Item::Figure(figure) => {
                    let figure = &self.row.figures[figure];
                    let measured = self.is_measured(place);
                    let taken = figure.shape == Shape::Taken && !is_name(self.row, place);
                    let open = figure.is_open() && figure.shape != Shape::Capitals;
                    if taken || open && !measured {
                        break;
                    }
                    walk.gap = walk.gap.saturating_add(1);
                    walk.passed += 1;
                }
                // "482913 replaces the old code".
                Item::Cue(Kind::Stale) if !walk.joined && self.precedes_code(place) => {}
                Item::Cue(Kind::Otp | Kind::Code) if self.has_own_figure(place) && !walk.joined => {
                    break;
                }
                item => {
                    if walk.meet(side, item) {
                        // "4821 is the code to tell".
                        let asked = self.row.items.get(place + 1) == Some(&Item::Cue(Kind::Enter));
                        if asked && side.code.is_some() && walk.is_inside() {
                            side.enter.get_or_insert(walk.gap);
                        }
                        break;
                    }
                }
            }
        }
    }

    /// The label that a figure shares with the one at `place`, which is labelled by the item at
    /// `label`.
    fn inherited(&self, walk: Walk, place: usize, label: usize) -> Option<Label> {
        let Item::Figure(figure) = self.row.items[place] else { return None };
        // "Send START 10GB to 4821".
        if self.row.items[label] == Item::Cue(Kind::Send) && walk.gap <= SEND_GAP_MAX {
            return Some(Label { place: label, joined: true, sent: true, gap: 0 });
        }
        // "Plate 4KH 8447".
        let part = self.row.figures[figure].shape == Shape::Measure && !self.is_measured(place);
        (part && walk.gap == 1).then(|| Label { place: label, ..Label::default() })
    }

    /// True for a figure with a unit or a currency behind it.
    fn is_measured(&self, place: usize) -> bool {
        let next = self.row.items.get(place + 1);
        matches!(next, Some(Item::Cue(Kind::Unit | Kind::Currency)))
    }

    /// True for a word behind the figure that counts no more: "8820 yerine 4419".
    fn follows_figure(&self, place: usize) -> bool {
        let before = place.checked_sub(1).map(|at| self.row.items[at]);
        let Some(Item::Figure(figure)) = before else { return false };
        self.row.items[place] == Item::Cue(Kind::Stale) && self.row.figures[figure].is_open()
    }

    /// True if a word for code follows a word at once, or another number.
    fn precedes_code(&self, place: usize) -> bool {
        let next = self.row.items.get(place + 1);
        matches!(next, Some(Item::Cue(Kind::Otp | Kind::Code)))
            || next == Some(&Item::Cue(Kind::Number)) && self.has_own_figure(place + 1)
    }

    /// True if a figure follows a word at once.
    fn has_own_figure(&self, place: usize) -> bool {
        let rest = self.row.items[place + 1..].iter().take(6);
        let mut rest = rest
            .skip_while(|item| matches!(item, Item::Joint | Item::Cue(Kind::Is | Kind::Number)));
        let Some(Item::Figure(figure)) = rest.next() else { return false };
        let Figure { shape, .. } = self.row.figures[*figure];
        self.row.figures[*figure].is_open() && shape != Shape::Capitals || shape == Shape::Taken
    }
}

/// A way from a figure to one side.
#[derive(Clone, Copy, Debug, Default)]
struct Walk {
    gap: u32,
    crossed: Option<Level>,
    joined: bool,
    passed: i32,
    sentences: u32,
}

impl Walk {
    fn tie(self) -> Tie {
        let Self { gap, crossed, joined, passed, .. } = self;
        Tie { gap, crossed, joined, passed }
    }

    /// True while the walk is in the figure's own sentence.
    fn is_inside(self) -> bool {
        self.crossed.is_none_or(|level| level == Level::Clause)
    }

    fn pass(&mut self, figure: &Figure, is_name: bool) {
        match figure.shape {
            Shape::Digits | Shape::Spelled | Shape::Uneven | Shape::Mixed => self.passed += 1,
            // What stands where the code would took the word for it.
            Shape::Taken if !is_name => self.passed += 4,
            Shape::Taken | Shape::Capitals | Shape::Measure => {}
        }
        self.gap = self.gap.saturating_add(1);
    }

    /// Takes in a word that asks the reader to enter, to open or to tell.
    fn ask(&mut self, side: &mut Side, kind: Kind) {
        let (same, near) = (self.is_inside(), self.gap <= ASKED_GAP_MAX);
        if kind == Kind::Enter && same {
            side.asked |= side.enter.is_none() && self.joined && near;
            side.enter.get_or_insert(self.gap);
            return;
        }
        // "Type on the screen" and the figure on the next line.
        if kind == Kind::Enter && self.crossed == Some(Level::Line) {
            side.asked |= near;
        }
        // "Open it with 482913".
        if matches!(kind, Kind::Link | Kind::Open) && same && side.with {
            side.enter.get_or_insert(0);
        }
        side.place |= kind == Kind::Place && same && near;
        if kind == Kind::Person && same {
            side.person.get_or_insert(self.gap);
        }
        self.gap = self.gap.saturating_add(1);
    }

    /// Takes an item in; true where the walk ends.
    fn meet(&mut self, side: &mut Side, item: Item) -> bool {
        match item {
            Item::Words(words) => self.gap = self.gap.saturating_add(words),
            // "Your code:" and the figure on the next line.
            Item::Joint | Item::Cue(Kind::Is) if self.gap == 0 => match self.crossed {
                None | Some(Level::Line) => (self.crossed, self.joined) = (None, true),
                Some(Level::Clause | Level::Sentence) => {}
            },
            Item::Joint | Item::Cue(Kind::Is | Kind::Number) => {}
            Item::Break(level) => {
                self.crossed = self.crossed.max(Some(level));
                self.sentences += u32::from(level == Level::Sentence);
                return self.sentences > 1;
            }
            Item::Cue(Kind::Otp | Kind::Code) => {
                side.code = Some(self.tie());
                return true;
            }
            Item::Cue(
                kind @ (Kind::Enter | Kind::Link | Kind::Open | Kind::Place | Kind::Person),
            ) => self.ask(side, kind),
            Item::Cue(Kind::With) => {
                side.with |= self.gap <= 1;
                self.joined |= self.gap == 0;
            }
            Item::Cue(Kind::Verify) => {
                side.verify.get_or_insert(self.tie());
                self.gap = self.gap.saturating_add(1);
            }
            Item::Cue(Kind::Stale) => {
                // "482913 expires in 5 minutes" is not stale yet.
                let near = self.gap <= STALE_GAP_MAX && self.passed == 0;
                side.stale |= self.crossed.is_none() && near;
            }
            // "The new one is 482913".
            Item::Cue(Kind::New) => {
                let near = self.gap == 0 || self.joined && self.gap <= 2;
                side.new |= self.crossed.is_none() && near;
            }
            // "Reply 48213 for yes".
            Item::Cue(Kind::Send) if self.gap == 0 && self.crossed.is_none() => {
                side.reply = side.enter.is_none();
                side.enter.get_or_insert(1);
            }
            Item::Cue(
                Kind::Trade
                | Kind::Thing
                | Kind::Label
                | Kind::Tail
                | Kind::Unit
                | Kind::Currency
                | Kind::Month
                | Kind::Done
                | Kind::Instead
                | Kind::Send,
            )
            | Item::Figure(_) => self.gap = self.gap.saturating_add(1),
            Item::Link { .. } | Item::Bound => self.gap = self.gap.saturating_add(1),
        }
        false
    }
}
