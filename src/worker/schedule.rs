//! Which activation of one provider is asked about next, and how: pure, without a clock.
//!
//! Activations that a buyer waits for go before the others. Where one call lists the messages
//! of many, a list is asked for as soon as two are due, and what it did not show is asked
//! about one by one. A step costs the logarithm of how many there are, however many are due.

use std::collections::{BTreeSet, HashMap};

use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;

/// Activations that a list did not show and that are looked through in one step.
const UNSHOWN_A_STEP: usize = 64;

/// What an activation is asked about for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Its buyer waits for a message, and a list can show it.
    Message,
    /// Its buyer waits for what a list cannot tell, or it is to be ended at its provider.
    Answer,
    /// No buyer waits: what may come late is worth a call to spare.
    Rest,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for the list of open activations.
    List,
    /// Ask about one.
    One(OrderId),
}

/// Where an activation waits for its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    ByList,
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
}

/// The schedule of one provider's polls.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Whether one call shows the messages of many.
    lists: bool,
    places: HashMap<OrderId, Place>,
    by_list: BTreeSet<(Time, OrderId)>,
    alone: BTreeSet<(Time, OrderId)>,
    at_rest: BTreeSet<(Time, OrderId)>,
    /// When the last list that came began.
    listed: Time,
    /// No list is asked for before.
    no_list_before: Time,
    /// A list is under way.
    listing: bool,
}

impl Schedule {
    /// A schedule of a provider; `lists` if one call shows the messages of many.
    pub(super) fn new(lists: bool) -> Self {
        Self { lists, ..Self::default() }
    }

    /// Gives an activation its next moment, decided at `now`.
    pub(super) fn put(&mut self, id: OrderId, want: Want, due: Time, now: Time) {
        self.remove(id);
        let line = match want {
            Want::Message if self.lists => Line::ByList,
            Want::Message | Want::Answer => Line::Alone,
            Want::Rest => Line::AtRest,
        };
        self.place(id, Place { line, due, since: now });
    }

    /// Takes an activation out.
    pub(super) fn remove(&mut self, id: OrderId) {
        if let Some(place) = self.places.remove(&id)
            && let Some(line) = self.line(place.line)
        {
            line.remove(&(place.due, id));
        }
    }

