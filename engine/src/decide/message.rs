//! Messages of an activation: those that come in, and the wish for another.

use super::check::{owned, sealed_under_a_day};
use super::money::Stands;
use super::upstream::charged_in_vain;
use super::{callback, money};
use crate::activation::{ActivationState, Input, Message};
use crate::callback::CallbackOutcome;
use crate::command::{
    CompleteMessage, Effect, Incoming, IngestMessage, RequestAnother, ShowMessages,
};
use crate::event::{Completion, Event, MoveReason, OrderEvent, Receipt};
use crate::ids::{CallbackId, MessageId};
use crate::limits::MESSAGES_MAX;
use crate::order::{Order, OrderStatus};
use crate::reject::Reject;
use crate::sealed::Purpose;
use crate::state::State;
use crate::under_keys::UnderKeys;

pub(super) fn ingest(
    state: &State,
    IngestMessage { order: id, message, arrival, callback }: &IngestMessage,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let id = *id;
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    check_said(state, message)?;
    order.state.after(Input::Message)?;
    if is_known(state, order, &message.digest) {
        return Err(Reject::DuplicateMessage);
    }
    if order.messages.len() >= MESSAGES_MAX {
        return Err(Reject::Exhausted("messages"));
    }
    let first = order.state == ActivationState::Active;
    events.push(Event::Order(OrderEvent::MessageReceived(Receipt {
        order: order.reference(),
        message: MessageId(state.counters.message.0 + 1),
        digest: message.digest.current,
        said: message.said.clone(),
        late: order.state.is_closed(),
        delivers: first,
        arrival: *arrival,
    })));
    events.extend(first.then(|| money::capture(order)));
    if order.status == OrderStatus::Refunded {
        let stands = Stands::at_first(state);
        events.extend(charged_in_vain(stands, order, MoveReason::LateMessage));
    }
    let processed = |id: &CallbackId| callback::processed(state, *id, CallbackOutcome::Accepted);
    events.extend(callback.as_ref().and_then(processed));
    Ok(Effect::Done)
}

fn check_said(state: &State, Incoming { digest: _, said }: &Incoming) -> Result<(), Reject> {
    if !said.has.says_something() || !said.sealed.fits(Purpose::Message) {
        return Err(Reject::OutOfBounds("message"));
    }
    sealed_under_a_day(state, &said.sealed)
}

/// What a message lacks is filled in while its order is open; what it says stays.
pub(super) fn complete(
    state: &State,
    CompleteMessage { order: id, message }: &CompleteMessage,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let order = state.order(*id).ok_or(Reject::UnknownOrder)?;
    check_said(state, message)?;
    let known = order.messages.iter().find(|known| message.digest.contains(&known.digest));
    let lacks = |known: &&Message| known.has().or(message.said.has) != known.has();
    let Some(known) = known.filter(lacks).filter(|_| !order.state.is_closed()) else {
        return Ok(Effect::Unchanged);
    };
    let (order, said) = (order.reference(), message.said.clone());
    let completion = Completion { order, message: known.id, said };
    events.push(Event::Order(OrderEvent::MessageCompleted(completion)));
    Ok(Effect::Done)
}

/// Records what the buyer has not been shown before. What is kept from the buyer is not shown.
pub(super) fn show(
    state: &State,
    &ShowMessages { order: id, up_to, by, key }: &ShowMessages,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let named = state.order(id).ok_or(Reject::UnknownOrder)?;
    let unseen = named.shown().filter(|message| message.id <= up_to && !message.shown);
    let order = named.reference();
    let before = events.len();
    events.extend(unseen.map(|message| {
        Event::Order(OrderEvent::MessageShown { order, message: message.id, by, key })
    }));
    Ok(if events.len() > before { Effect::Done } else { Effect::Unchanged })
}

/// True if the message came before: to this order, or to an earlier buyer of its number. A
/// number of own stock is sold again after a refund or a new load, and a repeated callback
/// must not deliver the last buyer's message to the next one.
fn is_known(state: &State, order: &Order, digests: &UnderKeys<u128>) -> bool {
    let number = order.assignment.as_ref().map(|assignment| assignment.token);
    digests.iter().any(|digest| {
        let number_has = |number| state.has_seen(order.provider, number, *digest);
        order.has_message(*digest) || number.is_some_and(number_has)
    })
}

pub(super) fn request_another(
    state: &State,
    &RequestAnother { order: id, caller }: &RequestAnother,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let order = owned(state, id, caller)?;
    order.state.after(Input::Another)?;
    if order.awaits_another {
        return Ok(Effect::Unchanged);
    }
    events.push(Event::Order(OrderEvent::AnotherRequested { order: order.reference() }));
    Ok(Effect::Done)
}
