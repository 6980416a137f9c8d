//! One bound of a provider on calls in an interval, counted exactly.

use std::collections::VecDeque;
use std::time::Duration;

use nexnum_driver::Window;
use tokio::time::Instant;

/// A window of fewer calls is counted call by call; a larger one is a bucket that holds a
/// twentieth of it, at least one call.
const COUNTED_MAX: u32 = 20;

/// A bound of the driver on calls in an interval.
pub(super) enum Gauge {
    /// Each call of the last interval.
    Counted { calls: usize, per: Duration, given: VecDeque<Instant> },
    /// A bucket in shares of a call: level in calls × `per_us`, refilled by `refill` a window.
    Bucket { capacity: u64, refill: u64, per_us: u64, level: u64, filled: Instant },
}

impl Gauge {
    pub(super) fn new(window: Window, now: Instant) -> Self {
        let per = Duration::from_millis(window.per_ms.max(1));
        if window.calls < COUNTED_MAX {
            let calls = window.calls.max(1) as usize;
            return Self::Counted { calls, per, given: VecDeque::with_capacity(calls) };
        }
        // What the bucket holds and what flows in within a window are the window's calls.
        let capacity = u64::from(window.calls / 20).max(1);
        let refill = u64::from(window.calls) - capacity;
        let per_us = per.as_micros() as u64;
        Self::Bucket { capacity, refill, per_us, level: capacity * per_us, filled: now }
    }

    /// A window in which all calls have been made.
    pub(super) fn spent(window: Window, now: Instant) -> Self {
        let mut gauge = Self::new(window, now);
        match &mut gauge {
            Self::Counted { calls, given, .. } => given.resize(*calls, now),
            Self::Bucket { level, .. } => *level = 0,
        }
        gauge
    }

    fn bring_to(&mut self, now: Instant) {
        match self {
            Self::Counted { per, given, .. } => {
                while given.front().is_some_and(|first| *first + *per <= now) {
                    given.pop_front();
                }
            }
            Self::Bucket { capacity, refill, per_us, level, filled } => {
                let elapsed = now.saturating_duration_since(*filled).as_micros() as u64;
                *level = level.saturating_add(elapsed.saturating_mul(*refill));
                *level = (*level).min(*capacity * *per_us);
                *filled = now;
            }
        }
    }

    /// From when on a call may be made.
    pub(super) fn ready_at(&mut self, now: Instant) -> Instant {
        self.bring_to(now);
        match self {
            Self::Counted { calls, per, given } => {
                if given.len() < *calls {
                    now
                } else {
                    given[0] + *per
                }
            }
            Self::Bucket { refill, per_us, level, .. } => {
                let missing = per_us.saturating_sub(*level);
                now + Duration::from_micros(missing.div_ceil(*refill))
            }
        }
    }

    /// How many calls may be made at once.
    pub(super) fn at_hand(&mut self, now: Instant) -> usize {
        self.bring_to(now);
        match self {
            Self::Counted { calls, given, .. } => *calls - given.len(),
            Self::Bucket { level, per_us, .. } => (*level / *per_us) as usize,
        }
    }

    /// How many calls may be made at once after a rest.
    pub(super) const fn burst(&self) -> usize {
        match self {
            Self::Counted { calls, .. } => *calls,
            Self::Bucket { capacity, .. } => *capacity as usize,
        }
    }

    /// Counts a call that is made now.
    pub(super) fn take(&mut self, now: Instant) {
        match self {
            Self::Counted { given, .. } => given.push_back(now),
            Self::Bucket { level, per_us, .. } => *level -= *per_us,
        }
    }

    /// The call that was taken last, a moment ago, was not made.
    pub(super) fn give_back(&mut self) {
        match self {
            Self::Counted { given, .. } => drop(given.pop_back()),
            Self::Bucket { level, per_us, .. } => *level += *per_us,
        }
    }

    /// Calls in a second, in the long run.
    pub(super) fn rate(&self) -> f64 {
        match self {
            Self::Counted { calls, per, .. } => *calls as f64 / per.as_secs_f64(),
            Self::Bucket { refill, per_us, .. } => *refill as f64 * 1e6 / *per_us as f64,
        }
    }
}
