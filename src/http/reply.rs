//! Replies: how a handler turns what it has into a response.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde::Serialize;

use super::response::{Body, Pieces, Response};

/// Room for the JSON of an order or a short quote, so that the common reply is allocated once.
const ROOM: usize = 1024;

/// A JSON reply from a value of the wire's types.
///
/// # Panics
/// If the value has no JSON form, which is a bug of its type.
#[must_use]
pub fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Response {
    json_bytes(status, to_json(value))
}

/// A value of the wire's types as JSON, with a line feed at its end: a terminal that shows it
/// has its prompt on a line of its own.
///
/// # Panics
/// As [`json`].
#[must_use]
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Bytes {
    let mut body = Vec::with_capacity(ROOM);
    serde_json::to_writer(&mut body, value).expect("a wire type has a JSON form");
    body.push(b'\n');
    body.into()
}

/// A JSON reply from finished bytes, whose last is a line feed: a cached list.
#[must_use]
pub fn json_bytes(status: StatusCode, body: impl Into<Bytes>) -> Response {
    typed(status, HeaderValue::from_static("application/json"), body)
}

/// A plain text reply.
#[must_use]
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Response {
    typed(status, HeaderValue::from_static("text/plain; charset=utf-8"), body)
}

/// A reply of any media type.
#[must_use]
pub fn typed(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into().into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// 200 of any media type with a body that is made while it is written, and the end to make
/// it at. Neither the handler nor a stop of the server waits for its maker beyond the drain.
#[must_use]
pub fn in_pieces(content_type: HeaderValue) -> (Pieces, Response) {
    let (pieces, body) = Body::in_pieces();
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    (pieces, response)
}

/// 204: done, nothing to say.
#[must_use]
pub fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// 304: the caller has this version already.
#[must_use]
pub fn not_modified() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}
