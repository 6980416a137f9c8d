//! One bound of a provider on calls in an interval, counted exactly.
//!
//! What a long interval allows is never spent at once: whatever was bought has to be asked about
//! in the rest of it.

use std::collections::VecDeque;
use std::time::Duration;

use nexnum_driver::Window;
use tokio::time::Instant;

/// A window of so many calls is counted call by call; a larger one is a bucket that holds a
/// twentieth of it, at least two.
const COUNTED_MAX: u32 = 10;
const COUNTED_SHORT_MAX: u32 = 19;
/// All of a counted window that is shorter may be used at once, and up to nineteen calls of such a
/// one are counted. The calls of a longer one are spread over it: no cancel, and no look for a
/// code, is kept waiting for most of it because others were made.
const SPREAD_MIN: Duration = Duration::from_secs(5);
/// Of a window of so many calls two may go at once after a rest, as a purchase and its first
/// poll; of fewer, they would be too much of it.
const PAIR_MIN: usize = 4;
/// What a window is longer by, as one part in so many and at most: calls that are given at its
/// end exactly are one too many for a provider that counts when they arrive.
const MARGIN_PART: u32 = 50;
const MARGIN_MAX: Duration = Duration::from_millis(50);

/// A bound of the driver on calls in an interval.
pub(super) enum Gauge {
    /// Each call of the last interval: while there are fewer than `at_once` the next is made at
    /// once, then `gap` after the last.
    Counted { calls: usize, per: Duration, at_once: usize, gap: Duration, given: VecDeque<Instant> },
    /// A bucket in shares of a call: level in calls × `per_us`, refilled by `refill` a window.
    Bucket { capacity: u64, refill: u64, per_us: u64, level: u64, filled: Instant },
}

impl Gauge {
    pub(super) fn new(window: Window, now: Instant) -> Self {
        let stated = Duration::from_millis(window.per_ms.max(1));
        let per = stated + (stated / MARGIN_PART).min(MARGIN_MAX);
        let is_short = stated < SPREAD_MIN;
        if window.calls <= if is_short { COUNTED_SHORT_MAX } else { COUNTED_MAX } {
            let calls = window.calls.max(1) as usize;
            let at_once = match calls {
                _ if is_short => calls,
                PAIR_MIN.. => 2,
                _ => 1,
            };
            // Rounded up, so that the last of an interval's calls is not in it.
            let gap = Duration::from_micros((per.as_micros() as u64).div_ceil(calls as u64));
            let given = VecDeque::with_capacity(calls);
            return Self::Counted { calls, per, at_once, gap, given };
        }
        // What the bucket holds and what flows in within a window are one call more than the
        // window's: that of the last drop falls out of it.
        let (calls, per_us) = (u64::from(window.calls), per.as_micros() as u64);
        let capacity = (calls / 20).max(if is_short { 1 } else { 2 });
        let refill = calls + 1 - capacity;
        Self::Bucket { capacity, refill, per_us, level: capacity * per_us, filled: now }
    }

    /// A window in which all calls may have been made, by another process that kept to the same
    /// gauge. Its bucket held at least nothing when it ended: an empty one goes on as that would
    /// have at most. Its counted calls were made as late as they can have been.
    pub(super) fn spent(window: Window, now: Instant) -> Self {
        let mut gauge = Self::new(window, now);
        match &mut gauge {
            Self::Counted { calls, at_once, gap, given, .. } => {
                let before = (1..=*calls - *at_once).rev().map(|n| *gap * n as u32);
                given.extend(before.map(|before| now.checked_sub(before).unwrap_or(now)));
                given.resize(*calls, now);
            }
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
            Self::Counted { calls, per, at_once, gap, given } => {
                let Some(last) = given.back().filter(|_| given.len() >= *at_once) else {
                    return now;
                };
                let spread = if *at_once < *calls { *last + *gap } else { now };
                let room = if given.len() < *calls { now } else { given[0] + *per };
                now.max(spread).max(room)
            }
            Self::Bucket { refill, per_us, level, .. } => {
                let missing = per_us.saturating_sub(*level);
                now + Duration::from_micros(missing.div_ceil(*refill))
            }
        }
    }

    /// How many calls may be made at once.
    pub(super) fn at_hand(&mut self, now: Instant) -> usize {
        let is_ready = self.ready_at(now) <= now;
        match self {
            Self::Counted { at_once, given, .. } => {
                at_once.saturating_sub(given.len()).max(usize::from(is_ready))
            }
            Self::Bucket { level, per_us, .. } => (*level / *per_us) as usize,
        }
    }

