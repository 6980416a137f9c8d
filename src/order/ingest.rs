//! The one way in for messages: from polls, from callbacks, for own stock.
//!
//! One way to find the order that a message is for, one identity of a message, one place
//! where its code is found.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use nexnum_driver::{ExternalState, Op, ProviderError, ReceivedMessage, StatusReport};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Incoming, IngestMessage};
use nexnum_engine::ids::{Number, OrderId, ProviderId, ServiceId};
use nexnum_engine::limits::{NAME_LEN_MAX, TEXT_LEN_MAX};
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use nexnum_engine::time::Time;

use super::Orders;
use super::refusal::Refusal;
use crate::digest;
use crate::market::Refused;
use crate::message::extract::{Readable, read};
use crate::provider::connected::{Connected, Failure};
use crate::provider::consequence::{self, Standing};

/// How long a polled message waits for a full inbox before a later look brings it again.
pub const INGEST_MS: u64 = 5_000;

/// A message as its source gave it; a sender or text that the source does not have is empty.
#[derive(Clone, Copy, Default)]
pub struct Arrived<'a> {
    /// The source's own id of the message: its identity where there is one.
    pub external_id: Option<&'a str>,
    /// Who sent it.
    pub sender: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The code, from a source that looks for it: empty where it found none.
    pub code: Option<&'a str>,
}

/// Prints no text and no code: messages stay out of logs.
impl fmt::Debug for Arrived<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived").field("external_id", &self.external_id).finish_non_exhaustive()
    }
}

/// What a callback says a message is for.
#[derive(Clone, Copy, Debug)]
pub struct Posted {
    /// The number's provider.
    pub provider: ProviderId,
    /// The number that received it.
    pub number: Number,
    /// The service, where the sender names it.
    pub service: Option<ServiceId>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingested {
    /// It is new.
    Accepted,
    /// It has come before: nothing changed.
    Duplicate,
}

/// Why it is not known how an activation stands: nothing may be concluded then.
#[derive(Debug)]
pub enum Unseen {
    /// The provider's refusal, or what kept its answer away.
    Provider(ProviderError),
    /// A message that the engine had no room for; the next look brings it again.
    Busy,
}

impl Unseen {
    /// True if the provider answered that it does not know the activation.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Provider(error) => consequence::of(error.kind).standing == Standing::Missing,
            Self::Busy => false,
        }
    }
}

impl Orders {
    /// Brings in a message that was posted for a number.
    ///
    /// # Errors
    /// [`Refusal::NoHolder`], [`Refusal::Ambiguous`], or the engine's refusal.
    pub async fn ingest_posted(
        &self,
        posted: Posted,
        message: Arrived<'_>,
    ) -> Result<Ingested, Refusal> {
        let order = self.holder(posted, &message)?;
        // The sender repeats what found no room: the callback does not wait.
        match self.ingest(order, incoming(&message), self.market.clock.now()).await {
            Err(Refused::Rejected(Reject::UnknownOrder)) => Err(Refusal::NoHolder),
            ingested => Ok(ingested?),
        }
    }

    /// Asks the provider how an activation stands and brings in what it received, as
    /// [`Orders::take_in`].
    ///
    /// # Errors
    /// What kept the state or a message away.
    pub async fn receive(
        &self,
        connected: &Connected,
        order: &Order,
    ) -> Result<ExternalState, Unseen> {
        let Some(assignment) = &order.assignment else { return Ok(ExternalState::Waiting) };
        let asked = connected.client().status(&assignment.external_id).await;
        let report = asked.map_err(Unseen::Provider)?;
        self.take_in(connected, order, &report).await
    }

    /// Brings in what a provider's report of an activation holds. The state is given only once
    /// the engine has every message of it, so that no end overtakes one.
    ///
    /// # Errors
    /// [`Unseen::Busy`].
    pub async fn take_in(
        &self,
        connected: &Connected,
        order: &Order,
        report: &StatusReport,
    ) -> Result<ExternalState, Unseen> {
        for message in report.messages.iter().filter_map(polled) {
            let until = self.market.clock.now().plus_ms(INGEST_MS);
            match self.ingest(order.id, message, until).await {
                // The order holds all it may, or has left memory.
                Ok(Ingested::Accepted | Ingested::Duplicate)
                | Err(Refused::Rejected(Reject::Exhausted(_) | Reject::UnknownOrder)) => {}
                Err(Refused::Rejected(reject)) => {
                    let text = format!("a message was refused: {}", reject.code());
                    let (at, op) = (self.market.clock.now(), Op::Status);
                    connected.note_failure(Failure { at, op, order: Some(order.id), text });
                }
                Err(Refused::Busy | Refused::Stopped) => return Err(Unseen::Busy),
            }
        }
        Ok(report.state)
    }

    /// Brings a message to its order, unless it is known.
    async fn ingest(
        &self,
        order: OrderId,
        message: Incoming,
        until: Time,
    ) -> Result<Ingested, Refused> {
        // Every poll shows every message: the known ones do not trouble the engine.
        let known =
            |order: &Order| order.messages.iter().any(|known| known.digest == message.digest);
        match self.market.read_model.order(order) {
            None => return Err(Refused::Rejected(Reject::UnknownOrder)),
            Some(order) if known(&order) => return Ok(Ingested::Duplicate),
            Some(_) => {}
        }
        let command = IngestMessage { order, message };
        match self.market.send_until(&command, until).await? {
            Ok(_) => Ok(Ingested::Accepted),
            Err(Reject::DuplicateMessage) => Ok(Ingested::Duplicate),
            Err(reject) => Err(Refused::Rejected(reject)),
        }
    }

