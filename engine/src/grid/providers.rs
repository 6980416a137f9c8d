//! What the grid knows of each provider: whether it sells now, and who goes first
//! among equals. Plain atomics: readers may see a switch a moment late, as they
//! would had they come a moment earlier.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::ids::ProviderId;

/// Providers a grid can hold; the shipped and the hoped-for together are below 100.
pub const PROVIDERS_MAX: u16 = 1024;

#[derive(Debug, Default)]
struct Standing {
    closed: AtomicBool,
    priority: AtomicU8,
}

#[derive(Debug)]
pub(super) struct Providers(Box<[Standing]>);

impl Providers {
    pub(super) fn new() -> Self {
        Self((0..=PROVIDERS_MAX).map(|_| Standing::default()).collect())
    }

    /// False for a provider that is switched off, and for one that cannot be.
    pub(super) fn is_open(&self, provider: ProviderId) -> bool {
        // Guards no other memory, so nothing to pair with.
        self.standing(provider).is_some_and(|standing| !standing.closed.load(Ordering::Relaxed))
    }

    pub(super) fn set_closed(&self, provider: ProviderId, closed: bool) {
        if let Some(standing) = self.standing(provider) {
            standing.closed.store(closed, Ordering::Relaxed);
        }
    }

    /// Read and written under the writer's lock only.
    pub(super) fn priority(&self, provider: ProviderId) -> u8 {
        self.standing(provider).map_or(0, |standing| standing.priority.load(Ordering::Relaxed))
    }

    /// True if it was another before.
    pub(super) fn set_priority(&self, provider: ProviderId, priority: u8) -> bool {
        let swap = |standing: &Standing| standing.priority.swap(priority, Ordering::Relaxed);
        self.standing(provider).map(swap).is_some_and(|before| before != priority)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    fn standing(&self, provider: ProviderId) -> Option<&Standing> {
        self.0.get(usize::from(provider.0))
    }
}
