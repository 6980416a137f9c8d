//! Callbacks that their source sends again: what was processed is known, and what was not is
//! delivered.

use nexnum_engine::callback::CallbackFailure;
use nexnum_engine::command::ReceiveCallback;
use nexnum_engine::group::Origin;
use nexnum_engine::limits::CALLBACKS_FAILED_MAX;
use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Client, Market, answer};
use super::messages::{NUMBER, buy, codes, futures_all, kept};
use crate::rig::texts::sealed_body;

/// A market whose number two buyers have, for a service each.
async fn shared_number() -> (Market, [(Client, String); 2]) {
    let market = Market::start().await;
    let (ann, bob) = (market.customer("ann", "5").await, market.customer("bob", "5").await);
    for service in ["whatsapp", "telegram"] {
        market.stock("ID", service, "0.50", NUMBER, 1).await;
    }
    let (first, second) = (buy(&ann, "whatsapp").await, buy(&bob, "telegram").await);
    (market, [(ann, first), (bob, second)])
}

/// So many callbacks that cannot be processed, of other numbers.
async fn flood(market: &Market, count: usize) {
    let own = market.running.rooms.market.read_model.directory().providers()[0].0;
    let sealed = sealed_body(&market.running.rooms.market, b"{").await;
    let stored = |key: usize| ReceiveCallback {
        provider: own,
        key: key as u128,
        content_type: "".into(),
        sealed: sealed.clone(),
        failure: Some(CallbackFailure::Unreadable),
    };
    let all =
        (0..count).map(|key| market.running.rooms.market.execute(Origin::SYSTEM, stored(key)));
    assert!(futures_all(all).await.iter().all(Result::is_ok));
}

