//! Lists of open activations that do not come from a provider, which may answer all else.
//!
//! Pure. Says when it has lasted for so long that the operator is told, and whether the provider
//! has no list at all, as it says itself: such a one is asked for it once in a while.

use nexnum_driver::ErrorKind;
use nexnum_engine::time::Time;

/// Lists in a row that fail before it is told, and for how long they have failed then.
const TIMES_MIN: u32 = 3;
const LASTED_MS: u64 = 30_000;
/// Between two lists that a provider is asked for which has said, for so long, that it has none.
const NONE_MS: u64 = 5 * 60_000;

/// The lists that failed since the last one that came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unlisted {
    since: Option<Time>,
    times: u32,
    /// It has lasted.
    pub(super) is_told: bool,
    /// When the provider said that it has no list, if that was its last answer.
    none_at: Option<Time>,
}

impl Unlisted {
    /// One more failed: true once it has lasted.
    pub(super) fn fails(&mut self, now: Time, error: ErrorKind) -> bool {
        self.none_at = (error == ErrorKind::Unsupported).then_some(now);
        let since = *self.since.get_or_insert(now);
        self.times = self.times.saturating_add(1);
        self.is_told |= self.times >= TIMES_MIN && now.ms_since(since) >= LASTED_MS;
        self.is_told
    }

    /// Whether the provider has no list: none has come for long, and it says so, lately too.
    pub(super) fn is_none(&self, now: Time) -> bool {
        self.is_told && self.none_at.is_some_and(|at| now.ms_since(at) < NONE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_fail_are_told_once_it_lasts() {
        let fails = |unlisted: &mut Unlisted, at| unlisted.fails(Time(at), ErrorKind::Temporary);
        let mut unlisted = Unlisted::default();
        let told = [0, 10_000, 29_999, 30_000, 31_000].map(|at| fails(&mut unlisted, at));
        assert_eq!(told, [false, false, false, true, true]);
        let mut seldom = Unlisted::default();
        assert_eq!([0, 60_000, 120_000].map(|at| fails(&mut seldom, at)), [false, false, true]);
        assert!(!seldom.is_none(Time(120_000)), "it has one that does not come");
    }

    #[test]
    fn a_provider_that_says_again_and_again_that_it_has_no_list_has_none() {
        let mut unlisted = Unlisted::default();
        let mut is_none = |at, error| {
            unlisted.fails(Time(at), error);
            unlisted.is_none(Time(at))
        };
        use ErrorKind::{Temporary, Unsupported};
        assert_eq!([0, 10_000, 20_000].map(|at| is_none(at, Unsupported)), [false; 3]);
        assert!(is_none(30_000, Unsupported) && !is_none(40_000, Temporary));
        assert!(is_none(50_000, Unsupported));
        let later = |ms| unlisted.is_none(Time(50_000 + ms));
        assert!(later(NONE_MS - 1) && !later(NONE_MS), "it is asked again");
    }
}
