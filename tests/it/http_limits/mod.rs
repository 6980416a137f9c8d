//! The server's bounds over raw TCP: what is malformed, slow or too large is refused and
//! costs little, and what was begun is finished.

mod framing;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::{Method, StatusCode};
use nexnum::http::route::{Next, Outcome, Target};
use nexnum::http::{Call, Problem, Response, Router, ServerLimits, reply};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, RwLockReadGuard, Semaphore};

use crate::rig::kit::{self, Served};
use crate::rig::machine;

/// What the handlers below did, and what they wait for.
struct Shop {
    begun: Notify,
    go_on: Semaphore,
    finished: AtomicUsize,
    orders: AtomicUsize,
    /// Bytes of streams that were taken from their makers, and makers whose client was gone.
    made: AtomicUsize,
    unwanted: AtomicUsize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    country: String,
}

async fn order(shop: Arc<Shop>, mut call: Call) -> Result<Response, Problem> {
    let order: Order = call.json().await?;
    shop.orders.fetch_add(1, Ordering::SeqCst);
    Ok(reply::json(StatusCode::CREATED, &order.country))
}

async fn wait(shop: Arc<Shop>, _: Call) -> Result<Response, Problem> {
    shop.begun.notify_one();
    let _permit = shop.go_on.acquire().await;
    shop.finished.fetch_add(1, Ordering::SeqCst);
    Ok(reply::text(StatusCode::OK, "waited"))
}

/// A server with short deadlines, on a machine that is not kept busy.
struct Running {
    served: Served,
    shop: Arc<Shop>,
    _machine: RwLockReadGuard<'static, ()>,
}

const LIMITS: ServerLimits = ServerLimits {
    connections_max: 8,
    connections_per_address_max: 8,
    header_timeout: Duration::from_millis(150),
    body_timeout: Duration::from_millis(150),
    write_timeout: Duration::from_millis(300),
    drain_timeout: Duration::from_millis(400),
};

/// A reply of one hundred bytes.
fn plain(call: &Call) -> Outcome {
    call.check_declared()?;
    Ok(reply::json_bytes(StatusCode::OK, [b' '; 100].as_slice()))
}

fn router(shop: &Arc<Shop>) -> Router {
    let mut router = Router::new();
    router.add(Target::new(Method::GET, "/health/live"), |call| Next::Done(plain(call)));
    router.add(Target::new(Method::GET, "/health/plain"), |call| Next::Done(plain(call)));
    let target = Target { body_len_max: 64, ..Target::new(Method::POST, "/orders") };
    let at = Arc::clone(shop);
    router.add(target, move |_| {
        let shop = Arc::clone(&at);
        Next::detached(move |call| order(shop, call))
    });
    let at = Arc::clone(shop);
    router.add(Target::new(Method::POST, "/plain-orders"), move |call| {
        let shop = Arc::clone(&at);
        match call.check_declared() {
            Ok(()) => Next::plain(move |call| order(shop, call)),
            Err(problem) => Next::Done(Err(problem)),
        }
    });
    let at = Arc::clone(shop);
    router.add(Target::new(Method::GET, "/wait"), move |_| {
        let shop = Arc::clone(&at);
        Next::plain(move |call| wait(shop, call))
    });
    let at = Arc::clone(shop);
    router.add(Target::new(Method::POST, "/wait"), move |_| {
        let shop = Arc::clone(&at);
        Next::detached(move |call| wait(shop, call))
    });
    stream::add_routes(&mut router, shop);
    router
}

async fn start() -> Running {
    let shop = Arc::new(Shop {
        begun: Notify::new(),
        go_on: Semaphore::new(0),
        finished: AtomicUsize::new(0),
        orders: AtomicUsize::new(0),
        made: AtomicUsize::new(0),
        unwanted: AtomicUsize::new(0),
    });
    let _machine = machine::calm().await;
    let served = kit::serve(router(&shop), LIMITS).await;
    Running { served, shop, _machine }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.served.address).await.unwrap()
    }

    /// Sends `bytes` on a connection of its own and reads until the server closes it.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_end(stream).await
    }

    /// A connection whose request to `/wait` is in a handler now.
    async fn waiting(&self, method: &str) -> TcpStream {
        let mut stream = self.connect().await;
        let request = format!("{method} /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        self.shop.begun.notified().await;
        stream
    }

    /// Stops the server; says how many connections it cut off.
    async fn stop(self) -> usize {
        self.served.stop().await
    }
}

