//! The only place that asks the time.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nexnum_engine::time::Time;

/// How far the ledger may be ahead of this machine's clock before a warning is logged.
const AHEAD_MS: u64 = 60_000;

/// A wall clock that never runs back and never stands still: where the machine's own is set
/// back, or behind the ledger's last moment, it goes on from where it was. Deadlines, polls
/// and refunds hang on it.
#[derive(Debug, Default)]
pub struct Clock {
    /// The most that the wall clock has ever been ahead of the monotonic one.
    ahead_ms: AtomicU64,
}

impl Clock {
    /// A clock that is not earlier than `floor`: the time of the ledger's last batch.
    #[must_use]
    pub fn not_before(floor: Time) -> Self {
        let behind_ms = floor.0.saturating_sub(wall_ms());
        if behind_ms > AHEAD_MS {
            let behind_s = behind_ms / 1000;
            tracing::warn!(
                behind_s,
                "the machine's clock is behind the ledger's last event: time goes on from that event"
            );
        }
        Self { ahead_ms: AtomicU64::new(floor.0.saturating_sub(monotonic_ms())) }
    }

    /// Now; at least as late as any answer before.
    pub fn now(&self) -> Time {
        let monotonic_ms = monotonic_ms();
        let ahead_ms = wall_ms().saturating_sub(monotonic_ms);
        // A counter of its own: it orders nothing but itself.
        let before = self.ahead_ms.fetch_max(ahead_ms, Ordering::Relaxed);
        Time(monotonic_ms.saturating_add(before.max(ahead_ms)))
    }
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

    #[test]
    fn a_moment_prints_with_milliseconds() {
        assert_eq!(rfc3339(Time(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(Time(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Time(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
