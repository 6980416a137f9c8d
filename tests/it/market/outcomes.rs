//! Every outcome that the description promises is provoked, or said here to be out of reach.

use nexnum::attention::AttentionKind;
use nexnum_engine::ids::OrderId;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::described::{Operation, operations};
use super::harness::{Client, Market, PROVIDER_KEY, answer};

/// Codes that mean the same on every route: seen once is seen enough.
const GENERAL: [&str; 9] = [
    "unauthorized",
    "forbidden",
    "rate_limited",
    "invalid_header",
    "invalid_parameter",
    "repeated_parameter",
    "unknown_parameter",
    "malformed_json",
    "body_too_large",
];

/// Codes that a market of own stock on a healthy machine does not give, and who tries them.
const ELSEWHERE: [(&str, &str); 13] = [
    ("malformed_request", "http_limits"),
    ("body_timeout", "http_limits"),
    ("overloaded", "operations.rs, http_limits"),
    ("request_in_flight", "idempotency.rs, which is a race"),
    ("no_number_yet", "fulfilment/cancel.rs: own stock gives its number at once"),
    ("not_supported", "fulfilment: the drivers' matter"),
    ("provider_unavailable", "fulfilment"),
    ("provider_busy", "fulfilment/busy.rs"),
    ("providers_busy", "fulfilment/busy.rs"),
    ("internal_error", "a history that cannot be read, no randomness"),
    ("outcome_unknown", "a server that stops under the request"),
    ("exhausted", "the engine's own tests: millions of rows"),
    ("duplicate_key", "two keys drawn alike"),
];

/// Outcomes of one route that a market of own stock does not give.
const OUT_OF_REACH: [(&str, &str); 3] = [
    ("POST /api/v1/activations/{id}/cancel 409 too_late_to_cancel", "a provider's own word"),
    ("POST /api/admin/stock 409 duplicate_offer", "two loads that list an offer at once"),
    ("POST /api/v1/activations/{id}/resend 409 too_early_to_resend", "a provider's own word"),
];

/// The id at a path's end.
fn kept_id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// A market, its clients, and the answers that have been seen.
struct Tour {
    market: Market,
    buyer: Client,
    stranger: Client,
    seen: BTreeSet<String>,
}

impl Tour {
    async fn begin() -> Self {
        let market = Market::start().await;
        market.stock("ID", "telegram", "0.30", 62_810_000_000, 9).await;
        let buyer = market.customer("buyer", "2").await;
        let stranger = Client::new(&market.running, "nx_live_0000000000000000000000000");
        Self { market, buyer, stranger, seen: BTreeSet::new() }
    }

