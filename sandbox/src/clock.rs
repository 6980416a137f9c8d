//! The time of all simulated providers, which a test can move forward.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The providers' clock: the world's, plus what a test has skipped.
#[derive(Debug)]
pub(crate) struct Clock {
    started_ms: u64,
    skew_ms: AtomicU64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started_ms: world_ms(), skew_ms: AtomicU64::new(0) }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        world_ms() + self.skew_ms.load(Ordering::Relaxed)
    }

    /// Skips time: what reads the clock next sees it.
    pub(crate) fn advance_ms(&self, ms: u64) {
        // Read by the calls that follow; no other store hangs on it.
        self.skew_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.now_ms().saturating_sub(self.started_ms)
    }
}

fn world_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
