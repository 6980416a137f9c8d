//! What the passing of time does: expiry, numbers that have rested, retirement.

use std::collections::BTreeSet;

use super::activation::closed;
use super::money::Stands;
use super::{order, rest};
use crate::activation::{ActivationState, Input};
use crate::command::{Effect, Expire, Pulse};
use crate::event::{Closing, Event, MemoryEvent, OfferEvent, ProviderKind};
use crate::limits::{CLOSED_KEPT_MS, PULSE_MAX, REPLIES_KEPT_MS, REPLIES_WHOLE_MS, RETIRED_MAX};
use crate::order::{FailReason, Order};
use crate::policy::Policy;
use crate::reject::Reject;
use crate::state::{Quarantined, State};
use crate::time::Time;

/// Ends what is due and releases what has rested, at most [`PULSE_MAX`] of each; then, if
/// memory holds anything old enough, retires it, the oldest [`RETIRED_MAX`] first.
pub(super) fn pulse(
    state: &State,
    policy: &Policy,
    at: Time,
    &Pulse { archived, unasked }: &Pulse,
    events: &mut Vec<Event>,
) -> Result<u32, Reject> {
    let (mut changed, first) = (0, events.len());
    let due = state.deadlines.iter().take_while(|(deadline, _)| *deadline <= at);
    let is_unasked = |order: &Order| order.deadline < unasked && state.has_last_look(order);
    let due = due.filter(|(_, id)| !is_unasked(&state.orders[*id]));
    let mut held_back = BTreeSet::new();
    for (_, id) in due.take(PULSE_MAX) {
        let order = &state.orders[*id];
        let ended = expired(Stands { state, brought: &events[first..] }, order);
        events.extend(ended.into_iter().flatten());
        rest::after(state, policy, at, order, &mut held_back, events);
        changed += 1;
    }
    let rested = state.quarantine.iter().take_while(|resting| resting.until <= at);
    for &Quarantined { until, offer, number } in rested.take(PULSE_MAX) {
        let number = number.token;
        if !held_back.contains(&(offer, number)) {
            events.push(Event::Offer(OfferEvent::NumberReleased { offer, number, until }));
            changed += 1;
        }
    }
    let orders_before = Time(at.0.saturating_sub(CLOSED_KEPT_MS)).min(archived);
    let orders_before = state.closed.cut(orders_before, RETIRED_MAX, |(closed, _)| *closed);
    let replies_before = Time(at.0.saturating_sub(REPLIES_KEPT_MS));
    let replies_before = state.replies.cut(replies_before, RETIRED_MAX);
    let old_order = state.closed.first().is_some_and(|(closed, _)| *closed <= orders_before);
    if old_order || state.replies.due().into_iter().flatten().any(|due| due <= at) {
        let retired = state.closed.iter().take_while(|(closed, _)| *closed <= orders_before);
        for &(_, order) in retired.filter(|(_, id)| is_heard(state, &state.orders[*id])) {
            events.push(Event::Memory(MemoryEvent::MessagesRemembered { order }));
        }
        let short_before = Time(at.0.saturating_sub(REPLIES_WHOLE_MS));
        let short_before = state.replies.cut_whole(short_before, RETIRED_MAX);
        let retired = MemoryEvent::Retired { orders_before, replies_before, short_before };
        events.push(Event::Memory(retired));
        changed += 1;
    }
    Ok(changed)
}

/// True for an order of own stock that has messages.
fn is_heard(state: &State, order: &Order) -> bool {
    !order.messages.is_empty() && state.providers[order.provider].kind == ProviderKind::Own
}

/// Ends an activation whose time is over, after its provider was asked once more.
pub(super) fn expire(
    state: &State,
    policy: &Policy,
    at: Time,
    &Expire { order: id }: &Expire,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    order.state.after(Input::Expire)?;
    if order.state == ActivationState::Init {
        return Err(Reject::NoNumberYet);
    }
    if at < order.deadline {
        return Ok(Effect::Unchanged);
    }
    events.extend(expired(Stands::at_first(state), order).into_iter().flatten());
    rest::after(state, policy, at, order, &mut BTreeSet::new(), events);
    Ok(Effect::Done)
}

fn expired(stands: Stands<'_>, order: &Order) -> [Option<Event>; 3] {
    let closed = |closing| {
        let [closed, refund] = closed(order, closing);
        [closed, refund, None]
    };
    match order.state {
        ActivationState::Init => order::failure(stands, order, FailReason::InDoubt, None),
        ActivationState::Active => closed(Closing::TimedOut),
        ActivationState::Received => closed(Closing::Completed),
        ActivationState::Completed
        | ActivationState::Cancelled
        | ActivationState::TimedOut
        | ActivationState::Failed => unreachable!("a closed order has no deadline"),
    }
}
