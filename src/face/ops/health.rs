//! Whether the server is alive and ready, and a fixed reply to measure against.

use hyper::StatusCode;

use super::State;
use crate::face::auth::Stranger;
use crate::http::{Call, Problem, Response, reply};

/// One hundred bytes: the baseline that other routes' speed is measured against.
const PLAIN: &[u8; 100] =
    br#"{"plain":"a fixed reply of one hundred bytes, the baseline for the speeds of all the other routes."}"#;

pub(super) fn live(_: &State, _: Stranger, call: &Call) -> Result<Response, Problem> {
    call.query(&[])?;
    Ok(reply::json_bytes(StatusCode::OK, &br#"{"status":"live"}"#[..]))
}

pub(super) fn plain(_: &State, _: Stranger, call: &Call) -> Result<Response, Problem> {
    call.query(&[])?;
    Ok(reply::json_bytes(StatusCode::OK, &PLAIN[..]))
}

/// Ready while the engine takes commands; a load balancer looks elsewhere otherwise.
pub(super) fn ready(state: &State, _: Stranger, call: &Call) -> Result<Response, Problem> {
    call.query(&[])?;
    if state.orders.market.stopping.is_raised() {
        return Err(Problem::overloaded(1).detail("the server is stopping"));
    }
    Ok(reply::json_bytes(StatusCode::OK, &br#"{"status":"ready"}"#[..]))
}
