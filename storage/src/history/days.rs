//! Reading the trees of days.

use nexnum_engine::event::ClosedDay;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::day_rows::{CLOSED, DAYS, DayNode, DayRow, DayRows, NODES, closed};
use super::position_rows::PositionRows;
use super::{HistoryTables, PAGE_LEN_MAX};
use crate::backend::guarded;
use crate::error::StorageError;

impl HistoryTables {
    /// The tree of the last day that has rows.
    ///
    /// # Errors
    /// The failure, or damage.
    pub fn last_day(&self) -> Result<Option<(u32, DayRow)>, StorageError> {
        guarded(&self.database.place, || {
            let table = self.table(&self.database.begin_read()?, DAYS)?;
            let last = table.last().map_err(|e| self.failed(e))?;
            last.map(|(day, row)| self.day_of(day.value(), row.value())).transpose()
        })
    }

    /// The first day from `day` on that has rows, with its tree.
    ///
    /// # Errors
    /// The failure, or damage.
    pub fn day_from(&self, day: u32) -> Result<Option<(u32, DayRow)>, StorageError> {
        guarded(&self.database.place, || {
            let table = self.table(&self.database.begin_read()?, DAYS)?;
            let first = table.range(day..).map_err(|e| self.failed(e))?.next();
            let first = first.transpose().map_err(|e| self.failed(e))?;
            first.map(|(day, row)| self.day_of(day.value(), row.value())).transpose()
        })
    }

    /// The nodes of a day's tree that are kept, in their order.
    ///
    /// # Errors
    /// The failure, or damage.
    pub fn day_nodes(&self, day: u32) -> Result<Vec<DayNode>, StorageError> {
        guarded(&self.database.place, || {
            let table = self.table(&self.database.begin_read()?, NODES)?;
            let range = table.range((day, 0)..=(day, u32::MAX)).map_err(|e| self.failed(e))?;
            let mut nodes = Vec::new();
            for entry in range {
                let (key, value) = entry.map_err(|e| self.failed(e))?;
                nodes.push(self.node_of(key.value(), value.value())?);
            }
            Ok(nodes)
        })
    }

    /// Days that were closed, the newest first: those before `before`, or from the newest on, at most
    /// `limit` and [`PAGE_LEN_MAX`].
    ///
    /// # Errors
    /// The failure, or damage.
    pub fn closed_days(
        &self,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Vec<ClosedDay>, StorageError> {
        let Some(upper) = before.map_or(Some(u32::MAX), |day| day.checked_sub(1)) else {
            return Ok(Vec::new());
        };
        guarded(&self.database.place, || {
            let table = self.table(&self.database.begin_read()?, CLOSED)?;
            let range = table.range(..=upper).map_err(|e| self.failed(e))?;
            let mut days = Vec::new();
            for entry in range.rev().take(limit.min(PAGE_LEN_MAX)) {
                let (day, value) = entry.map_err(|e| self.failed(e))?;
                days.push(self.closed_of(day.value(), value.value())?);
            }
            Ok(days)
        })
    }

    /// Makes the tables that receipts are made of, in a new file.
    pub(super) fn create_receipts(transaction: &WriteTransaction) -> Result<(), redb::Error> {
        PositionRows::default().fill(transaction)?;
        DayRows::default().fill(transaction)
    }

    /// Every row of these tables against its sum.
    pub(super) fn check_days(&self, transaction: &ReadTransaction) -> Result<(), StorageError> {
        let failed = |e| self.failed(e);
        for entry in self.table(transaction, DAYS)?.iter().map_err(failed)? {
            let (day, row) = entry.map_err(failed)?;
            self.day_of(day.value(), row.value())?;
        }
        for entry in self.table(transaction, NODES)?.iter().map_err(failed)? {
            let (key, node) = entry.map_err(failed)?;
            self.node_of(key.value(), node.value())?;
        }
        for entry in self.table(transaction, CLOSED)?.iter().map_err(failed)? {
            let (day, closed) = entry.map_err(failed)?;
            self.closed_of(day.value(), closed.value())?;
        }
        Ok(())
    }

    fn day_of(&self, day: u32, value: &[u8]) -> Result<(u32, DayRow), StorageError> {
        let row = DayRow::read(value);
        let row = row.ok_or_else(|| self.damaged(format!("the tree of day {day} was altered")))?;
        Ok((day, row))
    }

    fn node_of(&self, (day, at): (u32, u32), value: &[u8]) -> Result<DayNode, StorageError> {
        let node = DayNode::read(value);
        node.ok_or_else(|| self.damaged(format!("node {at} of day {day} was altered")))
    }

    fn closed_of(&self, day: u32, value: &[u8]) -> Result<ClosedDay, StorageError> {
        let closed = closed(day, value);
        closed.ok_or_else(|| self.damaged(format!("the root of day {day} was altered")))
    }
}
