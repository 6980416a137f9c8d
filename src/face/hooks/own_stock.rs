//! Messages for numbers of own stock.

use crate::face::wire::GivenNumber;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;

use super::state::State;
use crate::face::auth::CallbackSender;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation as Described, PathParam, Reply, Tag};
use crate::face::{parse, problems};
use crate::http::{Call, Problem, Response, body, reply};
use crate::order::{Arrived, Ingested, Posted};

/// Longest id of a message: a UUID with a prefix fits many times.
const ID_LEN_MAX: usize = 255;

pub(super) const RECEIVE: Described = Described::new(
    "receiveMessage",
    Tag::Callbacks,
    "Pass on a message for a number of own stock",
    &[Reply::json::<CallbackReply>(200, "The message is stored", r#"{"status": "accepted"}"#)],
)
.details(
    "The token in the path proves the sender. A message that was sent before changes nothing. With \
     an `id`, messages to a number with the same `id` are the same, whenever they come. Without \
     one, those with the same sender and text are: if they have a code, until the customer asks \
     for another message; if not, for two minutes.",
)
.path(&[
    PathParam::new::<String>("provider", "The name of own stock among the providers", "own"),
    PathParam::new::<String>("token", "The secret of the callback address", "0123456789abcdef"),
])
.body::<Callback<'_>>(
    r#"{"number": "+6281234567890", "sender": "Telegram", "text": "Telegram code 12345",
        "id": "sim-bank-7731"}"#,
)
.problems(&[
    Code::AmbiguousMessage,
    Code::InvalidNumber,
    Code::UnknownService,
    Code::Overloaded,
    Code::OutcomeUnknown,
    Code::Exhausted,
]);

pub(super) async fn receive(
    state: Arc<State>,
    _: CallbackSender,
    mut call: Call,
) -> Result<Response, Problem> {
    let body = call.bytes().await?;
    let sent: Callback<'_> = body::decode_json(&body)?;
    if sent.id.as_ref().is_some_and(|id| !(1..=ID_LEN_MAX).contains(&id.len())) {
        return Err(Problem::invalid_field("id", "must be 1 to 255 bytes, or left out"));
    }
    let number = parse::number(&sent.number.0, "number")?;
    let catalog = state.orders.market.catalog;
    let service = sent.service.as_deref().map(|code| parse::service(catalog, code)).transpose()?;
    let posted = Posted { provider: state.own, number, service };
    let message = Arrived {
        external_id: sent.id.as_deref(),
        sender: &sent.sender,
        text: &sent.text,
        code: None,
    };
    let ingested = state.orders.ingest_posted(posted, message).await;
    let status = match ingested.map_err(problems::of_refusal)? {
        Ingested::Accepted => CallbackStatus::Accepted,
        Ingested::Duplicate => CallbackStatus::Duplicate,
    };
    Ok(reply::json(StatusCode::OK, &CallbackReply { status }))
}

/// A message as a SIM bank posts it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Callback<'a> {
    /// The number that received the message.
    #[serde(borrow)]
    number: GivenNumber<'a>,
    /// The sender, as the phone network states it: at most 100 bytes of UTF-8.
    #[serde(borrow, default)]
    #[schemars(length(max = 100))]
    sender: Cow<'a, str>,
    /// The text: 1 to 2,000 bytes of UTF-8.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 2000))]
    text: Cow<'a, str>,
    /// The SIM bank's own id of the message, 1 to 255 bytes: messages with the same id are the
    /// same.
    #[serde(borrow, default)]
    #[schemars(length(min = 1, max = 255))]
    id: Option<Cow<'a, str>>,
    /// The service that the message is for, by slug or short code, if the SIM bank knows it.
    #[serde(borrow, default)]
    service: Option<Cow<'a, str>>,
}

/// The reply to a message.
#[derive(Debug, Serialize, JsonSchema)]
struct CallbackReply {
    /// What became of the message.
    status: CallbackStatus,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CallbackStatus {
    /// It is new and was stored.
    Accepted,
    /// It was stored before; nothing changed.
    Duplicate,
}
