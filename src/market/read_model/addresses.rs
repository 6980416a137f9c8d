//! The numbers of callers' addresses, by their digests.

use nexnum_engine::ids::{AccountId, AddressNumber};

use super::ReadModel;

impl ReadModel {
    /// The number of an address of an account's callers, by its digest under the newest key.
    pub(in crate::market) fn address(
        &self,
        account: AccountId,
        digest: u128,
    ) -> Option<AddressNumber> {
        self.addresses.lock().number(account, digest)
    }

    pub(super) fn show_address(&self, account: AccountId, digest: u128, number: AddressNumber) {
        self.addresses.lock().give(account, digest, number);
    }

    /// A new key of digests: none is known again.
    pub(super) fn forget_addresses(&self) {
        self.addresses.lock().begin_anew();
    }
}
