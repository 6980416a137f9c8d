//! The simulated providers over real HTTP: the exact words of three wire formats, and every fault.
//!
//! A file a wire format; what all of them need is here.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails ends the test")]

mod faults;
mod fivesim;
mod handler;
mod smspool;

use std::time::Duration;

use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::Product;
use nexnum_sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;

const HANDLER: usize = 0;
const FIVESIM: usize = 1;
const SMSPOOL: usize = 2;

/// Longer than a loopback call takes on a very busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a call is awaited whose reply will not come.
const IMPATIENCE: Duration = Duration::from_millis(500);

struct Rig {
    sandbox: Sandbox,
    client: reqwest::Client,
}

/// A reply as a client sees it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    content_type: String,
    body: String,
}

impl Rig {
    async fn start(config: SandboxConfig) -> Self {
        // Another test of this binary may have installed it first.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(config).await.unwrap();
        Self {
            sandbox,
            client: reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap(),
        }
    }

    async fn small() -> Self {
        Self::start(SandboxConfig::small(1)).await
    }

    fn key(&self, provider: usize) -> &str {
        &self.sandbox.providers()[provider].key
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Seen> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        Ok(Seen { status, content_type, body: response.text().await? })
    }

    fn get(&self, provider: usize, path: &str) -> reqwest::RequestBuilder {
        let base = &self.sandbox.providers()[provider].base_url;
        self.client.get(format!("{base}{path}"))
    }

    /// A handler call with the right key; its body.
    async fn handler(&self, query: &str) -> String {
        let key = self.key(HANDLER);
        let path = format!("?api_key={key}&{query}");
        let seen = self.send(self.get(HANDLER, &path)).await.unwrap();
        assert_eq!(seen.status, 200);
        seen.body
    }

    async fn fivesim(&self, path: &str) -> Seen {
        let request = self.get(FIVESIM, &format!("/{path}")).bearer_auth(self.key(FIVESIM));
        self.send(request).await.unwrap()
    }

    async fn fivesim_json(&self, path: &str) -> Value {
        let seen = self.fivesim(path).await;
        assert_eq!((seen.status, seen.content_type.as_str()), (200, "application/json"));
        serde_json::from_str(&seen.body).unwrap()
    }

    async fn smspool(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let base = &self.sandbox.providers()[SMSPOOL].base_url;
        let mut form = vec![("key", self.key(SMSPOOL))];
        form.extend(fields);
        let request = self.client.post(format!("{base}{path}")).form(&form);
        let seen = self.send(request).await.unwrap();
        assert_eq!((seen.status, seen.content_type.as_str()), (200, "application/json"));
        serde_json::from_str(&seen.body).unwrap()
    }

    async fn buy_handler(&self) -> (String, String) {
        let reply = self.handler("action=getNumber&service=tg&country=6").await;
        let mut parts = reply.split(':');
        assert_eq!(parts.next(), Some("ACCESS_NUMBER"), "{reply}");
        (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned())
    }

    async fn buy_smspool(&self) -> String {
        let bought = self.smspool("/purchase/sms", &[("country", "9"), ("service", "907")]).await;
        assert_eq!(bought["success"], 1, "{bought}");
        bought["order_id"].as_str().unwrap().to_owned()
    }
}

fn staple() -> Product {
    let catalog = Catalog::load();
    Product::activation(
        catalog.country_by_iso("ID").unwrap(),
        catalog.service_by_slug("telegram").unwrap(),
    )
}

/// Messages come after a minute, cancels are allowed after two: time moves by hand.
fn slow() -> SandboxConfig {
    SandboxConfig { sms_delay_ms: 60_000..=60_000, ..SandboxConfig::small(1) }
}
