//! The HTTP API of the server under chaos, which may be killed while it is asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::rig::client::client;

/// A long poll, and time to answer it.
const TIMEOUT: Duration = Duration::from_secs(40);
/// Far above what starting takes on a busy machine.
const START: Duration = Duration::from_secs(120);
/// Before what was not answered is asked for again.
const UNANSWERED: Duration = Duration::from_millis(100);

/// The API as one key reaches it.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) http: reqwest::Client,
    pub(super) base: Arc<str>,
    pub(super) key: Arc<str>,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Value,
}

impl Api {
    pub(super) fn new(base: &str, key: &str) -> Self {
        let http = client().timeout(TIMEOUT).build().unwrap();
        Self { http, base: base.into(), key: key.into() }
    }

    pub(super) fn with_key(&self, key: &str) -> Self {
        Self { key: key.into(), ..self.clone() }
    }

    /// The answer, or `None` if the connection broke.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Option<Answer> {
        let mut request =
            self.http.request(method, format!("{}/api/{path}", self.base)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.ok()?;
        let status = response.status();
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = response.bytes().await.ok()?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Some(Answer { status, retry_after: retry_after.map(Duration::from_secs), body })
    }

    pub(super) async fn get(&self, path: &str) -> Option<Answer> {
        self.ask(Method::GET, path, None, None).await
    }

    /// The answer of a server that is up, or is starting. On a busy machine a connection may be
    /// idle for as long as the server keeps it: a request that meets its end is sent again.
    pub(super) async fn get_of_running(&self, path: &str) -> Answer {
        let deadline = Instant::now() + START;
        loop {
            if let Some(answer) = self.get(path).await {
                return answer;
            }
            assert!(Instant::now() < deadline, "GET {path} is not answered");
            tokio::time::sleep(UNANSWERED).await;
        }
    }

    pub(super) async fn post(&self, path: &str, body: &Value, key: Option<&str>) -> Option<Answer> {
        self.ask(Method::POST, path, Some(body), key).await
    }
}
