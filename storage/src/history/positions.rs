//! Reading where the events of an order stand.

use nexnum_engine::ids::{OrderId, Seq};
use redb::{ReadTransaction, ReadableTable};

use super::HistoryTables;
use super::position_rows::{PLACED, POSITIONS, POSITIONS_MAX, Placed, Run};
use crate::backend::guarded;
use crate::error::StorageError;

impl HistoryTables {
    /// Where the events of an order stand, in their order: at most [`POSITIONS_MAX`].
    ///
    /// # Errors
    /// The failure, or damage.
    pub fn positions_of(&self, order: OrderId) -> Result<Vec<Seq>, StorageError> {
        guarded(&self.database.place, || {
            let (transaction, mut positions) = (self.database.begin_read()?, Vec::new());
            let placed = self.table(&transaction, PLACED)?;
            let row = placed.range(..=order.0).map_err(|e| self.failed(e))?.next_back();
            if let Some((key, value)) = row.transpose().map_err(|e| self.failed(e))? {
                let runs = self.placed_in(key.value(), value.value())?.0;
                let run = runs.into_iter().find(|run| run.order == order);
                positions.extend(run.into_iter().flat_map(Run::seqs));
            }
            let later = self.table(&transaction, POSITIONS)?;
            let range = later.range((order.0, 0)..=(order.0, u64::MAX));
            for entry in range.map_err(|e| self.failed(e))?.take(POSITIONS_MAX) {
                let (key, value) = entry.map_err(|e| self.failed(e))?;
                positions.extend(self.run_in(key.value(), value.value())?.seqs());
            }
            positions.truncate(POSITIONS_MAX);
            Ok(positions)
        })
    }

    /// Every row of these tables against its sum.
    pub(super) fn check_positions(
        &self,
        transaction: &ReadTransaction,
    ) -> Result<(), StorageError> {
        let failed = |e| self.failed(e);
        for entry in self.table(transaction, PLACED)?.iter().map_err(failed)? {
            let (key, value) = entry.map_err(failed)?;
            self.placed_in(key.value(), value.value())?;
        }
        for entry in self.table(transaction, POSITIONS)?.iter().map_err(failed)? {
            let (key, value) = entry.map_err(failed)?;
            self.run_in(key.value(), value.value())?;
        }
        Ok(())
    }

    fn placed_in(&self, key: u64, value: &[u8]) -> Result<Placed, StorageError> {
        let altered =
            || self.damaged(format!("the positions of orders from {key} on were altered"));
        Placed::read(key, value).ok_or_else(altered)
    }

    fn run_in(&self, key: (u64, u64), value: (u32, u32)) -> Result<Run, StorageError> {
        let altered = || self.damaged(format!("a position of order {} was altered", key.0));
        Run::read(key, value).ok_or_else(altered)
    }
}
