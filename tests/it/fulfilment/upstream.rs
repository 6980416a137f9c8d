//! What is left to be done at a provider: numbers on their way back, ends, a last look, and
//! what it charges in vain.

use std::time::Duration;

use nexnum::attention::AttentionKind;
use nexnum::market::folder;
use nexnum::market::replay::Decoded;
use nexnum::order::{Refusal, UpstreamError};
use nexnum::provider::dispatch::PauseOf;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::book::Book;
use nexnum_engine::command::{Caller, FindOrphan, Finish, SettleOrphan};
use nexnum_engine::event::{Event, OrphanEnd, UpstreamEvent};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{OrderId, Seq};
use nexnum_engine::money::Micros;
use nexnum_engine::order::{Order, OrderStatus};
use nexnum_sandbox::FaultKind;

use super::{
    Closed, FIVESIM, HANDLER, Rig, SMSPOOL, ask_handler, check_cancelled, dated_stray, execute,
    late_cancels, received, stray, synced, until,
};

fn active(order: &Order) -> bool {
    order.state == ActivationState::Active
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_on_its_way_back_goes_back_after_a_restart() {
    let rig = Rig::start_on(late_cancels(), &[(HANDLER, 100_000), (SMSPOOL, 200_000)]).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::Http500);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    assert_eq!(rig.order(id, active).await.attempt, 2);
    let late = stray(&rig.sandbox).await;
    // It is found, and the provider does not take it back yet.
    until(|| !rig.orders().market.read_model.orphans().is_empty()).await;
    let closed = rig.close().await;
    closed.sandbox.advance_ms(601_000);
    let rig = closed.open().await;
    check_cancelled(&rig.sandbox, &late).await;
    until(|| rig.orders().market.read_model.orphans().is_empty()).await;
    rig.stop().await;
}

