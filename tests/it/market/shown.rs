//! What buyers were shown stands in the ledger: each message once, by the key that saw it first.

use nexnum_engine::group::Actor;
use nexnum_engine::ids::KeyId;
use reqwest::Method;
use serde_json::json;

use super::harness::{Client, Market};

const NUMBER: &str = "+62810000000";

/// The keys that messages were shown to first, in the ledger's order.
async fn shown(market: Market) -> Vec<KeyId> {
    let groups = market.stop_and_read().await;
    let shown = groups.iter().flat_map(|(head, kinds)| kinds.iter().map(move |kind| (head, *kind)));
    let shown = shown.filter(|(_, kind)| *kind == "MessageShown");
    shown
        .map(|(head, _)| match head.origin.actor {
            Actor::Key(key) if head.origin.request.is_some() => key,
            _ => panic!("{head:?} is of no request"),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_recorded_as_shown_once_by_the_key_that_saw_it_first() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 3).await;
    let buyer = market.customer("ann", "10").await;
    let issued = market.admin.post("/api/admin/accounts/1/keys", json!({})).await.created();
    let second = Client::new(&market.running, issued["key"].as_str().unwrap());
    let wish = json!({"country": "ID", "service": "telegram"});
    let order = buyer.post("/api/v1/orders", wish).await.created();
    let path = format!("/api/v1/activations/{}", order["activation"]["id"].as_str().unwrap());
    buyer.get(&path).await.ok();
    // A poll that waits sees the first message, and all that see it later change nothing.
    let waiting = {
        let (second, path) = (second.clone(), format!("{path}?wait=20"));
        tokio::spawn(async move { second.get(&path).await.ok() })
    };
    market.message(NUMBER, "Telegram code: 48213").await.ok();
    assert_eq!(waiting.await.unwrap()["messages"][0]["code"], "48213");
    until_recorded(&market, 1).await;
    for path in [&path, "/api/v1/activations", "/api/v1/orders"] {
        buyer.get(path).await.ok();
        second.get(path).await.ok();
    }
    // The second message is shown by the answer that ends the activation.
    market.message(NUMBER, "Telegram code: 51034").await.ok();
    buyer.post(&format!("{path}/finish"), json!({})).await.ok();
    until_recorded(&market, 2).await;
    let key = buyer.key.clone();
    let market = market.restart().await;
    let buyer = Client::new(&market.running, &key);
    let seen = buyer.get(&path).await.ok();
    assert_eq!(seen["messages"].as_array().unwrap().len(), 2);
    assert_eq!(shown(market).await, [KeyId(3), KeyId(2)]);
}

/// Waits until so many messages of the first order are recorded as shown.
async fn until_recorded(market: &Market, count: usize) {
    let recorded = || {
        let order = market.running.rooms.market.read_model.order(nexnum_engine::ids::OrderId(1));
        order.unwrap().messages.iter().filter(|message| message.shown).count()
    };
    for _ in 0..200 {
        if recorded() == count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{} messages are recorded as shown, not {count}", recorded());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_noted_when_the_server_stops_is_recorded() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 50).await;
    let buyer = market.customer("ann", "100").await;
    let wish = json!({"country": "ID", "service": "telegram"});
    for at in 0..50 {
        buyer.post("/api/v1/orders", wish.clone()).await.created();
        market.message(&format!("+6281000{at:04}"), "Telegram code: 48213").await.ok();
    }
    let listed = buyer.request(Method::GET, "/api/v1/activations?limit=100").send().await.unwrap();
    assert!(listed.status().is_success());
    assert_eq!(shown(market).await, [KeyId(2); 50]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_its_body_shows_nothing() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 1).await;
    let buyer = market.customer("ann", "10").await;
    let wish = json!({"country": "ID", "service": "telegram"});
    let order = buyer.post("/api/v1/orders", wish).await.created();
    market.message(NUMBER, "Telegram code: 48213").await.ok();
    let id = order["activation"]["id"].as_str().unwrap();
    for path in [&format!("/api/v1/activations/{id}"), "/api/v1/orders"] {
        let answered = buyer.request(Method::HEAD, path).send().await.unwrap();
        assert!(answered.status().is_success());
    }
    assert_eq!(shown(market).await, []);
}
