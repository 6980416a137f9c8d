//! Which activation of one provider is asked about next, and how: pure, without a clock.
//!
//! Activations that a buyer waits for go before the others. Where one call lists the messages
//! of many, a list is asked for as soon as two are due, and what it did not show is asked
//! about one by one, as is what is due while a list keeps waiting. Young activations have a list of their own, which is short where the
//! newest come first. A step costs the logarithm of how many there are, however many are due.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::time::Duration;

use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;

use crate::provider::active::Depth;
use crate::provider::admission::PollLoad;

/// Activations that a list did not show and that are looked through in one step.
const UNSHOWN_A_STEP: usize = 64;
/// Up to which age an activation is looked for in the short list.
const NEAR_MS: u64 = 8_000;
/// One that is due is not asked about alone if another will be due so soon: a list is one call
/// for both.
const SOON_MS: u64 = 4_000;
/// Between the beginnings of two lists of the same reach.
const LIST_GAP_MS: u64 = 500;
/// How long what is due waits for a list that is under way: most come within it, and a last
/// look that waited so long is still in time.
const LIST_PATIENCE_MS: u64 = 3_000;
/// After a list that could not be had, times two for each before it; until then each
/// activation is asked about alone.
const PAUSE_UNLISTED_MS: u64 = 10_000;
const PAUSE_UNLISTED_MAX_MS: u64 = 60_000;

/// What an activation is asked about for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Its buyer waits for a message, and a list can show it.
    Message,
    /// Its buyer waits for what a list cannot tell, or it is to be ended at its provider.
    Answer,
    /// No buyer waits: what may come late is worth a call to spare.
    Rest,
}

/// The list that shows an activation of this age.
const fn depth(age_ms: u64) -> Depth {
    if age_ms < NEAR_MS { Depth::Near } else { Depth::Far }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for the list of open activations.
    List(Depth),
    /// Ask about one.
    One(OrderId),
}

/// Where an activation waits for its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    ByList(Depth),
    Alone,
    AtRest,
    /// It is being asked about.
    UnderWay,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    line: Line,
    due: Time,
    /// When it was scheduled: a list that began later has not shown it.
    since: Time,
    /// When it is worth a call to spare although a list shows it.
    confirm: Option<Time>,
}

/// Activations that a list can show, and that list.
#[derive(Debug, Default)]
struct ByList {
    line: BTreeSet<(Time, OrderId)>,
    /// Those among them that a call of their own did not tell: a list may.
    untold: BTreeSet<OrderId>,
    /// When the last list that came began.
    listed: Time,
    /// No list is asked for before.
    not_before: Time,
    /// Until then no list can be had, and each is asked about alone.
    without_until: Time,
    /// Lists in a row that could not be had.
    failures: u32,
    /// When the list that is under way began.
    under_way: Option<Time>,
}

impl ByList {
    /// The first that is due and not to be shown by a list, and whether a list is due.
    fn next(&self, now: Time) -> (Option<(Time, OrderId)>, bool) {
        let first = self.line.first().copied().filter(|(due, _)| *due <= now);
        let soon = now.plus_ms(SOON_MS);
        let is_one = first.is_none() || self.line.iter().nth(1).is_none_or(|(due, _)| *due > soon);
        if let Some(began) = self.under_way {
            // A list that hangs keeps no activation from being asked about.
            return (first.filter(|_| now.ms_since(began) >= LIST_PATIENCE_MS), false);
        }
        // One alone costs a call either way, unless that call has just been of no use.
        let is_untold = first.is_some_and(|(_, id)| self.untold.contains(&id));
        if is_one && !is_untold || now < self.without_until {
            return (first, false);
        }
        (None, now >= self.not_before)
    }
}

/// The schedule of one provider's polls.
#[derive(Debug, Default)]
pub struct Schedule {
    /// Whether one call shows the messages of many.
    lists: bool,
    places: HashMap<OrderId, Place>,
    near: ByList,
    far: ByList,
    alone: BTreeSet<(Time, OrderId)>,
    at_rest: BTreeSet<(Time, OrderId)>,
    /// Those in a line of a list that the list may not show whole.
    confirm: BTreeSet<(Time, OrderId)>,
    /// When the last of them was asked about that no call was to spare for.
    confirmed: Time,
    /// A list has come, and was not taken note of.
    is_listed: bool,
    /// When the last list began that was asked for beside the calls for each.
    checked: Time,
}

impl Schedule {
    /// A schedule of a provider; `lists` if one call shows the messages of many.
    #[must_use]
    pub fn new(lists: bool) -> Self {
        Self { lists, ..Self::default() }
    }

