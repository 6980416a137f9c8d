//! Numbers that are bought, the ask that is next, and what a purchase may cost.

use std::sync::Arc;

use nexnum::attention::AttentionKind;
use nexnum::face::ops::metrics_page;
use nexnum::order::Refusal;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::ids::OrderId;
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_sandbox::{FaultKind, Sandbox, SandboxConfig};

use super::{Closed, FIVESIM, HANDLER, Rig, SMSPOOL, received, synced, until};
use crate::rig::plain::{files_with, ways_of_number, ways_of_text};
use crate::rig::sandbox::product;
use crate::rig::texts::said_of;

async fn check_bought(seller: usize) {
    let rig = Rig::start(&[(seller, 100_000)]).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.price, order.cost), (1, Micros(120_000), Micros(100_000)));
    assert!(rig.number(&order).to_string().starts_with("62"));
    assert!(order.messages[0].has().code, "its code was found");
    assert_eq!(rig.wallet(), (9_880_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_bought_over_the_handler_protocol_and_its_code_comes() {
    check_bought(HANDLER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_bought_from_the_rest_protocol_and_its_code_comes() {
    check_bought(FIVESIM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_bought_with_form_posts_and_its_code_comes() {
    check_bought(SMSPOOL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_want_of_numbers_goes_on_to_the_next_ask_within_the_limit() {
    let rig = Rig::start(&[(HANDLER, 100_000), (SMSPOOL, 200_000)]).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::NoNumbers);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, received).await;
    let provider = rig.orders().providers.get(order.provider).unwrap();
    assert_eq!((provider.name(), order.attempt, order.price), ("Lagoon", 2, Micros(240_000)));
    assert_eq!(rig.wallet(), (9_760_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_no_ask_within_its_limit_fills_is_refunded() {
    let rig = Rig::start(&[(HANDLER, 100_000), (SMSPOOL, 200_000)]).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::NoNumbers);
    let refused = rig.buy(None).await;
    let Err(Refusal::NoNumbers { order: Some(id) }) = refused else { panic!("{refused:?}") };
    let order = rig.order(id, |order| order.state.is_closed()).await;
    assert_eq!((order.state, order.attempt), (ActivationState::Failed, 1));
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_by_the_provider_that_was_asked() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let shown = metrics_page::render(rig.orders(), &rig.running.routes.router);
    let count = r#"nexnum_provider_requests_total{provider="Kestrel",op="prices",outcome="ok"}"#;
    assert!(shown.contains(count), "{shown}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_shrank_while_the_market_was_closed_is_not_believed_at_once() {
    let mut closed = Rig::start(&[(HANDLER, 100_000)]).await.close().await;
    let few = SandboxConfig { offers: [100; 3], ..SandboxConfig::small(7) };
    std::mem::replace(&mut closed.sandbox, Sandbox::start(few).await.unwrap()).stop().await;
    let rig = closed.open().await;
    let health = || rig.orders().providers.list().first().unwrap().health();
    until(|| !health().failures.is_empty()).await;
    let health = health();
    assert!(health.failures[0].text.contains("shrank too much"), "{:?}", health.failures);
    assert_eq!((health.last_sync_at, health.offers), (None, 0));
    assert!(health.quarantined > 0, "all that it named");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_costs_fell_a_hundredfold_is_not_believed_at_once() {
    let closed = Rig::start(&[(HANDLER, 100_000)]).await.close().await;
    closed.reword("handler", r#"stock = "/count""#, r#"stock = "/count", scale = 2"#);
    let rig = closed.open().await;
    let health = || rig.orders().providers.list().first().unwrap().health();
    until(|| !health().failures.is_empty()).await;
    let health = health();
    assert!(health.failures[0].text.contains("most costs fell"), "{:?}", health.failures);
    assert_eq!((health.last_sync_at, health.offers), (None, 0));
    assert!(health.quarantined > 100, "all that it named");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_whose_cost_falls_tenfold_is_not_sold_before_it_is_confirmed() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let connected = Arc::clone(rig.orders().providers.list().first().unwrap());
    assert!(rig.sandbox.pin(HANDLER, product(), Micros(10_000), 5), "it is sold there");
    connected.sync_now();
    // The grid follows what the intake notes.
    let sells = || rig.orders().market.grid.asks(product()).any(|ask| ask.stock > 0);
    until(|| connected.health().quarantined == 1 && !sells()).await;
    let refused = rig.buy(None).await;
    assert!(matches!(refused, Err(Refusal::NoNumbers { order: None })), "{refused:?}");
    assert!(rig.sandbox.pin(HANDLER, product(), Micros(20_000), 5), "it is sold there");
    connected.sync_now();
    until(|| connected.health().quarantined == 0 && sells()).await;
    let id = rig.buy(None).await.unwrap();
    assert_eq!(rig.order(id, received).await.cost, Micros(20_000), "a fall as in any sale");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_costs_more_than_its_price_is_sold_once_until_the_next_sync() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    // It knows no limit where a carrier is named, as the offers of its list do.
    assert!(rig.sandbox.pin(FIVESIM, product(), Micros(500_000), 5), "it is sold there");
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.price, order.cost), (Micros(120_000), Micros(500_000)));
    let stock = rig.orders().market.grid.ask(order.offer).map(|ask| ask.stock);
    assert_eq!(stock, Some(0));
    let health = rig.orders().providers.get(order.provider).unwrap().health();
    let failure = health.failures.back().unwrap();
    assert_eq!(failure.to_string(), "buy: charged 0.500000, sold for 0.120000");
    assert_eq!(failure.order, Some(id));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_cost_more_than_its_price_stays_out_after_a_restart() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    // Its list says the old price again afterwards.
    assert!(rig.sandbox.pin(FIVESIM, product(), Micros(500_000), 5), "it is sold there");
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    assert!(rig.sandbox.pin(FIVESIM, product(), Micros(100_000), 5), "it is sold there");
    let rig = rig.close().await.open().await;
    let stock = || rig.orders().market.grid.ask(order.offer).map(|ask| ask.stock);
    assert_eq!(stock(), Some(0));
    synced(rig.orders()).await;
    let connected = rig.orders().providers.get(order.provider).unwrap();
    assert_eq!((stock(), connected.health().overcharged), (Some(0), 1));
    let closed = rig.close().await;
    // As long as its list says less, also when nothing else tells of it any more.
    let kept = std::fs::read(closed.folder.path().join("market/least-costs")).unwrap();
    let other = Rig::start(&[(FIVESIM, 100_000)]).await;
    synced(other.orders()).await;
    let other = other.close().await;
    std::fs::write(other.folder.path().join("market/least-costs"), kept).unwrap();
    let rig = other.open().await;
    synced(rig.orders()).await;
    let stock = || rig.orders().market.grid.ask(order.offer).map(|ask| ask.stock);
    let connected = rig.orders().providers.get(order.provider).unwrap();
    assert_eq!((stock(), connected.health().overcharged), (Some(0), 1));
    assert!(rig.sandbox.pin(FIVESIM, product(), Micros(500_000), 5), "it is sold there");
    connected.sync_now();
    until(|| connected.health().overcharged == 0).await;
    let file = other_file(&rig.close().await);
    assert!(file.starts_with("until\t") && !file.contains("charged"), "it has caught up: {file}");
    closed.sandbox.stop().await;
}

fn other_file(closed: &Closed) -> String {
    std::fs::read_to_string(closed.folder.path().join("market/least-costs")).unwrap()
}

/// A market whose provider answers each purchase with this number.
pub(super) async fn answering(number: &str) -> Rig {
    let closed = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await.close().await;
    let (told, wrong) = (r#"number = "/phone", cost"#, format!("number = \"={number}\", cost"));
    closed.reword("fivesim", told, &wrong);
    let rig = closed.open().await;
    synced(rig.orders()).await;
    rig
}

/// The order got no number, its money is back, and the purchase goes back.
pub(super) async fn check_not_sold(rig: &Rig, id: OrderId) {
    let order = rig.order(id, |order| order.state == ActivationState::Failed).await;
    assert!(order.assignment.is_none(), "{order:?}");
    let market = &rig.orders().market;
    let told = || market.attention.rows(usize::MAX).0;
    until(|| told().iter().any(|row| row.kind == AttentionKind::WrongNumber)).await;
    until(|| rig.orders().doubts.count().orphans == 1).await;
    until(|| market.read_model.orphans().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_another_country_is_not_sold() {
    let rig = answering("12025550123").await;
    let refused = rig.buy(None).await;
    assert!(refused.is_err(), "{refused:?}");
    check_not_sold(&rig, OrderId(1)).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_whose_number_cannot_be_read_goes_back() {
    for number in ["hidden", "08120001001", "+62812****001"] {
        let rig = answering(number).await;
        let refused = rig.buy(None).await;
        assert!(refused.is_err(), "{number}: {refused:?}");
        check_not_sold(&rig, OrderId(1)).await;
        rig.stop().await;
    }
}

/// A lost purchase whose number a list shows like this is not adopted: it goes back, and the
/// order buys once more.
async fn check_not_adopted(closed: Closed, shown: &str) {
    let told = r#"number = "/phone", country"#;
    closed.reword("fivesim", told, &format!(r#"number = "={shown}", country"#));
    let rig = closed.open().await;
    synced(rig.orders()).await;
    rig.sandbox.faults(FIVESIM).next(FaultKind::BoughtButReplyLost);
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.assignment.is_some()).await;
    assert_eq!(order.attempt, 2, "{order:?}");
    let market = &rig.orders().market;
    let (rows, _) = market.attention.rows(usize::MAX);
    assert!(rows.iter().any(|row| row.kind == AttentionKind::WrongNumber), "{rows:?}");
    until(|| rig.orders().doubts.count().orphans == 1).await;
    until(|| market.read_model.orphans().is_empty()).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_purchase_with_a_number_of_another_country_goes_back() {
    let closed = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await.close().await;
    check_not_adopted(closed, "12025550123").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_purchase_whose_number_a_list_masks_goes_back() {
    let closed = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await.close().await;
    check_not_adopted(closed, "+62812****001").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_purchase_whose_number_another_order_has_goes_back() {
    let rig = Rig::start_with(&[(FIVESIM, 100_000)], 600_000).await;
    let first = rig.buy(None).await.unwrap();
    let first = rig.order(first, |order| order.assignment.is_some()).await;
    let number = rig.number(&first).to_string();
    check_not_adopted(rig.close().await, &number).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_a_live_order_is_not_sold_again() {
    let rig = answering("6281200000001").await;
    let id = rig.buy(None).await.unwrap();
    let active = |order: &Order| order.state == ActivationState::Active;
    rig.order(id, active).await;
    let refused = rig.buy(None).await;
    assert!(refused.is_err(), "{refused:?}");
    check_not_sold(&rig, OrderId(2)).await;
    rig.order(id, active).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_sold_cannot_be_read_in_the_folder() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    let (number, said) = (rig.number(&order), said_of(&rig.orders().market, id));
    let code = ways_of_text(&said[0].code);
    let ways: Vec<_> = code.into_iter().chain(ways_of_number(number.0)).collect();
    assert!(said[0].code.len() >= 4, "shorter ones stand anywhere");
    let closed = rig.close().await;
    assert_eq!(files_with(&closed.folder.path().join("market"), &ways), Vec::<String>::new());
    let rig = closed.open().await;
    let order = rig.order(id, |_| true).await;
    assert_eq!((rig.number(&order), said_of(&rig.orders().market, id)), (number, said));
    rig.stop().await;
}
