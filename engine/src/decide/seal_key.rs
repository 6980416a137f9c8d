//! The keys that values are sealed under.

use crate::command::{DestroySealKey, Effect, MakeSealKey};
use crate::event::{Event, SealKeyEvent};
use crate::limits::SEAL_KEYS_MAX;
use crate::reject::Reject;
use crate::sealed::KeyOwner;
use crate::state::State;

/// An account or an order need not be there: its own name may be sealed under the key.
pub(super) fn make(
    state: &State,
    &MakeSealKey { handle, owner }: &MakeSealKey,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let keys = state.seal_keys();
    match keys.owner(handle) {
        Some(known) if known == owner => return Ok(Effect::Unchanged),
        Some(_) => return Err(Reject::OutOfOrder("a key's handle is given once")),
        None => {}
    }
    // Two keys of a day would have to be destroyed both; the loads of an offer end one by one.
    if !matches!(owner, KeyOwner::Load(_)) && keys.of(owner).next().is_some() {
        return Err(Reject::OutOfOrder("an owner's key is made when it has none"));
    }
    if keys.len() >= SEAL_KEYS_MAX {
        return Err(Reject::Exhausted("sealing keys"));
    }
    events.push(Event::SealKey(SealKeyEvent::KeyMade { handle, owner }));
    Ok(Effect::Done)
}

/// A key that does not live was destroyed before: its handle is not remembered.
pub(super) fn destroy(
    state: &State,
    &DestroySealKey { handle, why }: &DestroySealKey,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    if state.seal_keys().owner(handle).is_none() {
        return Ok(Effect::Unchanged);
    }
    events.push(Event::SealKey(SealKeyEvent::KeyDestroyed { handle, why }));
    Ok(Effect::Done)
}
