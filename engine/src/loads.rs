//! Loads of own stock whose keys live: where each stands in the ledger, and whether anything may need
//! its numbers still.
//!
//! A number is used where it is in stock, where it rests, and by each order in memory that has it. A
//! load's key is over once none of the numbers under it is used: those are sold, and their orders have
//! left memory, or it never had any. With its key a load leaves this table; what names it then is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{LoadId, Seq};
use crate::sealed::KeyHandle;
use crate::table::Table;
use crate::time::Time;

/// Where a load of own stock can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LoadPlace {
    /// Where it stands in the ledger, with its numbers.
    pub at: Seq,
    /// What they are sealed under.
    pub key: KeyHandle,
    /// They are sold, and sold again after a refund; false once it was taken back.
    pub for_sale: bool,
}

/// What is under a load's key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UnderKey {
    loads: Vec<LoadId>,
    /// Places that have a number of these loads.
    uses: u64,
    /// When the last order that has left memory ended, or when the key was made.
    last: Time,
}

/// The loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loads {
    by_id: Table<LoadId, LoadPlace>,
    keys: BTreeMap<KeyHandle, UnderKey>,
    /// Keys whose numbers are not used, by the moment since which.
    over: BTreeSet<(Time, KeyHandle)>,
}

impl Loads {
    /// Every load, by id.
    pub fn iter(&self) -> impl Iterator<Item = (LoadId, LoadPlace)> {
        self.by_id.iter().map(|(id, place)| (id, *place))
    }

    /// The keys, each with the moment since which it would be over.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (KeyHandle, Time)> {
        self.keys.iter().map(|(handle, key)| (*handle, key.last))
    }

    /// Whether a load's numbers are sold: its key lives, and it was not taken back.
    #[must_use]
    pub fn is_for_sale(&self, id: LoadId) -> bool {
        self.by_id.get(id).is_some_and(|place| place.for_sale)
    }

    /// The loads under a key.
    pub(crate) fn under(&self, handle: KeyHandle) -> &[LoadId] {
        self.keys.get(&handle).map_or(&[], |key| &key.loads)
    }

    /// Whether a number under a key is used.
    pub(crate) fn is_used(&self, handle: KeyHandle) -> bool {
        self.keys.get(&handle).is_some_and(|key| key.uses > 0)
    }

    /// The key that has been over for the longest time, if that is since before `moment`.
    pub(crate) fn over_before(&self, moment: Time) -> Option<KeyHandle> {
        let (since, handle) = self.over.first()?;
        (*since < moment).then_some(*handle)
    }

    /// Takes in the key of a load that is about to come; false if it is there.
    pub(crate) fn insert_key(&mut self, handle: KeyHandle, last: Time) -> bool {
        self.over.insert((last, handle));
        let key = UnderKey { loads: Vec::new(), uses: 0, last };
        self.keys.insert(handle, key).is_none()
    }

    /// Takes in a load, none of whose numbers is used so far; false if it is there or its key is not.
    pub(crate) fn insert(&mut self, id: LoadId, place: LoadPlace) -> bool {
        let has_room = self.by_id.has_room_for(id) && !self.by_id.contains(id);
        let Some(key) = self.keys.get_mut(&place.key).filter(|_| has_room) else { return false };
        key.loads.push(id);
        self.by_id.insert(id, place);
        true
    }

    /// So many more places have numbers of a load; false if its key does not live.
    pub(crate) fn begin_uses(&mut self, id: LoadId, count: usize) -> bool {
        let Some((handle, key)) = self.key_of(id) else { return false };
        let was_over = key.uses == 0 && count > 0;
        key.uses += count as u64;
        if was_over {
            let last = key.last;
            self.over.remove(&(last, handle));
        }
        true
    }

    /// An order that ended at `at` has left memory, which had a number of a load. Nothing happens if the
    /// load's key does not live.
    pub(crate) fn end_use(&mut self, id: LoadId, at: Time) {
        let Some((_, key)) = self.key_of(id) else { return };
        key.last = key.last.max(at);
        self.end_uses(id, 1);
    }

    /// A load's numbers are sold no more; so many were in stock or at rest. False if they were not sold.
    pub(crate) fn take_back(&mut self, id: LoadId, count: u64) -> bool {
        let place = self.by_id.get_mut(id).filter(|place| place.for_sale);
        let was_for_sale = place.map(|place| place.for_sale = false).is_some();
        self.end_uses(id, count);
        was_for_sale
    }

    fn end_uses(&mut self, id: LoadId, count: u64) {
        let Some((handle, key)) = self.key_of(id) else { return };
        let was_used = key.uses > 0;
        key.uses = key.uses.checked_sub(count).expect("what is used no more was used");
        if was_used && key.uses == 0 {
            let last = key.last;
            self.over.insert((last, handle));
        }
    }

    /// Takes a key out with its loads, if it is one of loads.
    pub(crate) fn remove_key(&mut self, handle: KeyHandle) {
        let Some(key) = self.keys.remove(&handle) else { return };
        self.over.remove(&(key.last, handle));
        for id in key.loads {
            self.by_id.remove(id);
        }
    }

    /// Whether the keys are these, and numbers under them are used as often as said.
    pub(crate) fn is_consistent(
        &self,
        keys: impl Iterator<Item = KeyHandle>,
        used: impl Iterator<Item = LoadId>,
    ) -> bool {
        let mut counts = BTreeMap::<LoadId, u64>::new();
        used.for_each(|id| *counts.entry(id).or_default() += 1);
        let is_right = |(handle, key): (&KeyHandle, &UnderKey)| {
            let uses: u64 = key.loads.iter().filter_map(|id| counts.get(id)).sum();
            let is_over = self.over.contains(&(key.last, *handle));
            uses == key.uses && is_over == (uses == 0)
        };
        let loads =
            self.keys.iter().flat_map(|(handle, key)| key.loads.iter().map(|id| (*id, *handle)));
        let loads: BTreeMap<_, _> = loads.collect();
        let over = self.keys.values().filter(|key| key.uses == 0).count();
        keys.collect::<BTreeSet<_>>().iter().eq(self.keys.keys())
            && self.keys.iter().all(is_right)
            && over == self.over.len()
            && loads.into_iter().eq(self.iter().map(|(id, place)| (id, place.key)))
    }

    fn key_of(&mut self, id: LoadId) -> Option<(KeyHandle, &mut UnderKey)> {
        let handle = self.by_id.get(id)?.key;
        Some((handle, self.keys.get_mut(&handle).expect("a load's key is there")))
    }
}
