//! What the grid knows of each provider: whether it sells now, what it can pay for, who goes
//! first among equals, and how often. Plain atomics: readers may see a switch a moment late, as they
//! would had they come a moment earlier.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};

use crate::ids::ProviderId;
use crate::money::Micros;

/// Providers a grid can hold; the shipped and the hoped-for together are below 100.
pub const PROVIDERS_MAX: u16 = 1024;

/// 16 bytes, four to a cache line.
#[derive(Debug)]
struct Standing {
    /// What our account there can pay for; [`Micros`]' greatest where it is not known.
    funds: AtomicI64,
    closed: AtomicBool,
    priority: AtomicU8,
    weight: AtomicU8,
}

/// What readers see of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) open: bool,
    pub(super) funds: Micros,
    pub(super) priority: u8,
    pub(super) weight: u8,
}

const NEVER: Seen = Seen { open: false, funds: Micros::ZERO, priority: 0, weight: 1 };

impl Default for Standing {
    fn default() -> Self {
        Self {
            funds: AtomicI64::new(i64::MAX),
            closed: AtomicBool::new(false),
            priority: AtomicU8::new(0),
            weight: AtomicU8::new(1),
        }
    }
}

/// How many orders have been shared out among equals, since the start. It guards no other
/// memory; it is alone on its cache lines, since what is beside it is read and never written.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Turns(AtomicU64);

impl Turns {
    pub(super) fn next(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The next turn, which no other caller gets.
    pub(super) fn take(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
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

    /// All of it; the parts may be of different moments. A provider that cannot be never sells.
    pub(super) fn seen(&self, provider: ProviderId) -> Seen {
        let Some(standing) = self.standing(provider) else { return NEVER };
        Seen {
            open: !standing.closed.load(Ordering::Relaxed),
            funds: Micros(standing.funds.load(Ordering::Relaxed)),
            priority: standing.priority.load(Ordering::Relaxed),
            weight: standing.weight.load(Ordering::Relaxed),
        }
    }

    pub(super) fn set_funds(&self, provider: ProviderId, funds: Option<Micros>) {
        if let Some(standing) = self.standing(provider) {
            standing.funds.store(funds.map_or(i64::MAX, |funds| funds.0), Ordering::Relaxed);
        }
    }

    pub(super) fn set_weight(&self, provider: ProviderId, weight: u8) {
        if let Some(standing) = self.standing(provider) {
            standing.weight.store(weight.max(1), Ordering::Relaxed);
        }
    }

    pub(super) fn set_closed(&self, provider: ProviderId, closed: bool) {
        if let Some(standing) = self.standing(provider) {
            standing.closed.store(closed, Ordering::Relaxed);
        }
    }

    /// As ladders are ordered: under the writer's lock, as it is written.
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
