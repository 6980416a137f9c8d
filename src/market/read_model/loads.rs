//! Loads of own stock whose keys live, as readers find them.

use std::collections::BTreeMap;

use nexnum_engine::event::LoadedNumber;
use nexnum_engine::ids::{LoadId, Seq};
use nexnum_engine::sealed::KeyHandle;
use nexnum_engine::state::State;
use papaya::HashMap;
use parking_lot::Mutex;

/// The loads.
#[derive(Debug, Default)]
pub(super) struct LoadsView {
    /// Where each stands in the ledger.
    places: HashMap<LoadId, Seq>,
    /// Which are under a key: at its end nothing walks over all loads, which may be many.
    under: Mutex<BTreeMap<KeyHandle, Vec<LoadId>>>,
}

impl LoadsView {
    pub(super) fn from_state(state: &State) -> Self {
        let view = Self::default();
        for (load, place) in state.loads().iter() {
            view.insert(load, place.at, place.key);
        }
        view
    }

    /// Shows a load that stands at `at`.
    pub(super) fn show(&self, load: LoadId, at: Seq, numbers: &[LoadedNumber]) {
        let key = numbers.first().expect("a load has numbers").sealed.handle;
        self.insert(load, at, key);
    }

    fn insert(&self, load: LoadId, at: Seq, key: KeyHandle) {
        self.under.lock().entry(key).or_default().push(load);
        self.places.pin().insert(load, at);
    }

    /// Forgets the loads under a key that was destroyed.
    pub(super) fn forget(&self, key: KeyHandle) {
        let gone = self.under.lock().remove(&key).unwrap_or_default();
        let places = self.places.pin();
        for load in gone {
            places.remove(&load);
        }
    }

    /// All, by id.
    pub(super) fn ids(&self) -> Vec<LoadId> {
        let mut ids: Vec<_> = self.places.pin().keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Where one stands in the ledger.
    pub(super) fn at(&self, load: LoadId) -> Option<Seq> {
        self.places.pin().get(&load).copied()
    }
}
