//! Lists of open activations that do not come from a provider, which may answer all else.
//!
//! Pure. Says when it has lasted for so long that the operator is told.

use nexnum_engine::time::Time;

/// Lists in a row that fail before it is told, and for how long they have failed then.
const TIMES_MIN: u32 = 3;
const LASTED_MS: u64 = 30_000;

/// The lists that failed since the last one that came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unlisted {
    since: Option<Time>,
    times: u32,
    /// It has lasted.
    pub(super) is_told: bool,
}

impl Unlisted {
    /// One more failed: true once it has lasted.
    pub(super) fn fails(&mut self, now: Time) -> bool {
        let since = *self.since.get_or_insert(now);
        self.times = self.times.saturating_add(1);
        self.is_told |= self.times >= TIMES_MIN && now.ms_since(since) >= LASTED_MS;
        self.is_told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_fail_are_told_once_it_lasts() {
        let mut unlisted = Unlisted::default();
        let told = [0, 10_000, 29_999, 30_000, 31_000].map(|at| unlisted.fails(Time(at)));
        assert_eq!(told, [false, false, false, true, true]);
        let mut seldom = Unlisted::default();
        assert_eq!([0, 60_000, 120_000].map(|at| seldom.fails(Time(at))), [false, false, true]);
    }
}
