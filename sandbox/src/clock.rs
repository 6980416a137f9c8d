//! The time of all simulated providers, which may be wrong, and which a test can move forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The providers' clock: the world's, plus what it is wrong by and what a test has skipped.
#[derive(Debug)]
pub(crate) struct Clock {
    started_ms: u64,
    skew_ms: AtomicI64,
}

impl Clock {
    /// A clock that is ahead of the world's by this, or behind it.
    pub(crate) fn start(skew_ms: i64) -> Self {
        let started_ms = world_ms().saturating_add_signed(skew_ms);
        Self { started_ms, skew_ms: AtomicI64::new(skew_ms) }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        world_ms().saturating_add_signed(self.skew_ms.load(Ordering::Relaxed))
    }

    /// Skips time: what reads the clock next sees it.
    pub(crate) fn advance_ms(&self, ms: u64) {
        // Read by the calls that follow; no other store hangs on it.
        self.skew_ms.fetch_add(i64::try_from(ms).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.now_ms().saturating_sub(self.started_ms)
    }
}

fn world_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
