//! Checking a receipt against the roots of days, with nothing else at hand.

use std::collections::BTreeSet;

use nexnum_engine::ids::{OrderId, Seq};
use nexnum_engine::time::Time;
use nexnum_storage::day_tree::row_leaf;
use nexnum_storage::merkle::{self, Salt};
use nexnum_storage::payload::{self, ReadRecord};
use nexnum_storage::sealed::{SealedPlace, Subkey};
use nexnum_storage::{Hash, LedgerId, RowHeader};

use super::document::{
    DayRootPage, OrderReceipt, RECEIPT_FORMAT, ReceiptKey, ReceiptRecord, ReceiptRow, day_text,
    decoded, decoded_32,
};
use super::words::{self, sealed_in, words};

/// What of a receipt is not proven, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Unproven {
    /// Which part.
    pub what: String,
    /// Why.
    pub why: String,
}

impl Unproven {
    fn of(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

/// Checks a receipt against the roots of days; `told` gets a line for each thing that is proven.
///
/// # Errors
/// The first thing that is wrong. Where nothing is, and a row's day is not closed yet: that row.
pub fn prove(
    receipt: &OrderReceipt,
    roots: &DayRootPage,
    mut told: impl FnMut(String),
) -> Result<(), Unproven> {
    let receipt_is = |why: String| Unproven::of("the receipt", why);
    if receipt.format != RECEIPT_FORMAT {
        let found = receipt.format;
        let why = format!("its format is {found}, this program reads {RECEIPT_FORMAT}");
        return Err(receipt_is(why));
    }
    let ledger = LedgerId::parse(&receipt.ledger)
        .ok_or_else(|| receipt_is("its ledger is not 32 hexadecimal digits".to_owned()))?;
    if receipt.ledger != roots.ledger {
        let why = format!("it is of ledger {ledger}, the roots are of ledger {}", roots.ledger);
        return Err(receipt_is(why));
    }
    if receipt.rows.is_empty() {
        return Err(receipt_is("it has no rows: it proves nothing".to_owned()));
    }
    let place = Place { ledger, order: OrderId(receipt.order) };
    let (mut next, mut opened, mut open) = (0, BTreeSet::new(), None);
    for row in &receipt.rows {
        if row.first < next {
            return Err(Unproven::of(row_name(row), "it comes before the row above it"));
        }
        let (hash, last) = check_row(row, place)?;
        let stands = if check_day(row, hash, roots)? {
            format!("stands in {}", row.day)
        } else {
            open.get_or_insert(row);
            format!("is in a row of {}, which is not closed", row.day)
        };
        // Only now: what is told is proven.
        for record in &row.records {
            told(format!("record {} {stands}: {}", record.seq, record.says));
            for line in open_values(Time(row.time), record, receipt, place, &mut opened)? {
                told(line);
            }
        }
        next = last + 1;
    }
    let is_used = |key: &&ReceiptKey| opened.contains(&(key.seq, &*key.subkey));
    if let Some(key) = receipt.keys.iter().find(|key| !is_used(key)) {
        let what = format!("the key for record {}", key.seq);
        return Err(Unproven::of(what, "it opens no value of that record"));
    }
    if opened.len() != receipt.keys.len() {
        return Err(receipt_is("it has a key twice".to_owned()));
    }
    if !receipt.keys.is_sorted_by_key(|key| key.seq) {
        return Err(receipt_is("its keys are not in the order of its records".to_owned()));
    }
    open.map_or(Ok(()), |row| {
        let why = format!(
            "its records stand in it, and its day, {}, is not closed: ask for the receipt again \
             once the root of that day is published",
            row.day
        );
        Err(Unproven::of(row_name(row), why))
    })
}

/// What the receipt is of.
#[derive(Clone, Copy)]
struct Place {
    ledger: LedgerId,
    order: OrderId,
}

fn row_name(row: &ReceiptRow) -> String {
    format!("row {}", row.first)
}

fn record_name(record: &ReceiptRecord) -> String {
    format!("record {}", record.seq)
}

fn hash_of(text: &str, what: impl FnOnce() -> String, field: &str) -> Result<Hash, Unproven> {
    let why = || format!("its {field} is not 32 bytes of base64url");
    decoded_32(text).map(Hash).ok_or_else(|| Unproven::of(what(), why()))
}

fn hashes_of(texts: &[String], row: &ReceiptRow, field: &str) -> Result<Vec<Hash>, Unproven> {
    texts.iter().map(|text| hash_of(text, || row_name(row), field)).collect()
}

/// Holds the records of a row against each other and gives the row's hash, and the last position of
/// its records.
fn check_row(row: &ReceiptRow, place: Place) -> Result<(Hash, u64), Unproven> {
    let (mut leaves, mut group) = (Vec::with_capacity(row.records.len()), Group::None);
    for record in &row.records {
        let wrong = |why: &str| Unproven::of(record_name(record), why);
        let index = record.seq.checked_sub(row.first).filter(|at| *at < u64::from(row.count));
        let index = index.ok_or_else(|| wrong("its row has no such position"))?;
        let bytes = decoded(&record.bytes).ok_or_else(|| wrong("its bytes are no base64url"))?;
        let read = payload::read_record(&bytes, Time(row.time))
            .map_err(|error| wrong(&format!("its bytes cannot be read: {error}")))?;
        group = check_record(record, &read, &group, place)?;
        if record.says != words(&read) {
            return Err(wrong("it does not say what its bytes say"));
        }
        let salt = Salt(hash_of(&record.salt, || record_name(record), "salt")?.0);
        let (seq, time) = (Seq(record.seq), Time(record.time));
        leaves.push((index, merkle::leaf(&salt, seq, time, &bytes)));
    }
    let wrong = |why: &str| Unproven::of(row_name(row), why);
    if let Group::Begun(_) = group {
        return Err(wrong("its last head is of a group of which no event is shown"));
    }
    let path = hashes_of(&row.path, row, "path")?;
    let root = merkle::climb(&leaves, row.count.into(), &path);
    let root = root.ok_or_else(|| wrong("its path does not lead from its records to a root"))?;
    let last = row.first.checked_add(u64::from(row.count) - 1);
    let last = last.filter(|last| *last < u64::MAX && row.first > 0);
    let last = last.ok_or_else(|| wrong("its positions are out of range"))?;
    if day_text(Time(row.time).day()) != row.day {
        return Err(wrong("its time is of another day"));
    }
    let header = RowHeader {
        first: Seq(row.first),
        at: Time(row.time),
        count: row.count,
        epoch: row.epoch,
        prev: hash_of(&row.previous, || row_name(row), "previous hash")?,
        root,
        payload_len: row.payload_len,
    };
    Ok((header.hash(), last))
}

/// The group whose records are read.
enum Group {
    /// None yet.
    None,
    /// Its head was read, of this time.
    Begun(u64),
    /// So was an event of it.
    Shown(u64),
}

/// An event is of the order and follows the head of its group, and a head has events. Gives the
/// group of the record.
fn check_record(
    record: &ReceiptRecord,
    read: &ReadRecord,
    group: &Group,
    place: Place,
) -> Result<Group, Unproven> {
    let time = record.time;
    let wrong = |why: &str| Err(Unproven::of(record_name(record), why));
    match (read, group) {
        (ReadRecord::Head(_), Group::Begun(_)) => {
            wrong("it follows the head of a group of which no event is shown")
        }
        (ReadRecord::Head(head), _) if head.at != Time(time) => {
            wrong("its time is not that in its bytes")
        }
        (ReadRecord::Head(_), _) => Ok(Group::Begun(time)),
        (ReadRecord::Event(event), _)
            if event.order().is_none_or(|order| order.id != place.order) =>
        {
            wrong(&format!("it is not of order {}", place.order))
        }
        (ReadRecord::Event(_), Group::Begun(of) | Group::Shown(of)) if *of == time => {
            Ok(Group::Shown(time))
        }
        (ReadRecord::Event(_), _) => wrong("the head of its group is not shown before it"),
    }
}

/// Whether a row stands in its day; false if the receipt does not say so, since the day is open.
fn check_day(row: &ReceiptRow, hash: Hash, roots: &DayRootPage) -> Result<bool, Unproven> {
    let wrong = |why: String| Unproven::of(row_name(row), why);
    let Some(proof) = &row.proof else { return Ok(false) };
    let root = roots.day_roots.iter().find(|root| root.day == row.day);
    let root = root.ok_or_else(|| wrong(format!("there is no root of its day, {}", row.day)))?;
    let expected = hash_of(&root.root, || format!("the root of {}", root.day), "root")?;
    let path = hashes_of(&proof.path, row, "path in its day")?;
    let reached = merkle::climb(&[(proof.index, row_leaf(hash))], root.rows, &path);
    if reached == Some(expected) {
        return Ok(true);
    }
    Err(wrong(format!("it does not lead to the root of its day, {}", row.day)))
}

/// Opens the values of a record that the receipt has keys for, and says what they are.
fn open_values<'a>(
    row_at: Time,
    record: &ReceiptRecord,
    receipt: &'a OrderReceipt,
    place: Place,
    opened: &mut BTreeSet<(u64, &'a str)>,
) -> Result<Vec<String>, Unproven> {
    let mut keys = receipt.keys.iter().filter(|key| key.seq == record.seq).peekable();
    let bytes = decoded(&record.bytes).unwrap_or_default();
    let read = payload::read_record(&bytes, row_at);
    let (Some(_), Ok(ReadRecord::Event(event))) = (keys.peek(), read) else {
        return Ok(Vec::new());
    };
    // Keys stand in the order of the values that they open.
    let (mut lines, mut values) = (Vec::new(), sealed_in(&event).into_iter());
    for key in keys {
        let what = || format!("the key for record {}", key.seq);
        let subkey = Subkey::of_bytes(hash_of(&key.subkey, what, "subkey")?.0);
        let said = values.find_map(|(purpose, order, value)| {
            let sealed = SealedPlace { ledger: place.ledger, purpose, order };
            let text = subkey.open_value(&sealed, value).ok()?;
            Some(format!("{purpose:?} {}", words::opened(purpose, text.expose())))
        });
        if let Some(said) = said {
            lines.push(format!("record {} opens: {said}", record.seq));
            opened.insert((key.seq, &key.subkey));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use nexnum_engine::event::{Event, MoneyEvent, Payment};
    use nexnum_engine::ids::{AccountId, RailId};
    use nexnum_engine::money::Micros;
    use nexnum_engine::sealed::{KeyHandle, Purpose};
    use nexnum_storage::record::encode_event;
    use nexnum_storage::sealed::{NONCE_LEN, SealingKey};

    use super::super::document::encoded;
    use super::*;

    #[test]
    fn a_key_opens_the_value_of_its_record_and_no_other() {
        let place = Place { ledger: LedgerId([1; 16]), order: OrderId(7) };
        let key = SealingKey::new(KeyHandle(5), [2; 32].into());
        let sealed = SealedPlace { ledger: place.ledger, purpose: Purpose::Reference, order: None };
        let value = key.seal(&sealed, b"invoice 12", [3; NONCE_LEN]).unwrap();
        let (amount, foreign) = (Micros(1), None);
        let payment = Payment { rail: RailId(1), amount, foreign, reference: 9 };
        let (account, sealed) = (AccountId(1), Some(value));
        let event = Event::Money(MoneyEvent::Deposited { account, payment, sealed });
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes);
        let (salt, says) = (encoded([0; 32]), String::new());
        let record = ReceiptRecord { seq: 9, time: 1, salt, bytes: encoded(bytes), says };
        let opened_by = |nonce: u8, seq: u64| {
            let subkey = encoded(*key.subkey([nonce; NONCE_LEN]).0);
            let keys = vec![ReceiptKey { seq, subkey }];
            let receipt = OrderReceipt {
                format: RECEIPT_FORMAT,
                ledger: place.ledger.to_string(),
                order: 7,
                rows: Vec::new(),
                keys,
            };
            let mut opened = BTreeSet::new();
            let lines = open_values(Time(1), &record, &receipt, place, &mut opened).unwrap();
            (lines, opened.len())
        };
        let line = "record 9 opens: Reference \"invoice 12\"".to_owned();
        assert_eq!(opened_by(3, 9), (vec![line], 1));
        assert_eq!(opened_by(4, 9), (vec![], 0), "the key of another value");
        assert_eq!(opened_by(3, 8), (vec![], 0), "of another record");
    }
}
