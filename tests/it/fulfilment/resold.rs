//! A number that its provider sells again, and what it received before.

use nexnum::message::identity::Look;
use nexnum_driver::{ExternalState, GivenNumber, ReceivedMessage, StatusReport};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Actor, Finish};
use nexnum_engine::ids::OrderId;

use super::buying::answering;
use super::{Rig, execute};

/// A report of an activation shows a message without an id.
async fn report(rig: &Rig, id: OrderId, code: &str) {
    let orders = rig.orders();
    let asked = orders.market.read_model.order(id).unwrap();
    let connected = orders.providers.of_order(&asked).unwrap();
    let message = ReceivedMessage {
        external_id: None,
        sender: None,
        text: Some(format!("Your code is {code}")),
        code: Some(code.to_owned()),
    };
    let (state, number) = (ExternalState::Received, GivenNumber::Absent);
    let report =
        StatusReport { state, messages: vec![message], number, by_word: false, unread: None };
    orders.take_in(&connected, &asked, &report, Look::Single).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_number_received_for_one_buyer_is_no_message_of_the_next() {
    let rig = answering("6281200000001").await;
    let bought = async || {
        let id = rig.buy(None).await.unwrap();
        rig.order(id, |order| order.state == ActivationState::Active).await.id
    };
    let codes = |id: OrderId| -> Vec<String> {
        let order = rig.orders().market.read_model.order(id).unwrap();
        order.messages.iter().map(|message| message.code.to_string()).collect()
    };
    let first = bought().await;
    report(&rig, first, "51001").await;
    execute(rig.orders(), Finish { order: first, actor: Actor::System }).await;
    let second = bought().await;
    report(&rig, second, "51001").await;
    assert!(codes(second).is_empty(), "it is the first buyer's");
    report(&rig, second, "52002").await;
    assert_eq!((codes(first), codes(second)), (vec!["51001".into()], vec!["52002".into()]));
    rig.stop().await;
}
