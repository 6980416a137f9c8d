//! What the machine says of the time.

use std::fmt;
use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A reading in which both clocks were asked within so much: what took longer, as with a process
/// that was stopped between the two, would look like a jump.
const APART_MAX_MS: u64 = 20;
/// How often it is tried.
const TRIES: u32 = 5;

/// The machine's clocks, or a test's.
pub trait TimeSource: fmt::Debug + Send + Sync {
    /// Milliseconds that go on at their own pace, those of a suspend included. They never run back.
    fn boot_ms(&self) -> u64;

    /// Milliseconds since 1970 as the wall clock shows them, which may be set.
    fn wall_ms(&self) -> u64;

    /// Which boot the milliseconds of [`TimeSource::boot_ms`] are of; `None` where those of
    /// another process are others.
    fn boot_id(&self) -> Option<Box<str>>;
}

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) boot_ms: u64,
    pub(super) wall_ms: u64,
    /// No time passed between the two that counts.
    pub(super) is_exact: bool,
}

impl Reading {
    /// Asks both; the wall clock between two looks at the other.
    pub(super) fn of(source: &dyn TimeSource) -> Self {
        let read = || {
            let (before_ms, wall_ms, boot_ms) =
                (source.boot_ms(), source.wall_ms(), source.boot_ms());
            let is_exact = boot_ms.saturating_sub(before_ms) <= APART_MAX_MS;
            Self { boot_ms, wall_ms, is_exact }
        };
        let mut reading = read();
        for _ in 1..TRIES {
            if reading.is_exact {
                break;
            }
            reading = read();
        }
        reading
    }

    /// How far the wall clock is ahead of the other.
    pub(super) fn ahead_ms(&self) -> i64 {
        between(self.wall_ms, self.boot_ms)
    }
}

/// This machine: `CLOCK_BOOTTIME`, the wall clock, the kernel's boot id. Where the system has no
/// such clock, the monotonic one since the process began, which no other process can go on from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Machine;

impl TimeSource for Machine {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn boot_ms(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        seconds.saturating_mul(1_000).saturating_add(now.tv_nsec as u64 / 1_000_000)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn boot_ms(&self) -> u64 {
        monotonic_ns() / 1_000_000
    }

    fn wall_ms(&self) -> u64 {
        let wall = wall().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)
    }

    fn boot_id(&self) -> Option<Box<str>> {
        if cfg!(not(any(target_os = "linux", target_os = "android"))) {
            return None;
        }
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let id = id.trim();
        (!id.is_empty() && !id.contains(char::is_whitespace)).then(|| id.into())
    }
}

/// From the one to the other; beyond any date it is cut.
pub(super) fn between(later_ms: u64, earlier_ms: u64) -> i64 {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    signed(later_ms).saturating_sub(signed(earlier_ms))
}

/// What this machine's clock shows: for dates on the wire, not for deadlines.
#[must_use]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// Nanoseconds since the first call: for measuring, not for telling the time.
#[must_use]
pub fn monotonic_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
