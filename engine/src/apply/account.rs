//! What an event of accounts or keys does to the state.

use super::dense::next;
use crate::addresses::Addresses;
use crate::event::{AccountEvent, Scope};
use crate::group::{Actor, Origin};
use crate::ids::OrderNumber;
use crate::state::{Account, Key, State};
use crate::time::Time;

impl State {
    /// From which addresses the callers of accounts came.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Holds the caller's address in a group's head against those that its account has.
    pub(super) fn check_address(&self, origin: &Origin) {
        let Some(address) = origin.address else { return };
        let Actor::Key(key) = origin.actor else {
            panic!("a caller with an address has shown a key");
        };
        let key = self.keys.get(key).expect("a caller's key was issued");
        assert!(self.addresses.was_given(key.account, address), "a caller's address has a number");
    }

    pub(super) fn apply_account(&mut self, at: Time, event: &AccountEvent) {
        match event {
            AccountEvent::AccountOpened { account, name, credit_limit } => {
                next(&mut self.counters.account.0, account.0);
                let digest = name.as_ref().map(|name| name.digest);
                let is_new = digest.is_none_or(|digest| self.account_names.insert(digest));
                assert!(is_new, "account names are unique");
                let (name, credit_limit) = (name.clone(), *credit_limit);
                self.books.open_account(*account);
                let orders = OrderNumber::default();
                let opened = Account { name, credit_limit, opened_at: at, orders };
                self.accounts.insert(*account, opened);
            }
            AccountEvent::KeyIssued { key, account, scope, hash, prefix } => {
                next(&mut self.counters.key.0, key.0);
                let belongs = match scope {
                    Scope::Trade => self.accounts.contains(*account),
                    Scope::Admin => account.0 == 0,
                };
                assert!(belongs, "a key trades for an account, or operates for none");
                let (hash, prefix) = (*hash, prefix.clone());
                let issued = Key { account: *account, scope: *scope, hash, prefix, revoked: false };
                self.key_hashes.insert(issued.hash);
                self.keys.insert(*key, issued);
            }
            AccountEvent::AddressSeen { account, address, digest, sealed: _ } => {
                let is_known = account.0 == 0 || self.accounts.contains(*account);
                assert!(is_known, "a caller is an account's, or an operator");
                let (addresses, account) = (&mut self.addresses, *account);
                let is_new = addresses.number(account, *digest).is_none();
                assert!(is_new && addresses.next(account) == Some(*address), "it is its next one");
                addresses.give(account, *digest, *address);
            }
            AccountEvent::KeyRevoked { key } => {
                let key = self.keys.get_mut(*key).expect("a revoked key was issued");
                assert!(!key.revoked, "a key is revoked once");
                key.revoked = true;
            }
        }
    }
}
