//! What a buyer asks of his number, asked of its provider: cancel, another message; and
//! the one place where a provider's messages come in.
//!
//! The provider is asked before the engine decides, because only it knows whether a
//! message is there. Each call here changes nothing in the ledger but what came in.

use std::sync::Arc;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::code;
use nexnum_engine::command::{Incoming, IngestMessage};
use nexnum_engine::event::ProviderKind;
use nexnum_engine::ids::OrderId;
use nexnum_engine::limits::{NAME_LEN_MAX, TEXT_LEN_MAX};
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use super::insist;
use crate::app::App;
use crate::digest;
use crate::provider::connected::{Connected, Failure};
use crate::provider::driver::Op;
use crate::provider::outcome::{ErrorKind, ProviderError};
use crate::provider::output::{ExternalState, ReceivedMessage};
use crate::sequencer::SendError;

/// What "not yet" means where a provider does not say until when.
const NOT_YET_MS: u64 = 10_000;
/// How long a message waits for a full inbox before a later look brings it again.
pub(super) const INGEST_MS: u64 = 5_000;

/// Why a provider did not do what a buyer asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamError {
    /// Not yet.
    TooEarly {
        /// When it may be tried again.
        from: Time,
    },
    /// A message is there: it has been brought in.
    HasCode,
    /// The provider takes the number back no more, though no message came.
    TooLate,
    /// The provider cannot do this.
    Unsupported,
    /// It could not be reached, or could not say.
    Unavailable,
    /// A message is there that the engine had no room for yet.
    Busy,
}

/// Why it is not known how an activation stands: nothing may be concluded then.
#[derive(Debug)]
pub(super) enum Unseen {
    /// The provider's refusal, or what kept its answer away.
    Provider(ProviderError),
    /// A message that the engine had no room for; the next look brings it again.
    Busy,
}

impl Unseen {
    /// True if the provider answered that it does not know the activation.
    fn is_missing(&self) -> bool {
        match self {
            Self::Provider(error) => error.kind == ErrorKind::NotFound,
            Self::Busy => false,
        }
    }
}

/// Gives an activation's number back, before the engine cancels it. Own stock and what
/// the provider has ended already need nothing; two who ask at once share the answer.
///
/// # Errors
/// The engine must not cancel then.
pub async fn cancel(app: &Arc<App>, order: &Order) -> Result<(), UpstreamError> {
    app.asks.once(order.id, Op::Cancel, give_back(app, order)).await
}

async fn give_back(app: &Arc<App>, order: &Order) -> Result<(), UpstreamError> {
    let Some((connected, external_id)) = target(app, order)? else { return Ok(()) };
    let tried = connected.client().insist_on_cancel(external_id).await;
    let Err(error) = tried else { return Ok(()) };
    let refusal = match error.kind {
        // It has ended there, or cannot be ended any more: with a message, or by a try
        // whose answer was lost.
        ErrorKind::NotFound => None,
        ErrorKind::HasCode => Some(UpstreamError::HasCode),
        ErrorKind::TooLate => Some(UpstreamError::TooLate),
        ErrorKind::NoNumbers
        | ErrorKind::NoBalance
        | ErrorKind::BadKey
        | ErrorKind::BadService
        | ErrorKind::BadCountry
        | ErrorKind::PriceTooLow
        | ErrorKind::TooEarly
        | ErrorKind::Banned
        | ErrorKind::RateLimited
        | ErrorKind::Temporary
        | ErrorKind::Unsupported
        | ErrorKind::Unmapped => return Err(refused(app, &connected, Op::Cancel, order, &error)),
    };
    let seen = receive(app, &connected, order).await;
    let now = app.read_model.order(order.id).map(|order| order.state);
    match (seen, refusal) {
        _ if now == Some(ActivationState::Received) => Err(UpstreamError::HasCode),
        (Err(Unseen::Busy), _) => Err(UpstreamError::Busy),
        // Without an answer nobody knows that no message is there.
        (Err(unseen), None) if !unseen.is_missing() => Err(UpstreamError::Unavailable),
        (Ok(_) | Err(_), None) => Ok(()),
        (Ok(state), Some(_)) if has_ended_empty(state) => Ok(()),
        (Ok(_) | Err(_), Some(refusal)) => Err(refusal),
    }
}

/// True if the number went back: nothing was received.
const fn has_ended_empty(state: ExternalState) -> bool {
    match state {
        ExternalState::Cancelled | ExternalState::Expired => true,
        ExternalState::Waiting | ExternalState::Received | ExternalState::Finished => false,
    }
}

/// Asks for another message, before the engine records the wish; two who ask at once share
/// the answer.
///
/// # Errors
/// The engine must not record it then.
pub async fn another(app: &Arc<App>, order: &Order) -> Result<(), UpstreamError> {
    app.asks.once(order.id, Op::Resend, ask_again(app, order)).await
}

async fn ask_again(app: &Arc<App>, order: &Order) -> Result<(), UpstreamError> {
    let Some((connected, external_id)) = target(app, order)? else { return Ok(()) };
    match connected.client().resend(external_id).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => {
            // The ledger knows a purchase by one id: its messages would not be found.
            let text = "the purchase goes by another id now".to_owned();
            let (at, op) = (app.clock.now(), Op::Resend);
            connected.note_failure(Failure { at, op, order: Some(order.id), text });
            Err(UpstreamError::Unsupported)
        }
        Err(error) => Err(refused(app, &connected, Op::Resend, order, &error)),
    }
}

