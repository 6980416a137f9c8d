//! What was acknowledged is there after a stop and a start.

use serde_json::json;

use super::harness::{Client, Market};

#[tokio::test(flavor = "multi_thread")]
async fn orders_messages_money_and_stock_survive_a_restart() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 3).await;
    let buyer = market.customer("a", "10").await;
    let body = json!({"country": "ID", "service": "telegram"});
    let first = buyer.post("/api/v1/orders", body.clone()).await.created();
    buyer.post("/api/v1/orders", body.clone()).await.created();
    market.message("+62810000000", "code 4821").await.ok();
    let paths =
        ["/api/v1/orders", "/api/v1/activations", "/api/v1/wallet", "/api/v1/wallet/transactions"];
    let mut before = Vec::new();
    for path in paths {
        before.push(buyer.get(path).await.ok());
    }
    let key = buyer.key.clone();
    let market = market.restart().await;
    let buyer = Client::new(&market.running, &key);
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(buyer.get(path).await.ok(), before, "{path}");
    }
    let offers = buyer.get("/api/v1/offers?country=ID&service=telegram").await.ok();
    assert_eq!(offers["offers"][0]["stock"], 1);
    let third = buyer.post("/api/v1/orders", body).await.created();
    assert_eq!(third["activation"]["number"], "+62810000002");
    let path = format!("/api/v1/activations/{}", first["id"].as_str().unwrap());
    assert_eq!(buyer.get(&path).await.ok()["messages"][0]["code"], "4821");
    market.running.stop().await.unwrap();
}
