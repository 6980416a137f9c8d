//! The end of an activation that has its number, at a customer's or the system's word.

use std::collections::BTreeSet;

use super::check::owned;
use super::money::{self, Stands};
use super::rest;
use crate::activation::{ActivationState, Input};
use crate::command::{Caller, Cancel, Effect, Finish};
use crate::event::{Closing, Event, MoveReason, OrderEvent};
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
    events.extend(closed(order, Closing::Cancelled).into_iter().flatten());
    // The caller has cancelled it at its provider before.
    events.extend(money::take_back(Stands::at_first(state), order));
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
    events.extend(closed(order, Closing::Completed).into_iter().flatten());
    Ok(Effect::Done)
}

/// What ends an activation; what is still in escrow goes back.
pub(super) fn closed(order: &Order, closing: Closing) -> [Option<Event>; 2] {
    let why = match closing {
        Closing::TimedOut => MoveReason::TimedOut,
        Closing::Cancelled | Closing::Completed => MoveReason::Cancelled,
    };
    let refund = (order.status == OrderStatus::Escrow).then(|| money::refund(order, why));
    let closed = OrderEvent::ActivationClosed { order: order.reference(), closing };
    [Some(Event::Order(closed)), refund]
}
