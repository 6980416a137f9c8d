//! A whole reply, before HTTP frames it, and what a broken front end says in its place.

use std::fmt::Write;

use bytes::Bytes;
use hyper::StatusCode;

use crate::faults::FaultKind;

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
    pub(crate) retry_after: bool,
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
        Self { status, content_type, body: body.into(), retry_after: false }
    }

    /// What a provider's front end says instead of the provider; `None` for faults of another place.
    pub(crate) fn fault(kind: FaultKind) -> Option<Self> {
        match kind {
            FaultKind::Http500 => {
                let page = "<html><head><title>500 Internal Server Error</title></head></html>";
                Some(Self::new(StatusCode::INTERNAL_SERVER_ERROR, HTML, page.to_owned()))
            }
            FaultKind::Http429RetryAfter => {
                let line = "Too Many Requests".to_owned();
                let reply = Self::new(StatusCode::TOO_MANY_REQUESTS, TEXT, line);
                Some(Self { retry_after: true, ..reply })
            }
            FaultKind::Garbage => {
                let page = "<!DOCTYPE html><html><body>\u{0}Just a moment...</body>";
                Some(Self::new(StatusCode::OK, HTML, page.to_owned()))
            }
            FaultKind::TimeOut
            | FaultKind::TruncatedBody
            | FaultKind::BoughtButReplyLost
            | FaultKind::NoNumbers
            | FaultKind::DuplicateMessage
            | FaultKind::MessageAfterCancel => None,
        }
    }
}

/// Appends to a body that is being written.
pub(crate) fn write_into(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing into a string does not fail");
}
