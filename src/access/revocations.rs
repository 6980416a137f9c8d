//! Revocations of admin keys under way.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the operators' keys that are being revoked: the engine lets the last one go, and
/// no operator could issue another.
#[derive(Debug, Default)]
pub(super) struct Revocations(AtomicUsize);

/// A revocation under way, until it is published or refused.
pub(super) struct UnderWay<'a> {
    revocations: &'a Revocations,
    /// Those under way with this one.
    pub(super) count: usize,
}

impl Revocations {
    // Sequentially consistent: of two that begin at once, one sees the other.
    pub(super) fn begin(&self) -> UnderWay<'_> {
        UnderWay { revocations: self, count: self.0.fetch_add(1, Ordering::SeqCst) + 1 }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.revocations.0.fetch_sub(1, Ordering::SeqCst);
    }
}
