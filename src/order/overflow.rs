//! Messages of a provider beyond those that their order takes: kept for the operator, among the
//! callbacks that could not be processed.

use nexnum_engine::callback::CallbackFailure;
use nexnum_engine::command::{Incoming, ReceiveCallback};
use nexnum_engine::limits::MESSAGES_MAX;
use nexnum_engine::order::Order;

use super::Orders;
use super::ingest::Unseen;
use crate::attention::AttentionKind;
use crate::digest;
use crate::market::Refused;
use crate::message::callback::PostedMessage;
use crate::provider::connected::Connected;

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
        message: &Incoming,
    ) -> Result<(), Unseen> {
        let Some(assignment) = &order.assignment else { return Ok(()) };
        let (id, digest) = (order.id.0.to_le_bytes(), message.digest.to_le_bytes());
        let key = digest::of(&[b"message over", &id, &digest]);
        if self.market.read_model.callbacks(|callbacks| callbacks.with_key(key).is_some()) {
            return Ok(());
        }
        let service = self.market.catalog.service(order.product.service);
        let said = if message.text.is_empty() { &message.code } else { &message.text };
        let posted = PostedMessage {
            number: format!("+{}", assignment.number),
            sender: message.sender.to_string(),
            text: said.to_string(),
            id: None,
            service: service.map(|service| service.slug.to_owned()),
        };
        let body = serde_json::to_vec(&posted).expect("strings have a JSON form");
        let received = ReceiveCallback {
            provider: order.provider,
            key,
            content_type: "application/json".into(),
            body: body.into(),
            failure: Some(CallbackFailure::TooManyMessages),
        };
        match self.market.execute(received).await {
            Err(Refused::Busy | Refused::Stopped) => return Err(Unseen::Busy),
            // The engine refuses none of this kind.
            Ok(_) | Err(Refused::Rejected(_)) => {}
        }
        let text = format!(
            "the order has {MESSAGES_MAX} messages: those beyond are kept, `nexnum callback list` \
             shows them"
        );
        let subject = (connected.name(), order.id);
        self.market.attention.raise(AttentionKind::TooManyMessages, subject, text);
        self.report_failed();
        Ok(())
    }
}
