//! Operations: ready, measures, the API's description.

use std::sync::{Arc, OnceLock};

use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};

use super::{Call, Problem, Response, Router, auth, metrics_page, reply};
use crate::app::App;

/// The description of every route; a test holds it against the route table.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The route table itself, for the counters it keeps; set once it is complete.
pub type Table = Arc<OnceLock<std::sync::Weak<Router<App>>>>;

/// Adds the face's routes.
pub fn add_routes(router: &mut Router<App>, table: Table) {
    router.at_once(Method::GET, "/health/ready", ready);
    router.at_once(Method::GET, "/openapi.json", openapi);
    router.at_once(Method::GET, "/metrics", move |call| {
        auth::operator(call)?;
        let shown = table.get().and_then(std::sync::Weak::upgrade).ok_or_else(Problem::internal)?;
        measures(call, &shown)
    });
}

/// The routes of a listener that strangers cannot reach: the measures, with the counters of
/// `shown`, without a key.
#[must_use]
pub fn unguarded(shown: Arc<Router<App>>) -> Router<App> {
    let mut router = Router::new();
    router.at_once(Method::GET, "/metrics", move |call| measures(call, &shown));
    router
}

/// Ready while the engine takes commands; a load balancer looks elsewhere otherwise.
fn ready(call: &Call<App>) -> Result<Response, Problem> {
    call.query(&[])?;
    if call.state.is_draining() {
        return Err(Problem::overloaded(1).detail("the server is stopping"));
    }
    Ok(reply::json_bytes(StatusCode::OK, &br#"{"status":"ready"}"#[..]))
}

fn openapi(call: &Call<App>) -> Result<Response, Problem> {
    call.query(&[])?;
    Ok(reply::json_bytes(StatusCode::OK, OPENAPI))
}

fn measures(call: &Call<App>, shown: &Router<App>) -> Result<Response, Problem> {
    call.query(&[])?;
    let text = metrics_page::render(&call.state, shown);
    let kind = HeaderValue::from_static(metrics_page::CONTENT_TYPE);
    Ok(reply::typed(StatusCode::OK, kind, text))
}
