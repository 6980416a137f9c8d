//! Activations: polled, waited for, cancelled, finished, asked for another message.

use schemars::JsonSchema;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use nexnum_engine::ids::KeyId;
use nexnum_engine::order::Order;

use super::orders;
use super::page::Limit;
use super::state::State;
use super::wire::{Activation, ActivationState};
use crate::face::auth::Trader;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, PathParam, Reply, Tag};
use crate::face::query::{Bounded, ListCursor, Parameter, parameters};
use crate::face::wire::{ActivationName, CursorRef};
use crate::face::{parse, problems};
use crate::http::query::Query;
use crate::http::route::Next;
use crate::http::{Call, Problem, Response, reply};
use crate::order::{Asker, Refusal};

/// Longest wait of one poll, in seconds: below the idle limits of common proxies.
const WAIT_MAX_S: u64 = 55;

const ID: PathParam = PathParam::new::<ActivationName>(
    "id",
    "The activation's id; its order's id names it too",
    "act_0c4v9s1rk6yhe",
);

const RECEIVED: &str = r#"{"id": "act_0c4v9s1rk6yhe", "order_id": "ord_08p3xq5n7t2ma", "number": "+6281234567890",
    "state": "RECEIVED", "expires_at": "2026-11-20T09:50:00.000Z",
    "cancel_from": "2026-11-20T09:32:00.000Z", "messages": [
        {"id": "msg_0f2d8j5wz0qb7", "sender": "Telegram",
                 "text": "Telegram code 12345", "code": "12345",
         "received_at": "2026-11-20T09:30:21.500Z", "forgotten": false}
    ]}"#;

pub(super) const GET: Operation = Operation::new(
    "getActivation",
    Tag::Activations,
    "Show an activation, or wait for its message",
    &[Reply::json::<Activation>(200, "The activation as it stands", RECEIVED)],
)
.details(
    "With `wait` the answer arrives when there is a message, when the activation has ended, or \
     after so many seconds, whichever is first. After a request for another message it waits for \
     that one.",
)
.path(&[ID])
.query::<WaitQuery>()
.problems(&[Code::InternalError, Code::Overloaded]);

/// Most polls are answered at once, from memory.
pub(super) fn get(state: &Arc<State>, trader: Trader, call: &Call) -> Result<Next, Problem> {
    let wait = Duration::from_secs(WaitQuery::read(call)?.wait.0);
    let id = parse::activation_id(call, &state.market.ids)?;
    if let Some(found) = state.orders.find_at_once(trader.account, id, wait) {
        return Ok(Next::Done(shown(state, trader.viewer(call), || trader.asker(call), found)));
    }
    let (state, viewer, asker) = (Arc::clone(state), trader.viewer(call), trader.asker(call));
    Ok(Next::plain(async move |_| {
        let found = state.orders.find_with_news(trader.account, id, wait).await;
        shown(&state, viewer, || asker, found)
    }))
}

fn shown(
    state: &State,
    viewer: Option<KeyId>,
    asker: impl FnOnce() -> Asker,
    found: Result<Arc<Order>, Refusal>,
) -> Result<Response, Problem> {
    let order = orders::seen(state, viewer, asker, found)?;
    Ok(reply::json(StatusCode::OK, &Activation::of(&order, &state.market)))
}

pub(super) const LIST: Operation = Operation::new(
    "listActivations",
    Tag::Activations,
    "List the account's activations",
    &[Reply::json::<ActivationPage>(
        200,
        "A page of activations, newest first",
        r#"{"activations": [{"id": "act_0c4v9s1rk6yhe", "order_id": "ord_08p3xq5n7t2ma", "number": "+6281234567890",
            "state": "RECEIVED", "expires_at": "2026-11-20T09:50:00.000Z",
            "cancel_from": "2026-11-20T09:32:00.000Z", "messages": [
                {"id": "msg_0f2d8j5wz0qb7", "sender": "Telegram",
                 "text": "Telegram code 12345", "code": "12345",
                 "received_at": "2026-11-20T09:30:21.500Z", "forgotten": false}
            ]}], "next_cursor": null}"#,
    )],
)
.details(
    "Without `state` the list has only activations that have not ended. A page may have fewer \
     than `limit` rows and still a `next_cursor`.",
)
.query::<ActivationsQuery>()
.problems(&[Code::InternalError, Code::Overloaded]);

/// Without a state: the open ones.
pub(super) async fn list(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let query = ActivationsQuery::read(&call)?;
    let wanted = |order: &Order| match query.state {
        Some(asked) => asked == order.state.into(),
        None => !order.state.is_closed(),
    };
    let before = orders::below(&state, trader, query.cursor.as_ref())?;
    let limit = query.limit.0 as usize;
    let page = state.orders.page(trader.account, before, limit, Some(&wanted)).await;
    let page = page.map_err(problems::of_refusal)?;
    let viewer = trader.viewer(&call);
    page.orders.iter().for_each(|it| orders::see(&state, viewer, || trader.asker(&call), it));
    let activations =
        page.orders.iter().map(|order| Activation::of(order, &state.market)).collect();
    let next_cursor = page.next.map(|next| orders::next_cursor(&state, trader, next));
    Ok(reply::json(StatusCode::OK, &ActivationPage { activations, next_cursor }))
}

