//! Messages for numbers of own stock.

use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::ids::Number;

use super::State;
use super::wire::{Callback, CallbackReply, CallbackStatus};
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
    "The token in the path proves the sender. A message that was sent before changes nothing: \
     messages with the same `id` are the same, and without an `id` those with the same sender and \
     text.",
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
    let wrong = || {
        parse::refused(
            "invalid_number",
            "A number is not E.164: digits alone, with the country code",
            "number",
        )
    };
    let number = Number::parse(&sent.number.0).ok_or_else(wrong)?;
    let catalog = state.orders.market.catalog;
    let service = sent.service.as_deref().map(|code| parse::service(catalog, code)).transpose()?;
    let posted = Posted { provider: state.own, number, service };
    let message = Arrived {
        external_id: sent.id.as_deref(),
        sender: &sent.sender,
        text: &sent.text,
        code: "",
    };
    let ingested = state.orders.ingest_posted(posted, message).await;
    let status = match ingested.map_err(problems::of_refusal)? {
        Ingested::Accepted => CallbackStatus::Accepted,
        Ingested::Duplicate => CallbackStatus::Duplicate,
    };
    Ok(reply::json(StatusCode::OK, &CallbackReply { status }))
}
