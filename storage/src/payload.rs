//! The payload of a row: the salt of its leaves, and its groups, each a head and its events.
//!
//! Heads and events are records with positions of their own: a tag, zero for a head, and a frame.
//! A record's bytes, with its position and the time of its group, are a leaf of the row's Merkle
//! tree, so that each can be shown alone.

use nexnum_engine::event::Event;
use nexnum_engine::group::{ActingFor, Actor, Groups, Head, Origin};
use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;

use crate::error::StorageError;
use crate::format::{Batch, Hash, RowHeader};
use crate::merkle::{self, SALT_LEN, Salt};
use crate::reader::LedgerRow;
use crate::record::{decode_event, encode_event};
use crate::wire::{Optional, RecordError, Wire, put_frame, take_bytes, take_frame, take_optional};

/// The tag of a group's head; events have the others.
const HEAD: u8 = 0;

/// Groups as a row takes them in.
#[derive(Debug)]
pub struct Payload {
    first: Seq,
    at: Time,
    /// How many records there are.
    count: u32,
    /// The root of their Merkle tree.
    root: Hash,
    /// The salt and the records.
    bytes: Vec<u8>,
}

impl Payload {
    /// The groups of a row whose first record is at `first`; its time is that of the first group.
    ///
    /// # Panics
    /// If a group is older than the first.
    #[must_use]
    pub fn of(groups: &Groups, salt: &Salt, first: Seq) -> Self {
        let at = groups.iter().next().map_or(Time(0), |(head, _)| head.at);
        let mut bytes = Vec::with_capacity(SALT_LEN + 64 * groups.len());
        bytes.extend(salt.0);
        let mut leaves = Vec::with_capacity(groups.len());
        let mut leaf = |time, record: &[u8]| {
            let seq = Seq(first.0 + leaves.len() as u64);
            leaves.push(salt.leaf(seq, time, record));
        };
        for (head, events) in groups.iter() {
            let begin = bytes.len();
            put_head(head, at, &mut bytes);
            leaf(head.at, &bytes[begin..]);
            for event in events {
                let begin = bytes.len();
                encode_event(event, &mut bytes);
                leaf(head.at, &bytes[begin..]);
            }
        }
        Self { first, at, count: groups.len() as u32, root: merkle::root(leaves), bytes }
    }

    /// The batch that a ledger takes.
    #[must_use]
    pub fn batch(&self) -> Batch<'_> {
        let Self { first, at, count, root, ref bytes } = *self;
        Batch { first, at, count, root, payload: bytes }
    }
}

/// The groups of a row.
///
/// # Errors
/// [`StorageError::Damaged`] or [`StorageError::NewerLedger`], by the row's first position.
pub fn groups_of(row: &LedgerRow) -> Result<Groups, StorageError> {
    read(row, |_, _, _| {})
}

/// The groups of a row, held against the root that is in its header.
///
/// # Errors
/// As [`groups_of`]; damage too if the root is another.
pub fn checked_groups_of(row: &LedgerRow) -> Result<Groups, StorageError> {
    let (payload, mut leaves) = (row.payload()?, Vec::new());
    let salt = payload.first_chunk().map_or(Salt([0; SALT_LEN]), |salt| Salt(*salt));
    let groups = read(row, |seq, time, record| leaves.push(salt.leaf(seq, time, record)))?;
    if merkle::root(leaves) == row.header.root {
        return Ok(groups);
    }
    Err(other_root(row))
}

/// A record of a row as it is shown to others: with it comes what its own leaf needs, and nothing of
/// other records.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownRecord {
    /// Its position.
    pub seq: Seq,
    /// The time of its group.
    pub at: Time,
    /// The salt of its leaf.
    pub salt: Salt,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Records of a row, and the hashes that lead from them to its root.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownRecords {
    /// The records, in their order.
    pub records: Vec<ShownRecord>,
    /// The hashes.
    pub path: Vec<Hash>,
}

