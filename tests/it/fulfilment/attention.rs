//! What needs the operator's attention while a provider fails, and after it.

use std::time::Duration;

use nexnum::attention::AttentionKind;
use nexnum::order::Refusal;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::breaker::Breaker;
use nexnum_engine::callbacks::Callbacks;
use nexnum_engine::command::{Caller, Finish};
use nexnum_engine::ids::{CallbackId, OrderId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_sandbox::{FaultKind, SandboxConfig};

use super::buying::{answering, check_not_sold};
use super::{FIVESIM, HANDLER, Rig, setup, synced, until};
use crate::rig::sandbox::product;
use crate::rig::server;
use crate::rig::texts::body_of;
use nexnum::server::ProviderSetup;
use nexnum_driver::{Op, Secret};

impl Rig {
    /// How many rows of this kind there are.
    pub(super) fn noticed(&self, kind: AttentionKind) -> usize {
        let (rows, _) = self.orders().market.attention.rows(usize::MAX);
        rows.iter().filter(|row| row.kind == kind).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_list_that_fails_needs_attention_until_one_comes() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let provider = rig.orders().providers.list().remove(0);
    assert_eq!(rig.noticed(AttentionKind::PriceListFailed), 0);
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    provider.sync_now();
    until(|| rig.noticed(AttentionKind::PriceListFailed) == 1).await;
    // A provider that is not asked has nothing that could fail.
    assert!(rig.running.providers.set_enabled(provider.id(), false));
    until(|| rig.noticed(AttentionKind::PriceListFailed) == 0).await;
    assert!(rig.running.providers.set_enabled(provider.id(), true));
    until(|| rig.noticed(AttentionKind::PriceListFailed) == 1).await;
    rig.sandbox.faults(HANDLER).clear();
    provider.sync_now();
    until(|| rig.noticed(AttentionKind::PriceListFailed) == 0).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_asks_for_a_pause_is_off_sale_while_it_lasts() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let provider = rig.orders().providers.list().remove(0);
    let grid = &rig.orders().market.grid;
    let is_open = || grid.asks(product()).any(|ask| ask.open);
    assert!(is_open() && provider.figures().on_sale);
    rig.sandbox.faults(HANDLER).next(FaultKind::Http429RetryAfter);
    provider.sync_now();
    until(|| !is_open()).await;
    assert!(!provider.figures().on_sale);
    assert_eq!(grid.on_sale(product()).stock, 0, "the search shows nothing of it");
    until(is_open).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_takes_the_provider_off_sale() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let good = setup(&rig.sandbox, HANDLER, &rig.folder);
    let id = rig.orders().providers.list()[0].id();
    let wrong = ProviderSetup { key: Secret::new("another"), ..good.clone() };
    rig.running.providers.connect(wrong).await.unwrap();
    until(|| rig.noticed(AttentionKind::KeyRefused) == 1).await;
    let provider = rig.orders().providers.get(id).unwrap();
    assert!(!provider.figures().on_sale && !provider.health().breaker.is_closed());
    rig.running.providers.connect(good).await.unwrap();
    assert_eq!(rig.noticed(AttentionKind::KeyRefused), 0);
    until(|| rig.orders().providers.get(id).unwrap().figures().on_sale).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_told_through_a_restart_until_it_is_accepted() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let row = |rig: &Rig| {
        let (rows, _) = rig.orders().market.attention.rows(usize::MAX);
        rows.into_iter().find(|row| row.kind == AttentionKind::KeyRefused)
    };
    rig.sandbox.faults(HANDLER).set(FaultKind::KeyRefused, 1.0);
    rig.orders().providers.list()[0].sync_now();
    until(|| row(&rig).is_some()).await;
    let since = row(&rig).unwrap().since;
    let rig = rig.close().await.open().await;
    let provider = rig.orders().providers.list().remove(0);
    assert_eq!(row(&rig).map(|row| row.since), Some(since));
    assert!(!provider.figures().on_sale);
    rig.sandbox.faults(HANDLER).clear();
    let rig = rig.close().await.open().await;
    assert_eq!(row(&rig).map(|row| row.since), Some(since), "it has not been accepted yet");
    let provider = rig.orders().providers.list().remove(0);
    until(|| provider.figures().on_sale).await;
    until(|| row(&rig).is_none()).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_refused_before_a_restart_is_told_until_nothing_has_to_end() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let provider = rig.orders().providers.list()[0].name().to_owned();
    let kind = AttentionKind::EndRefused;
    rig.orders().market.attention.raise(kind, (&*provider, OrderId(99)), "not taken");
    let rig = rig.close().await.open().await;
    assert_eq!(rig.noticed(kind), 1);
    until(|| rig.noticed(kind) == 0).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_accepted_again_is_on_sale_without_a_probe() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let provider = rig.orders().providers.list().remove(0);
    rig.sandbox.faults(HANDLER).set(FaultKind::KeyRefused, 1.0);
    provider.sync_now();
    until(|| rig.noticed(AttentionKind::KeyRefused) == 1).await;
    let Breaker::Open { until: probed_at, .. } = provider.health().breaker else {
        panic!("{:?}", provider.health().breaker)
    };
    rig.sandbox.faults(HANDLER).clear();
    provider.sync_now();
    until(|| provider.figures().on_sale).await;
    let now = rig.orders().market.clock.now();
    assert!(now < probed_at, "the balance that came is proof enough: {now:?} {probed_at:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_that_purchases_open_is_told_with_the_refusal_that_opened_it() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::EmptyAccount);
    let refused = rig.buy(None).await;
    assert!(matches!(refused, Err(Refusal::NoNumbers { .. })), "{refused:?}");
    let (rows, _) = rig.orders().market.attention.rows(usize::MAX);
    let row = rows.iter().find(|row| row.kind == AttentionKind::BreakerOpen).unwrap();
    assert!(row.text.ends_with("the last failure: buy: no_balance: NO_BALANCE"), "{row:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_lacks_calls_is_on_sale_for_what_it_has() {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await.close().await;
    // It knows neither of these, and answers as it would to a wrong key.
    closed.reword("handler", "getActiveActivations", "getNothing");
    closed.reword("handler", "getBalance", "getNothing");
    let rig = closed.open().await;
    synced(rig.orders()).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    let provider = rig.orders().providers.get(order.provider).unwrap();
    assert!(provider.figures().on_sale && provider.figures().breaker.is_closed());
    assert_eq!(rig.noticed(AttentionKind::KeyRefused), 0);
    // Without a list nothing tells what became of this one: its buyer need not wait for it.
    rig.sandbox.faults(HANDLER).next(FaultKind::BoughtButReplyLost);
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Failed).await;
    let waited_ms = order.closed_at.unwrap().ms_since(order.placed_at);
    assert!(waited_ms < 15_000 + 35_000, "{waited_ms}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_was_never_reached_is_not_on_sale() {
    let folder = tempfile::TempDir::new().unwrap();
    let dir = folder.path().join("market");
    nexnum::market::folder::init(&dir).unwrap();
    // A port that nothing listens on.
    let nowhere = server::provider("one", "fivesim", "http://127.0.0.1:1", "K");
    let running = server::start(&server::config(&dir), vec![nowhere]).await;
    let provider = running.rooms.orders.providers.list().remove(0);
    assert!(!provider.figures().on_sale, "nothing is known of it");
    until(|| !provider.health().failures.is_empty()).await;
    assert!(provider.figures().breaker.is_closed() && !provider.figures().on_sale);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_in_another_currency_is_the_last_one_until_the_provider_is_set_up_anew() {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await.close().await;
    let (right, wrong) = (r#"currency = "/currency", operator"#, r#"currency = "=643", operator"#);
    closed.reword("handler", right, wrong);
    let rig = closed.open().await;
    synced(rig.orders()).await;
    let id = rig.buy(None).await.unwrap();
    let active = |order: &Order| order.state == ActivationState::Active;
    let order = rig.order(id, active).await;
    // It is ours, and no other is bought: at once, and not with the next list.
    assert_eq!(order.cost, Micros(100_000), "what is known of its cost");
    assert_eq!(rig.buy(None).await, Err(Refusal::NoNumbers { order: None }));
    let provider = rig.orders().providers.list().remove(0);
    assert!(!provider.figures().on_sale && provider.health().breaker.is_closed());
    let (rows, _) = rig.orders().market.attention.rows(usize::MAX);
    let [row] = &rows[..] else { panic!("one row: {rows:?}") };
    assert_eq!(row.kind, AttentionKind::WrongCurrency);
    assert!(row.text.contains("in RUB by the reply to buy"), "{}", row.text);
    // Its document is put right.
    let path = rig.folder.path().join("handler.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(wrong, right)).unwrap();
    let good = setup(&rig.sandbox, HANDLER, &rig.folder);
    rig.running.providers.connect(good).await.unwrap();
    assert_eq!(rig.noticed(AttentionKind::WrongCurrency), 0);
    let id = provider.id();
    until(|| rig.orders().providers.get(id).unwrap().figures().on_sale).await;
    let again = rig.buy(None).await.unwrap();
    rig.order(again, active).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_for_a_wrong_currency_holds_after_a_restart() {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await.close().await;
    // Purchases alone name a currency.
    let (right, wrong) = (r#"currency = "/currency", operator"#, r#"currency = "=643", operator"#);
    closed.reword("handler", right, wrong);
    let rig = closed.open().await;
    synced(rig.orders()).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order: &Order| order.state == ActivationState::Active).await;
    let rig = rig.close().await.open().await;
    assert_eq!(rig.buy(None).await, Err(Refusal::NoNumbers { order: None }));
    until(|| rig.noticed(AttentionKind::WrongCurrency) == 1).await;
    assert!(!rig.orders().providers.list()[0].figures().on_sale);
    assert_eq!(rig.buy(None).await, Err(Refusal::NoNumbers { order: None }));
    // Under another document it is set up anew.
    let closed = rig.close().await;
    closed.reword("handler", wrong, right);
    let rig = closed.open().await;
    synced(rig.orders()).await;
    assert_eq!(rig.noticed(AttentionKind::WrongCurrency), 0);
    rig.buy(None).await.unwrap();
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_prices_is_held_back_and_reported() {
    let closed = Rig::start(&[(HANDLER, 100_000)]).await.close().await;
    closed.reword("handler", r#"cost = ["/cost", "/price"]"#, r#"cost = "=0""#);
    let rig = closed.open().await;
    until(|| rig.noticed(AttentionKind::PriceListQuarantined) == 1).await;
    let (rows, _) = rig.orders().market.attention.rows(usize::MAX);
    assert!(rows[0].text.contains("0 rows can be sold"), "{rows:?}");
    let ask = rig.orders().market.grid.asks(product()).next().unwrap();
    assert_eq!((ask.cost, ask.stock), (Micros(100_000), 5), "as before it");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_falls_to_nothing_is_held_back_and_reported() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    assert!(rig.sandbox.pin(HANDLER, product(), Micros::ZERO, 5));
    let provider = rig.orders().providers.list().remove(0);
    provider.sync_now();
    until(|| rig.noticed(AttentionKind::PricesQuarantined) == 1).await;
    assert!(provider.health().quarantined >= 1);
    assert_eq!(rig.buy(None).await, Err(Refusal::NoNumbers { order: None }));
    assert!(rig.sandbox.pin(HANDLER, product(), Micros(100_000), 5));
    provider.sync_now();
    until(|| rig.noticed(AttentionKind::PricesQuarantined) == 0).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_stands_elsewhere_than_its_driver_looks_needs_attention() {
    let closed = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await.close().await;
    let (reads, other) = (r#"text = "/text", code = "/code""#, r#"text = "/body", code = "/otp""#);
    closed.reword("fivesim", reads, other);
    let rig = closed.open().await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    rig.sandbox.advance_ms(601_000);
    until(|| rig.noticed(AttentionKind::StatusUnreadable) == 1).await;
    let kept = |all: &Callbacks| all.before(CallbackId(u64::MAX)).count();
    assert_eq!(rig.orders().market.read_model.callbacks(kept), 1);
    let order = rig.orders().market.read_model.order(id).unwrap();
    assert_eq!((order.state, order.messages.len()), (ActivationState::Active, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_no_rule_reads_need_attention_while_their_order_is_open() {
    let config = SandboxConfig {
        min_cancel_age_ms: 0,
        sms_delay_ms: 1_100_000..=1_100_000,
        ..SandboxConfig::small(7)
    };
    let rig = Rig::start_on(config, &[(HANDLER, 100_000)]).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    let closed = rig.close().await;
    let (waits, none) = ("STATUS_WAIT_CODE\", \"", "NOT_A_WORD\", \"");
    closed.reword("handler", waits, none);
    let rig = closed.open().await;
    until(|| rig.noticed(AttentionKind::StatusUnreadable) == 1).await;
    // What it says is kept once, for a message may be in it.
    let bodies = |all: &Callbacks| {
        let all = all.before(CallbackId(u64::MAX));
        all.map(|(_, callback)| callback.clone()).collect::<Vec<_>>()
    };
    let kept = || rig.orders().market.read_model.callbacks(bodies);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let [callback] = &kept()[..] else { panic!("{:?}", kept().len()) };
    let body = body_of(&rig.orders().market, callback);
    let posted: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let order = rig.orders().market.read_model.order(id).unwrap();
    let numbers = &rig.orders().market.numbers;
    let number = numbers.of(id, order.assignment.as_ref().unwrap()).unwrap();
    let number = format!("+{number}");
    assert_eq!((&posted["text"], &posted["number"]), (&"STATUS_WAIT_CODE".into(), &number.into()));
    // Its end is one.
    rig.cancel(id).await;
    until(|| rig.noticed(AttentionKind::StatusUnreadable) == 0).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_no_rule_reads_is_kept_however_often_another_came_before() {
    let config = SandboxConfig { sms_delay_ms: 9_000..=9_000, ..SandboxConfig::small(7) };
    let closed = Rig::start_on(config, &[(HANDLER, 100_000)]).await.close().await;
    // Neither is read, and no list shows the message.
    closed.reword("handler", "STATUS_WAIT_CODE\", \"", "NOT_A_WORD\", \"");
    closed.reword("handler", "^STATUS_OK:", "^NOT_A_WORD:");
    closed.reword("handler", "getActiveActivations", "getNothing");
    let rig = closed.open().await;
    synced(rig.orders()).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    let has_code = |all: &Callbacks| {
        let mut all = all.before(CallbackId(u64::MAX));
        all.any(|(_, callback)| {
            let body = body_of(&rig.orders().market, callback);
            String::from_utf8_lossy(&body).contains("STATUS_OK:")
        })
    };
    until(|| rig.orders().market.read_model.callbacks(has_code)).await;
    let provider = rig.orders().providers.get(order.provider).unwrap();
    let statuses = provider.health().failures.iter().filter(|it| it.op == Op::Status).count();
    assert!(statuses > 5, "{statuses} answers before it were the same");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn activations_whose_provider_is_not_set_up_any_more_are_told() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.assignment.is_some()).await;
    let closed = rig.close().await;
    let rig = super::Closed { sellers: Vec::new(), ..closed }.open().await;
    until(|| rig.noticed(AttentionKind::ActivationsLeft) == 1).await;
    let rows = rig.orders().market.attention.rows(9).0;
    let row = rows.iter().find(|row| row.kind == AttentionKind::ActivationsLeft).unwrap();
    assert!(row.text.starts_with("1 open activations"), "{}", row.text);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overcharge_is_told_as_long_as_its_offer_is_closed() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    let pin = |rig: &Rig, cost| assert!(rig.sandbox.pin(FIVESIM, product(), Micros(cost), 5));
    pin(&rig, 500_000);
    let id = rig.buy(None).await.unwrap();
    rig.order(id, super::received).await;
    let told = |rig: &Rig| {
        let rows = rig.orders().market.attention.rows(99).0;
        rows.into_iter().find(|row| row.kind == AttentionKind::Overcharge)
    };
    let before = told(&rig).unwrap();
    pin(&rig, 100_000);
    // 1. Over a restart while the order is in memory, as it was told before.
    let rig = rig.close().await.open().await;
    until(|| told(&rig).is_some()).await;
    let row = told(&rig).unwrap();
    assert_eq!((&row.subject, &row.text), (&before.subject, &before.text));
    // 2. Over a new connection of the same provider.
    let again = setup(&rig.sandbox, FIVESIM, &rig.folder);
    rig.running.providers.connect(again).await.unwrap();
    until(|| told(&rig).is_some()).await;
    // 3. Over a restart days later. No operator takes it off while the offer is closed.
    super::execute(rig.orders(), Finish { order: id, caller: Caller::System }).await;
    let closed = rig.close().await;
    closed.retire(72);
    let rig = closed.open().await;
    assert!(rig.orders().market.read_model.order(id).is_none(), "it has left memory");
    until(|| told(&rig).is_some()).await;
    assert_eq!(told(&rig).unwrap().subject, before.subject);
    let settle = || rig.orders().market.attention.settle(AttentionKind::Overcharge, None, None);
    assert!(settle().is_err());
    // 4. Its list has caught up: what happened is for the operator to settle.
    pin(&rig, 500_000);
    let provider = rig.orders().providers.list().remove(0);
    provider.sync_now();
    until(|| provider.health().overcharged == 0).await;
    until(|| settle() == Ok(1)).await;
    let rig = rig.close().await.open().await;
    synced(rig.orders()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(told(&rig), None);
    rig.stop().await;
}

/// A market whose numbers live so long.
async fn living_ms(ms: u64) -> Rig {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await.close().await;
    closed.reword("handler", "lifetime_ms = 1200000", &format!("lifetime_ms = {ms}"));
    closed.open().await
}

#[tokio::test(flavor = "multi_thread")]
async fn activations_that_ran_out_without_an_answer_are_told_until_it_comes() {
    let rig = living_ms(2_000).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.assignment.is_some()).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    until(|| rig.noticed(AttentionKind::ActivationsLeft) == 1).await;
    // Its buyer has the money back, and the provider may charge.
    rig.order(id, |order| order.state == ActivationState::TimedOut).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(rig.noticed(AttentionKind::ActivationsLeft), 1);
    rig.sandbox.faults(HANDLER).clear();
    until(|| rig.noticed(AttentionKind::ActivationsLeft) == 0).await;
    assert!(rig.orders().market.read_model.unended().is_empty());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn activations_that_ended_without_a_key_are_told_until_there_is_one() {
    let rig = living_ms(8_000).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.assignment.is_some()).await;
    let mut closed = rig.close().await;
    closed.keyless = true;
    let rig = closed.open().await;
    rig.order(id, |order| order.state == ActivationState::TimedOut).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let rows = rig.orders().market.attention.rows(99).0;
    let row = rows.iter().find(|row| row.kind == AttentionKind::ActivationsLeft).unwrap();
    assert!(row.text.starts_with("0 open activations, 1 that ended here and 0"), "{}", row.text);
    let with_key = super::setup(&rig.sandbox, HANDLER, &rig.folder);
    rig.running.providers.connect(with_key).await.unwrap();
    until(|| rig.noticed(AttentionKind::ActivationsLeft) == 0).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_number_is_told_after_a_restart_until_the_operator_has_dealt_with_it() {
    let mut rig = answering("12025550123").await;
    drop(rig.buy(None).await);
    check_not_sold(&rig, OrderId(1)).await;
    let noticed = rig.noticed(AttentionKind::WrongNumber);
    assert!(noticed > 0);
    for left in [noticed, 0] {
        rig = rig.close().await.open().await;
        assert_eq!(rig.noticed(AttentionKind::WrongNumber), left);
        let _ = rig.orders().market.attention.settle(AttentionKind::WrongNumber, None, None);
    }
    rig.stop().await;
}
