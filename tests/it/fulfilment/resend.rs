//! Another message of the same number, also with the same code.

use std::time::{Duration, Instant};

use nexnum::message::identity::Look;
use nexnum::order::{Refusal, UpstreamError};
use nexnum_driver::{Op, Output, RawReply};
use nexnum_engine::command::{Caller, RequestAnother};
use nexnum_engine::group::Origin;
use nexnum_sandbox::{FaultKind, SandboxConfig};

use super::{FIVESIM, HANDLER, Rig, SMSPOOL, execute, received};
use crate::rig::texts::{codes_of, said};

/// A second message with the code of the first is delivered, once.
async fn check_same_code(seller: usize) {
    let sms_delay_ms = 300..=300;
    let config = SandboxConfig { same_code: true, sms_delay_ms, ..SandboxConfig::small(7) };
    let rig = Rig::start_on(config, &[(seller, 100_000)]).await;
    let id = rig.buy(None).await.unwrap();
    let first = rig.order(id, received).await;
    rig.orders().resend(&Origin::SYSTEM, rig.customer, id).await.unwrap();
    let second = rig.order(id, |order| order.messages.len() > 1).await;
    let code = said(&rig.orders().market.sealing, &first)[0].code.clone();
    let codes = said(&rig.orders().market.sealing, &second).into_iter().map(|said| said.code);
    assert_eq!(codes.collect::<Vec<_>>(), [code.clone(), code]);
    // It is shown by every poll that follows, and is not another one.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(rig.orders().market.read_model.order(id).unwrap().messages.len(), 2);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_again_is_another_message_over_the_handler_protocol() {
    check_same_code(HANDLER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_again_is_another_message_from_the_rest_protocol() {
    check_same_code(FIVESIM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_again_is_another_message_with_form_posts() {
    check_same_code(SMSPOOL).await;
}

/// The shipped driver, but for a field that not all providers of the protocol send.
const NUMBERED: &str = r#"external_id = "/id", sender = "/sender""#;
const UNNUMBERED: &str = r#"sender = "/sender""#;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_an_id_is_delivered_again_only_when_it_has_come_again() {
    let sms_delay_ms = 600..=600;
    let config = SandboxConfig { same_code: true, sms_delay_ms, ..SandboxConfig::small(7) };
    let closed = Rig::start_on(config, &[(FIVESIM, 100_000)]).await.close().await;
    closed.reword("fivesim", NUMBERED, UNNUMBERED);
    let rig = closed.open().await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, received).await;
    rig.orders().resend(&Origin::SYSTEM, rig.customer, id).await.unwrap();
    let second = rig.order(id, |order| order.messages.len() > 1).await;
    let [one, other] = &second.messages[..] else { panic!("{second:?}") };
    let codes = codes_of(&rig.orders().market, id);
    assert_eq!(codes[0], codes[1]);
    // The second comes three seconds after the first there.
    assert!(other.received_at.ms_since(one.received_at) > 1_500, "{second:?}");
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(rig.orders().market.read_model.order(id).unwrap().messages.len(), 2);
    rig.stop().await;
}

/// A provider shows each message twice, the wish is open at a restart, and then it shows a third.
#[tokio::test(flavor = "multi_thread")]
async fn copies_from_before_a_wish_are_known_for_such_after_a_restart() {
    let config = SandboxConfig { sms_delay_ms: 3_600_000..=3_600_000, ..SandboxConfig::small(7) };
    let closed = Rig::start_on(config, &[(FIVESIM, 100_000)]).await.close().await;
    closed.reword("fivesim", "poll_interval_ms = 100", "poll_interval_ms = 86400000");
    closed.reword("fivesim", NUMBERED, UNNUMBERED);
    let rig = closed.open().await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.assignment.is_some()).await;
    let shows = async |rig: &Rig, copies: usize| {
        let row = r#"{"sender":"Telegram","text":"Telegram code 48213","code":"48213"}"#;
        let rows = vec![row; copies].join(",");
        let body = format!(r#"{{"id":1,"status":"RECEIVED","sms":[{rows}]}}"#).into_bytes();
        let asked = rig.orders().market.read_model.order(id).unwrap();
        let connected = rig.orders().providers.of_order(&asked).unwrap();
        let reply = RawReply { status: 200, headers: Vec::new(), body };
        let read = connected.driver().interpret(Op::Status, &reply);
        let Ok(Output::Status(report)) = read else { panic!("{read:?}") };
        rig.orders().take_in(&connected, &asked, &report, Look::Single).await.unwrap();
        rig.orders().market.read_model.order(id).unwrap().messages.len()
    };
    assert_eq!(shows(&rig, 2).await, 1);
    let caller = Caller::Account(rig.customer);
    execute(rig.orders(), RequestAnother { order: id, caller }).await;
    assert_eq!(shows(&rig, 2).await, 1);
    let rig = rig.close().await.open().await;
    assert_eq!(shows(&rig, 2).await, 1, "both were there before the wish");
    assert_eq!(shows(&rig, 3).await, 2);
    rig.stop().await;
}

/// The bodies of status replies after the buyer of one code has asked for another, and how many
/// messages the order has after each.
async fn check_replies(seller: usize, first: &str, replies: &[(&str, usize)]) {
    let config = SandboxConfig { sms_delay_ms: 3_600_000..=3_600_000, ..SandboxConfig::small(7) };
    let closed = Rig::start_on(config, &[(seller, 100_000)]).await.close().await;
    let name = if seller == FIVESIM { "fivesim" } else { "handler" };
    closed.reword(name, "poll_interval_ms = 100", "poll_interval_ms = 86400000");
    if seller == FIVESIM {
        closed.reword(name, NUMBERED, UNNUMBERED);
    }
    let rig = closed.open().await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.assignment.is_some()).await;
    let orders = rig.orders();
    let connected = orders.providers.get(order.provider).unwrap();
    for (at, (body, expected)) in [(first, 1)].iter().chain(replies).enumerate() {
        if at == 1 {
            let caller = Caller::Account(rig.customer);
            execute(orders, RequestAnother { order: id, caller }).await;
        }
        let body = body.as_bytes().to_vec();
        let reply = RawReply { status: 200, headers: Vec::new(), body };
        let read = connected.driver().interpret(Op::Status, &reply);
        let Ok(Output::Status(report)) = read else { panic!("{read:?}") };
        let asked = orders.market.read_model.order(id).unwrap();
        orders.take_in(&connected, &asked, &report, Look::Single).await.unwrap();
        let order = orders.market.read_model.order(id).unwrap();
        assert_eq!(order.messages.len(), *expected, "reply {at} of {first} {replies:?}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_message_that_is_shown_still_is_not_the_one_that_is_awaited() {
    // The handler protocol's words: one waits, whatever code stands beside it.
    let (ok, retry) = ("STATUS_OK:48213", "STATUS_WAIT_RETRY:48213");
    check_replies(HANDLER, ok, &[(retry, 1), (ok, 2), (ok, 2)]).await;
    check_replies(HANDLER, ok, &[(ok, 2), (ok, 2)]).await;
    // Its second version: a message is there or not.
    let old = r#"{"verificationType":0,"sms":{"code":"48213","text":"Your code 48213"}}"#;
    let none = r#"{"verificationType":0,"sms":null,"call":null}"#;
    let other = r#"{"verificationType":0,"sms":{"code":"771204","text":"Your code 771204"}}"#;
    check_replies(HANDLER, old, &[(old, 1), (old, 1), (other, 2)]).await;
    check_replies(HANDLER, old, &[(none, 1), (old, 2), (old, 2)]).await;
    // A clone's list of all messages.
    let one = r#"{"sms":[{"code":"48213","text":"Your code 48213"}]}"#;
    let two = r#"{"sms":[{"code":"48213","text":"Your code 48213"},{"code":"48213","text":"Your code 48213"}]}"#;
    check_replies(HANDLER, one, &[(one, 1), (two, 2), (two, 2)]).await;
    // The provider of this protocol is told of no wish, and its list is not always whole.
    let row = r#"{"sender":"Telegram","text":"Telegram code 48213","code":"48213"}"#;
    let rows = |rows: &str| format!(r#"{{"id":1,"status":"RECEIVED","sms":[{rows}]}}"#);
    let (none, one, two) = (rows(""), rows(row), rows(&format!("{row},{row}")));
    check_replies(FIVESIM, &one, &[(&one, 1), (&none, 1), (&one, 1), (&two, 2), (&two, 2)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_at_a_provider_that_hangs_is_told_when_to_come_back_and_answered_then() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 300).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, received).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::TimeOut, 1.0);
    let mut wait = Duration::ZERO;
    for expected_under_way in [true, false] {
        tokio::time::sleep(wait).await;
        let asked = Instant::now();
        let refused = rig.orders().resend(&Origin::SYSTEM, rig.customer, id).await.unwrap_err();
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        match refused {
            Refusal::Upstream(UpstreamError::UnderWay { retry_after }) if expected_under_way => {
                wait = retry_after;
            }
            Refusal::Upstream(UpstreamError::Unavailable) if !expected_under_way => {}
            refused => panic!("{refused:?}"),
        }
    }
    assert!(!rig.orders().market.read_model.order(id).unwrap().awaits_another);
    rig.sandbox.faults(HANDLER).clear();
    rig.orders().resend(&Origin::SYSTEM, rig.customer, id).await.unwrap();
    rig.stop().await;
}

/// Its name does not speak of a cancel: the buyer of a second code would look for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_a_provider_does_not_take_yet_says_when_to_come_back() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 300).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, received).await;
    let closed = rig.close().await;
    let taken = r#"{ equals = "ACCESS_RETRY_GET", give = {} },"#;
    let not_yet = r#"{ equals = "ACCESS_RETRY_GET", error = "too_early" },"#;
    closed.reword("handler", taken, &format!("{not_yet} {}", taken.replace("_GET", "")));
    let rig = closed.open().await;
    let issued =
        rig.running.rooms.access.issue_key(&Origin::SYSTEM, Some(rig.customer)).await.unwrap();
    let shown = rig.orders().market.ids.activation(id);
    let url = format!("http://{}/api/v1/activations/{shown}/resend", rig.running.address);
    let request = reqwest::Client::new().post(url).bearer_auth(issued.key.reveal());
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), 409);
    assert_eq!(reply.headers()["retry-after"], "10");
    let told = reply.text().await.unwrap();
    assert!(told.contains(r#""code":"too_early_to_resend""#), "{told}");
    assert!(!told.contains("cancel"), "{told}");
    assert!(!rig.orders().market.read_model.order(id).unwrap().awaits_another);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_code_is_delivered_whose_provider_gives_each_message_the_same_id() {
    let closed = Rig::start_with(&[(FIVESIM, 100_000)], 300).await.close().await;
    closed.reword("fivesim", r#"external_id = "/id", sender"#, r#"external_id = "=7", sender"#);
    let rig = closed.open().await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, received).await;
    rig.orders().resend(&Origin::SYSTEM, rig.customer, id).await.unwrap();
    let order = rig.order(id, |order| order.messages.len() == 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let later = rig.order(id, |_| true).await;
    assert_eq!(later.messages.len(), 2, "each came once: {later:?}");
    let said = said(&rig.orders().market.sealing, &order);
    assert_ne!(said[0].code, said[1].code);
    rig.stop().await;
}
