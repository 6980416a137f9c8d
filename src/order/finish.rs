//! Finishing an activation that has all the messages its buyer wants.

use std::sync::Arc;

use nexnum_engine::command::{Caller, Finish};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, OrderId};
use nexnum_engine::order::Order;

use super::Orders;
use super::refusal::Refusal;

impl Orders {
    /// Completes the account's activation; it takes no more messages.
    ///
    /// # Errors
    /// The refusal.
    pub async fn finish(
        &self,
        origin: &Origin,
        account: AccountId,
        id: OrderId,
    ) -> Result<Arc<Order>, Refusal> {
        let order = self.find(account, id).await?;
        let command = Finish { order: id, caller: Caller::Account(account) };
        self.command(origin, &order, command).await?;
        self.find(account, id).await
    }
}
