//! Messages that are posted for numbers of own stock: whom they reach.

use serde_json::{Value, json};

use super::harness::{Client, Market};

const NUMBER: u64 = 62_810_000_000;

impl Market {
    /// Posts a callback as it is.
    async fn posted(&self, body: Value) -> super::harness::Answer {
        let path = self.running.hook_path.expose().to_owned();
        self.admin.post(&path, body).await
    }
}

/// An order for the one number of a service.
async fn buy(buyer: &Client, service: &str) -> String {
    let placed = buyer.post("/api/v1/orders", json!({"country": "ID", "service": service})).await;
    placed.created()["id"].as_str().unwrap().to_owned()
}

async fn activation(buyer: &Client, id: &str) -> Value {
    buyer.get(&format!("/api/v1/activations/{id}")).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_message_of_one_service_does_not_reach_the_buyer_of_another() {
    let market = Market::start().await;
    let (ann, bob) = (market.customer("ann", "1").await, market.customer("bob", "1").await);
    for service in ["whatsapp", "telegram"] {
        market.stock("ID", service, "0.50", NUMBER, 1).await;
    }
    let first = buy(&ann, "whatsapp").await;
    ann.post(&format!("/api/v1/activations/{first}/cancel"), json!({})).await.ok();
    let second = buy(&bob, "telegram").await;

    // 1. It names the service that has ended: late for its buyer, and not for the other.
    let number = format!("+{NUMBER}");
    let named = json!({"number": number, "text": "Your WhatsApp code: 123-456"});
    assert_eq!(market.posted(named).await.ok()["status"], "accepted");
    let unpaid = ("0.500000".to_owned(), "0.500000".to_owned());
    assert_eq!(activation(&bob, &second).await["state"], "ACTIVE");
    assert_eq!(bob.balance().await, unpaid);

    // 2. It names none: it may be for either.
    let unnamed = json!({"number": number, "text": "Your code: 123-457"});
    market.posted(unnamed).await.refused(409, "ambiguous_message");
    assert_eq!(activation(&bob, &second).await["state"], "ACTIVE");

    // 3. It names the buyer's own, in the sender or as a field.
    let sender = json!({"number": number, "sender": "Telegram", "text": "Login code 77123"});
    assert_eq!(market.posted(sender).await.ok()["status"], "accepted");
    let field = json!({"number": number, "text": "Login code 77124", "service": "telegram"});
    assert_eq!(market.posted(field).await.ok()["status"], "accepted");
    let shown = activation(&bob, &second).await;
    let codes: Vec<_> =
        shown["messages"].as_array().unwrap().iter().map(|m| m["code"].clone()).collect();
    assert_eq!(codes, ["77123", "77124"]);
    market.running.stop().await.unwrap();
}

/// The codes that a buyer is shown, in the order in which they came.
async fn codes(buyer: &Client, id: &str) -> Vec<String> {
    let shown = activation(buyer, id).await;
    let code = |message: &Value| message["code"].as_str().unwrap_or("none").to_owned();
    shown["messages"].as_array().unwrap().iter().map(code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_are_another_message_once_the_buyer_has_asked_for_one() {
    let market = Market::start().await;
    let ann = market.customer("ann", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&ann, "telegram").await;
    let resend = format!("/api/v1/activations/{order}/resend");
    let number = format!("+{NUMBER}");
    let plain = json!({"number": number, "text": "code 48213"});
    let numbered = json!({"number": number, "text": "code 48213", "id": "m7"});
    for (body, status, shown) in [
        (&plain, "accepted", 1),
        (&plain, "duplicate", 1),
        (&numbered, "accepted", 2),
        (&numbered, "duplicate", 2),
    ] {
        assert_eq!(market.posted(body.clone()).await.ok()["status"], status, "{body}");
        assert_eq!(codes(&ann, &order).await.len(), shown, "{body}");
    }
    ann.post(&resend, json!({})).await.ok();
    assert_eq!(market.posted(numbered.clone()).await.ok()["status"], "duplicate");
    assert_eq!(market.posted(plain.clone()).await.ok()["status"], "accepted");
    assert_eq!(market.posted(plain.clone()).await.ok()["status"], "duplicate");
    assert_eq!(codes(&ann, &order).await, ["48213", "48213", "48213"]);

    // The next buyer of the number is shown none of them, also after a restart.
    ann.post(&format!("/api/v1/activations/{order}/finish"), json!({})).await.ok();
    let market = market.restart().await;
    let bob = market.customer("bob", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&bob, "telegram").await;
    for body in [&plain, &numbered] {
        assert_eq!(market.posted(body.clone()).await.ok()["status"], "duplicate", "{body}");
    }
    assert_eq!(activation(&bob, &order).await["state"], "ACTIVE");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_callbacks_that_come_at_once_are_one_message() {
    let market = Market::start().await;
    let ann = market.customer("ann", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&ann, "telegram").await;
    let body = json!({"number": format!("+{NUMBER}"), "text": "Welcome to Telegram"});
    let body = &body;
    let posts = (0..16).map(|_| market.posted(body.clone()));
    let answers = futures_all(posts).await;
    let accepted = answers.iter().filter(|answer| answer.body["status"] == "accepted").count();
    assert_eq!((accepted, codes(&ann, &order).await.len()), (1, 1));
    market.running.stop().await.unwrap();
}

/// All of them at once.
async fn futures_all<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = all.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|next| match next.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}
