//! Turns that are kept for callers who were refused and told when to come back.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Promises at a time. More could not be kept in time.
const PROMISES_MAX: usize = 2_000;
/// How long after its moment a promise is kept for its caller.
const PROMISE_KEPT: Duration = Duration::from_secs(30);
/// How long a call that may be made is kept for a caller who was promised it: clients come
/// back after whole seconds.
const CALL_KEPT: Duration = Duration::from_secs(2);
/// How much sooner than promised a caller may come back: clocks and networks are not exact.
const PROMISE_EARLY: Duration = Duration::from_millis(200);
/// Where calls are far apart, how long a caller that came back may wait, as any that asks: a call
/// is kept for none whose own comes within it, since the others would lose one each time.
const CALL_WAIT: Duration = Duration::from_millis(1_500);

/// When each caller was told to come back, by its key.
#[derive(Default)]
pub(super) struct Promises(BTreeMap<u64, Instant>);

impl Promises {
    /// Forgets those whose callers have not come.
    pub(super) fn prune(&mut self, now: Instant) {
        self.0.retain(|_, at| *at + PROMISE_KEPT > now);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// When a caller was told to come back.
    pub(super) fn of(&self, key: u64) -> Option<Instant> {
        self.0.get(&key).copied()
    }

    /// Whether a caller that comes now has come as it was told.
    pub(super) fn is_due(&self, key: u64, now: Instant) -> bool {
        self.of(key).is_some_and(|at| at <= now + PROMISE_EARLY)
    }

    pub(super) fn forget(&mut self, key: u64) {
        self.0.remove(&key);
    }

    pub(super) fn note(&mut self, key: u64, at: Instant) {
        if self.0.len() < PROMISES_MAX || self.0.contains_key(&key) {
            self.0.insert(key, at);
        }
    }

    pub(super) fn last(&self) -> Option<Instant> {
        self.0.values().max().copied()
    }

    /// How many of the calls that may be made now are kept for those who come by now, or too
    /// long before the next one can be made, which is after `interval`.
    pub(super) fn kept(&self, now: Instant, interval: Duration, is_slow: bool) -> usize {
        let early = if is_slow { CALL_WAIT } else { PROMISE_EARLY };
        let next = now + interval.saturating_sub(early);
        self.0.values().filter(|at| **at <= next && **at + CALL_KEPT > now).count()
    }
}
