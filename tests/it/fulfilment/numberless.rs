//! Purchases that are answered with their ids and without numbers: the number comes later, or
//! never, also where the process ends in between.

use nexnum::attention::AttentionKind;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::book::Book;
use nexnum_engine::ids::OrderId;
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_sandbox::FaultKind;

use super::buying::check_not_sold;
use super::{Closed, FIVESIM, Rig, check_dated_cancelled, synced, until};

/// The same, and neither does a status say a number.
async fn never_answering_numbers() -> Closed {
    let closed = answering_ids().await;
    closed.reword("fivesim", r#"number = "/phone", state"#, r#"number = "/none", state"#);
    closed
}

/// A market whose provider answers each purchase with its id alone.
async fn answering_ids() -> Closed {
    let closed = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await.close().await;
    closed.reword("fivesim", r#"number = "/phone", cost"#, r#"number = "/none", cost"#);
    closed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_without_a_number_gets_the_one_that_the_list_shows_for_its_id() {
    let rig = never_answering_numbers().await.open().await;
    synced(rig.orders()).await;
    for attempt in [1, 1] {
        let id = rig.buy(None).await.unwrap();
        let active = |order: &Order| order.state == ActivationState::Active;
        assert_eq!(rig.order(id, active).await.attempt, attempt);
    }
    let (rows, _) = rig.orders().market.attention.rows(usize::MAX);
    assert!(!rows.iter().any(|row| row.kind == AttentionKind::WrongNumber), "{rows:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_gets_no_number_goes_back_by_its_id() {
    let closed = never_answering_numbers().await;
    closed.reword("fivesim", r#"number = "/phone", country"#, r#"number = "/none", country"#);
    let rig = closed.open().await;
    synced(rig.orders()).await;
    drop(rig.buy(None).await);
    check_not_sold(&rig, OrderId(1)).await;
    rig.stop().await;
}

/// A market that was closed between the id of order 1's purchase, which is given too, and its
/// number; its provider's lists have been empty.
async fn closed_before_the_number(closed: Closed) -> (Closed, String) {
    let rig = closed.open().await;
    synced(rig.orders()).await;
    rig.sandbox.faults(FIVESIM).set(FaultKind::ListEmpty, 1.0);
    tokio::select! {
        bought = rig.buy(None) => panic!("it got its number: {bought:?}"),
        () = until(|| rig.orders().doubts.count().in_doubt == 1) => {}
    }
    let closed = rig.close().await;
    let state = closed.state();
    let (order, attempt, named) = state.named().next().expect("its id is in the ledger");
    assert_eq!((order, attempt, state.named().count()), (OrderId(1), 1, 1));
    let id = named.external_id.to_string();
    (closed, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_comes_after_a_restart_is_the_order_s_by_the_id_of_its_purchase() {
    let (closed, id) = closed_before_the_number(never_answering_numbers().await).await;
    closed.sandbox.faults(FIVESIM).clear();
    let rig = closed.open().await;
    let active = |order: &Order| order.state == ActivationState::Active;
    let order = rig.order(OrderId(1), active).await;
    assert_eq!((&*order.assignment.as_ref().unwrap().external_id, order.attempt), (&*id, 1));
    let closed = rig.close().await;
    assert_eq!(closed.state().named().count(), 0);
    closed.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_without_a_number_that_no_list_shows_goes_back_after_a_restart() {
    let (closed, id) = closed_before_the_number(never_answering_numbers().await).await;
    let rig = closed.open().await;
    check_dated_cancelled(&rig.sandbox, &id).await;
    let told = || rig.orders().market.attention.rows(usize::MAX).0;
    until(|| told().iter().any(|row| row.kind == AttentionKind::WrongNumber)).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_without_a_number_goes_back_though_its_order_ended_while_no_process_ran() {
    let (closed, id) = closed_before_the_number(never_answering_numbers().await).await;
    closed.advance_ms(200_000);
    let rig = closed.open().await;
    check_not_sold(&rig, OrderId(1)).await;
    check_dated_cancelled(&rig.sandbox, &id).await;
    // What was written off for it has come back, and no start gives it back again.
    let closed = rig.close().await;
    let state = closed.state();
    let provider = state.order(OrderId(1)).unwrap().provider;
    assert_eq!(state.balance(Book::WriteOffs(provider)), Micros::ZERO);
    let rig = closed.open().await;
    assert_eq!(rig.orders().doubts.count().orphans, 0);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_without_a_number_waits_for_its_provider_to_be_set_up_again() {
    let (mut closed, id) = closed_before_the_number(never_answering_numbers().await).await;
    closed.sellers.clear();
    closed.advance_ms(200_000);
    let rig = closed.open().await;
    rig.order(OrderId(1), |order| order.state == ActivationState::Failed).await;
    until(|| rig.orders().market.read_model.orphans().len() == 1).await;
    until(|| rig.noticed(AttentionKind::ActivationsLeft) == 1).await;
    // While the market runs: it need not be started again.
    let again = super::setup(&rig.sandbox, FIVESIM, &rig.folder);
    rig.running.providers.connect(again).await.unwrap();
    check_dated_cancelled(&rig.sandbox, &id).await;
    until(|| rig.orders().market.read_model.orphans().is_empty()).await;
    until(|| rig.noticed(AttentionKind::ActivationsLeft) == 0).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_without_a_number_that_its_provider_does_not_know_stays_on_its_way_back() {
    let closed = never_answering_numbers().await;
    closed.reword(
        "fivesim",
        r#"external_id = "/id", number = "/none""#,
        r#"external_id = "=77777777", number = "/none""#,
    );
    let (closed, id) = closed_before_the_number(closed).await;
    assert_eq!(id, "77777777");
    closed.advance_ms(200_000);
    let rig = closed.open().await;
    until(|| !rig.orders().market.read_model.orphans().is_empty()).await;
    // It is asked about again later, also after another start.
    let closed = rig.close().await;
    let state = closed.state();
    assert_eq!(state.orphans().map(|(_, id, _)| id).collect::<Vec<_>>(), [&*id]);
    let rig = closed.open().await;
    until(|| rig.orders().doubts.count().orphans == 1).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_no_list_shows_is_asked_for_by_the_id_of_its_purchase() {
    let active = |order: &Order| order.state == ActivationState::Active;
    // 1. While the market runs.
    let rig = answering_ids().await.open().await;
    synced(rig.orders()).await;
    rig.sandbox.faults(FIVESIM).set(FaultKind::ListEmpty, 1.0);
    let id = rig.buy(None).await.unwrap();
    assert_eq!(rig.order(id, active).await.attempt, 1);
    rig.stop().await;
    // 2. After a restart.
    let (closed, id) = closed_before_the_number(never_answering_numbers().await).await;
    closed.reword("fivesim", r#"number = "/none", state"#, r#"number = "/phone", state"#);
    let rig = closed.open().await;
    let order = rig.order(OrderId(1), active).await;
    assert_eq!((&*order.assignment.as_ref().unwrap().external_id, order.attempt), (&*id, 1));
    rig.stop().await;
}
