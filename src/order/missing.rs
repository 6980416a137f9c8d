//! What it means that a provider does not know an activation.
//!
//! Pure. A provider that has lost its database for a moment, or that asks another shard, says
//! "not found" of numbers that live on and are charged. Promises: one activation is believed
//! to be gone only after two such answers some time apart, with the provider's list of open
//! ones as the witness where there is one, and none while many are missing at once, or all of
//! several. An end that a provider tells is believed at once of one that is open alone.
//! Leaves to others: the list, and what follows.

use std::collections::BTreeMap;

use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;

/// Answers in a row that are believed.
const TIMES_MIN: u32 = 2;
/// Between the first and the one that is believed, where a list bears it out: longer than a
/// fail-over takes.
const LISTED_MS: u64 = 15_000;
/// The same where no list can be had.
const UNLISTED_MS: u64 = 30_000;
/// Between two lists that are asked for: as long as one is fresh.
pub(crate) const LIST_PAUSE_MS: u64 = 5_000;
/// Activations missing at the same time are counted for so long.
const TOGETHER_MS: u64 = 60_000;
/// How long one is remembered: several of the longest pauses between two polls.
const KEPT_MS: u64 = 10 * TOGETHER_MS;
/// So many may be missing together, whatever their share of the open ones is, but for all.
const FEW: usize = 3;
/// More than one in so many of the open ones are many.
const SHARE: usize = 5;

/// What the last list of open activations says of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Witness {
    /// There is no list of this moment.
    Unasked,
    /// There can be none.
    Unsupported,
    /// It is open.
    Open,
    /// It is not among the open ones.
    Absent,
    /// None of ours is among the open ones: it may be the list of another account.
    Bare,
    /// The list is cut before it.
    Cut,
}

/// What follows from a "not found".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is too soon to tell.
    Wait,
    /// A list would tell.
    AskList,
    /// It is open all the same.
    Open,
    /// So many are missing that the provider is at fault; `first` for the first of them.
    Many {
        /// It has not been reported yet.
        first: bool,
    },
    /// It is gone.
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Absence {
    first: Time,
    last: Time,
    times: u32,
}

/// The activations of a provider that it does not know at the moment.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    absences: BTreeMap<OrderId, Absence>,
    /// How many activations were open when one was missing last.
    open: usize,
    /// When a list was last asked for.
    list_asked: Option<Time>,
    /// Many are missing, and that was reported.
    reported: bool,
    /// When many were missing last.
    many_at: Option<Time>,
}

impl Missing {
    /// The provider knows an activation, or the question is over.
    pub(crate) fn forget(&mut self, order: OrderId) {
        self.absences.remove(&order);
    }

    /// True once after many were missing and were reported, when they are few again.
    pub(crate) fn has_recovered(&mut self, now: Time) -> bool {
        let recovered = self.reported && !self.are_many(now);
        self.reported &= !recovered;
        recovered
    }

    /// How many were missing within the last moments.
    fn together(&self, now: Time) -> usize {
        self.absences.values().filter(|it| now.ms_since(it.last) < TOGETHER_MS).count()
    }

    /// More are missing than their number explains: a good share of many, or all of several.
    fn are_many(&self, now: Time) -> bool {
        let (together, open) = (self.together(now), self.open);
        let are_all = together >= 2 && together >= open;
        are_all || together > FEW && together * SHARE > open
    }

    /// Many were missing lately: that it does not know one proves nothing yet.
    pub(crate) fn were_many(&self, now: Time) -> bool {
        self.many_at.is_some_and(|at| now.ms_since(at) < KEPT_MS)
    }

    /// The provider does not know an activation, or says that it has ended, while so many are
    /// open at it.
    pub(crate) fn note(&mut self, order: OrderId, now: Time, open: usize) {
        self.absences.retain(|_, absence| now.ms_since(absence.last) < KEPT_MS);
        let fresh = Absence { first: now, last: now, times: 0 };
        let absence = self.absences.entry(order).or_insert(fresh);
        (absence.last, absence.times) = (now, absence.times.saturating_add(1));
        self.open = open;
    }

    /// What to make of it.
    pub(crate) fn judge(&mut self, order: OrderId, now: Time, witness: Witness) -> Judgement {
        let Some(absence) = self.absences.get(&order).copied() else { return Judgement::Wait };
        if witness == Witness::Open {
            self.absences.remove(&order);
            return Judgement::Open;
        }
        if self.are_many(now) {
            self.many_at = Some(now);
            let first = !std::mem::replace(&mut self.reported, true);
            return Judgement::Many { first };
        }
        let lasted = |ms| absence.times >= TIMES_MIN && now.ms_since(absence.first) >= ms;
        match witness {
            Witness::Unasked if lasted(LISTED_MS) && self.may_ask(now) => {
                self.list_asked = Some(now);
                Judgement::AskList
            }
            Witness::Absent if lasted(LISTED_MS) => Judgement::Gone,
            Witness::Unsupported | Witness::Cut | Witness::Bare if lasted(UNLISTED_MS) => {
                Judgement::Gone
            }
            Witness::Unasked
            | Witness::Absent
            | Witness::Bare
            | Witness::Unsupported
            | Witness::Cut
            | Witness::Open => Judgement::Wait,
        }
    }

    /// What to make of an end that the provider tells of an activation without a message.
    pub(crate) fn judge_end(&mut self, order: OrderId, now: Time) -> Judgement {
        if self.open <= 1 {
            return Judgement::Gone;
        }
        self.judge(order, now, Witness::Absent)
    }

