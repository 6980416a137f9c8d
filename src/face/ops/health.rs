//! Whether the server is alive and ready, and a fixed reply to measure against.

use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::state::State;
use crate::face::auth::Stranger;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, Reply, Tag};
use crate::http::{Call, Problem, Response, reply};
use crate::supervisor::LoopAge;

/// One hundred bytes: the baseline that other routes' speed is measured against.
const PLAIN: &[u8; 100] =
    b"{\"plain\":\"a fixed reply of one hundred bytes, the baseline for the speed of all the other routes.\"}\n";

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
        r#"{"plain": "a fixed reply of one hundred bytes, the baseline for the speed of all the other routes."}"#,
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

/// Threads without which no order is decided, made durable or let go of, and the age of a
/// round, in milliseconds, above which each hangs. The first two have a round in a second, and
/// a commit of the slowest disk takes less than 30 s. `history` has one in 5 s, but where it
/// rebuilds its file from the ledger it has none before the end.
const VITAL: [(&str, u64); 3] = [("decide", 30_000), ("commit", 30_000), ("history", 600_000)];

/// Ready while the engine takes commands; a load balancer looks elsewhere otherwise.
pub(super) fn ready(state: &State, _: Stranger, _: &Call) -> Result<Response, Problem> {
    let market = &state.orders.market;
    if market.stopping.is_raised() {
        return Err(Problem::overloaded(1).detail("the server is stopping"));
    }
    let ages = market.supervisor.ages();
    if let Some(reason) = standstill(&ages) {
        return Err(Problem::overloaded(1).detail(reason));
    }
    let loops =
        ages.into_iter().map(|age| Loop { name: age.name, age_ms: age.age_ms, panics: age.panics });
    let ready = Ready { status: ReadyStatus::Ready, loops: loops.collect() };
    Ok(reply::json(StatusCode::OK, &ready))
}

/// Why orders do not go on: a vital thread has ended, or its round is late.
fn standstill(ages: &[LoopAge]) -> Option<String> {
    VITAL.iter().find_map(|(name, late_ms)| match ages.iter().find(|age| age.name == *name) {
        None => Some(format!("the thread `{name}` has ended")),
        Some(age) if age.age_ms > *late_ms => {
            let seconds = age.age_ms / 1000;
            Some(format!("the thread `{name}` has not begun a round for {seconds} s"))
        }
        Some(_) => None,
    })
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
    fn a_server_is_ready_while_its_vital_threads_have_their_rounds() {
        let age = |name, age_ms| LoopAge { name, age_ms, panics: 0 };
        // A provider's loop may wait for long: the provider's health says so.
        let others = [age("sync", 900_000), age("snapshot", 900_000)];
        let sound = VITAL.map(|(name, late_ms)| age(name, late_ms));
        assert_eq!(standstill(&[&others[..], &sound].concat()), None);
        for at in 0..VITAL.len() {
            let name = VITAL[at].0;
            let mut late = sound;
            late[at].age_ms += 1;
            let reason = standstill(&late).unwrap();
            assert!(reason.contains(name) && reason.contains("not begun"), "{reason}");
            let ended: Vec<_> = sound.into_iter().filter(|age| age.name != name).collect();
            assert_eq!(standstill(&ended), Some(format!("the thread `{name}` has ended")));
        }
    }
}
