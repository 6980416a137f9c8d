//! What needs the operator's attention, as its route, its measure and its command tell it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::command_line::run;
use super::harness::{Market, PROVIDER_KEY};
use super::operations::parse;

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