    /// How many calls may be made at once after a rest.
    pub(super) const fn burst(&self) -> usize {
        match self {
            Self::Counted { at_once, .. } => *at_once,
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

    const WINDOWS: [(u32, u64); 22] = [
        (1, 700),
        (3, 1_000),
        (10, 1_000),
        (19, 4_999),
        (20, 1_000),
        (50, 1_000),
        (200, 1_000),
        (1_000, 1_000),
        (1, 20_000),
        (2, 60_000),
        (3, 30_000),
        (5, 60_000),
        (9, 60_000),
        (10, 5_000),
        (10, 9_000),
        (11, 5_000),
        (12, 30_000),
        (15, 60_000),
        (19, 60_000),
        (20, 60_000),
        (39, 60_000),
        (200, 60_000),
    ];

    fn windows() -> impl Iterator<Item = Window> {
        WINDOWS.into_iter().map(|(calls, per_ms)| Window { calls, per_ms })
    }

    /// The moments at which calls are made that are made as soon as they may, but for the rests
    /// in front of them; those before `end`.
    fn made(
        mut gauge: Gauge,
        begin: Instant,
        end: Instant,
        mut rest: impl FnMut() -> Duration,
    ) -> Vec<Instant> {
        let (mut now, mut made) = (begin, Vec::new());
        loop {
            now = gauge.ready_at(now) + rest();
            if now >= end {
                return made;
            }
            assert_eq!(gauge.ready_at(now), now);
            gauge.take(now);
            made.push(now);
        }
    }

    /// Calls arrive a little sooner or later than they are given: never more than a window
    /// allows in any interval that is a little longer than it.
    fn check_never_more(window: Window, made: &[Instant]) {
        let per = Duration::from_millis(window.per_ms);
        let per = per + (per / 50).min(Duration::from_millis(50));
        let most = window.calls as usize;
        let too_many = made.windows(most + 1).find(|some| some[most] - some[0] < per);
        assert!(too_many.is_none(), "{window:?}");
    }

    /// Rests drawn from a seed: none mostly, and some of up to two windows.
    fn rests(seed: u64, window: Window) -> impl FnMut() -> Duration {
        let mut random = seed;
        move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            let most_ms = if (random >> 60) < 3 { 2 * window.per_ms } else { 1 };
            Duration::from_micros((random >> 33) % (1_000 * most_ms))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_has_one_call_too_many_when_calls_arrive_at_other_moments() {
        let begin = Instant::now();
        for window in windows() {
            let per = Duration::from_millis(window.per_ms);
            let steady =
                made(Gauge::new(window, begin), begin, begin + 20 * per, || Duration::ZERO);
            check_never_more(window, &steady);
            // Nine tenths of what it allows in the long run, the first calls aside.
            let used = steady.iter().filter(|at| **at >= begin + 10 * per).count();
            let allowed = 10 * window.calls as usize;
            assert!(used * 10 >= allowed * 9, "{window:?}: {used} of {allowed}");
            for seed in 1..=5 {
                let end = begin + 20 * per;
                let some = made(Gauge::new(window, begin), begin, end, rests(seed, window));
                check_never_more(window, &some);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_calls_of_a_long_interval_are_spread_over_it() {
        let begin = Instant::now();
        for window in windows().filter(|window| window.calls <= 20 && window.per_ms >= 5_000) {
            let per = Duration::from_millis(window.per_ms);
            let made_from = |gauge| made(gauge, begin, begin + 10 * per, || Duration::ZERO);
            let made = made_from(Gauge::new(window, begin));
            // Whatever was done before, the next call is not far off.
            let longest = made.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            let intervals = if (4..=10).contains(&window.calls) { 9 } else { 5 };
            let most = per * intervals / 4 / window.calls;
            assert!(longest <= most, "{window:?}: {longest:?}");
            let at_once = made.iter().filter(|at| **at == begin).count();
            assert_eq!(at_once, if window.calls < 4 { 1 } else { 2 }, "{window:?}");
            assert!(made_from(Gauge::spent(window, begin))[0] - begin <= longest);
        }
        let short = Gauge::new(Window { calls: 10, per_ms: 1_000 }, begin);
        let made = made(short, begin, begin + Duration::from_secs(1), || Duration::ZERO);
        assert_eq!(made, [begin; 10], "it may be used at once");
    }

    #[tokio::test(start_paused = true)]
    async fn processes_that_follow_one_another_make_no_more_calls_than_one() {
        let begin = Instant::now();
        for window in windows() {
            let per = Duration::from_millis(window.per_ms);
            for n in 0..60_u32 {
                let ends =
                    [per * n / 20 + Duration::from_micros(1), per * (n % 7 + 1) / 5, 3 * per];
                let (mut now, mut all) = (begin, Vec::new());
                for (process, lasts) in ends.into_iter().enumerate() {
                    let new = if process == 0 { Gauge::new } else { Gauge::spent };
                    let seed = u64::from(n) * 3 + process as u64;
                    let mut rest = rests(seed, window);
                    // One in two goes as fast as it may.
                    let rest = || if n % 2 == 0 { Duration::ZERO } else { rest() };
                    all.extend(made(new(window, now), now, now + lasts, rest));
                    now += lasts;
                }
                check_never_more(window, &all);
            }
        }
    }
}
