//! The only place that asks the time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nexnum_engine::time::Time;

/// A wall clock that never runs back.
#[derive(Debug, Default)]
pub struct Clock {
    latest_ms: AtomicU64,
}

impl Clock {
    /// A clock that is not earlier than `floor`: the time of the ledger's last batch.
    #[must_use]
    pub const fn not_before(floor: Time) -> Self {
        Self { latest_ms: AtomicU64::new(floor.0) }
    }

    /// Now; at least as late as any answer before.
    pub fn now(&self) -> Time {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        // A counter of its own: it orders nothing but itself.
        let before = self.latest_ms.fetch_max(wall_ms, Ordering::Relaxed);
        Time(before.max(wall_ms))
    }
}

/// Nanoseconds since the first call: for measuring, not for telling the time.
#[must_use]
pub fn monotonic_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// RFC 3339 in UTC with milliseconds, as our JSON prints moments.
#[must_use]
pub fn rfc3339(at: Time) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| "9999-12-31T23:59:59.999Z".to_owned(), |moment| format!("{moment:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_never_runs_back_behind_its_floor() {
        let far = Time(u64::MAX / 2);
        let clock = Clock::not_before(far);
        assert_eq!(clock.now(), far);
        assert!(Clock::default().now() > Time(1_600_000_000_000));
    }

    #[test]
    fn a_moment_prints_with_milliseconds() {
        assert_eq!(rfc3339(Time(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(Time(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Time(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
