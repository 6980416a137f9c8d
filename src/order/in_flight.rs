//! Idempotency keys whose first request is being decided.

use std::collections::BTreeSet;

use nexnum_engine::ids::AccountId;
use parking_lot::Mutex;

/// Keys whose first request is on its way to the engine. Bounded by the requests in work.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    keys: Mutex<BTreeSet<(AccountId, u128)>>,
}

impl InFlight {
    /// Enters a key; `None` while another request holds it.
    pub(super) fn enter(&self, account: AccountId, key: u128) -> Option<Entered<'_>> {
        let entered = self.keys.lock().insert((account, key));
        entered.then(|| Entered { keys: &self.keys, key: (account, key) })
    }
}

/// A key in flight; leaving is dropping.
pub(super) struct Entered<'a> {
    keys: &'a Mutex<BTreeSet<(AccountId, u128)>>,
    key: (AccountId, u128),
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.key);
    }
}
