//! The machine's clock, after it jumped.

use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::event::ClockJump;
use schemars::JsonSchema;
use serde::Serialize;

use super::state::State;
use crate::face::auth::Operator;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, Reply, Tag};
use crate::face::problems;
use crate::face::wire::Moment;
use crate::http::{Call, Problem, Response, reply};

pub(super) const ACCEPT: Operation = Operation::new(
    "acceptClock",
    Tag::Admin,
    "Accept what the machine's clock shows since it jumped",
    &[Reply::json::<ClockAnswer>(
        200,
        "What was accepted; `null` if there was no jump to accept",
        r#"{"accepted": {"from": "2026-11-20T09:30:00.000Z", "to": "2026-11-20T10:30:00.000Z"}}"#,
    )],
)
.details(
    "A clock that jumps by more than two seconds is not followed; the attention list has a row \
     `clock_apart` until it comes back or is accepted here. Accepted, time goes to a clock that is \
     ahead at once: what is due by then ends. To one that is behind it is slewed by 1 part in 256, \
     since time does not run back. Who accepted is in the ledger.",
)
.problems(&[Code::Overloaded, Code::OutcomeUnknown]);

pub(super) async fn accept(
    state: Arc<State>,
    operator: Operator,
    call: Call,
) -> Result<Response, Problem> {
    let origin = operator.origin(&state.access, &call, None).await?;
    let accepted = state.market.accept_clock(&origin).await;
    let accepted = accepted.map_err(problems::of_refused)?.map(ShownJump::from);
    if let Some(ShownJump { from, to }) = &accepted {
        let (from, to) = (from.0.0, to.0.0);
        tracing::info!(from, to, "the machine's clock was accepted by the operator");
    }
    Ok(reply::json(StatusCode::OK, &ClockAnswer { accepted }))
}

/// What accepting came to.
#[derive(Debug, Serialize, JsonSchema)]
struct ClockAnswer {
    /// The jump; `null` if there was none.
    accepted: Option<ShownJump>,
}

/// How far the machine's clock is from the ledger's time.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownJump {
    /// The ledger's time.
    from: Moment,
    /// What the machine's clock showed.
    to: Moment,
}

impl From<ClockJump> for ShownJump {
    fn from(ClockJump { from, to }: ClockJump) -> Self {
        Self { from: Moment(from), to: Moment(to) }
    }
}
