//! From which addresses the callers of accounts came.
//!
//! Each has a number, by which the heads of groups name it; what it is stands sealed in the event that
//! gave the number. An address is known again by its digest as long as the key of the digests is the
//! newest, and as long as it is among the last of its account: else it gets a number once more. Numbers
//! of an account are never used again.

use std::collections::BTreeMap;

use crate::ids::{AccountId, AddressNumber};
use crate::limits::ADDRESSES_MAX;

/// The addresses of an account's callers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AccountAddresses {
    /// The last number that was given.
    pub last: AddressNumber,
    /// The numbers of those that are known again, by their digests under the newest key.
    pub known: BTreeMap<u128, AddressNumber>,
}

/// Those of all accounts; of operators they are under account 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Addresses(pub(crate) BTreeMap<AccountId, AccountAddresses>);

impl Addresses {
    /// The number of an address, if it is known.
    #[must_use]
    pub fn number(&self, account: AccountId, digest: u128) -> Option<AddressNumber> {
        self.0.get(&account)?.known.get(&digest).copied()
    }

    /// Whether such a number was given.
    #[must_use]
    pub fn was_given(&self, account: AccountId, number: AddressNumber) -> bool {
        let last = self.0.get(&account).map_or(AddressNumber(0), |of| of.last);
        (AddressNumber(1)..=last).contains(&number)
    }

    /// All, by account.
    pub fn iter(&self) -> impl Iterator<Item = (AccountId, &AccountAddresses)> {
        self.0.iter().map(|(account, of)| (*account, of))
    }

    /// The number that a new address gets; `None` at the end of all.
    pub(crate) fn next(&self, account: AccountId) -> Option<AddressNumber> {
        let last = self.0.get(&account).map_or(0, |of| of.last.0);
        last.checked_add(1).map(AddressNumber)
    }

    /// Gives a new address its number. Of the addresses that are known again the oldest makes room.
    pub fn give(&mut self, account: AccountId, digest: u128, new: AddressNumber) {
        let of = self.0.entry(account).or_default();
        of.last = new;
        of.known.insert(digest, new);
        if of.known.len() > ADDRESSES_MAX {
            let oldest = of.known.iter().min_by_key(|(_, number)| **number);
            let oldest = oldest.map(|(digest, _)| *digest);
            oldest.map(|digest| of.known.remove(&digest));
        }
    }

    /// A new key of digests: none is known again.
    pub fn begin_anew(&mut self) {
        self.0.values_mut().for_each(|of| of.known.clear());
    }

    /// Takes an account's addresses from a row of state.
    pub(crate) fn insert_row(
        &mut self,
        account: AccountId,
        of: AccountAddresses,
    ) -> Result<(), String> {
        let all_given = of.known.values().all(|number| (1..=of.last.0).contains(&number.0));
        let fits = of.last.0 > 0 && of.known.len() <= ADDRESSES_MAX && all_given;
        if !fits {
            return Err(format!("the addresses of account {account} have numbers not given"));
        }
        let is_new = self.0.insert(account, of).is_none();
        if is_new { Ok(()) } else { Err(format!("account {account} has addresses twice")) }
    }
}