    /// True if there is nothing to ask about.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && !self.listing
    }

    /// How many activations a buyer waits for, those under way aside.
    pub(super) fn waiting(&self) -> usize {
        self.by_list.len() + self.alone.len()
    }

    /// How late the poll is that is due longest, of those that a buyer waits for.
    pub(super) fn late_ms(&self, now: Time) -> u64 {
        let late = |line: &BTreeSet<(Time, OrderId)>| {
            line.first().map_or(0, |(due, _)| now.ms_since(*due))
        };
        late(&self.by_list).max(late(&self.alone))
    }

    /// The next thing to do for an activation that a buyer waits for; it is under way then.
    pub(super) fn next(&mut self, now: Time) -> Option<Step> {
        self.move_unshown(now);
        let may_list = !self.listing && now >= self.no_list_before;
        let is_due = |(due, _): &&(Time, OrderId)| *due <= now;
        let mut listed = self.by_list.iter().take_while(is_due);
        let (first, second) = (listed.next().copied(), listed.next());
        if may_list && second.is_some() {
            self.listing = true;
            return Some(Step::List);
        }
        // One alone costs a call either way, and so it does where no list can be had.
        let first = first.filter(|_| !self.listing);
        let alone = self.alone.first().filter(is_due).copied();
        let (_, id) = first.into_iter().chain(alone).min()?;
        self.begin(id, now);
        Some(Step::One(id))
    }

    /// The next activation to ask about that no buyer waits for; it is under way then.
    pub(super) fn next_at_rest(&mut self, now: Time) -> Option<OrderId> {
        let (_, id) = self.at_rest.first().copied().filter(|(due, _)| *due <= now)?;
        self.begin(id, now);
        Some(id)
    }

    /// A list came that was asked for at `began`, and what it showed is scheduled anew.
    pub(super) fn has_listed(&mut self, began: Time) {
        (self.listing, self.listed) = (false, began);
    }

    /// No list came: until then each activation is asked about alone.
    pub(super) fn has_no_list(&mut self, until: Time) {
        (self.listing, self.no_list_before) = (false, until);
    }

    /// What the last list should have shown is asked about alone.
    fn move_unshown(&mut self, now: Time) {
        if self.listing {
            return;
        }
        for _ in 0..UNSHOWN_A_STEP {
            let Some((due, id)) = self.by_list.first().copied() else { return };
            let Some(place) = self.places.get(&id).copied() else { return };
            if due > now || place.since >= self.listed {
                return;
            }
            self.remove(id);
            self.place(id, Place { line: Line::Alone, ..place });
        }
    }

    fn begin(&mut self, id: OrderId, now: Time) {
        self.remove(id);
        self.place(id, Place { line: Line::UnderWay, due: now, since: now });
    }

    fn place(&mut self, id: OrderId, place: Place) {
        if let Some(line) = self.line(place.line) {
            line.insert((place.due, id));
        }
        self.places.insert(id, place);
    }

    fn line(&mut self, line: Line) -> Option<&mut BTreeSet<(Time, OrderId)>> {
        match line {
            Line::ByList => Some(&mut self.by_list),
            Line::Alone => Some(&mut self.alone),
            Line::AtRest => Some(&mut self.at_rest),
            Line::UnderWay => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(100_000);

    fn put(schedule: &mut Schedule, id: u32, want: Want, due: u64) {
        schedule.put(OrderId(id), want, Time(due), Time(due - 1));
    }

    #[test]
    fn two_that_are_due_are_asked_about_by_one_list() {
        let mut schedule = Schedule::new(true);
        put(&mut schedule, 1, Want::Message, 50_000);
        assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(1))), "a list is no cheaper");
        put(&mut schedule, 1, Want::Message, 50_000);
        put(&mut schedule, 2, Want::Message, 60_000);
        put(&mut schedule, 3, Want::Message, 200_000);
        put(&mut schedule, 4, Want::Answer, 70_000);
        assert_eq!(schedule.next(NOW), Some(Step::List));
        assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(4))), "no list can tell");
        assert_eq!(schedule.next(NOW), None, "the others wait for the list");
        assert_eq!((schedule.waiting(), schedule.late_ms(NOW)), (3, 50_000));
    }

    #[test]
    fn what_a_list_did_not_show_is_asked_about_alone() {
        let mut schedule = Schedule::new(true);
        for id in 1..=3 {
            put(&mut schedule, id, Want::Message, 50_000);
        }
        assert_eq!(schedule.next(NOW), Some(Step::List));
        let later = NOW.plus_ms(1_000);
        schedule.put(OrderId(2), Want::Message, later.plus_ms(5_000), later);
        schedule.put(OrderId(4), Want::Message, later, later);
        schedule.has_listed(NOW);
        assert_eq!(schedule.next(later), Some(Step::One(OrderId(1))));
        assert_eq!(schedule.next(later), Some(Step::One(OrderId(3))));
        assert_eq!(schedule.next(later), Some(Step::One(OrderId(4))), "alone, it needs no list");
        assert_eq!(schedule.next(later), None);
    }

    #[test]
    fn while_no_list_can_be_had_each_is_asked_about_alone() {
        let mut schedule = Schedule::new(true);
        for id in 1..=2 {
            put(&mut schedule, id, Want::Message, 50_000);
        }
        assert_eq!(schedule.next(NOW), Some(Step::List));
        schedule.has_no_list(NOW.plus_ms(5_000));
        assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(1))));
        put(&mut schedule, 1, Want::Message, 50_000);
        assert_eq!(schedule.next(NOW.plus_ms(5_000)), Some(Step::List));
    }

    #[test]
    fn without_lists_the_longest_due_goes_first_and_what_is_at_rest_apart() {
        let mut schedule = Schedule::new(false);
        put(&mut schedule, 1, Want::Message, 60_000);
        put(&mut schedule, 2, Want::Message, 50_000);
        put(&mut schedule, 3, Want::Rest, 10_000);
        assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(2))));
        assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(1))));
        assert_eq!((schedule.next(NOW), schedule.waiting()), (None, 0));
        assert_eq!(schedule.next_at_rest(NOW), Some(OrderId(3)));
        assert_eq!(schedule.next_at_rest(NOW), None);
        for id in 1..=3 {
            schedule.remove(OrderId(id));
        }
        assert!(schedule.is_empty());
    }
}
