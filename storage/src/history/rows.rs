//! The tables of history and the batches that are written into them.
//!
//! Promises: a row carries its sum, since a plain open of the database trusts the pages that
//! it finds.

use nexnum_engine::event::ClosedDay;
use nexnum_engine::ids::{
    AccountId, CountryId, OrderId, OrderNumber, Product, ProviderId, Seq, ServiceId, TransactionId,
};
use nexnum_engine::time::Time;
use redb::{TableDefinition, WriteTransaction};

use super::day_rows::{DayNode, DayRow, DayRows};
use super::position_rows::PositionRows;
use super::summed::{sealed, unsealed};

pub(super) const ORDERS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("orders");
/// The id of each order by its account and its number there.
pub(super) const ACCOUNT_ORDERS: TableDefinition<'static, (u32, u64), u64> =
    TableDefinition::new("account_orders");
pub(super) const TRANSACTIONS: TableDefinition<'static, (u32, u64), &[u8]> =
    TableDefinition::new("transactions");
/// By provider, country and service. A file of an earlier version begins it with its next row.
pub(super) const TALLIES: TableDefinition<'static, (u16, u16, u16), &[u8]> =
    TableDefinition::new("tallies");
/// When each open order got its number. It begins as [`TALLIES`] does.
pub(super) const ASSIGNED: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("assigned");
pub(super) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
pub(super) const META_CURSOR: &str = "cursor";

/// Whose numbers a tally counts, and of what product.
pub type TallyKey = (ProviderId, Product);

/// How a provider's numbers of a product have done; what each figure means is the writer's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TallyRow {
    /// Numbers given.
    pub given: u64,
    /// Codes delivered.
    pub delivered: u64,
    /// How long the codes took together.
    pub waited: u64,
    /// The day of which the figures are.
    pub day: u32,
}

/// Bytes of a tally's row.
const TALLY_LEN: usize = 28;

impl TallyRow {
    /// Each figure's bytes, the lowest first.
    fn to_bytes(self) -> [u8; TALLY_LEN] {
        let mut bytes = [0; TALLY_LEN];
        for (at, figure) in [self.given, self.delivered, self.waited].into_iter().enumerate() {
            bytes[8 * at..][..8].copy_from_slice(&figure.to_le_bytes());
        }
        bytes[24..].copy_from_slice(&self.day.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; TALLY_LEN] = bytes.try_into().ok()?;
        let (figures, day) = bytes.split_last_chunk::<4>()?;
        let [given, delivered, waited] = figures.as_chunks::<8>().0 else { return None };
        let [given, delivered, waited] = [given, delivered, waited].map(|f| u64::from_le_bytes(*f));
        Some(Self { given, delivered, waited, day: u32::from_le_bytes(*day) })
    }
}

/// A tally from what is in its table; `None` if it was altered.
pub(super) fn tally(key: (u16, u16, u16), value: &[u8]) -> Option<(TallyKey, TallyRow)> {
    let (provider, country, service) = key;
    let product = Product::activation(CountryId(country), ServiceId(service));
    let row = TallyRow::from_bytes(unsealed(value)?)?;
    Some(((ProviderId(provider), product), row))
}

/// A moment from what is in its table; `None` if it was altered.
pub(super) fn moment(value: &[u8]) -> Option<Time> {
    Some(Time(u64::from_le_bytes(unsealed(value)?.try_into().ok()?)))
}

/// Rows to be written, and the sequence number up to which they speak.
#[derive(Debug)]
pub struct HistoryBatch {
    pub(super) cursor: Seq,
    orders: Vec<((AccountId, OrderNumber), OrderId, Vec<u8>)>,
    transactions: Vec<(AccountId, TransactionId, Vec<u8>)>,
    tallies: Vec<(TallyKey, Option<TallyRow>)>,
    assigned: Vec<(OrderId, Option<Time>)>,
    positions: PositionRows,
    days: DayRows,
}

impl HistoryBatch {
    /// A batch without rows, which moves the cursor to `cursor`.
    #[must_use]
    pub fn new(cursor: Seq) -> Self {
        Self {
            cursor,
            orders: Vec::new(),
            transactions: Vec::new(),
            tallies: Vec::new(),
            assigned: Vec::new(),
            positions: PositionRows::default(),
            days: DayRows::default(),
        }
    }

