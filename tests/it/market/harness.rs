//! A running server with a customer, an operator and own stock, and a small client.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexnum::clock::Clock;
use nexnum::keys::{self, KeyKind};
use nexnum::market::folder;
use nexnum::market::replay::Decoded;
use nexnum::server::config::Config;
use nexnum::server::{ProviderSetup, Running};
use nexnum_engine::command::IssueKey;
use nexnum_engine::event::Event;
use nexnum_engine::group::{Head, Origin};
use nexnum_engine::ids::{OrderId, Seq};
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use nexnum_storage::keys::KeyFolder;
use nexnum_storage::{Folder, Manifest};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::described;
use crate::rig::client::client;
use crate::rig::server::{self, config, provider};
use crate::rig::set_clock::SetClock;

/// A server under test.
pub(crate) struct Market {
    pub(crate) running: Running,
    pub(crate) admin: Client,
    pub(crate) folder: Arc<TempDir>,
}

/// A key and the server it opens.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    pub(crate) key: String,
}

/// A reply: status and JSON body (null where there is none).
#[derive(Debug)]
pub(crate) struct Answer {
    /// Which of the outcomes that are described it is.
    pub(crate) outcome: String,
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Market {
    /// The path of the activation of an order, by its place among all.
    pub(crate) fn activation(&self, order: u64) -> String {
        let id = self.running.rooms.market.ids.activation(OrderId(order));
        format!("/api/v1/activations/{id}")
    }

    pub(crate) async fn start() -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap()), None, config).await
    }

    /// A market where every key may make so many requests a minute.
    pub(crate) async fn with_quota(requests: u32) -> Self {
        let config = |dir: &Path| {
            let mut config = config(dir);
            config.limits.requests_per_minute = requests.try_into().unwrap();
            config
        };
        Self::start_in(Arc::new(TempDir::new().unwrap()), None, config).await
    }

    /// A market whose own numbers may be cancelled only after so many seconds.
    pub(crate) async fn with_min_cancel_age(seconds: u64) -> Self {
        let config = |dir: &Path| {
            let mut config = config(dir);
            config.own_stock.min_cancel_age_s = seconds;
            config
        };
        Self::start_in(Arc::new(TempDir::new().unwrap()), None, config).await
    }

    /// A market whose callbacks have to be signed.
    pub(crate) async fn with_signed_callbacks() -> Self {
        let config = |dir: &Path| {
            let mut config = config(dir);
            config.own_stock.callback_signature = true;
            config
        };
        Self::start_in(Arc::new(TempDir::new().unwrap()), None, config).await
    }

    /// A market that is connected to a provider that never answers.
    pub(crate) async fn with_silent_provider(name: &str) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        Self::start_with(folder, None, config, vec![silent_provider(name)]).await
    }

    /// A market whose measures have a listener of their own.
    pub(crate) async fn with_metrics_listener() -> Self {
        let config = |dir: &Path| {
            let mut config = config(dir);
            config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
            config
        };
        Self::start_in(Arc::new(TempDir::new().unwrap()), None, config).await
    }

    async fn start_in(
        folder: Arc<TempDir>,
        admin_key: Option<String>,
        config: impl Fn(&Path) -> Config,
    ) -> Self {
        Self::start_with(folder, admin_key, config, Vec::new()).await
    }

    async fn start_with(
        folder: Arc<TempDir>,
        admin_key: Option<String>,
        config: impl Fn(&Path) -> Config,
        providers: Vec<ProviderSetup>,
    ) -> Self {
        let dir = folder.path().join("market");
        let admin_key = match admin_key {
            Some(known) => known,
            None => folder::init(&dir).unwrap().admin_key.reveal().to_owned(),
        };
        let running = server::start(&config(&dir), providers).await;
        let admin = Client::new(&running, &admin_key);
        Self { running, admin, folder }
    }

    /// A market on a machine whose wall clock is set.
    pub(crate) async fn with_clock(shown: &SetClock) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let admin_key = folder::init(&folder.path().join("market")).unwrap().admin_key;
        Self::start_by(shown, folder, admin_key.reveal(), config).await
    }

    /// The same machine after a clean stop.
    pub(crate) async fn restart_with_clock(self, shown: &SetClock) -> Self {
        self.restart_after(shown, |_| {}).await
    }

    /// As [`Market::restart_with_clock`], with something done to the stopped folder.
    pub(crate) async fn restart_after(self, shown: &SetClock, change: impl FnOnce(&Path)) -> Self {
        self.running.stop().await.unwrap();
        change(&self.folder.path().join("market"));
        Self::start_by(shown, self.folder, &self.admin.key, config).await
    }

    /// As [`Market::restart_with_clock`], where what is so many days old is forgotten.
    pub(crate) async fn restart_with_retention(self, shown: &SetClock, days: u32) -> Self {
        self.running.stop().await.unwrap();
        let config = |dir: &Path| {
            let mut config = config(dir);
            config.retention.messages_days = Some(days.try_into().unwrap());
            config
        };
        Self::start_by(shown, self.folder, &self.admin.key, config).await
    }

    async fn start_by(
        shown: &SetClock,
        folder: Arc<TempDir>,
        admin_key: &str,
        config: impl Fn(&Path) -> Config,
    ) -> Self {
        let config = config(&folder.path().join("market"));
        let mut opened = folder::open(&config.data_dir, |_| {}).unwrap();
        let source = Box::new(shown.clone());
        opened.clock = Arc::new(Clock::open_over(source, &config.data_dir, opened.last_at));
        let running = nexnum::server::start(opened, &config, Vec::new()).await.unwrap();
        let admin = Client::new(&running, admin_key);
        Self { running, admin, folder }
    }

    /// Its data folder.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("market")
    }

    /// Stops cleanly and starts again on the same folder.
    pub(crate) async fn restart(self) -> Self {
        self.running.stop().await.unwrap();
        Self::start_in(self.folder, Some(self.admin.key), config).await
    }

    /// Stops and gives what the ledger has: each head, with the kinds of its events.
    pub(crate) async fn stop_and_read(self) -> Vec<(Head, Vec<&'static str>)> {
        self.running.stop().await.unwrap();
        let opened = folder::open(&self.folder.path().join("market"), |_| {}).unwrap();
        let mut read = Vec::new();
        for row in opened.reader.read(Seq(1)).unwrap() {
            let groups = Decoded::from_row(&row.unwrap()).unwrap().groups;
            let kinds = |events: &[Event]| events.iter().map(Event::kind).collect();
            read.extend(groups.iter().map(|(head, events)| (head.clone(), kinds(events))));
        }
        read
    }

    /// A new customer with so much money.
    pub(crate) async fn customer(&self, name: &str, balance: &str) -> Client {
        let opened = self.admin.post("/api/admin/accounts", json!({"name": name})).await;
        let id = opened.created()["id"].as_str().unwrap().to_owned();
        let path = format!("/api/admin/accounts/{id}/keys");
        let issued = self.admin.post(&path, json!({})).await;
        let key = issued.created()["key"].as_str().unwrap().to_owned();
        let path = format!("/api/admin/accounts/{id}/deposits");
        let body = json!({"amount": balance, "reference": format!("purse of {name}")});
        self.admin.post(&path, body).await.created();
        Client::new(&self.running, &key)
    }

    /// Numbers of own stock from `first` on.
    pub(crate) async fn stock(
        &self,
        country: &str,
        service: &str,
        price: &str,
        first: u64,
        count: u64,
    ) {
        let numbers: Vec<String> = (first..first + count).map(|n| format!("+{n}")).collect();
        let body = json!({
            "country": country, "service": service, "price": price, "cost": "0.01",
            "numbers": numbers,
        });
        self.admin.post("/api/admin/stock", body).await.created();
    }

    /// Posts a message to own stock, as a SIM bank does.
    pub(crate) async fn message(&self, number: &str, text: &str) -> Answer {
        let path = self.running.hook_path.expose().to_owned();
        self.admin.post(&path, json!({"number": number, "sender": "Test", "text": text})).await
    }

    /// The keys that values are sealed under, as their files say.
    pub(crate) fn seal_keys(&self) -> Vec<(KeyHandle, KeyOwner)> {
        let folder = Folder::at(self.dir());
        let ledger = Manifest::read(&folder.manifest()).unwrap().id;
        let keys = KeyFolder::at(&folder.keys(), ledger);
        let handles = keys.list().unwrap().handles.into_iter();
        handles.map(|handle| (handle, keys.owner(handle).unwrap().unwrap())).collect()
    }

    /// An operator's key beside the first.
    pub(crate) async fn another_key(&self) -> String {
        let key = keys::generate(KeyKind::Admin).unwrap();
        let (hash, prefix) = (key.sha256(), key.shown().into());
        let issue = IssueKey { account: None, hash, prefix };
        self.running.rooms.market.handle.ask(&Origin::SYSTEM, issue).await.unwrap().unwrap();
        key.reveal().to_owned()
    }
}

