//! Attempts whose outcome is unknown: their doubts become durable, and the reconciler gets them.
//! An attempt whose task panicked is one of them.
//!
//! Promises: the id of a purchase that came without a number is in the ledger together with the
//! doubt, so that a start asks for it by that. Leaves to others: how a doubt ends.

use std::sync::Arc;

use nexnum_engine::command::{DoubtOrder, Effect, NamePurchase};
use nexnum_engine::event::{AttemptEnd, AttemptError};
use nexnum_engine::ids::{OfferId, OrderId};
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use nexnum_engine::reservation::Claim;
use nexnum_engine::time::Time;

use super::Orders;
use super::attempt_end;
use super::doubt::{Doubt, Numberless, Window, bookable};
use super::misfit::{Misfit, SeenIn};
use crate::market::sequencer::SendError;
use crate::provider::buying::{BuyOutcome, PurchaseMade};

/// An attempt of which it is not known what it bought.
pub(crate) struct UnknownAttempt {
    pub(crate) claim: Option<Claim>,
    /// When it may have bought.
    pub(crate) window: Window,
    /// What it bought, where its answer said that and no number.
    pub(crate) numberless: Option<Numberless>,
    /// Why that is unknown.
    pub(crate) ended: Option<AttemptEnd>,
}

/// What is known of an attempt's call while it may have bought, should its task panic.
#[derive(Debug, Default)]
pub(crate) struct LastCall {
    /// When it began.
    pub(crate) began: Option<Time>,
    /// What it bought, where it was answered so.
    pub(crate) answer: Option<Numberless>,
}

impl LastCall {
    /// Keeps by which id the purchase is known.
    pub(crate) fn note(&mut self, outcome: &BuyOutcome) {
        if let BuyOutcome::Assigned(PurchaseMade { bought, .. }) = outcome {
            let (external_id, cost) = (bought.external_id.as_str().into(), bookable(bought.cost));
            self.answer = Some(Numberless { external_id, cost });
        }
    }
}

/// Takes up an order whose task panicked, as a start would: it is in doubt, unless it has its
/// number. A purchase that was answered is looked for by its id.
pub(crate) async fn doubt_after_panic(
    orders: &Arc<Orders>,
    id: OrderId,
    (last, ended): (LastCall, Option<AttemptEnd>),
    tried: Vec<OfferId>,
) {
    let order = orders.market.read_model.order(id);
    let Some(order) = order.filter(|order| order.assignment.is_none()) else { return };
    let now = orders.market.clock.now();
    let (began, window) = match last.began {
        Some(began) => (began, Window::of_unanswered(began, now)),
        None if order.state.is_closed() => return,
        // Nothing was bought: once lists have borne it out, the order goes on to the next ask.
        None => (now, Window::of_answered(now, now)),
    };
    // An id that was there before the call is that of an old answer, and not ours.
    let connected = orders.providers.bought_under(id, order.attempt);
    let is_new =
        |known: &Numberless| connected.is_some_and(|it| !it.showed(&known.external_id, began));
    let numberless = last.answer.filter(is_new);
    tracing::warn!(order = id.0, "the task of a purchase panicked: it is in doubt");
    // Of a call that was under way no end is known but this one.
    let ended = ended.filter(|_| last.began.is_none());
    let ended = ended.or(Some(attempt_end::of(AttemptError::Failed)));
    let unknown = UnknownAttempt { claim: None, window, numberless, ended };
    doubt(Arc::clone(orders), order, unknown, tried).await;
}

/// Makes an attempt's doubt durable and hands it to the reconciler.
pub(crate) async fn doubt(
    orders: Arc<Orders>,
    order: Arc<Order>,
    UnknownAttempt { claim, window, mut numberless, ended }: UnknownAttempt,
    tried: Vec<OfferId>,
) {
    let answer = record(&orders, &order, &mut numberless, ended).await;
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
    ended: Option<AttemptEnd>,
) -> Result<Result<Effect, Reject>, SendError> {
    let (id, attempt) = (order.id, order.attempt);
    if let Some(Numberless { external_id, cost }) = numberless {
        let (external_id, cost) = (external_id.clone(), *cost);
        let ended = ended.clone();
        let named = NamePurchase { ended, order: id, attempt, external_id, cost };
        match orders.record(order, &named, order.deadline).await {
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
    let command = DoubtOrder { order: id, attempt, ended };
    orders.record(order, &command, order.deadline).await
}
