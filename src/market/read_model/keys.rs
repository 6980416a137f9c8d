//! API keys that work.

use nexnum_engine::event::Scope;
use nexnum_engine::ids::{AccountId, KeyId};

use super::{KeyView, ReadModel};

impl ReadModel {
    /// The key with this SHA-256.
    #[must_use]
    pub fn key(&self, hash: &[u8; 32]) -> Option<KeyView> {
        self.keys.pin().get(hash).copied()
    }

    /// The keys that open the operators' face, in no order.
    #[must_use]
    pub fn admin_keys(&self) -> Vec<KeyId> {
        let keys = self.keys.pin();
        keys.values().filter(|key| key.scope == Scope::Admin).map(|key| key.id).collect()
    }

    /// Whose a key is; `None` of one that does not work, or is an operator's.
    #[must_use]
    pub fn account_of(&self, key: KeyId) -> Option<AccountId> {
        let hash = self.key_hashes.pin().get(&key).copied()?;
        let account = self.key(&hash)?.account;
        (account != AccountId(0)).then_some(account)
    }
}
