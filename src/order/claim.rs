//! Phase 1: which ask an order takes, and the claim on a unit of it.

use std::sync::Arc;

use nexnum_engine::event::Terms;
use nexnum_engine::grid::{Ask, Grid};
use nexnum_engine::ids::{CarrierId, OfferId, Product};
use nexnum_engine::money::Micros;
use nexnum_engine::reservation::{Claim, ClaimRefusal};

use super::refusal::Refusal;

/// What a buyer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Country and service.
    pub product: Product,
    /// The carrier, or `ANY`.
    pub carrier: CarrierId,
    /// The most that the customer pays; `None` takes the first ask's price as the limit.
    pub limit: Option<Micros>,
}

/// Why an ask does not serve a wish now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Another carrier.
    OtherCarrier,
    /// Tried for this order already.
    Tried,
    /// The provider is closed.
    Closed,
    /// No unit left.
    OutOfStock,
    /// Above the buyer's limit.
    AboveMax,
    /// Our account at the provider holds less than the number costs.
    CannotPay,
}

/// Why an ask is passed over, or `None` if the order would claim it.
#[must_use]
pub fn skip(ask: &Ask, wish: &Wish, tried: &[OfferId]) -> Option<Skip> {
    if wish.carrier != CarrierId::ANY && ask.carrier != wish.carrier {
        Some(Skip::OtherCarrier)
    } else if tried.contains(&ask.offer) {
        Some(Skip::Tried)
    } else if !ask.open {
        Some(Skip::Closed)
    } else if ask.stock == 0 {
        Some(Skip::OutOfStock)
    } else if wish.limit.is_some_and(|limit| ask.price > limit) {
        Some(Skip::AboveMax)
    } else if !ask.funded {
        Some(Skip::CannotPay)
    } else {
        None
    }
}

/// Phase 1: claims a unit of the first ask that serves the wish.
///
/// # Errors
/// [`Refusal::NoNumbers`], or [`Refusal::PriceAboveMax`] where only the price stands between.
pub fn claim(grid: &Arc<Grid>, wish: &Wish, tried: &[OfferId]) -> Result<Claim, Refusal> {
    let mut cheapest_above = None;
    let serves = |ask: &Ask| skip(ask, wish, tried).is_none();
    for ask in grid.in_turn(wish.product, serves, || grid.take_turn()) {
        match skip(&ask, wish, tried) {
            None => {}
            Some(Skip::AboveMax) => {
                cheapest_above = cheapest_above.or(Some(ask.price));
                continue;
            }
            Some(
                Skip::OtherCarrier
                | Skip::Tried
                | Skip::Closed
                | Skip::OutOfStock
                | Skip::CannotPay,
            ) => continue,
        }
        match grid.claim(ask.offer, wish.limit.unwrap_or(ask.price)) {
            Ok(claim) => return Ok(claim),
            Err(ClaimRefusal::PriceMoved(price)) => {
                cheapest_above = cheapest_above.or(Some(price));
            }
            Err(
                ClaimRefusal::UnknownOffer
                | ClaimRefusal::Closed
                | ClaimRefusal::SoldOut
                | ClaimRefusal::Busy,
            ) => {}
        }
    }
    Err(match (cheapest_above, wish.limit) {
        (Some(price), Some(_)) => Refusal::PriceAboveMax { price },
        (Some(_) | None, _) => Refusal::NoNumbers { order: None },
    })
}

/// What a claim says to the engine.
#[must_use]
pub fn terms(claim: &Claim) -> Terms {
    Terms {
        offer: claim.offer(),
        provider: claim.provider(),
        price: claim.price(),
        cost: claim.cost(),
    }
}
