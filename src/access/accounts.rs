//! Customers' accounts.
//!
//! Promises: an account's name is in the ledger sealed, with a digest by which it is unique; it is in
//! clear nowhere but in the answer that shows it.

use std::sync::Arc;

use nexnum_engine::command::OpenAccount;
use nexnum_engine::event::AccountName;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::AccountId;
use nexnum_engine::limits::NAME_LEN_MAX;
use nexnum_engine::money::Micros;
use nexnum_engine::reject::Reject;
use nexnum_engine::sealed::{KeyOwner, Purpose};

use super::Access;
use crate::market::Refused;
use crate::market::read_model::AccountView;
use crate::market::sealing::SealingError;

impl Access {
    /// Opens an account; its name is unique.
    ///
    /// # Errors
    /// The refusal.
    pub async fn open_account(
        &self,
        origin: &Origin,
        name: &str,
        credit_limit: Micros,
    ) -> Result<AccountId, Refused> {
        let fits = (1..=NAME_LEN_MAX).contains(&name.len());
        if !fits || name.contains(char::is_control) {
            return Err(Reject::OutOfBounds("name").into());
        }
        let _opening = self.opening.lock().await;
        let next = self.market.read_model.next_account();
        let (owner, of) = (KeyOwner::Identity(next), (Purpose::Name, None));
        let sealed = self.market.seal(owner, of, name.as_bytes()).await?;
        let name = Some(AccountName { digest: self.market.sealing.account_name(name), sealed });
        self.market.execute(origin, OpenAccount { name, credit_limit }).await
    }

    /// All accounts, by id.
    #[must_use]
    pub fn accounts(&self) -> Vec<(AccountId, Arc<AccountView>)> {
        let mut accounts = self.market.read_model.accounts();
        accounts.sort_unstable_by_key(|(id, _)| *id);
        accounts
    }

    /// The account of a name.
    #[must_use]
    pub fn account_named(&self, name: &str) -> Option<AccountId> {
        let digest = self.market.sealing.account_name(name);
        let mut accounts = self.market.read_model.accounts().into_iter();
        let has_it = |view: &AccountView| view.name.as_ref().is_some_and(|it| it.digest == digest);
        accounts.find(|(_, view)| has_it(view)).map(|(id, _)| id)
    }

    /// The names of accounts, in their order; `None` of one that has none, whose name is forgotten, or
    /// cannot be read, which is logged.
    ///
    /// # Errors
    /// [`SealingError::CutOff`].
    pub async fn account_names(
        &self,
        accounts: Vec<(AccountId, Arc<AccountView>)>,
    ) -> Result<Vec<Option<String>>, SealingError> {
        let sealing = self.market.sealing.clone();
        // One at a time: the first time it reads a file an account.
        let listing = Arc::clone(&self.listing).lock_owned().await;
        let opened = tokio::task::spawn_blocking(move || {
            let _listing = listing;
            let name = |(id, view): &(AccountId, Arc<AccountView>)| {
                let name = sealing.open_name(*id, view.name.as_ref());
                name.unwrap_or_else(|error| {
                    tracing::error!(account = %id, %error, "the name of an account cannot be read");
                    None
                })
            };
            accounts.iter().map(name).collect()
        });
        opened.await.map_err(|_| SealingError::CutOff)
    }
}
