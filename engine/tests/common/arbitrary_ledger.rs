//! Arbitrary commands for the ledger itself.

use nexnum_engine::command::{AcceptClock, BeginEpoch, Command, RecordClockStep};
use nexnum_engine::event::{CatalogVersion, ClockJump, Epoch};
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

use super::Rng;

pub(super) fn begin_epoch(epoch: u64) -> Command {
    let (node, program, catalog) = ("node".into(), "0".into(), CatalogVersion::default());
    Command::BeginEpoch(BeginEpoch { epoch: Epoch { epoch, node, program, rules: 1, catalog } })
}

/// A term, or a word about the clock.
pub(super) fn command(rng: &mut Rng, state: &State) -> Command {
    let jump = ClockJump { from: Time(rng.below(3)), to: Time(rng.below(3)) };
    match rng.below(4) {
        0 => Command::RecordClockStep(RecordClockStep { jump }),
        1 => Command::AcceptClock(AcceptClock { jump }),
        _ => begin_epoch(rng.below(3) + state.epoch().map_or(0, |it| it.epoch)),
    }
}
