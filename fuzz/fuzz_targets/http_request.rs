//! Bytes to the real server, with its real routes, on a folder with two known keys.
//!
//! The server answers in HTTP or hangs up; it never answers 5xx to what a client wrote, and
//! serves the next connection as before; what it refused has moved no money and no stock. Bit
//! 0 of the first byte says whether the client closes its side after the last byte or waits.

#![no_main]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use nexnum::http::query::Query;
use nexnum::http::request_id::RequestIds;
use nexnum::http::{Server, ServerLimits, bind};
use nexnum::keys;
use nexnum::market::folder;
use nexnum::market::sealing::SealedLoad;
use nexnum::order::claim::Wish;
use nexnum::server::config::Config;
use nexnum::server::{self, Rooms, Running};
use nexnum::supply::config::OwnStockConfig;
use nexnum_engine::command::{
    Deposit, IssueKey, ListOffers, LoadStock, NewPayment, OpenAccount, Request,
};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, Number, OfferId, OrderId, Product, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::product::OfferKey;
use nexnum_storage::Folder;
use nexnum_storage::secrets::SecretBytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// Long enough for loopback, short enough for a fuzzer.
const PATIENCE: Duration = Duration::from_millis(20);

const LIMITS: ServerLimits = ServerLimits {
    write_timeout: PATIENCE,
    connections_max: 64,
    connections_per_address_max: 64,
    header_timeout: PATIENCE,
    body_timeout: PATIENCE,
    drain_timeout: PATIENCE,
};

const NAMES: &[&str] = &["country", "service", "max_price", "cursor", "limit"];

/// What the corpus knows: the keys have the right check, and open this folder only.
const TRADE_KEY: &str = "nx_live_aaaaaaaaaaaaaaaaaa3Nn7ua";
const ADMIN_KEY: &str = "nx_admin_aaaaaaaaaaaaaaaaa2url52";
const HOOK_TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Its own stock, more than a run buys.
const NUMBERS: std::ops::Range<u64> = 62_810_000_000..62_810_010_000;

struct Door {
    runtime: Runtime,
    address: SocketAddr,
    market: Running,
}

static DOOR: LazyLock<Door> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (address, market) = runtime.block_on(open_door());
    Door { runtime, address, market }
});

/// A market on a folder that goes with the process: its files are open, its names are gone.
async fn open_door() -> (SocketAddr, Running) {
    let dir = std::env::temp_dir().join(format!("nexnum-fuzz-{}", std::process::id()));
    let market = open_market(&dir).await;
    std::fs::remove_dir_all(&dir).expect("it was made above");
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let (listener, address) = bind(loopback).await.expect("a port is free");
    let server = Server {
        router: Arc::clone(&market.routes.router),
        limits: LIMITS,
        request_ids: RequestIds::new(7),
    };
    tokio::spawn(server.serve(listener, std::future::pending()));
    (address, market)
}

async fn open_market(dir: &Path) -> Running {
    folder::init(dir).expect("an empty folder");
    let secrets = folder::secrets(&Folder::at(dir)).expect("it was just made");
    secrets.put("hook.own", &SecretBytes::new(HOOK_TOKEN.into())).expect("the store is open");
    drop(secrets);
    let config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: dir.to_owned(),
        own_stock: OwnStockConfig { min_cancel_age_s: 0, ..OwnStockConfig::default() },
        ..Config::default()
    };
    let opened = folder::open(dir, |_| {}).expect("it was just made");
    let market = server::start(opened, &config, Vec::new()).await.expect("nothing is missing");
    fill(&market.rooms).await;
    market
}

/// A customer with money and an open order, the two keys, something to buy.
async fn fill(rooms: &Rooms) {
    let account = AccountId(1);
    let issue = |account, key: &str| IssueKey {
        account,
        hash: keys::sha256(key),
        prefix: key[..12].into(),
    };
    let numbers = NUMBERS.map(Number).collect();
    let (offer, cost, price) = (OfferId(1), Micros(5_000), Micros(10_000));
    execute(rooms, OpenAccount { name: None, credit_limit: Micros::ZERO }).await;
    execute(rooms, issue(Some(account), TRADE_KEY)).await;
    execute(rooms, issue(None, ADMIN_KEY)).await;
    let payment = NewPayment::new("bank", Micros::units(1_000), 1);
    execute(rooms, Deposit { account, payment, sealed: None }).await;
    let offers = vec![OfferKey::of(product(rooms), VariantId::ANY)];
    execute(rooms, ListOffers { provider: rooms.supply.own, offers }).await;
    let sealed = rooms.market.seal_load(offer, numbers).await.expect("it has a key");
    let SealedLoad { numbers, others } = sealed;
    execute(rooms, LoadStock { offer, cost, price, numbers, others }).await;
    let wish = Wish { product: product(rooms), variant: VariantId::ANY, limit: None };
    let placed =
        rooms.orders.place(&Origin::SYSTEM, account, wish.into()).await.expect("it is in stock");
    assert_eq!(placed.order.id, OrderId(1));
}

