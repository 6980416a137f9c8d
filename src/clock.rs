//! The only place that asks the time.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nexnum_engine::limits::BUY_TIME_MS;
use nexnum_engine::time::Time;

/// How far the machine's clock may be from ours before that needs attention.
const APART_MS: u64 = 60_000;
/// A step forward that is taken at once: what is smaller is how clocks are kept right.
const STEP_MS: i64 = 1_000;
/// Of so many milliseconds one is added or left out where the two differ by more: little enough
/// that what is dated within an order's time to buy is off by less than a second.
const STEERING: u64 = 256;
const _: () = assert!(BUY_TIME_MS / STEERING < 1_000);

/// A clock that never runs back and never stands still. It runs as the monotonic one does, and
/// is steered to the machine's: a step of that one is no reason to end what is open at once, or
/// to be wrong for ever. Slightly faster or slower, it has made up for ten minutes after two days;
/// a start takes the machine's at once. Deadlines, polls and refunds hang on it.
#[derive(Debug)]
pub struct Clock {
    /// How far it is ahead of the monotonic one.
    ahead_ms: AtomicI64,
    /// When it was last steered, by the monotonic one.
    steered_ms: AtomicU64,
    /// The latest answer.
    latest_ms: AtomicU64,
    /// The two differ by more than they should, and have not agreed since.
    is_apart: AtomicBool,
}

impl Default for Clock {
    fn default() -> Self {
        Self::not_before(Time(0))
    }
}

impl Clock {
    /// A clock that begins with the machine's, and not before `floor`: the time of the ledger's
    /// last batch.
    #[must_use]
    pub fn not_before(floor: Time) -> Self {
        Self::starting(floor, monotonic_ms(), wall_ms())
    }

    fn starting(floor: Time, monotonic_ms: u64, wall_ms: u64) -> Self {
        Self {
            ahead_ms: AtomicI64::new(between(floor.0.max(wall_ms), monotonic_ms)),
            steered_ms: AtomicU64::new(monotonic_ms),
            latest_ms: AtomicU64::new(0),
            is_apart: AtomicBool::new(floor.0.saturating_sub(wall_ms) > APART_MS),
        }
    }

    /// Now; at least as late as any answer before.
    pub fn now(&self) -> Time {
        self.at(monotonic_ms(), wall_ms())
    }

    // Each atomic is a counter of its own: none orders anything but itself, and an answer that
    // is late is made good by the latest one.
    fn at(&self, monotonic_ms: u64, wall_ms: u64) -> Time {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let off_ms = between(wall_ms, monotonic_ms).saturating_sub(ahead_ms);
        let ahead_ms = self.steer(monotonic_ms, ahead_ms, off_ms);
        let now_ms = monotonic_ms.saturating_add_signed(ahead_ms);
        let before_ms = self.latest_ms.fetch_max(now_ms, Ordering::Relaxed);
        Time(before_ms.max(now_ms))
    }

    /// Comes nearer to the machine's clock, which is off by so much; gives how far ahead of the
    /// monotonic one that is. Of those who come at once one steers.
    fn steer(&self, monotonic_ms: u64, ahead_ms: i64, off_ms: i64) -> i64 {
        self.note(off_ms);
        let (set, read) = (Ordering::Relaxed, Ordering::Relaxed);
        let mut by_ms = off_ms;
        if (0..=STEP_MS).contains(&off_ms) {
            // What time has passed until now is no allowance for a step that is yet to come.
            self.steered_ms.store(monotonic_ms, Ordering::Relaxed);
            if off_ms == 0 {
                return ahead_ms;
            }
        } else {
            let since_ms = self.steered_ms.load(Ordering::Relaxed);
            let most = monotonic_ms.saturating_sub(since_ms) / STEERING;
            let until_ms = since_ms + most * STEERING;
            let steers = || self.steered_ms.compare_exchange(since_ms, until_ms, set, read).is_ok();
            if most == 0 || !steers() {
                return ahead_ms;
            }
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            by_ms = off_ms.clamp(-most, most);
        }
        let nearer_ms = ahead_ms.saturating_add(by_ms);
        self.ahead_ms
            .compare_exchange(ahead_ms, nearer_ms, set, read)
            .map_or_else(|other_ms| other_ms, |_| nearer_ms)
    }

    /// Notes that the two differ, until they agree.
    fn note(&self, off_ms: i64) {
        let off_ms = off_ms.unsigned_abs();
        if off_ms > APART_MS {
            self.is_apart.store(true, Ordering::Relaxed);
        } else if off_ms <= STEP_MS.unsigned_abs() {
            self.is_apart.store(false, Ordering::Relaxed);
        }
    }

    /// How far the machine's clock is ahead of this one, or behind it where that is negative.
    #[must_use]
    pub fn off_ms(&self) -> i64 {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        between(wall_ms(), monotonic_ms()).saturating_sub(ahead_ms)
    }