async fn read_to_end(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset after the reply is how a refused body ends; what came before it counts.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

fn status(reply: &str) -> &str {
    reply.get(9..12).unwrap_or("closed")
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// The statuses of the replies on one connection.
fn statuses(replies: &str) -> Vec<&str> {
    replies.split("HTTP/1.1 ").skip(1).map(|reply| &reply[..3]).collect()
}

/// A last reply: a problem document with its code, its length and its request's id.
fn check_problem(reply: &str, code: &str) {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    for line in ["content-type: application/problem+json", "connection: close", "x-request-id: "] {
        assert!(head.contains(line), "{line}: {reply}");
    }
    assert!(head.contains(&format!("content-length: {}", body.len())), "{reply}");
    assert!(body.contains(&format!("\"code\":\"{code}\"")), "{reply}");
}

#[tokio::test]
async fn slow_headers_end_the_connection() {
    let server = start().await;
    assert_eq!(server.exchange(b"GET /health/live HTTP/1.1\r\nHost:").await, "");
    assert_eq!(server.exchange(b"").await, "");
}

#[tokio::test]
async fn a_slow_body_is_answered_408() {
    let server = start().await;
    for path in ["/orders", "/plain-orders"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{{");
        let reply = server.exchange(head.as_bytes()).await;
        assert_eq!(status(&reply), "408", "{reply}");
        assert!(reply.contains("\"code\":\"body_timeout\""), "{reply}");
    }
    assert_eq!(server.shop.orders.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_body_too_large_is_answered_413_declared_or_not() {
    let server = start().await;
    let declared = "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 65\r\n\r\n";
    let chunk = "x".repeat(0x20);
    let chunked = format!(
        "POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         20\r\n{chunk}\r\n20\r\n{chunk}\r\n1\r\nx\r\n0\r\n\r\n"
    );
    for request in [declared, &chunked] {
        let reply = server.exchange(request.as_bytes()).await;
        assert_eq!(status(&reply), "413", "{request}: {reply}");
        assert!(reply.contains("\"code\":\"body_too_large\""), "{reply}");
        assert!(reply.contains("connection: close"), "{reply}");
    }
}

#[tokio::test]
async fn a_body_that_no_handler_reads_is_bounded_too() {
    let server = start().await;
    let head = "GET /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n";
    let reply = server.exchange(head.as_bytes()).await;
    assert_eq!(status(&reply), "413", "{reply}");
    check_problem(&reply, "body_too_large");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up() {
    let server = start().await;
    let mut stream = server.connect().await;
    let pipeline = "GET /health/plain HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    // Until the server gives up: its replies fill both sockets' buffers, then ours fill up.
    let stuck = async { while stream.write_all(pipeline.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), stuck).await.unwrap();
    assert_eq!(server.stop().await, 0, "the connection is gone");
}

#[tokio::test]
async fn a_refusal_is_a_problem_with_the_requests_id() {
    let server = start().await;
    for (request, expected, part) in [
        (
            "GET /nowhere?x=1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine-1\r\n\r\n".to_owned(),
            "404",
            "\"instance\":\"/nowhere\",\"code\":\"not_found\",\"request_id\":\"mine-1\"",
        ),
        ("DELETE /orders HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "405", "allow: POST\r\n"),
        (post("/orders", "{\"contry\":1}"), "400", "\"param\":\"contry\""),
        (post("/orders", "{"), "400", "\"code\":\"malformed_json\""),
        (post("/orders", ""), "400", "\"code\":\"malformed_json\""),
    ] {
        let reply = server.exchange(request.as_bytes()).await;
        assert_eq!(status(&reply), expected, "{reply}");
        assert!(reply.contains(part), "{reply}");
        assert!(reply.contains("application/problem+json"), "{reply}");
        assert!(reply.contains("x-request-id: "), "{reply}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = start().await;
    let pipeline = format!(
        "{}{}{}GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
        post("/orders", "{\"country\":\"id\"}"),
        "GET /health/plain HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let replies = server.exchange(pipeline.as_bytes()).await;
    let statuses: Vec<&str> = replies.split("HTTP/1.1 ").skip(1).map(|r| &r[..3]).collect();
    assert_eq!(statuses, ["200", "201", "200", "404"], "{replies}");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = start().await;
    let reply = server
        .exchange(b"HEAD /health/plain HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(status(&reply), "200", "{reply}");
    assert!(reply.contains("content-length: 100\r\n"), "{reply}");
    assert!(reply.ends_with("\r\n\r\n"), "{reply}");
}

#[tokio::test]
async fn connections_beyond_the_bound_are_told_so() {
    let server = start().await;
    let mut held = Vec::new();
    for _ in 0..LIMITS.connections_max {
        held.push(server.waiting("GET").await);
    }
    let reply = read_to_end(server.connect().await).await;
    assert_eq!(status(&reply), "503", "{reply}");
    check_problem(&reply, "overloaded");
    assert!(reply.contains("retry-after: 1\r\n"), "{reply}");
    server.shop.go_on.add_permits(held.len());
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight() {
    let server = start().await;
    let stream = server.waiting("GET").await;
    let idle = server.connect().await;
    let (shop, address) = (Arc::clone(&server.shop), server.served.address);
    let stopping = tokio::spawn(server.stop());
    assert_eq!(read_to_end(idle).await, "", "an idle connection is closed at once");
    assert!(TcpStream::connect(address).await.is_err(), "no new connection is accepted");
    shop.go_on.add_permits(1);
    let reply = read_to_end(stream).await;
    assert!(reply.ends_with("waited"), "{reply}");
    assert_eq!(stopping.await.unwrap(), 0);
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let server = start().await;
    let stream = server.waiting("GET").await;
    let shop = Arc::clone(&server.shop);
    assert_eq!(server.stop().await, 1);
    assert_eq!(read_to_end(stream).await, "");
    assert_eq!(shop.finished.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_detached_route_finishes_after_its_client_hung_up_and_the_drain_waits_for_it() {
    let server = start().await;
    drop(server.waiting("POST").await);
    let shop = Arc::clone(&server.shop);
    let stopping = tokio::spawn(server.stop());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!stopping.is_finished(), "the handler is still waiting");
    shop.go_on.add_permits(1);
    assert_eq!(stopping.await.unwrap(), 0);
    assert_eq!(shop.finished.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_plain_route_is_given_up_when_its_client_hangs_up() {
    let server = start().await;
    drop(server.waiting("GET").await);
    let shop = Arc::clone(&server.shop);
    assert_eq!(server.stop().await, 0, "nothing is left to wait for");
    shop.go_on.add_permits(1);
    assert_eq!(shop.finished.load(Ordering::SeqCst), 0);
}
