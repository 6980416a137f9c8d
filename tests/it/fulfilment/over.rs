//! What comes without a wish to an activation that has had its message, about when its time is over.

use std::sync::Arc;
use std::time::Duration;

use nexnum::provider::dispatch::PauseOf;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::order::Order;
use nexnum_sandbox::{FaultKind, Sandbox};

use super::{HANDLER, Rig, ask_handler, received, until};

/// A market whose numbers are over after six seconds, and an order that has had its message.
async fn delivered(sms_delay_ms: u64) -> (Rig, Arc<Order>) {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], sms_delay_ms).await.close().await;
    closed.reword("handler", "lifetime_ms = 1200000", "lifetime_ms = 6000");
    let rig = closed.open().await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    (rig, order)
}

/// Has another message come that the buyer has not asked for.
async fn send_another(sandbox: &Sandbox, order: &Order) {
    let external_id = &order.assignment.as_ref().unwrap().external_id;
    ask_handler(sandbox, &format!("action=setStatus&id={external_id}&status=3")).await;
}

/// Waits until so long before an order's time is over.
async fn before_its_end(rig: &Rig, order: &Order, before_ms: u64) {
    let expires_at = order.assignment.as_ref().unwrap().expires_at;
    let left = expires_at.ms_since(rig.orders().market.clock.now());
    tokio::time::sleep(Duration::from_millis(left.saturating_sub(before_ms))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_without_a_wish_just_before_the_end_is_delivered() {
    let (rig, order) = delivered(100).await;
    before_its_end(&rig, &order, 4_000).await;
    send_another(&rig.sandbox, &order).await;
    let order = rig.order(order.id, |order| order.closed_at.is_some()).await;
    assert_eq!(order.delivered().count(), 2, "{order:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_without_a_wish_after_the_last_look_is_shown() {
    let (rig, order) = delivered(100).await;
    before_its_end(&rig, &order, 600).await;
    send_another(&rig.sandbox, &order).await;
    let order = rig.order(order.id, |order| order.shown().count() == 2).await;
    assert_eq!((order.state, order.delivered().count()), (ActivationState::Completed, 1));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_without_a_wish_while_its_provider_fails_at_the_end_is_shown() {
    let (rig, order) = delivered(500).await;
    before_its_end(&rig, &order, 2_500).await;
    send_another(&rig.sandbox, &order).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    let over = rig.order(order.id, |order| order.closed_at.is_some()).await;
    assert_eq!(over.shown().count(), 1, "the provider answers nothing");
    tokio::time::sleep(Duration::from_secs(2)).await;
    rig.sandbox.faults(HANDLER).clear();
    rig.order(order.id, |order| order.shown().count() == 2).await;
    until(|| rig.orders().market.read_model.unended().is_empty()).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_without_a_wish_in_a_pause_over_the_end_is_shown() {
    let (rig, order) = delivered(500).await;
    before_its_end(&rig, &order, 2_500).await;
    send_another(&rig.sandbox, &order).await;
    let connected = rig.orders().providers.get(order.provider).unwrap();
    connected.client().room().dispatcher().pause(PauseOf::All, Duration::from_secs(25));
    rig.order(order.id, |order| order.closed_at.is_some()).await;
    rig.order(order.id, |order| order.shown().count() == 2).await;
    until(|| rig.orders().market.read_model.unended().is_empty()).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_without_a_wish_while_no_process_runs_over_the_end_is_shown() {
    let (rig, order) = delivered(500).await;
    let closed = rig.close().await;
    send_another(&closed.sandbox, &order).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    let rig = closed.open().await;
    rig.order(order.id, |order| order.shown().count() == 2).await;
    until(|| rig.orders().market.read_model.unended().is_empty()).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_look_does_not_wait_for_a_poll_that_hangs() {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 4_500).await.close().await;
    closed.reword("handler", "lifetime_ms = 1200000", "lifetime_ms = 5000");
    closed.reword("handler", "poll_interval_ms = 100", "poll_interval_ms = 1000");
    let rig = closed.open().await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    before_its_end(&rig, &order, 4_000).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::TimeOut, 1.0);
    before_its_end(&rig, &order, 200).await;
    rig.sandbox.faults(HANDLER).clear();
    let order = rig.order(id, |order| order.closed_at.is_some() || received(order)).await;
    let expires_at = order.assignment.as_ref().unwrap().expires_at;
    let after_ms = order.messages.first().map(|message| message.received_at.ms_since(expires_at));
    assert!(after_ms.is_some_and(|ms| ms < 3_000), "{after_ms:?}: {order:?}");
    rig.stop().await;
}
