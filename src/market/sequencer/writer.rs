//! A ledger in the hands of its one writer.

use nexnum_storage::{Ledger, Payload, Position, StorageError};

/// The ledger, and what its writer believes of it: where it ends, and in which epoch. A ledger that
/// is shared refuses a writer that is wrong.
#[derive(Debug)]
pub struct LedgerWriter<L> {
    /// The ledger.
    pub ledger: L,
    last: Position,
    epoch: u64,
}

impl<L: Ledger> LedgerWriter<L> {
    /// Writes on from where the ledger ends.
    #[must_use]
    pub fn new(ledger: L) -> Self {
        let (last, epoch) = (ledger.last(), ledger.epoch());
        Self { ledger, last, epoch }
    }

    /// Makes a batch durable.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn append(&mut self, payload: &Payload) -> Result<(), StorageError> {
        self.last = self.ledger.append(&payload.batch(), self.last, self.epoch)?;
        Ok(())
    }
}
