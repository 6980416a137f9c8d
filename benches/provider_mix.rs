//! One provider with the limits it is shipped with, and clients that buy, wait and cancel over
//! HTTP in a mix drawn from a seed: what becomes of codes, cancels, price lists, the
//! balance and doubts.
//!
//! In real time, five minutes unless said: `cargo bench --bench provider_mix -- [SECONDS] [CLIENTS]
//! [DRIVER] [SEED]`. A message is due [`CODE_AFTER`] after its purchase; one purchase in a
//! hundred is made and its reply lost. A figure of the issue that is missed has a line of its own
//! at the end, and the exit code is 1.

mod server;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexnum::market::folder;
use nexnum::server::config::ProviderConfig;
use nexnum::server::{ProviderSetup, Running};
use nexnum_driver::Secret;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::Product;
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use nexnum_sandbox::{FaultKind, Sandbox, SandboxConfig};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};

use self::server::Client;

/// From a purchase to its message.
const CODE_AFTER: Duration = Duration::from_secs(8);
const SYNC_INTERVAL: Duration = Duration::from_secs(30);
/// Of a hundred purchases, how many lose their reply.
const LOST: f64 = 0.01;

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What the clients saw.
#[derive(Default)]
struct Seen {
    /// Answers to orders, by status and code.
    orders: BTreeMap<String, usize>,
    /// How late codes came, in milliseconds; `None` for one that had not come.
    late_ms: Vec<Option<u64>>,
    /// How long orders were without a number, in milliseconds.
    unsettled_ms: Vec<u64>,
    /// How long answered cancels took, in milliseconds.
    cancels_ms: Vec<u64>,
    told_to_wait: usize,
    /// Those that were told when to come back, came then, and were told again.
    told_again: usize,
    /// The longest that a refusal for want of a turn took, in milliseconds.
    refusal_ms: u64,
    other_cancels: BTreeMap<String, usize>,
}

async fn activation(client: &Client, path: &str) -> Value {
    let (_, text) = server::sent(client.request(Method::GET, path)).await;
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

fn label(status: u16, body: &Value) -> String {
    let word = body["code"].as_str().or(body["status"].as_str()).unwrap_or("");
    format!("{status} {word}")
}

fn retry_after(body: &Value) -> Duration {
    Duration::from_secs(body["retry_after"].as_u64().unwrap_or(1))
}

/// Buys until the end, and waits for the code, goes on or cancels, as drawn.
async fn trade(client: Client, seen: Arc<Mutex<Seen>>, end: Instant, seed: u64) {
    let mut random = Random(seed);
    let mut waits = tokio::task::JoinSet::new();
    while Instant::now() < end {
        let asked = Instant::now();
        let wish = json!({"country": "ID", "service": "telegram"});
        let (status, order) = client.post("/api/v1/orders", wish).await;
        *seen.lock().orders.entry(label(status, &order)).or_default() += 1;
        if status != 201 {
            tokio::time::sleep(retry_after(&order).min(Duration::from_secs(2))).await;
            continue;
        }
        let id = order["id"].as_str().expect("an order has an id").to_owned();
        let follow = follow(
            client.clone(),
            Arc::clone(&seen),
            id,
            asked,
            random.below(100),
            random.below(20_000),
        );
        // Half of those that wait for the code do nothing else meanwhile.
        if random.below(2) == 0 { follow.await } else { drop(waits.spawn(follow)) }
    }
    while waits.join_next().await.is_some() {}
}

/// What a client does with an order that was placed.
async fn follow(
    client: Client,
    seen: Arc<Mutex<Seen>>,
    id: String,
    asked: Instant,
    share: u64,
    pause_ms: u64,
) {
    let path = format!("/api/v1/activations/{id}");
    let mut activation = self::activation(&client, &path).await;
    while activation["state"] == "INIT" {
        tokio::time::sleep(Duration::from_millis(200)).await;
        activation = self::activation(&client, &path).await;
    }
    let bought = Instant::now();
    seen.lock().unsettled_ms.push((bought - asked).as_millis() as u64);
    if activation["state"] == "FAILED" {
        return;
    }
    if share < 30 {
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        return cancel(&client, &seen, &path).await;
    }
    let due = bought + CODE_AFTER;
    let patience = due + Duration::from_secs(40);
    let late_ms = loop {
        let activation = self::activation(&client, &format!("{path}?wait=25")).await;
        if activation["state"] == "RECEIVED" {
            break Some(Instant::now().saturating_duration_since(due).as_millis() as u64);
        }
        if Instant::now() >= patience {
            break None;
        }
    };
    seen.lock().late_ms.push(late_ms);
    client.post(&format!("{path}/finish"), json!({})).await;
}

async fn cancel(client: &Client, seen: &Mutex<Seen>, path: &str) {
    let mut told = false;
    loop {
        let asked = Instant::now();
        let (status, answer) = client.post(&format!("{path}/cancel"), json!({})).await;
        let took_ms = asked.elapsed().as_millis() as u64;
        {
            let mut seen = seen.lock();
            if status != 503 {
                match status {
                    200 => seen.cancels_ms.push(took_ms),
                    _ => *seen.other_cancels.entry(label(status, &answer)).or_default() += 1,
                }
                return;
            }
            seen.told_to_wait += 1;
            seen.told_again += usize::from(told);
            seen.refusal_ms = seen.refusal_ms.max(took_ms);
        }
        told = true;
        tokio::time::sleep(retry_after(&answer)).await;
    }
}

/// How old what is asked for at intervals gets, as the operator sees it, in milliseconds.
#[derive(Clone, Copy, Default)]
struct Oldest {
    list_ms: u64,
    balance_ms: u64,
}

async fn watch_ages(running: &Running, end: Instant) -> Oldest {
    let connected = running.rooms.orders.providers.list();
    let began = running.rooms.market.clock.now();
    let mut oldest = Oldest::default();
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = running.rooms.market.clock.now();
        let health = connected[0].health();
        // What never came is as old as the run.
        let age_ms = |at: Option<Time>| now.ms_since(at.unwrap_or(began));
        oldest.list_ms = oldest.list_ms.max(age_ms(health.last_sync_at));
        oldest.balance_ms = oldest.balance_ms.max(age_ms(health.balance_at));
    }
    oldest
}

