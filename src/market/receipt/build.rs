//! Making a receipt, out of the ledger and of what history keeps of it.

use std::collections::{BTreeMap, BTreeSet};

use nexnum_engine::event::{ClosedDay, Event, OrderEvent};
use nexnum_engine::ids::{MessageId, OrderId, Seq};
use nexnum_engine::sealed::SealedValue;
use nexnum_storage::day_tree::{CHUNK_ROWS, row_leaf};
use nexnum_storage::history::HistoryTables;
use nexnum_storage::merkle::{self, MerkleTree};
use nexnum_storage::payload::{self, ReadRecord, ShownRecord};
use nexnum_storage::sealed::Subkey;
use nexnum_storage::{Hash, LedgerRow, Reader, StorageError};

use super::document::{
    OrderReceipt, RECEIPT_FORMAT, ReceiptKey, ReceiptProof, ReceiptRecord, ReceiptRow, day_text,
    encoded,
};
use super::words::{sealed_in, words};

/// A receipt, and which messages of its order it shows.
#[derive(Debug)]
pub struct BuiltReceipt {
    /// The receipt.
    pub receipt: OrderReceipt,
    /// The messages.
    pub messages: BTreeSet<MessageId>,
}

/// The receipt of an order. `subkey_of` gives the key of a sealed value, unless it is forgotten.
///
/// # Errors
/// The ledger or history cannot be read or is damaged; or what `subkey_of` fails with.
pub fn build<E: From<StorageError>>(
    tables: &HistoryTables,
    ledger: &Reader,
    order: OrderId,
    subkey_of: impl Fn(&SealedValue) -> Result<Option<Subkey>, E>,
) -> Result<BuiltReceipt, E> {
    let positions = tables.positions_of(order)?;
    let (mut days, mut rows, mut keys) = (Days::of(tables, ledger), Vec::new(), Vec::new());
    let (mut rest, mut messages) = (&positions[..], BTreeSet::new());
    while let Some(first) = rest.first() {
        let row = ledger.read(*first)?.next();
        let row = row.ok_or_else(|| damaged(*first, "there is no such record"))??;
        let (here, later) = rest.split_at(rest.partition_point(|seq| *seq <= row.header.last()));
        rest = later;
        let (records, path) = shown(&row, here, order)?;
        for (record, read) in &records {
            let ReadRecord::Event(event) = read else { continue };
            messages.extend(message_in(event));
            for (.., value) in sealed_in(event) {
                let subkey = subkey_of(value)?.map(|subkey| encoded(*subkey.0));
                keys.extend(subkey.map(|subkey| ReceiptKey { seq: record.seq.0, subkey }));
            }
        }
        let records = records.iter().map(|(record, read)| document(record, read)).collect();
        rows.push(row_document(&row, records, path, days.proof(&row)?));
    }
    let (format, ledger, order) = (RECEIPT_FORMAT, ledger.id().to_string(), order.0);
    Ok(BuiltReceipt { receipt: OrderReceipt { format, ledger, order, rows, keys }, messages })
}

/// The message that an event brings.
const fn message_in(event: &Event) -> Option<MessageId> {
    match event {
        Event::Order(OrderEvent::MessageReceived(receipt)) => Some(receipt.message),
        _ => None,
    }
}

/// A record as it is shown, and what it says.
type Read = (ShownRecord, ReadRecord);

/// The records of a row at these positions, which are of the order, with their heads.
fn shown(
    row: &LedgerRow,
    at: &[Seq],
    order: OrderId,
) -> Result<(Vec<Read>, Vec<Hash>), StorageError> {
    let shown = payload::show(row, at)?;
    let mut records = Vec::with_capacity(shown.records.len());
    for record in shown.records {
        let read = payload::read_record(&record.bytes, row.header.at)
            .map_err(|error| StorageError::unread(record.seq, error))?;
        // Positions that are kept and wrong would show what is another's.
        if let ReadRecord::Event(event) = &read
            && event.order().is_none_or(|found| found.id != order)
        {
            let reason = format!("it is no record of order {order}, as history has it");
            return Err(damaged(record.seq, reason));
        }
        records.push((record, read));
    }
    Ok((records, shown.path))
}

fn document(record: &ShownRecord, read: &ReadRecord) -> ReceiptRecord {
    ReceiptRecord {
        seq: record.seq.0,
        time: record.at.0,
        salt: encoded(record.salt.0),
        bytes: encoded(&record.bytes),
        says: words(read),
    }
}

