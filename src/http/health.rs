//! Routes of the server itself: alive, and a fixed reply to measure against.

use hyper::{Method, StatusCode};

use super::{Call, Problem, Response, Router, reply};

/// One hundred bytes: the baseline that other routes' speed is measured against.
const PLAIN: &[u8; 100] =
    br#"{"plain":"a fixed reply of one hundred bytes, the baseline for the speeds of all the other routes."}"#;

/// Adds `/health/live` and `/health/plain`.
pub fn add_routes<S: Send + Sync + 'static>(router: &mut Router<S>) {
    router.at_once(Method::GET, "/health/live", live);
    router.at_once(Method::GET, "/health/plain", plain);
}

fn live<S>(call: &Call<S>) -> Result<Response, Problem> {
    call.query(&[])?;
    Ok(reply::json_bytes(StatusCode::OK, &br#"{"status":"live"}"#[..]))
}

fn plain<S>(call: &Call<S>) -> Result<Response, Problem> {
    call.query(&[])?;
    Ok(reply::json_bytes(StatusCode::OK, &PLAIN[..]))
}
