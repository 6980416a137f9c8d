//! Whether the server is alive and ready, and a fixed reply to measure against.

use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::State;
use crate::face::auth::Stranger;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, Reply, Tag};
use crate::http::{Call, Problem, Response, reply};
use crate::supervisor::LoopAge;

/// One hundred bytes: the baseline that other routes' speed is measured against.
const PLAIN: &[u8; 100] =
    br#"{"plain":"a fixed reply of one hundred bytes, the baseline for the speeds of all the other routes."}"#;

pub(super) const LIVE: Operation = Operation::new(
    "isLive",
    Tag::Operations,
    "Tell whether the process answers",
    &[Reply::json::<Live>(200, "The process answers", r#"{"status": "live"}"#)],
);

pub(super) fn live(_: &State, _: Stranger, _: &Call) -> Result<Response, Problem> {
    Ok(reply::json(StatusCode::OK, &Live { status: LiveStatus::Live }))
}

pub(super) const BASELINE: Operation = Operation::new(
    "plainReply",
    Tag::Operations,
    "Answer a fixed text",
    &[Reply::json::<Plain>(
        200,
        "A fixed reply of 100 bytes",
        r#"{"plain": "a fixed reply of one hundred bytes, the baseline for the speeds of all the other routes."}"#,
    )],
)
.details("The speed of other routes is measured against this one, which does no work.");

pub(super) fn plain(_: &State, _: Stranger, _: &Call) -> Result<Response, Problem> {
    Ok(reply::json_bytes(StatusCode::OK, &PLAIN[..]))
}

pub(super) const READY: Operation = Operation::new(
    "isReady",
    Tag::Operations,
    "Tell whether the server accepts work",
    &[Reply::json::<Ready>(
        200,
        "The server accepts work",
        r#"{"status": "ready", "loops": [{"name": "commit", "age_ms": 12, "panics": 0}]}"#,
    )],
)
.details("A load balancer sends no new requests to a server that answers 503 here.")
.problems(&[Code::Overloaded]);

/// Threads without which no order is decided or made durable.
const VITAL: [&str; 3] = ["decide", "commit", "history"];
/// Age of a vital thread's last round above which it hangs: each has a round in seconds, and
/// a commit of the slowest disk takes less.
const LATE_MS: u64 = 30_000;

/// Ready while the engine takes commands; a load balancer looks elsewhere otherwise.
pub(super) fn ready(state: &State, _: Stranger, _: &Call) -> Result<Response, Problem> {
    let market = &state.orders.market;
    if market.stopping.is_raised() {
        return Err(Problem::overloaded(1).detail("the server is stopping"));
    }
    let ages = market.supervisor.ages();
    if let Some(LoopAge { name, age_ms, .. }) = hanging(&ages) {
        let detail = format!("the thread `{name}` has not begun a round for {} s", age_ms / 1000);
        return Err(Problem::overloaded(1).detail(detail));
    }
    let loops =
        ages.into_iter().map(|age| Loop { name: age.name, age_ms: age.age_ms, panics: age.panics });
    let ready = Ready { status: ReadyStatus::Ready, loops: loops.collect() };
    Ok(reply::json(StatusCode::OK, &ready))
}

/// A vital thread whose round is late.
fn hanging(ages: &[LoopAge]) -> Option<&LoopAge> {
    ages.iter().find(|age| VITAL.contains(&age.name) && age.age_ms > LATE_MS)
}

/// The process answers.
#[derive(Debug, Serialize, JsonSchema)]
struct Live {
    /// Whether the process answers.
    status: LiveStatus,
}

/// Whether the process answers.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum LiveStatus {
    /// It does.
    Live,
}

/// The server accepts work.
#[derive(Debug, Serialize, JsonSchema)]
struct Ready {
    /// Whether the server accepts work.
    status: ReadyStatus,
    /// The server's threads and loops, by name.
    #[schemars(length(max = 100))]
    loops: Vec<Loop>,
}

/// A thread or loop, or all loops of one kind.
#[derive(Debug, Serialize, JsonSchema)]
struct Loop {
    /// What it does.
    name: &'static str,
    /// How long ago it began its last round, in milliseconds; of several, the one that waits
    /// longest.
    age_ms: u64,
    /// How often it has panicked and was begun anew since the start.
    panics: u64,
}

/// Whether the server accepts work.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ReadyStatus {
    /// It does.
    Ready,
}

/// A fixed reply of 100 bytes.
#[derive(Debug, Serialize, JsonSchema)]
struct Plain {
    /// A fixed text.
    plain: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vital_thread_hangs_when_its_round_is_late() {
        let age = |name, age_ms| LoopAge { name, age_ms, panics: 0 };
        for name in VITAL {
            let ages = [age("sync", 9 * LATE_MS), age(name, LATE_MS + 1)];
            assert_eq!(hanging(&ages), Some(&ages[1]));
            assert_eq!(hanging(&[age(name, LATE_MS)]), None);
        }
        // A provider's loop may wait for long: the provider's health says so.
        assert_eq!(hanging(&[age("sync", 9 * LATE_MS), age("snapshot", 9 * LATE_MS)]), None);
    }
}
