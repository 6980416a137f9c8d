//! From which addresses callers come: each gets a number in the ledger, which the heads of their
//! commands have.
//!
//! Promises: a command has the number of its caller's address before it is sent; what a read records
//! gets it beside the answer. An address is in clear in memory alone. A number that is not to be had
//! keeps nothing from being carried out: the head then does not record the address, and the account's
//! callers are not numbered for a while, which is logged; nor are more than some new ones an hour.
//! Leaves to others: what a proxy in front hides.

use std::net::IpAddr;

use nexnum_engine::command::NumberAddress;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, AddressNumber};
use nexnum_engine::sealed::{KeyOwner, Purpose};
use nexnum_storage::lookup_key::LookedUp;

use super::{Market, Refused};
use crate::{clock, network};

impl Market {
    /// The number of a caller's address, which gets one now if it has none; `None` if it gets none.
    pub async fn number_address(
        &self,
        account: AccountId,
        address: IpAddr,
    ) -> Option<AddressNumber> {
        // 1. One that has called before.
        let network = network::of(address);
        if let Some(number) = self.addresses.get(account, network) {
            return Some(number);
        }
        // 2. One that has a number already, in the ledger; or a new one, unless that failed a moment
        // ago.
        let text = network::shown(network);
        // The newest key: with its making all are numbered anew.
        let lookups = self.sealing.lookups();
        let digest = lookups.newest().digest(LookedUp::CallerAddress, &[text.as_bytes()]);
        let number = match self.read_model.address(account, digest) {
            Some(number) => number,
            None if self.addresses.is_paused(account) => return None,
            None if !self.addresses.may_ask(account, clock::monotonic_ns()) => {
                tracing::warn!(%account, "callers' addresses are not recorded: too many are new");
                self.addresses.pause(account);
                return None;
            }
            None => match self.number_new(account, digest, &text).await {
                Ok(number) => number,
                Err(refused) => {
                    tracing::warn!(%account, ?refused, "callers' addresses are not recorded for 5 s");
                    self.addresses.pause(account);
                    return None;
                }
            },
        };
        self.addresses.keep(account, network, number);
        Some(number)
    }

    async fn number_new(
        &self,
        account: AccountId,
        digest: u128,
        text: &str,
    ) -> Result<AddressNumber, Refused> {
        let (owner, of) = (KeyOwner::Identity(account), (Purpose::CallerAddress, None));
        let sealed = self.seal(owner, of, text.as_bytes()).await?;
        self.execute(Origin::SYSTEM, NumberAddress { account, digest, sealed }).await
    }
}