fn row_document(
    row: &LedgerRow,
    records: Vec<ReceiptRecord>,
    path: Vec<Hash>,
    proof: Option<ReceiptProof>,
) -> ReceiptRow {
    let header = row.header;
    ReceiptRow {
        first: header.first.0,
        time: header.at.0,
        count: header.count,
        epoch: header.epoch,
        previous: encoded(header.prev.0),
        payload_len: header.payload_len,
        records,
        path: path.iter().map(|hash| encoded(hash.0)).collect(),
        day: day_text(header.at.day()),
        proof,
    }
}

/// The closed days that a receipt spans, and the rows that were looked at last.
struct Days<'a> {
    tables: &'a HistoryTables,
    ledger: &'a Reader,
    closed: BTreeMap<u32, Option<Closed>>,
    chunk: Option<Chunk>,
}

/// A closed day.
struct Closed {
    day: ClosedDay,
    /// The tree above its chunks, the last of which may be short.
    above: MerkleTree,
    /// Where the first row of each begins.
    starts: Vec<Seq>,
}

/// The rows under one node.
struct Chunk {
    of: (u32, usize),
    /// Where each row begins.
    rows: Vec<Seq>,
    /// The tree over them.
    tree: MerkleTree,
}

impl<'a> Days<'a> {
    const fn of(tables: &'a HistoryTables, ledger: &'a Reader) -> Self {
        Self { tables, ledger, closed: BTreeMap::new(), chunk: None }
    }

    /// What proves that a row stands in its day; `None` if the day is not closed.
    fn proof(&mut self, row: &LedgerRow) -> Result<Option<ReceiptProof>, StorageError> {
        let (day, first) = (row.header.at.day(), row.header.first);
        if !self.closed.contains_key(&day) {
            let closed = read_day(self.tables, day)?;
            self.closed.insert(day, closed);
        }
        let Some(Some(closed)) = self.closed.get(&day) else { return Ok(None) };
        let at = closed.starts.partition_point(|start| *start <= first);
        let unknown = || damaged(first, "its day does not have it, as history says");
        let at = at.checked_sub(1).ok_or_else(unknown)?;
        if self.chunk.as_ref().is_none_or(|chunk| chunk.of != (day, at)) {
            self.chunk = Some(read_chunk(self.ledger, closed, at)?);
        }
        let Some(Chunk { rows, tree, .. }) = &self.chunk else { return Err(unknown()) };
        let within = rows.iter().position(|row| *row == first).ok_or_else(unknown)?;
        let path = [tree.path(within), closed.above.path(at)].concat();
        let index = at as u64 * CHUNK_ROWS + within as u64;
        let reached = merkle::climb(&[(index, row_leaf(row.hash))], closed.day.rows, &path);
        if reached != Some(Hash(closed.day.root)) {
            let reason = "its path does not lead to the root of its day";
            return Err(damaged(first, reason));
        }
        let path = path.iter().map(|hash| encoded(hash.0)).collect();
        Ok(Some(ReceiptProof { index, path }))
    }
}

fn read_day(tables: &HistoryTables, day: u32) -> Result<Option<Closed>, StorageError> {
    let closed = tables.closed_days(day.checked_add(1), 1)?.pop();
    let Some(closed) = closed.filter(|closed| closed.day == day) else { return Ok(None) };
    let nodes = tables.day_nodes(day)?;
    let (mut starts, mut nodes): (Vec<Seq>, Vec<Hash>) =
        nodes.iter().map(|node| (node.first, node.hash)).unzip();
    let row = tables.day_from(day)?.filter(|(found, _)| *found == day).map(|(_, row)| row);
    if let Some((tail, hash)) = row.and_then(|row| Some((row.tail, row.tree.tail()?))) {
        starts.push(tail);
        nodes.push(hash);
    }
    Ok(Some(Closed { day: closed, above: MerkleTree::of(nodes), starts }))
}

fn read_chunk(ledger: &Reader, closed: &Closed, at: usize) -> Result<Chunk, StorageError> {
    let day = closed.day.day;
    let count = closed.day.rows.saturating_sub(at as u64 * CHUNK_ROWS).min(CHUNK_ROWS) as usize;
    let (mut rows, mut leaves) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for row in ledger.read(closed.starts[at])?.take(count) {
        let row = row?;
        rows.push(row.header.first);
        leaves.push(row_leaf(row.hash));
    }
    Ok(Chunk { of: (day, at), rows, tree: MerkleTree::of(leaves) })
}

fn damaged(seq: Seq, reason: impl Into<String>) -> StorageError {
    StorageError::Damaged { seq, reason: reason.into() }
}
