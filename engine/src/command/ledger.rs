//! What may be asked for the ledger itself.

use crate::event::{Epoch, LedgerTerms};

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
