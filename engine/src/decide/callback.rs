//! Callbacks: kept before they are processed, once by their key.

use super::check::sealed_under_a_day;
use crate::callback::{CallbackFailure, CallbackOutcome};
use crate::command::{Effect, ReceiveCallback, SettleCallback};
use crate::event::{CallbackEvent, Event};
use crate::ids::CallbackId;
use crate::limits::{
    CALLBACK_LEN_MAX, CALLBACK_REFUSED_LEN_MAX, CALLBACKS_REFUSED_A_MINUTE, CALLBACKS_WAITING_MAX,
    NAME_LEN_MAX,
};
use crate::reject::Reject;
use crate::sealed::Purpose;
use crate::state::State;
use crate::time::Time;

/// Of how long refused callbacks are counted.
const MINUTE_MS: u64 = 60_000;

pub(super) fn receive(
    state: &State,
    at: Time,
    received: &ReceiveCallback,
    events: &mut Vec<Event>,
) -> Result<CallbackId, Reject> {
    let ReceiveCallback { provider, key, content_type, sealed, failure } = received;
    state.provider(*provider).ok_or(Reject::UnknownProvider)?;
    if content_type.len() > NAME_LEN_MAX {
        return Err(Reject::OutOfBounds("content_type"));
    }
    let refused = failure.is_some_and(CallbackFailure::is_refusal);
    let len_max = if refused { CALLBACK_REFUSED_LEN_MAX } else { CALLBACK_LEN_MAX };
    if !sealed.fits(Purpose::CallbackBody) || sealed.clear_len() > len_max {
        return Err(Reject::OutOfBounds("body"));
    }
    sealed_under_a_day(state, sealed)?;
    if let Some(known) = state.callbacks.with_key(*key) {
        return Ok(known);
    }
    let since = Time(at.0.saturating_sub(MINUTE_MS));
    let is_full = match failure {
        Some(_) if refused => state.callbacks.refused_since(since) >= CALLBACKS_REFUSED_A_MINUTE,
        // The oldest of those that failed make room.
        Some(_) => false,
        None => state.callbacks.waiting_len() >= CALLBACKS_WAITING_MAX,
    };
    if is_full {
        return Err(Reject::Exhausted("callbacks"));
    }
    let callback = CallbackId(state.callbacks.last.0 + 1);
    events.push(Event::Callback(CallbackEvent::CallbackReceived {
        callback,
        provider: *provider,
        key: *key,
        content_type: content_type.clone(),
        sealed: sealed.clone(),
    }));
    // In one batch with its arrival: it never waits for being processed.
    events.extend(failure.map(|failure| failed(state, callback, failure, sealed.clear_len())));
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
    match (outcome, callback.failure) {
        (CallbackOutcome::Failed(failure), Some(known)) if failure == known => None,
        (CallbackOutcome::Failed(failure), Some(known))
            if failure.is_refusal() == known.is_refusal() =>
        {
            Some(ended(id, outcome, 0))
        }
        (CallbackOutcome::Failed(failure), _) => {
            Some(failed(state, id, failure, callback.sealed.clear_len()))
        }
        // One that waits may be in the hands of its request.
        (CallbackOutcome::Discarded, None) => None,
        (CallbackOutcome::Discarded, Some(_))
        | (CallbackOutcome::Accepted | CallbackOutcome::Duplicate, _) => {
            Some(ended(id, outcome, 0))
        }
    }
}

/// That a callback could not be processed, or was refused: the oldest of its kind make room.
fn failed(state: &State, id: CallbackId, failure: CallbackFailure, body_len: usize) -> Event {
    let dropped = state.callbacks.over(failure, body_len);
    ended(id, CallbackOutcome::Failed(failure), dropped)
}

fn ended(callback: CallbackId, outcome: CallbackOutcome, dropped: u32) -> Event {
    Event::Callback(CallbackEvent::CallbackProcessed { callback, outcome, dropped })
}
