//! Operations: alive, ready, metrics, the API's description.

mod health;
pub mod metrics_page;

use std::sync::{Arc, OnceLock, Weak};

use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::auth::{ANYONE, Auth, OPERATOR, Operator, Stranger};
use super::route::{Routes, get};
use crate::http::{Call, Problem, Response, Router, reply};
use crate::order::Orders;

/// The description of every route; a test holds it against the route table.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The server's own routes, for the counters they keep; set once they are complete.
pub type OwnRoutes = Arc<OnceLock<Weak<Router>>>;

/// What this face may touch.
#[derive(Clone, Debug)]
pub struct State {
    /// Orders, their market and its providers: what metrics are read from.
    pub orders: Arc<Orders>,
    /// The routes of the whole server.
    pub router: OwnRoutes,
}

/// The face's routes.
#[must_use]
pub fn routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    Routes::of(state, auth)
        .at_once(get("/health/live", ANYONE), health::live)
        .at_once(get("/health/plain", ANYONE), health::plain)
        .at_once(get("/health/ready", ANYONE), health::ready)
        .at_once(get("/openapi.json", ANYONE), openapi)
        .at_once(get("/metrics", OPERATOR), metrics)
}

/// The routes of a listener of its own for metrics: no key is asked for there.
#[must_use]
pub fn metrics_routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    Routes::of(state, auth).at_once(get("/metrics", ANYONE), unguarded)
}

fn openapi(_: &State, _: Stranger, call: &Call) -> Result<Response, Problem> {
    call.query(&[])?;
    Ok(reply::json_bytes(StatusCode::OK, OPENAPI))
}

/// For operators; strangers have no business with it.
fn metrics(state: &State, _: Operator, call: &Call) -> Result<Response, Problem> {
    page(state, call)
}

/// For the clients of a listener that strangers cannot reach.
fn unguarded(state: &State, _: Stranger, call: &Call) -> Result<Response, Problem> {
    page(state, call)
}

fn page(state: &State, call: &Call) -> Result<Response, Problem> {
    call.query(&[])?;
    let router = state.router.get().and_then(Weak::upgrade).ok_or_else(Problem::internal)?;
    let text = metrics_page::render(&state.orders, &router);
    let kind = HeaderValue::from_static(metrics_page::CONTENT_TYPE);
    Ok(reply::typed(StatusCode::OK, kind, text))
}
