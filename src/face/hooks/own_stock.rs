//! Messages for numbers of own stock.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::ids::Number;
use serde::Deserialize;

use super::State;
use crate::face::auth::CallbackSender;
use crate::face::{parse, problems};
use crate::http::{Call, Json, Problem, Response, body, reply};
use crate::order::{Arrived, Ingested, Posted};

/// Longest id of a message: a UUID with a prefix fits many times.
const ID_LEN_MAX: usize = 255;

/// A message as a SIM bank posts it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Callback<'a> {
    /// The number that received it.
    #[serde(borrow)]
    number: Cow<'a, str>,
    /// Who sent it.
    #[serde(borrow, default)]
    sender: Cow<'a, str>,
    /// What it says.
    #[serde(borrow)]
    text: Cow<'a, str>,
    /// The sender's own id of the message: its deduplication key.
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    /// Whose message it is, where the sender knows.
    #[serde(borrow, default)]
    service: Option<Cow<'a, str>>,
}

pub(super) async fn receive(
    state: Arc<State>,
    _: CallbackSender,
    mut call: Call,
) -> Result<Response, Problem> {
    call.query(&[])?;
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
    let number = Number::parse(&sent.number).ok_or_else(wrong)?;
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
        Ingested::Accepted => "accepted",
        Ingested::Duplicate => "duplicate",
    };
    let mut body = Json::with_capacity(32);
    body.object(|o| o.text("status", status));
    Ok(reply::json_written(StatusCode::OK, body))
}
