//! Bytes to the real server over loopback, and to the layers that read a request.
//!
//! The server answers in HTTP or hangs up; it never answers 5xx to what a client wrote,
//! and serves the next connection as before. Bit 0 of the first byte says whether the
//! client closes its side after the last byte or waits.

#![no_main]

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hyper::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use nexnum::http::query::Query;
use nexnum::http::request_id::RequestIds;
use nexnum::http::{Call, Limits, Problem, Response, Router, Server, bind, body, health, reply};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// Long enough for loopback, short enough for a fuzzer.
const PATIENCE: Duration = Duration::from_millis(20);

const LIMITS: Limits = Limits {
    write_timeout: PATIENCE,
    connections_max: 64,
    connections_per_address_max: 64,
    header_timeout: PATIENCE,
    body_timeout: PATIENCE,
    drain_timeout: PATIENCE,
};

const NAMES: &[&str] = &["country", "service", "max_price", "cursor", "limit"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only its shape is read")]
struct Order {
    country: String,
    service: String,
    operator: Option<String>,
    max_price: Option<String>,
}

async fn place(mut call: Call<()>) -> Result<Response, Problem> {
    let _key = call.api_key().map(str::to_owned);
    let _once = call.idempotency_key()?.map(|key| key.len());
    let order: Order = call.json().await?;
    reply::json(StatusCode::CREATED, &order.country)
}

async fn look(call: Call<()>) -> Result<Response, Problem> {
    let id = call.id_param("id")?;
    let query = call.query(NAMES)?;
    let limit = query.number("limit", 1..=100, 20)?;
    reply::json(StatusCode::OK, &(id, limit, query.get("cursor")))
}

async fn upload(mut call: Call<()>) -> Result<Response, Problem> {
    let bytes = call.bytes().await?;
    reply::json(StatusCode::OK, &bytes.len())
}

fn router() -> Router<()> {
    let mut router = Router::new();
    health::add_routes(&mut router);
    router.detached(Method::POST, "/orders", place).body_max(256);
    router.plain(Method::GET, "/orders/{id}", look);
    router.plain(Method::POST, "/upload", upload).body_max(4096);
    router
}

struct Door {
    runtime: Runtime,
    address: SocketAddr,
}

static DOOR: LazyLock<Door> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let (listener, address) = runtime.block_on(bind(loopback)).expect("a port is free");
    let server = Server {
        router: Arc::new(router()),
        state: Arc::new(()),
        limits: LIMITS,
        request_ids: RequestIds::new(7),
    };
    runtime.spawn(server.serve(listener, std::future::pending()));
    Door { runtime, address }
});

/// What the server says to these bytes.
async fn say(address: SocketAddr, bytes: &[u8], closes: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("the server accepts");
    let mut said = Vec::new();
    // The server may hang up while we still write: what it said before counts.
    let _cut = stream.write_all(bytes).await;
    if closes {
        let _gone = stream.shutdown().await;
    }
    let _end = tokio::time::timeout(PATIENCE * 4, stream.read_to_end(&mut said)).await;
    said
}

fn check(said: &[u8]) {
    if said.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(said);
    let status = text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    let status: u16 = status.and_then(|status| status.parse().ok()).expect("an HTTP reply");
    // 100 goes before the body of those who expect it, 505 names an unknown version.
    assert!((100..500).contains(&status) || status == 505, "{text}");
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    if let Ok(text) = std::str::from_utf8(rest) {
        if let Ok(query) = Query::parse(text, NAMES) {
            let given = NAMES.iter().filter(|name| query.get(name).is_some()).count();
            assert!(given <= text.split('&').count(), "{text:?} gives more than it holds");
        }
    }
    let _order = body::decode_json::<Order>(rest);
    let door = &*DOOR;
    check(&door.runtime.block_on(say(door.address, rest, first & 1 == 1)));
    if first & 2 == 2 {
        let live = say(
            door.address,
            b"GET /health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            false,
        );
        let said = door.runtime.block_on(live);
        assert!(said.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&said));
    }
});
