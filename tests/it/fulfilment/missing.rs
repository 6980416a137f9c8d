//! A provider that does not know an open activation.

use std::sync::Arc;
use std::time::Duration;

use nexnum::order::{Refusal, UpstreamError};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::group::Origin;
use nexnum_engine::order::{Order, OrderStatus};
use nexnum_engine::time::Time;

use super::{Closed, HANDLER, Rig, ask_handler, check_cancelled, late_cancels, until};

fn active(order: &Order) -> bool {
    order.state == ActivationState::Active
}

/// A market with an open order whose provider answers "not found" to what it said before.
async fn unknown(rule: &str) -> (Rig, Arc<Order>) {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, active).await;
    let closed = rig.close().await;
    unfound(&closed, rule);
    (closed.open().await, order)
}

/// Lets the provider's driver read "not found" where it read a state.
fn unfound(closed: &Closed, rule: &str) {
    let head = rule.split(", give").next().unwrap();
    closed.reword("handler", rule, &format!("{head}, error = \"not_found\" }}"));
}

const WAITING: &str =
    r#"{ equals = ["STATUS_WAIT_CODE", "STATUS_WAIT_RESEND"], give = { state = "=waiting" } }"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_the_list_shows_as_open_is_kept_though_its_provider_does_not_find_it() {
    let (rig, order) = unknown(WAITING).await;
    let connected = rig.orders().providers.get(order.provider).unwrap();
    let told = || {
        connected.health().failures.iter().any(|it| it.text.contains("in the list of open ones"))
    };
    until(told).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let order = rig.orders().market.read_model.order(order.id).unwrap();
    assert_eq!((order.state, order.status), (ActivationState::Active, OrderStatus::Escrow));
    rig.stop().await;
}

/// A provider that finds no activation, neither when it is asked nor when it is to end it.
fn unfound_and_unended(closed: &Closed) {
    unfound(closed, WAITING);
    let early = |word| format!(r#"{{ equals = "EARLY_CANCEL_DENIED", error = "{word}""#);
    closed.reword("handler", &early("too_early"), &early("not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_does_not_believe_that_an_open_number_is_not_found() {
    let rig = Rig::start_on(late_cancels(), &[(HANDLER, 100_000)]).await;
    let order = rig.order(rig.buy(None).await.unwrap(), active).await;
    let closed = rig.close().await;
    unfound_and_unended(&closed);
    let rig = closed.open().await;
    let refused = rig.orders().cancel(&Origin::SYSTEM, rig.customer, order.id).await.unwrap_err();
    assert_eq!(refused, Refusal::Upstream(UpstreamError::Unavailable));
    assert_eq!(rig.order(order.id, active).await.status, OrderStatus::Escrow);
    rig.stop().await;
}

/// A market with an open order whose provider finds it neither when it is asked nor when it is to
/// end it, and answers to the call for its list that it has no such call.
async fn unknown_and_unlisted(poll_interval_ms: u64) -> (Rig, Arc<Order>) {
    let rig = Rig::start_on(late_cancels(), &[(HANDLER, 100_000)]).await;
    let order = rig.order(rig.buy(None).await.unwrap(), active).await;
    let closed = rig.close().await;
    unfound_and_unended(&closed);
    closed.reword("handler", "getActiveActivations", "getNothing");
    let poll = |ms| format!("poll_interval_ms = {ms}");
    closed.reword("handler", &poll(100), &poll(poll_interval_ms));
    (closed.open().await, order)
}

/// That it took as long as where no list is known.
fn check_refunded(rig: &Rig, ended: &Order, since: Time) {
    assert_eq!((ended.state, ended.status), (ActivationState::Cancelled, OrderStatus::Refunded));
    assert_eq!(rig.wallet(), (10_000_000, 0));
    let waited_ms = ended.closed_at.unwrap().ms_since(since);
    assert!((29_000..50_000).contains(&waited_ms), "{waited_ms}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_not_found_is_refunded_where_the_list_is_refused() {
    let (rig, order) = unknown_and_unlisted(100).await;
    let since = rig.orders().market.clock.now();
    let ended = rig.order(order.id, |order| order.state.is_closed()).await;
    check_refunded(&rig, &ended, since);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_a_number_that_is_not_found_goes_through_where_the_list_is_refused() {
    let (rig, order) = unknown_and_unlisted(600_000).await;
    let since = rig.orders().market.clock.now();
    let cancelled = loop {
        match rig.orders().cancel(&Origin::SYSTEM, rig.customer, order.id).await {
            Ok(cancelled) => break cancelled,
            Err(refused) => {
                assert_eq!(refused, Refusal::Upstream(UpstreamError::Unavailable));
                let waited_ms = rig.orders().market.clock.now().ms_since(since);
                assert!(waited_ms < 50_000, "it is refused after {waited_ms} ms");
            }
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
    };
    check_refunded(&rig, &cancelled, since);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_neither_the_list_nor_its_provider_knows_is_refunded() {
    let rule =
        r#"{ equals = ["STATUS_CANCEL", "ACCESS_CANCEL"], give = { state = "=cancelled" } }"#;
    let (rig, order) = unknown(rule).await;
    let external_id = &order.assignment.as_ref().unwrap().external_id;
    let cancel = format!("action=setStatus&id={external_id}&status=8");
    assert_eq!(ask_handler(&rig.sandbox, &cancel).await, "ACCESS_CANCEL");
    let order = rig.order(order.id, |order| order.state.is_closed()).await;
    assert_eq!((order.state, order.status), (ActivationState::Cancelled, OrderStatus::Refunded));
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_was_taken_for_gone_and_is_not_goes_back() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let order = rig.order(rig.buy(None).await.unwrap(), active).await;
    let closed = rig.close().await;
    unfound(&closed, WAITING);
    let none = r#"filters = [{ at = "/activationId", equals = ["none"] }]"#;
    let rows = r#"rows = { path = "activeActivations.*""#;
    closed.reword("handler", rows, &format!("{rows}, {none}"));
    let rig = closed.open().await;
    let ended = rig.order(order.id, |order| order.state.is_closed()).await;
    assert_eq!((ended.state, ended.status), (ActivationState::Cancelled, OrderStatus::Refunded));
    check_cancelled(&rig.sandbox, &order.assignment.as_ref().unwrap().external_id).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_ran_out_and_was_not_found_once_is_told_of_its_end_again() {
    let closed = Rig::start_on(late_cancels(), &[(HANDLER, 100_000)]).await.close().await;
    let lifetime = ["lifetime_ms = 1200000", "lifetime_ms = 2000"];
    let early = ["too_early", "not_found"]
        .map(|word| format!(r#"{{ equals = "EARLY_CANCEL_DENIED", error = "{word}""#));
    closed.reword("handler", lifetime[0], lifetime[1]);
    closed.reword("handler", &early[0], &early[1]);
    let rig = closed.open().await;
    let order = rig.order(rig.buy(None).await.unwrap(), |order| order.state.is_closed()).await;
    assert_eq!(order.state, ActivationState::TimedOut);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rig.orders().market.read_model.unended(), [order.id], "once is not believed");
    let closed = rig.close().await;
    closed.reword("handler", &early[1], &early[0]);
    closed.sandbox.advance_ms(601_000);
    let rig = closed.open().await;
    check_cancelled(&rig.sandbox, &order.assignment.as_ref().unwrap().external_id).await;
    until(|| rig.orders().market.read_model.unended().is_empty()).await;
    rig.stop().await;
}
