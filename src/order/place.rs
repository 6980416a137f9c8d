//! Placing an order: phase 1, phase 2, and one effect an idempotency key.

use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{self, PlaceOrder};
use nexnum_engine::group::{Idempotency, Made, Origin};
use nexnum_engine::ids::{AccountId, OrderId};
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use nexnum_engine::replies::AskedKey;
use nexnum_engine::under_keys::UnderKeys;

use super::claim::{Claimed, Wish, claim, terms};
use super::notes::Notes;
use super::refusal::Refusal;
use super::{Orders, buy};
use crate::market::Refused;

/// How long a request waits for its number: providers answer within seconds or not at all,
/// and common clients give up after 30 s.
pub const NUMBER_WAIT: Duration = Duration::from_secs(25);
/// How often an order looks again when its claim was overtaken; each round means that
/// another order got a number.
const ROUNDS_MAX: usize = 8;

/// A request for an order.
#[derive(Clone, Debug)]
pub struct OrderRequest {
    /// What its buyer wants.
    pub wish: Wish,
    /// Its idempotency, where it has a key.
    pub idempotency: Option<UnderKeys<Idempotency>>,
    /// What its buyer notes.
    pub notes: Notes,
}

/// Of what is wanted alone.
impl From<Wish> for OrderRequest {
    fn from(wish: Wish) -> Self {
        Self { wish, idempotency: None, notes: Notes::default() }
    }
}

/// An order that was placed, now or by an earlier request with the same idempotency key.
#[derive(Clone, Debug)]
pub struct PlacedOrder {
    /// The order, as it stands.
    pub order: Arc<Order>,
    /// Whether an earlier request placed it.
    pub replayed: bool,
}

impl Orders {
    /// Places an order and waits for its number, at most [`NUMBER_WAIT`]. The same
    /// idempotency key gives the same order again, whatever became of it since.
    ///
    /// # Errors
    /// The refusal; an order that was placed and found no number within the wait is
    /// refunded by then.
    pub async fn place(
        self: &Arc<Self>,
        origin: &Origin,
        account: AccountId,
        request: OrderRequest,
    ) -> Result<PlacedOrder, Refusal> {
        // 1. The order that the key stands for, or a new one.
        let (id, replayed) = match &request.idempotency {
            None => self.place_once(origin, account, &request, None).await?,
            Some(used) => self.place_for_key(origin, account, used, &request).await?,
        };
        // 2. Its number, or its end.
        let settled = |order: &Order| order.state != ActivationState::Init;
        self.market.read_model.await_order(id, NUMBER_WAIT, settled).await;
        // 3. The order as it stands. One that failed while its first request waited is that
        // request's refusal; one that failed later was answered, and is again.
        let order = self.find(account, id).await?;
        if failed_at_once(&order) {
            return Err(Refusal::NoNumbers { order: Some(id) });
        }
        Ok(PlacedOrder { order, replayed })
    }

    /// As [`Orders::place_once`], unless the request's key was used before.
    async fn place_for_key(
        self: &Arc<Self>,
        origin: &Origin,
        account: AccountId,
        used: &UnderKeys<Idempotency>,
        request: &OrderRequest,
    ) -> Result<(OrderId, bool), Refusal> {
        let (key_uses, mut asked) = (&self.market.key_uses, AskedKey::from(used.clone()));
        if let Some(Made::Order(order)) = key_uses.find(account, &mut asked).await? {
            return Ok((order, true));
        }
        let _entered = self.in_flight.enter(account, used.current.key).ok_or(Refusal::InFlight)?;
        // The first request may have been decided between the look and the entry.
        match key_uses.find(account, &mut asked).await? {
            Some(Made::Order(order)) => Ok((order, true)),
            None => self.place_once(origin, account, request, Some(asked)).await,
        }
    }

    /// Claims and books, looking again while other orders are faster.
    async fn place_once(
        self: &Arc<Self>,
        origin: &Origin,
        account: AccountId,
        OrderRequest { wish, notes, .. }: &OrderRequest,
        idempotency: Option<AskedKey>,
    ) -> Result<(OrderId, bool), Refusal> {
        let notes = self.seal_notes(notes).await.map_err(Refused::from)?;
        let mut tried = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let claimed = claim(&self.market.grid, &self.providers, wish, &tried)?;
            let Claimed { claim, admission, routing } = claimed;
            let offer = claim.offer();
            let order = PlaceOrder {
                account,
                product: wish.product,
                variant: wish.variant,
                limit: wish.limit.unwrap_or(claim.price()),
                max_price: wish.limit,
                terms: terms(&claim),
                routing,
                timings: self.own.timings,
                idempotency: idempotency.clone(),
                notes: notes.clone(),
            };
            match self.market.handle.ask_with(origin, order, claim).await? {
                Ok(accepted) => match accepted.reply {
                    command::Placed::Filled(id) | command::Placed::Waiting(id) => {
                        if let Some(claim) = accepted.claim {
                            buy::spawn(self, id, Claimed { claim, admission, routing });
                        }
                        return Ok((id, false));
                    }
                    command::Placed::Replayed(id) => return Ok((id, true)),
                },
                Err(Reject::NoNumbers) => tried.push(offer),
                Err(reject) => return Err(Refusal::Rejected(reject)),
            }
        }
        Err(Refusal::NoNumbers { order: None })
    }
}

/// Whether the order failed while its first request waited.
fn failed_at_once(order: &Order) -> bool {
    let answered_by = order.placed_at.plus_ms(NUMBER_WAIT.as_millis() as u64);
    order.state == ActivationState::Failed && order.closed_at.is_some_and(|at| at <= answered_by)
}