    /// Whether one call shows the messages of many, as far as is known. Where it does not, those that
    /// wait for a list are asked about alone at once.
    pub fn set_lists(&mut self, lists: bool) {
        if self.lists != lists {
            self.lists = lists;
            let without_until = if lists { Time(0) } else { Time(u64::MAX) };
            self.near.without_until = without_until;
            self.far.without_until = without_until;
        }
    }

    /// Gives an activation of this age its next moment, decided at `now`.
    pub fn put(&mut self, id: OrderId, want: Want, age_ms: u64, due: Time, now: Time) {
        self.remove(id);
        let line = match want {
            Want::Message if self.lists => Line::ByList(depth(age_ms)),
            Want::Message | Want::Answer => Line::Alone,
            Want::Rest => Line::AtRest,
        };
        self.place(id, Place { line, due, since: now, confirm: None });
    }

    /// Has an activation that waits for a list asked about alone from `at` on as well, if there
    /// is a call to spare: the list may not show all that it has.
    pub fn confirm_at(&mut self, id: OrderId, at: Time) {
        let waits = |place: &&mut Place| matches!(place.line, Line::ByList(_));
        if let Some(place) = self.places.get_mut(&id).filter(waits) {
            place.confirm = Some(at);
            self.confirm.insert((at, id));
        }
    }

    /// Has an activation asked about by a list, where one shows it, since a call of its own failed
    /// or did not find it.
    pub fn prefer_list(&mut self, id: OrderId) {
        if let Some(Place { line: Line::ByList(depth), .. }) = self.places.get(&id).copied() {
            self.by_list(depth).untold.insert(id);
        }
    }

    /// Whether an activation is being asked about alone by a call that began before `time`.
    #[must_use]
    pub fn is_under_way_since_before(&self, id: OrderId, time: Time) -> bool {
        let place = self.places.get(&id);
        place.is_some_and(|place| place.line == Line::UnderWay && place.since < time)
    }

    /// Whether a list has come that was asked for after `time`.
    #[must_use]
    pub fn has_listed_since(&self, time: Time) -> bool {
        self.near.listed.max(self.far.listed) > time
    }

    /// Takes an activation out.
    pub fn remove(&mut self, id: OrderId) {
        let Some(place) = self.places.remove(&id) else { return };
        if let Some(line) = self.line(place.line) {
            line.remove(&(place.due, id));
        }
        if let Line::ByList(depth) = place.line {
            self.by_list(depth).untold.remove(&id);
        }
        if let Some(at) = place.confirm {
            self.confirm.remove(&(at, id));
        }
    }

