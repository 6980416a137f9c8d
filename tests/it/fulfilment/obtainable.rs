//! Offers that cannot be had at the cost of the provider's list.

use nexnum_engine::grid::Ask;
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;

use super::{FIVESIM, Rig, received, until};
use crate::rig::sandbox::product;

impl Rig {
    fn pin(&self, seller: usize, cost: i64) {
        assert!(self.sandbox.pin(seller, product(), Micros(cost), 5), "it is sold there");
    }

    /// Takes a list of the only provider in.
    async fn sync(&self) {
        let provider = self.orders().providers.list().remove(0);
        let before = provider.health().last_sync_at;
        provider.sync_now();
        until(|| provider.health().last_sync_at > before).await;
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
