//! From which addresses the callers of accounts came.
//!
//! Each has a number, by which the heads of groups name it; what it is stands sealed in the event that
//! gave the number. An address is known again by its digest as long as the key of the digests is the
//! newest: with the next one it gets a number once more. Numbers of an account are never used again.

use std::collections::BTreeMap;

use crate::ids::{AccountId, AddressNumber};
use crate::limits::ADDRESSES_MAX;
use crate::reject::Reject;

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

    /// The number that a new address gets.
    pub(crate) fn next(&self, account: AccountId) -> Result<AddressNumber, Reject> {
        let exhausted = Reject::Exhausted("addresses of an account");
        let Some(of) = self.0.get(&account) else { return Ok(AddressNumber(1)) };
        if of.known.len() >= ADDRESSES_MAX {
            return Err(exhausted);
        }
        of.last.0.checked_add(1).map(AddressNumber).ok_or(exhausted)
    }

    /// Takes a new address in; false if it does not have the next number, or is known.
    pub(crate) fn insert(&mut self, account: AccountId, digest: u128, new: AddressNumber) -> bool {
        if self.next(account) != Ok(new) || self.number(account, digest).is_some() {
            return false;
        }
        let of = self.0.entry(account).or_default();
        of.last = new;
        of.known.insert(digest, new);
        true
    }

    /// A new key of digests: none is known again.
    pub(crate) fn begin_anew(&mut self) {
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
