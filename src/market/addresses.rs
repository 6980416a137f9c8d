//! The numbers of callers' addresses, in memory by the address itself, in clear.
//!
//! An address keeps its number as long as it is here, also where the engine knows it no more.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use nexnum_engine::ids::{AccountId, AddressNumber};
use papaya::HashMap;
use parking_lot::Mutex;

use crate::clock;

/// Numbers in memory; with more all are looked up anew.
const KNOWN_MAX: usize = 65_536;
/// How long no number is asked for after a failure: what is wrong then costs syncs at each try.
const PAUSE: Duration = Duration::from_secs(5);

/// New numbers of an account in an hour: each is an event, and a caller may have many networks.
const NEW_MAX: u32 = 1_024;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The numbers of the addresses that have called since the start.
#[derive(Debug, Default)]
pub struct CallerAddresses {
    numbers: HashMap<(AccountId, IpAddr), AddressNumber>,
    /// Until when none is asked for, in nanoseconds of the monotonic clock.
    paused: HashMap<AccountId, u64>,
    /// Since when so many new numbers were asked for, in the same time.
    asked: Mutex<BTreeMap<AccountId, (u64, u32)>>,
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

    /// Forgets all: with a new key of digests each gets a number anew.
    pub(super) fn begin_anew(&self) {
        self.numbers.pin().clear();
    }

    /// Whether a number of the account failed a moment ago.
    pub(super) fn is_paused(&self, account: AccountId) -> bool {
        self.paused.pin().get(&account).is_some_and(|until| clock::monotonic_ns() < *until)
    }

    /// Whether a new number of the account may be asked for `now`, in nanoseconds of the monotonic clock;
    /// it counts as asked for.
    pub(super) fn may_ask(&self, account: AccountId, now: u64) -> bool {
        let mut asked = self.asked.lock();
        let (since, count) = asked.entry(account).or_insert((now, 0));
        if now.saturating_sub(*since) >= HOUR.as_nanos() as u64 {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= NEW_MAX
    }

    /// A number of the account failed.
    pub(super) fn pause(&self, account: AccountId) {
        let until = clock::monotonic_ns().saturating_add(PAUSE.as_nanos() as u64);
        self.paused.pin().insert(account, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_new_numbers_of_an_account_are_asked_for() {
        let addresses = CallerAddresses::default();
        let may = |account, now| addresses.may_ask(AccountId(account), now);
        assert_eq!((0..NEW_MAX + 9).filter(|_| may(1, 5)).count(), NEW_MAX as usize);
        assert!(may(2, 5), "each account has its own");
        let hour = HOUR.as_nanos() as u64;
        assert_eq!((may(1, 4 + hour), may(1, 5 + hour)), (false, true), "the next hour");
    }
}
