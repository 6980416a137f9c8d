//! Replies that no handler writes: hyper's own to what it cannot parse, and the door's.
//!
//! hyper answers a malformed head by itself, with a status and nothing else. Such a reply is
//! the last of its connection and the only kind without an `X-Request-Id`, which is how it is
//! recognised on its way out; a problem document takes its place.

use memchr::memmem;

use super::error::Problem;
use super::request_id::RequestId;
use hyper::StatusCode;

/// Where in `bytes`, which hyper is about to write, its own refusal begins.
///
/// Four bytes are looked at in the common case: our replies end in their bodies.
pub(super) fn refusal_at(bytes: &[u8]) -> Option<usize> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let at = memmem::rfind(bytes, b"HTTP/1.")?;
    let head = &bytes[at..];
    let is_own = head.get(8..10) == Some(b" 4")
        && memmem::find(head, b"\r\ncontent-length: 0\r\n").is_some()
        && memmem::find(head, b"\r\nx-request-id: ").is_none();
    is_own.then_some(at)
}

/// The problem in place of hyper's reply `bare`; its other header lines are kept.
pub(super) fn refusal(bare: &[u8], id: &RequestId) -> Vec<u8> {
    let problem = match bare.get(9..12) {
        Some(b"414") => {
            Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", "The request target is too long")
        }
        Some(b"431") => Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            "The head of the request is too large",
        )
        .detail(format!(
            "the limits are {} bytes and {} headers",
            super::server::HEADER_LEN_MAX,
            super::server::HEADERS_MAX
        )),
        _ => Problem::malformed_request("the head of the request is not HTTP/1.1"),
    };
    let mut head = Vec::with_capacity(640);
    for line in bare.split_inclusive(|byte| *byte == b'\n') {
        if line != b"\r\n" && !line.starts_with(b"content-length:") {
            head.extend_from_slice(line);
        }
    }
    problem.into_bytes(head, id.as_str())
}

/// The reply of a full server to a connection that it does not take.
pub(super) fn at_the_door(problem: Problem, id: &RequestId) -> Vec<u8> {
    let status = problem.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let head = format!("HTTP/1.1 {} {reason}\r\nconnection: close\r\n", status.as_str());
    problem.into_bytes(head.into_bytes(), id.as_str())
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
            (String::new(), None),
        ] {
            assert_eq!(refusal_at(written.as_bytes()), expected, "{written:?}");
        }
    }

    #[test]
    fn a_refusal_keeps_hypers_lines_and_says_what_it_is() {
        for (status, code) in
            [("400", "malformed_request"), ("414", "uri_too_long"), ("431", "headers_too_large")]
        {
            let bare = BARE.replace("400", status);
            let id = RequestId::Made(*b"0123456789abcdef");
            let text = String::from_utf8(refusal(bare.as_bytes(), &id)).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let start = format!("HTTP/1.1 {status} Bad Request\r\nconnection: close\r\ndate: now");
            assert!(head.starts_with(&start), "{head}");
            assert!(head.contains("\r\nx-request-id: 0123456789abcdef\r\n"), "{head}");
            assert!(head.ends_with(&format!("\r\ncontent-length: {}", body.len())), "{head}");
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(
                (&body["code"], &body["request_id"]),
                (&code.into(), &"0123456789abcdef".into())
            );
            assert_eq!(body["status"].to_string(), status);
        }
    }
}
