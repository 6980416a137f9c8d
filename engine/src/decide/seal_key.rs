//! The keys that values are sealed under.

use std::collections::BTreeSet;

use super::check::counted;
use super::offer;
use crate::command::{DestroySealKey, Effect, EndLoadKey, MakeSealKey, Retoken};
use crate::event::{DestroyReason, Event, OrderToken, Renamed, SealKeyEvent};
use crate::ids::{OrderId, ProviderId, Token};
use crate::limits::SEAL_KEYS_MAX;
use crate::reject::Reject;
use crate::sealed::{KeyHandle, KeyOwner};
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
    let Some(owner) = state.seal_keys().owner(handle) else { return Ok(Effect::Unchanged) };
    if state.seal_keys().newest_lookup() == Some((owner, handle)) {
        return Err(Reject::OutOfOrder("the newest key of tokens is destroyed after the next"));
    }
    if let KeyOwner::Load(offer) = owner
        && state.loads.is_used(handle)
    {
        // What is lost cannot be kept: no buyer could be told the numbers.
        if why != DestroyReason::Lost {
            let rule = "a load's key is destroyed once none of its numbers is used";
            return Err(Reject::OutOfOrder(rule));
        }
        events.extend(offer::taken_back(state, (offer, handle)).map(Event::Offer));
    }
    events.push(Event::SealKey(SealKeyEvent::KeyDestroyed { handle, why }));
    Ok(Effect::Done)
}

/// Gives the key that ends, if one does.
pub(super) fn end_load(
    state: &State,
    &EndLoadKey { before }: &EndLoadKey,
    events: &mut Vec<Event>,
) -> Option<KeyHandle> {
    let handle = state.loads.over_before(before)?;
    let why = DestroyReason::Retention;
    events.push(Event::SealKey(SealKeyEvent::KeyDestroyed { handle, why }));
    Some(handle)
}

/// Those that the state does not know are left out, and those whose new token is another number's. These
/// count in the answer: their old token is known still.
pub(super) fn retoken(
    state: &State,
    Retoken { stock, orders }: &Retoken,
    events: &mut Vec<Event>,
) -> Result<u32, Reject> {
    counted(stock.len() + orders.len(), "tokens")?;
    let mut met: BTreeSet<Token> = BTreeSet::new();
    let own: Vec<ProviderId> = state.own_providers().collect();
    let mut known = 0;
    let moves = |&&Renamed { old, new }: &&Renamed| {
        let is_known = state.knows_token(&own, old);
        known += u32::from(is_known);
        is_known && !state.knows_token(&own, new) && met.insert(old) && met.insert(new)
    };
    let stock: Vec<Renamed> = stock.iter().filter(moves).copied().collect();
    let mut named: BTreeSet<OrderId> = BTreeSet::new();
    let is_old = |&&OrderToken { order, new }: &&OrderToken| {
        let number = state.order(order).and_then(|order| order.assignment.as_ref());
        let is_old = number.is_some_and(|it| it.stock().is_none() && it.token != new);
        is_old && named.insert(order)
    };
    let orders: Vec<OrderToken> = orders.iter().filter(is_old).copied().collect();
    let count = known + orders.len() as u32;
    if stock.len() + orders.len() > 0 {
        events.push(Event::SealKey(SealKeyEvent::Retokened { stock, orders }));
    }
    Ok(count)
}
