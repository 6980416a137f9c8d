//! What has to hold after each step: stock, order of asks, money.

use nexnum_engine::activation::ActivationState;
use nexnum_engine::audit::audit;
use nexnum_engine::book::Book;
use nexnum_engine::grid::Ask;
use nexnum_engine::ids::{OfferId, OrderId};

use super::{BUYER, Market, OFFERS, product, provider};

impl Market {
    pub fn check(&self) {
        self.check_stock();
        self.check_money();
    }

    fn check_stock(&self) {
        for (offer, line) in (1..).zip(&self.lines) {
            let ask = self.grid.ask(OfferId(offer));
            assert_eq!(ask.is_some(), line.listed, "offer {offer}");
            let Some(ask) = ask else { continue };
            assert_eq!(ask.stock, line.offered.saturating_sub(line.claimed), "offer {offer}");
            assert_eq!(ask.open, self.open[provider(offer)]);
        }
        for product in [product(1), product(OFFERS)] {
            let rank = |ask: Ask| {
                let priority = self.priority[usize::from(ask.provider.0) - 1];
                (ask.price, std::cmp::Reverse(priority), ask.offer)
            };
            let shown: Vec<_> = self.grid.asks(product).map(rank).collect();
            assert!(shown.is_sorted(), "{shown:?}");
        }
    }

    fn check_money(&self) {
        let state = self.engine.state();
        audit(state).unwrap_or_else(|complaint| panic!("{complaint}"));
        let waiting = self.waiting.iter().map(|waiting| waiting.claim.price().0);
        let escrow: i64 = waiting.chain(self.active.iter().map(|active| active.price)).sum();
        let held = (state.balance(Book::Available(BUYER)).0, state.balance(Book::Escrow(BUYER)).0);
        assert_eq!(held, (self.balance, escrow));
    }

    pub fn ended_as(&self, id: OrderId, state: ActivationState) {
        let order = self.engine.state().order(id).expect("nothing is retired");
        assert_eq!(order.state, state, "order {id}");
    }
}
