//! Replies that are made while they are written.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderValue;
use nexnum::http::route::{Next, Target};
use nexnum::http::{Problem, Response, Router, reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{LIMITS, Shop, read_to_end, start, status};

pub(super) fn add_routes(router: &mut Router, shop: &Arc<Shop>) {
    let at = Arc::clone(shop);
    router.add(Target::new(Method::GET, "/stream"), move |_| {
        let shop = Arc::clone(&at);
        Next::plain(move |_| stream(shop))
    });
    let at = Arc::clone(shop);
    router.add(Target::new(Method::GET, "/piecemeal"), move |_| {
        let shop = Arc::clone(&at);
        Next::plain(move |_| piecemeal(shop))
    });
    let at = Arc::clone(shop);
    router.add(Target::new(Method::POST, "/piecemeal"), move |_| {
        let shop = Arc::clone(&at);
        Next::detached(move |_| piecemeal(shop))
    });
    router.add(Target::new(Method::GET, "/broken"), |_| Next::plain(|_| broken()));
}

/// Bytes of a stream and of each of its pieces.
const STREAM_LEN: usize = 100 << 20;
const PIECE_LEN: usize = 64 << 10;

/// Makes its reply while it is written, for as long as there is a client.
async fn stream(shop: Arc<Shop>) -> Result<Response, Problem> {
    let (pieces, response) = reply::in_pieces(HeaderValue::from_static("text/plain"));
    tokio::spawn(async move {
        let piece = Bytes::from(vec![b'x'; PIECE_LEN]);
        for _ in 0..STREAM_LEN / PIECE_LEN {
            if pieces.send(piece.clone()).await.is_err() {
                shop.unwanted.fetch_add(1, Ordering::SeqCst);
                return;
            }
            shop.made.fetch_add(PIECE_LEN, Ordering::SeqCst);
        }
        let _gone = pieces.end().await;
    });
    Ok(response)
}

/// Stops in the middle.
async fn broken() -> Result<Response, Problem> {
    let (pieces, response) = reply::in_pieces(HeaderValue::from_static("text/plain"));
    tokio::spawn(async move {
        let _sent = pieces.send("half").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    });
    Ok(response)
}

/// Sends one piece and the end when it may go on; never the end if it may not.
async fn piecemeal(shop: Arc<Shop>) -> Result<Response, Problem> {
    let (pieces, response) = reply::in_pieces(HeaderValue::from_static("text/plain"));
    tokio::spawn(async move {
        let _sent = pieces.send("begun ").await;
        shop.begun.notify_one();
        tokio::select! {
            permit = shop.go_on.acquire() => drop(permit),
            () = pieces.gone() => {
                shop.unwanted.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
        let _sent = pieces.send("ended").await;
        let _ended = pieces.end().await;
    });
    Ok(response)
}

#[tokio::test]
async fn a_long_stream_takes_little_memory_and_its_connection_goes_on() {
    let server = start().await;
    let mut stream = server.connect().await;
    let request = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n\
                   GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut read, mut held_max, mut end) = (0, 0, Vec::new());
    let mut space = vec![0; 256 << 10];
    loop {
        let taken = stream.read(&mut space).await.unwrap();
        if taken == 0 {
            break;
        }
        read += taken;
        held_max = held_max.max(server.shop.made.load(Ordering::SeqCst).saturating_sub(read));
        end.extend_from_slice(&space[..taken]);
        end.drain(..end.len().saturating_sub(1000));
    }
    assert_eq!(server.shop.made.load(Ordering::SeqCst), STREAM_LEN);
    assert!((STREAM_LEN..STREAM_LEN + STREAM_LEN / 100).contains(&read), "{read} bytes came");
    // What the sockets of a loopback hold, and a few pieces.
    assert!(held_max < 16 << 20, "{held_max} bytes were held");
    let end = String::from_utf8(end).unwrap();
    let (_, last) = end.split_once("\r\n0\r\n\r\n").unwrap();
    assert_eq!(status(last), "200", "{last}");
}

#[tokio::test]
async fn a_client_that_stops_reading_a_stream_is_given_up() {
    let server = start().await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let shop = Arc::clone(&server.shop);
    let given_up = async {
        while shop.unwanted.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), given_up).await.unwrap();
    assert!(shop.made.load(Ordering::SeqCst) < 16 << 20);
    assert_eq!(server.stop().await, 0, "the connection is gone");
}

#[tokio::test]
async fn a_stream_that_waits_for_its_maker_is_no_slow_client() {
    for method in ["GET", "POST"] {
        let server = start().await;
        let mut stream = server.connect().await;
        let request = format!("{method} /piecemeal HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        server.shop.begun.notified().await;
        tokio::time::sleep(LIMITS.write_timeout * 2).await;
        // A drain waits for it.
        let shop = Arc::clone(&server.shop);
        let stopping = tokio::spawn(server.stop());
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!stopping.is_finished(), "the stream has not ended");
        shop.go_on.add_permits(1);
        let reply = read_to_end(stream).await;
        assert!(reply.ends_with("6\r\nbegun \r\n5\r\nended\r\n0\r\n\r\n"), "{reply}");
        assert_eq!(stopping.await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_drain_cuts_a_stream_off_that_does_not_end() {
    let server = start().await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /piecemeal HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.shop.begun.notified().await;
    let shop = Arc::clone(&server.shop);
    assert_eq!(server.stop().await, 1);
    let reply = read_to_end(stream).await;
    assert!(reply.ends_with("6\r\nbegun \r\n"), "its end is missing: {reply}");
    assert_eq!(shop.unwanted.load(Ordering::SeqCst), 1, "its maker was told");
}

#[tokio::test]
async fn a_stream_that_breaks_off_has_no_end() {
    let server = start().await;
    let reply = server.exchange(b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(reply.contains("transfer-encoding: chunked\r\n"), "{reply}");
    assert!(reply.ends_with("4\r\nhalf\r\n"), "{reply}");
    let head = server.exchange(b"HEAD /stream HTTP/1.0\r\n\r\n").await;
    assert_eq!(status(&head), "200", "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}
