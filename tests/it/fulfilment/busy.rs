//! Providers whose limits allow no more calls: what is refused before it costs anything, and
//! what is told when to come back.

use std::time::Duration;

use nexnum::attention::AttentionKind;
use nexnum::order::claim::{Skip, Wish};
use nexnum::order::{Refusal, UpstreamError};
use nexnum::provider::dispatch::PauseOf;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::VariantId;
use nexnum_sandbox::{FaultKind, SandboxConfig};

use super::{HANDLER, Rig, SMSPOOL};
use crate::rig::sandbox::product;

/// Calls in so many milliseconds of which four can be made at once and the next most of a minute
/// later: for what a start asks, and a purchase.
const FOUR_AT_ONCE: (u32, u64) = (80, 3_600_000);

/// The handler protocol's provider allows so many calls in so long.
async fn limited(sellers: &[(usize, i64)], calls: u32, per_ms: u64) -> Rig {
    let shipped = "windows = [{ calls = 10, per_ms = 1000 }, { calls = 200, per_ms = 60000 }]";
    let tight = format!("windows = [{{ calls = {calls}, per_ms = {per_ms} }}]");
    let config = SandboxConfig {
        min_cancel_age_ms: 0,
        sms_delay_ms: 600_000..=600_000,
        ..SandboxConfig::small(7)
    };
    // From its first start: after a restart the windows are taken for used up.
    Rig::start_reworded(config, sellers, &[(shipped, &tight)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_no_provider_has_room_for_leaves_no_trace() {
    let rig = limited(&[(HANDLER, 100_000)], FOUR_AT_ONCE.0, FOUR_AT_ONCE.1).await;
    let first = rig.buy(None).await.unwrap();
    rig.order(first, |order| order.state == ActivationState::Active).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (orders, wallet) = (rig.orders().market.read_model.orders_len(), rig.wallet());
    let refused = rig.buy(None).await.unwrap_err();
    let Refusal::ProvidersBusy { retry_after } = refused else { panic!("{refused:?}") };
    assert!(retry_after >= Duration::from_secs(1), "{retry_after:?}");
    assert_eq!(rig.orders().market.read_model.orders_len(), orders);
    assert_eq!(rig.wallet(), wallet);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_to_the_next_provider_where_the_cheapest_has_no_room() {
    let rig =
        limited(&[(HANDLER, 100_000), (SMSPOOL, 200_000)], FOUR_AT_ONCE.0, FOUR_AT_ONCE.1).await;
    let mut providers = Vec::new();
    for _ in 0..3 {
        let id = rig.buy(Some(1_000_000)).await.unwrap();
        let order = rig.order(id, |order| order.state == ActivationState::Active).await;
        providers.push(rig.orders().providers.get(order.provider).unwrap().name().to_owned());
    }
    assert_eq!(providers[0], rig.sandbox.providers()[HANDLER].name);
    assert_eq!(providers[2], rig.sandbox.providers()[SMSPOOL].name);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_one_provider_has_refused_waits_a_moment_for_the_next() {
    let rig = Rig::start(&[(HANDLER, 100_000), (SMSPOOL, 200_000)]).await;
    let name = &rig.sandbox.providers()[SMSPOOL].name;
    let list = rig.orders().providers.list();
    let smspool = list.iter().find(|connected| connected.name() == *name).unwrap();
    for (pause_s, is_bought) in [(2, true), (20, false)] {
        smspool.client().room().dispatcher().pause(PauseOf::All, Duration::from_secs(pause_s));
        rig.sandbox.faults(HANDLER).next(FaultKind::NoNumbers);
        let asked = std::time::Instant::now();
        let bought = rig.buy(Some(1_000_000)).await;
        assert_eq!(bought.is_ok(), is_bought, "{bought:?}");
        assert!(asked.elapsed() < Duration::from_secs(10), "not as long as the pause lasts");
        if let Ok(id) = bought {
            assert_eq!(rig.order(id, |order| order.assignment.is_some()).await.attempt, 2);
        }
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_pause_of_the_only_provider_an_order_is_told_when_it_is_over() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let connected = &rig.orders().providers.list()[0];
    let pause = Duration::from_secs(3);
    connected.client().room().dispatcher().pause(PauseOf::All, pause);
    let ask = || {
        let grid = &rig.orders().market.grid;
        grid.asks(product()).next().expect("it is listed")
    };
    let wish = Wish { product: product(), variant: VariantId::ANY, limit: None };
    let is_refused = async || {
        let refused = rig.buy(None).await.unwrap_err();
        let Refusal::ProvidersBusy { retry_after } = refused else { panic!("{refused:?}") };
        let quote = rig.orders().quote(&wish, 1);
        assert_eq!((quote.price, quote.asks[0].skip), (None, Some(Skip::Busy)));
        assert!(!retry_after.is_zero() && retry_after <= pause, "{retry_after:?}");
        retry_after
    };
    is_refused().await;
    // Each second its offers are looked at: they are not shown as live.
    super::until(|| !ask().open).await;
    assert!(!connected.health().on_sale);
    assert_eq!(rig.orders().market.grid.on_sale(product()).stock, 0);
    tokio::time::sleep(is_refused().await).await;
    rig.buy(None).await.unwrap();
    assert!(ask().open && connected.health().on_sale);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_without_a_turn_is_told_when_to_come_back_and_is_answered_then() {
    let rig = limited(&[(HANDLER, 100_000)], 4, 4_900).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    // The first poll takes the last call.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let asked = std::time::Instant::now();
    let refused = rig.orders().cancel(&Origin::SYSTEM, rig.customer, id).await.unwrap_err();
    let Refusal::Upstream(UpstreamError::Limited { retry_after }) = refused else {
        panic!("{refused:?}")
    };
    assert!(asked.elapsed() < Duration::from_secs(1), "refused at once");
    assert!((1..=10).contains(&retry_after.as_secs()), "{retry_after:?}");
    let failures = rig.orders().providers.list()[0].health().failures;
    assert!(failures.iter().all(|failure| !failure.text.contains("no_turn")), "{failures:?}");
    tokio::time::sleep(Duration::from_secs(retry_after.as_secs() + 1)).await;
    rig.cancel(id).await;
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_a_provider_asked_for_holds_after_a_restart() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let connected = &rig.orders().providers.list()[0];
    connected.client().room().dispatcher().pause(PauseOf::All, Duration::from_secs(30));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let rig = rig.close().await.open().await;
    let refused = rig.buy(None).await.unwrap_err();
    let Refusal::ProvidersBusy { retry_after } = refused else { panic!("{refused:?}") };
    assert!((20..=30).contains(&retry_after.as_secs()), "{retry_after:?}");
    super::until(|| rig.noticed(AttentionKind::ProviderPaused) == 1).await;
    rig.stop().await;
}
