//! Two markets in one process: neither sees the other.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::harness::{Client, Market};
use super::operations::parse;

/// A customer's order on own stock and the code that came for it.
async fn trade(market: &Market, buyer: &Client, number: &str, code: &str) -> String {
    let order = buyer.post("/api/v1/orders", json!({"country": "ID", "service": "telegram"})).await;
    let id = order.created()["activation"]["id"].as_str().unwrap().to_owned();
    market.message(number, &format!("Telegram code {code}")).await.ok();
    let activation = buyer.get(&format!("/api/v1/activations/{id}?wait=5")).await.ok();
    assert_eq!(activation["number"], format!("+{number}"), "its own market's number");
    assert_eq!(activation["messages"][0]["code"], code);
    id
}

async fn samples(market: &Market) -> std::collections::BTreeMap<String, f64> {
    let page = market.admin.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    parse(&page.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_markets_in_one_process_share_nothing() {
    let (one, other) = (Market::start().await, Market::start().await);
    let (buyer, stranger) = (one.customer("a", "5").await, other.customer("a", "7").await);
    one.stock("ID", "telegram", "1", 62_811_000_000, 2).await;
    other.stock("ID", "telegram", "2", 62_822_000_000, 2).await;
    let before = other.running.rooms.market.read_model.position();

    // Trading in one leaves the other's ledger, stock and wallets where they are.
    let first = trade(&one, &buyer, "62811000000", "11111").await;
    trade(&one, &buyer, "62811000001", "22222").await;
    assert_eq!(other.running.rooms.market.read_model.position(), before);
    let sold_out = buyer.post("/api/v1/orders", json!({"country": "ID", "service": "telegram"}));
    sold_out.await.refused(409, "no_numbers");
    let offers = stranger.get("/api/v1/offers?country=ID&service=telegram").await.ok();
    assert_eq!(
        (&offers["offers"][0]["stock"], &offers["offers"][0]["price"]),
        (&json!(2), &json!("2.000000"))
    );
    assert_eq!(buyer.get("/api/v1/wallet").await.ok()["balance"], "3.000000");
    assert_eq!(stranger.get("/api/v1/wallet").await.ok()["balance"], "7.000000");

    // Ids are dense in each, and each shows them in its own way.
    let there = trade(&other, &stranger, "62822000000", "33333").await;
    assert!(one.activation(1).ends_with(&first) && other.activation(1).ends_with(&there));
    assert_ne!(there, first);

    // A key opens its own market only.
    let lost = Client::new(&other.running, &buyer.key);
    lost.get("/api/v1/wallet").await.refused(401, "unauthorized");
    let lost = Client::new(&one.running, &other.admin.key);
    lost.get("/api/admin/accounts").await.refused(401, "unauthorized");

    // Each counts for itself.
    let orders =
        r#"nexnum_http_requests_total{method="POST",route="/api/v1/orders",status_class="2xx"}"#;
    let (of_one, of_other) = (samples(&one).await, samples(&other).await);
    assert_eq!((of_one[orders], of_other[orders]), (2.0, 1.0));
    let committed = "nexnum_commit_batch_events_sum";
    assert!(of_one[committed] > of_other[committed], "{of_one:?}\n{of_other:?}");

    // The end of one is not the end of the other.
    one.running.stop().await.unwrap();
    trade(&other, &stranger, "62822000001", "44444").await;
    other.running.stop().await.unwrap();
}
