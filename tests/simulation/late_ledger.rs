//! The ledger as the simulation sees it: the real one, or one that acknowledges a batch
//! before it is written.

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::{
    Batch, Hash, Ledger, Position, RedbLedger, RowHeader, RowsRead, StorageError,
};

/// A batch that was answered and not yet written.
#[derive(Debug)]
struct Late {
    first: Seq,
    at: Time,
    count: u32,
    root: Hash,
    payload: Vec<u8>,
    expected: Position,
    end: Position,
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
        let Some(Late { first, at, count, root, payload, expected, .. }) = self.late.take() else {
            return Ok(());
        };
        let batch = Batch { first, at, count, root, payload: &payload };
        self.ledger.append(&batch, expected, self.epoch()).map(drop)
    }
}

impl Ledger for LateLedger {
    fn append(
        &mut self,
        batch: &Batch<'_>,
        expected: Position,
        epoch: u64,
    ) -> Result<Position, StorageError> {
        if !self.hasty {
            return self.ledger.append(batch, expected, epoch);
        }
        self.write_late()?;
        let header = RowHeader::of(batch, expected.hash, epoch);
        let end = Position { seq: header.last(), hash: header.hash() };
        let Batch { first, at, count, root, payload } = *batch;
        self.late = Some(Late { first, at, count, root, payload: payload.to_vec(), expected, end });
        Ok(end)
    }

    fn last(&self) -> Position {
        self.late.as_ref().map_or_else(|| self.ledger.last(), |late| late.end)
    }

    fn epoch(&self) -> u64 {
        self.ledger.epoch()
    }

    fn read(&self, from: Seq) -> Result<RowsRead, StorageError> {
        self.ledger.read(from)
    }
}
