//! A machine whose wall clock a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::UNIX_EPOCH;

use nexnum::clock::{self, TimeSource};

/// This machine's clocks, with the wall clock off by so many milliseconds. A clone is the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct SetClock(Arc<AtomicI64>);

impl SetClock {
    pub(crate) fn set_off(&self, off_ms: i64) {
        self.0.store(off_ms, Ordering::Relaxed);
    }

    pub(crate) fn off(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl TimeSource for SetClock {
    fn boot_ms(&self) -> u64 {
        clock::monotonic_ns() / 1_000_000
    }

    fn wall_ms(&self) -> u64 {
        let wall = clock::wall().duration_since(UNIX_EPOCH).unwrap();
        (wall.as_millis() as u64).saturating_add_signed(self.0.load(Ordering::Relaxed))
    }

    fn boot_id(&self) -> Option<Box<str>> {
        Some("of-a-test".into())
    }
}