/// What the silent provider's key is: to be found nowhere.
pub(crate) const PROVIDER_KEY: &str = "provider-key-that-stays-secret";

fn silent_provider(name: &str) -> ProviderSetup {
    // The discard port: nothing listens there.
    provider(name, "fivesim", "http://127.0.0.1:9", PROVIDER_KEY)
}

impl Client {
    pub(crate) fn new(running: &Running, key: &str) -> Self {
        let _again = rustls::crypto::ring::default_provider().install_default();
        let http = client().build().unwrap();
        Self { http, base: format!("http://{}", running.address), key: key.to_owned() }
    }

    /// The same key, from another address of this machine.
    pub(crate) fn from(&self, running: &Running, address: [u8; 4]) -> Self {
        let http = client().local_address(IpAddr::from(address)).build().unwrap();
        Self { http, base: format!("http://{}", running.address), key: self.key.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    /// An order with an idempotency key.
    pub(crate) async fn order(&self, body: &Value, key: &str) -> Answer {
        let request = self.request(Method::POST, "/api/v1/orders").json(body);
        answer(request.header("idempotency-key", key)).await
    }

    pub(crate) async fn balance(&self) -> (String, String) {
        let wallet = self.get("/api/v1/wallet").await.ok();
        let field = |name: &str| wallet[name].as_str().unwrap().to_owned();
        (field("balance"), field("escrow"))
    }
}

/// Sends it, and holds the answer against the API's description.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let (http, request) = request.build_split();
    let request = request.unwrap();
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let response = http.execute(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    // A terminal that shows it has its prompt on a line of its own.
    let ends = bytes.iter().rev().take_while(|byte| **byte == b'\n').count();
    assert_eq!(ends, usize::from(!bytes.is_empty()), "{method} {path}: {status} {body}");
    let mut answer = Answer { outcome: String::new(), status, body, headers };
    answer.outcome = described::check(&method, &path, &answer);
    answer
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub(crate) fn created(self) -> Value {
        assert_eq!(self.status, StatusCode::CREATED, "{}", self.body);
        self.body
    }

    /// A problem with this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status.as_u16(), &self.body["code"]),
            (status, &json!(code)),
            "{}",
            self.body
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        self.body
    }
}