    /// True from when the two are more than a minute apart until they agree to a second.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.is_apart.load(Ordering::Relaxed)
    }
}

/// How long the clock is steered until it has made up for so much.
#[must_use]
pub fn steered_for(off_ms: i64) -> Duration {
    Duration::from_millis(off_ms.unsigned_abs().saturating_mul(STEERING))
}

/// From the one to the other; beyond any date it is cut.
fn between(later_ms: u64, earlier_ms: u64) -> i64 {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    signed(later_ms).saturating_sub(signed(earlier_ms))
}

/// What this machine's clock shows: for dates on the wire, not for deadlines.
#[must_use]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

fn wall_ms() -> u64 {
    let wall = wall().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)
}

fn monotonic_ms() -> u64 {
    monotonic_ns() / 1_000_000
}

/// Nanoseconds since the first call: for measuring, not for telling the time.
#[must_use]
pub fn monotonic_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// A moment as our JSON prints it: RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339(pub Time);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(ms) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

/// The same as text.
#[must_use]
pub fn rfc3339(at: Time) -> String {
    Rfc3339(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_behind_its_floor_goes_on_from_there() {
        let far = Time(u64::MAX / 2);
        let clock = Clock::not_before(far);
        let first = clock.now();
        assert!(first >= far && first < far.plus_ms(60_000));
        std::thread::sleep(Duration::from_millis(3));
        assert!(clock.now() >= first.plus_ms(2));
        assert!(Clock::default().now() > Time(1_600_000_000_000));
    }

    const START: u64 = 1_800_000_000_000;

    /// A clock that began ten seconds after the monotonic one.
    fn clock() -> Clock {
        Clock::starting(Time(0), 10_000, START)
    }

    /// The answers to one who asks every second, with what the machine's clock is off by then,
    /// as seconds since the start.
    fn asked(clock: &Clock, offs_s: impl Iterator<Item = i64>) -> Vec<u64> {
        let at = |(second, off_s): (u64, i64)| {
            let wall = (START + 1_000 * second).saturating_add_signed(1_000 * off_s);
            (clock.at(10_000 + 1_000 * second, wall).0 - START + 500) / 1_000
        };
        (1..).zip(offs_s).map(at).collect()
    }

    #[test]
    fn a_step_of_the_machine_s_clock_ends_nothing_at_once() {
        for off_s in [600, -600] {
            let clock = clock();
            // A second in the future or in the past does nothing to be seen.
            assert_eq!(asked(&clock, [0, off_s, 0, 0].into_iter()), [1, 2, 3, 4]);
        }
        let years = 10 * 365 * 24 * 60 * 60;
        let quiet = std::iter::repeat_n(0, 100_000);
        let answers = asked(&clock(), quiet.chain([years, years, 0]));
        assert_eq!(answers[99_999..], [100_000, 100_001, 100_002, 100_003]);
    }

    #[test]
    fn a_step_that_stays_is_made_up_for_in_time() {
        for (off_s, ten_minutes_later) in [(600, 602), (-600, 598)] {
            let clock = clock();
            let answers = asked(&clock, std::iter::repeat_n(off_s, 160_000));
            assert_eq!(answers[599], ten_minutes_later);
            assert!(answers.is_sorted());
            assert_eq!(answers[159_999], 160_000_u64.saturating_add_signed(off_s));
        }
    }

    #[test]
    fn the_two_are_apart_from_a_step_until_they_agree() {
        for off_s in [600, -600] {
            let clock = clock();
            let takes_s = steered_for(1_000 * off_s).as_secs() as usize;
            assert_eq!(takes_s, 600 * 256);
            let mut is_apart = Vec::new();
            for second in 1..=takes_s + 300 {
                let wall = START.saturating_add_signed(1_000 * (second as i64 + off_s));
                clock.at(10_000 + 1_000 * second as u64, wall);
                is_apart.push(clock.is_apart());
            }
            assert!(is_apart[..takes_s - 1_000].iter().all(|apart| *apart), "{off_s}");
            assert!(!is_apart[takes_s + 299], "{off_s}");
        }
        let clock = clock();
        asked(&clock, [30, 59, 0].into_iter());
        assert!(!clock.is_apart(), "a minute is no step");
        assert!(Clock::starting(Time(START + 61_000), 10_000, START).is_apart());
        assert!(!Clock::starting(Time(START + 59_000), 10_000, START).is_apart());
    }

    #[test]
    fn a_small_step_forward_is_taken_at_once() {
        let clock = clock();
        assert_eq!(clock.at(11_000, START + 1_900), Time(START + 1_900));
        assert_eq!(clock.at(11_000, START + 1_000), Time(START + 1_900), "it never runs back");
    }

    #[test]
    fn a_moment_prints_with_milliseconds() {
        assert_eq!(rfc3339(Time(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(Time(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Time(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
