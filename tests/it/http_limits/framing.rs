//! What is no request, or more than one to another reader, is refused and never served.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{check_problem, post, read_to_end, start, status, statuses};

#[tokio::test]
async fn an_encoding_with_a_length_is_answered_400_and_closes() {
    let server = start().await;
    let smuggled = post("/orders", "{\"country\":\"xx\"}");
    let chunked = "11\r\n{\"country\": \"id\"}\r\n0\r\n\r\n";
    for (before, pair) in [
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "content-length:4\r\nX: y\r\nTRANSFER-ENCODING:chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: x",
    ]
    .into_iter()
    .enumerate()
    {
        let request =
            format!("POST /orders HTTP/1.1\r\nHost: a\r\n{pair}\r\n\r\n{chunked}{smuggled}");
        let reply = server.exchange(request.as_bytes()).await;
        assert_eq!(statuses(&reply), ["400"], "{reply}");
        check_problem(&reply, "malformed_request");
        assert!(reply.contains("exclude each other"), "{reply}");
        assert!(reply.contains("connection: close\r\n"), "{reply}");
        // Where it comes behind another request only hyper reads its head: the encoding wins,
        // and what the length would hide is never served.
        let later = format!("{}{request}", post("/orders", "{\"country\":\"id\"}"));
        let replies = server.exchange(later.as_bytes()).await;
        assert_eq!(statuses(&replies), ["201", "201"], "{replies}");
        assert!(replies.contains("connection: close\r\n"), "{replies}");
        assert_eq!(server.shop.orders.load(Ordering::SeqCst), 2 * (before + 1));
        // A length that counts the smuggled request as body is not believed either.
        let (length, body) = (chunked.len() + smuggled.len(), format!("{chunked}{smuggled}"));
        let long = pair.replace('4', &length.to_string());
        let request = format!("POST /nowhere HTTP/1.1\r\nHost: a\r\n{long}\r\n\r\n{body}");
        let reply = server.exchange(request.as_bytes()).await;
        assert_eq!(statuses(&reply), ["400"], "{reply}");
    }
    // A length of an earlier request on the connection is not one of this.
    let request =
        format!("POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}");
    let first = post("/plain-orders", "{\"country\":\"id\"}");
    let replies = server.exchange(format!("{first}{request}").as_bytes()).await;
    assert_eq!(statuses(&replies), ["201", "201"], "{replies}");
}

#[tokio::test]
async fn a_body_that_was_not_read_is_announced_to_end_the_connection() {
    let server = start().await;
    let health = "GET /health/live HTTP/1.1\r\nHost: a\r\n";
    for head in [health, "GET /nowhere HTTP/1.1\r\nHost: a\r\n"] {
        let request = format!("{head}Content-Length: 2\r\n\r\n{{}}{health}\r\n");
        let reply = server.exchange(request.as_bytes()).await;
        assert_eq!(statuses(&reply).len(), 1, "{reply}");
        assert!(reply.contains("connection: close\r\n"), "{reply}");
    }
    let both = format!(
        "{}{health}Connection: close\r\n\r\n",
        post("/plain-orders", "{\"country\":\"id\"}")
    );
    let replies = server.exchange(both.as_bytes()).await;
    assert_eq!(statuses(&replies), ["201", "200"], "a body that was read: {replies}");
}

#[tokio::test]
async fn a_line_that_ends_in_a_bare_line_feed_is_refused() {
    let server = start().await;
    for request in [
        "GET /health/live HTTP/1.1\nHost: a\n\n",
        "GET /health/live HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: a\r\n\n",
    ] {
        let reply = server.exchange(request.as_bytes()).await;
        assert_eq!(statuses(&reply), ["400"], "{request:?}: {reply}");
        check_problem(&reply, "malformed_request");
        assert!(reply.contains("line feed"), "{reply}");
        // Also the second request of a connection, and one that comes in two pieces.
        let mut stream = server.connect().await;
        let first = post("/orders", "{\"country\":\n\"id\"}");
        stream.write_all(first.as_bytes()).await.unwrap();
        let mut reply = [0; 12];
        stream.read_exact(&mut reply).await.unwrap();
        assert_eq!(&reply, b"HTTP/1.1 201", "a body may have any bytes");
        let (one, two) = request.split_at(20);
        stream.write_all(one.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.write_all(two.as_bytes()).await.unwrap();
        let rest = read_to_end(stream).await;
        assert_eq!(statuses(&rest), ["400"], "{request:?}: {rest}");
    }
}

#[tokio::test]
async fn a_client_of_http_2_is_told_so() {
    let server = start().await;
    let reply = server.exchange(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04").await;
    assert_eq!(status(&reply), "505", "{reply}");
    check_problem(&reply, "http_version_not_supported");
}

#[tokio::test]
async fn an_absurd_length_is_too_large_a_body() {
    let server = start().await;
    for length in [u64::MAX, u64::MAX - 1, u64::MAX - 2, 1 << 40] {
        let head = format!("POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let reply = server.exchange(head.as_bytes()).await;
        assert_eq!(status(&reply), "413", "{length}: {reply}");
        check_problem(&reply, "body_too_large");
    }
    let head = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n";
    check_problem(&server.exchange(head.as_bytes()).await, "malformed_request");
}

#[tokio::test]
async fn a_chunked_body_is_read_and_is_the_last_of_its_connection() {
    let server = start().await;
    let request = "POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                   7\r\n{\"count\r\n9;x=y\r\nry\":\"id\"}\r\n0\r\nTrailer: t\r\n\r\n\
                   GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    let reply = server.exchange(request.as_bytes()).await;
    assert_eq!(status(&reply), "201", "{reply}");
    assert!(reply.ends_with("\r\n\r\n\"id\"\n"), "{reply}");
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let server = start().await;
    let long_line = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(17_000));
    let longer_line = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(70_000));
    let long_header = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(17_000));
    let many_headers = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(64));
    for (request, expected) in [
        ("G@T / HTTP/1.1\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}hello there, this is TLS\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{0}\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "400"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
            "400",
        ),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        ("GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/3.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /health/live HTTP/1.1\r\n\r\n", "400"),
        ("GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        (&long_line, "414"),
        (&longer_line, "414"),
        (&long_header, "431"),
        (&many_headers, "431"),
    ] {
        let reply = server.exchange(request.as_bytes()).await;
        let shown: String = request.chars().take(80).collect();
        assert_eq!(status(&reply), expected, "{shown:?}: {reply}");
        let code = match expected {
            "414" => "uri_too_long",
            "431" => "headers_too_large",
            _ => "malformed_request",
        };
        check_problem(&reply, code);
    }
}

#[tokio::test]
async fn a_refusal_behind_pipelined_requests_follows_their_replies() {
    let server = start().await;
    let one = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    let replies =
        server.exchange(format!("{}G@T / HTTP/1.1\r\n\r\n", one.repeat(3)).as_bytes()).await;
    let each: Vec<&str> = replies.split("HTTP/1.1 ").skip(1).collect();
    let statuses: Vec<&str> = each.iter().map(|reply| &reply[..3]).collect();
    assert_eq!(statuses, ["200", "200", "200", "400"], "{replies}");
    check_problem(each[3], "malformed_request");
}
