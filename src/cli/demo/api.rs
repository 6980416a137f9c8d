//! A client of the demo's HTTP API, as the program of a customer would be one.
//!
//! Promises: it heeds `Retry-After`: an answer that has one is given when those seconds are
//! over. Leaves to others: what is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// A long poll of 30 s, and time to answer it.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Half of what the server keeps an idle connection for, so that no request meets its end.
const IDLE: Duration = Duration::from_secs(5);
/// Pause after a request without an answer, as while the server stops.
const UNANSWERED_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause at the server's wish: a demo is watched meanwhile.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The API, as one customer reaches it.
#[derive(Clone, Debug)]
pub(super) struct Api {
    http: Client,
    base: Arc<str>,
    key: Arc<str>,
    busy: Arc<AtomicU64>,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

/// Connections to this machine, for all buyers: no proxy stands between, whatever the
/// environment says.
///
/// # Errors
/// The client cannot be set up.
pub(super) fn connections(base_url: &str) -> Result<Client, reqwest::Error> {
    let builder = Client::builder().timeout(TIMEOUT).no_proxy().pool_idle_timeout(IDLE);
    crate::provider::transport::client_for(base_url, builder)
}

impl Api {
    /// A customer's; `busy` counts the requests that are refused for now.
    pub(super) fn new(http: Client, base: &str, key: &str, busy: Arc<AtomicU64>) -> Self {
        Self { http, base: base.into(), key: key.into(), busy }
    }

    /// Reads something.
    pub(super) async fn get(&self, path: &str) -> Option<Answer> {
        self.ask(Method::GET, path, None).await
    }

    /// Does something.
    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> Option<Answer> {
        self.ask(Method::POST, path, body).await
    }

    /// The answer, if there is one.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Option<Answer> {
        let url = format!("{}/api/v1/{path}", self.base);
        let request = self.http.request(method, url).bearer_auth(&self.key);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let Ok(answer) = Self::exchange(request).await else {
            tokio::time::sleep(UNANSWERED_PAUSE).await;
            return None;
        };
        let (answer, pause) = answer;
        if let Some(pause) = pause {
            if matches!(
                answer.status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            ) {
                // A count beside others: relaxed.
                self.busy.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(pause.min(PAUSE_MAX)).await;
        }
        Some(answer)
    }

    /// The answer, and the pause that it asks for.
    async fn exchange(
        request: reqwest::RequestBuilder,
    ) -> Result<(Answer, Option<Duration>), reqwest::Error> {
        let response = request.send().await?;
        let status = response.status();
        let pause = response.headers().get(reqwest::header::RETRY_AFTER);
        let pause = pause.and_then(|value| value.to_str().ok()?.parse().ok());
        let pause = pause.map(Duration::from_secs);
        let bytes = response.bytes().await?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok((Answer { status, body }, pause))
    }
}
