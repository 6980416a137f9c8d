//! Cancelling an activation: the number goes back to its provider before the engine refunds.
//!
//! A buyer is answered within three seconds. Where the provider takes longer the cancel goes on,
//! to its refund or to its refusal, which a repeated request gets.

use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{ErrorKind, ExternalOutcome, ExternalState, Op};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Caller, Cancel};
use nexnum_engine::event::ProviderWord;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, OrderId};
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;

use super::ingest::Unseen;
use super::refusal::{Refusal, UpstreamError};
use super::{Orders, about};
use crate::message::identity::Look;
use crate::provider::connected::Connected;
use crate::provider::consequence::{self, Standing};

/// How long the look takes at most that shows what became of a cancel without an answer.
const LOOK_TIME: Duration = Duration::from_secs(2);

impl Orders {
    /// Cancels the account's activation and refunds it.
    ///
    /// # Errors
    /// The refusal: too early, a message is there, or the provider could not be asked, or has
    /// not answered yet. The activation stays as it is then, in the last case for the moment.
    pub async fn cancel(
        self: &Arc<Self>,
        origin: &Origin,
        account: AccountId,
        id: OrderId,
    ) -> Result<Arc<Order>, Refusal> {
        let order = self.find(account, id).await?;
        let command = Cancel { order: id, caller: Caller::Account(account) };
        if order.state == ActivationState::Init {
            // The engine may have its number already, and would end what no provider is asked
            // about: readers see it in a moment.
            return Err(Refusal::Rejected(Reject::NoNumberYet));
        }
        if order.state != ActivationState::Active {
            self.command(origin, &order, command).await?;
            return self.find(account, id).await;
        }
        // 1. Refused before the provider is troubled, or while no request waited for it.
        self.check_age(&order)?;
        if let Some(Err(refused)) = self.single_flight.kept(id, Op::Cancel) {
            return Err(refused.into());
        }
        // 2. The provider takes the number back, unless it holds a message that ends the
        // question. Buyers who ask at once share the answer.
        let change =
            Arc::clone(self).give_back_and_end(origin.clone(), Arc::clone(&order), command);
        self.single_flight.once(&self.tasks, (id, Op::Cancel), change).await?;
        // 3. The engine has decided, or decides now.
        match self.market.handle.ask(origin, command).await? {
            // A poll may see the number go back before this request comes to say so.
            Ok(_) | Err(Reject::ActivationClosed(ActivationState::Cancelled)) => {}
            Err(reject) => return Err(about(&order, reject)),
        }
        self.find(account, id).await
    }

    fn check_age(&self, order: &Order) -> Result<(), Reject> {
        let from = order.assignment.as_ref().map(|assignment| assignment.cancel_from);
        match from {
            Some(from) if self.market.clock.now() < from => Err(Reject::TooEarlyToCancel { from }),
            Some(_) | None => Ok(()),
        }
    }

    /// Gives an activation's number back and ends it, also if its buyer has stopped waiting.
    async fn give_back_and_end(
        self: Arc<Self>,
        origin: Origin,
        order: Arc<Order>,
        command: Cancel,
    ) -> Result<(), UpstreamError> {
        self.give_back(&order).await?;
        self.record_change(&origin, &command).await;
        Ok(())
    }

    /// Gives an activation's number back. Own stock and what the provider has ended already
    /// need nothing.
    async fn give_back(&self, order: &Order) -> Result<(), UpstreamError> {
        let Some((connected, external_id)) = self.target(order)? else { return Ok(()) };
        let key = order.id.0;
        let tried = connected.client().cancel_with_retries(external_id, key).await;
        let Err(error) = tried else { return Ok(()) };
        if !error.certain {
            self.unanswered_cancels.note(order.id);
        }
        let refusal = match consequence::of(error.kind).standing {
            // It has ended there, or cannot be ended any more: with a message, or by a try
            // whose answer was lost.
            Standing::Missing => None,
            Standing::HasCode => Some(UpstreamError::HasCode),
            Standing::TooLate => Some(UpstreamError::TooLate),
            Standing::Unknown => {
                let refused = self.note_refused(&connected, Op::Cancel, order, &error);
                let may_be_done = !error.certain && error.retry_after_ms.is_none();
                let is_done = may_be_done && self.is_back(&connected, order, external_id).await;
                return if is_done { Ok(()) } else { Err(refused) };
            }
        };
        let seen = self.receive_now(&connected, order, external_id).await;
        let now = self.market.read_model.order(order.id).map(|order| order.state);
        match (seen, refusal) {
            _ if now == Some(ActivationState::Received) => Err(UpstreamError::HasCode),
            (Err(Unseen::Busy), _) => Err(UpstreamError::Busy),
            (Err(Unseen::Provider(error)), None) if error.kind == ErrorKind::NoTurn => {
                Err(self.note_refused(&connected, Op::Status, order, &error))
            }
            // One "not found" ends nothing: the other call may know it, as a list may.
            (Ok(state), None) if state.outcome() == ExternalOutcome::Open => {
                self.is_known(&connected, order);
                Err(UpstreamError::Unavailable)
            }
            // It is refunded all the same, and charged there.
            (Ok(state), None) if state.outcome() == ExternalOutcome::Finished => {
                self.end_by_provider(order.id, ProviderWord::Finished).await;
                Ok(())
            }
            (Ok(_), None) => Ok(()),
            (Err(unseen), None) if unseen.is_missing() => {
                if !self.is_gone(&connected, order).await {
                    return Err(UpstreamError::Unavailable);
                }
                // Not as a cancel that the provider took: it is told again later.
                self.end_by_provider(order.id, ProviderWord::Missing).await;
                Ok(())
            }
            // Without an answer it is not known that no message is there.
            (Err(_), None) => Err(UpstreamError::Unavailable),
            (Ok(state), Some(_)) if state.outcome() == ExternalOutcome::Returned => Ok(()),
            (Ok(_) | Err(_), Some(refusal)) => Err(refusal),
        }
    }

    /// Whether a number went back although no answer said so.
    async fn is_back(&self, connected: &Connected, order: &Order, external_id: &str) -> bool {
        let look = self.receive_now(connected, order, external_id);
        tokio::time::timeout(LOOK_TIME, look)
            .await
            .is_ok_and(|seen| seen.is_ok_and(|it| it.outcome() == ExternalOutcome::Returned))
    }

    /// As [`Orders::receive`], while a customer waits for the answer.
    async fn receive_now(
        &self,
        connected: &Connected,
        order: &Order,
        external_id: &str,
    ) -> Result<ExternalState, Unseen> {
        let asked = connected.client().status_now(external_id).await;
        let report = asked.map_err(Unseen::Provider)?;
        self.take_in(connected, order, &report, Look::Single).await
    }
}
