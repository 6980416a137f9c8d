//! What may be asked for the ledger itself.

use crate::event::{ClockJump, ClosedDay, Epoch, LedgerTerms};

/// Begins a ledger: before everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenLedger {
    /// What it is from then on.
    pub terms: LedgerTerms,
}

/// Begins a term of a writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeginEpoch {
    /// The term.
    pub epoch: Epoch,
}

/// Records that the machine's clock jumped, and that time did not follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordClockStep {
    /// How far.
    pub jump: ClockJump,
}

/// Accepts what the machine's clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptClock {
    /// How far the ledger's time is from it.
    pub jump: ClockJump,
}

/// Closes a day with the root of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseDay {
    /// The day and its root, computed by a reader of the ledger.
    pub closed: ClosedDay,
}
