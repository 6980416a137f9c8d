//! A message of which a provider shows a part first and the rest later.

use nexnum::message::identity::Look;
use nexnum_driver::{ExternalState, GivenNumber, ReceivedMessage, StatusReport};

use super::{FIVESIM, HANDLER, Rig};
use crate::rig::texts::said_of;

/// The parts of a message: sender, text, code.
type Said = [&'static str; 3];

fn shown([sender, text, code]: Said, numbered: bool) -> ReceivedMessage {
    let part = |part: &str| (!part.is_empty()).then(|| part.to_owned());
    ReceivedMessage {
        external_id: numbered.then(|| "7".to_owned()),
        sender: part(sender),
        text: part(text),
        code: part(code),
    }
}

/// Reports show these parts of one message; the order has one message, charged once, with the
/// whole of it, also after a restart.
async fn check(seller: usize, numbered: bool, parts: &[Said], whole: Said) {
    let rig = Rig::start_with(&[(seller, 100_000)], 3_600_000).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.assignment.is_some()).await;
    let orders = rig.orders();
    let connected = orders.providers.get(order.provider).unwrap();
    for (part, look) in parts.iter().zip([Look::List, Look::Single].into_iter().cycle()) {
        let messages = vec![shown(*part, numbered)];
        let (state, number) = (ExternalState::Received, GivenNumber::Absent);
        let report = StatusReport { state, messages, number, by_word: false, unread: None };
        let asked = orders.market.read_model.order(id).unwrap();
        orders.take_in(&connected, &asked, &report, look).await.unwrap();
    }
    assert_eq!(rig.wallet(), (9_880_000, 0));
    let rig = rig.close().await.open().await;
    let said = said_of(&rig.orders().market, id);
    let said = said.iter().map(|known| [&*known.sender, &*known.text, &*known.code]);
    assert_eq!(said.collect::<Vec<_>>(), [whole]);
    assert_eq!(rig.wallet(), (9_880_000, 0));
    rig.stop().await;
}

const WHOLE: Said = ["Telegram", "Your code is 4101", "4101"];

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_comes_after_its_code_completes_the_message() {
    let parts = [["", "", "4101"], ["", "Your code is 4101", "4101"], WHOLE, ["", "", "4101"]];
    check(HANDLER, false, &parts, WHOLE).await;
    check(FIVESIM, true, &parts, WHOLE).await;
    // A status call gives what it found as one text.
    let parts = [["", "", "4101"], ["", "", "Your code is 4101"], ["", "", "4101"]];
    check(HANDLER, false, &parts, ["", "Your code is 4101", "4101"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_comes_after_its_text_completes_the_message() {
    let text = "Hello from Telegram";
    let parts = [["", text, ""], ["", text, "4101"], ["", text, ""]];
    check(HANDLER, false, &parts, ["", text, "4101"]).await;
    check(FIVESIM, true, &parts, ["", text, "4101"]).await;
}
