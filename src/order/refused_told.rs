//! What the operator is told of refused callbacks: how many are kept, and how many are not.
//!
//! Leaves to others: when it is told (`refused.rs`).

use std::collections::{BTreeMap, BTreeSet};

use nexnum_engine::callback::CallbackFailure;
use nexnum_engine::callbacks::Callbacks;
use nexnum_engine::ids::ProviderId;
use nexnum_engine::time::Time;

use crate::clock::Rfc3339;

/// What lists those that are kept.
const LIST: &str = "nexnum callback list --state refused";

/// What the attention list has been told of a provider's refused callbacks.
#[derive(Debug, Default)]
pub(super) struct RefusedTold {
    /// How many found no room since the start.
    missed: u64,
    /// How many found none, or made room, since the start, as far as they have been counted.
    counted: u64,
    /// How many of those were before the row began.
    before: u64,
    /// When one was not kept first since the row began.
    since: Option<Time>,
    /// Whether there is a row that stays.
    is_held: bool,
}

impl RefusedTold {
    /// One found no room.
    pub(super) const fn miss(&mut self) {
        self.missed += 1;
    }

    /// Gives how many more are not kept, or no longer, than were counted last.
    pub(super) fn count_unkept(&mut self, dropped: u64, now: Time) -> u64 {
        let all = self.missed + dropped;
        let more = all - self.counted;
        self.counted = all;
        if more > 0 {
            self.since.get_or_insert(now);
        }
        more
    }

    /// The text of a row that stays.
    pub(super) fn hold(&mut self, kept: &Kept) -> String {
        self.is_held = true;
        let reasons = kept.reasons.iter().copied().collect::<Vec<_>>().join(", ");
        let (count, are) = (kept.count, if kept.count == 1 { "is" } else { "are" });
        let unkept = self.unkept();
        format!("callbacks were refused: {reasons}; {count} {are} kept: `{LIST}`{unkept}")
    }

    /// The part of a text about those that are not kept; empty if all are.
    pub(super) fn unkept(&self) -> String {
        let more = self.counted - self.before;
        match self.since {
            Some(since) if more > 0 => {
                let were = if more == 1 { "was" } else { "were" };
                format!("; {more} more {were} not kept since {}", Rfc3339(since))
            }
            Some(_) | None => String::new(),
        }
    }

    /// None is kept: those that are not are counted anew with the next row. `false` if there was
    /// no row that stays.
    pub(super) const fn end(&mut self) -> bool {
        let was_held = self.is_held;
        if was_held {
            (self.before, self.since, self.is_held) = (self.counted, None, false);
        }
        was_held
    }
}

/// A provider's refused callbacks that are kept: how many, and why they were refused.
#[derive(Debug, Default)]
pub(super) struct Kept {
    count: usize,
    reasons: BTreeSet<&'static str>,
}

/// Those that are kept, of each provider that has some.
pub(super) fn kept_by_provider(callbacks: &Callbacks) -> BTreeMap<ProviderId, Kept> {
    let mut all: BTreeMap<_, Kept> = BTreeMap::new();
    for (_, callback) in callbacks.refused() {
        let kept = all.entry(callback.provider).or_default();
        kept.count += 1;
        kept.reasons.extend(callback.failure.map(CallbackFailure::code));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_not_kept_are_counted_from_the_beginning_of_a_row() {
        let mut told = RefusedTold::default();
        let kept = Kept { count: 1, reasons: BTreeSet::from(["invalid_signature"]) };
        let all = "callbacks were refused: invalid_signature; 1 is kept: `nexnum callback list \
                   --state refused`";
        assert!(!told.end());
        assert_eq!((told.count_unkept(0, Time(0)), &*told.hold(&kept)), (0, all));
        told.miss();
        assert_eq!(told.count_unkept(2, Time(1_000)), 3);
        told.miss();
        assert_eq!(told.count_unkept(2, Time(2_000)), 1);
        let more = "; 4 more were not kept since 1970-01-01T00:00:01.000Z";
        assert_eq!(told.hold(&kept), format!("{all}{more}"));
        assert_eq!((told.end(), told.end(), &*told.hold(&kept)), (true, false, all));
        assert_eq!(told.count_unkept(3, Time(3_000)), 1);
        assert_eq!(told.unkept(), "; 1 more was not kept since 1970-01-01T00:00:03.000Z");
    }
}