fn product() -> Product {
    let catalog = Catalog::load();
    let (country, service) = (catalog.find_country("ID"), catalog.find_service("telegram"));
    Product::activation(country.expect("it is listed"), service.expect("it is listed"))
}

async fn start(driver: &str, dir: &std::path::Path) -> (Sandbox, Running, String) {
    let delay_ms = CODE_AFTER.as_millis() as u64;
    let sandbox = Sandbox::start(SandboxConfig {
        sms_delay_ms: delay_ms..=delay_ms,
        min_cancel_age_ms: 0,
        latency_ms: 10..=120,
        ..SandboxConfig::small(7)
    });
    let sandbox = sandbox.await.expect("ports are free");
    let at = sandbox.providers().iter().position(|provider| provider.driver == driver);
    let at = at.expect("DRIVER is handler, fivesim or smspool");
    assert!(sandbox.pin(at, product(), Micros(100_000), 1_000_000), "it is sold there");
    sandbox.faults(at).set(FaultKind::BoughtButReplyLost, LOST);
    let provider = &sandbox.providers()[at];
    let config = ProviderConfig {
        base_url: Some(provider.base_url.clone()),
        sync_interval_s: SYNC_INTERVAL.as_secs(),
        ..ProviderConfig::new(provider.name, driver)
    };
    let key = Secret::new(provider.key.clone());
    let setup = ProviderSetup { min_cancel_age_ms: Some(0), ..ProviderSetup::new(config, key) };
    let admin_key = folder::init(dir).expect("the folder is new").admin_key.reveal().to_owned();
    let running = server::start(dir, vec![setup]).await;
    (sandbox, running, admin_key)
}

fn share(all: &[Option<u64>], most_ms: u64) -> f64 {
    let in_time = all.iter().filter(|late| late.is_some_and(|late| late <= most_ms)).count();
    100.0 * in_time as f64 / all.len().max(1) as f64
}

fn worst(all: &[u64]) -> (u64, u64) {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let at = |part: f64| sorted.get((sorted.len() as f64 * part) as usize).copied().unwrap_or(0);
    (at(0.99), sorted.last().copied().unwrap_or(0))
}

