//! What needs the operator's attention.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::ids::OrderId;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use super::state::State;
use crate::attention::{AttentionKind, AttentionRow, CauseLasts};
use crate::face::auth::Operator;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, Reply, Tag};
use crate::face::wire::{Id, Moment, OrderRef};
use crate::http::{Call, Problem, Response, body, reply};
use crate::public_id::PublicIds;

/// Rows of one answer: more than an operator can attend to.
const ROWS_MAX: usize = 1_000;

pub(super) const LIST: Operation = Operation::new(
    "listAttention",
    Tag::Admin,
    "List what needs the operator's attention",
    &[Reply::json::<AttentionList<'_>>(
        200,
        "The conditions, oldest first; each stays until its cause is gone",
        r#"{"left_out": 0, "rows": [
            {"since": "2026-11-20T09:30:00.000Z", "kind": "key_missing", "provider": "5sim",
             "order": null, "order_id": null, "text": "no key \"5sim\" is stored",
             "last_at": "2026-11-20T09:30:00.000Z", "count": 1}
        ]}"#,
    )],
);

pub(super) fn list(state: &State, _: Operator, _: &Call) -> Result<Response, Problem> {
    let (rows, left_out) = state.market.attention.rows(ROWS_MAX);
    let rows = rows.iter().map(|row| Condition::of(row, &state.market.ids)).collect();
    Ok(reply::json(StatusCode::OK, &AttentionList { rows, left_out }))
}

pub(super) const SETTLE: Operation = Operation::new(
    "settleAttention",
    Tag::Admin,
    "Take what has been dealt with off the attention list",
    &[Reply::json::<Settled>(200, "How many rows it took off", r#"{"settled": 1}"#)],
)
.details(
    "For what happened and would be listed for a day, as an end that its provider never took. A \
     condition that lasts is refused as `cause_lasts`: it goes when its cause is gone. What is not \
     listed is no error.",
)
.problems(&[Code::CauseLasts])
.body::<SettledCondition<'_>>(r#"{"kind": "end_left", "provider": "5sim", "order": "7"}"#);

pub(super) async fn settle(
    state: Arc<State>,
    _: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    let body = call.bytes().await?;
    let SettledCondition { kind, provider, order } = body::decode_json(&body)?;
    let kind = AttentionKind::ALL.iter().find(|known| known.word() == kind);
    let kind = kind.ok_or_else(|| Problem::invalid_field("kind", "is no kind of condition"))?;
    let order = order.map(|id| order_of(&state.market.ids, &id)).transpose()?;
    let settled = state.market.attention.settle(*kind, provider.as_deref(), order);
    let settled = settled.map_err(|CauseLasts| {
        let detail =
            "the row goes by itself as soon as its cause is gone; its text says what can be done";
        Problem::new(StatusCode::CONFLICT, "cause_lasts", "The cause of the condition lasts")
            .detail(detail)
    })?;
    tracing::info!(
        kind = kind.word(),
        provider = provider.as_deref(),
        settled,
        "settled by the operator"
    );
    Ok(reply::json(StatusCode::OK, &Settled { settled }))
}

/// An order by its number, as logs and this list have it, or by its id, as its buyer has it.
fn order_of(ids: &PublicIds, text: &str) -> Result<OrderId, Problem> {
    let number = text.parse().ok().map(OrderId);
    let order = number.or_else(|| ids.read_order(text).ok());
    order.ok_or_else(|| {
        Problem::invalid_field("order", "must be an order's number or its id, as the list shows it")
    })
}

/// What settling came to.
#[derive(Debug, Serialize, JsonSchema)]
struct Settled {
    /// How many rows it took off the list.
    settled: usize,
}

/// Rows of the attention list, by what they are about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SettledCondition<'a> {
    /// Which kind of condition it is.
    #[serde(borrow)]
    #[schemars(with = "Kind")]
    kind: Cow<'a, str>,
    /// The name of the provider that they are about; `null` or left out for any.
    #[serde(borrow, default)]
    provider: Option<Cow<'a, str>>,
    /// The order that they are about, by its number or its id; `null` or left out for any.
    #[serde(borrow, default)]
    order: Option<Cow<'a, str>>,
}

/// What needs the operator's attention.
#[derive(Debug, Serialize, JsonSchema)]
struct AttentionList<'a> {
    /// The conditions, oldest first, at most 1000.
    #[schemars(length(max = 1000))]
    rows: Vec<Condition<'a>>,
    /// How many more there are than are listed.
    left_out: u64,
}

/// A condition that needs attention. It is listed until its cause is gone; what happened once,
/// as an end that its provider never took, for a day, or until the operator has settled it.
#[derive(Debug, Serialize, JsonSchema)]
struct Condition<'a> {
    /// When it was noticed first.
    since: Moment,
    /// Which kind of condition it is.
    kind: Kind,
    /// The name of the provider that it is about; `null` if it is about none.
    provider: Option<&'a str>,
    /// The number of the order that it is about, as logs have it; `null` if it is about none.
    order: Option<Id>,
    /// That order's id as its buyer knows it.
    order_id: Option<OrderRef>,
    /// What it is, in words, and what can be done about it.
    text: &'a str,
    /// When it was noticed last.
    last_at: Moment,
    /// How often it was noticed.
    count: u64,
}

impl<'a> Condition<'a> {
    fn of(row: &'a AttentionRow, ids: &PublicIds) -> Self {
        Self {
            since: Moment(row.since),
            kind: Kind(row.kind),
            provider: row.subject.provider.as_deref(),
            order: row.subject.order.map(|order| Id(order.0)),
            order_id: row.subject.order.map(|order| OrderRef(ids.order(order))),
            text: &row.text,
            last_at: Moment(row.last_at),
            count: row.count,
        }
    }
}

/// The kind of a condition, by its word.
#[derive(Clone, Copy, Debug)]
struct Kind(AttentionKind);

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

/// All words that there are, each with its meaning.
impl JsonSchema for Kind {
    fn schema_name() -> Cow<'static, str> {
        "AttentionKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let described = |kind: &AttentionKind| json!({"type": "string", "const": kind.word(), "description": kind.meaning().trim()});
        let kinds: Vec<_> = AttentionKind::ALL.iter().map(described).collect();
        json_schema!({
            "description": "The kind of a condition that needs attention",
            "oneOf": kinds,
        })
    }
}
