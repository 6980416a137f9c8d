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
        let reply = |status: StatusCode, kind: &'static str, body: &str| {
            Self::new(status, kind, body.to_owned())
        };
        match kind {
            FaultKind::Http500 => {
                let page = "<html><head><title>500 Internal Server Error</title></head></html>";
                Some(reply(StatusCode::INTERNAL_SERVER_ERROR, HTML, page))
            }
            FaultKind::Gateway => {
                let page =
                    "<html><head><title>Service Temporarily Unavailable</title></head></html>";
                let statuses = [
                    StatusCode::BAD_GATEWAY,
                    StatusCode::SERVICE_UNAVAILABLE,
                    StatusCode::GATEWAY_TIMEOUT,
                ];
                let reply = reply(statuses[word as usize % 3], HTML, page);
                Some(Self { retry_after: retry_after(word >> 8, now), ..reply })
            }
            FaultKind::GatewayAfterwards => {
                let page = "<html><head><title>Gateway Time-out</title></head></html>";
                let statuses = [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT];
                Some(reply(statuses[word as usize % 2], HTML, page))
            }
            FaultKind::Http429RetryAfter => {
                let reply = reply(StatusCode::TOO_MANY_REQUESTS, TEXT, "Too Many Requests");
                Some(Self { retry_after: Some("1".to_owned()), ..reply })
            }
            FaultKind::KeyRefused => {
                let page = "<html><head><title>403 Forbidden</title></head></html>";
                Some(reply(StatusCode::FORBIDDEN, HTML, page))
            }
            FaultKind::Redirect => {
                let page = "<html><body>The document has moved.</body></html>";
                let reply = reply(StatusCode::MOVED_PERMANENTLY, HTML, page);
                Some(Self { location: true, ..reply })
            }
            FaultKind::Garbage => {
                let page = "<!DOCTYPE html><html><body>\u{0}Just a moment...</body>";
                Some(reply(StatusCode::OK, HTML, page))
            }
            _ => None,
        }
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
