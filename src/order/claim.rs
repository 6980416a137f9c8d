//! Phase 1: which ask an order takes, the claim on a unit of it, and its provider's room for
//! one more purchase.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::event::{Routing, SkipReason, SkippedAsk, SkippedAsks, Terms};
use nexnum_engine::grid::{Ask, Grid};
use nexnum_engine::ids::{OfferId, Product, ProviderId, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::pricing::{Margin, sell_price};
use nexnum_engine::reservation::{Claim, ClaimRefusal};

use super::refusal::Refusal;
use crate::provider::dispatch::{Admission, Limited};
use crate::provider::providers::Providers;

/// What a buyer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What is bought.
    pub product: Product,
    /// The variant, or `ANY`.
    pub variant: VariantId,
    /// The most that the customer pays; `None` takes the first ask's price as the limit.
    pub limit: Option<Micros>,
}

/// Why an ask does not serve a wish now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Another variant.
    OtherVariant,
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
    /// The provider has no room for one more purchase now, or asked for a pause.
    Busy,
}

/// A unit of an ask, and the room at its provider.
#[derive(Debug)]
pub struct Claimed {
    /// The unit.
    pub claim: Claim,
    /// The room; own stock needs none.
    pub(crate) admission: Option<Admission>,
    /// How the ask was chosen.
    pub(crate) routing: Routing,
}

impl Skip {
    /// As an attempt's start tells it.
    const fn reason(self) -> SkipReason {
        match self {
            Self::OtherVariant => SkipReason::OtherVariant,
            Self::Tried => SkipReason::Tried,
            Self::Closed => SkipReason::Closed,
            Self::OutOfStock => SkipReason::OutOfStock,
            Self::AboveMax => SkipReason::AboveLimit,
            Self::CannotPay => SkipReason::CannotPay,
            Self::Busy => SkipReason::Busy,
        }
    }
}

/// Why an ask is passed over, or `None` if the order would claim it.
#[must_use]
pub fn skip(ask: &Ask, wish: &Wish, tried: &[OfferId]) -> Option<Skip> {
    if wish.variant != VariantId::ANY && ask.variant != wish.variant {
        Some(Skip::OtherVariant)
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

/// Phase 1: claims a unit of the first ask that serves the wish and whose provider has room.
///
/// # Errors
/// [`Refusal::ProvidersBusy`] where only room is wanting or a pause to end, [`Refusal::PriceAboveMax`] where
/// only the price stands between, or [`Refusal::NoNumbers`].
pub fn claim(
    grid: &Arc<Grid>,
    providers: &Providers,
    wish: &Wish,
    tried: &[OfferId],
) -> Result<Claimed, Refusal> {
    let (mut cheapest_above, mut busy) = (None, None::<Duration>);
    let (mut skipped, turn) = (SkippedAsks::default(), Cell::new(None));
    // What is beyond the first few is not told.
    let mut pass = |ask: &Ask, reason: SkipReason| {
        skipped.push(SkippedAsk { offer: ask.offer, reason });
    };
    let take_turn = || {
        let taken = grid.take_turn();
        turn.set(Some(taken));
        taken
    };
    let serves = |ask: &Ask| skip(ask, wish, tried).is_none();
    for ask in grid.in_turn(wish.product, serves, take_turn) {
        match skip(&ask, wish, tried) {
            None => {}
            // Its room says for how long.
            Some(Skip::Closed) if pauses_alone(providers, &ask, wish, tried) => {}
            Some(why) => {
                if why == Skip::AboveMax {
                    cheapest_above = cheapest_above.or(Some(ask.price));
                }
                pass(&ask, why.reason());
                continue;
            }
        }
        let admission = match admit(providers, ask.provider) {
            Ok(admission) => admission,
            Err(Limited { retry_after }) => {
                busy = Some(busy.map_or(retry_after, |other| other.min(retry_after)));
                pass(&ask, SkipReason::Busy);
                continue;
            }
        };
        match grid.claim(ask.offer, wish.limit.unwrap_or(ask.price)) {
            Ok(claim) => {
                let connected = providers.get(ask.provider);
                let document = connected.as_ref().map(|connected| connected.document());
                let (price, cost) = (claim.price(), claim.cost());
                let made_it = |margin: &Margin| sell_price(cost, *margin) == Some(price);
                let margin = connected.map(|connected| connected.policy().margin).filter(made_it);
                let routing = Routing { document, turn: turn.get(), skipped, margin };
                return Ok(Claimed { claim, admission, routing });
            }
            Err(ClaimRefusal::PriceMoved(price)) => {
                cheapest_above = cheapest_above.or(Some(price));
                pass(&ask, SkipReason::PriceMoved);
            }
            Err(ClaimRefusal::Closed) => pass(&ask, SkipReason::Closed),
            Err(ClaimRefusal::UnknownOffer | ClaimRefusal::SoldOut) => {
                pass(&ask, SkipReason::OutOfStock)
            }
            Err(ClaimRefusal::Busy) => pass(&ask, SkipReason::Busy),
        }
    }
    if let Some(retry_after) = busy {
        return Err(Refusal::ProvidersBusy { retry_after });
    }
    Err(match (cheapest_above, wish.limit) {
        (Some(price), Some(_)) => Refusal::PriceAboveMax { price },
        (Some(_) | None, _) => Refusal::NoNumbers { order: None },
    })
}

/// Room for one more purchase; own stock needs none.
fn admit(providers: &Providers, provider: ProviderId) -> Result<Option<Admission>, Limited> {
    let connected = providers.get(provider);
    connected.map(|connected| connected.client().room().admit()).transpose()
}

/// True if a pause of its provider is all that keeps a closed ask from serving a wish; one that
/// is over keeps it no longer.
pub(super) fn pauses_alone(
    providers: &Providers,
    ask: &Ask,
    wish: &Wish,
    tried: &[OfferId],
) -> bool {
    let serves = skip(&Ask { open: true, ..*ask }, wish, tried).is_none();
    serves && providers.get(ask.provider).is_some_and(|connected| connected.pauses_alone())
}

/// Whether an ask's provider has room for one more purchase now.
pub(super) fn is_free(providers: &Providers, provider: ProviderId) -> bool {
    providers.get(provider).is_none_or(|connected| connected.client().room().is_free())
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
