//! Finishing an activation that has all the messages its buyer wants.

use std::sync::Arc;

use nexnum_driver::Op;
use nexnum_engine::command::{Actor, Finish};
use nexnum_engine::ids::{AccountId, OrderId};
use nexnum_engine::order::Order;

use super::Orders;
use super::refusal::Refusal;
use crate::provider::connected::Connected;

impl Orders {
    /// Completes the account's activation; it takes no more messages.
    ///
    /// # Errors
    /// The refusal.
    pub async fn finish(&self, account: AccountId, id: OrderId) -> Result<Arc<Order>, Refusal> {
        let order = self.find(account, id).await?;
        let command = Finish { order: id, actor: Actor::Account(account) };
        self.command(&order, command).await?;
        self.find(account, id).await
    }

    /// Tells the provider that no more messages are wanted; what it answers changes nothing.
    pub(crate) async fn finish_at_provider(
        &self,
        connected: &Connected,
        id: OrderId,
        external_id: &str,
    ) {
        if let Err(error) = connected.client().finish(external_id).await {
            connected.note_error(self.market.clock.now(), Op::Finish, Some(id), &error);
        }
    }
}