/// Shows the records of a row at these positions, which are in ascending order, and before each the
/// head of its group.
///
/// # Errors
/// As [`checked_groups_of`].
pub fn show(row: &LedgerRow, wanted: &[Seq]) -> Result<ShownRecords, StorageError> {
    let (payload, mut leaves) = (row.payload()?, Vec::new());
    let salt = payload.first_chunk().map_or(Salt([0; SALT_LEN]), |salt| Salt(*salt));
    let (mut head, mut records) = (None, Vec::new());
    let mut records_of = |seq, at, bytes: &[u8]| {
        leaves.push(salt.leaf(seq, at, bytes));
        let record = || ShownRecord { seq, at, salt: salt.of_leaf(seq), bytes: bytes.to_vec() };
        if bytes.first() == Some(&HEAD) {
            head = Some(record());
        } else if wanted.binary_search(&seq).is_ok() {
            records.extend(head.take());
            records.push(record());
        }
    };
    read(row, &mut records_of)?;
    if merkle::root(leaves.clone()) != row.header.root {
        return Err(other_root(row));
    }
    let place = |record: &ShownRecord| (record.seq.0 - row.header.first.0) as usize;
    let places: Vec<usize> = records.iter().map(place).collect();
    Ok(ShownRecords { records, path: merkle::path(leaves, &places) })
}

/// A record that was read by itself.
#[derive(Clone, PartialEq, Eq)]
pub enum ReadRecord {
    /// The head of a group.
    Head(Head),
    /// An event.
    Event(Event),
}

/// Reads the bytes of one record, of a row whose time is `row_at`.
///
/// # Errors
/// What is wrong with the bytes.
pub fn read_record(mut bytes: &[u8], row_at: Time) -> Result<ReadRecord, RecordError> {
    let input = &mut bytes;
    let record = if input.first() == Some(&HEAD) {
        ReadRecord::Head(take_head(row_at, input)?)
    } else {
        ReadRecord::Event(decode_event(input)?)
    };
    if bytes.is_empty() { Ok(record) } else { Err(RecordError::Trailing) }
}

fn other_root(row: &LedgerRow) -> StorageError {
    let reason = "its records are not those that its header has the root of";
    StorageError::damaged(row.header.first, reason)
}

/// Reads a row's records; `each` sees the position, time and bytes of every one.
fn read(row: &LedgerRow, each: impl FnMut(Seq, Time, &[u8])) -> Result<Groups, StorageError> {
    let RowHeader { first, at, count, .. } = row.header;
    let groups = decode(row.payload()?, first, at, each)
        .map_err(|error| StorageError::unread(first, error))?;
    if groups.len() == count as usize {
        return Ok(groups);
    }
    let reason = format!("the row holds {} records, not {count}", groups.len());
    Err(StorageError::damaged(first, reason))
}

/// The groups in a payload, of a row whose first record is at `first` and whose time is `at`;
/// `each` sees the position, time and bytes of every record.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode(
    payload: &[u8],
    first: Seq,
    at: Time,
    mut each: impl FnMut(Seq, Time, &[u8]),
) -> Result<Groups, RecordError> {
    let mut input = payload;
    take_bytes(&mut input, SALT_LEN)?;
    let (mut groups, mut time) = (Groups::default(), at);
    while let Some(tag) = input.first() {
        let (seq, record) = (Seq(first.0.saturating_add(groups.len() as u64)), input);
        if *tag == HEAD {
            let head = take_head(at, &mut input)?;
            time = head.at;
            groups.begin(head);
        } else {
            if !groups.push(decode_event(&mut input)?) {
                return Err(RecordError::NoHead);
            }
        }
        each(seq, time, &record[..record.len() - input.len()]);
    }
    Ok(groups)
}

fn put_head(head: &Head, row_at: Time, out: &mut Vec<u8>) {
    let Head { at, origin, key_use } = head;
    let Origin { actor, acting_for, request, address, reason } = origin;
    let later_ms = at.0.checked_sub(row_at.0).expect("a row has the time of its first group");
    out.push(HEAD);
    put_frame(out, |out| {
        later_ms.put(out);
        actor.put(out);
        let optional = Optional::at_end_of(out).put(acting_for).put(request).put(key_use);
        optional.put(address).put(reason).end();
    });
}

fn take_head(row_at: Time, input: &mut &[u8]) -> Result<Head, RecordError> {
    take_bytes(input, 1)?;
    take_frame(input, |frame| {
        let at = row_at.0.checked_add(Wire::take(frame)?).ok_or(RecordError::OutOfRange)?;
        let actor = Actor::take(frame)?;
        let (acting_for, request) = (take_optional::<ActingFor>(frame)?, take_optional(frame)?);
        let (key_use, address) = (take_optional(frame)?, take_optional(frame)?);
        let reason = take_optional(frame)?;
        let origin = Origin { actor, acting_for, request, address, reason };
        Ok(Head { at: Time(at), origin, key_use })
    })
}

#[cfg(test)]
mod tests;
