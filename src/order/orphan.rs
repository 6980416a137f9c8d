//! Orphans: purchases at a provider that no order has. Their numbers are given back to the
//! provider, and the cost that was written off for them is booked back.

use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::Op;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Effect, RecoverLoss};
use nexnum_engine::ids::OrderId;
use nexnum_engine::limits::BUY_TIME_MS;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use super::Orders;
use crate::provider::connected::Connected;
use crate::provider::consequence;

/// Tries to give a number back: with the pauses, half an hour, after which it has run out.
const TRIES_MAX: u32 = 10;
/// Before the next try, times the number of tries so far.
const PAUSE_MS: u64 = 30_000;

/// For how long a reversal is brought to a full inbox: it drains in milliseconds.
const RECOVERY_MS: u64 = 60_000;

/// A purchase that no order has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orphan<'a> {
    /// The provider's id of it.
    pub(crate) external_id: &'a str,
    /// When the provider takes it back first.
    pub(crate) from: Time,
    /// The order and the attempt that it was bought for.
    pub(crate) bought_for: (OrderId, u8),
}

impl Orphan<'_> {
    /// Gives the number back in the background; once, however often it is seen.
    pub(crate) fn give_back(self, orders: &Arc<Orders>, connected: &Arc<Connected>) {
        let Self { external_id, from, bought_for: (order, attempt) } = self;
        let doubts = &orders.doubts;
        if !doubts.disown(connected.id(), external_id, orders.market.clock.now()) {
            return;
        }
        tracing::warn!(
            provider = connected.name(),
            external_id,
            "purchase without an order: giving the number back"
        );
        let (orders, connected) = (Arc::clone(orders), Arc::clone(connected));
        let (worker, external_id) = (Arc::clone(&orders), external_id.to_owned());
        orders.tasks.spawn(async move {
            let taken = cancel(&worker, &connected, &external_id, from).await;
            if taken && connected.driver().calls(Op::Cancel) {
                recover(&worker, order, attempt).await;
            }
        });
    }
}

/// Reverses what was written off for the purchase, if anything was.
async fn recover(orders: &Orders, order: OrderId, attempt: u8) {
    let command = RecoverLoss { order, attempt };
    // Before its order has ended nothing can have been written off.
    let patience = Duration::from_millis(BUY_TIME_MS);
    let ended = |order: &Order| order.state != ActivationState::Init;
    orders.market.read_model.await_order(order, patience, ended).await;
    let until = orders.market.clock.now().plus_ms(RECOVERY_MS);
    match orders.market.send_until(&command, until).await {
        Ok(Ok(Effect::Done)) => {
            tracing::info!(
                order = order.0,
                "write-off reversed: the provider took the number back"
            );
        }
        // Nothing was written off, or it was for another attempt, or so long ago that the
        // order has left memory: the loss stands.
        Ok(Ok(Effect::Unchanged) | Err(_)) | Err(_) => {}
    }
}

/// True once the provider has taken the number back.
async fn cancel(orders: &Orders, connected: &Connected, external_id: &str, from: Time) -> bool {
    let mut next = from;
    for tries in 1..=TRIES_MAX {
        let now = orders.market.clock.now();
        tokio::time::sleep(Duration::from_millis(next.ms_since(now))).await;
        let Err(error) = connected.client().cancel(external_id).await else { return true };
        let now = orders.market.clock.now();
        connected.note_error(now, Op::Cancel, None, &error);
        if consequence::of(error.kind).is_final {
            return false;
        }
        next = now.plus_ms(PAUSE_MS * u64::from(tries));
    }
    let provider = connected.name();
    tracing::error!(
        provider,
        external_id,
        tries = TRIES_MAX,
        "purchase without an order: the provider did not take the number back"
    );
    false
}