    /// A list that could not be had is not asked for again by each that is missing.
    fn may_ask(&self, now: Time) -> bool {
        self.list_asked.is_none_or(|at| now.ms_since(at) >= LIST_PAUSE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: OrderId = OrderId(1);

    /// The judgement on an order that has been missing since 0, at these seconds.
    fn of(times_s: &[u64], witness: Witness) -> Judgement {
        let mut missing = Missing::default();
        for at in times_s {
            missing.note(ONE, Time(at * 1_000), 100);
        }
        missing.judge(ONE, Time(times_s.last().unwrap() * 1_000), witness)
    }

    #[test]
    fn it_takes_two_answers_and_a_list_that_bears_them_out() {
        assert_eq!(of(&[0], Witness::Unasked), Judgement::Wait);
        assert_eq!(of(&[0, 1, 2, 14], Witness::Unasked), Judgement::Wait);
        assert_eq!(of(&[0, 15], Witness::Unasked), Judgement::AskList);
        assert_eq!(of(&[0, 15], Witness::Absent), Judgement::Gone);
        assert_eq!(of(&[0, 15], Witness::Open), Judgement::Open);
    }

    #[test]
    fn that_many_were_missing_is_remembered_when_all_of_them_have_ended() {
        let mut missing = Missing::default();
        for order in [1, 2] {
            missing.note(OrderId(order), Time(1_000), 2);
        }
        assert!(!missing.were_many(Time(1_000)), "nothing asked what it means");
        let judged = missing.judge(ONE, Time(1_000), Witness::Unasked);
        assert_eq!(judged, Judgement::Many { first: true });
        missing.forget(ONE);
        missing.forget(OrderId(2));
        assert!(missing.were_many(Time(KEPT_MS)) && !missing.were_many(Time(KEPT_MS + 1_000)));
    }

    #[test]
    fn a_list_that_cannot_be_had_is_asked_for_now_and_then() {
        let mut missing = Missing::default();
        let mut at = |at_s: u64| {
            missing.note(ONE, Time(at_s * 1_000), 100);
            missing.judge(ONE, Time(at_s * 1_000), Witness::Unasked)
        };
        let judged = [0, 15, 16, 19, 20, 21].map(&mut at);
        use Judgement::{AskList, Wait};
        assert_eq!(judged, [Wait, AskList, Wait, Wait, AskList, Wait]);
    }

    #[test]
    fn without_a_list_half_a_minute_has_to_pass() {
        for witness in [Witness::Unsupported, Witness::Cut, Witness::Bare] {
            assert_eq!(of(&[0, 15, 29], witness), Judgement::Wait);
            assert_eq!(of(&[0, 30], witness), Judgement::Gone);
        }
    }

    #[test]
    fn an_answer_in_between_begins_anew() {
        let mut missing = Missing::default();
        missing.note(ONE, Time(0), 100);
        missing.forget(ONE);
        missing.note(ONE, Time(40_000), 100);
        assert_eq!(missing.judge(ONE, Time(40_000), Witness::Absent), Judgement::Wait);
    }

    /// The judgement on the last of so many that are missing together.
    fn together(missing: u64, open: usize) -> Judgement {
        let mut all = Missing::default();
        for at in [0, 40_000] {
            for order in (1..=missing).map(OrderId) {
                all.note(order, Time(at), open);
            }
        }
        all.judge(OrderId(missing), Time(40_000), Witness::Absent)
    }

    #[test]
    fn many_that_are_missing_together_are_the_provider_s_fault() {
        assert_eq!(together(1, 1), Judgement::Gone);
        assert_eq!(together(2, 2), Judgement::Many { first: true });
        assert_eq!(together(3, 3), Judgement::Many { first: true });
        assert_eq!(together(3, 4), Judgement::Gone);
        assert_eq!(together(4, 4), Judgement::Many { first: true });
        assert_eq!(together(4, 20), Judgement::Gone);
        assert_eq!(together(20, 100), Judgement::Gone);
        assert_eq!(together(21, 100), Judgement::Many { first: true });
    }

    #[test]
    fn an_end_is_believed_at_once_of_one_alone_and_never_of_all_at_once() {
        let ends = |count: u64, open: usize| {
            let mut all = Missing::default();
            let mut at = |at_ms: u64| {
                (1..=count).for_each(|order| all.note(OrderId(order), Time(at_ms), open));
                all.judge_end(ONE, Time(at_ms))
            };
            [at(0), at(15_000)]
        };
        use Judgement::{Gone, Many, Wait};
        assert_eq!(ends(1, 1), [Gone, Gone]);
        assert_eq!(ends(1, 2), [Wait, Gone]);
        assert_eq!(ends(2, 2), [Many { first: true }, Many { first: false }]);
        assert_eq!(ends(5, 5), [Many { first: true }, Many { first: false }]);
    }

    #[test]
    fn many_are_reported_once_until_they_are_few_again() {
        let mut missing = Missing::default();
        let all = |missing: &mut Missing, count: u64, at: u64| {
            for order in (1..=count).map(OrderId) {
                missing.note(order, Time(at), 5);
            }
            missing.judge(ONE, Time(at), Witness::Absent)
        };
        assert_eq!(all(&mut missing, 4, 0), Judgement::Many { first: true });
        assert_eq!(all(&mut missing, 4, 20_000), Judgement::Many { first: false });
        assert!(!missing.has_recovered(Time(20_000)));
        (2..=4).map(OrderId).for_each(|order| missing.forget(order));
        assert!(missing.has_recovered(Time(40_000)), "once");
        assert!(!missing.has_recovered(Time(40_000)));
        assert_eq!(all(&mut missing, 1, 40_000), Judgement::Gone);
        assert_eq!(all(&mut missing, 4, 60_000), Judgement::Many { first: true });
    }
}
