//! One bound of a provider on calls in an interval, counted exactly.
//!
//! What a long interval allows is never spent at once: whatever was bought has to be asked about
//! in the rest of it.

use std::collections::VecDeque;
use std::time::Duration;

use nexnum_driver::Window;
use tokio::time::Instant;

/// A window of fewer calls is counted call by call; a larger one is a bucket that holds a
/// twentieth of it, at least one call.
const COUNTED_MAX: u32 = 20;
/// A window of so many calls that is so long is a bucket too, so that the calls are spread over
/// it: of fewer, a bucket of two would leave more than a tenth unused.
const SPREAD_FROM: u32 = 10;
const SPREAD_MIN: Duration = Duration::from_secs(5);
/// What such a bucket holds.
const PAIR: u64 = 2;
/// What such a window is longer by, at most: calls that are given at its end exactly are one too
/// many for a provider that counts when they arrive.
const MARGIN_MAX: Duration = Duration::from_millis(50);

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
        if (SPREAD_FROM..COUNTED_MAX).contains(&window.calls) && per >= SPREAD_MIN {
            // The call that the bucket's last drop would make falls out of the window.
            let (capacity, refill) = (PAIR, u64::from(window.calls) + 1 - PAIR);
            let per_us = (per + (per / 50).min(MARGIN_MAX)).as_micros() as u64;
            return Self::Bucket {
                capacity,
                refill,
                per_us,
                level: capacity * per_us,
                filled: now,
            };
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The moments, in milliseconds, at which calls are made that are made as soon as they may.
    fn made(mut gauge: Gauge, begin: Instant, for_ms: u64) -> Vec<u64> {
        let (mut now, mut made) = (begin, Vec::new());
        loop {
            now = gauge.ready_at(now);
            let at_ms = (now - begin).as_millis() as u64;
            if at_ms >= for_ms {
                return made;
            }
            gauge.bring_to(now);
            gauge.take(now);
            made.push(at_ms);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_calls_of_a_long_interval_are_spread_over_it() {
        let begin = Instant::now();
        for (calls, per_ms) in [(15, 60_000), (19, 60_000), (10, 9_000), (12, 30_000), (10, 5_000)]
        {
            let window = Window { calls, per_ms };
            let made_from = |gauge| made(gauge, begin, 10 * per_ms);
            let made = made_from(Gauge::new(window, begin));
            // Never more than it allows, and nine tenths of it in the long run.
            let within =
                |from: u64| made.iter().filter(move |at| (from..=from + per_ms).contains(*at));
            assert!(made.iter().all(|from| within(*from).count() <= calls as usize), "{calls}");
            assert!(made.len() >= calls as usize * 9, "{calls}: {}", made.len());
            // Whatever was done before, the next call is not far off.
            let longest = made.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(longest <= 5 * per_ms / 4 / u64::from(calls), "{calls}: {longest}");
            assert!(made_from(Gauge::spent(window, begin))[0] <= longest);
        }
        let short = Gauge::new(Window { calls: 10, per_ms: 1_000 }, begin);
        assert_eq!(made(short, begin, 1_000), [0; 10], "it may be used at once");
    }
}
