//! An open activation that its provider does not know: whether it is gone.

use std::sync::Arc;

use nexnum_driver::Op;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use crate::order::Orders;
use crate::order::missing::{Judgement, LIST_PAUSE_MS, Witness};
use crate::provider::connected::{Connected, Failure};
use crate::provider::sightings::Shown;

/// Notes that the provider knows an activation.
pub(super) fn is_known(orders: &Orders, order: &Order) {
    let mut missing = orders.missing.lock();
    if let Some(missing) = missing.get_mut(&order.provider) {
        missing.forget(order.id);
    }
}

/// True if an activation that the provider does not know, once more, is believed to be gone.
pub(super) async fn is_gone(orders: &Orders, connected: &Connected, order: &Order) -> bool {
    // 1. One that has ended here may be unknown there.
    let Some(assignment) = &order.assignment else { return false };
    let now = orders.market.clock.now();
    let current = orders.market.read_model.order(order.id);
    if current.is_none_or(|order| order.state.is_closed()) {
        is_known(orders, order);
        return false;
    }
    // 2. The answer alone, with what the last list says.
    let count = || open_at(orders, order);
    orders.missing.lock().entry(order.provider).or_default().note(order.id, now, count);
    let seen = witness(connected, &assignment.external_id, order, now);
    let mut judgement = judge(orders, connected, order, seen);
    // 3. With a list of this moment, if one would tell.
    if judgement == Judgement::AskList {
        let asked = connected.list_active(&orders.market.clock, order.placed_at).await;
        if let Err(error) = asked {
            connected.note_error(orders.market.clock.now(), Op::ListActive, None, &error);
            return false;
        }
        let seen = witness(connected, &assignment.external_id, order, now);
        judgement = judge(orders, connected, order, seen);
    }
    judgement == Judgement::Gone
}

fn witness(connected: &Connected, external_id: &str, order: &Order, now: Time) -> Witness {
    if !connected.driver().supports(Op::ListActive) {
        return Witness::Unsupported;
    }
    let fresh = Time(now.0.saturating_sub(LIST_PAUSE_MS));
    match connected.shown(external_id, order.placed_at, fresh) {
        None => Witness::Unasked,
        Some(Shown::Open) => Witness::Open,
        Some(Shown::Absent) => Witness::Absent,
        Some(Shown::Cut) => Witness::Cut,
    }
}

fn judge(orders: &Orders, connected: &Connected, order: &Order, witness: Witness) -> Judgement {
    let now = orders.market.clock.now();
    let judgement = {
        let mut missing = orders.missing.lock();
        missing.entry(order.provider).or_default().judge(order.id, now, witness)
    };
    let provider = connected.name();
    match judgement {
        Judgement::Many { first: true } => {
            tracing::warn!(
                provider,
                "the provider does not know many open activations at once: nothing is concluded"
            );
            let text =
                "many open activations are unknown at once: none of them is ended".to_owned();
            connected.note_failure(Failure { at: now, op: Op::Status, order: None, text });
        }
        Judgement::Open => {
            let text = "unknown by its id, and in the list of open ones".to_owned();
            let (at, op, order) = (now, Op::Status, Some(order.id));
            connected.note_failure(Failure { at, op, order, text });
        }
        Judgement::Gone => {
            let order = order.id.0;
            tracing::warn!(provider, order, "the provider does not know an open activation");
        }
        Judgement::Wait | Judgement::AskList | Judgement::Many { first: false } => {}
    }
    judgement
}

/// How many open activations the provider of an order has.
fn open_at(orders: &Orders, order: &Order) -> usize {
    let read_model = &orders.market.read_model;
    let driven = read_model.driven().into_iter().filter_map(|id| read_model.order(id));
    let here = |other: &Arc<Order>| {
        other.provider == order.provider && other.state != ActivationState::Init
    };
    driven.filter(here).count()
}