/// A market that was closed while its provider, which fails, had not been told of an order's end.
async fn closed_before_its_end_was_told() -> (Closed, OrderId) {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, received).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    execute(rig.orders(), Finish { order: id, caller: Caller::System }).await;
    (rig.close().await, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_before_a_restart_is_ended_at_its_provider_after_it() {
    let (closed, _) = closed_before_its_end_was_told().await;
    closed.sandbox.faults(HANDLER).clear();
    assert!(is_listed(&closed).await, "the provider was not told");
    let rig = closed.open().await;
    until(|| rig.orders().market.read_model.unended().is_empty()).await;
    let closed = rig.close().await;
    assert!(!is_listed(&closed).await);
    closed.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_its_provider_kept_is_told_after_a_restart_for_a_day() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    let (provider, external_id) = (order.provider, Box::<str>::from("lost"));
    let (from, cost) = (order.placed_at, Some(Micros(50_000)));
    let found = FindOrphan { order: id, attempt: 1, provider, external_id, from, cost };
    let (external_id, end) = (found.external_id.clone(), OrphanEnd::Stayed);
    execute(rig.orders(), found).await;
    execute(rig.orders(), SettleOrphan { provider, external_id, end }).await;
    execute(rig.orders(), Finish { order: id, caller: Caller::System }).await;
    let left = |rig: &Rig| {
        let rows = rig.orders().market.attention.rows(99).0;
        let of_order = rows.into_iter().filter(|row| row.subject.order == Some(id));
        of_order.filter(|row| row.kind == AttentionKind::EndLeft).count()
    };
    let rig = rig.close().await.open().await;
    until(|| left(&rig) == 1).await;
    let closed = rig.close().await;
    closed.retire(25);
    let rig = closed.open().await;
    assert!(rig.orders().market.read_model.order(id).is_none(), "it has left memory");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(left(&rig), 0);
    rig.stop().await;
}

/// What the ledger says of a purchase that no order has: how often it was found and settled.
fn found_and_settled(closed: &Closed, wanted: &str) -> (usize, usize) {
    let opened = folder::open(&closed.folder.path().join("market"), |_| {}).unwrap();
    let rows = opened.ledger.reader().read(Seq(1)).unwrap();
    let groups = rows.map(|row| Decoded::from_row(&row.unwrap()).unwrap().groups);
    let events = groups.flat_map(|groups| groups.events().to_vec());
    let mut times = (0, 0);
    for event in events {
        if let Event::Upstream(UpstreamEvent::OrphanFound { external_id, .. }) = &event {
            times.0 += usize::from(&**external_id == wanted);
        } else if let Event::Upstream(UpstreamEvent::OrphanSettled { external_id, .. }) = &event {
            times.1 += usize::from(&**external_id == wanted);
        }
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_its_provider_kept_is_not_given_back_again_after_a_restart() {
    let rig = Rig::start(&[(FIVESIM, 100_000), (SMSPOOL, 200_000)]).await;
    rig.sandbox.faults(FIVESIM).next(FaultKind::Http500);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    assert_eq!(rig.order(id, received).await.attempt, 2);
    // It turns up with a message, so that it is not taken back, and stays in the list.
    let late = dated_stray(&rig.sandbox).await;
    until(|| rig.noticed(AttentionKind::EndLeft) == 1).await;
    until(|| rig.orders().market.read_model.orphans().is_empty()).await;
    let mut closed = rig.close().await;
    assert_eq!(found_and_settled(&closed, &late), (1, 1));
    for _ in 0..2 {
        let rig = closed.open().await;
        synced(rig.orders()).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        let rows = rig.orders().market.attention.rows(99).0;
        let kinds: Vec<_> = rows.iter().map(|row| (row.kind, row.count)).collect();
        assert_eq!(kinds, [(AttentionKind::EndLeft, 1)], "{rows:?}");
        closed = rig.close().await;
        assert_eq!(found_and_settled(&closed, &late), (1, 1));
    }
    closed.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_not_taken_before_its_order_left_memory_is_told_after_a_restart() {
    let (closed, id) = closed_before_its_end_was_told().await;
    closed.retire(2);
    let rig = closed.open().await;
    let left = || {
        let rows = rig.orders().market.attention.rows(99).0;
        rows.iter().any(|row| row.kind == AttentionKind::EndLeft && row.subject.order == Some(id))
    };
    until(left).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_is_given_back_or_ended_and_all_of_it_waits() {
    let rig = Rig::start_on(late_cancels(), &[(HANDLER, 100_000), (SMSPOOL, 200_000)]).await;
    // 1. A purchase that no order has, and an open activation, at the provider whose key goes.
    rig.sandbox.faults(HANDLER).next(FaultKind::Http500);
    let elsewhere = rig.buy(Some(1_000_000)).await.unwrap();
    assert_eq!(rig.order(elsewhere, active).await.attempt, 2);
    let late = stray(&rig.sandbox).await;
    until(|| !rig.orders().market.read_model.orphans().is_empty()).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, active).await;
    let mut closed = rig.close().await;
    closed.sandbox.advance_ms(601_000);
    // 2. The start without it.
    closed.keyless = true;
    let rig = closed.open().await;
    let refused = rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await.unwrap_err();
    assert!(matches!(refused, Refusal::Upstream(UpstreamError::Unavailable)), "{refused:?}");
    let told = |kind| rig.orders().market.attention.rows(99).0.iter().any(|row| row.kind == kind);
    until(|| told(AttentionKind::ActivationsLeft)).await;
    assert!(told(AttentionKind::KeyMissing) && !told(AttentionKind::ActiveListFailed));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rig.orders().market.read_model.orphans().len(), 1, "it waits for the key");
    let connected = rig.orders().providers.by_name(rig.sandbox.providers()[HANDLER].name).unwrap();
    assert!(connected.health().failures.is_empty(), "{:?}", connected.health().failures);
    // 3. The start with it.
    let mut closed = rig.close().await;
    closed.keyless = false;
    let rig = closed.open().await;
    check_cancelled(&rig.sandbox, &late).await;
    until(|| rig.orders().market.read_model.orphans().is_empty()).await;
    rig.cancel(id).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_while_the_market_runs_serves_what_was_bought_before() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, active).await;
    let mut closed = rig.close().await;
    closed.keyless = true;
    let rig = closed.open().await;
    assert!(rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await.is_err());
    let with_key = super::setup(&rig.sandbox, HANDLER, &rig.folder);
    rig.running.providers.connect(with_key).await.unwrap();
    rig.cancel(id).await;
    rig.stop().await;
}

async fn is_listed(closed: &Closed) -> bool {
    let list = ask_handler(&closed.sandbox, "action=getActiveActivations").await;
    list.contains("activationId")
}

/// A market whose numbers live for two seconds and that polls so often.
async fn short_lived(sms_delay_ms: u64, poll_interval_ms: u64) -> Rig {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], sms_delay_ms).await.close().await;
    closed.reword("handler", "lifetime_ms = 1200000", "lifetime_ms = 2000");
    let slow = format!("poll_interval_ms = {poll_interval_ms}");
    closed.reword("handler", "poll_interval_ms = 100", &slow);
    closed.open().await
}

