//! Snapshots: the engine's state at a position in the ledger, so that a restart
//! replays the events after it and not all of them.
//!
//! Promises: a snapshot is whole or not there; one that is damaged, unreadable, of
//! another ledger, ahead of this one or not understood is passed over with its
//! reason, and the next older is tried; without any, replay starts at the beginning.
//! Snapshots are derived: losing them costs time only. What the payload means is left
//! to the engine.
//!
//! ```text
//! offset  size  field, little-endian
//!      0     8  "nexnum\0s"
//!      8     1  format, 2
//!      9    16  ledger
//!     25     8  sequence number
//!     33     8  time, ms since 1970
//!     41    32  hash of the ledger's row that ends there
//!     73    32  state hash
//!    105     8  length of the payload
//!    113     n  payload
//!  113+n    32  BLAKE3 of everything before
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;

use crate::error::StorageError;
use crate::format::{Hash, LedgerId};
use crate::position::Position;
use crate::reader::Reader;
use crate::replaced;

const MAGIC: &[u8; 8] = b"nexnum\0s";
const FORMAT: u8 = 2;
const HEADER_LEN: usize = 113;
const TRAILER_LEN: usize = 32;
const ENDING: &str = "nxs";

/// How many snapshots are kept: the newest, and two more in case it is damaged.
pub const KEPT: usize = 3;

/// What a snapshot says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// Which ledger it belongs to.
    pub id: LedgerId,
    /// Where in the ledger: the end of a row.
    pub position: Position,
    /// When it was taken.
    pub at: Time,
    /// The engine's own hash of the state in the payload.
    pub state_hash: [u8; 32],
}

/// A snapshot that was read and found valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What it says about itself.
    pub header: SnapshotHeader,
    /// The state, encoded by the engine.
    pub payload: Vec<u8>,
}

/// A file that was not used, and why.
#[derive(Debug)]
pub struct PassedOver {
    /// The file; it is left as it is.
    pub path: PathBuf,
    /// Why, as the end of a sentence that begins with the file's name.
    pub reason: String,
}

/// Why bytes are not a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Fewer bytes than an empty payload needs.
    #[error("is too short")]
    TooShort,
    /// Another kind of file.
    #[error("is not a snapshot")]
    NotASnapshot,
    /// A format that this program does not know.
    #[error("has format {0}, this program reads {FORMAT}")]
    UnknownFormat(u8),
    /// The payload's length is not what is there.
    #[error("does not have the length it says")]
    Length,
    /// The hash at the end is not that of the content.
    #[error("does not have the hash it says")]
    Hash,
}

/// Writes a snapshot into `folder`, durable on return; of it and the older ones all
/// but the newest [`KEPT`] are removed. Returns the new file's path.
///
/// # Errors
/// The failure; older snapshots are then still there.
pub fn write(
    folder: &Path,
    header: &SnapshotHeader,
    payload: &[u8],
) -> Result<PathBuf, StorageError> {
    let path = folder.join(format!("{:020}.{ENDING}", header.position.seq.0));
    let head = encode_header(header, payload.len());
    let trailer = content_hash(&head, payload);
    replaced::replace(&path, &[&head, payload, &trailer])?;
    prune(folder, header.position.seq)?;
    Ok(path)
}

/// What `understand` makes of the newest snapshot in `folder` that is whole, stands on
/// `ledger` and that it understands; and the newer files that are not used. A folder that
/// is not there holds none. `understand` says why not as the end of a sentence that
/// begins with the file's name.
///
/// # Errors
/// If the ledger cannot be read.
pub fn newest_valid<T>(
    folder: &Path,
    ledger: &Reader,
    mut understand: impl FnMut(Snapshot) -> Result<T, String>,
) -> Result<(Option<T>, Vec<PassedOver>), StorageError> {
    let mut passed_over = Vec::new();
    let files = newest_first(folder).unwrap_or_else(|error| {
        let reason = format!("cannot be listed: {error}");
        passed_over.push(PassedOver { path: folder.to_owned(), reason });
        Vec::new()
    });
    for (_, path) in files {
        match used(&path, ledger, &mut understand)? {
            Ok(understood) => return Ok((Some(understood), passed_over)),
            Err(reason) => passed_over.push(PassedOver { path, reason }),
        }
    }
    Ok((None, passed_over))
}

/// What is made of one file, or why it is of no use.
fn used<T>(
    path: &Path,
    ledger: &Reader,
    understand: &mut impl FnMut(Snapshot) -> Result<T, String>,
) -> Result<Result<T, String>, StorageError> {
    let snapshot = match read(path) {
        Ok(snapshot) => snapshot,
        Err(StorageError::DamagedFile { reason, .. }) => return Ok(Err(reason)),
        Err(error) => return Ok(Err(format!("cannot be read: {error}"))),
    };
    let borne_out = borne_out(&snapshot.header, ledger)?;
    Ok(borne_out.and_then(|()| understand(snapshot)))
}

/// Reads the snapshot in a file.
///
/// # Errors
/// [`StorageError::DamagedFile`] if it is not a whole one; or the failure.
pub fn read(path: &Path) -> Result<Snapshot, StorageError> {
    let bytes = fs::read(path).map_err(|e| StorageError::io("reading", path, e))?;
    let (header, payload) =
        decode(&bytes).map_err(|e| StorageError::damaged_file(path, e.to_string()))?;
    Ok(Snapshot { header, payload: payload.to_vec() })
}

