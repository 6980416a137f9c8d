//! The trees of days, which receipts are made of.
//!
//! A day's tree grows with its rows; of the nodes in it those are kept that are over a whole
//! [`CHUNK_ROWS`](crate::day_tree::CHUNK_ROWS), so that a row's path takes the rows under one of
//! them. The trees of days that are over stay for as long as their rows.

use nexnum_engine::event::ClosedDay;
use nexnum_engine::ids::Seq;
use redb::{TableDefinition, WriteTransaction};

use super::summed::{sealed, unsealed};
use crate::day_tree::DayTree;
use crate::format::Hash;

pub(super) const DAYS: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("days");
/// By day, and place in it.
pub(super) const NODES: TableDefinition<'static, (u32, u32), &[u8]> =
    TableDefinition::new("day_nodes");
pub(super) const CLOSED: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("closed_days");

/// The tree of a day, as far as its rows were followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayRow {
    /// Where the first row begins that is under no kept node, if there is one.
    pub tail: Seq,
    /// The tree.
    pub tree: DayTree,
}

/// A node of a day's tree that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayNode {
    /// Where the first row under it begins.
    pub first: Seq,
    /// Its hash.
    pub hash: Hash,
}

impl DayRow {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.tail.0.to_le_bytes().to_vec();
        self.tree.put(&mut bytes);
        bytes
    }

    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let bytes = unsealed(value)?;
        let (tail, tree) = bytes.split_first_chunk::<8>()?;
        Some(Self { tail: Seq(u64::from_le_bytes(*tail)), tree: DayTree::take(tree)? })
    }
}

impl DayNode {
    fn to_bytes(self) -> Vec<u8> {
        [&self.first.0.to_le_bytes()[..], &self.hash.0].concat()
    }

    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let bytes = unsealed(value)?;
        let (first, hash) = bytes.split_first_chunk::<8>()?;
        let hash = Hash(hash.try_into().ok()?);
        Some(Self { first: Seq(u64::from_le_bytes(*first)), hash })
    }
}

fn closed_bytes(closed: &ClosedDay) -> Vec<u8> {
    [&closed.rows.to_le_bytes()[..], &closed.root].concat()
}

/// A day that was closed from what is in its table; `None` if it was altered.
pub(super) fn closed(day: u32, value: &[u8]) -> Option<ClosedDay> {
    let bytes = unsealed(value)?;
    let (rows, root) = bytes.split_first_chunk::<8>()?;
    Some(ClosedDay { day, root: root.try_into().ok()?, rows: u64::from_le_bytes(*rows) })
}

/// Rows to be written.
#[derive(Debug, Default)]
pub(super) struct DayRows {
    pub(super) days: Vec<(u32, DayRow)>,
    pub(super) nodes: Vec<((u32, u32), DayNode)>,
    pub(super) closed: Vec<ClosedDay>,
}

impl DayRows {
    pub(super) const fn len(&self) -> usize {
        self.days.len() + self.nodes.len() + self.closed.len()
    }

    pub(super) fn fill(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut days = transaction.open_table(DAYS)?;
        for (day, row) in &self.days {
            days.insert(day, sealed(&row.to_bytes()).as_slice())?;
        }
        let mut nodes = transaction.open_table(NODES)?;
        for (place, node) in &self.nodes {
            nodes.insert(place, sealed(&node.to_bytes()).as_slice())?;
        }
        let mut closed = transaction.open_table(CLOSED)?;
        for day in &self.closed {
            closed.insert(day.day, sealed(&closed_bytes(day)).as_slice())?;
        }
        Ok(())
    }
}