/// Two codes that the list of open activations does not show, in a market whose handler driver
/// reads it otherwise.
async fn check_unshown(sms_delay_ms: u64, words: &[(&str, &str)]) {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], sms_delay_ms).await.close().await;
    closed.reword("handler", "path = \"smsCode.*\"", "path = \"none.*\"");
    words.iter().for_each(|(from, to)| closed.reword("handler", from, to));
    let rig = closed.open().await;
    let orders = [rig.buy(None).await.unwrap(), rig.buy(None).await.unwrap()];
    for id in orders {
        let order = rig.order(id, |order| order.closed_at.is_some() || received(order)).await;
        assert_eq!(order.status, OrderStatus::Delivered, "{order:?}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_the_list_only_hints_at_comes_with_the_status() {
    // Within seconds: no call to spare is waited for.
    let began = std::time::Instant::now();
    check_unshown(1_000, &[]).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(9), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_the_list_says_nothing_of_comes_with_a_call_to_spare() {
    check_unshown(1_000, &[("\"/smsText\"", "\"/none\"")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_the_list_says_nothing_of_comes_with_the_last_look() {
    let short = ("lifetime_ms = 1200000", "lifetime_ms = 3000");
    check_unshown(2_000, &[("\"/smsText\"", "\"/none\""), short]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_came_after_the_last_poll_in_time_is_delivered() {
    // Polled 1.5 s and 4.5 s after the purchase.
    let rig = short_lived(1_800, 3_000).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.closed_at.is_some()).await;
    assert_eq!((order.state, order.status), (ActivationState::Completed, OrderStatus::Delivered));
    assert_eq!(rig.wallet(), (9_880_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_delivered_of_a_provider_that_failed_until_shortly_after_the_number_s_time() {
    let rig = short_lived(1_500, 3_000).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, active).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    // Its time is over after two seconds, and it is refunded ten later.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(rig.order(id, |_| true).await.closed_at, None);
    rig.sandbox.faults(HANDLER).clear();
    let order = rig.order(id, |order| order.closed_at.is_some()).await;
    assert_eq!(order.status, OrderStatus::Delivered, "{order:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_the_list_shows_is_delivered_though_the_activation_is_not_found() {
    for seller in [HANDLER, FIVESIM] {
        let rig = Rig::start_with(&[(seller, 100_000)], 500).await;
        rig.sandbox.faults(seller).set(FaultKind::NotFound, 1.0);
        let id = rig.buy(None).await.unwrap();
        let order = rig.order(id, |order| order.closed_at.is_some() || received(order)).await;
        assert_eq!(order.status, OrderStatus::Delivered, "{order:?}");
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_code_that_came_after_the_last_poll_in_time_is_delivered() {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 900).await.close().await;
    closed.reword("handler", "lifetime_ms = 1200000", "lifetime_ms = 7000");
    let rig = closed.open().await;
    let id = rig.buy(None).await.unwrap();
    let first = rig.order(id, received).await;
    let expires_at = first.assignment.as_ref().unwrap().expires_at;
    let connected = rig.orders().providers.get(first.provider).unwrap();
    rig.orders().resend(&Origin::SYSTEM, rig.customer, id).await.unwrap();
    // No poll but the last look is sent from now on.
    let minute = std::time::Duration::from_secs(60);
    connected.client().room().dispatcher().pause(PauseOf::All, minute);
    let order = rig.order(id, |order| order.closed_at.is_some()).await;
    assert_eq!(order.state, ActivationState::Completed);
    assert_eq!(order.messages.len(), 2, "{order:?}");
    let came = order.messages[1].received_at;
    assert!(came >= expires_at, "it was not the last look that brought it: {order:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_is_asked_about_without_a_call_to_spare() {
    // What is at rest is asked about every 15 s.
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 300).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, received).await;
    // It is at rest by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = std::time::Instant::now();
    rig.orders().resend(&Origin::SYSTEM, rig.customer, id).await.unwrap();
    rig.order(id, |order| order.messages.len() > 1).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_a_provider_asked_for_does_not_keep_the_last_look_away() {
    let rig = short_lived(500, 60_000).await;
    let orders = [rig.buy(None).await.unwrap(), rig.buy(None).await.unwrap()];
    let provider = rig.order(orders[0], active).await.provider;
    let connected = rig.orders().providers.get(provider).unwrap();
    let minute = std::time::Duration::from_secs(60);
    connected.client().room().dispatcher().pause(PauseOf::All, minute);
    for id in orders {
        let order = rig.order(id, |order| order.state != ActivationState::Active).await;
        assert_eq!(order.status, OrderStatus::Delivered, "{order:?}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_came_while_no_process_ran_is_delivered_though_its_time_is_over() {
    let rig = short_lived(1_500, 60_000).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, active).await;
    let closed = rig.close().await;
    // Longer than the number lives and its last look may take.
    tokio::time::sleep(Duration::from_secs(14)).await;
    let rig = closed.open().await;
    let order = rig.order(id, |order| order.closed_at.is_some() || received(order)).await;
    assert_eq!(order.status, OrderStatus::Delivered, "{order:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_came_while_no_process_ran_waits_for_a_provider_that_is_down_at_the_start() {
    let rig = short_lived(1_500, 100).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, active).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    let closed = rig.close().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let rig = closed.open().await;
    tokio::time::sleep(Duration::from_secs(42)).await;
    rig.sandbox.faults(HANDLER).clear();
    let order = rig.order(id, |order| order.closed_at.is_some() || received(order)).await;
    assert_eq!(order.status, OrderStatus::Delivered, "{order:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_has_no_message_at_the_last_look_ends_the_order_at_once() {
    let rig = short_lived(600_000, 100).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.closed_at.is_some()).await;
    assert_eq!(order.state, ActivationState::TimedOut);
    let expires_at = order.assignment.as_ref().unwrap().expires_at;
    let late_ms = order.closed_at.unwrap().ms_since(expires_at);
    assert!(late_ms < 5_000, "it waited for the whole grace: {late_ms} ms");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_after_the_refund_is_owed_to_the_provider() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 60_000).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::MessageAfterCancel);
    let id = rig.buy(None).await.unwrap();
    let provider = rig.order(id, active).await.provider;
    rig.cancel(id).await;
    rig.sandbox.advance_ms(61_000);
    rig.order(id, |order| !order.messages.is_empty()).await;
    let closed = rig.close().await;
    let state = closed.state();
    let owed = [Book::Payable(provider), Book::WriteOffs(provider)].map(|book| state.balance(book));
    assert_eq!(owed, [Micros(100_000), Micros(-100_000)]);
    closed.sandbox.stop().await;
}
