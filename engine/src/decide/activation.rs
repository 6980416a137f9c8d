//! The end of an activation that has its number, at a customer's or the system's word.

use std::collections::BTreeSet;

use super::check::owned;
use super::rest;
use crate::activation::{ActivationState, Input};
use crate::command::{Caller, Cancel, Effect, Finish};
use crate::event::{Closing, Event, OrderEvent};
use crate::money::Micros;
use crate::order::{Order, OrderStatus};
use crate::policy::Policy;
use crate::reject::Reject;
use crate::state::State;
use crate::time::Time;

pub(super) fn cancel(
    state: &State,
    policy: &Policy,
    at: Time,
    &Cancel { order: id, caller }: &Cancel,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let order = owned(state, id, caller)?;
    if order.state == ActivationState::Cancelled {
        return Ok(Effect::Unchanged);
    }
    order.state.after(Input::Cancel)?;
    check_age(order, at, caller)?;
    events.push(closed(order, Closing::Cancelled));
    rest::after(state, policy, at, order, &mut BTreeSet::new(), events);
    Ok(Effect::Done)
}

/// Refuses a customer's cancel before the number's minimum age.
fn check_age(order: &Order, at: Time, caller: Caller) -> Result<(), Reject> {
    let assignment = order.assignment.as_ref().expect("an active activation has a number");
    match caller {
        Caller::Account(_) if at < assignment.cancel_from => {
            Err(Reject::TooEarlyToCancel { from: assignment.cancel_from })
        }
        Caller::Account(_) | Caller::System => Ok(()),
    }
}

pub(super) fn finish(
    state: &State,
    &Finish { order: id, caller }: &Finish,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let order = owned(state, id, caller)?;
    if order.state == ActivationState::Completed {
        return Ok(Effect::Unchanged);
    }
    order.state.after(Input::Finish)?;
    events.push(closed(order, Closing::Completed));
    Ok(Effect::Done)
}

/// The event that ends an activation; what is still in escrow goes back.
pub(super) fn closed(order: &Order, closing: Closing) -> Event {
    let refund = match order.status {
        OrderStatus::Escrow => order.price,
        OrderStatus::Delivered | OrderStatus::Refunded => Micros::ZERO,
    };
    Event::Order(OrderEvent::ActivationClosed { order: order.reference(), closing, refund })
}
