//! Bodies: read whole within a bound and a deadline, decoded into the wire's structs.
//!
//! A struct of the wire derives `Deserialize` with `deny_unknown_fields`; what does not fit
//! is answered with the field's name and the reason.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use serde::Deserialize;

use super::error::Problem;
use super::framing::Framing;
use crate::json::{self, JsonFault, JsonFaultKind};

/// Default bound of a request body: our largest ordinary request is far below.
pub const BODY_LEN_MAX: usize = 64 * 1024;

/// A body on its way, which tells the connection when it was read to its end.
#[derive(Debug)]
pub(super) struct Arriving {
    incoming: Incoming,
    /// `None` for a body without a byte, which has nothing to tell.
    framing: Option<Arc<Framing>>,
}

impl Arriving {
    pub(super) fn new(incoming: Incoming, framing: &Arc<Framing>) -> Self {
        let framing = (!incoming.is_end_stream()).then(|| Arc::clone(framing));
        Self { incoming, framing }
    }
}

/// Reads a body to its end.
///
/// # Errors
/// 413 `body_too_large`, at once where the length is declared; 408 `body_timeout`; 400 where
/// the connection breaks or its framing does. All end the connection: the rest of the body
/// would be read as the next request.
pub(super) async fn read(
    body: Arriving,
    len_max: usize,
    timeout: Duration,
) -> Result<Bytes, Problem> {
    check_declared(&body, len_max)?;
    match tokio::time::timeout(timeout, collect(body.incoming, len_max)).await {
        Ok(read) => read.inspect(|_| body.framing.iter().for_each(|framing| framing.body_read())),
        Err(_elapsed) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "The body did not arrive in time",
        )
        .detail(format!("the limit is {timeout:?}"))
        .retryable()
        .closing()),
    }
}

/// Refuses a body whose declared length is above the bound.
pub(super) fn check_declared(body: &Arriving, len_max: usize) -> Result<(), Problem> {
    if body.incoming.size_hint().lower() > len_max as u64 {
        Err(too_large(len_max))
    } else {
        Ok(())
    }
}

async fn collect(mut body: Incoming, len_max: usize) -> Result<Bytes, Problem> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::malformed_request("the body broke off or is framed wrongly").closing()
        })?;
        // Trailers are read and ignored.
        let Ok(piece) = frame.into_data() else { continue };
        if whole.len() + piece.len() > len_max {
            return Err(too_large(len_max));
        }
        // The common body arrives in one piece and is passed on without a copy.
        if whole.is_empty() && body.is_end_stream() {
            return Ok(piece);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

fn too_large(len_max: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large")
        .detail(format!("the limit is {len_max} bytes"))
        .closing()
}

/// Decodes a JSON body, which must be an object.
///
/// # Errors
/// 400 `malformed_json` with line and column, `unknown_field` or `invalid_field` with `param`.
pub fn decode_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    json::decode(body).map_err(Problem::from)
}

impl From<JsonFault> for Problem {
    fn from(JsonFault { kind, field, detail }: JsonFault) -> Self {
        match kind {
            JsonFaultKind::Malformed => {
                Self::new(StatusCode::BAD_REQUEST, "malformed_json", "The body is not valid JSON")
                    .detail(detail)
            }
            JsonFaultKind::UnknownField => {
                Self::new(StatusCode::BAD_REQUEST, "unknown_field", "A field is unknown")
                    .param(field)
                    .detail(detail)
            }
            JsonFaultKind::RepeatedField | JsonFaultKind::InvalidField => {
                Self::invalid_field(field, detail)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Order {
        country: String,
        #[serde(default)]
        count: u8,
        #[serde(default)]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Line {
        code: String,
    }

    fn check(body: &str, code: &str, param: Option<&str>, reason: &str) {
        let problem = decode_json::<Order>(body.as_bytes()).unwrap_err();
        let response = format!("{problem:?}");
        assert_eq!(problem.code(), code, "{body}: {response}");
        assert!(response.contains(reason), "{body}: {response}");
        match param {
            Some(param) => {
                assert!(response.contains(&format!("param: Some({param:?})")), "{body}: {response}")
            }
            None => assert!(response.contains("param: None"), "{body}: {response}"),
        }
    }

    #[test]
    fn a_refused_body_is_answered_with_its_field_and_reason() {
        check("", "malformed_json", None, "line 1 column 0");
        check("{\n \"country\": }", "malformed_json", None, "line 2 column 13");
        check(r#"{"country":"id"} x"#, "malformed_json", None, "trailing characters");
        check("\u{0}", "malformed_json", None, "line 1 column 1");
        check(r#"{"country":"id","contry":1}"#, "unknown_field", Some("contry"), "unknown field");
        check(r#"{"count":1}"#, "invalid_field", Some("country"), "is missing");
        check(
            r#"{"country":5}"#,
            "invalid_field",
            Some("country"),
            "must be a string, not a number",
        );
        check(r#"{"country":"id","count":300}"#, "invalid_field", Some("count"), "300");
        check(r#"{"country":"id","count":-1}"#, "invalid_field", Some("count"), "-1");
        check(
            r#"{"country":"a","country":"b"}"#,
            "invalid_field",
            Some("country"),
            "is given twice",
        );
        check(
            r#"{"country":"a","lines":[{"code":"x"},{"code":[]}]}"#,
            "invalid_field",
            Some("lines[1].code"),
            "must be a string, not an array",
        );
        check(
            r#"{"country":"a","lines":[{"kode":"x"}]}"#,
            "unknown_field",
            Some("lines[0].kode"),
            "unknown field",
        );
        check(
            r#"{"country":"a","lines":[{}]}"#,
            "invalid_field",
            Some("lines[0].code"),
            "is missing",
        );
        check(" [\"id\"]", "invalid_field", Some("body"), "must be a JSON object, not an array");
        for (body, shown) in [("5", "a number"), ("null", "null"), ("\"x\"", "a string")] {
            let reason = format!("must be a JSON object, not {shown}\"");
            check(body, "invalid_field", Some("body"), &reason);
        }
        check(
            r#"{"country":"a","lines":[null]}"#,
            "invalid_field",
            Some("lines[0]"),
            "must be a JSON object, not null\"",
        );
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        let deep = "{\"a\":".repeat(50_000);
        let problem = decode_json::<serde_json::Value>(deep.as_bytes()).unwrap_err();
        assert_eq!(problem.code(), "malformed_json");
    }
}
