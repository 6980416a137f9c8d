//! The ledger itself.

use super::check::bounded;
use crate::command::{AcceptClock, BeginEpoch, CloseDay, Effect, OpenLedger, RecordClockStep};
use crate::event::{ClockJump, Event, LedgerEvent};
use crate::ids::Seq;
use crate::limits::NAME_LEN_MAX;
use crate::reject::Reject;
use crate::state::State;
use crate::time::Time;

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

pub(super) fn record_step(
    state: &State,
    &RecordClockStep { jump }: &RecordClockStep,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    check_jump(state, jump)?;
    events.push(Event::Ledger(LedgerEvent::ClockStepped(jump)));
    Ok(Effect::Done)
}

pub(super) fn accept_clock(
    state: &State,
    &AcceptClock { jump }: &AcceptClock,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    check_jump(state, jump)?;
    events.push(Event::Ledger(LedgerEvent::ClockAccepted(jump)));
    Ok(Effect::Done)
}

fn check_jump(state: &State, ClockJump { from, to }: ClockJump) -> Result<(), Reject> {
    if state.ledger().is_none() {
        return Err(Reject::OutOfOrder("the clock is recorded in a ledger that was begun"));
    }
    if from == to {
        return Err(Reject::OutOfBounds("to"));
    }
    Ok(())
}

/// Days are closed in their order, each once it is over; one without rows never is. Whether the root
/// is that of its rows the engine cannot tell: `verify` holds it against them.
pub(super) fn close_day(
    state: &State,
    at: Time,
    &CloseDay { closed }: &CloseDay,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    if state.ledger().is_none() {
        return Err(Reject::OutOfOrder("a day is closed in a ledger that was begun"));
    }
    if closed.rows == 0 {
        return Err(Reject::OutOfBounds("rows"));
    }
    if state.closed_day().is_some_and(|last| last.day >= closed.day) {
        return Err(Reject::OutOfOrder("a day is closed once, after the days before it"));
    }
    if at < closed.over_at() {
        return Err(Reject::OutOfOrder("a day is closed once it is over"));
    }
    events.push(Event::Ledger(LedgerEvent::DayClosed(closed)));
    Ok(Effect::Done)
}
