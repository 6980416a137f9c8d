//! The ledger as the simulation sees it: the real one, or one that acknowledges a batch
//! before it is written.

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::{Batch, Hash, Ledger, Position, RedbLedger, Rows, StorageError};

/// A batch that was answered and not yet written.
#[derive(Debug)]
struct Late {
    first: Seq,
    at: Time,
    count: u32,
    root: Hash,
    payload: Vec<u8>,
}

/// A ledger that writes late where a control asks for that (`hasty`).
#[derive(Debug)]
pub(crate) struct LateLedger {
    pub(crate) ledger: RedbLedger,
    hasty: bool,
    late: Option<Late>,
}

impl LateLedger {
    pub(crate) fn new(ledger: RedbLedger, hasty: bool) -> Self {
        Self { ledger, hasty, late: None }
    }

    /// Writes what is late, as at a clean stop.
    pub(crate) fn write_late(&mut self) -> Result<(), StorageError> {
        let Some(Late { first, at, count, root, payload }) = self.late.take() else {
            return Ok(());
        };
        let batch = Batch { first, at, count, root, payload: &payload };
        self.ledger.append(&batch, Seq(first.0 - 1)).map(drop)
    }
}

impl Ledger for LateLedger {
    fn append(&mut self, batch: &Batch<'_>, expected: Seq) -> Result<Seq, StorageError> {
        if !self.hasty {
            return self.ledger.append(batch, expected);
        }
        self.write_late()?;
        let Batch { first, at, count, root, payload } = *batch;
        self.late = Some(Late { first, at, count, root, payload: payload.to_vec() });
        Ok(self.last().seq)
    }

    fn last(&self) -> Position {
        match &self.late {
            None => self.ledger.last(),
            Some(late) => Position {
                seq: Seq(late.first.0 + u64::from(late.count) - 1),
                hash: Hash::default(),
            },
        }
    }

    fn read(&self, from: Seq) -> Result<Rows, StorageError> {
        self.ledger.read(from)
    }
}
