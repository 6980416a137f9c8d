//! Callbacks that could not be processed, or wait: shown to the operator, and tried again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use nexnum_driver::decoded;
use nexnum_engine::callback::{Callback, CallbackFailure};
use nexnum_engine::ids::CallbackId;
use nexnum_storage::secrets::SecretBytes;

use super::state::State;
use crate::face::auth::Operator;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Content, Operation as Described, PathParam, Reply, Tag};
use crate::face::query::{Bounded, Cursor, parameters};
use crate::face::wire::{Id, Moment};
use crate::face::{parse, problems};
use crate::http::{Call, Problem, Response, body, reply};
use crate::market::sealing::Sealing;
use crate::order::texts::callback_body;
use crate::order::{OperatorsWord, Processed};

/// Bytes of a body that a list shows.
const SHOWN_LEN_MAX: usize = 4_096;

parameters! {
    /// A page of callbacks.
    pub(super) struct CallbacksQuery<'a> {
        /// `failed` for those that could not be processed, which is the default; `refused` for
        /// those without their proof; `waiting` for those that have not been processed yet.
        state: Option<Cow<'a, str>>,
        /// How many rows the page has at most.
        limit: Bounded<1, 100, 50>,
        /// The `next_cursor` of the previous page; left out for the first page.
        cursor: Option<Cursor>,
    }
}

pub(super) const LIST: Described = Described::new(
    "listCallbacks",
    Tag::Admin,
    "List the callbacks that could not be processed",
    &[Reply::json::<CallbackPage<'_>>(
        200,
        "The callbacks, newest first",
        r#"{"callbacks": [
            {"id": "81", "provider": "own", "received_at": "2026-11-20T09:30:00.000Z", "state": "failed",
             "reason": "ambiguous", "content_type": "application/json", "length": 55,
             "body": "{\"number\": \"+6281234567890\", \"text\": \"Your code: 123456\"}"}
        ], "failed": 1, "refused": 0, "waiting": 0, "dropped": 0, "next_cursor": null}"#,
    )],
)
.details(
    "Each callback is stored as it came in before it is processed. One that could not be processed \
     is kept here: at most 1,000 of them, and 16 MiB of their bodies; the oldest make room for new \
     ones and are counted in `dropped`. One that was refused, because its signature is missing or \
     wrong or its address was replaced, is kept apart: at most 500 of them, 120 of a minute, and \
     8 KiB of each; the attention list tells how many more there were. It is not trusted, and \
     processed by an operator's word alone. Of a body \
     beyond the bound its fields alone are stored, or its beginning. A body is shown up to 4,096 bytes, with what is not UTF-8 \
     replaced.",
)
.query::<CallbacksQuery<'_>>();

pub(super) fn list(state: &State, _: Operator, call: &Call) -> Result<Response, Problem> {
    let CallbacksQuery { state: wanted, limit, cursor } = CallbacksQuery::read(call)?;
    let wanted = match wanted.as_deref() {
        None | Some("failed") => CallbackState::Failed,
        Some("refused") => CallbackState::Refused,
        Some("waiting") => CallbackState::Waiting,
        Some(_) => {
            let detail = "must be failed, refused or waiting";
            return Err(Problem::invalid_parameter("state", detail));
        }
    };
    let before = CallbackId(cursor.map_or(u64::MAX, |cursor| cursor.0));
    let rows = limit.0 as usize;
    let page = state.market.read_model.callbacks(|callbacks| {
        let of_state =
            callbacks.before(before).filter(|(_, kept)| CallbackState::of(kept) == wanted);
        // One more than fits says that there is another page.
        let found: Vec<_> = of_state.take(rows + 1).map(|(id, kept)| (id, kept.clone())).collect();
        let (failed, refused) = (callbacks.failed_len(), callbacks.refused_len());
        (found, failed, refused, callbacks.waiting_len(), callbacks.dropped())
    });
    let (found, failed, refused, waiting, dropped) = page;
    let shown = &found[..found.len().min(rows)];
    let next = (found.len() > rows).then(|| shown.last().map(|(id, _)| Id(id.0))).flatten();
    let providers = state.market.read_model.directory().providers();
    let name = |kept: &Callback| {
        let known = providers.iter().find(|(id, _)| *id == kept.provider);
        known.map(|(_, provider)| provider.name.to_string())
    };
    let callbacks =
        shown.iter().map(|(id, kept)| row(&state.market.sealing, *id, name(kept), kept)).collect();
    let page = CallbackPage { callbacks, failed, refused, waiting, dropped, next_cursor: next };
    Ok(reply::json(StatusCode::OK, &page))
}

fn row<'a>(
    sealing: &Sealing,
    id: CallbackId,
    provider: Option<String>,
    kept: &'a Callback,
) -> ShownCallback<'a> {
    let body = callback_body(sealing, kept);
    let shown = |body: &SecretBytes| {
        let body = body.expose();
        decoded(&kept.content_type, &body[..body.len().min(SHOWN_LEN_MAX)]).into_owned()
    };
    ShownCallback {
        id: Id(id.0),
        provider,
        received_at: Moment(kept.received_at),
        state: CallbackState::of(kept),
        reason: kept.failure.map(CallbackFailure::code),
        content_type: &kept.content_type,
        length: kept.sealed.clear_len(),
        body: body.as_ref().map(shown),
    }
}

