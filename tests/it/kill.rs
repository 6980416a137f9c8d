//! `kill -9` on the real binary under load, over and over: no order, cancel or message that
//! was acknowledged is lost, nothing is doubled, the money adds up.
//!
//! `NEXNUM_KILL_ROUNDS` sets the rounds (20), `NEXNUM_KILL_SEED` what the delays grow from.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nexnum::market::folder;
use nexnum_engine::ids::Seq;
use nexnum_engine::money::Micros;
use nexnum_storage::Folder;
use nexnum_storage::secrets::SecretBytes;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::client::client;
use crate::rig::machine;
use crate::rig::process::{KilledOnDrop, nexnum};

const CLIENTS: u64 = 8;
/// The longest load of a round is a third of a second, and each client waits for the disk
/// with every order: 8 clients place a few thousand at best. Money and stock for more than
/// that are there in every round, however many rounds are asked for.
const ROUND_ORDERS_MAX: u64 = 15_000;
const PRICE_MICROS: i64 = 10_000;
const FIRST_NUMBER: u64 = 62_810_000_000;
/// The callback's token, put where the first start would put one that it draws.
const HOOK_TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The real server as a process.
struct Server {
    _process: KilledOnDrop,
    base: String,
}

impl Server {
    fn start(config: &Path) -> Self {
        let mut process = nexnum()
            .args(["serve", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("listening on ").expect("it says where").to_owned();
        Self { _process: KilledOnDrop(process), base }
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

    /// Does it to an order; the same again changes nothing. `None` if the connection broke.
    async fn act(&self, deed: Deed, order: &Value) -> Option<()> {
        let id = order["id"].as_str().unwrap();
        let (path, body) = match deed {
            Deed::Keep => return Some(()),
            Deed::Cancel => (format!("/api/v1/activations/{id}/cancel"), json!({})),
            Deed::Message => {
                let number = &order["activation"]["number"];
                let body = json!({"number": number, "sender": "Test", "text": text(id), "id": id});
                (format!("/hooks/providers/own/{HOOK_TOKEN}"), body)
            }
        };
        let (status, answer) = self.post(&path, &body, None).await?;
        assert_eq!(status, StatusCode::OK, "{deed:?} {id}: {answer}");
        Some(())
    }
}

/// What comes in for an order.
fn text(id: &str) -> String {
    format!("Your code for order {id} is 48213")
}

/// What a client does with an order that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Keep,
    Cancel,
    Message,
}

impl Deed {
    const fn of(order: u64) -> Self {
        match order % 4 {
            1 => Self::Cancel,
            3 => Self::Message,
            _ => Self::Keep,
        }
    }

    /// Order and activation as they are shown afterwards.
    const fn shown(self) -> (&'static str, &'static str) {
        match self {
            Self::Keep => ("PLACED", "ACTIVE"),
            Self::Cancel => ("REFUNDED", "CANCELLED"),
            Self::Message => ("DELIVERED", "RECEIVED"),
        }
    }
}

/// What the clients were told, and what they asked without hearing.
#[derive(Default)]
struct Told {
    /// The answer to an order's key, and what was acknowledged after it.
    answers: BTreeMap<String, (Value, Deed)>,
    unanswered: BTreeSet<String>,
    undone: BTreeMap<String, (Value, Deed)>,
}

impl Told {
    async fn order_and_act(&mut self, api: &Api, key: String, deed: Deed) {
        let Some(answer) = api.order(&key).await else {
            self.unanswered.insert(key);
            return;
        };
        let done = api.act(deed, &answer).await;
        let known = if done.is_some() { &mut self.answers } else { &mut self.undone };
        known.insert(key, (answer, deed));
    }

    fn is_cut_off(&self) -> bool {
        !self.unanswered.is_empty() || !self.undone.is_empty()
    }

    fn count(&self, wanted: Deed) -> usize {
        self.answers.values().filter(|(_, deed)| *deed == wanted).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_by_kill_9() {
    let _machine = machine::alone().await;
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
    std::fs::write(&config, CONFIG).unwrap();
    let mut server = Server::start(&config);
    let http = client().build().unwrap();
    let mut admin = Api { http, base: server.base.clone(), key: admin_key };
    let purse = Micros(PRICE_MICROS * (rounds * ROUND_ORDERS_MAX) as i64);
    let mut api = Api { key: prepare(&admin, purse).await, ..admin.clone() };
    let (mut told, mut stocked) = (Told::default(), 0);
    for round in 0..rounds {
        let wanted = told.answers.len() as u64 + ROUND_ORDERS_MAX;
        stock(&admin, stocked..wanted).await;
        stocked = wanted;
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let delay = Duration::from_millis(30 + (seed >> 33) % 300);
        let mut load = Load::start(&api, round);
        tokio::time::sleep(delay).await;
        drop(server);
        check_tip(&Folder::at(&data));
        load.stop(&mut told).await;
        server = Server::start(&config);
        api.base.clone_from(&server.base);
        admin.base.clone_from(&server.base);
        check_answers(&api, &mut told).await;
    }
    check_orders(&api, &told).await;
    check_wallet(&api, &told, purse).await;
    drop(server);
    let verified = nexnum().arg("verify").arg(&data).output();
    let verified = verified.unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let counts = [Deed::Keep, Deed::Cancel, Deed::Message].map(|deed| told.count(deed));
    assert!(counts.iter().all(|count| *count > rounds as usize), "there was a load: {counts:?}");
}

/// The tip is never ahead of the ledger, and behind it by the last row at most, which was
/// not acknowledged then: so an older end of the ledger would be noticed.
fn check_tip(folder: &Folder) {
    let known = folder::manifest(folder).unwrap();
    let reader = folder::open_reader(folder, &known).unwrap();
    reader.check_end(&known).unwrap();
    let after = reader.read(Seq(known.known.seq.0 + 1)).unwrap();
    assert!(after.map(Result::unwrap).count() <= 1, "the tip is at {}", known.known.seq);
}

/// A number may be given back at once.
const CONFIG: &str = "listen = \"127.0.0.1:0\"\n[own_stock]\nmin_cancel_age_s = 0\n";

fn init(data: &Path) -> String {
    let made = nexnum().args(["init", "--json"]).arg(data).output().unwrap();
    let told: Value = serde_json::from_slice(&made.stdout).unwrap();
    let secrets = folder::secrets(&Folder::at(data)).unwrap();
    secrets.put("hook.own", &SecretBytes::new(HOOK_TOKEN.into())).unwrap();
    told["admin_key"].as_str().unwrap().to_owned()
}

async fn created(admin: &Api, path: &str, body: Value) -> Value {
    let (status, answer) = admin.post(path, &body, None).await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer
}

/// A customer with a key and money.
async fn prepare(admin: &Api, purse: Micros) -> String {
    created(admin, "/api/admin/accounts", json!({"name": "a"})).await;
    let key = created(admin, "/api/admin/accounts/1/keys", json!({})).await;
    let deposit = json!({"amount": purse.to_string(), "reference": "p"});
    created(admin, "/api/admin/accounts/1/deposits", deposit).await;
    key["key"].as_str().unwrap().to_owned()
}

/// Something to buy: as many numbers as the range is long.
async fn stock(admin: &Api, range: std::ops::Range<u64>) {
    let numbers: Vec<String> = range.map(|n| format!("{}", FIRST_NUMBER + n)).collect();
    if !numbers.is_empty() {
        let stock =
            json!({"country": "ID", "service": "telegram", "price": "0.01", "numbers": numbers});
        created(admin, "/api/admin/stock", stock).await;
    }
}

/// Clients that buy, cancel and receive as fast as they are answered.
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
                    told.order_and_act(&api, key, Deed::of(order)).await;
                    if stopped.load(Ordering::Relaxed) || told.is_cut_off() {
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
            told.undone.extend(one.undone);
        }
    }
}

/// Repeats some answered requests and all unanswered ones: the first must get the same
/// answer, the others happened wholly or not at all, and happen now.
async fn check_answers(api: &Api, told: &mut Told) {
    let step = (told.answers.len() / 50).max(1);
    for (key, (answer, deed)) in told.answers.iter().rev().step_by(step) {
        assert_eq!(api.order(key).await.as_ref(), Some(answer), "{key}");
        api.act(*deed, answer).await.expect("the server is up");
    }
    for (key, (answer, deed)) in std::mem::take(&mut told.undone) {
        assert_eq!(api.order(&key).await.as_ref(), Some(&answer), "{key}");
        api.act(deed, &answer).await.expect("the server is up");
        told.answers.insert(key, (answer, deed));
    }
    for key in std::mem::take(&mut told.unanswered) {
        let answer = api.order(&key).await.expect("the server is up");
        told.answers.insert(key, (answer, Deed::Keep));
    }
}

/// What is listed is what clients were told, order by order, and nothing else.
async fn check_orders(api: &Api, told: &Told) {
    let known = told.answers.values().map(|(answer, deed)| {
        let (status, state) = deed.shown();
        let id = answer["id"].as_str().unwrap();
        let texts = if *deed == Deed::Message { vec![text(id)] } else { Vec::new() };
        (id.to_owned(), shown(answer, status, state, texts))
    });
    let known: BTreeMap<String, Value> = known.collect();
    assert_eq!(known.len(), told.answers.len(), "two keys were told of one order");
    let held: Vec<_> = told.answers.values().filter(|(_, deed)| *deed != Deed::Cancel).collect();
    let numbers: BTreeSet<&str> =
        held.iter().map(|(a, _)| a["activation"]["number"].as_str().unwrap()).collect();
    assert_eq!(numbers.len(), held.len(), "a number was sold to two");
    let listed = list(api).await;
    assert_eq!(listed.len(), known.len(), "orders");
    for (id, order) in known {
        assert_eq!(listed.get(&id), Some(&order), "order {id}");
    }
}

/// The fields that are compared.
fn shown(order: &Value, status: &str, state: &str, texts: Vec<String>) -> Value {
    let (price, number) = (&order["price"], &order["activation"]["number"]);
    json!({"price": price, "number": number, "status": status, "state": state, "texts": texts})
}

/// Every order that the server lists, by id.
async fn list(api: &Api) -> BTreeMap<String, Value> {
    let (mut listed, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = api.get(&format!("/api/v1/orders?limit=100{cursor}")).await;
        for order in page["orders"].as_array().unwrap() {
            let activation = &order["activation"];
            let messages = activation["messages"].as_array().unwrap().iter();
            let texts = messages.map(|message| message["text"].as_str().unwrap().to_owned());
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            let (status, state) = (word(&order["status"]), word(&activation["state"]));
            let again =
                listed.insert(word(&order["id"]), shown(order, &status, &state, texts.collect()));
            assert_eq!(again, None, "an order is listed twice");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return listed,
        }
    }
}

/// Orders without a message are in escrow, those with one are paid, cancelled ones cost nothing.
async fn check_wallet(api: &Api, told: &Told, purse: Micros) {
    let wallet = api.get("/api/v1/wallet").await;
    let micros = |name: &str| Micros::parse(wallet[name].as_str().unwrap()).unwrap().0;
    let sum = |deed| PRICE_MICROS * told.count(deed) as i64;
    let (held, paid) = (sum(Deed::Keep), sum(Deed::Message));
    assert_eq!((micros("balance"), micros("escrow")), (purse.0 - held - paid, held));
}
