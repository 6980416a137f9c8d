//! The rows of where the events of each order stand.
//!
//! What places an order and what pays for it stand side by side, and orders are placed one after
//! the other. So a row tells of many orders that were placed, and another one of later events that
//! follow each other; a row an event was most of what history had to write.

use nexnum_engine::ids::{OrderId, Seq};
use redb::{TableDefinition, WriteTransaction};

use super::summed::{sealed, unsealed};

/// The first events of orders that were placed one after the other, by the first of them.
pub(super) const PLACED: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("placed");
/// Later events that follow each other, by order and the first position; the value is how many they
/// are, and the sum of all three.
pub(super) const POSITIONS: TableDefinition<'static, (u64, u64), (u32, u32)> =
    TableDefinition::new("positions");

/// More positions than an order has: two a message, and those of its attempts and its money.
pub const POSITIONS_MAX: usize = 2_000;

/// Orders in a row: some 1,300 bytes, a part of a page.
const PLACED_MAX: usize = 256;

/// Bytes of an order in such a row: where its first event stands, counted from that of the row's
/// first order, and how many follow each other there.
const ENTRY_LEN: usize = 5;

/// Positions of an order that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) order: OrderId,
    first: Seq,
    len: u32,
}

impl Run {
    /// One from what is in its table; `None` if it was altered.
    pub(super) fn read((order, first): (u64, u64), (len, sum): (u32, u32)) -> Option<Self> {
        let run = Self { order: OrderId(order), first: Seq(first), len };
        (run.sum() == sum).then_some(run)
    }

    pub(super) fn seqs(self) -> impl Iterator<Item = Seq> {
        (0..u64::from(self.len)).map(move |at| Seq(self.first.0 + at))
    }

    /// Takes up what comes next, if it follows.
    fn extend(&mut self, order: OrderId, seq: Seq) -> bool {
        let end = self.first.0 + u64::from(self.len);
        let follows = self.order == order && seq.0 == end && self.len < u8::MAX.into();
        self.len += u32::from(follows);
        follows
    }

    fn sum(self) -> u32 {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.order.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[16..].copy_from_slice(&self.len.to_le_bytes());
        crc32fast::hash(&bytes)
    }
}

/// The first events of orders that were placed one after the other.
#[derive(Debug)]
pub(super) struct Placed(pub(super) Vec<Run>);

impl Placed {
    /// Takes up an order that was placed, if it goes on from here.
    fn extend(&mut self, placed: Run) -> bool {
        let Run { order, first, .. } = self.first();
        let is_next = placed.order.0 == order.0 + self.0.len() as u64;
        let off = placed.first.0.checked_sub(first.0);
        let is_near = off.is_some_and(|off| u32::try_from(off).is_ok());
        let goes_on = is_next && is_near && self.0.len() < PLACED_MAX;
        if goes_on {
            self.0.push(placed);
        }
        goes_on
    }

    fn first(&self) -> Run {
        self.0[0]
    }

    fn to_bytes(&self) -> Vec<u8> {
        let Run { order, first, .. } = self.first();
        let mut bytes = Vec::with_capacity(16 + self.0.len() * ENTRY_LEN);
        bytes.extend(order.0.to_le_bytes());
        bytes.extend(first.0.to_le_bytes());
        for run in &self.0 {
            bytes.extend(((run.first.0 - first.0) as u32).to_le_bytes());
            bytes.push(run.len as u8);
        }
        sealed(&bytes)
    }

    /// Those from what is in their table; `None` if it was altered.
    pub(super) fn read(key: u64, value: &[u8]) -> Option<Self> {
        let (order, bytes) = unsealed(value)?.split_first_chunk::<8>()?;
        let (first, bytes) = bytes.split_first_chunk::<8>()?;
        let (entries, rest) = bytes.as_chunks::<ENTRY_LEN>();
        if u64::from_le_bytes(*order) != key || entries.is_empty() || !rest.is_empty() {
            return None;
        }
        let first = u64::from_le_bytes(*first);
        let runs = (key..).zip(entries).map(|(order, [a, b, c, d, len])| {
            let first = Seq(first + u64::from(u32::from_le_bytes([*a, *b, *c, *d])));
            Run { order: OrderId(order), first, len: (*len).into() }
        });
        Some(Self(runs.collect()))
    }
}

/// Rows to be written.
#[derive(Debug, Default)]
pub(super) struct PositionRows {
    placed: Vec<Placed>,
    later: Vec<Run>,
}

impl PositionRows {
    pub(super) const fn len(&self) -> usize {
        self.placed.len() + self.later.len()
    }

    /// Adds where an order was placed.
    pub(super) fn placed(&mut self, order: OrderId, seq: Seq) {
        let run = Run { order, first: seq, len: 1 };
        if !self.placed.last_mut().is_some_and(|row| row.extend(run)) {
            self.placed.push(Placed(vec![run]));
        }
    }

    /// Adds where another event of an order stands.
    pub(super) fn later(&mut self, order: OrderId, seq: Seq) {
        let placed = self.placed.last_mut().and_then(|row| row.0.last_mut());
        if placed.into_iter().chain(self.later.last_mut()).all(|run| !run.extend(order, seq)) {
            self.later.push(Run { order, first: seq, len: 1 });
        }
    }

    pub(super) fn fill(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut placed = transaction.open_table(PLACED)?;
        for row in &self.placed {
            placed.insert(row.first().order.0, row.to_bytes().as_slice())?;
        }
        let mut later = transaction.open_table(POSITIONS)?;
        for run in &self.later {
            later.insert((run.order.0, run.first.0), (run.len, run.sum()))?;
        }
        Ok(())
    }
}
