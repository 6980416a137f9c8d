//! A whole server in a bench's own process, and who calls it over HTTP.

use std::path::Path;
use std::time::Duration;

use nexnum::market::folder;
use nexnum::server::config::Config;
use nexnum::server::{self, ProviderSetup, Running};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// Starts the server of a data folder with these providers, on a free port.
pub(crate) async fn start(data_dir: &Path, providers: Vec<ProviderSetup>) -> Running {
    let config = Config {
        listen: "127.0.0.1:0".parse().expect("an address"),
        data_dir: data_dir.to_owned(),
        ..Config::default()
    };
    let opened = folder::open(data_dir, |_| {}).expect("the folder is sound");
    let count = providers.len();
    let running = server::start(opened, &config, providers).await.expect("the server starts");
    let connected = running.rooms.orders.providers.list();
    let (rows, _) = running.rooms.market.attention.rows(count);
    assert_eq!(connected.len(), count, "all are connected: {rows:?}");
    while connected.iter().any(|provider| provider.health().last_sync_at.is_none()) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    running
}

/// A caller with a key.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Client {
    pub(crate) fn of(running: &Running, key: String) -> Self {
        let base = format!("http://{}", running.address);
        Self { http: reqwest::Client::new(), base, key }
    }

    /// A customer who can pay for all; the client itself is the operator's.
    pub(crate) async fn customer(&self) -> Self {
        let (_, account) = self.post("/api/admin/accounts", json!({"name": "bench"})).await;
        let path = format!("/api/admin/accounts/{}", account["id"].as_str().expect("an id"));
        let deposit = json!({"amount": "1000000", "reference": "purse"});
        self.post(&format!("{path}/deposits"), deposit).await;
        let (_, key) = self.post(&format!("{path}/keys"), json!({})).await;
        Self { key: key["key"].as_str().expect("a key").to_owned(), ..self.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    /// An answer's status and body.
    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, text) = sent(self.request(Method::POST, path).json(&body)).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// An answer's status and text.
pub(crate) async fn sent(request: RequestBuilder) -> (u16, String) {
    let reply = request.send().await.expect("the server answers");
    (reply.status().as_u16(), reply.text().await.unwrap_or_default())
}
