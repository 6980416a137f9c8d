//! What a provider shows and no order takes, messages beyond those that their order may have and
//! answers that cannot be read: kept for the operator, among the callbacks that could not be
//! processed.

use nexnum_engine::callback::CallbackFailure;
use nexnum_engine::command::ReceiveCallback;
use nexnum_engine::group::Actor;
use nexnum_engine::limits::MESSAGES_MAX;
use nexnum_engine::order::Order;
use nexnum_engine::sealed::Purpose;

use super::Orders;
use super::ingest::Unseen;
use crate::attention::AttentionKind;
use crate::market::Refused;
use crate::message::callback::PostedMessage;
use crate::provider::connected::Connected;
use nexnum_storage::index_key::Indexed;
use nexnum_storage::said::Said;

impl Orders {
    /// Keeps a message that a provider shows and that its order takes no more, once, and tells
    /// the operator.
    ///
    /// # Errors
    /// [`Unseen::Busy`]: the next look brings it again.
    pub(super) async fn keep_over(
        &self,
        connected: &Connected,
        order: &Order,
        digest: u128,
        said: &Said,
    ) -> Result<(), Unseen> {
        let (id, digest) = (order.id.0.to_le_bytes(), digest.to_le_bytes());
        let key = self.unseen_key(&[b"message over", &id, &digest]);
        let Said { sender, text, code } = said;
        let text = if text.is_empty() { code } else { text };
        let failure = CallbackFailure::TooManyMessages;
        if self.keep(order, key, (sender, text), failure).await? {
            let text = format!(
                "the order has {MESSAGES_MAX} messages: those beyond are kept, `nexnum callback \
                 list` shows them"
            );
            let subject = (connected.name(), order.id);
            self.market.attention.raise(AttentionKind::TooManyMessages, subject, text);
        }
        Ok(())
    }

    /// Keeps a provider's answer about an activation that cannot be read, once: a message may be
    /// in it, which an operator finds there, and can bring to its order as it stands. True if it
    /// was not kept before.
    ///
    /// # Errors
    /// [`Unseen::Busy`]: it was not kept.
    pub(crate) async fn keep_unread(&self, order: &Order, reply: &str) -> Result<bool, Unseen> {
        let id = order.id.0.to_le_bytes();
        let key = self.unseen_key(&[b"unread reply", &id, reply.as_bytes()]);
        self.keep(order, key, ("", reply), CallbackFailure::Unreadable).await
    }

    /// What a message is known by that no callback brought.
    fn unseen_key(&self, parts: &[&[u8]]) -> u128 {
        self.market.sealing.index().digest(Indexed::Callback, parts)
    }

    /// Keeps what a provider shows of an order's number, as a message that is posted; false if
    /// it is known by its key, or there is no number.
    async fn keep(
        &self,
        order: &Order,
        key: u128,
        (sender, text): (&str, &str),
        failure: CallbackFailure,
    ) -> Result<bool, Unseen> {
        if order.assignment.is_none() {
            return Ok(false);
        }
        let number = self.number_of(order).map_err(|_| Unseen::Busy)?;
        // One that is forgotten keeps no message from the operator.
        let number = number.map_or_else(String::new, |number| format!("+{number}"));
        if self.market.read_model.callbacks(|callbacks| callbacks.with_key(key).is_some()) {
            return Ok(false);
        }
        let service = self.market.catalog.service(order.product.service);
        let posted = PostedMessage {
            number,
            sender: sender.to_owned(),
            text: text.to_owned(),
            id: None,
            service: service.map(|service| service.slug.to_owned()),
        };
        let body = serde_json::to_vec(&posted).expect("strings have a JSON form");
        let sealed = self.market.seal_of_day(Purpose::CallbackBody, None, &body).await;
        let received = ReceiveCallback {
            provider: order.provider,
            key,
            content_type: "application/json".into(),
            sealed: sealed.map_err(|_| Unseen::Busy)?,
            failure: Some(failure),
        };
        match self.market.execute(Actor::Worker(order.provider), received).await {
            Err(Refused::Busy | Refused::Stopped) => return Err(Unseen::Busy),
            // The engine refuses none of this kind.
            Ok(_) | Err(Refused::Rejected(_)) => {}
        }
        self.report_failed();
        Ok(true)
    }
}
