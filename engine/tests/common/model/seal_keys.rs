//! The keys that values are sealed under, as a list of those that live.

use nexnum_engine::command::{DestroySealKey, Effect, MakeSealKey, Reply};
use nexnum_engine::sealed::{KeyHandle, KeyOwner, SealedValue};
use nexnum_engine::state::State;

use super::{Answer, Model, need, same};

impl Model {
    pub(super) fn make_seal_key(&mut self, key: &MakeSealKey) -> Answer {
        let made = (key.handle, key.owner);
        if self.seal_keys.contains(&made) {
            return Ok(Reply::Effect(Effect::Unchanged));
        }
        let taken = |known: &(_, KeyOwner)| {
            known.0 == key.handle || known.1 == key.owner && !matches!(key.owner, KeyOwner::Load(_))
        };
        need(!self.seal_keys.iter().any(taken), "out_of_order")?;
        self.seal_keys.push(made);
        if let KeyOwner::Lookup(_) = key.owner {
            self.forget_addresses();
        }
        Ok(Reply::Effect(Effect::Done))
    }

    pub(super) fn destroy_seal_key(&mut self, key: DestroySealKey) -> Answer {
        let before = self.seal_keys.len();
        self.seal_keys.retain(|(handle, _)| *handle != key.handle);
        let destroyed = self.seal_keys.len() < before;
        Ok(Reply::Effect(if destroyed { Effect::Done } else { Effect::Unchanged }))
    }

    /// Whether a value is under a day's key that lives.
    pub(super) fn seals_days(&self, value: &SealedValue) -> bool {
        let is_it = |(handle, owner): &(KeyHandle, KeyOwner)| {
            *handle == value.handle && matches!(owner, KeyOwner::Day(_))
        };
        self.seal_keys.iter().any(is_it)
    }

    pub(super) fn compare_seal_keys(&self, state: &State) -> Result<(), String> {
        let mut expected = self.seal_keys.clone();
        expected.sort();
        same("sealing keys", state.seal_keys().iter().collect(), expected)?;
        for (handle, owner) in &self.seal_keys {
            let found = state.seal_keys().of(*owner).any(|key| key == *handle);
            same(&format!("the key {handle} is its owner's"), found, true)?;
        }
        Ok(())
    }
}
