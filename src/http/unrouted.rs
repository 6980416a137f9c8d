//! Replies that no handler writes: hyper's own to what it cannot parse, and a full server's.
//!
//! hyper answers a malformed head by itself, with a status and nothing else. Such a reply is
//! the last of its connection and the only kind without an `X-Request-Id`, which is how it is
//! recognised on its way out; a problem document takes its place.

use hyper::StatusCode;
use memchr::memmem;

use super::error::Problem;
use super::limits::{HEADER_LEN_MAX, HEADERS_MAX};
use super::request_id::RequestId;

/// What the transport knows of why hyper refused a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A line ended in a line feed alone.
    BareLineFeed,
    /// The connection began as HTTP/2 does.
    Http2,
    /// The request line alone is longer than a head may be.
    RequestLine,
    /// The head is whole and small: if it is too large, then by the length it declares.
    Declared,
    /// Nothing beyond hyper's status.
    Unknown,
}

/// Where in `bytes`, which hyper is about to write, its own refusal begins.
///
/// Four bytes are looked at in the common case: our replies end in their bodies.
pub(super) fn refusal_at(bytes: &[u8]) -> Option<usize> {
    let lines = bytes.strip_suffix(b"\r\n\r\n")?;
    let at = memmem::rfind(lines, b"HTTP/1.")?;
    let head = &lines[at..];
    let mut lines = head.split(|byte| *byte == b'\n');
    let is_own = lines.next().is_some_and(|status| status.get(8..10) == Some(b" 4"))
        // The end of a stream of chunks has none.
        && lines.all(|line| line.contains(&b':'))
        && memmem::find(head, b"\r\ncontent-length: 0").is_some()
        && memmem::find(head, b"\r\nx-request-id: ").is_none();
    is_own.then_some(at)
}

/// The problem in place of hyper's reply `bare`; its other header lines are kept.
pub(super) fn refusal(bare: &[u8], cause: Cause, id: &RequestId) -> Vec<u8> {
    let problem = problem(bare.get(9..12), cause);
    let mut head = status_line(&problem);
    for line in bare.split_inclusive(|byte| *byte == b'\n').skip(1) {
        if line != b"\r\n" && !line.starts_with(b"content-length:") {
            head.extend_from_slice(line);
        }
    }
    problem.into_bytes(head, id.as_str())
}

fn problem(status: Option<&[u8]>, cause: Cause) -> Problem {
    match (status, cause) {
        (Some(b"414"), _) | (Some(b"431"), Cause::RequestLine) => {
            Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", "The request target is too long")
                .detail(format!("a whole head may have {HEADER_LEN_MAX} bytes"))
        }
        (Some(b"431"), Cause::Declared) => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large")
                .detail("the declared Content-Length is beyond all bounds")
        }
        (Some(b"431"), _) => Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            "The head of the request is too large",
        )
        .detail(format!("the limits are {HEADER_LEN_MAX} bytes and {HEADERS_MAX} headers")),
        (_, Cause::Http2) => Problem::new(
            StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            "http_version_not_supported",
            "The HTTP version is not supported",
        )
        .detail("this server speaks HTTP/1.1, the client began with HTTP/2"),
        (_, Cause::BareLineFeed) => Problem::malformed_request(
            "a line of the head ends in a line feed without a carriage return",
        ),
        (_, Cause::RequestLine | Cause::Declared | Cause::Unknown) => {
            Problem::malformed_request("the head of the request is not HTTP/1.1")
        }
    }
}

fn status_line(problem: &Problem) -> Vec<u8> {
    let status = problem.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = Vec::with_capacity(640);
    for part in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    head
}

/// The reply of a full server to a connection that it does not take.
pub(super) fn full(problem: Problem, id: &RequestId) -> Vec<u8> {
    let mut head = status_line(&problem);
    head.extend_from_slice(b"connection: close\r\n");
    problem.into_bytes(head, id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\
                        content-length: 0\r\ndate: now\r\n\r\n";

    #[test]
    fn only_hypers_own_refusal_is_recognised_behind_whatever_waits_before_it() {
        let reply = "HTTP/1.1 200 OK\r\nx-request-id: a\r\ncontent-length: 2\r\n\r\n{}";
        let empty = "HTTP/1.1 404 Not Found\r\nx-request-id: a\r\ncontent-length: 0\r\n\r\n";
        for (written, expected) in [
            (BARE.to_owned(), Some(0)),
            (format!("{reply}{BARE}"), Some(reply.len())),
            (format!("{empty}{BARE}"), Some(empty.len())),
            (reply.to_owned(), None),
            (empty.to_owned(), None),
            ("HTTP/1.1 100 Continue\r\n\r\n".to_owned(), None),
            ("HTTP/1.1 204 No Content\r\nx-request-id: a\r\n\r\n".to_owned(), None),
            ("\r\n\r\n".to_owned(), None),
            // The last chunk of a stream that looks like hyper's refusal.
            (format!("{}\r\n0\r\n\r\n", BARE.trim_end()), None),
            (String::new(), None),
        ] {
            assert_eq!(refusal_at(written.as_bytes()), expected, "{written:?}");
        }
    }

    #[test]
    fn a_refusal_keeps_hypers_lines_and_says_what_it_is() {
        for (status, cause, shown, code) in [
            ("400", Cause::Unknown, "400 Bad Request", "malformed_request"),
            ("400", Cause::BareLineFeed, "400 Bad Request", "malformed_request"),
            ("400", Cause::Http2, "505 HTTP Version Not Supported", "http_version_not_supported"),
            ("414", Cause::Unknown, "414 URI Too Long", "uri_too_long"),
            ("431", Cause::RequestLine, "414 URI Too Long", "uri_too_long"),
            ("431", Cause::Declared, "413 Payload Too Large", "body_too_large"),
            ("431", Cause::Unknown, "431 Request Header Fields Too Large", "headers_too_large"),
        ] {
            let bare = BARE.replace("400", status);
            let id = RequestId::Made(*b"0123456789abcdef");
            let text = String::from_utf8(refusal(bare.as_bytes(), cause, &id)).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let start = format!("HTTP/1.1 {shown}\r\nconnection: close\r\ndate: now");
            assert!(head.starts_with(&start), "{head}");
            assert!(head.contains("\r\nx-request-id: 0123456789abcdef\r\n"), "{head}");
            assert!(head.ends_with(&format!("\r\ncontent-length: {}", body.len())), "{head}");
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(
                (&body["code"], &body["request_id"]),
                (&code.into(), &"0123456789abcdef".into())
            );
            assert_eq!(body["status"].to_string(), shown[..3]);
        }
    }
}
