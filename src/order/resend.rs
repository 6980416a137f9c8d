//! Asking for another message to the same number.

use std::sync::Arc;

use nexnum_driver::Op;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Caller, RequestAnother};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, OrderId};
use nexnum_engine::order::Order;

use super::Orders;
use super::refusal::{Refusal, UpstreamError};
use crate::provider::connected::Failure;

impl Orders {
    /// Asks for another message: the provider first, then the wish is recorded.
    ///
    /// # Errors
    /// The refusal; nothing is recorded then, unless the provider answers later.
    pub async fn resend(
        self: &Arc<Self>,
        origin: &Origin,
        account: AccountId,
        id: OrderId,
    ) -> Result<Arc<Order>, Refusal> {
        let order = self.find(account, id).await?;
        let command = RequestAnother { order: id, caller: Caller::Account(account) };
        // While one is awaited the provider need not be told again.
        if order.state == ActivationState::Received && !order.awaits_another {
            if let Some(answer) = self.single_flight.kept(id, Op::Resend) {
                answer?;
                return Ok(order);
            }
            let change =
                Arc::clone(self).ask_and_record(origin.clone(), Arc::clone(&order), command);
            self.single_flight.once(&self.tasks, (id, Op::Resend), change).await?;
        }
        self.command(origin, &order, command).await?;
        self.find(account, id).await
    }

    /// Asks the provider and records the wish, also if the buyer has stopped waiting.
    async fn ask_and_record(
        self: Arc<Self>,
        origin: Origin,
        order: Arc<Order>,
        command: RequestAnother,
    ) -> Result<(), UpstreamError> {
        self.ask_again(&order).await?;
        self.record_change(&origin, &command).await;
        Ok(())
    }

    async fn ask_again(&self, order: &Order) -> Result<(), UpstreamError> {
        let Some((connected, external_id)) = self.target(order)? else { return Ok(()) };
        let key = order.id.0;
        match connected.client().resend(external_id, key).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => {
                // The ledger knows a purchase by one id: its messages would not be found.
                let text = "the purchase goes by another id now".to_owned();
                let (at, op) = (self.market.clock.now(), Op::Resend);
                connected.note_failure(Failure { at, op, order: Some(order.id), text });
                Err(UpstreamError::Unsupported)
            }
            Err(error) => Err(self.note_refused(&connected, Op::Resend, order, &error)),
        }
    }
}