async fn execute<R: Request>(rooms: &Rooms, request: R) -> R::Answer {
    let answer = rooms.market.handle.ask(&Origin::SYSTEM, request).await.expect("the engine runs");
    answer.expect("a new market is in order")
}

fn product(rooms: &Rooms) -> Product {
    let catalog = rooms.market.catalog;
    Product::activation(
        catalog.country_by_iso("ID").expect("a country"),
        catalog.service_by_slug("telegram").expect("a service"),
    )
}

/// What a refusal must leave alone: every wallet, and the stock on sale.
type Books = (Vec<(AccountId, Micros, Micros)>, Vec<(OfferId, u32)>);

fn books(rooms: &Rooms) -> Books {
    let wallets = rooms.market.read_model.accounts().into_iter().map(|(id, account)| {
        let wallet = account.wallet();
        (id, wallet.available, wallet.escrow)
    });
    let mut wallets: Vec<_> = wallets.collect();
    wallets.sort();
    let asks = rooms.market.grid.asks(product(rooms)).map(|ask| (ask.offer, ask.stock));
    let mut stock: Vec<_> = asks.collect();
    stock.sort();
    (wallets, stock)
}

/// What the server says to these bytes, and whether that was all.
async fn say(address: SocketAddr, bytes: &[u8], closes: bool) -> (Vec<u8>, bool) {
    let mut stream = TcpStream::connect(address).await.expect("the server accepts");
    let mut said = Vec::new();
    // The server may hang up while we still write: what it said before counts.
    let _cut = stream.write_all(bytes).await;
    if closes {
        let _gone = stream.shutdown().await;
    }
    let end = tokio::time::timeout(PATIENCE * 4, stream.read_to_end(&mut said)).await;
    (said, matches!(end, Ok(Ok(_))))
}

/// The statuses of the replies, one after the other; `None` if the bytes are something else.
fn statuses(mut said: &[u8]) -> Option<Vec<u16>> {
    let mut statuses = Vec::new();
    while !said.is_empty() {
        let end = said.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&said[..end]).ok()?;
        statuses.push(head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let rest = &said[end..];
        // The reply to a HEAD says the length and leaves out the body.
        let headless = rest.is_empty() || rest.starts_with(b"HTTP/1.");
        said = if headless { rest } else { rest.get(length..)? };
    }
    Some(statuses)
}

fn check_status(status: u16, said: &[u8]) {
    // 100 goes before the body of those who expect it, 505 names an unknown version.
    let text = || String::from_utf8_lossy(said);
    assert!((100..500).contains(&status) || status == 505, "{}", text());
}

fn check(door: &Door, bytes: &[u8], closes: bool) {
    let rooms = &door.market.rooms;
    let before = books(rooms);
    let (said, whole) = door.runtime.block_on(say(door.address, bytes, closes));
    if !whole {
        // A reset or a long poll: what it began ends before the next input.
        door.runtime.block_on(async { tokio::time::sleep(PATIENCE * 4).await });
        return;
    }
    let statuses = statuses(&said);
    let statuses = statuses.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&said)));
    statuses.iter().for_each(|status| check_status(*status, &said));
    if !statuses.is_empty() && statuses.iter().all(|status| *status >= 400) {
        assert_eq!(books(rooms), before, "{}", String::from_utf8_lossy(&said));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    if let Ok(text) = std::str::from_utf8(rest)
        && let Ok(query) = Query::parse(text, NAMES)
    {
        let given = NAMES.iter().filter(|name| query.get(name).is_some()).count();
        assert!(given <= text.split('&').count(), "{text:?} gives more than it holds");
    }
    let door = &*DOOR;
    check(door, rest, first & 1 == 1);
    if first & 2 == 2 {
        let live = b"GET /health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let (said, _) = door.runtime.block_on(say(door.address, live, false));
        assert!(said.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&said));
    }
});