/// What is asked of any mix: codes in time, of a hundred; a cancel's time and a doubt's.
const CODES_IN_TIME: f64 = 99.0;
const CODE_LATE_MS: u64 = 15_000;
const CANCEL_MS: u64 = 3_000;
const DOUBT_MS: u64 = 30_000;

/// The figures that were missed.
fn missed(seen: &Seen, oldest: Oldest) -> Vec<String> {
    let in_time = share(&seen.late_ms, CODE_LATE_MS);
    let cancel_ms = seen.cancels_ms.iter().copied().max().unwrap_or(0).max(seen.refusal_ms);
    let doubt_ms = worst(&seen.unsettled_ms).1;
    let age_ms_max = 2 * SYNC_INTERVAL.as_millis() as u64;
    let told_again = seen.told_again;
    let figures = [
        (
            !seen.late_ms.is_empty() && in_time < CODES_IN_TIME,
            format!("{in_time:.2} % of the codes within {CODE_LATE_MS} ms, not {CODES_IN_TIME} %"),
        ),
        (
            cancel_ms > CANCEL_MS,
            format!("a cancel was answered or refused after {cancel_ms} ms, not {CANCEL_MS} ms"),
        ),
        (told_again > 0, format!("{told_again} cancels were told to wait again")),
        (
            oldest.list_ms > age_ms_max,
            format!("the price list was {} ms old, not {age_ms_max} ms at most", oldest.list_ms),
        ),
        (
            oldest.balance_ms > age_ms_max,
            format!("the balance was {} ms old, not {age_ms_max} ms at most", oldest.balance_ms),
        ),
        (
            doubt_ms > DOUBT_MS,
            format!("an order was without a number for {doubt_ms} ms, not {DOUBT_MS} ms at most"),
        ),
    ];
    figures.into_iter().filter(|(is_missed, _)| *is_missed).map(|(_, text)| text).collect()
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |at: usize, default: u64| {
        words.get(at).map_or(default, |word| word.parse().expect("a number"))
    };
    let (seconds, clients, seed) = (number(0, 300), number(1, 64), number(3, 1));
    let driver = words.get(2).map_or("handler", String::as_str);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (sandbox, running, admin_key) = start(driver, &dir.path().join("market")).await;
        let client = Client::of(&running, admin_key).customer().await;
        let (end, seen) =
            (Instant::now() + Duration::from_secs(seconds), Arc::<Mutex<Seen>>::default());
        let mut trading = tokio::task::JoinSet::new();
        for n in 0..clients {
            trading.spawn(trade(client.clone(), Arc::clone(&seen), end, seed * 1_000 + n));
        }
        let oldest = watch_ages(&running, end).await;
        while trading.join_next().await.is_some() {}
        report(&seen.lock(), oldest);
        let missed = missed(&seen.lock(), oldest);
        missed.iter().for_each(|figure| println!("MISSED        {figure}"));
        running.stop().await.expect("it stops");
        sandbox.stop().await;
        if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    })
}

fn report(seen: &Seen, oldest: Oldest) {
    for (answer, count) in &seen.orders {
        println!("orders        {count:>6}  {answer}");
    }
    let missing = seen.late_ms.iter().filter(|late| late.is_none()).count();
    println!(
        "codes         {:>6}  {:.2} % within 5 s of being due, {:.2} % within 15 s, {missing} never",
        seen.late_ms.len(),
        share(&seen.late_ms, 5_000),
        share(&seen.late_ms, 15_000),
    );
    let (p99, max) = worst(&seen.cancels_ms);
    println!(
        "cancels       {:>6}  answered, p99 {p99} ms, longest {max} ms",
        seen.cancels_ms.len()
    );
    println!(
        "told to wait  {:>6}  at most after {} ms; {} told again when they came back",
        seen.told_to_wait, seen.refusal_ms, seen.told_again
    );
    for (answer, count) in &seen.other_cancels {
        println!("other cancels {count:>6}  {answer}");
    }
    let (p99, max) = worst(&seen.unsettled_ms);
    println!("to a number   {:>6}  p99 {p99} ms, longest {max} ms", seen.unsettled_ms.len());
    let every = SYNC_INTERVAL.as_secs();
    println!("price list            {} ms old at most, asked for every {every} s", oldest.list_ms);
    println!("balance               {} ms old at most", oldest.balance_ms);
}
