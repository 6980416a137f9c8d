//! A ledger in memory that several writers share: what the trait promises, without redb and
//! without a file. It refuses writers as a replicated one would, and loses answers when asked to.

use std::sync::Arc;

use nexnum_engine::ids::Seq;
use nexnum_storage::{
    Batch, Ledger, LedgerId, LedgerRow, Position, RowHeader, RowsRead, StorageError,
};
use parking_lot::Mutex;

const ID: LedgerId = LedgerId([1; 16]);

/// What its writers share.
#[derive(Debug, Default)]
struct Shared {
    /// Records that were dropped before the first row.
    before: Seq,
    rows: Vec<LedgerRow>,
    /// The epoch of the writer that began last.
    epoch: u64,
}

/// Whether an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// Each does.
    Come,
    /// The first of each batch is lost, after the batch was written; the append is repeated.
    ComeToTheSecond,
    /// None, after the batch was written.
    LostOnceDone,
    /// None, before the batch was written.
    LostBefore,
}

/// One writer's way to the ledger.
#[derive(Debug)]
pub(super) struct MemoryLedger {
    shared: Arc<Mutex<Shared>>,
    epoch: u64,
    last: Position,
    answers: Answers,
}

impl MemoryLedger {
    /// A new ledger's first writer.
    pub(super) fn new(answers: Answers) -> Self {
        Self::of(Arc::default(), answers)
    }

    /// The first writer of this program, of a ledger whose records up to `before` were dropped.
    pub(super) fn after(before: Seq, answers: Answers) -> Self {
        let shared = Shared { before, ..Shared::default() };
        Self::of(Arc::new(Mutex::new(shared)), answers)
    }

    /// The next writer, which fences this one.
    pub(super) fn next_writer(&self) -> Self {
        Self::of(Arc::clone(&self.shared), Answers::Come)
    }

    /// The same ledger, to be read.
    pub(super) fn watch(&self) -> Self {
        let (shared, answers) = (Arc::clone(&self.shared), self.answers);
        Self { shared, epoch: self.epoch, last: self.last, answers }
    }

    fn of(shared: Arc<Mutex<Shared>>, answers: Answers) -> Self {
        let (epoch, last) = {
            let mut shared = shared.lock();
            shared.epoch += 1;
            (shared.epoch, shared.end())
        };
        Self { shared, epoch, last, answers }
    }
}

impl Shared {
    fn end(&self) -> Position {
        let genesis = Position { seq: self.before, hash: ID.genesis() };
        self.rows.last().map_or(genesis, LedgerRow::position)
    }

    fn append(
        &mut self,
        batch: &Batch<'_>,
        expected: Position,
        epoch: u64,
    ) -> Result<Position, StorageError> {
        let row = LedgerRow::new(
            RowHeader::of(batch, expected.hash, epoch),
            Some(batch.payload.to_vec()),
        );
        let (end, last) = (row.position(), self.end());
        if end == last {
            return Ok(end);
        }
        if (expected, epoch) != (last, self.epoch) {
            let (current, expected, last) = (self.epoch, expected.seq, last.seq);
            return Err(StorageError::Fenced { epoch, current, expected, last });
        }
        self.rows.push(row);
        Ok(end)
    }
}

impl Ledger for MemoryLedger {
    fn append(
        &mut self,
        batch: &Batch<'_>,
        expected: Position,
        epoch: u64,
    ) -> Result<Position, StorageError> {
        let mut shared = self.shared.lock();
        let mut sent = || shared.append(batch, expected, epoch);
        let lost = match self.answers {
            Answers::Come => false,
            Answers::ComeToTheSecond => {
                sent()?;
                false
            }
            Answers::LostOnceDone => sent().is_ok(),
            Answers::LostBefore => true,
        };
        if lost {
            let id = RowHeader::of(batch, expected.hash, epoch).hash().to_string();
            let first = batch.first;
            let source = Box::new(StorageError::Poisoned { place: "memory".into() });
            return Err(StorageError::Ambiguous { first, id, source });
        }
        self.last = sent()?;
        Ok(self.last)
    }

    fn last(&self) -> Position {
        self.last
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn read(&self, from: Seq) -> Result<RowsRead, StorageError> {
        let rows = self.shared.lock().rows.clone();
        Ok(Box::new(rows.into_iter().filter(move |row| row.header.last() >= from).map(Ok)))
    }
}
