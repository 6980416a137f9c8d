//! One key, one effect, one answer.

use serde_json::json;

use super::harness::Market;

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_gets_the_first_answer_also_after_a_restart() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 5).await;
    let buyer = market.customer("a", "10").await;
    let body = json!({"country": "ID", "service": "telegram", "max_price": "0.40"});
    let first = buyer.order(&body, "k-1").await.created();
    let number = first["activation"]["number"].as_str().unwrap();
    market.message(number, "Your code is 12345").await.ok();

    let again = buyer.order(&body, "\"k-1\"").await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.created(), first);
    let other = json!({"country": "ID", "service": "telegram", "max_price": "0.50"});
    buyer.order(&other, "k-1").await.refused(422, "idempotency_mismatch");

    let key = buyer.key.clone();
    let market = market.restart().await;
    let buyer = super::harness::Client::new(&market.running, &key);
    assert_eq!(buyer.order(&body, "k-1").await.created(), first);
    buyer.order(&other, "k-1").await.refused(422, "idempotency_mismatch");
    assert_eq!(buyer.balance().await, ("9.700000".to_owned(), "0.000000".to_owned()));
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_with_one_key_buy_once() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 200).await;
    let buyer = market.customer("a", "100").await;
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let buyer = buyer.clone();
            let body = json!({"country": "ID", "service": "telegram"});
            tokio::spawn(async move { buyer.order(&body, "same").await })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        let answer = task.await.unwrap();
        if answer.status.as_u16() == 409 {
            answer.refused(409, "request_in_flight");
        } else {
            ids.push(answer.created()["id"].clone());
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(buyer.balance().await, ("99.700000".to_owned(), "0.300000".to_owned()));
    market.running.stop().await.unwrap();
}