/// Tells the provider that no more messages are wanted; what it answers changes nothing.
pub(super) async fn finish(app: &App, connected: &Connected, id: OrderId, external_id: &str) {
    if let Err(error) = connected.client().finish(external_id).await {
        connected.note_error(app.clock.now(), Op::Finish, Some(id), &error);
    }
}

/// Asks how an activation stands and brings in what it received: the state is given only
/// once the engine has every message of the reply, so that no end overtakes one.
///
/// # Errors
/// What kept the state or a message away.
pub(super) async fn receive(
    app: &App,
    connected: &Connected,
    order: &Order,
) -> Result<ExternalState, Unseen> {
    let Some(assignment) = &order.assignment else { return Ok(ExternalState::Waiting) };
    let asked = connected.client().status(&assignment.external_id).await;
    let report = asked.map_err(Unseen::Provider)?;
    for message in &report.messages {
        ingest(app, order.id, message).await.map_err(|_| Unseen::Busy)?;
    }
    Ok(report.state)
}

/// Brings a message in, unless it is known.
///
/// # Errors
/// The engine has not taken it.
async fn ingest(app: &App, id: OrderId, message: &ReceivedMessage) -> Result<(), SendError> {
    let Some(message) = incoming(message) else { return Ok(()) };
    // Every poll shows every message: the known ones do not trouble the engine.
    let known = |order: &Order| order.messages.iter().any(|known| known.digest == message.digest);
    if app.read_model.order(id).is_none_or(|order| known(&order)) {
        return Ok(());
    }
    let command = IngestMessage { order: id, message };
    // A refusal says that it is known by now, or that the order holds all it may.
    insist(app, &command, app.clock.now().plus_ms(INGEST_MS)).await.map(drop)
}

/// A message as the engine takes it; `None` for an empty one.
fn incoming(message: &ReceivedMessage) -> Option<Incoming> {
    let [sender, text, code] =
        [&message.sender, &message.text, &message.code].map(|part| part.as_deref().unwrap_or(""));
    let digest = match &message.external_id {
        Some(id) => digest::of(&[b"message id", id.as_bytes()]),
        None => digest::of(&[b"message", sender.as_bytes(), text.as_bytes(), code.as_bytes()]),
    };
    let found = if code.is_empty() { code::extract(text).unwrap_or_default() } else { code.into() };
    let incoming = Incoming {
        digest,
        sender: clipped(sender, NAME_LEN_MAX).into(),
        text: clipped(text, TEXT_LEN_MAX).into(),
        code: clipped(&found, NAME_LEN_MAX).into(),
    };
    let empty = incoming.text.is_empty() && incoming.code.is_empty();
    (!empty).then_some(incoming)
}

/// The beginning of a text, at most so many bytes and whole characters.
fn clipped(text: &str, len_max: usize) -> &str {
    &text[..text.floor_char_boundary(len_max)]
}

/// Whom to ask, and under which id; `None` for own stock.
fn target<'a>(
    app: &App,
    order: &'a Order,
) -> Result<Option<(Arc<Connected>, &'a str)>, UpstreamError> {
    let own = app.read_model.directory().kind(order.provider) == Some(ProviderKind::Own);
    match &order.assignment {
        Some(assignment) if !own => {
            let connected = app.providers.get(order.provider);
            let connected = connected.ok_or(UpstreamError::Unavailable)?;
            Ok(Some((connected, &*assignment.external_id)))
        }
        Some(_) | None => Ok(None),
    }
}

fn refused(
    app: &App,
    connected: &Connected,
    op: Op,
    order: &Order,
    error: &ProviderError,
) -> UpstreamError {
    let now = app.clock.now();
    connected.note_error(now, op, Some(order.id), error);
    match error.kind {
        ErrorKind::TooEarly => {
            let ours = order.assignment.as_ref().map_or(now, |assignment| assignment.cancel_from);
            UpstreamError::TooEarly { from: ours.max(now.plus_ms(NOT_YET_MS)) }
        }
        ErrorKind::Unsupported => UpstreamError::Unsupported,
        ErrorKind::HasCode
        | ErrorKind::TooLate
        | ErrorKind::NotFound
        | ErrorKind::NoNumbers
        | ErrorKind::NoBalance
        | ErrorKind::BadKey
        | ErrorKind::BadService
        | ErrorKind::BadCountry
        | ErrorKind::PriceTooLow
        | ErrorKind::Banned
        | ErrorKind::RateLimited
        | ErrorKind::Temporary
        | ErrorKind::Unmapped => UpstreamError::Unavailable,
    }
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
        let digest = |id, text| incoming(&message(id, "Telegram", text, "")).unwrap().digest;
        assert_eq!(digest("7", "code 12345"), digest("7", "code 54321"));
        assert_ne!(digest("7", "code 12345"), digest("8", "code 12345"));
        assert_eq!(digest("", "code 12345"), digest("", "code 12345"));
        assert_ne!(digest("", "code 12345"), digest("", "code 54321"));
    }

    #[test]
    fn a_message_fits_the_engine_and_has_the_code_of_its_text() {
        let came = incoming(&message("", "", "Your code: 123-456", "")).unwrap();
        assert_eq!((&*came.code, &*came.text), ("123456", "Your code: 123-456"));
        let came = incoming(&message("", "", "Your code: 123456", "99")).unwrap();
        assert_eq!(&*came.code, "99");
        let long = incoming(&message("", &"ü".repeat(80), &"é".repeat(1_500), "")).unwrap();
        assert_eq!((long.sender.len(), long.text.len()), (100, 2_000));
        assert_eq!(incoming(&message("1", "Telegram", "", "")), None);
    }
}
