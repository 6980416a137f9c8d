//! Replies: how a handler turns what it has into a response.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde::Serialize;

use super::error::Problem;
use super::json::Json;
use super::response::{Body, Pieces, Response};

/// A JSON reply from a value.
///
/// # Errors
/// `internal_error` where the value has no JSON form, which is a bug of its type.
pub fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Result<Response, Problem> {
    match serde_json::to_vec(value) {
        Ok(body) => Ok(json_bytes(status, body)),
        Err(error) => {
            tracing::error!(%error, "a reply has no JSON form");
            Err(Problem::internal())
        }
    }
}

/// A JSON reply from finished bytes: a cached list, a stored idempotent answer.
#[must_use]
pub fn json_bytes(status: StatusCode, body: impl Into<Bytes>) -> Response {
    typed(status, HeaderValue::from_static("application/json"), body)
}

/// A JSON reply from the hot path's writer.
#[must_use]
pub fn json_written(status: StatusCode, body: Json) -> Response {
    json_bytes(status, body.into_vec())
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
