//! Loads of own stock in memory, as they stand in the ledger: sealed.
//!
//! Promises: a look at a load that is here waits for nothing; the loads that came or were looked at
//! last are here, up to a bound on their numbers, and the last one however long it is. Leaves to
//! others: reading a load that is not here, and opening a number.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexnum_engine::event::{Event, LoadedNumber, OfferEvent};
use nexnum_engine::ids::LoadId;
use papaya::HashMap;
use parking_lot::Mutex;

use super::change::Change;

/// Numbers in memory: some 300 MB.
const HELD_MAX: usize = 2_000_000;

/// The numbers of a load, as they stand in the ledger.
pub(super) type Load = Arc<[LoadedNumber]>;

/// The loads.
#[derive(Debug)]
pub(super) struct HeldLoads {
    held: HashMap<LoadId, Held>,
    /// How many loads have come. Who looks at a load notes this: the order of looks between two
    /// loads that come decides nothing, and a look writes to memory that others read only once.
    came: AtomicU64,
    /// How many numbers there are; held while a load comes.
    numbers: Mutex<usize>,
    numbers_max: usize,
}

#[derive(Debug)]
struct Held {
    numbers: Load,
    /// What had come when it was looked at last.
    looked_at: AtomicU64,
}

impl Default for HeldLoads {
    fn default() -> Self {
        let (held, came, numbers) = (HashMap::new(), AtomicU64::new(0), Mutex::default());
        Self { held, came, numbers, numbers_max: HELD_MAX }
    }
}

impl HeldLoads {
    /// Keeps the loads of a change: what is loaded is sold soon.
    pub(super) fn publish(&self, change: &Change) {
        for event in change.events() {
            if let Event::Offer(OfferEvent::StockLoaded { load, numbers, .. }) = event {
                self.keep(*load, numbers[..].into());
            }
        }
    }

    /// A load that is here; it counts as looked at last.
    pub(super) fn get(&self, id: LoadId) -> Option<Load> {
        let held = self.held.pin();
        let load = held.get(&id)?;
        // Relaxed: which load goes first is of no consequence to what is read.
        let came = self.came.load(Ordering::Relaxed);
        if load.looked_at.load(Ordering::Relaxed) != came {
            load.looked_at.store(came, Ordering::Relaxed);
        }
        Some(Arc::clone(&load.numbers))
    }

    /// Keeps a load, and lets those go that are over the bound and were looked at longest ago.
    pub(super) fn keep(&self, id: LoadId, numbers: Load) {
        let mut count = self.numbers.lock();
        let came = self.came.fetch_add(1, Ordering::Relaxed) + 1;
        let held = self.held.pin();
        *count += numbers.len();
        let before = held.insert(id, Held { numbers, looked_at: AtomicU64::new(came) });
        *count -= before.map_or(0, |load| load.numbers.len());
        // Seldom: to look at all of them takes as long as they are many.
        if *count <= self.numbers_max {
            return;
        }
        let mut loads: Vec<_> = held
            .iter()
            .map(|(id, load)| (load.looked_at.load(Ordering::Relaxed), *id, load.numbers.len()))
            .collect();
        // The one that came now is first, and of those looked at in one span the newest.
        loads.sort_unstable_by_key(|(looked_at, known, _)| {
            (*known != id, Reverse((*looked_at, *known)))
        });
        let mut room = self.numbers_max;
        for (_, id, len) in loads {
            if room == 0 {
                held.remove(&id);
                *count -= len;
            }
            room = room.saturating_sub(len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use nexnum_engine::ids::Token;
    use nexnum_engine::sealed::{KeyHandle, SealedValue};

    fn load(len: u64) -> Load {
        let sealed = SealedValue {
            handle: KeyHandle(1),
            nonce: [0; 24],
            commitment: [0; 32],
            ciphertext: [0; 16].into(),
        };
        (0..len).map(|n| LoadedNumber { token: Token(n), sealed: sealed.clone() }).collect()
    }

    #[test]
    fn the_loads_that_came_or_were_looked_at_last_are_there() {
        let loads = HeldLoads { numbers_max: 10, ..HeldLoads::default() };
        let are_there = || -> Vec<u32> {
            let held = loads.held.pin();
            (1..=9).filter(|id| held.contains_key(&LoadId(*id))).collect()
        };
        for id in 1..=3 {
            loads.keep(LoadId(id), load(4));
        }
        // The last one may be over the bound in part.
        assert_eq!(are_there(), [1, 2, 3]);
        assert_eq!(loads.get(LoadId(1)).map(|load| load.len()), Some(4));
        loads.keep(LoadId(4), load(4));
        assert_eq!(are_there(), [1, 3, 4]);
        loads.keep(LoadId(5), load(11));
        assert_eq!(are_there(), [5]);
        assert!(loads.get(LoadId(4)).is_none());
        loads.keep(LoadId(6), load(1));
        assert_eq!(are_there(), [5, 6]);
        let counted = || {
            let held = loads.held.pin();
            held.iter().map(|(_, load)| load.numbers.len()).sum::<usize>()
        };
        assert_eq!(*loads.numbers.lock(), counted());
        // The same one again: it was read by two at once.
        loads.keep(LoadId(6), load(1));
        assert_eq!(*loads.numbers.lock(), counted());
    }
}
