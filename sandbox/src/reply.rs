//! A whole reply, before HTTP frames it, and what a broken front end says in its place.

use std::fmt::Write;

use bytes::Bytes;
use hyper::StatusCode;
use jiff::Timestamp;

use crate::fault_kind::FaultKind;

/// JSON as clients compare it, without a charset.
pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain";
const HTML: &str = "text/html";

/// A whole reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    /// The value of `Retry-After`.
    pub(crate) retry_after: Option<String>,
    /// It names another place.
    pub(crate) location: bool,
}

impl Reply {
    /// Bare text with HTTP 200.
    pub(crate) fn text(body: impl Into<String>) -> Self {
        Self::new(StatusCode::OK, TEXT, body.into())
    }

    /// Bare text with another status.
    pub(crate) fn refusal(status: u16, body: &'static str) -> Self {
        let status = StatusCode::from_u16(status).expect("the wire formats name real statuses");
        Self::new(status, TEXT, body.to_owned())
    }

    /// A JSON document with HTTP 200.
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self::new(StatusCode::OK, JSON, body.into())
    }

    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, body: body.into(), retry_after: None, location: false }
    }

    /// What a provider's front end says instead of the provider; `None` for faults of another
    /// place. `now` is the provider's time.
    pub(crate) fn fault(kind: FaultKind, word: u64, now: Timestamp) -> Option<Self> {
        let page = |status: StatusCode, title: &str| {
            let title = format!("<html><head><title>{title}</title></head></html>");
            Self::new(status, HTML, title)
        };
        let gateway =
            [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT, StatusCode::SERVICE_UNAVAILABLE];
        let unavailable = page(gateway[word as usize % 3], "Service Temporarily Unavailable");
        let moved = page(StatusCode::MOVED_PERMANENTLY, "The document has moved");
        let limited =
            Self::new(StatusCode::TOO_MANY_REQUESTS, TEXT, "Too Many Requests".to_owned());
        let garbage = "<!DOCTYPE html><html><body>\u{0}Just a moment...</body>".to_owned();
        kind.among([
            (
                FaultKind::Http500,
                page(StatusCode::INTERNAL_SERVER_ERROR, "500 Internal Server Error"),
            ),
            (FaultKind::Gateway, Self { retry_after: retry_after(word >> 8, now), ..unavailable }),
            // A 503 says that nothing was done.
            (FaultKind::GatewayAfterwards, page(gateway[word as usize % 2], "Gateway Time-out")),
            (FaultKind::Http429RetryAfter, Self { retry_after: Some("1".to_owned()), ..limited }),
            (FaultKind::KeyRefused, page(StatusCode::FORBIDDEN, "403 Forbidden")),
            (FaultKind::Redirect, Self { location: true, ..moved }),
            (FaultKind::Garbage, Self::new(StatusCode::OK, HTML, garbage)),
        ])
    }
}

/// None, seconds, a fraction of them, or a date a second ahead.
fn retry_after(word: u64, now: Timestamp) -> Option<String> {
    match word % 4 {
        0 => None,
        1 => Some("1".to_owned()),
        2 => Some("0.5".to_owned()),
        _ => {
            let second = Timestamp::from_second(now.as_second() + 2).unwrap_or(now);
            Some(http_date(second))
        }
    }
}

/// `Sat, 28 Nov 2026 01:00:00 GMT`.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Appends to a body that is being written.
pub(crate) fn write_into(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing into a string does not fail");
}