    /// The client whose key opens this route.
    fn client(&self, path: &str) -> &Client {
        if path.starts_with("/api/v1") { &self.buyer } else { &self.market.admin }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Value {
        let answer = answer(request).await;
        self.seen.insert(answer.outcome);
        answer.body
    }

    async fn get(&mut self, path: &str) -> Value {
        let request = self.client(path).request(Method::GET, path);
        self.send(request).await
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        let request = self.client(path).request(Method::POST, path).json(&body);
        self.send(request).await
    }

    async fn delete(&mut self, path: &str) -> Value {
        let request = self.client(path).request(Method::DELETE, path);
        self.send(request).await
    }

    /// What every route does with a wrong key, query or body.
    async fn every_route(&mut self) {
        for operation in operations() {
            let path = self.filled(&operation);
            let method: Method = operation.method.to_uppercase().parse().unwrap();
            let right = self.client(&path).clone();
            let wrong = if path.starts_with("/api/v1") { &self.market.admin } else { &self.buyer };
            let secured = operation.described["security"] != json!([]);
            let mut requests = vec![right.request(method.clone(), &format!("{path}?nope=1"))];
            if secured {
                requests.push(wrong.request(method.clone(), &path));
                requests.push(self.stranger.request(method.clone(), &path));
                let twice = right.request(method.clone(), &path);
                requests.push(twice.header("x-api-key", "another"));
            }
            if method != Method::GET {
                let post = || right.request(method.clone(), &path);
                requests.push(post().body(vec![b' '; 100_000]));
                requests.push(post().body("{"));
                requests.push(post().json(&json!({"nope": 1})));
                requests.push(post().json(&json!([])));
            }
            for request in requests {
                self.send(request).await;
            }
        }
    }

    /// A path of the template that leads to something.
    fn filled(&self, operation: &Operation) -> String {
        let hook = self.market.running.hook_path.expose();
        if operation.template.starts_with("/hooks") {
            return hook.to_owned();
        }
        operation.template.replace("{id}", "1").replace("{name}", "none")
    }

    async fn reads(&mut self) {
        for path in [
            "/",
            "/docs",
            "/docs/docs.js",
            "/docs/docs.css",
            "/health/live",
            "/health/plain",
            "/health/ready",
            "/openapi.json",
            "/metrics",
            "/api/v1/countries",
            "/api/v1/services",
            "/api/v1/wallet",
            "/api/v1/offers?country=ID&service=tg",
            "/api/v1/offers?country=ID",
            "/api/v1/offers?country=XX&service=tg",
            "/api/v1/offers?country=ID&service=nope",
            "/api/v1/offers?country=ID&country=ID&service=tg",
            "/api/v1/quotes?country=ID&service=tg",
            "/api/v1/quotes?country=XX&service=tg",
            "/api/v1/quotes?country=ID&service=nope",
            "/api/v1/quotes?country=ID&service=tg&carrier=nope",
            "/api/v1/quotes?country=ID&service=tg&max_price=-1",
            "/api/v1/search?q=telegram+indonesia",
            "/api/v1/search",
            "/api/v1/search?q=tg&limit=51",
            "/api/v1/orders",
            "/api/v1/orders?limit=1",
            "/api/v1/orders?limit=0",
            "/api/v1/orders/99",
            "/api/v1/day-roots",
            "/api/v1/day-roots?cursor=x",
            "/api/v1/activations",
            "/api/v1/activations?state=NOPE",
            "/api/v1/activations/99",
            "/api/v1/wallet/transactions",
            "/api/v1/wallet/transactions?cursor=x",
            "/api/admin/accounts",
            "/api/admin/callbacks?limit=1",
            "/api/admin/callbacks?state=waiting",
            "/api/admin/callbacks?state=nope",
            "/api/admin/attention",
            "/api/admin/providers",
        ] {
            self.get(path).await;
        }
        let ids = self.market.running.rooms.market.ids.clone();
        let (one, none) = (ids.order(OrderId(1)), ids.order(OrderId(99)));
        for path in [
            format!("/api/v1/orders/{one}"),
            format!("/api/v1/orders/{none}"),
            format!("/api/v1/orders/{one}/receipt"),
            format!("/api/v1/orders/{none}/receipt"),
            self.market.activation(1),
            self.market.activation(99),
            format!("{}?wait=99", self.market.activation(1)),
        ] {
            self.get(&path).await;
        }
        let known = self.market.admin.request(Method::GET, "/openapi.json");
        self.send(known.header("if-none-match", "*")).await;
    }

    /// Orders 1 to 3 come to their three ends; nothing else has a place here.
    async fn orders(&mut self) {
        let path = "/api/v1/orders";
        let wish = |more: Value| {
            let mut wish = json!({"country": "ID", "service": "tg"});
            wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            wish
        };
        for _ in 0..3 {
            self.post(path, wish(json!({}))).await;
        }
        for more in [
            json!({"country": "XX"}),
            json!({"service": "nope"}),
            json!({"carrier": "nope"}),
            json!({"max_price": "0"}),
            json!({"max_price": "0.2"}),
            json!({"country": "US"}),
        ] {
            self.post(path, wish(more)).await;
        }
        for more in [json!({}), json!({"max_price": "1"})] {
            let keyed = self.buyer.request(Method::POST, path).header("idempotency-key", "k");
            self.send(keyed.json(&wish(more))).await;
        }
        let long =
            self.buyer.request(Method::POST, path).header("idempotency-key", "k".repeat(256));
        self.send(long.json(&wish(json!({})))).await;
        self.market.stock("MC", "signal", "9", 37_790_000_000, 1).await;
        self.post(path, json!({"country": "MC", "service": "signal"})).await;
    }

    async fn activations(&mut self) {
        let act = |market: &Market, id, deed: &str| format!("{}/{deed}", market.activation(id));
        for deed in ["finish", "resend"] {
            self.post(&act(&self.market, 1, deed), json!({})).await;
        }
        self.hook(json!({"number": "+62810000000", "text": "code 12345", "id": "m1"})).await;
        for (id, deed) in [
            (1, "cancel"),
            (1, "resend"),
            (1, "finish"),
            (1, "finish"),
            (1, "cancel"),
            (1, "resend"),
            (2, "cancel"),
            (2, "cancel"),
            (2, "finish"),
            (99, "cancel"),
            (99, "finish"),
            (99, "resend"),
        ] {
            self.post(&act(&self.market, id, deed), json!({})).await;
        }
        let tour = Market::with_min_cancel_age(120).await;
        tour.stock("ID", "telegram", "0.30", 62_810_000_000, 1).await;
        let early = tour.customer("early", "1").await;
        early.post("/api/v1/orders", json!({"country": "ID", "service": "tg"})).await.created();
        let refused = early.post(&act(&tour, 1, "cancel"), json!({})).await;
        self.seen.insert(refused.outcome.clone());
        let problem = refused.refused(409, "too_early_to_cancel");
        let from = early.get(&tour.activation(1)).await.ok()["cancel_from"].clone();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(from.as_str().unwrap()), "{problem}: {from}");
        assert_eq!(problem["retryable"], true);
        assert_eq!(early.balance().await, ("0.700000".to_owned(), "0.300000".to_owned()));
        tour.running.stop().await.unwrap();
    }

