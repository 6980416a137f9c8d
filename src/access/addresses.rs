//! From which addresses callers come: each gets a number in the ledger, which the heads of their
//! commands have.
//!
//! Promises: a caller that is not known yet has its number before its command is sent; an address is
//! in clear in memory alone. A number that is not to be had keeps no command from being carried out:
//! its head then does not record the address. Leaves to others: what a proxy in front hides.

use std::net::IpAddr;
use std::sync::Arc;

use nexnum_engine::command::NumberAddress;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, AddressNumber};
use nexnum_engine::reject::Reject;
use nexnum_engine::sealed::{KeyOwner, Purpose};
use nexnum_storage::lookup_key::LookedUp;
use papaya::{HashMap, HashSet};

use crate::market::{Market, Refused};

/// The addresses of a market's callers.
#[derive(Clone, Debug)]
pub struct CallerAddresses {
    market: Market,
    known: Arc<KnownAddresses>,
}

/// The numbers of those that have called since the start: as many as the engine numbers.
#[derive(Debug, Default)]
struct KnownAddresses {
    numbers: HashMap<(AccountId, IpAddr), AddressNumber>,
    /// Accounts with so many that no further one gets a number.
    full: HashSet<AccountId>,
}

impl CallerAddresses {
    /// Those of a market, of which none is known yet.
    #[must_use]
    pub fn new(market: Market) -> Self {
        Self { market, known: Arc::default() }
    }

    /// The number of a caller's address, if it has called since the start.
    #[must_use]
    pub fn known(&self, account: AccountId, address: IpAddr) -> Option<AddressNumber> {
        self.known.numbers.pin().get(&(account, address.to_canonical())).copied()
    }

    /// The number of a caller's address, which gets one now if it has none; `None` if it gets none.
    pub async fn number(&self, account: AccountId, address: IpAddr) -> Option<AddressNumber> {
        let address = address.to_canonical();
        if let Some(known) = self.known(account, address) {
            return Some(known);
        }
        if self.known.full.pin().contains(&account) {
            return None;
        }
        match self.ask_number(account, address).await {
            Ok(number) => {
                self.known.numbers.pin().insert((account, address), number);
                Some(number)
            }
            Err(Refused::Rejected(Reject::Exhausted(_))) => {
                self.known.full.pin().insert(account);
                tracing::warn!(%account, "a caller's address is not recorded: its account has too many");
                None
            }
            Err(refused) => {
                tracing::debug!(%account, ?refused, "a caller's address is not recorded");
                None
            }
        }
    }

    async fn ask_number(
        &self,
        account: AccountId,
        address: IpAddr,
    ) -> Result<AddressNumber, Refused> {
        let (text, sealing) = (address.to_string(), &self.market.sealing);
        let digest = sealing.lookup().digest(LookedUp::CallerAddress, &[text.as_bytes()]);
        let (owner, of) = (KeyOwner::Identity(account), (Purpose::CallerAddress, None));
        let sealed = self.market.seal(owner, of, text.as_bytes()).await?;
        self.market.execute(Origin::SYSTEM, NumberAddress { account, digest, sealed }).await
    }
}
