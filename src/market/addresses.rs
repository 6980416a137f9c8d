//! The numbers of callers' addresses, in memory by the address itself, in clear.

use std::net::IpAddr;
use std::time::Duration;

use nexnum_engine::ids::{AccountId, AddressNumber};
use papaya::HashMap;

use crate::clock;

/// Numbers in memory; with more all are looked up anew.
const KNOWN_MAX: usize = 65_536;
/// How long no number is asked for after a failure: what is wrong then costs syncs at each try.
const PAUSE: Duration = Duration::from_secs(5);

/// The numbers of the addresses that have called since the start.
#[derive(Debug, Default)]
pub struct CallerAddresses {
    numbers: HashMap<(AccountId, IpAddr), AddressNumber>,
    /// Until when none is asked for, in nanoseconds of the monotonic clock.
    paused: HashMap<AccountId, u64>,
}

impl CallerAddresses {
    /// The number of an address that has called.
    pub(super) fn get(&self, account: AccountId, network: IpAddr) -> Option<AddressNumber> {
        self.numbers.pin().get(&(account, network)).copied()
    }

    /// Keeps a number.
    pub(super) fn keep(&self, account: AccountId, network: IpAddr, number: AddressNumber) {
        let numbers = self.numbers.pin();
        if numbers.len() >= KNOWN_MAX {
            numbers.clear();
        }
        numbers.insert((account, network), number);
    }

    /// Whether a number of the account failed a moment ago.
    pub(super) fn is_paused(&self, account: AccountId) -> bool {
        self.paused.pin().get(&account).is_some_and(|until| clock::monotonic_ns() < *until)
    }

    /// A number of the account failed.
    pub(super) fn pause(&self, account: AccountId) {
        let until = clock::monotonic_ns().saturating_add(PAUSE.as_nanos() as u64);
        self.paused.pin().insert(account, until);
    }
}
