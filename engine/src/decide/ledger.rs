//! The ledger itself.

use super::check::bounded;
use crate::command::{BeginEpoch, Effect, OpenLedger};
use crate::event::{Event, LedgerEvent};
use crate::ids::Seq;
use crate::limits::NAME_LEN_MAX;
use crate::reject::Reject;
use crate::state::State;

pub(super) fn open(
    state: &State,
    &OpenLedger { terms }: &OpenLedger,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    if state.seq() != Seq(0) {
        return Err(Reject::OutOfOrder("a ledger is begun before everything else"));
    }
    if !terms.currency.iter().all(u8::is_ascii_uppercase) {
        return Err(Reject::OutOfBounds("currency"));
    }
    events.push(Event::Ledger(LedgerEvent::LedgerOpened(terms)));
    Ok(Effect::Done)
}

pub(super) fn begin_epoch(
    state: &State,
    BeginEpoch { epoch }: &BeginEpoch,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    if state.ledger().is_none() {
        return Err(Reject::OutOfOrder("a term begins in a ledger that was begun"));
    }
    if state.epoch().is_some_and(|last| last.epoch >= epoch.epoch) {
        return Err(Reject::OutOfOrder("a term follows those before it"));
    }
    bounded(&epoch.node, NAME_LEN_MAX, "node")?;
    bounded(&epoch.program, NAME_LEN_MAX, "program")?;
    events.push(Event::Ledger(LedgerEvent::EpochBegan(epoch.clone())));
    Ok(Effect::Done)
}
