//! Customers' accounts.

use std::sync::Arc;

use nexnum_engine::command::OpenAccount;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::AccountId;
use nexnum_engine::money::Micros;

use super::Access;
use crate::market::Refused;
use crate::market::read_model::AccountView;

impl Access {
    /// Opens an account; its name is unique.
    ///
    /// # Errors
    /// The refusal.
    pub async fn open_account(
        &self,
        origin: &Origin,
        name: Box<str>,
        credit_limit: Micros,
    ) -> Result<AccountId, Refused> {
        let id = self.market.execute(origin, OpenAccount { name, credit_limit }).await?;
        // Its callers then need not wait for it, each behind all others. Else the first one does.
        if let Err(error) = self.market.prepare_identity(id).await {
            tracing::debug!(account = %id, %error, "an account has no identity key yet");
        }
        Ok(id)
    }

    /// All accounts, by id.
    #[must_use]
    pub fn accounts(&self) -> Vec<(AccountId, Arc<AccountView>)> {
        let mut accounts = self.market.read_model.accounts();
        accounts.sort_unstable_by_key(|(id, _)| *id);
        accounts
    }
}
