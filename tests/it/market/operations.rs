//! What an operator's tools read: readiness and measures.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use reqwest::Method;
use serde_json::json;

use super::harness::{Client, Market, PROVIDER_KEY, answer};
use crate::rig::client::client;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_not_ready_and_still_answers() {
    let market = Market::start().await;
    let buyer = market.customer("a", "1").await;
    let ready = buyer.get("/health/ready").await.ok();
    assert_eq!(ready["status"], "ready");
    let loops = ready["loops"].as_array().unwrap();
    let names: Vec<&str> = loops.iter().map(|each| each["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "attend",
            "callbacks",
            "commit",
            "days",
            "decide",
            "forget",
            "history",
            "poll",
            "rotate",
            "shown",
            "snapshot",
            "terms"
        ]
    );
    let sound = |each: &serde_json::Value| {
        each["panics"] == 0 && each["age_ms"].as_u64().is_some_and(|age_ms| age_ms < 30_000)
    };
    assert!(loops.iter().all(sound), "{ready}");
    market.running.rooms.market.stopping.raise();
    let answer = buyer.get("/health/ready").await;
    assert_eq!(answer.headers["retry-after"], "1");
    let problem = answer.refused(503, "overloaded");
    assert_eq!((&problem["retryable"], &problem["retry_after"]), (&json!(true), &json!(1)));
    assert_eq!(buyer.get("/health/live").await.ok(), json!({"status": "live"}));
    buyer.get("/api/v1/wallet").await.ok();
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_thread_has_rounds_while_nothing_happens() {
    let market = Market::start().await;
    let begun = std::time::Instant::now();
    // Far above the longest pause of a thread without work.
    let patience = std::time::Duration::from_secs(60);
    loop {
        // Before the ages are read: a round that began after it is younger.
        let waited = begun.elapsed();
        let ready = market.admin.get("/health/ready").await.ok();
        let loops = ready["loops"].as_array().unwrap();
        let young = |each: &serde_json::Value| {
            each["age_ms"].as_u64().is_some_and(|age_ms| u128::from(age_ms) < waited.as_millis())
        };
        if loops.iter().all(young) {
            break;
        }
        assert!(waited < patience, "a thread without a round: {ready}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    market.running.stop().await.unwrap();
}

/// The samples of a page in the Prometheus text format, by name and labels.
///
/// Panics where a line is none, a family is not announced before its samples or twice, or
/// a sample is given twice.
pub(crate) fn parse(page: &str) -> BTreeMap<String, f64> {
    let name = "[a-zA-Z_:][a-zA-Z0-9_:]*";
    let label = r#"[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*""#;
    let sample = format!(r"^({name})(\{{{label}(?:,{label})*\}})? (\S+)$");
    let sample = Regex::new(&sample).unwrap();
    let kind = Regex::new(&format!("^# TYPE ({name}) (counter|gauge|histogram|summary)$")).unwrap();
    let help = Regex::new(&format!("^# HELP ({name}) .+$")).unwrap();
    let (mut kinds, mut helped) = (BTreeMap::new(), BTreeSet::new());
    let mut samples = BTreeMap::new();
    assert!(page.ends_with('\n'));
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some(found) = kind.captures(line) {
            assert!(kinds.insert(found[1].to_owned(), found[2].to_owned()).is_none(), "{line}");
        } else if let Some(found) = help.captures(line) {
            assert!(helped.insert(found[1].to_owned()), "{line}");
        } else {
            let found = sample.captures(line).unwrap_or_else(|| panic!("no sample: {line}"));
            let name = &found[1];
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
                name.strip_suffix(end).filter(|family| kinds.contains_key(*family))
            });
            assert!(kinds.contains_key(family.unwrap_or(name)), "of no family: {line}");
            let labels = found.get(2).map_or("", |labels| labels.as_str());
            let value: f64 = found[3].parse().unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(samples.insert(format!("{name}{labels}"), value).is_none(), "twice: {line}");
        }
    }
    samples
}

#[tokio::test(flavor = "multi_thread")]
async fn measures_are_in_the_prometheus_format_and_name_no_secret() {
    let market = Market::with_silent_provider("si\"le\\nt").await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 2).await;
    let buyer = market.customer("a customer", "1").await;
    buyer.post("/api/v1/orders", json!({"country": "ID", "service": "tg"})).await.created();
    market.message("+62810000000", "Your code is 48213").await.ok();
    let answer = market.admin.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let page = answer.text().await.unwrap();
    let samples = parse(&page);
    let orders =
        r#"nexnum_http_requests_total{method="POST",route="/api/v1/orders",status_class="2xx"}"#;
    assert_eq!(samples.get(orders), Some(&1.0), "{page}");
    let silent = r#"nexnum_provider_enabled{provider="si\"le\\nt"}"#;
    assert_eq!(samples.get(silent), Some(&1.0), "{page}");
    assert!(samples["nexnum_ledger_seq"] >= 7.0);
    assert!(samples["nexnum_commit_seconds_count"] >= 1.0, "{page}");
    let version = concat!("nexnum_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}");
    assert_eq!(samples.get(version), Some(&1.0), "{page}");
    assert!(samples["process_resident_memory_bytes"] > 1e6, "{page}");
    let hook = market.running.hook_path.expose().rsplit('/').next().unwrap().to_owned();
    let (key, admin) = (&*buyer.key, &*market.admin.key);
    for secret in [key, admin, PROVIDER_KEY, &hook, "62810000000", "48213", "a customer"] {
        assert!(!page.contains(secret), "{secret} is told");
    }
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn measures_are_for_operators_and_for_those_who_reach_their_own_listener() {
    let market = Market::with_metrics_listener().await;
    let buyer = market.customer("a", "1").await;
    let keyless = client().build().unwrap();
    let url = |address: std::net::SocketAddr, path| format!("http://{address}{path}");
    let (public, own) = (market.running.address, market.running.metrics_address.unwrap());
    answer(keyless.get(url(public, "/metrics"))).await.refused(401, "unauthorized");
    let stranger = Client::new(&market.running, "nx_live_0000000000000000000000000");
    stranger.get("/metrics").await.refused(401, "unauthorized");
    buyer.get("/metrics").await.refused(403, "forbidden");
    let page = keyless.get(url(own, "/metrics")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let samples = parse(&page.text().await.unwrap());
    // The counters are those of the public listener's routes.
    let accounts = r#"nexnum_http_requests_total{method="POST",route="/api/admin/accounts",status_class="2xx"}"#;
    assert_eq!(samples.get(accounts), Some(&1.0));
    for path in ["/api/v1/wallet", "/health/live", "/api/admin/accounts"] {
        assert_eq!(keyless.get(url(own, path)).send().await.unwrap().status(), 404, "{path}");
    }
    market.running.stop().await.unwrap();
    assert!(keyless.get(url(own, "/metrics")).send().await.is_err(), "it stops with the server");
}