    /// Adds the row of an order, which is one of an account's by its number, in place of the row
    /// that is there.
    pub fn order(&mut self, of: (AccountId, OrderNumber), order: OrderId, row: &[u8]) {
        self.orders.push((of, order, sealed(row)));
    }

    /// Adds the row of a transaction, in place of the one that is there.
    pub fn transaction(&mut self, account: AccountId, transaction: TransactionId, row: &[u8]) {
        self.transactions.push((account, transaction, sealed(row)));
    }

    /// Adds a tally, in place of the one that is there; `None` takes it away.
    pub fn tally(&mut self, key: TallyKey, row: Option<TallyRow>) {
        self.tallies.push((key, row));
    }

    /// Adds when an order got its number; `None` takes it away.
    pub fn assigned(&mut self, order: OrderId, at: Option<Time>) {
        self.assigned.push((order, at));
    }

    /// Adds where an order was placed.
    pub fn placed(&mut self, order: OrderId, seq: Seq) {
        self.positions.placed(order, seq);
    }

    /// Adds where a later event of an order stands.
    pub fn position(&mut self, order: OrderId, seq: Seq) {
        self.positions.later(order, seq);
    }

    /// Adds a day's tree, in place of the one that is there.
    pub fn day(&mut self, day: u32, row: DayRow) {
        self.days.days.push((day, row));
    }

    /// Adds a node of a day's tree; `at` counts those of its day from 0.
    pub fn day_node(&mut self, day: u32, at: u32, node: DayNode) {
        self.days.nodes.push(((day, at), node));
    }

    /// Adds a day that was closed.
    pub fn closed_day(&mut self, closed: ClosedDay) {
        self.days.closed.push(closed);
    }

    /// How many rows were added.
    #[must_use]
    pub fn len(&self) -> usize {
        let tallies = self.tallies.len() + self.assigned.len();
        let of_orders = self.orders.len() + self.transactions.len() + self.positions.len();
        of_orders + tallies + self.days.len()
    }

    /// Whether no row was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the rows and the cursor.
    pub(super) fn fill(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        {
            let mut orders = transaction.open_table(ORDERS)?;
            let mut by_account = transaction.open_table(ACCOUNT_ORDERS)?;
            for ((account, number), order, row) in &self.orders {
                orders.insert(order.0, row.as_slice())?;
                by_account.insert((account.0, number.0), order.0)?;
            }
        }
        {
            let mut transactions = transaction.open_table(TRANSACTIONS)?;
            for (account, id, row) in &self.transactions {
                transactions.insert((account.0, id.0), row.as_slice())?;
            }
        }
        self.fill_tallies(transaction)?;
        self.positions.fill(transaction)?;
        self.days.fill(transaction)?;
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_CURSOR, &self.cursor.0.to_le_bytes()[..])?;
        Ok(())
    }

    fn fill_tallies(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut tallies = transaction.open_table(TALLIES)?;
        for ((provider, product), row) in &self.tallies {
            let key = (provider.0, product.country.0, product.service.0);
            match row {
                Some(row) => drop(tallies.insert(key, sealed(&row.to_bytes()).as_slice())?),
                None => drop(tallies.remove(key)?),
            }
        }
        let mut assigned = transaction.open_table(ASSIGNED)?;
        for (order, at) in &self.assigned {
            match at {
                Some(at) => {
                    assigned.insert(order.0, sealed(&at.0.to_le_bytes()).as_slice())?;
                }
                None => drop(assigned.remove(order.0)?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_keeps_its_bytes_and_one_that_was_altered_is_none() {
        let row = TallyRow { given: 0x0102, delivered: 3, waited: u64::MAX, day: 0x0004_0005 };
        let expected =
            [&[2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0][..], &[255; 8], &[5, 0, 4, 0]];
        assert_eq!(row.to_bytes()[..], expected.concat());
        let product = Product::activation(CountryId(8), ServiceId(9));
        let mut value = sealed(&row.to_bytes());
        assert_eq!(tally((7, 8, 9), &value), Some(((ProviderId(7), product), row)));
        assert_eq!(tally((7, 8, 9), &sealed(&[0; 27])), None);
        value[3] ^= 1;
        assert_eq!(tally((7, 8, 9), &value), None);
        assert_eq!(moment(&sealed(&77_u64.to_le_bytes())), Some(Time(77)));
        assert_eq!(moment(&value), None);
    }
}
