//! Quotes: what an order would do now, ask by ask.

use nexnum_engine::grid::Ask;
use nexnum_engine::money::Micros;

use super::Orders;
use super::claim::{self, Skip, Wish};

/// What an order with a wish would do.
#[derive(Clone, Debug)]
pub struct Quote {
    /// The price that it would pay; `None` if no ask would serve.
    pub price: Option<Micros>,
    /// The asks in the order in which an order tries them.
    pub asks: Vec<QuotedAsk>,
}

/// An ask as an order sees it.
#[derive(Clone, Debug)]
pub struct QuotedAsk {
    /// The ask.
    pub ask: Ask,
    /// Why it would be passed over, whatever stands before it.
    pub skip: Option<Skip>,
    /// It is the one that would be taken.
    pub taken: bool,
}

impl Orders {
    /// Says what an order with this wish would do, with at most `asks_max` asks.
    #[must_use]
    pub fn quote(&self, wish: &Wish, asks_max: usize) -> Quote {
        let (mut price, mut asks) = (None, Vec::new());
        let serves = |ask: &Ask| claim::skip(ask, wish, &[]).is_none();
        // As the next order would; the turn is left to it.
        let grid = &self.market.grid;
        for ask in grid.in_turn(wish.product, serves, || grid.next_turn()) {
            let is_free = || claim::is_free(&self.providers, ask.provider);
            let pauses_alone = || claim::pauses_alone(&self.providers, &ask, wish, &[]);
            let skip = match claim::skip(&ask, wish, &[]) {
                Some(Skip::Closed) if pauses_alone() => None,
                skip => skip,
            };
            let skip = skip.or_else(|| (!is_free()).then_some(Skip::Busy));
            let taken = skip.is_none() && price.is_none();
            if taken {
                price = Some(ask.price);
            }
            if asks.len() < asks_max {
                asks.push(QuotedAsk { ask, skip, taken });
            } else if price.is_some() {
                break;
            }
        }
        Quote { price, asks }
    }
}
