//! Why operators have commands carried out: sealed, for the heads of their groups.

use nexnum_engine::ids::AccountId;
use nexnum_engine::sealed::{KeyOwner, Purpose, SealedValue};

use super::Access;
use crate::market::Refused;

impl Access {
    /// Seals why a command is carried out, under the key of the account that it is about, or else of
    /// the day.
    ///
    /// # Errors
    /// It cannot be sealed now.
    pub async fn seal_reason(
        &self,
        about: Option<AccountId>,
        reason: &str,
    ) -> Result<SealedValue, Refused> {
        let (market, purpose) = (&self.market, Purpose::Reason);
        // No key is made for an account that is not there: the command is about to be refused.
        let about = about.filter(|account| market.read_model.account(*account).is_some());
        let day = KeyOwner::Day(market.clock.now().day());
        let owner = about.map_or(day, KeyOwner::Identity);
        Ok(market.seal(owner, (purpose, None), reason.as_bytes()).await?)
    }
}