    async fn hook(&mut self, body: Value) {
        let path = self.market.running.hook_path.expose().to_owned();
        self.post(&path, body).await;
    }

    async fn callbacks(&mut self) {
        for body in [
            json!({"number": "+62810000000", "text": "code 12345", "id": "m1"}),
            json!({"number": "x", "text": "t"}),
            json!({"number": "+62810000000", "text": "t", "service": "nope"}),
            json!({"number": "+4912345678", "text": "t"}),
            json!({"number": "+62810000000", "text": ""}),
        ] {
            self.hook(body).await;
        }
        let path = self.market.running.hook_path.expose().to_owned();
        let signed = self.market.admin.request(Method::POST, &path);
        let body = json!({"number": "+62810000000", "text": "t"});
        self.send(signed.header("x-nexnum-signature", "sha256=00").json(&body)).await;
        self.post("/api/admin/callback/rotate", json!({"grace_s": 3600})).await;
        self.post("/api/admin/callback/rotate", json!({"grace_s": 3_000_000})).await;
        // One number, open for two services.
        for service in ["telegram", "whatsapp"] {
            let stock = json!({
                "country": "FR", "service": service, "price": "0.1", "numbers": ["+33600000001"],
            });
            self.post("/api/admin/stock", stock).await;
            self.post("/api/v1/orders", json!({"country": "FR", "service": service})).await;
        }
        self.hook(json!({"number": "+33600000001", "text": "code 12345"})).await;
        // One that is clearly of another service than its number's.
        self.market.stock("DE", "telegram", "0.1", 4_915_700_000_000, 1).await;
        self.post("/api/v1/orders", json!({"country": "DE", "service": "telegram"})).await;
        self.hook(json!({"number": "+4915700000000", "text": "WhatsApp code 12345"})).await;
        // What could not be processed is tried again: in the order in which it came.
        let kept = self.get("/api/admin/callbacks?limit=100").await;
        for callback in kept["callbacks"].as_array().unwrap() {
            let path = format!("/api/admin/callbacks/{}/process", callback["id"].as_str().unwrap());
            self.post(&path, json!({})).await;
        }
        let path = format!(
            "/api/admin/callbacks/{}/process",
            kept["callbacks"][0]["id"].as_str().unwrap()
        );
        self.post(&path, json!({"service": "nope"})).await;
        self.post(&path, json!({"service": "telegram"})).await;
        self.post(&path, json!({"service": "telegram"})).await;
        let path = path.strip_suffix("/process").unwrap();
        self.hook(json!({"number": "x", "text": "t", "id": "discarded"})).await;
        let kept = self.get("/api/admin/callbacks?limit=1").await;
        let last = kept["callbacks"][0]["id"].as_str().unwrap();
        let path = path.replace(kept_id(path), last);
        self.delete(&path).await;
        self.delete(&path).await;
    }

    async fn provider_payments(&mut self) {
        for (provider, reference, amount) in [
            ("own", "p", "1"),
            ("own", "p", "2"),
            ("own", "q", "0"),
            ("own", "", "1"),
            ("unheard", "s", "1"),
        ] {
            let payment = json!({"amount": amount, "reference": reference});
            self.post(&format!("/api/admin/providers/{provider}/payments"), payment).await;
        }
        let odd = json!({"amount": "1", "reference": "t", "odd": 1});
        self.post("/api/admin/providers/own/payments", odd).await;
    }