/// Reads a snapshot's bytes: total, whatever they are.
///
/// # Errors
/// [`SnapshotError`] says what is wrong.
pub fn decode(bytes: &[u8]) -> Result<(SnapshotHeader, &[u8]), SnapshotError> {
    let (content, trailer) =
        bytes.split_last_chunk::<TRAILER_LEN>().ok_or(SnapshotError::TooShort)?;
    let (head, payload) =
        content.split_first_chunk::<HEADER_LEN>().ok_or(SnapshotError::TooShort)?;
    if &field::<8>(head, 0) != MAGIC {
        return Err(SnapshotError::NotASnapshot);
    }
    if head[8] != FORMAT {
        return Err(SnapshotError::UnknownFormat(head[8]));
    }
    if u64::from_le_bytes(field(head, 105)) != payload.len() as u64 {
        return Err(SnapshotError::Length);
    }
    if content_hash(head, payload) != *trailer {
        return Err(SnapshotError::Hash);
    }
    let position =
        Position { seq: Seq(u64::from_le_bytes(field(head, 25))), hash: Hash(field(head, 41)) };
    let header = SnapshotHeader {
        id: LedgerId(field(head, 9)),
        position,
        at: Time(u64::from_le_bytes(field(head, 33))),
        state_hash: field(head, 73),
    };
    Ok((header, payload))
}

fn encode_header(header: &SnapshotHeader, payload_len: usize) -> [u8; HEADER_LEN] {
    let parts: [&[u8]; 8] = [
        MAGIC,
        &[FORMAT],
        &header.id.0,
        &header.position.seq.0.to_le_bytes(),
        &header.at.0.to_le_bytes(),
        &header.position.hash.0,
        &header.state_hash,
        &(payload_len as u64).to_le_bytes(),
    ];
    parts.concat().try_into().expect("the fields' lengths add up to the header's")
}

fn content_hash(head: &[u8], payload: &[u8]) -> [u8; TRAILER_LEN] {
    *blake3::Hasher::new().update(head).update(payload).finalize().as_bytes()
}

/// `N` bytes of the header from a constant offset.
fn field<const N: usize>(head: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&head[at..at + N]);
    out
}

/// Whether the ledger bears a snapshot out, or why not.
fn borne_out(header: &SnapshotHeader, ledger: &Reader) -> Result<Result<(), String>, StorageError> {
    let SnapshotHeader { id, position, .. } = header;
    if *id != ledger.id() {
        return Ok(Err(format!("belongs to ledger {id}")));
    }
    if ledger.hash_at(position.seq)? == Some(position.hash) {
        return Ok(Ok(()));
    }
    Ok(Err(format!("stands on a sequence {} that the ledger lacks", position.seq)))
}

/// Files that name a later sequence are left out of the count: they may be of no use
/// to this ledger, and must not cost the place of one that is.
fn prune(folder: &Path, newest: Seq) -> Result<(), StorageError> {
    let files = newest_first(folder)?;
    let older = files.iter().filter(|(seq, _)| *seq <= newest.0);
    for (_, path) in older.skip(KEPT) {
        fs::remove_file(path).map_err(|e| StorageError::io("removing", path, e))?;
    }
    Ok(())
}

/// The snapshot files, with the sequence number in their names.
fn newest_first(folder: &Path) -> Result<Vec<(u64, PathBuf)>, StorageError> {
    let failed = |e| StorageError::io("listing", folder, e);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if let Some(seq) = seq_in_name(&path) {
            found.push((seq, path));
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}

fn seq_in_name(path: &Path) -> Option<u64> {
    path.extension().filter(|ending| *ending == ENDING)?;
    path.file_stem()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden() -> (SnapshotHeader, Vec<u8>) {
        let position = Position { seq: Seq(258), hash: Hash([0x11; 32]) };
        let header = SnapshotHeader {
            id: LedgerId([0xAB; 16]),
            position,
            at: Time(0x0102_0304),
            state_hash: [0x22; 32],
        };
        let payload = b"the state";
        let head = encode_header(&header, payload.len());
        let trailer = content_hash(&head, payload);
        (header, [&head, &payload[..], &trailer].concat())
    }

    #[test]
    fn the_second_format_keeps_its_bytes() {
        let (header, bytes) = golden();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let expected = [
            "6e65786e756d0073",
            "02",
            &"ab".repeat(16),
            "0201000000000000",
            "0403020100000000",
            &"11".repeat(32),
            &"22".repeat(32),
            "0900000000000000",
            "746865207374617465",
            "6c816798641f635215e4a1c9f65d17fd7382ccaaa64cef5fd84e2760231a37d6",
        ];
        assert_eq!(hex, expected.concat());
        assert_eq!(decode(&bytes), Ok((header, &b"the state"[..])));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let (_, mut bytes) = golden();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len} bytes");
        }
        bytes.push(0);
        assert_eq!(decode(&bytes), Err(SnapshotError::Length));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_decode_without_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
