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
