//! Attempts whose outcome is unknown: their doubts become durable, and the reconciler gets them.
//!
//! Promises: the id of a purchase that came without a number is in the ledger together with the
//! doubt, so that a start asks for it by that. Leaves to others: how a doubt ends.

use std::sync::Arc;

use nexnum_engine::command::{DoubtOrder, Effect, NamePurchase};
use nexnum_engine::ids::OfferId;
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use nexnum_engine::reservation::Claim;

use super::Orders;
use super::doubt::{Doubt, Numberless, Window};
use super::misfit::{Misfit, SeenIn};
use crate::market::sequencer::SendError;

/// An attempt of which it is not known what it bought.
pub(crate) struct UnknownAttempt {
    pub(crate) claim: Option<Claim>,
    /// When it may have bought.
    pub(crate) window: Window,
    /// What it bought, where its answer said that and no number.
    pub(crate) numberless: Option<Numberless>,
}

/// Makes an attempt's doubt durable and hands it to the reconciler.
pub(crate) async fn doubt(
    orders: Arc<Orders>,
    order: Arc<Order>,
    UnknownAttempt { claim, window, mut numberless }: UnknownAttempt,
    tried: Vec<OfferId>,
) {
    let answer = record(&orders, &order, &mut numberless).await;
    let (doubts, since) = (&orders.doubts, orders.market.clock.now());
    match answer {
        Ok(Ok(_)) => {
            doubts.open(order.id, Doubt { claim, tried, since, window, absences: 0, numberless });
        }
        // The order has ended meanwhile; what was bought for it may still turn up.
        Ok(Err(_)) | Err(SendError::Busy) => {
            orders.give_up_purchase(&order, window, numberless.as_ref());
        }
        Err(SendError::Stopped) => {}
    }
}

async fn record(
    orders: &Orders,
    order: &Order,
    numberless: &mut Option<Numberless>,
) -> Result<Result<Effect, Reject>, SendError> {
    let (id, attempt) = (order.id, order.attempt);
    if let Some(Numberless { external_id, cost }) = numberless {
        let (external_id, cost) = (external_id.clone(), *cost);
        let named = NamePurchase { order: id, attempt, external_id, cost };
        match orders.market.send_until(&named, order.deadline).await {
            // That one is another order's: ours may have been made, under another id.
            Ok(Err(Reject::DuplicatePurchase(_))) => {
                *numberless = None;
                if let Some(connected) = orders.providers.bought_under(id, attempt) {
                    let misfit = (Misfit::OtherPurchase, SeenIn::Answer);
                    orders.report_misfit(&connected, id, misfit);
                }
            }
            // What does not fit the ledger is known until the process ends.
            Ok(Err(Reject::OutOfBounds(_))) => {}
            answer => return answer,
        }
    }
    let command = DoubtOrder { order: id, attempt };
    orders.market.send_until(&command, order.deadline).await
}
