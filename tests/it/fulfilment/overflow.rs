//! More messages of a number than its order takes.

use nexnum::attention::AttentionKind;
use nexnum::message::identity::Look;
use nexnum_driver::{ExternalState, GivenNumber, ReceivedMessage, StatusReport};
use nexnum_engine::callback::CallbackFailure;
use nexnum_engine::ids::CallbackId;

use super::{FIVESIM, HANDLER, Rig};
use crate::rig::texts::body_of;

/// A message that its provider numbers, or does not.
fn message(at: u32, numbered: bool) -> ReceivedMessage {
    ReceivedMessage {
        external_id: numbered.then(|| at.to_string()),
        sender: Some("Telegram".to_owned()),
        text: Some(format!("Login code: {}", 10_000 + at)),
        code: Some((10_000 + at).to_string()),
    }
}

/// Each poll shows all messages that came: the hundred are the buyer's, and those beyond are the
/// operator's, once.
async fn check(seller: usize, numbered: bool) {
    let rig = Rig::start_with(&[(seller, 100_000)], 3_600_000).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.assignment.is_some()).await;
    let orders = rig.orders();
    let connected = orders.providers.get(order.provider).unwrap();
    for shown in [99, 102, 102, 103] {
        let messages = (0..shown).map(|at| message(at, numbered)).collect();
        let (state, number) = (ExternalState::Received, GivenNumber::Absent);
        let report = StatusReport { state, messages, number, by_word: false, unread: None };
        let asked = orders.market.read_model.order(id).unwrap();
        orders.take_in(&connected, &asked, &report, Look::Single).await.unwrap();
    }
    let order = orders.market.read_model.order(id).unwrap();
    assert_eq!(order.messages.len(), 100);
    let kept = orders.market.read_model.callbacks(|callbacks| {
        let kept = callbacks.before(CallbackId(u64::MAX));
        kept.map(|(_, kept)| kept.clone()).collect::<Vec<_>>()
    });
    let number = orders.market.numbers.of(id, order.assignment.as_ref().unwrap()).unwrap();
    assert_eq!(kept.len(), 3);
    for (kept, code) in kept.iter().rev().zip(10_100..) {
        assert_eq!(kept.failure, Some(CallbackFailure::TooManyMessages));
        assert_eq!(kept.provider, order.provider);
        let body: serde_json::Value =
            serde_json::from_slice(&body_of(&orders.market, kept)).unwrap();
        assert_eq!(body["text"], format!("Login code: {code}"));
        assert_eq!(body["number"], format!("+{number}"));
    }
    let rows = orders.market.attention.rows(99).0;
    let of_order = |kind| rows.iter().filter(move |row| row.kind == kind).count();
    assert_eq!(of_order(AttentionKind::TooManyMessages), 1);
    assert_eq!(of_order(AttentionKind::CallbacksFailed), 1);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_beyond_those_that_an_order_takes_are_kept_with_their_text() {
    check(FIVESIM, true).await;
    check(HANDLER, false).await;
}