    /// The order a message on this number is for: the newest open one, of the service where
    /// it is named; else the newest that has ended, for which it is late. If several
    /// services are open on the number, the message has to name one of them.
    fn holder(&self, posted: Posted, message: &Arrived<'_>) -> Result<OrderId, Refusal> {
        let read_model = &self.market.read_model;
        let holders = read_model.holders(posted.provider, posted.number);
        let orders: Vec<Arc<Order>> =
            holders.into_iter().rev().filter_map(|id| read_model.order(id)).collect();
        let is_open = |order: &&Arc<Order>| {
            matches!(order.state, ActivationState::Active | ActivationState::Received)
        };
        let open: BTreeSet<ServiceId> =
            orders.iter().filter(is_open).map(|order| order.product.service).collect();
        let service = match posted.service {
            None if open.len() > 1 => Some(self.named(&open, message).ok_or(Refusal::Ambiguous)?),
            service => service,
        };
        let suits =
            |order: &&Arc<Order>| service.is_none_or(|service| order.product.service == service);
        let mut suited = orders.iter().filter(suits);
        let found = suited.clone().find(is_open).or_else(|| suited.next());
        found.map(|order| order.id).ok_or(Refusal::NoHolder)
    }

    /// The one of these services whose name is in the message.
    fn named(&self, open: &BTreeSet<ServiceId>, message: &Arrived<'_>) -> Option<ServiceId> {
        let message = format!("{}\n{}", message.sender, message.text).to_lowercase();
        let says = |id: &&ServiceId| {
            let service = self.market.catalog.service(**id);
            service.is_some_and(|service| message.contains(&service.name.to_lowercase()))
        };
        let mut named = open.iter().filter(says);
        named.next().filter(|_| named.next().is_none()).copied()
    }
}

/// A provider's message cut to what the engine takes; `None` for an empty one.
fn polled(message: &ReceivedMessage) -> Option<Incoming> {
    let [sender, text, code] =
        [&message.sender, &message.text, &message.code].map(|part| part.as_deref().unwrap_or(""));
    let external_id = message.external_id.as_deref();
    let whole = incoming(&Arrived { external_id, sender, text, code: Some(code) });
    let cut = Incoming {
        digest: whole.digest,
        sender: clipped(&whole.sender, NAME_LEN_MAX).into(),
        text: clipped(&whole.text, TEXT_LEN_MAX).into(),
        code: clipped(&whole.code, NAME_LEN_MAX).into(),
    };
    let empty = cut.text.is_empty() && cut.code.is_empty();
    (!empty).then_some(cut)
}

/// A message with its identity and its code.
fn incoming(message: &Arrived<'_>) -> Incoming {
    let &Arrived { external_id, sender, text, code } = message;
    let (sender_bytes, text_bytes) = (sender.as_bytes(), text.as_bytes());
    // Digests are in the ledger: which parts make one does not change.
    let digest = match (external_id, code) {
        (Some(id), _) => digest::of(&[b"message id", id.as_bytes()]),
        (None, Some(code)) => digest::of(&[b"message", sender_bytes, text_bytes, code.as_bytes()]),
        (None, None) => digest::of(&[b"message", sender_bytes, text_bytes]),
    };
    let Readable { text, code } = read(text, code.unwrap_or_default(), sender);
    Incoming { digest, sender: sender.into(), text: text.into(), code }
}

/// The beginning of a text, at most so many bytes and whole characters.
fn clipped(text: &str, len_max: usize) -> &str {
    &text[..text.floor_char_boundary(len_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, sender: &str, text: &str, code: &str) -> ReceivedMessage {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ReceivedMessage {
            external_id: part(id),
            sender: part(sender),
            text: part(text),
            code: part(code),
        }
    }

    #[test]
    fn a_message_is_the_same_by_its_id_or_else_by_what_it_says() {
        let digest = |id, text| polled(&message(id, "Telegram", text, "")).unwrap().digest;
        assert_eq!(digest("7", "code 12345"), digest("7", "code 54321"));
        assert_ne!(digest("7", "code 12345"), digest("8", "code 12345"));
        assert_eq!(digest("", "code 12345"), digest("", "code 12345"));
        assert_ne!(digest("", "code 12345"), digest("", "code 54321"));
    }

    #[test]
    fn the_parts_of_an_identity_are_those_that_the_ledger_has() {
        let (external_id, sender, text) = (None, "Telegram", "code 12345");
        let of = |code| incoming(&Arrived { external_id, sender, text, code }).digest;
        let parts: [&[u8]; 4] = [b"message", b"Telegram", b"code 12345", b""];
        assert_eq!(of(None), digest::of(&parts[..3]), "a callback's");
        assert_eq!(of(Some("")), digest::of(&parts), "a poll's");
        let numbered = Arrived { external_id: Some("7"), sender, text, code: None };
        assert_eq!(incoming(&numbered).digest, digest::of(&[b"message id", b"7"]));
    }

    #[test]
    fn a_message_fits_the_engine_and_has_the_code_of_its_text() {
        let came = polled(&message("", "", "Your code: 123-456", "")).unwrap();
        assert_eq!((&*came.code, &*came.text), ("123456", "Your code: 123-456"));
        let came = polled(&message("", "", "Your code: 123456", "9977")).unwrap();
        assert_eq!(&*came.code, "9977");
        let came = polled(&message("", "", "", "Your code is 4821.")).unwrap();
        assert_eq!((&*came.code, &*came.text), ("4821", "Your code is 4821."));
        let long = polled(&message("", &"ü".repeat(80), &"é".repeat(1_500), "")).unwrap();
        assert_eq!((long.sender.len(), long.text.len()), (100, 2_000));
        assert_eq!(polled(&message("1", "Telegram", "", "")), None);
    }
}
