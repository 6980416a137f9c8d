//! Buying: which ask an order takes, phase 1, phase 2, and one effect an idempotency key.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{PlaceOrder, Placed};
use nexnum_engine::event::{Idempotency, Terms};
use nexnum_engine::grid::{Ask, Grid};
use nexnum_engine::ids::{AccountId, OfferId, OperatorId, OrderId, Product};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use nexnum_engine::reservation::{Claim, ClaimRefusal};
use parking_lot::Mutex;

use crate::app::App;
use crate::sequencer::SendError;
use crate::worker::buy;

/// How long a request waits for its number: providers answer within seconds or not at all,
/// and common clients give up after 30 s.
pub const NUMBER_WAIT: Duration = Duration::from_secs(25);
/// How often an order looks again when its claim was overtaken; each round means that
/// somebody else got a number.
const ROUNDS_MAX: usize = 8;

/// What a buyer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Country and service.
    pub product: Product,
    /// The operator, or `ANY`.
    pub operator: OperatorId,
    /// The most he pays; `None` takes the first quote and never pays more.
    pub limit: Option<Micros>,
}

/// Why an order was not placed, or found no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No ask within the wish has stock.
    NoNumbers {
        /// The order that was tried and refunded, where it came so far.
        order: Option<OrderId>,
    },
    /// There is stock, but only above the buyer's limit.
    PriceAboveMax {
        /// The cheapest price.
        price: Micros,
    },
    /// The engine refused.
    Rejected(Reject),
    /// The first request with this key is being decided.
    InFlight,
    /// Too much is waiting.
    Busy,
    /// The engine has stopped.
    Stopped,
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Busy => Self::Busy,
            SendError::Stopped => Self::Stopped,
        }
    }
}

/// Why an ask does not serve a wish now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Another operator.
    OtherOperator,
    /// Tried for this order already.
    Tried,
    /// The provider is closed.
    Closed,
    /// No unit left.
    OutOfStock,
    /// Above the buyer's limit.
    AboveMax,
}

/// Why an ask is passed over, or `None` if the order would claim it.
#[must_use]
pub fn skip(ask: &Ask, wish: &Wish, tried: &[OfferId]) -> Option<Skip> {
    if wish.operator != OperatorId::ANY && ask.operator != wish.operator {
        Some(Skip::OtherOperator)
    } else if tried.contains(&ask.offer) {
        Some(Skip::Tried)
    } else if !ask.open {
        Some(Skip::Closed)
    } else if ask.stock == 0 {
        Some(Skip::OutOfStock)
    } else if wish.limit.is_some_and(|limit| ask.price > limit) {
        Some(Skip::AboveMax)
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
    for ask in grid.asks(wish.product) {
        match skip(&ask, wish, tried) {
            None => {}
            Some(Skip::AboveMax) => {
                cheapest_above = cheapest_above.or(Some(ask.price));
                continue;
            }
            Some(Skip::OtherOperator | Skip::Tried | Skip::Closed | Skip::OutOfStock) => continue,
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

/// Keys whose first request is on its way to the engine. Bounded by the requests in work.
#[derive(Debug, Default)]
pub struct InFlight {
    keys: Mutex<BTreeSet<(AccountId, u128)>>,
}

impl InFlight {
    /// Enters a key; `None` while another request holds it.
    fn enter(&self, account: AccountId, key: u128) -> Option<Entered<'_>> {
        let entered = self.keys.lock().insert((account, key));
        entered.then(|| Entered { keys: &self.keys, key: (account, key) })
    }
}

/// A key in flight; leaving is dropping.
struct Entered<'a> {
    keys: &'a Mutex<BTreeSet<(AccountId, u128)>>,
    key: (AccountId, u128),
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.key);
    }
}

/// Places an order and waits for its number. The same idempotency key gives the same
/// order again, whatever became of it since; `true` says that it was placed before.
///
/// # Errors
/// The refusal; an order that was placed and found no number is refunded by then.
pub async fn place(
    app: &Arc<App>,
    account: AccountId,
    wish: Wish,
    idempotency: Option<Idempotency>,
) -> Result<(OrderId, bool), Refusal> {
    let (id, replayed) = match idempotency {
        None => place_once(app, account, wish, None).await?,
        Some(used) => match stored(app, account, used)? {
            Some(order) => (order, true),
            None => {
                let entered = app.in_flight.enter(account, used.key).ok_or(Refusal::InFlight)?;
                // The first request may have been decided between the look and the entry.
                let placed = match stored(app, account, used)? {
                    Some(order) => (order, true),
                    None => place_once(app, account, wish, idempotency).await?,
                };
                drop(entered);
                placed
            }
        },
    };
    let settled = |order: &Order| order.state != ActivationState::Init;
    app.read_model.await_order(id, NUMBER_WAIT, settled).await;
    Ok((id, replayed))
}

/// The order that the key stands for, if it was used before.
fn stored(app: &App, account: AccountId, used: Idempotency) -> Result<Option<OrderId>, Refusal> {
    match app.read_model.reply(account, used.key) {
        None => Ok(None),
        Some(reply) if reply.fingerprint == used.fingerprint => Ok(Some(reply.order)),
        Some(_) => Err(Refusal::Rejected(Reject::IdempotencyMismatch)),
    }
}

/// Claims and books, looking again while others are faster.
async fn place_once(
    app: &Arc<App>,
    account: AccountId,
    wish: Wish,
    idempotency: Option<Idempotency>,
) -> Result<(OrderId, bool), Refusal> {
    let mut tried = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let claim = claim(app.market.grid(), &wish, &tried)?;
        let offer = claim.offer();
        let order = PlaceOrder {
            account,
            product: wish.product,
            operator: wish.operator,
            limit: wish.limit.unwrap_or(claim.price()),
            terms: terms(&claim),
            timings: app.own.timings,
            idempotency,
        };
        match app.handle.ask_with(order, claim).await? {
            Ok(accepted) => match accepted.reply {
                Placed::Filled(id) | Placed::Waiting(id) => {
                    if let Some(claim) = accepted.claim {
                        buy::spawn(app, id, claim);
                    }
                    return Ok((id, false));
                }
                Placed::Replayed(id) => return Ok((id, true)),
            },
            Err(Reject::NoNumbers) => tried.push(offer),
            Err(reject) => return Err(Refusal::Rejected(reject)),
        }
    }
    Err(Refusal::NoNumbers { order: None })
}
