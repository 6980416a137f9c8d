//! The keys that values are sealed under: those that live.
//!
//! A key that was destroyed is not kept here, however many there come to be: what is sealed under a
//! key that does not live is forgotten, and a start destroys again every key's file whose key does
//! not live. So nothing asks for one that was destroyed, and the table is bounded by what lives.

use std::collections::{BTreeMap, BTreeSet};

use crate::sealed::{KeyHandle, KeyOwner};

/// Keys that live, by their handle and by their owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealKeys {
    living: BTreeMap<KeyHandle, KeyOwner>,
    by_owner: BTreeSet<(KeyOwner, KeyHandle)>,
}

impl SealKeys {
    /// Whose a key is that lives.
    #[must_use]
    pub fn owner(&self, handle: KeyHandle) -> Option<KeyOwner> {
        self.living.get(&handle).copied()
    }

    /// The keys of an owner that live, by handle: one, or of an offer's loads any number.
    pub fn of(&self, owner: KeyOwner) -> impl Iterator<Item = KeyHandle> {
        let all = (owner, KeyHandle(0))..=(owner, KeyHandle(u128::MAX));
        self.by_owner.range(all).map(|(_, handle)| *handle)
    }

    /// The newest key that tokens and digests are made under.
    pub(crate) fn newest_lookup(&self) -> Option<(KeyOwner, KeyHandle)> {
        let all = (KeyOwner::Lookup(0), KeyHandle(0))
            ..=(KeyOwner::Lookup(u32::MAX), KeyHandle(u128::MAX));
        self.by_owner.range(all).next_back().copied()
    }

    /// All keys that live, by handle.
    pub fn iter(&self) -> impl Iterator<Item = (KeyHandle, KeyOwner)> {
        self.living.iter().map(|(handle, owner)| (*handle, *owner))
    }

    /// How many live.
    pub(crate) fn len(&self) -> usize {
        self.living.len()
    }

    /// Takes a new key in; false if its handle is taken.
    pub(crate) fn insert(&mut self, handle: KeyHandle, owner: KeyOwner) -> bool {
        self.by_owner.insert((owner, handle));
        self.living.insert(handle, owner).is_none()
    }

    /// Takes a key out; false if it does not live.
    pub(crate) fn remove(&mut self, handle: KeyHandle) -> bool {
        let owner = self.living.remove(&handle);
        owner.is_some_and(|owner| self.by_owner.remove(&(owner, handle)))
    }

    /// Whether both orders hold the same keys.
    pub(crate) fn is_consistent(&self) -> bool {
        let by_owner = self.living.iter().map(|(handle, owner)| (*owner, *handle));
        by_owner.collect::<BTreeSet<_>>() == self.by_owner
    }
}
