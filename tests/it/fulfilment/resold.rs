//! A number that its provider sells again, and what it received before.

use nexnum::message::identity::Look;
use nexnum::order::Unseen;
use nexnum_driver::{ExternalState, GivenNumber, ReceivedMessage, StatusReport};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Caller, Finish};
use nexnum_engine::ids::{Number, OrderId};

use super::buying::answering;
use super::{Rig, execute};
use crate::rig::texts::{codes_of, said_of};

/// A report of an activation shows a message without an id.
async fn report(rig: &Rig, id: OrderId, code: &str) {
    show(rig, id, None, &format!("Your code is {code}"), Some(code)).await;
}

/// A report of an activation shows a message.
async fn show(rig: &Rig, id: OrderId, external_id: Option<&str>, text: &str, code: Option<&str>) {
    let orders = rig.orders();
    let asked = orders.market.read_model.order(id).unwrap();
    let connected = orders.providers.of_order(&asked).unwrap();
    let message = ReceivedMessage {
        external_id: external_id.map(str::to_owned),
        sender: None,
        text: Some(text.to_owned()),
        code: code.map(str::to_owned),
    };
    let (state, number) = (ExternalState::Received, GivenNumber::Absent);
    let report =
        StatusReport { state, messages: vec![message], number, by_word: false, unread: None };
    orders.take_in(&connected, &asked, &report, Look::Single).await.unwrap();
    // A reply about another number says nothing of this one.
    let text = Some("Your code is 59009".to_owned());
    let messages = vec![ReceivedMessage { text, ..ReceivedMessage::default() }];
    let number = GivenNumber::Read(Number(6_281_299_999_999));
    let other = StatusReport { messages, number, ..report };
    let unseen = orders.take_in(&connected, &asked, &other, Look::Single).await.unwrap_err();
    assert!(matches!(unseen, Unseen::Provider(_)), "{unseen:?}");
}

/// An order that has its number.
async fn bought(rig: &Rig) -> OrderId {
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await.id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_number_received_for_one_buyer_is_no_message_of_the_next() {
    let rig = answering("6281200000001").await;
    let codes = |id: OrderId| codes_of(&rig.orders().market, id);
    let first = bought(&rig).await;
    report(&rig, first, "51001").await;
    execute(rig.orders(), Finish { order: first, caller: Caller::System }).await;
    let second = bought(&rig).await;
    report(&rig, second, "51001").await;
    assert!(codes(second).is_empty(), "it is the first buyer's");
    report(&rig, second, "52002").await;
    assert_eq!((codes(first), codes(second)), (vec!["51001".into()], vec!["52002".into()]));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_an_id_or_without_a_code_stays_the_first_buyers() {
    let rig = answering("6281200000001").await;
    let texts = |id: OrderId| said_of(&rig.orders().market, id);
    let (link, plain) = ("https://t.me/login/Qx7", "Welcome");
    let first = bought(&rig).await;
    show(&rig, first, Some("31"), "Telegram code 424242", Some("424242")).await;
    show(&rig, first, Some("32"), link, None).await;
    show(&rig, first, None, plain, None).await;
    execute(rig.orders(), Finish { order: first, caller: Caller::System }).await;
    // 1. The provider shows the next buyer what it had: by its id, and by its text.
    let second = bought(&rig).await;
    show(&rig, second, Some("31"), "Telegram code 424242", Some("424242")).await;
    show(&rig, second, None, link, None).await;
    show(&rig, second, Some("32"), link, None).await;
    show(&rig, second, None, plain, None).await;
    assert!(texts(second).is_empty(), "they are the first buyer's: {:?}", texts(second));
    // 2. Another id is another message, also with an equal text.
    show(&rig, second, Some("33"), "Telegram code 424242", Some("424242")).await;
    assert_eq!((texts(first).len(), texts(second).len()), (3, 1));
    rig.stop().await;
}
