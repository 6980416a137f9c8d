//! Callbacks: kept before they are processed, once by their key.

use crate::callback::CallbackOutcome;
use crate::command::{Effect, ReceiveCallback, SettleCallback};
use crate::event::{CallbackEvent, Event};
use crate::ids::CallbackId;
use crate::limits::{CALLBACK_LEN_MAX, CALLBACKS_WAITING_MAX, NAME_LEN_MAX};
use crate::reject::Reject;
use crate::state::State;

pub(super) fn receive(
    state: &State,
    received: &ReceiveCallback,
    events: &mut Vec<Event>,
) -> Result<CallbackId, Reject> {
    let ReceiveCallback { provider, key, content_type, body } = received;
    state.provider(*provider).ok_or(Reject::UnknownProvider)?;
    if content_type.len() > NAME_LEN_MAX {
        return Err(Reject::OutOfBounds("content_type"));
    }
    if body.len() > CALLBACK_LEN_MAX {
        return Err(Reject::OutOfBounds("body"));
    }
    if let Some(known) = state.callbacks.with_key(*key) {
        return Ok(known);
    }
    if state.callbacks.waiting_len() >= CALLBACKS_WAITING_MAX {
        return Err(Reject::Exhausted("callbacks"));
    }
    let callback = CallbackId(state.callbacks.last.0 + 1);
    events.push(Event::Callback(CallbackEvent::CallbackReceived {
        callback,
        provider: *provider,
        key: *key,
        content_type: content_type.clone(),
        body: body.clone(),
    }));
    Ok(callback)
}

pub(super) fn settle(
    state: &State,
    &SettleCallback { callback, outcome }: &SettleCallback,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    if callback.0 == 0 || callback > state.callbacks.last {
        return Err(Reject::UnknownCallback);
    }
    Ok(match processed(state, callback, outcome) {
        Some(event) => {
            events.push(event);
            Effect::Done
        }
        None => Effect::Unchanged,
    })
}

/// The event that a callback was processed; `None` if that is known, or it is not kept.
pub(super) fn processed(state: &State, id: CallbackId, outcome: CallbackOutcome) -> Option<Event> {
    let callback = state.callbacks.get(id)?;
    let dropped = match (outcome, callback.failure) {
        (CallbackOutcome::Failed(failure), Some(known)) if failure == known => return None,
        (CallbackOutcome::Failed(_), None) => state.callbacks.over(callback.body.len()),
        (CallbackOutcome::Failed(_), Some(_))
        | (CallbackOutcome::Accepted | CallbackOutcome::Duplicate, _) => 0,
    };
    Some(Event::Callback(CallbackEvent::CallbackProcessed { callback: id, outcome, dropped }))
}
