//! Numbers that go back: in time, too late, at their end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nexnum::market::change::Change;
use nexnum::order::claim::Wish;
use nexnum::order::{Refusal, UpstreamError};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::book::Book;
use nexnum_engine::group::{Groups, Origin};
use nexnum_engine::ids::{OrderId, Seq, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use nexnum_sandbox::{FaultKind, SandboxConfig};

use super::{
    FIVESIM, HANDLER, Rig, ask_fivesim, ask_handler, check_cancelled, late_cancels, product,
    received, until,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_after_the_cancel_is_kept_and_marked_late() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 60_000).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::MessageAfterCancel);
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    rig.cancel(id).await;
    rig.sandbox.advance_ms(61_000);
    let order = rig.order(id, |order| !order.messages.is_empty()).await;
    assert_eq!(order.state, ActivationState::Cancelled);
    assert!(order.messages.iter().all(|message| message.late));
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_after_a_cancel_whose_answer_was_lost_is_late() {
    let rig = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await;
    rig.sandbox.faults(FIVESIM).next(FaultKind::MessageAfterCancel);
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    let external_id = &order.assignment.as_ref().unwrap().external_id;
    // The provider takes the number back; neither an answer nor a look says so in time.
    rig.sandbox.faults(FIVESIM).set(FaultKind::ReplyLost, 1.0);
    let refused = rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await.unwrap_err();
    assert!(matches!(refused, Refusal::Upstream(_)), "{refused:?}");
    rig.sandbox.advance_ms(601_000);
    rig.sandbox.faults(FIVESIM).clear();
    let shown = ask_fivesim(&rig.sandbox, &format!("check/{external_id}")).await;
    assert!(shown.contains("CANCELED") && shown.contains("code"), "{shown}");
    let order = rig.order(id, |order| !order.messages.is_empty()).await;
    assert!(order.messages.iter().all(|message| message.late), "{order:?}");
    assert_eq!(order.state, ActivationState::Cancelled);
    assert_eq!(rig.wallet(), (10_000_000, 0), "the provider has refunded it as well");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_outlasts_a_hiccup_and_an_answer_that_was_lost() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    // A poll may meet one of them first: the cancel then meets fewer.
    rig.sandbox.faults(HANDLER).next(FaultKind::Http500);
    rig.sandbox.faults(HANDLER).next(FaultKind::TruncatedBody);
    rig.cancel(id).await;
    let own = format!("action=getStatus&id={}", order.assignment.as_ref().unwrap().external_id);
    assert_eq!(ask_handler(&rig.sandbox, &own).await, "STATUS_CANCEL");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_the_provider_did_not_answer_changes_nothing_and_may_be_repeated() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    let refused = rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await.unwrap_err();
    assert_eq!(refused, Refusal::Upstream(UpstreamError::Unavailable));
    rig.sandbox.faults(HANDLER).clear();
    let after = rig.orders().market.read_model.order(id).unwrap();
    assert_eq!(after.state, ActivationState::Active);
    assert_eq!(rig.wallet(), (9_880_000, 120_000));
    rig.cancel(id).await;
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_what_its_provider_finished_without_a_message_books_the_charge() {
    let closed = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await.close().await;
    // No poll sees the end first.
    closed.reword("fivesim", "poll_interval_ms = 100", "poll_interval_ms = 600000");
    closed.reword("fivesim", r#"CANCELED = "cancelled""#, r#"CANCELED = "finished""#);
    let rig = closed.open().await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    let external_id = &order.assignment.as_ref().unwrap().external_id;
    let ended = ask_fivesim(&rig.sandbox, &format!("cancel/{external_id}")).await;
    assert!(ended.contains("CANCELED"), "{ended}");
    rig.cancel(id).await;
    assert_eq!(rig.wallet(), (10_000_000, 0));
    let closed = rig.close().await;
    let loss = closed.state().balance(Book::WriteOffs(order.provider));
    assert_eq!(loss, Micros(-100_000));
    closed.sandbox.stop().await;
}

/// A refusal within three seconds that says when the outcome of a request is there.
fn told(refusal: Refusal, asked: Instant) -> Duration {
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    let Refusal::Upstream(UpstreamError::UnderWay { retry_after }) = refusal else {
        panic!("{refusal:?}")
    };
    retry_after
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_provider_s_answer_to_a_cancel_is_there_when_its_buyer_comes_back() {
    let config = SandboxConfig {
        min_cancel_age_ms: 0,
        sms_delay_ms: 600_000..=600_000,
        latency_ms: 3_500..=3_500,
        ..SandboxConfig::small(7)
    };
    let rig = Rig::start_on(config, &[(HANDLER, 100_000)]).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    let asked = Instant::now();
    let cancel = async || rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await;
    let (one, two) = tokio::join!(cancel(), cancel());
    let wait = told(one.unwrap_err(), asked).max(told(two.unwrap_err(), asked));
    assert_eq!(rig.wallet(), (9_880_000, 120_000), "nothing is refunded yet");
    // It ends without another request.
    rig.order(id, |order| order.state == ActivationState::Cancelled).await;
    assert!(asked.elapsed() < wait + Duration::from_secs(3));
    let asked = Instant::now();
    rig.cancel(id).await;
    assert!(asked.elapsed() < Duration::from_secs(3));
    let own = format!("action=getStatus&id={}", order.assignment.as_ref().unwrap().external_id);
    assert_eq!(ask_handler(&rig.sandbox, &own).await, "STATUS_CANCEL");
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_at_a_provider_that_hangs_is_told_when_to_come_back_and_answered_then() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::TimeOut, 1.0);
    let asked = Instant::now();
    let wait =
        told(rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await.unwrap_err(), asked);
    assert!((1..=15).contains(&wait.as_secs()), "{wait:?}");
    tokio::time::sleep(wait).await;
    let asked = Instant::now();
    let refused = rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await.unwrap_err();
    assert_eq!(refused, Refusal::Upstream(UpstreamError::Unavailable));
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    rig.sandbox.faults(HANDLER).clear();
    rig.cancel(id).await;
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_whose_time_is_over_goes_back_once_its_provider_answers() {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await.close().await;
    closed.reword("handler", "lifetime_ms = 1200000", "lifetime_ms = 2000");
    let rig = closed.open().await;
    let id = rig.buy(None).await.unwrap();
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    let order = rig.order(id, |order| order.state == ActivationState::TimedOut).await;
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.sandbox.faults(HANDLER).clear();
    check_cancelled(&rig.sandbox, &order.assignment.as_ref().unwrap().external_id).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_its_provider_takes_back_no_more_stays_open() {
    let config = SandboxConfig {
        min_cancel_age_ms: 600_000,
        sms_delay_ms: 60_000..=60_000,
        ..SandboxConfig::small(7)
    };
    let closed = Rig::start_on(config, &[(HANDLER, 100_000)]).await.close().await;
    // The simulated provider refuses a cancel in these words only.
    let rule = |word| format!(r#"{{ equals = "EARLY_CANCEL_DENIED", error = "{word}""#);
    closed.reword("handler", &rule("too_early"), &rule("too_late"));
    let rig = closed.open().await;

    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    let refused = rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await.unwrap_err();
    assert_eq!(refused, Refusal::Upstream(UpstreamError::TooLate));
    assert_eq!(rig.wallet(), (9_880_000, 120_000), "nothing has changed");
    rig.sandbox.advance_ms(61_000);
    rig.order(id, received).await;
    assert_eq!(rig.wallet(), (9_880_000, 0));
    rig.stop().await;
}

/// The simulated provider refuses a cancel; the driver reads its word as "not found".
async fn unfound_by_cancels() -> Rig {
    let closed = Rig::start_on(late_cancels(), &[(HANDLER, 100_000)]).await.close().await;
    let rule = |word| format!(r#"{{ equals = "EARLY_CANCEL_DENIED", error = "{word}""#);
    closed.reword("handler", &rule("too_early"), &rule("not_found"));
    closed.open().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_only_the_cancel_does_not_find_is_not_refunded() {
    let rig = unfound_by_cancels().await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    for _ in 0..2 {
        let refused = rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await.unwrap_err();
        assert_eq!(refused, Refusal::Upstream(UpstreamError::Unavailable));
    }
    assert_eq!(rig.wallet(), (9_880_000, 120_000), "it is open at its provider");
    rig.sandbox.advance_ms(601_000);
    rig.cancel(id).await;
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

/// Shows readers an order as it is not, or as it is.
fn show(rig: &Rig, order: Order) {
    let read_model = &rig.orders().market.read_model;
    let (first, groups) = (Seq(read_model.position().0 + 1), Groups::new());
    let orders = vec![Arc::new(order)];
    read_model.publish(&Change { first, groups, orders, wallets: Vec::new() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_does_not_see_the_number_leaves_it_to_be_given_back() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let id = rig.buy(None).await.unwrap();
    let active = rig.order(id, |order| order.state == ActivationState::Active).await;
    let external_id = active.assignment.as_ref().unwrap().external_id.clone();
    let query = format!("action=getStatus&id={external_id}");
    // Readers are a moment behind the engine.
    show(&rig, Order { state: ActivationState::Init, assignment: None, ..(*active).clone() });
    let refused = rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await;
    assert_eq!(refused, Err(Refusal::Rejected(Reject::NoNumberYet)));
    show(&rig, (*active).clone());
    assert_eq!(ask_handler(&rig.sandbox, &query).await, "STATUS_WAIT_CODE");
    rig.cancel(id).await;
    assert_eq!(ask_handler(&rig.sandbox, &query).await, "STATUS_CANCEL");
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_without_its_number_yet_can_be_neither_cancelled_nor_finished() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::TimeOut, 1.0);
    let (orders, customer) = (Arc::clone(rig.orders()), rig.customer);
    let wish = Wish { product: product(), variant: VariantId::ANY, limit: None };
    let placing =
        tokio::spawn(async move { orders.place(&Origin::SYSTEM, customer, wish.into()).await });
    let id = OrderId(1);
    let read_model = &rig.orders().market.read_model;
    until(|| read_model.order(id).is_some()).await;
    let issued =
        rig.running.rooms.access.issue_key(&Origin::SYSTEM, Some(rig.customer)).await.unwrap();
    let shown = rig.orders().market.ids.activation(id);
    for change in ["cancel", "finish", "resend"] {
        let url = format!("http://{}/api/v1/activations/{shown}/{change}", rig.running.address);
        let request = reqwest::Client::new().post(url).bearer_auth(issued.key.reveal());
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 409, "{change}");
        assert_eq!(reply.headers()["retry-after"], "1", "{change}");
        let told: serde_json::Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
        assert_eq!(told["code"], "no_number_yet", "{change}: {told}");
    }
    // Nothing of it has changed: it still waits for its number, and is paid for.
    let order = read_model.order(id).unwrap();
    assert_eq!((order.state, order.closed_at), (ActivationState::Init, None));
    assert_eq!(rig.wallet(), (9_880_000, 120_000));
    placing.abort();
    rig.sandbox.faults(HANDLER).clear();
    rig.stop().await;
}
