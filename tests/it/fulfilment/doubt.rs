//! Purchases whose outcome is unknown: adopted, found not to have been made, given up.

use std::fs;
use std::time::Duration;

use nexnum::order::Refusal;
use nexnum::order::claim::Wish;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::book::Book;
use nexnum_engine::command::FailOrder;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{OrderId, Product, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::{FailReason, Order, OrderStatus};
use nexnum_sandbox::{FaultKind, Sandbox, SandboxConfig};
use tempfile::TempDir;

use super::{
    Closed, FIVESIM, HANDLER, Rig, SMSPOOL, ask_handler, check_cancelled, check_dated_cancelled,
    dated_stray, execute, received, stray, synced, until,
};
use crate::rig::sandbox::product;

async fn check_adopted(seller: usize, clock_skew_ms: i64) {
    let right = SandboxConfig { min_cancel_age_ms: 0, ..SandboxConfig::small(7) };
    let rig = Rig::start_on(SandboxConfig { clock_skew_ms, ..right }, &[(seller, 100_000)]).await;
    rig.sandbox.faults(seller).next(FaultKind::BoughtButReplyLost);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.in_doubt), (1, false));
    assert!(rig.number(&order).to_string().starts_with("62"));
    assert_eq!(rig.wallet(), (9_880_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_whose_reply_was_lost_is_adopted() {
    let of = |seller| check_adopted(seller, 0);
    tokio::join!(of(HANDLER), of(FIVESIM), of(SMSPOOL));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_ten_minutes_wrong_loses_no_purchase() {
    let ahead = |seller| check_adopted(seller, 600_000);
    let behind = |seller| check_adopted(seller, -600_000);
    tokio::join!(ahead(HANDLER), ahead(FIVESIM), behind(FIVESIM), behind(SMSPOOL));
    tokio::join!(check_dated_by_the_provider(600_000), check_dated_by_the_provider(-600_000));
}

/// After a restart a purchase in doubt is found by its date, and one that was not made is not.
async fn check_dated_by_the_provider(clock_skew_ms: i64) {
    let right = SandboxConfig { min_cancel_age_ms: 0, ..SandboxConfig::small(7) };
    let skewed = SandboxConfig { clock_skew_ms, ..right };
    let (closed, id) = closed_in_doubt_on(skewed, FIVESIM).await;
    let rig = closed.open().await;
    assert_eq!(rig.order(id, received).await.attempt, 1);
    rig.sandbox.faults(FIVESIM).next_purchase(FaultKind::Garbage);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    assert_eq!(rig.order(id, received).await.attempt, 2);
    rig.stop().await;
}

/// A provider whose rows are dated by a clock that is so far from its replies'. Gives the
/// market with two orders, the second of which is in doubt, though its purchase was made.
async fn in_doubt_by_another_clock(seller: usize, rows_skew_ms: i64, own: bool) -> (Rig, OrderId) {
    let config = SandboxConfig {
        min_cancel_age_ms: 0,
        sms_delay_ms: 600_000..=600_000,
        rows_skew_ms,
        ..SandboxConfig::small(7)
    };
    let rig = Rig::start_on(config, &[(seller, 100_000)]).await;
    if own {
        let active = |order: &Order| order.state == ActivationState::Active;
        rig.order(rig.buy(None).await.unwrap(), active).await;
    }
    rig.sandbox.faults(seller).next(FaultKind::BoughtButReplyLost);
    let (orders, customer) = (rig.orders().clone(), rig.customer);
    let wish = Wish { product: product(), variant: VariantId::ANY, limit: None };
    tokio::spawn(async move { drop(orders.place(&Origin::SYSTEM, customer, wish.into()).await) });
    let id = OrderId(1 + u64::from(own));
    until(|| rig.orders().market.read_model.order(id).is_some_and(|it| it.in_doubt)).await;
    (rig, id)
}

async fn check_found(seller: usize, rows_skew_ms: i64, own: bool) {
    let (rig, id) = in_doubt_by_another_clock(seller, rows_skew_ms, own).await;
    let active = |order: &Order| order.state == ActivationState::Active;
    assert_eq!(rig.order(id, active).await.attempt, 1, "{seller} {rows_skew_ms}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_found_where_rows_are_dated_by_another_clock() {
    let of = |seller, rows_skew_ms| check_found(seller, rows_skew_ms, true);
    tokio::join!(of(FIVESIM, -3_000), of(FIVESIM, 20_000), of(HANDLER, -3_000));
    tokio::join!(of(FIVESIM, -600_000), of(HANDLER, 600_000), of(SMSPOOL, -5_000));
}

/// Where no purchase of ours vouches for the clock, the row is told of and left alone.
async fn check_told(seller: usize, rows_skew_ms: i64) {
    let (rig, id) = in_doubt_by_another_clock(seller, rows_skew_ms, false).await;
    let read_model = &rig.orders().market.read_model;
    let provider = read_model.order(id).unwrap().provider;
    let told = || rig.orders().providers.get(provider).unwrap().health().unattributed;
    until(|| told() == 1).await;
    // Its buyer need not wait for what no list can say.
    let order = rig.order(id, |order| order.state == ActivationState::Failed).await;
    let waited_ms = order.closed_at.unwrap().ms_since(order.placed_at);
    // A call may take 15 s before it is in doubt.
    assert!(order.attempt == 1 && waited_ms < 15_000 + 32_000, "{seller}: {waited_ms}");
    assert_eq!((rig.wallet().1, told()), (0, 1));
    // The next round of lists forgets it.
    until(|| rig.orders().doubts.count().in_doubt == 0).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_whose_row_another_clock_dates_is_never_lost_in_silence() {
    check_told(FIVESIM, -5_000).await;
    // What lists contradict they date themselves, where one was taken just before.
    let of = |seller, rows_skew_ms| check_found(seller, rows_skew_ms, false);
    tokio::join!(of(FIVESIM, 20_000), of(HANDLER, -30_000), of(SMSPOOL, -30_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_whose_row_has_no_date_is_the_one_that_came_just_now() {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await.close().await;
    let dated = r#"created = "/activationTime", "#;
    closed.reword("handler", dated, "");
    let theirs = stray(&closed.sandbox).await;
    let rig = closed.open().await;
    synced(rig.orders()).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::BoughtButReplyLost);
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    assert_ne!(&*order.assignment.as_ref().unwrap().external_id, theirs.as_str());
    // A second one, which another program made while the first was under way, makes it unclear.
    rig.sandbox.faults(HANDLER).next(FaultKind::ForeignPurchase);
    rig.order(rig.buy(None).await.unwrap(), |order| order.state == ActivationState::Active).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::BoughtButReplyLost);
    let id = rig.buy(None).await.unwrap();
    let order = rig.orders().market.read_model.order(id).unwrap();
    let provider = rig.orders().providers.get(order.provider).unwrap();
    until(|| provider.health().unattributed > 0).await;
    assert_eq!(rig.orders().market.read_model.order(id).unwrap().assignment, None);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_its_zone_is_dated_by_those_of_our_own_orders() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let active = |order: &Order| order.state == ActivationState::Active;
    rig.order(rig.buy(None).await.unwrap(), active).await;
    let (closed, id) = close_in_doubt(rig, HANDLER).await;
    let rig = closed.open().await;
    assert_eq!(rig.order(id, active).await.attempt, 1);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_was_never_made_is_found_out_and_the_next_ask_is_tried() {
    let rig = Rig::start(&[(HANDLER, 100_000), (SMSPOOL, 200_000)]).await;
    // Its answer says nothing, so that it may have been made.
    rig.sandbox.faults(HANDLER).next_purchase(FaultKind::Garbage);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.in_doubt, order.price), (2, false, Micros(240_000)));
    rig.stop().await;
}

/// A sandbox whose 5sim account finished so many purchases, all of them so long after now.
fn busy_account(journals: &TempDir, orders: u32, after_ms: i64) -> SandboxConfig {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at_ms = (now.as_millis() as u64).saturating_add_signed(after_ms);
    let Product { country, service, .. } = product();
    let line = |id: u32| {
        format!(
            "{{\"event\":\"bought\",\"id\":{id},\"country\":{},\"service\":{},\"operator\":0,\
             \"cost\":100,\"number\":6281200000001,\"at_ms\":{at_ms}}}\n\
             {{\"event\":\"closed\",\"id\":{id},\"how\":\"finished\",\"at_ms\":{at_ms}}}\n",
            country.0, service.0
        )
    };
    // Above what the sandbox itself begins with: it forgets ids far below its next one.
    let lines: String = (640_000_001..=640_000_000 + orders).map(line).collect();
    fs::write(journals.path().join("fivesim.jsonl"), lines).unwrap();
    SandboxConfig {
        min_cancel_age_ms: 0,
        journal_dir: Some(journals.path().to_owned()),
        ..SandboxConfig::small(7)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_settled_on_an_account_whose_earlier_orders_fill_the_page() {
    let journals = TempDir::new().unwrap();
    check_settled(busy_account(&journals, 300, -600_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_settled_on_an_account_whose_new_orders_fill_pages() {
    let journals = TempDir::new().unwrap();
    check_settled(busy_account(&journals, 900, -1_000)).await;
}

/// A purchase whose answer is lost, and that was not made, is found out.
async fn check_settled(config: SandboxConfig) {
    let rig = Rig::start_on(config, &[(FIVESIM, 100_000)]).await;
    rig.sandbox.faults(FIVESIM).next_purchase(FaultKind::Garbage);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.in_doubt), (2, false), "another variant's ask is next");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_too_many_new_orders_may_leave_out_is_not_bought_again() {
    let journals = TempDir::new().unwrap();
    let rig = Rig::start_on(busy_account(&journals, 6_500, 60_000), &[(FIVESIM, 100_000)]).await;
    rig.sandbox.faults(FIVESIM).next_purchase(FaultKind::Garbage);
    // Waits for a number longer than whole lists would need to be believed.
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.orders().market.read_model.order(id).unwrap();
    assert_eq!((order.state, order.attempt, order.in_doubt), (ActivationState::Init, 1, true));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unreadable_row_may_be_is_not_bought_again() {
    let sellers = [(HANDLER, 100_000), (SMSPOOL, 200_000)];
    let closed = Rig::start_with(&sellers, 600_000).await.close().await;
    let (read, unread) = (r#"number = "/phoneNumber", country"#, r#"number = "/none", country"#);
    closed.reword("handler", read, unread);
    stray(&closed.sandbox).await;
    let rig = closed.open().await;
    synced(rig.orders()).await;
    rig.sandbox.faults(HANDLER).next_purchase(FaultKind::Garbage);
    // Waits for a number longer than whole lists would need to be believed.
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.orders().market.read_model.order(id).unwrap();
    assert_eq!((order.state, order.attempt, order.in_doubt), (ActivationState::Init, 1, true));
    let failures = rig.orders().providers.get(order.provider).unwrap().health().failures;
    let told = failures.iter().filter(|failure| failure.text.contains("could not be read"));
    assert_eq!(told.count(), 1, "{failures:?}");
    rig.stop().await;
}

/// A market that was stopped while it did not know whether its order's purchase was made.
async fn closed_in_doubt(seller: usize) -> (Closed, OrderId) {
    let config = SandboxConfig { min_cancel_age_ms: 0, ..SandboxConfig::small(7) };
    closed_in_doubt_on(config, seller).await
}

async fn closed_in_doubt_on(config: SandboxConfig, seller: usize) -> (Closed, OrderId) {
    let sandbox = SandboxConfig { sms_delay_ms: 0..=0, ..config };
    close_in_doubt(Rig::start_on(sandbox, &[(seller, 100_000)]).await, seller).await
}

async fn close_in_doubt(rig: Rig, seller: usize) -> (Closed, OrderId) {
    rig.sandbox.faults(seller).next(FaultKind::BoughtButReplyLost);
    // The list that would settle the doubt cannot be had either.
    rig.sandbox.faults(seller).set(FaultKind::Http500, 1.0);
    let id = rig.buy(None).await.unwrap();
    let closed = rig.close().await;
    let state = closed.state();
    let order = state.order(id).unwrap();
    assert_eq!((order.state, order.attempt), (ActivationState::Init, 1));
    closed.sandbox.faults(seller).clear();
    (closed, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_nothing_dates_is_reported_after_a_restart_and_left_alone() {
    let (closed, id) = closed_in_doubt(HANDLER).await;
    let rig = closed.open().await;
    let provider = rig.orders().market.read_model.order(id).unwrap().provider;
    let told = || {
        let failures = rig.orders().providers.get(provider).unwrap().health().failures;
        failures.iter().filter(|it| it.text.contains("unattributed purchase")).count()
    };
    until(|| told() > 0).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let order = rig.orders().market.read_model.order(id).unwrap();
    assert_eq!((order.state, order.in_doubt, told()), (ActivationState::Init, true, 1));
    let active = ask_handler(&rig.sandbox, "action=getActiveActivations").await;
    assert!(active.contains("activationId"), "{active}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_beside_the_market_is_neither_sold_nor_given_back() {
    let sellers = [(HANDLER, 100_000), (SMSPOOL, 200_000)];
    let closed = Rig::start_with(&sellers, 600_000).await.close().await;
    let foreign = stray(&closed.sandbox).await;
    // Dates are whole seconds.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let rig = closed.open().await;
    synced(rig.orders()).await;
    let (active, limit) = (|order: &Order| order.state == ActivationState::Active, Some(1_000_000));
    // A purchase that was not made is found out, and one that was made is found, beside it.
    rig.sandbox.faults(HANDLER).next_purchase(FaultKind::Garbage);
    let id = rig.buy(limit).await.unwrap();
    assert_eq!(rig.order(id, active).await.attempt, 2);
    rig.sandbox.faults(HANDLER).next(FaultKind::BoughtButReplyLost);
    let id = rig.buy(limit).await.unwrap();
    let order = rig.order(id, active).await;
    assert_eq!(order.attempt, 1);
    assert_ne!(&*order.assignment.as_ref().unwrap().external_id, foreign.as_str());
    check_open(&rig.sandbox, &foreign).await;
    // Nor does a start touch it, though an order of the last hour was for the same product.
    let rig = rig.close().await.open().await;
    synced(rig.orders()).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    check_open(&rig.sandbox, &foreign).await;
    rig.stop().await;
}

async fn check_open(sandbox: &Sandbox, id: &str) {
    let status = ask_handler(sandbox, &format!("action=getStatus&id={id}")).await;
    assert_eq!(status, "STATUS_WAIT_CODE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_in_doubt_at_a_restart_is_adopted_after_it() {
    let (closed, id) = closed_in_doubt(FIVESIM).await;
    let rig = closed.open().await;
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.in_doubt, order.price), (1, false, Micros(120_000)));
    assert_eq!(rig.wallet(), (9_880_000, 0));
    rig.stop().await;
}

/// What became of an order in doubt is looked for though it is over when the market starts
/// again, ten minutes later by its clock.
async fn over_at_the_start(seller: usize) -> (Closed, OrderId) {
    let config = SandboxConfig {
        min_cancel_age_ms: 0,
        sms_delay_ms: 6_000_000..=6_000_000,
        ..SandboxConfig::small(7)
    };
    let rig = Rig::start_on(config, &[(seller, 100_000)]).await;
    let (closed, id) = close_in_doubt(rig, seller).await;
    closed.advance_ms(600_000);
    (closed, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_order_bought_that_is_over_at_the_start_goes_back() {
    let (closed, id) = over_at_the_start(FIVESIM).await;
    // It was as long for the provider.
    closed.sandbox.advance_ms(600_000);
    let rig = closed.open().await;
    let order = rig.order(id, |order| order.state == ActivationState::Failed).await;
    let loss = || {
        let providers = rig.orders().market.read_model.directory().providers();
        providers.into_iter().find(|(id, _)| *id == order.provider).unwrap().1.books.loss
    };
    assert_eq!((order.attempt, rig.wallet()), (1, (10_000_000, 0)));
    until(|| rig.orders().doubts.count().orphans == 1 && loss() == Micros::ZERO).await;
    rig.stop().await;
}

async fn check_told_after_a_step(seller: usize) {
    let (closed, id) = over_at_the_start(seller).await;
    let rig = closed.open().await;
    let order = rig.order(id, |order| order.state == ActivationState::Failed).await;
    let provider = rig.orders().providers.get(order.provider).unwrap();
    until(|| provider.health().unattributed == 1).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_forward_at_a_restart_loses_no_purchase_in_silence() {
    let of = check_told_after_a_step;
    tokio::join!(of(HANDLER), of(FIVESIM), of(SMSPOOL));
}

/// A market whose one order gave its first purchase up and has its number elsewhere.
async fn moved_on(seller: usize) -> Rig {
    let rig = Rig::start_with(&[(seller, 100_000), (SMSPOOL, 200_000)], 600_000).await;
    // A front end says so while the server behind it may be at work.
    rig.sandbox.faults(seller).next(FaultKind::Http500);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    assert_eq!(order.attempt, 2, "the first was judged not to have bought anything");
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_given_up_before_a_restart_goes_back_when_it_turns_up() {
    let closed = moved_on(FIVESIM).await.close().await;
    let late = dated_stray(&closed.sandbox).await;
    let rig = closed.open().await;
    check_dated_cancelled(&rig.sandbox, &late).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_given_up_for_another_provider_s_goes_back_when_it_turns_up() {
    let rig = moved_on(HANDLER).await;
    let late = stray(&rig.sandbox).await;
    check_cancelled(&rig.sandbox, &late).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_from_before_a_start_keep_the_connections_of_the_start() {
    let rig = Rig::start_with(&[(FIVESIM, 100_000)], 60_000).await;
    let [first, second] = [rig.buy(None).await.unwrap(), rig.buy(None).await.unwrap()];
    let active = |order: &Order| order.state == ActivationState::Active;
    let provider = rig.order(first, active).await.provider;
    rig.order(second, active).await;
    rig.sandbox.faults(FIVESIM).next(FaultKind::BoughtButReplyLost);
    rig.sandbox.faults(FIVESIM).set(FaultKind::Http500, 1.0);
    let doubted = rig.buy(None).await.unwrap();
    let closed = rig.close().await;
    closed.sandbox.faults(FIVESIM).clear();
    let rig = closed.open().await;
    assert!(rig.running.providers.remove(provider));
    assert_eq!(rig.buy(None).await, Err(Refusal::NoNumbers { order: None }), "nothing is sold");
    rig.cancel(first).await;
    // What an order in doubt may have bought there is looked for all the same.
    rig.order(doubted, active).await;
    rig.sandbox.advance_ms(61_000);
    rig.order(second, received).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_off_comes_back_with_the_purchase() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::Http500);
    let id = OrderId(1);
    let doubted = || rig.orders().market.read_model.order(id).is_some_and(|order| order.in_doubt);
    let give_up = async {
        until(doubted).await;
        let reason = FailReason::InDoubt;
        execute(rig.orders(), FailOrder { order: id, attempt: 1, reason, ended: None }).await;
    };
    let _failed = tokio::join!(rig.buy(None), give_up);
    let provider = rig.orders().market.read_model.order(id).unwrap().provider;
    let late = stray(&rig.sandbox).await;
    check_cancelled(&rig.sandbox, &late).await;
    let closed = rig.close().await;
    let state = closed.state();
    let loss = state.balance(Book::WriteOffs(provider));
    assert_eq!((loss, state.order(id).unwrap().status), (Micros::ZERO, OrderStatus::Refunded));
    closed.sandbox.stop().await;
}