    async fn operators(&mut self) {
        self.market.running.rooms.orders.market.attention.raise(
            AttentionKind::KeyMissing,
            "own",
            "no key",
        );
        let accounts = "/api/admin/accounts";
        for body in [
            json!({"name": "second"}),
            json!({"name": "second"}),
            json!({"name": ""}),
            json!({"name": "third", "credit_limit": "x"}),
            json!({"name": "fourth", "credit_limit": "1000000001"}),
        ] {
            self.post(accounts, body).await;
        }
        for id in [2, 99, 0] {
            self.post(&format!("{accounts}/{id}/keys"), json!({})).await;
            let deposit = json!({"amount": "1", "reference": "r"});
            self.post(&format!("{accounts}/{id}/deposits"), deposit).await;
        }
        for body in [
            json!({"amount": "2", "reference": "r"}),
            json!({"amount": "0", "reference": "s"}),
            json!({"amount": "1", "reference": ""}),
        ] {
            self.post(&format!("{accounts}/2/deposits"), body).await;
        }
        self.provider_payments().await;
        for key in ["1", "3", "99", "x"] {
            self.delete(&format!("/api/admin/keys/{key}")).await;
        }
        for body in [
            json!({"kind": "end_left", "order": "7"}),
            json!({"kind": "key_missing", "provider": "own"}),
            json!({"kind": "nope"}),
            json!({"kind": "end_left", "order": "x"}),
        ] {
            self.post("/api/admin/attention/settle", body).await;
        }
        for asked in ["sync", "accept-prices"] {
            self.post(&format!("/api/admin/providers/own/{asked}"), json!({})).await;
        }
        self.post("/api/admin/clock/accept", json!({})).await;
        let new = |more: Value| {
            let mut new = json!({
                "country": "ID", "service": "tg", "price": "0.3", "numbers": ["+62820000000"],
            });
            new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            new
        };
        for more in [
            json!({}),
            json!({}),
            json!({"country": "XX"}),
            json!({"service": "nope"}),
            json!({"price": "0"}),
            json!({"price": "5000"}),
            json!({"cost": "0.4"}),
            json!({"numbers": ["x"]}),
            json!({"numbers": ["+14155550100"]}),
            json!({"numbers": []}),
        ] {
            self.post("/api/admin/stock", new(more)).await;
        }
    }

    /// A provider that is connected and not heard, as the operator sees it.
    async fn providers(&mut self) {
        let market = Market::with_silent_provider("silent").await;
        let (sync, accept) = ["sync", "accept-prices"]
            .map(|asked| format!("/api/admin/providers/silent/{asked}"))
            .into();
        let synced = market.admin.post(&sync, json!({})).await;
        self.seen.insert(synced.outcome);
        let accepted = market.admin.post(&accept, json!({})).await;
        self.seen.insert(accepted.outcome);
        let silent = market.running.rooms.orders.providers.by_name("silent").unwrap().id();
        assert!(market.running.providers.set_enabled(silent, false));
        for asked in [sync, accept] {
            let asked = market.admin.post(&asked, json!({})).await;
            self.seen.insert(asked.outcome.clone());
            let refused = asked.refused(409, "provider_disabled");
            assert!(refused["detail"].as_str().unwrap().contains("\"silent\""), "{refused}");
        }
        assert!(market.running.providers.set_enabled(silent, true));
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let listed = market.admin.get("/api/admin/providers").await.ok();
            let silent = &listed["providers"][1];
            assert_eq!((&silent["name"], &silent["driver"]), (&json!("silent"), &json!("fivesim")));
            if silent["errors"] != json!([]) {
                assert!(!listed.to_string().contains(PROVIDER_KEY), "{listed}");
                break;
            }
            assert!(Instant::now() < deadline, "its silence is told: {listed}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        market.running.stop().await.unwrap();
    }

    /// The description's outcomes that have not been seen and should have been.
    fn missing(&self) -> Vec<String> {
        let codes = GENERAL.iter().chain(ELSEWHERE.iter().map(|(code, _)| code));
        let excused: Vec<&str> = codes.copied().collect();
        let all = operations().flat_map(|operation| operation.outcomes());
        let code = |label: &str| label.rsplit(' ').next().unwrap_or_default().to_owned();
        let reachable = all.filter(|label| OUT_OF_REACH.iter().all(|(other, _)| other != label));
        let unseen = reachable.filter(|label| !self.seen.contains(label));
        let mut missing: Vec<String> =
            unseen.filter(|label| !excused.contains(&code(label).as_str())).collect();
        let somewhere: BTreeSet<String> = self.seen.iter().map(|label| code(label)).collect();
        let never = GENERAL.iter().filter(|code| !somewhere.contains(**code));
        missing.extend(never.map(|code| format!("{code}, anywhere")));
        missing
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_described_outcome_is_given_and_every_given_one_is_described() {
    let mut tour = Tour::begin().await;
    tour.orders().await;
    tour.activations().await;
    tour.callbacks().await;
    tour.reads().await;
    tour.operators().await;
    tour.providers().await;
    tour.every_route().await;
    let limited = Market::with_quota(1).await;
    for _ in 0..2 {
        let outcome = limited.admin.get("/api/admin/accounts").await.outcome;
        tour.seen.insert(outcome);
    }
    limited.running.stop().await.unwrap();
    let missing = tour.missing();
    tour.market.running.stop().await.unwrap();
    assert!(missing.is_empty(), "described and never seen:\n{}", missing.join("\n"));
}
