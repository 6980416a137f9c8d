//! Pages for people: where things are, and the API's description. They load nothing from
//! elsewhere, and run no script or style that is written into them.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

use super::state::State;
use crate::face::auth::Stranger;
use crate::face::description::operation::{Content, Operation, Reply, ReplyHeader, Tag};
use crate::http::{Call, Problem, Response, reply};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Files of this server alone, and no page may show ours in a frame.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const POLICED: &[ReplyHeader] = &[ReplyHeader::ContentSecurityPolicy];

pub(super) const HOME: Operation = Operation::new(
    "showHome",
    Tag::Operations,
    "Show where things are",
    &[Reply::of(200, "A page for people", Content::Text(HTML)).with(POLICED)],
);

/// The host that the page's commands name: a browser sends the one that reaches this server.
const HOST_IN_PAGE: &str = "127.0.0.1:8080";

pub(super) fn home(_: &State, _: Stranger, call: &Call) -> Result<Response, Problem> {
    let page = include_str!("pages/home.html");
    Ok(match call.headers().get(header::HOST).and_then(host) {
        Some(host) => file(HTML, page.replace(HOST_IN_PAGE, host)),
        None => file(HTML, page),
    })
}

/// A host that can stand in a page as it is.
fn host(value: &HeaderValue) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    value.to_str().ok().filter(|host| !host.is_empty() && host.chars().all(is_plain))
}

pub(super) const DOCS: Operation = Operation::new(
    "showDocs",
    Tag::Operations,
    "Show this description to people",
    &[Reply::of(200, "A page for people", Content::Text(HTML)).with(POLICED)],
);

pub(super) fn docs(_: &State, _: Stranger, _: &Call) -> Result<Response, Problem> {
    Ok(file(HTML, include_str!("pages/docs.html")))
}

pub(super) const DOCS_SCRIPT: Operation = Operation::new(
    "getDocsScript",
    Tag::Operations,
    "Give the script of `/docs`",
    &[Reply::of(200, "A script", Content::Text(SCRIPT)).with(POLICED)],
);

pub(super) fn docs_script(_: &State, _: Stranger, _: &Call) -> Result<Response, Problem> {
    Ok(file(SCRIPT, include_str!("pages/docs.js")))
}

pub(super) const DOCS_STYLE: Operation = Operation::new(
    "getDocsStyle",
    Tag::Operations,
    "Give the style sheet of `/` and `/docs`",
    &[Reply::of(200, "A style sheet", Content::Text(STYLE)).with(POLICED)],
);

pub(super) fn docs_style(_: &State, _: Stranger, _: &Call) -> Result<Response, Problem> {
    Ok(file(STYLE, include_str!("pages/docs.css")))
}

fn file(media: &'static str, text: impl Into<Bytes>) -> Response {
    let mut response = reply::typed(StatusCode::OK, HeaderValue::from_static(media), text);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
