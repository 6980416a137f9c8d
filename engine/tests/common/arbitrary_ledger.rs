//! Arbitrary commands for the ledger itself.

use nexnum_engine::command::{AcceptClock, BeginEpoch, CloseDay, Command, RecordClockStep};
use nexnum_engine::event::{CatalogVersion, ClockJump, ClosedDay, Epoch};
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

use super::{Rng, START};

pub(super) fn begin_epoch(epoch: u64) -> Command {
    let (node, program, catalog) = ("node".into(), "0".into(), CatalogVersion::default());
    Command::BeginEpoch(BeginEpoch { epoch: Epoch { epoch, node, program, rules: 1, catalog } })
}

/// Closes a day: one that was closed, one that is over, or one that is not.
fn close_day(rng: &mut Rng, state: &State) -> Command {
    let last = state.closed_day().map_or(START.day() - 9, |last| last.day);
    let (day, rows) = (last + rng.below(3) as u32, rng.below(4));
    let closed = ClosedDay { day, root: [rng.below(256) as u8; 32], rows };
    Command::CloseDay(CloseDay { closed })
}

/// A term, a word about the clock, or the end of a day.
pub(super) fn command(rng: &mut Rng, state: &State) -> Command {
    let jump = ClockJump { from: Time(rng.below(3)), to: Time(rng.below(3)) };
    match rng.below(6) {
        0 => Command::RecordClockStep(RecordClockStep { jump }),
        1 => Command::AcceptClock(AcceptClock { jump }),
        2 | 3 => close_day(rng, state),
        _ => begin_epoch(rng.below(3) + state.epoch().map_or(0, |it| it.epoch)),
    }
}
