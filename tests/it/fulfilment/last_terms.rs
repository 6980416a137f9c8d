//! What offers cost and are sold for, across starts: the ledger does not know it.

use nexnum::attention::AttentionKind;
use nexnum_sandbox::FaultKind;

use super::*;

/// What is sold of the product, as the grid has it: its cost and its stock.
fn sold(rig: &Rig) -> Option<(i64, u32)> {
    let mut asks = rig.orders().market.grid.asks(product());
    asks.next().map(|ask| (ask.cost.0, ask.stock))
}

impl Closed {
    fn lose_terms(&self) {
        fs::remove_file(self.folder.path().join("market/last-terms")).unwrap();
    }

    fn pin(&self, cost: i64) {
        assert!(self.sandbox.pin(FIVESIM, product(), Micros(cost), 5), "it is sold there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_in_no_ledger_and_there_after_a_restart_before_a_list_comes() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    let recorded = rig.orders().market.read_model.position();
    assert!(rig.sandbox.pin(FIVESIM, product(), Micros(150_000), 4), "it is sold there");
    rig.sync().await;
    assert_eq!(sold(&rig), Some((150_000, 4)));
    assert_eq!(rig.orders().market.read_model.position(), recorded, "a price is an event");
    // A stop writes it, and the list that comes later is another one.
    let closed = rig.close().await;
    closed.sandbox.faults(FIVESIM).set(FaultKind::ConnectionLost, 1.0);
    let rig = closed.open().await;
    assert_eq!(sold(&rig), Some((150_000, 4)));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_list_is_written_before_a_minute_is_over() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    let file = rig.folder.path().join("market/last-terms");
    // More than the row that names its provider.
    let has_rows = || fs::metadata(&file).is_ok_and(|file| file.len() > 200);
    let written = tokio::time::timeout(PATIENCE / 2, until(has_rows)).await;
    assert!(written.is_ok(), "it would be written after a minute");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_held_against_recent_orders_where_the_last_terms_are_lost() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, received).await;
    let closed = rig.close().await;
    closed.lose_terms();
    closed.pin(10_000);
    let rig = closed.open().await;
    until(|| rig.noticed(AttentionKind::PriceListQuarantined) == 1).await;
    assert_eq!(sold(&rig), Some((100_000, 0)), "an order's cost stands in, without stock");
    assert_eq!(rig.buy(None).await, Err(Refusal::NoNumbers { order: None }));
    assert_eq!(rig.noticed(AttentionKind::PricesLost), 0);
    // What is lost is lost until a list is believed.
    let closed = rig.close().await;
    assert!(!closed.folder.path().join("market/last-terms").exists());
    closed.pin(90_000);
    let rig = closed.open().await;
    synced(rig.orders()).await;
    assert_eq!(sold(&rig), Some((90_000, 5)));
    rig.buy(None).await.unwrap();
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_nothing_vouches_for_is_held_back_until_the_operator_accepts_it() {
    let closed = Rig::start(&[(FIVESIM, 100_000)]).await.close().await;
    closed.lose_terms();
    let rig = closed.open().await;
    until(|| rig.noticed(AttentionKind::PricesLost) == 1).await;
    let (rows, _) = rig.orders().market.attention.rows(usize::MAX);
    let row = rows.iter().find(|row| row.kind == AttentionKind::PricesLost).unwrap();
    assert!(row.text.contains("nexnum provider accept-prices "), "{row:?}");
    assert_eq!((sold(&rig), rig.noticed(AttentionKind::PriceListQuarantined)), (None, 0));
    assert_eq!(rig.buy(None).await, Err(Refusal::NoNumbers { order: None }));
    let connected = rig.orders().providers.list().remove(0);
    assert!(!connected.figures().on_sale && connected.health().quarantined > 0);
    connected.accept_prices(rig.orders().market.clock.now());
    synced(rig.orders()).await;
    until(|| rig.noticed(AttentionKind::PricesLost) == 0).await;
    assert_eq!(sold(&rig), Some((100_000, 5)));
    rig.buy(None).await.unwrap();
    // One list was accepted, not those that follow.
    assert!(rig.sandbox.pin(FIVESIM, product(), Micros(1_000), 5), "it is sold there");
    connected.sync_now();
    until(|| rig.noticed(AttentionKind::PricesQuarantined) == 1).await;
    // Nothing is lost at the next start.
    let rig = rig.close().await.open().await;
    until(|| rig.noticed(AttentionKind::PricesQuarantined) == 1).await;
    assert_eq!(rig.noticed(AttentionKind::PricesLost), 0);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_offers_cost_at_least_is_known_where_the_last_terms_are_lost() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    assert!(rig.sandbox.pin(FIVESIM, product(), Micros(500_000), 5), "it is sold there");
    let id = rig.buy(None).await.unwrap();
    rig.order(id, received).await;
    let closed = rig.close().await;
    // Longer ago than the ledger is read for.
    closed.advance_ms(8 * 24 * 60 * 60 * 1000);
    closed.pin(100_000);
    closed.lose_terms();
    let rig = closed.open().await;
    until(|| rig.noticed(AttentionKind::PricesLost) == 1).await;
    let connected = rig.orders().providers.list().remove(0);
    connected.accept_prices(rig.orders().market.clock.now());
    synced(rig.orders()).await;
    assert_eq!(sold(&rig), Some((100_000, 0)), "it was charged at five times that");
    assert_eq!(connected.health().overcharged, 1);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_prices_does_not_stand_for_what_was_lost() {
    let closed = Rig::start(&[(HANDLER, 100_000)]).await.close().await;
    closed.lose_terms();
    let (priced, free) = (r#"cost = ["/cost", "/price"]"#, r#"cost = "=0""#);
    closed.reword("handler", priced, free);
    let rig = closed.open().await;
    until(|| rig.noticed(AttentionKind::PricesLost) == 1).await;
    let closed = rig.close().await;
    closed.reword("handler", free, priced);
    let rig = closed.open().await;
    until(|| rig.noticed(AttentionKind::PricesLost) == 1).await;
    assert_eq!(rig.buy(None).await, Err(Refusal::NoNumbers { order: None }));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_list_that_does_not_come_is_accepted_later() {
    let closed = Rig::start(&[(FIVESIM, 100_000)]).await.close().await;
    closed.lose_terms();
    let rig = closed.open().await;
    until(|| rig.noticed(AttentionKind::PricesLost) == 1).await;
    rig.sandbox.faults(FIVESIM).set(FaultKind::ConnectionLost, 1.0);
    let connected = rig.orders().providers.list().remove(0);
    connected.accept_prices(rig.orders().market.clock.now());
    until(|| rig.noticed(AttentionKind::PriceListFailed) == 1).await;
    assert_eq!(rig.noticed(AttentionKind::PricesLost), 1, "it is held back still");
    rig.sandbox.faults(FIVESIM).clear();
    connected.sync_now();
    synced(rig.orders()).await;
    assert_eq!(sold(&rig), Some((100_000, 5)));
    rig.stop().await;
}