async fn attention(market: &Market) -> Vec<Value> {
    let shown = market.admin.get("/api/admin/attention").await.ok();
    shown["rows"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_was_dropped_or_thrown_away_is_delivered_when_it_comes_again() {
    let (market, [_, (bob, order)]) = shared_number().await;
    let unnamed = |id: &str, code: u32| json!({"number": format!("+{NUMBER}"), "text": format!("Your code {code}"), "id": id});
    let named = |id: &str, code: u32| {
        let mut body = unnamed(id, code);
        body["service"] = json!("telegram");
        body
    };
    // 1. Later ones push it out, and the operator is told.
    market.posted(unnamed("m1", 48_211)).await.refused(409, "ambiguous_message");
    flood(&market, CALLBACKS_FAILED_MAX).await;
    market.posted(unnamed("m2", 48_212)).await.refused(409, "ambiguous_message");
    let rows = attention(&market).await;
    let told = rows.iter().find(|row| row["kind"] == "callbacks_failed").unwrap();
    assert_eq!(
        told["text"],
        "1000 could not be processed; 2 older ones were dropped for want of room"
    );
    market.posted(unnamed("m1", 48_211)).await.refused(409, "ambiguous_message");
    assert_eq!(market.posted(named("m1", 48_211)).await.ok()["status"], "accepted");
    assert_eq!(market.posted(named("m1", 48_211)).await.ok()["status"], "duplicate");
    // 2. An operator throws it away.
    let id = kept(&market).await[0]["id"].as_str().unwrap().to_owned();
    let discard = market.admin.request(Method::DELETE, &format!("/api/admin/callbacks/{id}"));
    assert_eq!(answer(discard).await.status, 204);
    assert_eq!(market.posted(named("m2", 48_212)).await.ok()["status"], "accepted");
    assert_eq!(codes(&bob, &order).await, ["48211", "48212"]);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_was_lost_before_an_order_is_not_delivered_to_it() {
    let market = Market::start().await;
    let bob = market.customer("bob", "5").await;
    let body = json!({"number": format!("+{NUMBER}"), "text": "Your code 48213", "id": "m1"});
    market.posted(body.clone()).await.refused(404, "not_found");
    flood(&market, CALLBACKS_FAILED_MAX).await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&bob, "telegram").await;
    market.posted(body).await.refused(404, "not_found");
    assert!(codes(&bob, &order).await.is_empty());
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_an_operator_processed_is_known_when_it_comes_without_an_id() {
    let (market, [(ann, first), (bob, second)]) = shared_number().await;
    let number = format!("+{NUMBER}");
    let own = market.running.rooms.market.read_model.directory().providers()[0].0;
    for (at, (text, wanted)) in [
        ("Your code 48213", ["48213"].as_slice()),
        ("Your Discord code: 48214", &["48213", "48214"]),
        ("Tap to log in", &["48213", "48214", "none"]),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"number": number, "text": text});
        market.posted(body.clone()).await.refused(409, "ambiguous_message");
        let id = kept(&market).await[0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/admin/callbacks/{id}/process");
        let word = json!({"service": "telegram"});
        assert_eq!(market.admin.post(&path, word).await.ok()["status"], "accepted");
        // Its source sends it again in another minute, when it is another callback.
        let again = ReceiveCallback {
            provider: own,
            key: at as u128,
            content_type: "application/json".into(),
            sealed: sealed_body(&market.running.rooms.market, body.to_string().as_bytes()).await,
            failure: Some(CallbackFailure::Ambiguous),
        };
        let again = market.running.rooms.market.execute(&Origin::SYSTEM, again).await.unwrap();
        let path = format!("/api/admin/callbacks/{again}/process");
        assert_eq!(market.admin.post(&path, json!({})).await.ok()["status"], "duplicate");
        assert_eq!(codes(&bob, &second).await, wanted);
    }
    assert!(codes(&ann, &first).await.is_empty() && kept(&market).await.is_empty());
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_was_lost_before_a_restart_is_delivered_when_it_comes_after_it() {
    let (market, [(ann, first), (bob, second)]) = shared_number().await;
    let body = |id: &str, code: u32| json!({"number": format!("+{NUMBER}"), "text": format!("Your code {code}"), "id": id});
    let named = |id: &str, code: u32| {
        let mut body = body(id, code);
        body["service"] = json!("telegram");
        body
    };
    // One is delivered, one pushed out, one thrown away, one kept.
    assert_eq!(market.posted(named("m0", 48_210)).await.ok()["status"], "accepted");
    market.posted(body("m1", 48_211)).await.refused(409, "ambiguous_message");
    flood(&market, CALLBACKS_FAILED_MAX).await;
    market.posted(body("m2", 48_212)).await.refused(409, "ambiguous_message");
    let id = kept(&market).await[0]["id"].as_str().unwrap().to_owned();
    let discard = market.admin.request(Method::DELETE, &format!("/api/admin/callbacks/{id}"));
    assert_eq!(answer(discard).await.status, 204);
    market.posted(body("m3", 48_213)).await.refused(409, "ambiguous_message");
    let market = market.restart().await;
    let [ann, bob] = [ann, bob].map(|client| Client::new(&market.running, &client.key));
    for (id, code, status) in [
        ("m0", 48_210, "duplicate"),
        ("m1", 48_211, "accepted"),
        ("m2", 48_212, "accepted"),
        ("m3", 48_213, "accepted"),
        ("m1", 48_211, "duplicate"),
    ] {
        // Until the ledger has been read it is not known which were processed.
        let told = loop {
            let told = market.posted(named(id, code)).await;
            if told.status != 503 {
                break told.ok();
            }
            assert_eq!(told.body["code"], "overloaded");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert_eq!(told["status"], status, "{id}");
    }
    assert_eq!(codes(&bob, &second).await, ["48210", "48211", "48212", "48213"]);
    assert!(codes(&ann, &first).await.is_empty());
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_known_without_its_id_and_reaches_no_later_buyer() {
    let market = Market::start().await;
    let (ann, bob) = (market.customer("ann", "5").await, market.customer("bob", "5").await);
    let said = |code: u32, id: Option<&str>| {
        let mut body = json!({"number": format!("+{NUMBER}"), "text": format!("code {code}")});
        id.into_iter().for_each(|id| body["id"] = json!(id));
        body
    };
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let first = buy(&ann, "telegram").await;
    let status = async |body| market.posted(body).await.ok()["status"].clone();
    assert_eq!(status(said(713_001, Some("q1"))).await, "accepted");
    assert_eq!(status(said(713_001, None)).await, "duplicate");
    assert_eq!(codes(&ann, &first).await, ["713001"]);
    ann.post(&format!("/api/v1/activations/{first}/finish"), json!({})).await.ok();
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let second = buy(&bob, "telegram").await;
    assert_eq!(status(said(713_001, None)).await, "duplicate");
    assert!(codes(&bob, &second).await.is_empty());
    assert_eq!(status(said(713_002, None)).await, "accepted");
    assert_eq!(codes(&bob, &second).await, ["713002"]);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_without_a_code_does_not_answer_the_wish_for_another_code() {
    let (market, [(ann, order), _]) = shared_number().await;
    let said =
        |text: &str| json!({"number": format!("+{NUMBER}"), "text": text, "service": "whatsapp"});
    let status = async |text: &str| market.posted(said(text)).await.ok()["status"].clone();
    assert_eq!(status("Your code 48213").await, "accepted");
    assert_eq!(status("Visit our shop").await, "accepted");
    // No wish: the source repeats itself.
    assert_eq!(status("Your code 48213").await, "duplicate");
    ann.post(&format!("/api/v1/activations/{order}/resend"), json!({})).await.ok();
    for text in ["We have received your request", "Our summer sale has begun"] {
        assert_eq!(status(text).await, "accepted");
        assert_eq!(status(text).await, "duplicate");
    }
    assert_eq!(status("Your code 48213").await, "accepted");
    assert_eq!(status("Your code 48213").await, "duplicate");
    // A code answers it, also another one.
    ann.post(&format!("/api/v1/activations/{order}/resend"), json!({})).await.ok();
    assert_eq!(status("Your code 48214").await, "accepted");
    assert_eq!(status("Your code 48213").await, "duplicate");
    let expected = ["48213", "none", "none", "none", "48213", "48214"];
    assert_eq!(codes(&ann, &order).await, expected);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_once_with_its_id_and_once_without_is_one() {
    let (market, [(ann, order), _]) = shared_number().await;
    let said = |text: &str, id: Option<&str>| json!({"number": format!("+{NUMBER}"), "text": text, "id": id, "service": "whatsapp"});
    for (text, id, status) in [
        ("Your code 48213", None, "accepted"),
        ("Your code 48213", Some("m1"), "duplicate"),
        ("Your code 48213", Some("m2"), "accepted"),
        ("Your code 48213", None, "duplicate"),
        ("Your code 48214", Some("m3"), "accepted"),
        ("Your code 48214", None, "duplicate"),
        ("Welcome to our shop", Some("m4"), "accepted"),
        ("Welcome to our shop", None, "duplicate"),
        ("Good morning", None, "accepted"),
        ("Good morning", Some("m5"), "duplicate"),
        ("Good morning", Some("m6"), "accepted"),
    ] {
        let answer = market.posted(said(text, id)).await.ok();
        assert_eq!(answer["status"], status, "{text} {id:?}");
    }
    let expected = ["48213", "48213", "48214", "none", "none", "none"];
    assert_eq!(codes(&ann, &order).await, expected);
    market.running.stop().await.unwrap();
}
