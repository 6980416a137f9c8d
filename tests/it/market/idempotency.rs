//! One key, one effect, one answer.

use nexnum_engine::limits::REPLIES_WHOLE_MAX_MS;
use serde_json::json;

use super::clock::jump;
use super::harness::{Client, Market};
use crate::rig::set_clock::SetClock;
use crate::rig::until::until;

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
    let buyer = Client::new(&market.running, &key);
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

/// Lets ledger time pass until the only key is not known whole.
async fn pass_hours(market: &Market, shown: &SetClock) {
    jump(market, shown, REPLIES_WHOLE_MAX_MS as i64).await;
    until(|| market.running.rooms.market.read_model.kept().replies == [1, 0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_key_is_answered_from_the_ledger() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 5).await;
    let buyer = market.customer("a", "10").await;
    let body = json!({"country": "ID", "service": "telegram"});
    let other = json!({"country": "ID", "service": "telegram", "max_price": "0.50"});
    let first = buyer.order(&body, "k-1").await.created();
    let key = buyer.key.clone();
    pass_hours(&market, &shown).await;

    // Before and after a restart, which reads its snapshot or the ledger's rows.
    let check = async |buyer: &Client| {
        let again = buyer.order(&body, "k-1").await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.created()["id"], first["id"]);
        buyer.order(&other, "k-1").await.refused(422, "idempotency_mismatch");
    };
    check(&buyer).await;
    let market = market.restart_with_clock(&shown).await;
    let buyer = Client::new(&market.running, &key);
    check(&buyer).await;
    assert_eq!(market.running.rooms.market.read_model.kept().replies, [1, 0]);
    // A new key buys.
    let second = buyer.order(&body, "k-2").await.created();
    assert_ne!(second["id"], first["id"]);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_key_that_many_repeat_at_once_buys_nothing() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 5).await;
    let buyer = market.customer("a", "10").await;
    let body = json!({"country": "ID", "service": "telegram"});
    let first = buyer.order(&body, "k-1").await.created();
    pass_hours(&market, &shown).await;
    let before = buyer.balance().await;
    let repeated = (0..50).map(|_| {
        let (buyer, body) = (buyer.clone(), body.clone());
        tokio::spawn(async move { buyer.order(&body, "k-1").await.created()["id"].clone() })
    });
    for task in repeated.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap(), first["id"]);
    }
    assert_eq!(buyer.balance().await, before);
    market.running.stop().await.unwrap();
}