pub(super) const PROCESS: Described = Described::new(
    "processCallback",
    Tag::Admin,
    "Process a callback again",
    &[Reply::json::<ProcessedCallback>(
        200,
        "What became of its message",
        r#"{"status": "accepted"}"#,
    )],
)
.details(
    "The message goes the way of a new one, also that of a callback that was refused: look at it \
     first. With `service` it is for the order of that service on \
     its number; a callback that names another service of the catalogue is refused as \
     `other_service`, and stays. A message is never an order's that was placed after \
     it came first, since it may be an earlier buyer's, unless `later_order` says so.",
)
.path(&[PathParam::new::<Id>("id", "The callback's id", "81")])
.body::<CallbackHint<'_>>(r#"{"service": "telegram"}"#)
.problems(&[
    Code::AmbiguousMessage,
    Code::OtherService,
    Code::InvalidNumber,
    Code::UnknownService,
    Code::Overloaded,
    Code::OutcomeUnknown,
]);

pub(super) async fn process(
    state: Arc<State>,
    operator: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    let body = call.bytes().await?;
    let hint: CallbackHint<'_> =
        if body.is_empty() { CallbackHint::default() } else { body::decode_json(&body)? };
    let catalog = state.market.catalog;
    let service = hint.service.as_deref().map(|code| parse::service(catalog, code)).transpose()?;
    let word = OperatorsWord { service, later_order: hint.later_order };
    let id = CallbackId(call.id_param("id")?);
    let origin = operator.origin(&state.access, &call, None).await?;
    let processed = state.orders.process_callback(&origin, id, word).await;
    let status = match processed.map_err(problems::of_callback)? {
        Processed::Accepted => Outcome::Accepted,
        Processed::Late => Outcome::Late,
        Processed::Duplicate => Outcome::Duplicate,
        Processed::Kept => Outcome::Kept,
    };
    Ok(reply::json(StatusCode::OK, &ProcessedCallback { status }))
}

pub(super) const DISCARD: Described = Described::new(
    "discardCallback",
    Tag::Admin,
    "Throw a callback away",
    &[Reply::of(204, "It is kept no longer", Content::None)],
)
.details("Its message is lost: for one that is none, or that no order can take.")
.path(&[PathParam::new::<Id>("id", "The callback's id", "81")])
.problems(&[Code::Overloaded, Code::OutcomeUnknown]);

pub(super) async fn discard(
    state: Arc<State>,
    operator: Operator,
    call: Call,
) -> Result<Response, Problem> {
    let id = CallbackId(call.id_param("id")?);
    let origin = operator.origin(&state.access, &call, None).await?;
    let discarded = state.orders.discard_callback(&origin, id).await;
    discarded.map_err(|refusal| problems::of_callback(refusal.into()))?;
    Ok(reply::no_content())
}

/// How to process a callback.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallbackHint<'a> {
    /// The service that the message is for, by slug or short code, if the callback names none.
    #[serde(borrow, default)]
    service: Option<Cow<'a, str>>,
    /// `true` if the message may be for an order that was placed after it came.
    #[serde(default)]
    later_order: bool,
}

/// A page of callbacks.
#[derive(Debug, Serialize, JsonSchema)]
struct CallbackPage<'a> {
    /// The callbacks, newest first.
    callbacks: Vec<ShownCallback<'a>>,
    /// How many could not be processed and are kept.
    failed: usize,
    /// How many were refused and are kept.
    refused: usize,
    /// How many have not been processed yet.
    waiting: usize,
    /// How many of those that could not be processed, or were refused, were dropped to make room.
    dropped: u64,
    /// Where the next page begins; `null` on the last page.
    next_cursor: Option<Id>,
}

/// A callback that is kept.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownCallback<'a> {
    /// Its id.
    id: Id,
    /// The provider whose numbers it is for: own stock, or the one that showed a message which its
    /// order takes no more; `null` if it is gone.
    provider: Option<String>,
    /// When it came in first.
    received_at: Moment,
    /// Whether it failed, was refused or waits.
    state: CallbackState,
    /// Why it could not be processed: `unreadable`, `invalid_field`, `invalid_number`,
    /// `unknown_service`, `unknown_number`, `ambiguous`, `other_service` or
    /// `too_many_messages`; or why it was refused: `invalid_signature` or `expired_token`; `null`
    /// while it waits.
    reason: Option<&'static str>,
    /// What its sender said that the body is; may be empty.
    content_type: &'a str,
    /// Bytes of the body.
    length: usize,
    /// The body, or its beginning; `null` once it is past its time and forgotten.
    body: Option<String>,
}

/// How a callback stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CallbackState {
    /// It could not be processed.
    Failed,
    /// It was refused, and is not trusted.
    Refused,
    /// It has not been processed yet.
    Waiting,
}

impl CallbackState {
    fn of(kept: &Callback) -> Self {
        match kept.failure {
            Some(failure) if failure.is_refusal() => Self::Refused,
            Some(_) => Self::Failed,
            None => Self::Waiting,
        }
    }
}

/// What became of a callback that was processed again.
#[derive(Debug, Serialize, JsonSchema)]
struct ProcessedCallback {
    /// What became of its message.
    status: Outcome,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ProcessedStatus")]
enum Outcome {
    /// It is new and was stored.
    Accepted,
    /// It is new and was stored, and no customer is shown it: its order had ended.
    Late,
    /// It was stored before; nothing changed.
    Duplicate,
    /// Its order has all the messages that it may: it stays in the list.
    Kept,
}
