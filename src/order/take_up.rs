//! Taking up, at a start, what the last process left under way.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::state::GivenUp;

use super::doubt::{GIVEN_UP_KEPT_MS, PurchaseGivenUp, Window};
use super::{Orders, buy};
use crate::market::grid_follower::OpenClaim;

impl Orders {
    /// Takes up what was under way when the last process ended, before an order can be
    /// placed: each driven order has the connection of this start, and one without a number
    /// is in doubt, with its claim where there is one; a purchase that no order has goes back.
    pub fn take_up(self: &Arc<Self>, open: Vec<OpenClaim>) {
        let now = self.market.clock.now();
        let mut claims: BTreeMap<_, _> =
            open.into_iter().map(|open| (open.order, open.claim)).collect();
        for id in self.market.read_model.driven() {
            let Some(order) = self.market.read_model.order(id) else { continue };
            // A provider that is not connected any more has none.
            let _bound = self.providers.bind(id, order.attempt, order.provider);
            if order.state == ActivationState::Init {
                let claim = claims.remove(&id);
                let ended = now.min(order.deadline);
                let window = Window::of_attempt(order.attempt, order.placed_at, ended);
                let tried = vec![order.offer];
                self.tasks.spawn(buy::doubt(Arc::clone(self), order, window, claim, tried));
            }
        }
        self.remember_given_up();
        self.give_back_orphans();
    }

    /// Remembers, at a start, what was given up before it; a look forgets what is too old.
    pub(crate) fn remember_given_up(&self) {
        for given_up in self.market.read_model.take_given_up() {
            let GivenUp { at, order, attempt, provider, product, placed_at } = given_up;
            let window = Window::of_attempt(attempt, placed_at, at);
            // Of an earlier attempt the cost is known no more.
            let known = self.market.read_model.order(order);
            let cost = known.filter(|order| order.attempt == attempt).map(|order| order.cost);
            let until = at.plus_ms(GIVEN_UP_KEPT_MS);
            let _bound = self.providers.bind(order, attempt, provider);
            let purchase =
                PurchaseGivenUp { order, attempt, provider, product, cost, window, until };
            self.doubts.give_up(purchase);
        }
    }
}
