//! What needs the operator's attention, as its route, its measure and its command tell it.

use std::time::{Duration, Instant};

use nexnum::attention::AttentionKind;
use nexnum::market::folder;
use nexnum_engine::ids::OrderId;
use serde_json::Value;
use tempfile::TempDir;

use super::command_line::run;
use super::harness::{Market, PROVIDER_KEY};
use super::operations::parse;
use crate::rig::{ledger, server};

/// Waits for a row of this kind.
async fn row(market: &Market, kind: &str, is_right: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let listed = market.admin.get("/api/admin/attention").await.ok();
        let rows = listed["rows"].as_array().unwrap();
        if let Some(row) = rows.iter().find(|row| row["kind"] == kind && is_right(row)) {
            assert!(!listed.to_string().contains(PROVIDER_KEY), "{listed}");
            return row.clone();
        }
        assert!(Instant::now() < deadline, "no such row {kind}: {listed}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_heard_is_one_row_however_often_it_is_asked() {
    let market = Market::with_silent_provider("silent").await;
    let failed = "price_list_failed";
    let first = row(&market, failed, |_| true).await;
    assert_eq!((&first["provider"], &first["order"]), (&"silent".into(), &Value::Null));
    market.admin.post("/api/admin/providers/silent/sync", serde_json::json!({})).await;
    let again = row(&market, failed, |row| row["count"].as_u64() > Some(1)).await;
    assert_eq!(again["since"], first["since"]);
    assert!(again["text"].as_str().unwrap().contains("no price list came (temporary"), "{again}");

    let page = market.admin.request(reqwest::Method::GET, "/metrics").send().await.unwrap();
    let samples = parse(&page.text().await.unwrap());
    assert_eq!(samples["nexnum_attention{kind=\"price_list_failed\"}"], 1.0);
    assert_eq!(samples["nexnum_attention{kind=\"key_missing\"}"], 0.0);

    let printed = run(&market, &["attention"]).await;
    assert!(printed.status.success(), "{printed:?}");
    let lines = String::from_utf8(printed.stdout).unwrap();
    let line = lines.lines().find(|line| line.contains("kind=price_list_failed")).unwrap();
    assert!(line.contains("provider=silent"), "{line}");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_settles_a_row() {
    let market = Market::start().await;
    let attention = market.running.rooms.orders.market.attention.clone();
    for order in [7, 8] {
        attention.raise(AttentionKind::EndLeft, ("own", OrderId(order)), "left");
    }
    let ids = market.running.rooms.market.ids.clone();
    let orders = async || {
        let listed = market.admin.get("/api/admin/attention").await.ok();
        for row in listed["rows"].as_array().unwrap() {
            let order = OrderId(row["order"].as_str().unwrap().parse().unwrap());
            assert_eq!(row["order_id"], ids.order(order).as_str(), "as its buyer knows it");
        }
        let rows = listed["rows"].as_array().unwrap().iter();
        rows.map(|row| row["order"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let printed =
        run(&market, &["attention", "settle", "end_left", "--provider", "own", "--order", "7"]);
    let printed = printed.await;
    assert!(printed.status.success(), "{printed:?}");
    assert_eq!(orders().await, ["8"]);
    let known = ids.order(OrderId(8));
    let body = serde_json::json!({"kind": "end_left", "provider": "own", "order": known.as_str()});
    for settled in [1, 0] {
        let answer = market.admin.post("/api/admin/attention/settle", body.clone()).await.ok();
        assert_eq!(answer["settled"], settled);
        assert_eq!(orders().await, [""; 0]);
    }
    attention.raise(AttentionKind::KeyMissing, "own", "no key");
    let body = serde_json::json!({"kind": "key_missing", "provider": "own"});
    market.admin.post("/api/admin/attention/settle", body).await.refused(409, "cause_lasts");
    let printed = run(&market, &["attention", "settle", "key_missing", "--provider", "own"]).await;
    assert!(!printed.status.success(), "{printed:?}");
    let body = serde_json::json!({"kind": "end_left", "order": "-1"});
    let settled = market.admin.post("/api/admin/attention/settle", body).await;
    settled.refused(400, "invalid_field");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_behind_the_ledger_is_told() {
    let folder = TempDir::new().unwrap();
    let config = server::config(&folder.path().join("market"));
    folder::init(&config.data_dir).unwrap();
    let mut opened = folder::open(&config.data_dir, |_| {}).unwrap();
    let at = opened.last_at.plus_ms(600_000);
    ledger::append(&mut opened, at, &ledger::account().into());
    drop(opened);
    let running = server::start(&config, Vec::new()).await;
    let orders = &running.rooms.orders;
    let deadline = Instant::now() + Duration::from_secs(30);
    let row = loop {
        let rows = orders.market.attention.rows(9).0;
        if let Some(row) = rows.into_iter().find(|row| row.kind == AttentionKind::ClockApart) {
            break row;
        }
        assert!(Instant::now() < deadline, "it is not told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(row.text.contains("behind the ledger's time"), "{row:?}");
    assert!(row.since >= at, "time went on from there: {row:?}");
    let off_s = orders.market.clock.off_ms() / 1000;
    assert!((-600..-500).contains(&off_s), "{off_s}");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_where_all_is_well_says_so() {
    let market = Market::start().await;
    let listed = market.admin.get("/api/admin/attention").await.ok();
    assert_eq!(listed, serde_json::json!({"rows": [], "left_out": 0}));
    let printed = run(&market, &["attention"]).await;
    assert_eq!((&*printed.stdout, printed.status.code()), (&b""[..], Some(0)));
    let told = String::from_utf8(printed.stderr).unwrap();
    assert_eq!(told, "nexnum: nothing needs attention\n");
    market.running.stop().await.unwrap();
}