    /// True if there is nothing to ask about.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.near.under_way.or(self.far.under_way).is_none()
    }

    /// How many activations a buyer waits for, those under way aside.
    pub(super) fn waiting(&self) -> usize {
        self.near.line.len() + self.far.line.len() + self.alone.len()
    }

    /// How late the poll is that is due longest, of those that a buyer waits for.
    fn late_ms(&self, now: Time) -> u64 {
        let lines = [&self.near.line, &self.far.line, &self.alone];
        let late = lines.map(|line| line.first().map_or(0, |(due, _)| now.ms_since(*due)));
        late.into_iter().max().unwrap_or(0)
    }

    /// What is to be done at its provider.
    #[must_use]
    pub fn load(&self, now: Time) -> PollLoad {
        PollLoad { waiting: self.waiting(), late_ms: self.late_ms(now) }
    }

    /// The next thing to do for an activation that a buyer waits for; it is under way then.
    pub fn next(&mut self, now: Time) -> Option<Step> {
        let mut depths = [Depth::Near, Depth::Far];
        depths.iter().for_each(|depth| self.move_unshown(*depth, now));
        // Where calls are few the young are due at each of them, and the old wait as well.
        depths.sort_by_key(|depth| self.by_list(*depth).line.first().map(|(due, _)| *due));
        let mut found = self.alone.first().filter(|(due, _)| *due <= now).copied();
        for depth in depths {
            let by_list = self.by_list(depth);
            let (alone, list_is_due) = by_list.next(now);
            if list_is_due {
                by_list.under_way = Some(now);
                by_list.not_before = now.plus_ms(LIST_GAP_MS);
                return Some(Step::List(depth));
            }
            found = found.into_iter().chain(alone).min();
        }
        let (_, id) = found?;
        if self.one_list_shows_both(id, now) {
            self.far.under_way = Some(now);
            self.far.not_before = now.plus_ms(LIST_GAP_MS);
            return Some(Step::List(Depth::Far));
        }
        self.begin(id, now);
        Some(Step::One(id))
    }

    /// Whether this one is the first of the young or of the old, and the long list is one call for
    /// it and the first of the others, which is due as well or soon.
    fn one_list_shows_both(&self, id: OrderId, now: Time) -> bool {
        let soon = now.plus_ms(SOON_MS);
        let firsts = [&self.near, &self.far].map(|by_list| by_list.line.first());
        let are_soon = firsts.iter().all(|first| first.is_some_and(|(due, _)| *due <= soon));
        let is_first = firsts.iter().flatten().any(|(_, first)| *first == id);
        let is_free = [&self.near, &self.far]
            .iter()
            .all(|by_list| by_list.under_way.is_none() && now >= by_list.without_until);
        are_soon && is_first && is_free && now >= self.far.not_before
    }

    /// The next activation to ask about if there is a call to spare, because no buyer waits for
    /// it or a list shows it; it is under way then.
    pub fn next_to_spare(&mut self, now: Time) -> Option<OrderId> {
        let first = [&self.at_rest, &self.confirm].into_iter().filter_map(|line| line.first());
        let (_, id) = first.min().copied().filter(|(due, _)| *due <= now)?;
        self.begin(id, now);
        Some(id)
    }

    /// True once for each list that has come: what it showed can be held against a call of its own
    /// now. What comes later is no fault of it.
    pub fn take_listed(&mut self) -> bool {
        mem::take(&mut self.is_listed)
    }

    /// An activation that a list may not show whole, and that has waited longest to be asked about
    /// alone, if one is to be although no call is to spare; it is under way then. Without such calls
    /// a list that shows no codes any more would be believed for as long as there is something to do.
    pub fn next_to_confirm(&mut self, gap: Duration, now: Time) -> Option<OrderId> {
        let (_, id) = self.confirm.first().copied().filter(|(due, _)| *due <= now)?;
        let gap_ms = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
        if now < self.confirmed.plus_ms(gap_ms) {
            return None;
        }
        self.confirmed = now;
        self.begin(id, now);
        Some(id)
    }

    /// A list beside the calls for each that waits, where lists are not believed: so long after the
    /// last one began, if any waits.
    pub fn next_check(&mut self, gap: Duration, now: Time) -> Option<Step> {
        let gap_ms = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
        let is_due = now >= self.checked.plus_ms(gap_ms);
        if self.waiting() == 0 || self.far.under_way.is_some() || !is_due {
            return None;
        }
        (self.checked, self.far.under_way) = (now, Some(now));
        Some(Step::List(Depth::Far))
    }

    /// A list came that was asked for at `began`, and what it showed is scheduled anew.
    pub fn has_listed(&mut self, depth: Depth, began: Time) {
        self.is_listed = true;
        let by_list = self.by_list(depth);
        (by_list.under_way, by_list.listed, by_list.failures) = (None, began, 0);
    }

    /// No list came, as is known at `now`: each activation is asked about alone for a while,
    /// which is longer each time.
    pub fn has_no_list(&mut self, depth: Depth, now: Time) {
        let by_list = self.by_list(depth);
        let pause = (PAUSE_UNLISTED_MS << by_list.failures.min(6)).min(PAUSE_UNLISTED_MAX_MS);
        by_list.failures = by_list.failures.saturating_add(1);
        let until = now.plus_ms(pause).max(by_list.without_until);
        (by_list.under_way, by_list.without_until) = (None, until);
    }

    /// No list came, since there was no turn for it: it is asked for again. Where calls are few,
    /// asking about each alone would take more of them.
    pub fn had_no_turn(&mut self, depth: Depth) {
        self.by_list(depth).under_way = None;
    }

    /// What the last list should have shown is asked about alone.
    fn move_unshown(&mut self, depth: Depth, now: Time) {
        for _ in 0..UNSHOWN_A_STEP {
            let by_list = self.by_list(depth);
            let (under_way, listed) = (by_list.under_way, by_list.listed);
            let Some((due, id)) = by_list.line.first().copied() else { return };
            let Some(place) = self.places.get(&id).copied() else { return };
            if under_way.is_some() || due > now || place.since >= listed {
                return;
            }
            self.remove(id);
            self.place(id, Place { line: Line::Alone, confirm: None, ..place });
        }
    }

    fn begin(&mut self, id: OrderId, now: Time) {
        self.remove(id);
        let line = Line::UnderWay;
        self.place(id, Place { line, due: now, since: now, confirm: None });
    }

    fn place(&mut self, id: OrderId, place: Place) {
        if let Some(line) = self.line(place.line) {
            line.insert((place.due, id));
        }
        self.places.insert(id, place);
    }

    const fn by_list(&mut self, depth: Depth) -> &mut ByList {
        match depth {
            Depth::Near => &mut self.near,
            Depth::Far => &mut self.far,
        }
    }

    fn line(&mut self, line: Line) -> Option<&mut BTreeSet<(Time, OrderId)>> {
        match line {
            Line::ByList(depth) => Some(&mut self.by_list(depth).line),
            Line::Alone => Some(&mut self.alone),
            Line::AtRest => Some(&mut self.at_rest),
            Line::UnderWay => None,
        }
    }
}

#[cfg(test)]
mod tests;
