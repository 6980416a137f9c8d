//! The keys that values are sealed under.

use crate::event::SealKeyEvent;
use crate::seal_keys::SealKeys;
use crate::sealed::{KeyHandle, KeyOwner};
use crate::state::State;
use crate::time::Time;

impl State {
    /// The keys that values are sealed under and that live.
    #[must_use]
    pub const fn seal_keys(&self) -> &SealKeys {
        &self.seal_keys
    }

    /// Takes a key that lives from a row of state.
    pub(crate) fn insert_seal_key(
        &mut self,
        handle: KeyHandle,
        owner: KeyOwner,
    ) -> Result<(), String> {
        let is_new = self.seal_keys.insert(handle, owner);
        if is_new { Ok(()) } else { Err(format!("the sealing key {handle} comes twice")) }
    }

    pub(super) fn apply_seal_key(&mut self, at: Time, event: &SealKeyEvent) {
        match event {
            SealKeyEvent::KeyMade { handle, owner } => {
                assert!(self.seal_keys.insert(*handle, *owner), "a key is made once");
                match owner {
                    KeyOwner::Lookup(_) => self.addresses.begin_anew(),
                    KeyOwner::Load(_) => {
                        assert!(self.loads.insert_key(*handle, at), "a load's key comes once");
                    }
                    _ => {}
                }
            }
            SealKeyEvent::KeyDestroyed { handle, why: _ } => {
                assert!(self.seal_keys.remove(*handle), "a key that lives is destroyed, once");
                self.loads.remove_key(*handle);
            }
            SealKeyEvent::Retokened { stock, orders } => {
                self.retoken_stock(stock);
                self.retoken_given(orders);
            }
        }
    }
}
