//! Offers that cannot be had at the cost of the provider's list.

use nexnum::attention::AttentionKind;
use nexnum::order::Refusal;
use nexnum_engine::command::{Caller, Finish};
use nexnum_engine::grid::Ask;
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_sandbox::FaultKind;

use super::{FIVESIM, HANDLER, Rig, SMSPOOL, execute, received, synced, until};
use crate::rig::sandbox::product;

impl Rig {
    fn pin(&self, seller: usize, cost: i64) {
        assert!(self.sandbox.pin(seller, product(), Micros(cost), 5), "it is sold there");
    }

    /// Takes a list of the only provider in.
    pub(super) async fn sync(&self) {
        let provider = self.orders().providers.list().remove(0);
        let before = provider.health().last_sync_at;
        provider.sync_now();
        until(|| provider.health().last_sync_at > before).await;
    }

    /// The same market after a restart and its first list.
    async fn reopened(self) -> Self {
        let rig = self.close().await.open().await;
        synced(rig.orders()).await;
        rig
    }

    fn ask(&self) -> Ask {
        self.orders().market.grid.asks(product()).next().unwrap()
    }

    fn ask_of(&self, order: &Order) -> Ask {
        self.orders().market.grid.ask(order.offer).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overcharged_offer_is_not_sold_before_its_listed_cost_is_what_was_charged() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    rig.pin(FIVESIM, 500_000);
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.price, order.cost), (Micros(120_000), Micros(500_000)));
    let (rows, _) = rig.orders().market.attention.rows(10);
    let row = rows.iter().find(|row| row.kind == AttentionKind::Overcharge).unwrap();
    assert_eq!(row.subject.order, Some(id), "{rows:?}");
    // A list that is ten times as dear is held back: it does not say what the offer costs.
    rig.pin(FIVESIM, 1_000_000);
    rig.sync().await;
    assert_eq!(rig.ask_of(&order).stock, 0);
    for (listed, stock) in [(100_000, 0), (400_000, 0), (500_000, 5), (100_000, 5)] {
        rig.pin(FIVESIM, listed);
        rig.sync().await;
        let ask = rig.ask_of(&order);
        assert_eq!((ask.cost, ask.stock), (Micros(listed), stock));
        let health = rig.orders().providers.list().remove(0).health();
        assert_eq!(health.overcharged, usize::from(stock == 0));
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overcharged_offer_is_not_sold_after_a_restart_days_later() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    rig.pin(FIVESIM, 500_000);
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    execute(rig.orders(), Finish { order: id, caller: Caller::System }).await;
    rig.pin(FIVESIM, 100_000);
    let closed = rig.close().await;
    closed.retire(72);
    let rig = closed.open().await;
    assert!(rig.orders().market.read_model.order(id).is_none(), "it has left memory");
    let overcharged = |rig: &Rig| rig.orders().providers.list().remove(0).health().overcharged;
    until(|| overcharged(&rig) == 1).await;
    rig.sync().await;
    assert_eq!(rig.ask_of(&order).stock, 0);
    rig.pin(FIVESIM, 500_000);
    rig.sync().await;
    assert_eq!((rig.ask_of(&order).stock, overcharged(&rig)), (5, 0));
    // Its list has caught up, and is believed after a restart too.
    rig.pin(FIVESIM, 100_000);
    rig.sync().await;
    let rig = rig.close().await.open().await;
    synced(rig.orders()).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!((rig.ask_of(&order).stock, overcharged(&rig)), (5, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overcharge_that_became_known_after_its_list_had_caught_up_is_over_after_a_restart() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    rig.pin(FIVESIM, 500_000);
    rig.sandbox.faults(FIVESIM).next(FaultKind::BoughtButReplyLost);
    let listed = async {
        until(|| !rig.sandbox.bought(FIVESIM).is_empty()).await;
        rig.sync().await;
        rig.ask().cost
    };
    let (id, listed) = tokio::join!(rig.buy(None), listed);
    assert_eq!(listed, Micros(500_000), "before the purchase was found");
    let order = rig.order(id.unwrap(), received).await;
    assert_eq!((order.price, order.cost), (Micros(120_000), Micros(500_000)));
    let overcharged = |rig: &Rig| rig.orders().providers.list().remove(0).health().overcharged;
    until(|| overcharged(&rig) == 1).await;
    // The list says as much still, and nothing of it has changed.
    rig.sync().await;
    assert_eq!((rig.ask_of(&order).stock > 0, overcharged(&rig)), (true, 0));
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    rig.pin(FIVESIM, 100_000);
    rig.sync().await;
    let rig = rig.reopened().await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!((rig.ask_of(&order).stock, overcharged(&rig)), (5, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_a_list_shows_is_booked_at_what_the_list_says_was_charged() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    rig.pin(FIVESIM, 500_000);
    rig.sandbox.faults(FIVESIM).next(FaultKind::BoughtButReplyLost);
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.price), (1, Micros(120_000)));
    assert_eq!(order.cost, Micros(500_000));
    until(|| rig.noticed(AttentionKind::Overcharge) == 1).await;
    rig.pin(FIVESIM, 100_000);
    rig.sync().await;
    assert_eq!(rig.ask_of(&order).stock, 0, "as after a reply with that cost");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_a_refusal_names_is_tried_within_the_buyer_s_limit() {
    let rig = Rig::start(&[(HANDLER, 50_000)]).await;
    rig.pin(HANDLER, 90_000);
    let id = rig.buy(Some(200_000)).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.price, order.cost), (2, Micros(108_000), Micros(90_000)));
    assert_eq!(rig.wallet(), (9_892_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_a_refusal_names_is_not_tried_where_another_ask_is_cheaper() {
    let rig = Rig::start(&[(HANDLER, 50_000), (SMSPOOL, 70_000)]).await;
    rig.pin(HANDLER, 90_000);
    let id = rig.buy(Some(200_000)).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.price, order.cost), (2, Micros(84_000), Micros(70_000)));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_a_refusal_names_is_not_sold_at_if_it_is_a_jump() {
    let rig = Rig::start(&[(HANDLER, 50_000)]).await;
    let held = |rig: &Rig| rig.noticed(AttentionKind::NamedPriceHeld);
    // Two refusals are no way around: the list is what both are held against.
    rig.pin(HANDLER, 90_000);
    assert!(rig.buy(None).await.is_err());
    assert_eq!((rig.ask().price, held(&rig)), (Micros(108_000), 0));
    rig.pin(HANDLER, 500_000);
    assert!(rig.buy(Some(2_000_000)).await.is_err());
    assert_eq!(rig.wallet(), (10_000_000, 0));
    assert_eq!((rig.ask().price, rig.ask().stock, held(&rig)), (Micros(108_000), 0, 1));
    rig.pin(HANDLER, 90_000);
    let rig = rig.reopened().await;
    assert_eq!((rig.ask().stock, held(&rig)), (0, 1));
    rig.pin(HANDLER, 95_000);
    rig.sync().await;
    assert_eq!((rig.ask().price, rig.ask().stock), (Micros(114_000), 5), "the list says more");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_refused_as_too_cheap_comes_back_at_the_price_named() {
    let rig = Rig::start(&[(HANDLER, 50_000)]).await;
    rig.pin(HANDLER, 90_000);
    let refused = rig.buy(None).await;
    assert!(matches!(refused, Err(Refusal::NoNumbers { .. })), "{refused:?}");
    assert_eq!(rig.wallet(), (10_000_000, 0));
    assert_eq!((rig.ask().price, rig.ask().stock), (Micros(108_000), 5));
    rig.pin(HANDLER, 50_000);
    rig.sync().await;
    assert_eq!((rig.ask().price, rig.ask().stock), (Micros(108_000), 5), "the list says less");
    let rig = rig.reopened().await;
    assert_eq!((rig.ask().price, rig.ask().stock), (Micros(108_000), 5), "and after a restart");
    rig.pin(HANDLER, 95_000);
    rig.sync().await;
    assert_eq!(rig.ask().price, Micros(114_000));
    rig.pin(HANDLER, 50_000);
    rig.sync().await;
    assert_eq!(rig.ask().price, Micros(60_000), "the list had caught up");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_refused_as_too_cheap_without_a_price_stays_out_until_its_cost_rises() {
    let closed = Rig::start(&[(HANDLER, 50_000)]).await.close().await;
    let named = "error = \"price_too_low\", price = \"$price\"";
    closed.reword("handler", named, "error = \"price_too_low\"");
    let rig = closed.open().await;
    synced(rig.orders()).await;
    rig.pin(HANDLER, 90_000);
    let refused = rig.buy(Some(200_000)).await;
    assert!(matches!(refused, Err(Refusal::NoNumbers { .. })), "{refused:?}");
    let too_cheap = |rig: &Rig| rig.orders().providers.list()[0].figures().too_cheap;
    assert_eq!(rig.ask().stock, 0);
    until(|| too_cheap(&rig) == 1).await;
    rig.pin(HANDLER, 50_000);
    let rig = rig.reopened().await;
    assert_eq!(rig.ask().stock, 0);
    until(|| too_cheap(&rig) == 1).await;
    for (listed, stock) in [(50_000, 0), (40_000, 0), (51_000, 5), (50_000, 5)] {
        rig.pin(HANDLER, listed);
        rig.sync().await;
        assert_eq!((rig.ask().cost, rig.ask().stock), (Micros(listed), stock));
    }
    until(|| too_cheap(&rig) == 0).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_names_a_higher_price_each_time_is_tried_twice() {
    let rig = Rig::start(&[(HANDLER, 50_000)]).await;
    rig.pin(HANDLER, 90_000);
    let raised = rig.buy(None).await;
    assert!(raised.is_err(), "{raised:?}");
    rig.pin(HANDLER, 150_000);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.price), (2, Micros(180_000)));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_in_another_currency_are_not_held_against_the_first_list() {
    let closed = Rig::start(&[(FIVESIM, 100_000)]).await.close().await;
    closed.reword("fivesim", "currency = \"USD\"", "currency = \"EUR\"");
    assert!(closed.sandbox.pin(FIVESIM, product(), Micros(1_000_000), 5));
    let rig = closed.open().await;
    synced(rig.orders()).await;
    assert_eq!((rig.ask().cost, rig.ask().stock), (Micros(1_000_000), 5));
    // From then on they are in one currency.
    rig.pin(FIVESIM, 50_000);
    rig.sync().await;
    assert_eq!(rig.ask().stock, 0, "a jump is held back");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_whose_listed_stock_is_refused_again_and_again_is_not_shown_as_live() {
    let rig = Rig::start(&[(HANDLER, 50_000)]).await;
    rig.pin(HANDLER, 50_000);
    rig.sync().await;
    rig.sandbox.faults(HANDLER).set(FaultKind::NoNumbers, 1.0);
    let unobtainable = || rig.orders().providers.list()[0].health().unobtainable;
    for kept_out in [0, 1] {
        assert_eq!(rig.ask().stock, 5);
        let refused = rig.buy(None).await;
        assert!(matches!(refused, Err(Refusal::NoNumbers { .. })), "{refused:?}");
        assert_eq!((rig.ask().stock, unobtainable()), (0, kept_out));
        rig.sync().await;
    }
    for _ in 0..3 {
        rig.sync().await;
        assert_eq!((rig.ask().stock, unobtainable()), (0, 1), "no list brings it back");
        // No order is placed, and nothing is asked of the provider.
        assert_eq!(rig.buy(None).await, Err(Refusal::NoNumbers { order: None }));
    }
    rig.stop().await;
}
