//! Operations: alive, ready, metrics, the API's description as a document and as a page.

mod health;
pub mod metrics_page;
mod pages;
mod state;

use std::sync::{Arc, Weak};

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

use super::auth::{ANYONE, Auth, OPERATOR, Operator, Stranger};
use super::description::code::ProblemCode as Code;
use super::description::operation::{Content, Operation, Reply, ReplyHeader, Tag};
use super::route::{Routes, get};
use crate::http::{Call, Problem, Response, reply};

pub use state::State;

/// The face's routes.
#[must_use]
pub fn routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    let guarded = |path, operation| get(path, OPERATOR).describe(operation);
    let get = |path, operation| get(path, ANYONE).describe(operation);
    Routes::of(state, auth)
        .at_once(get("/", pages::HOME), pages::home)
        .at_once(get("/docs", pages::DOCS), pages::docs)
        .at_once(get("/docs/docs.js", pages::DOCS_SCRIPT), pages::docs_script)
        .at_once(get("/docs/docs.css", pages::DOCS_STYLE), pages::docs_style)
        .at_once(get("/health/live", health::LIVE), health::live)
        .at_once(get("/health/plain", health::BASELINE), health::plain)
        .at_once(get("/health/ready", health::READY), health::ready)
        .at_once(get("/openapi.json", OPENAPI), openapi)
        .at_once(guarded("/metrics", METRICS), metrics)
}

const OPENAPI: Operation = Operation::new(
    "describe",
    Tag::Operations,
    "Give this description as an OpenAPI document",
    &[
        Reply::of(200, "An OpenAPI 3.1 document", Content::AnyObject).with(&[ReplyHeader::ETag]),
        Reply::of(304, "It is the version that `If-None-Match` names", Content::None)
            .with(&[ReplyHeader::ETag]),
    ],
)
.details(
    "Its `ETag` may be sent back in `If-None-Match`: then the answer is 304 if it is the same.",
)
.problems(&[Code::InternalError]);

fn openapi(state: &State, _: Stranger, call: &Call) -> Result<Response, Problem> {
    let description =
        state.description.get().ok_or_else(|| Problem::internal("there is no description yet"))?;
    let mut response = if knows(call, &description.etag) {
        reply::not_modified()
    } else {
        reply::json_bytes(StatusCode::OK, description.json.clone())
    };
    response.headers_mut().insert(header::ETAG, description.etag.clone());
    Ok(response)
}

/// Whether the caller has this version already: `If-None-Match` names it, or any.
fn knows(call: &Call, etag: &HeaderValue) -> bool {
    let known = call.headers().get_all(header::IF_NONE_MATCH).iter();
    let mut tags = known.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    tags.any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.trim_start_matches("W/").as_bytes() == etag.as_bytes()
    })
}

const METRICS: Operation = Operation::new(
    "getMetrics",
    Tag::Operations,
    "Give the server's metrics in the text format of Prometheus",
    &[Reply::of(200, "The metrics", Content::Text(metrics_page::CONTENT_TYPE))],
)
.problems(&[Code::InternalError]);

/// For operators; strangers have no business with it.
fn metrics(state: &State, _: Operator, _: &Call) -> Result<Response, Problem> {
    page(state)
}

/// The routes of a listener of its own for metrics: no key is asked for there.
#[must_use]
pub fn metrics_routes(state: State, auth: &Arc<Auth>) -> Routes<State> {
    Routes::of(state, auth).at_once(get("/metrics", ANYONE).describe(METRICS), unguarded)
}

fn unguarded(state: &State, _: Stranger, _: &Call) -> Result<Response, Problem> {
    page(state)
}

fn page(state: &State) -> Result<Response, Problem> {
    let router = state.router.get().and_then(Weak::upgrade);
    let router = router.ok_or_else(|| Problem::internal("the routes are not served yet"))?;
    let text = metrics_page::render(&state.orders, &router);
    let kind = HeaderValue::from_static(metrics_page::CONTENT_TYPE);
    Ok(reply::typed(StatusCode::OK, kind, text))
}