pub(super) const CANCEL: Operation = Operation::new(
    "cancelActivation",
    Tag::Activations,
    "Cancel an activation and get the price back",
    &[Reply::json::<Activation>(
        200,
        "The activation, cancelled",
        r#"{"id": "act_0c4v9s1rk6yhe", "order_id": "ord_08p3xq5n7t2ma",
            "number": "+6281234567890", "state": "CANCELLED",
            "expires_at": "2026-11-20T09:50:00.000Z", "cancel_from": "2026-11-20T09:32:00.000Z",
            "messages": []}"#,
    )],
)
.details(
    "Possible from `cancel_from` on and until a message has arrived. A second cancellation \
     changes nothing. Answered within three seconds: if the provider takes longer the \
     cancellation goes on, and `provider_busy` says when to repeat the request for its outcome.",
)
.path(&[ID])
.problems(&[
    Code::NoNumberYet,
    Code::TooEarlyToCancel,
    Code::TooLateToCancel,
    Code::AlreadyReceived,
    Code::ActivationClosed,
    Code::NotSupported,
    Code::InternalError,
    Code::ProviderUnavailable,
    Code::ProviderBusy,
    Code::Overloaded,
    Code::OutcomeUnknown,
]);

pub(super) async fn cancel(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let id = parse::activation_id(&call, &state.market.ids)?;
    let cancelled = state.orders.cancel(&trader.origin(&call), trader.account, id).await;
    shown(&state, trader.viewer(&call), || trader.asker(&call), cancelled)
}

pub(super) const FINISH: Operation = Operation::new(
    "finishActivation",
    Tag::Activations,
    "End an activation that has its message",
    &[Reply::json::<Activation>(
        200,
        "The activation, completed",
        r#"{"id": "act_0c4v9s1rk6yhe", "order_id": "ord_08p3xq5n7t2ma",
            "number": "+6281234567890", "state": "COMPLETED",
            "expires_at": "2026-11-20T09:50:00.000Z", "cancel_from": "2026-11-20T09:32:00.000Z",
            "messages": [
                {"id": "msg_0f2d8j5wz0qb7", "sender": "Telegram",
                 "text": "Telegram code 12345", "code": "12345",
                 "received_at": "2026-11-20T09:30:21.500Z", "forgotten": false}
            ]}"#,
    )],
)
.details(
    "The number receives no more messages for this activation. A second request changes nothing.",
)
.path(&[ID])
.problems(&[
    Code::NoNumberYet,
    Code::NoMessageYet,
    Code::ActivationClosed,
    Code::InternalError,
    Code::Overloaded,
    Code::OutcomeUnknown,
]);

pub(super) async fn finish(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let id = parse::activation_id(&call, &state.market.ids)?;
    let finished = state.orders.finish(&trader.origin(&call), trader.account, id).await;
    shown(&state, trader.viewer(&call), || trader.asker(&call), finished)
}

pub(super) const RESEND: Operation = Operation::new(
    "requestAnother",
    Tag::Activations,
    "Ask for another message on the same number",
    &[Reply::json::<Activation>(200, "The activation as it stands", RECEIVED)],
)
.details(
    "Costs nothing. `GET /api/v1/activations/{id}?wait=55` then waits for the next message. \
     Answered within three seconds: if the provider takes longer the request goes on, and \
     `provider_busy` says when to repeat it for its outcome.",
)
.path(&[ID])
.problems(&[
    Code::NoNumberYet,
    Code::NoMessageYet,
    Code::TooEarlyToResend,
    Code::ActivationClosed,
    Code::NotSupported,
    Code::InternalError,
    Code::ProviderUnavailable,
    Code::ProviderBusy,
    Code::Overloaded,
    Code::OutcomeUnknown,
]);

pub(super) async fn resend(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let id = parse::activation_id(&call, &state.market.ids)?;
    let asked = state.orders.resend(&trader.origin(&call), trader.account, id).await;
    shown(&state, trader.viewer(&call), || trader.asker(&call), asked)
}

/// A page of activations, newest first.
#[derive(Debug, Serialize, JsonSchema)]
struct ActivationPage {
    /// The activations.
    #[schemars(length(max = 100))]
    activations: Vec<Activation>,
    /// The `cursor` of the next page; `null` on the last one.
    next_cursor: Option<CursorRef>,
}

parameters! {
    /// A page of activations.
    struct ActivationsQuery<'a> {
        /// How many rows the page has at most.
        limit: Limit,
        /// The `next_cursor` of the previous page; left out for the first page.
        cursor: Option<ListCursor<'a>>,
        /// Only activations in this state, in any case; left out: only those that have not ended.
        state: Option<ActivationState>,
    }
}

parameters! {
    /// How long to wait for news.
    struct WaitQuery {
        /// How many seconds to wait for a message or for the end of the activation.
        wait: Bounded<0, WAIT_MAX_S, 0>,
    }
}

impl Parameter<'_> for Option<ActivationState> {
    fn read(query: &mut Query<'_>, name: &'static str) -> Result<Self, Problem> {
        let Some(word) = query.get(name) else { return Ok(None) };
        let upper = word.to_ascii_uppercase();
        let word: StrDeserializer<'_, Error> = upper.as_str().into_deserializer();
        let state = ActivationState::deserialize(word);
        let wrong = |_| {
            Problem::invalid_parameter(
                name,
                "is not a state of an activation: INIT, ACTIVE, RECEIVED, COMPLETED, CANCELLED, TIMEOUT or FAILED",
            )
        };
        state.map(Some).map_err(wrong)
    }
}
