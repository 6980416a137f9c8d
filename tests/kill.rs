//! `kill -9` on the real binary under load, over and over: nothing acknowledged is lost,
//! nothing is doubled, the money adds up.
//!
//! `NEXNUM_KILL_ROUNDS` sets the rounds (20), `NEXNUM_KILL_SEED` what the delays grow from.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails ends the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

const CLIENTS: u64 = 8;
const NUMBERS: u64 = 20_000;
const PRICE_MICROS: i64 = 10_000;
const PURSE_MICROS: i64 = 100_000_000;

/// The real server as a process; killed when dropped.
struct Server {
    process: Child,
    base: String,
}

impl Server {
    fn start(config: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_nexnum"))
            .args(["serve", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("listening on ").expect("it says where").to_owned();
        Self { process, base }
    }
}

impl Drop for Server {
    /// SIGKILL: no destructor, no drain, no flush.
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[derive(Clone)]
struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    /// Status and body, or `None` if the connection broke.
    async fn post(
        &self,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Option<(StatusCode, Value)> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.key);
        let request = match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        let response = request.json(body).send().await.ok()?;
        let status = response.status();
        Some((status, response.json().await.ok()?))
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.key);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn order(&self, key: &str) -> Option<Value> {
        let body = json!({"country": "ID", "service": "telegram"});
        let (status, answer) = self.post("/api/v1/orders", &body, Some(key)).await?;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        Some(answer)
    }
}

/// What the clients were told, and what they asked without hearing.
#[derive(Default)]
struct Told {
    answers: BTreeMap<String, Value>,
    unanswered: BTreeSet<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_by_kill_9() {
    let _again = rustls::crypto::ring::default_provider().install_default();
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (rounds, mut seed) =
        (number("NEXNUM_KILL_ROUNDS", 20), number("NEXNUM_KILL_SEED", std::process::id().into()));
    println!("NEXNUM_KILL_SEED={seed}");
    let folder = tempfile::TempDir::new().unwrap();
    let data = folder.path().join("market");
    let config = data.join("config.toml");
    let admin_key = init(&data);
    std::fs::write(&config, "listen = \"127.0.0.1:0\"\n").unwrap();
    let mut server = Server::start(&config);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let admin = Api { http, base: server.base.clone(), key: admin_key };
    let mut api = Api { key: prepare(&admin).await, ..admin };
    let mut told = Told::default();
    for round in 0..rounds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let delay = Duration::from_millis(30 + (seed >> 33) % 300);
        let mut load = Load::start(&api, round);
        tokio::time::sleep(delay).await;
        drop(server);
        load.stop(&mut told).await;
        server = Server::start(&config);
        api.base.clone_from(&server.base);
        check_answers(&api, &mut told).await;
    }
    check_money(&api, &told).await;
    drop(server);
    let verified = Command::new(env!("CARGO_BIN_EXE_nexnum")).arg("verify").arg(&data).output();
    let verified = verified.unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    assert!(told.answers.len() > 2 * rounds as usize, "there was a load: {}", told.answers.len());
}

fn init(data: &Path) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_nexnum"))
        .args(["init", "--json"])
        .arg(data)
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&made.stdout).unwrap();
    told["admin_key"].as_str().unwrap().to_owned()
}

/// A customer with a key, money, and something to buy.
async fn prepare(admin: &Api) -> String {
    let post = async |path: &str, body: Value| {
        let (status, answer) = admin.post(path, &body, None).await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer
    };
    post("/api/admin/accounts", json!({"name": "a"})).await;
    let key = post("/api/admin/accounts/1/keys", json!({})).await;
    post("/api/admin/accounts/1/deposits", json!({"amount": "100", "reference": "p"})).await;
    let numbers: Vec<String> = (0..NUMBERS).map(|n| format!("{}", 62_810_000_000 + n)).collect();
    let stock =
        json!({"country": "ID", "service": "telegram", "price": "0.01", "numbers": numbers});
    post("/api/admin/stock", stock).await;
    key["key"].as_str().unwrap().to_owned()
}

/// Clients that buy as fast as they are answered.
struct Load {
    stopped: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<Told>>,
}

impl Load {
    fn start(api: &Api, round: u64) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let client = |client| {
            let (api, stopped) = (api.clone(), Arc::clone(&stopped));
            tokio::spawn(async move {
                let mut told = Told::default();
                for order in 0u64.. {
                    let key = format!("{round}-{client}-{order}");
                    match api.order(&key).await {
                        Some(answer) => drop(told.answers.insert(key, answer)),
                        None => drop(told.unanswered.insert(key)),
                    }
                    if stopped.load(Ordering::Relaxed) || !told.unanswered.is_empty() {
                        break;
                    }
                }
                told
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stopped, clients }
    }

    async fn stop(&mut self, told: &mut Told) {
        self.stopped.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let one = client.await.unwrap();
            told.answers.extend(one.answers);
            told.unanswered.extend(one.unanswered);
        }
    }
}

/// Repeats some answered requests and all unanswered ones: the first must get the same
/// answer, the others happened wholly or not at all, and happen now.
async fn check_answers(api: &Api, told: &mut Told) {
    let step = (told.answers.len() / 50).max(1);
    for (key, answer) in told.answers.iter().rev().step_by(step) {
        assert_eq!(api.order(key).await.as_ref(), Some(answer), "{key}");
    }
    for key in std::mem::take(&mut told.unanswered) {
        let answer = api.order(&key).await.expect("the server is up");
        told.answers.insert(key, answer);
    }
}

/// Every order that exists is one that a client knows, and is paid for once.
async fn check_money(api: &Api, told: &Told) {
    let known: BTreeSet<&str> =
        told.answers.values().map(|answer| answer["id"].as_str().unwrap()).collect();
    let numbers: BTreeSet<&str> =
        told.answers.values().map(|a| a["activation"]["number"].as_str().unwrap()).collect();
    assert_eq!((known.len(), numbers.len()), (told.answers.len(), told.answers.len()));
    let mut listed = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/api/v1/orders?limit=100{cursor}")).await;
        for order in page["orders"].as_array().unwrap() {
            listed.insert(order["id"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let listed: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    assert_eq!(listed, known);
    let wallet = api.get("/api/v1/wallet").await;
    let micros =
        |name: &str| nexnum_engine::money::Micros::parse(wallet[name].as_str().unwrap()).unwrap().0;
    let spent = PRICE_MICROS * known.len() as i64;
    assert_eq!((micros("balance"), micros("escrow")), (PURSE_MICROS - spent, spent));
}
