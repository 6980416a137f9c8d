//! An activation from its number to its end: messages, cancels, expiry.

use super::order;
use crate::activation::{ActivationState, Input};
use crate::command::{Actor, Incoming, Reply};
use crate::event::{Closing, Event, MemoryEvent, OfferEvent, OrderEvent, ProviderKind, Receipt};
use crate::ids::{MessageId, OrderId};
use crate::limits::{
    CLOSED_KEPT_MS, MESSAGES_MAX, NAME_LEN_MAX, PULSE_MAX, REPLIES_KEPT_MS, RETIRED_MAX,
    TEXT_LEN_MAX,
};
use crate::money::Micros;
use crate::order::{FailReason, Order, OrderStatus};
use crate::policy::Policy;
use crate::reject::Reject;
use crate::state::{Quarantined, State};
use crate::time::Time;

pub(super) fn ingest(
    state: &State,
    id: OrderId,
    message: &Incoming,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    if message.text.is_empty() && message.code.is_empty() || message.text.len() > TEXT_LEN_MAX {
        return Err(Reject::OutOfBounds("text"));
    }
    if message.sender.len() > NAME_LEN_MAX {
        return Err(Reject::OutOfBounds("sender"));
    }
    if message.code.len() > NAME_LEN_MAX {
        return Err(Reject::OutOfBounds("code"));
    }
    order.state.after(Input::Message)?;
    if is_known(state, order, message.digest) {
        return Err(Reject::DuplicateMessage);
    }
    if order.messages.len() >= MESSAGES_MAX {
        return Err(Reject::Exhausted("messages"));
    }
    let first = order.state == ActivationState::Active;
    events.push(Event::Order(OrderEvent::MessageReceived(Receipt {
        order: id,
        message: MessageId(state.counters.message.0 + 1),
        digest: message.digest,
        sender: message.sender.clone(),
        text: message.text.clone(),
        code: message.code.clone(),
        late: order.state.is_closed(),
        capture: first.then(|| order.sale()),
    })));
    Ok(Reply::Done)
}

/// True if the message came before: to this order, or to an earlier buyer of its number. A
/// number of own stock is sold again after a refund, and a repeated callback must not
/// deliver the last buyer's message to the next one.
fn is_known(state: &State, order: &Order, digest: u128) -> bool {
    let has = |order: &Order| order.messages.iter().any(|known| known.digest == digest);
    let Some(assignment) = &order.assignment else { return has(order) };
    has(order) || state.holders(order.provider, assignment.number).any(has)
}

/// The order if `actor` may change it: somebody else's does not exist.
fn owned(state: &State, id: OrderId, actor: Actor) -> Result<&Order, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    match actor {
        Actor::Account(account) if account != order.account => Err(Reject::UnknownOrder),
        Actor::Account(_) | Actor::System => Ok(order),
    }
}

pub(super) fn request_another(
    state: &State,
    id: OrderId,
    actor: Actor,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let order = owned(state, id, actor)?;
    order.state.after(Input::Another)?;
    if order.awaits_another {
        return Ok(Reply::Unchanged);
    }
    events.push(Event::Order(OrderEvent::AnotherRequested { order: id }));
    Ok(Reply::Done)
}

pub(super) fn cancel(
    state: &State,
    policy: &Policy,
    at: Time,
    id: OrderId,
    actor: Actor,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let order = owned(state, id, actor)?;
    if order.state == ActivationState::Cancelled {
        return Ok(Reply::Unchanged);
    }
    order.state.after(Input::Cancel)?;
    check_age(order, at, actor)?;
    events.push(closed(order, Closing::Cancelled));
    events.extend(quarantined(state, policy, at, order));
    Ok(Reply::Done)
}

/// Refuses a customer's cancel before the number's minimum age.
fn check_age(order: &Order, at: Time, actor: Actor) -> Result<(), Reject> {
    let assignment = order.assignment.as_ref().expect("an active activation has a number");
    match actor {
        Actor::Account(_) if at < assignment.cancel_from => {
            Err(Reject::TooEarlyToCancel { from: assignment.cancel_from })
        }
        Actor::Account(_) | Actor::System => Ok(()),
    }
}

pub(super) fn finish(
    state: &State,
    id: OrderId,
    actor: Actor,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let order = owned(state, id, actor)?;
    if order.state == ActivationState::Completed {
        return Ok(Reply::Unchanged);
    }
    order.state.after(Input::Finish)?;
    events.push(closed(order, Closing::Completed));
    Ok(Reply::Done)
}

/// The event that ends an activation; what is still in escrow goes back.
fn closed(order: &Order, closing: Closing) -> Event {
    let refund = match order.status {
        OrderStatus::Escrow => order.price,
        OrderStatus::Delivered | OrderStatus::Refunded => Micros::ZERO,
    };
    Event::Order(OrderEvent::ActivationClosed {
        order: order.id,
        account: order.account,
        closing,
        refund,
    })
}

/// The rest of the number of own stock that a refunded order gives back; follows the event
/// that ends the order.
fn quarantined(state: &State, policy: &Policy, at: Time, order: &Order) -> Option<Event> {
    let own = state.providers[order.provider].kind == ProviderKind::Own;
    let unused = own && order.status == OrderStatus::Escrow && policy.quarantine_ms > 0;
    let until = at.plus_ms(policy.quarantine_ms);
    unused.then_some(Event::Order(OrderEvent::NumberQuarantined { order: order.id, until }))
}

/// Ends what is due and releases what has rested, at most [`PULSE_MAX`] of each; then, if
/// memory holds anything old enough, retires it, the oldest [`RETIRED_MAX`] first.
pub(super) fn pulse(
    state: &State,
    policy: &Policy,
    at: Time,
    archived: Time,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let mut changed = 0;
    let due = state.deadlines.iter().take_while(|(deadline, _)| *deadline <= at);
    for (_, id) in due.take(PULSE_MAX) {
        let order = &state.orders[*id];
        events.push(expired(state, order));
        events.extend(quarantined(state, policy, at, order));
        changed += 1;
    }
    let rested = state.quarantine.iter().take_while(|resting| resting.until <= at);
    for &Quarantined { until, offer, number } in rested.take(PULSE_MAX) {
        events.push(Event::Offer(OfferEvent::NumberReleased { offer, number, until }));
        changed += 1;
    }
    let orders_before = Time(at.0.saturating_sub(CLOSED_KEPT_MS)).min(archived);
    let orders_before = state.closed.cut(orders_before, RETIRED_MAX, |(closed, _)| *closed);
    let replies_before = Time(at.0.saturating_sub(REPLIES_KEPT_MS));
    let replies_before = state.replies.cut(replies_before, RETIRED_MAX);
    let old_order = state.closed.first().is_some_and(|(closed, _)| *closed <= orders_before);
    let old_reply = state.replies.ages().next().is_some_and(|at| at <= replies_before);
    if old_order || old_reply {
        events.push(Event::Memory(MemoryEvent::Retired { orders_before, replies_before }));
        changed += 1;
    }
    Ok(Reply::Changed(changed))
}

fn expired(state: &State, order: &Order) -> Event {
    match order.state {
        ActivationState::Init => order::failure(state, order, FailReason::InDoubt),
        ActivationState::Active => closed(order, Closing::TimedOut),
        ActivationState::Received => closed(order, Closing::Completed),
        ActivationState::Completed
        | ActivationState::Cancelled
        | ActivationState::TimedOut
        | ActivationState::Failed => unreachable!("a closed order has no deadline"),
    }
}
