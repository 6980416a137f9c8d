//! The bytes of a ledger row, and the chain that links the rows.
//!
//! Promises: [`decode`] is total: any bytes give a row or a reason, never a
//! panic; the layout of a written format never changes (the golden-bytes test
//! holds it). What the payload means is left to the record codec.
//!
//! ```text
//! offset  size  field, little-endian
//!      0     1  format, 2
//!      1     8  sequence number of the first record
//!      9     8  time of the batch, ms since 1970
//!     17     4  number of records, at least 1
//!     21     8  epoch: the writer's term, never decreasing
//!     29    32  hash of the row before (of the ledger's identity for the first)
//!     61    32  Merkle root of the records
//!     93     4  length of the payload
//!     97     4  CRC-32 (IEEE) of everything before
//!    101     n  payload
//!  101+n     4  CRC-32 (IEEE) of everything before
//! ```
//!
//! A row's hash is the BLAKE3 of its first 97 bytes. The checksums find accidents
//! fast; the chain finds a row that was lost, swapped or rewritten, and the root ties
//! the payload to it. So a row may lose its payload, which is then its first 101 bytes: the
//! chain stays whole. Every format ends with the checksum of all that is before it, by which a
//! row of a newer format is told from a damaged one.

use std::fmt;

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;

use crate::error::StorageError;

/// The newest row format that this program writes and reads.
pub const ROW_FORMAT: u8 = 2;

/// Bytes of a header that its hash stands for.
const HASHED_LEN: usize = 97;

/// Bytes of a checksum.
pub const CHECKSUM_LEN: usize = 4;

/// Bytes before the payload.
pub const HEADER_LEN: usize = HASHED_LEN + CHECKSUM_LEN;

/// The longest payload of one row. A batch is what gathered during one sync, some
/// 10⁴ events of 10² bytes; a length above this is damage or a runaway caller.
pub const PAYLOAD_LEN_MAX: usize = 64 << 20;

/// The BLAKE3 hash that stands for a row and, by the chain, for all before it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

/// Prints 64 hexadecimal digits.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which ledger this is: 16 random bytes, drawn when it was created.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LedgerId(pub [u8; 16]);

impl LedgerId {
    /// A new identity, from the system's randomness.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn draw() -> Result<Self, StorageError> {
        random().map(Self)
    }

    /// Parses 32 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }

    /// The hash that the first row carries as the one before it.
    #[must_use]
    pub fn genesis(self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"nexnum ledger genesis");
        hasher.update(&self.0);
        Hash(*hasher.finalize().as_bytes())
    }
}

/// Prints 32 hexadecimal digits.
impl fmt::Display for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What one commit brings: records `first` to `first + count - 1`, encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The sequence number of the first record.
    pub first: Seq,
    /// The time the batch was decided at.
    pub at: Time,
    /// How many records the payload holds, at least 1.
    pub count: u32,
    /// The Merkle root of the records.
    pub root: Hash,
    /// The records, encoded by their codec; at most [`PAYLOAD_LEN_MAX`] bytes.
    pub payload: &'a [u8],
}

/// What a row is without its payload: what the chain links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowHeader {
    /// The sequence number of the first record.
    pub first: Seq,
    /// The time the batch was decided at.
    pub at: Time,
    /// How many records the payload holds, at least 1.
    pub count: u32,
    /// The term of the writer.
    pub epoch: u64,
    /// The hash of the row before.
    pub prev: Hash,
    /// The Merkle root of the records.
    pub root: Hash,
    /// Bytes of the payload.
    pub payload_len: u32,
}

/// Why bytes are not a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowError {
    /// Fewer bytes than an empty payload needs.
    TooShort(usize),
    /// An older format, which no released program wrote.
    OlderFormat(u8),
    /// A format that this program does not know; its checksum is right.
    NewerFormat(u8),
    /// The checksum of the content and the stored one.
    Checksum {
        /// What the content gives.
        computed: u32,
        /// What the row says.
        stored: u32,
    },
    /// A count of 0, or a range of sequence numbers that leaves 1 to 2⁶⁴ - 1.
    Range,
    /// A payload above [`PAYLOAD_LEN_MAX`].
    TooLong(usize),
    /// A payload of another length than the header says.
    Length {
        /// What is there.
        found: usize,
        /// What the header says.
        said: u32,
    },
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooShort(len) => write!(f, "the row has only {len} bytes"),
            Self::OlderFormat(found) => write!(
                f,
                "the row's format is {found}, that of a version before the first release; this \
                 program reads {ROW_FORMAT}, and nothing turns one into the other"
            ),
            Self::NewerFormat(found) => {
                write!(f, "the row's format is {found}, this program reads {ROW_FORMAT}")
            }
            Self::Checksum { computed, stored } => {
                write!(f, "the row's checksum is {computed:08x}, not {stored:08x} as stored")
            }
            Self::Range => f.write_str("the row's sequence numbers are out of range"),
            Self::TooLong(len) => write!(f, "the row's payload has {len} bytes"),
            Self::Length { found, said } => {
                write!(f, "the row's payload has {found} bytes, not {said} as its header says")
            }
        }
    }
}

impl std::error::Error for RowError {}

impl RowHeader {
    /// The header of a batch's row, after a row of the hash `prev`, in a writer's epoch. It follows
    /// from these alone, and so does its hash: the batch's id.
    ///
    /// # Panics
    /// If the payload is longer than [`PAYLOAD_LEN_MAX`].
    #[must_use]
    pub fn of(batch: &Batch<'_>, prev: Hash, epoch: u64) -> Self {
        let Batch { first, at, count, root, payload } = *batch;
        assert!(payload.len() <= PAYLOAD_LEN_MAX, "a batch is checked before it has a header");
        let payload_len = payload.len() as u32;
        Self { first, at, count, epoch, prev, root, payload_len }
    }

    /// The sequence number of the last record.
    #[must_use]
    pub fn last(&self) -> Seq {
        // A count of at least 1 and a range within u64 are checked before a header exists.
        Seq(self.first.0 + u64::from(self.count) - 1)
    }

    /// The row's hash, which the next one carries.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash(*blake3::hash(&self.hashed()).as_bytes())
    }

    fn hashed(&self) -> [u8; HASHED_LEN] {
        let parts: [&[u8]; 8] = [
            &[ROW_FORMAT],
            &self.first.0.to_le_bytes(),
            &self.at.0.to_le_bytes(),
            &self.count.to_le_bytes(),
            &self.epoch.to_le_bytes(),
            &self.prev.0,
            &self.root.0,
            &self.payload_len.to_le_bytes(),
        ];
        let mut out = [0; HASHED_LEN];
        let mut at = 0;
        for part in parts {
            out[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        debug_assert_eq!(at, HASHED_LEN);
        out
    }
}

/// Whether `first` and `count` name a range within 1 to 2⁶⁴ - 1.
#[must_use]
pub(crate) fn in_range(first: Seq, count: u32) -> bool {
    first.0 > 0 && count > 0 && first.0.checked_add(u64::from(count) - 1).is_some()
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StorageError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(StorageError::NoRandomness)?;
    Ok(bytes)
}

/// Writes a row's bytes into `out`, replacing what was there.
///
/// The caller has checked the range and the payload's length.
pub fn encode(header: &RowHeader, payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.reserve(HEADER_LEN + payload.len() + CHECKSUM_LEN);
    out.extend_from_slice(&header.hashed());
    out.extend_from_slice(&crc32fast::hash(out).to_le_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(out).to_le_bytes());
}

/// Reads a row's bytes: its header, and its payload unless that was dropped.
///
/// # Errors
/// [`RowError`] says what is wrong; the checksums are looked at first, then the format, then
/// the meaning.
pub fn decode(bytes: &[u8]) -> Result<(RowHeader, Option<&[u8]>), RowError> {
    let short = RowError::TooShort(bytes.len());
    // A row of the first format ends with such a checksum too.
    let content = checked(bytes)?;
    match *content.first().ok_or(short)? {
        ROW_FORMAT => {}
        older @ ..ROW_FORMAT => return Err(RowError::OlderFormat(older)),
        newer => return Err(RowError::NewerFormat(newer)),
    }
    let (head, payload) = if content.len() == HASHED_LEN {
        (content, None)
    } else {
        let (head, payload) = content.split_at_checked(HEADER_LEN).ok_or(short)?;
        (checked(head)?, Some(payload))
    };
    let header = read_header(head.try_into().map_err(|_| short)?);
    if let Some(payload) = payload {
        if payload.len() > PAYLOAD_LEN_MAX {
            return Err(RowError::TooLong(payload.len()));
        }
        if payload.len() != header.payload_len as usize {
            let (found, said) = (payload.len(), header.payload_len);
            return Err(RowError::Length { found, said });
        }
    }
    if !in_range(header.first, header.count) {
        return Err(RowError::Range);
    }
    Ok((header, payload))
}

/// What is before the checksum that it ends with.
fn checked(bytes: &[u8]) -> Result<&[u8], RowError> {
    let short = RowError::TooShort(bytes.len());
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(short)?;
    let (computed, stored) = (crc32fast::hash(content), u32::from_le_bytes(*checksum));
    if computed == stored { Ok(content) } else { Err(RowError::Checksum { computed, stored }) }
}

fn read_header(head: &[u8; HASHED_LEN]) -> RowHeader {
    RowHeader {
        first: Seq(u64::from_le_bytes(field(head, 1))),
        at: Time(u64::from_le_bytes(field(head, 9))),
        count: u32::from_le_bytes(field(head, 17)),
        epoch: u64::from_le_bytes(field(head, 21)),
        prev: Hash(field(head, 29)),
        root: Hash(field(head, 61)),
        payload_len: u32::from_le_bytes(field(head, 93)),
    }
}

/// `N` bytes of the header from a constant offset.
fn field<const N: usize>(header: &[u8; HASHED_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&header[at..at + N]);
    out
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// The bytes that exactly `2 * N` hexadecimal digits stand for.
pub(crate) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAYLOAD: &[u8] = b"three records";

    fn golden() -> RowHeader {
        RowHeader {
            first: Seq(0x0102_0304_0506_0708),
            at: Time(1_795_000_000_123),
            count: 3,
            epoch: 7,
            prev: LedgerId([0xAB; 16]).genesis(),
            root: Hash([0xCD; 32]),
            payload_len: PAYLOAD.len() as u32,
        }
    }

    fn golden_bytes() -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&golden(), PAYLOAD, &mut bytes);
        bytes
    }

    /// With the checksum that it ends with put right.
    fn summed(content: &[u8]) -> Vec<u8> {
        [content, &crc32fast::hash(content).to_le_bytes()].concat()
    }

    #[test]
    fn the_second_format_keeps_its_bytes() {
        let bytes = golden_bytes();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let expected = [
            "02",
            "0807060504030201",
            "7b5e56eea1010000",
            "03000000",
            "0700000000000000",
            "db14b27c9b926fb49d75e810fc074063334e0e867e5b02a970d8c532d306f877",
            &"cd".repeat(32),
            "0d000000",
            "b5ba6884",
            "7468726565207265636f726473",
            "daf80fe2",
        ];
        assert_eq!(hex, expected.concat());
        assert_eq!(
            golden().hash().to_string(),
            "ac54e9441f4cddfe3daa1a9ecdd4b0aba0ec5df2a70cbf997809469926963664"
        );
        assert_eq!(decode(&bytes), Ok((golden(), Some(PAYLOAD))));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let mut bytes = golden_bytes();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..bytes.len() {
            let whole = decode(&bytes[..len]).is_ok_and(|(_, payload)| payload.is_some());
            assert!(!whole, "{len} bytes");
        }
    }

    #[test]
    fn a_row_without_its_payload_keeps_its_place_in_the_chain() {
        let bytes = golden_bytes();
        assert_eq!(decode(&bytes[..HEADER_LEN]), Ok((golden(), None)));
        assert_eq!(golden().hash(), decode(&bytes).unwrap().0.hash());
    }

    #[test]
    fn rows_of_other_formats_are_told_from_damaged_ones() {
        let bytes = golden_bytes();
        let of = |format: u8| {
            let content = [&[format], &bytes[1..bytes.len() - CHECKSUM_LEN]].concat();
            decode(&summed(&content)).unwrap_err()
        };
        assert_eq!(of(1), RowError::OlderFormat(1));
        assert_eq!(of(3), RowError::NewerFormat(3));
        assert_eq!(decode(&summed(&[9; 5])), Err(RowError::NewerFormat(9)));
        let flipped = [&[3], &bytes[1..]].concat();
        let damaged = decode(&flipped);
        assert!(matches!(damaged, Err(RowError::Checksum { .. })), "{damaged:?}");
    }

    #[test]
    fn a_payload_of_another_length_than_the_header_says_is_refused() {
        let bytes = golden_bytes();
        for payload in [&PAYLOAD[1..], b"more than three records", b""] {
            let row = summed(&[&bytes[..HEADER_LEN], payload].concat());
            let (found, said) = (payload.len(), PAYLOAD.len() as u32);
            assert_eq!(decode(&row), Err(RowError::Length { found, said }));
        }
    }

    #[test]
    fn a_row_outside_the_range_of_sequence_numbers_is_refused() {
        for (first, count) in [(0, 1), (1, 0), (u64::MAX, 2), (0, 0)] {
            let header = RowHeader { first: Seq(first), count, payload_len: 0, ..golden() };
            let mut bytes = Vec::new();
            encode(&header, b"", &mut bytes);
            assert_eq!(decode(&bytes), Err(RowError::Range), "{first} {count}");
        }
    }

    #[test]
    fn hexadecimal_text_is_read_only_at_its_exact_length() {
        assert_eq!(parse_hex::<2>("0aFf"), Some([0x0A, 0xFF]));
        for text in ["", "0", "0af", "0aff0", "0afg", "+aff", "éaf"] {
            assert_eq!(parse_hex::<2>(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn what_was_encoded_decodes_to_itself(
            first in 1..u64::MAX / 2, at: u64, count in 1..u32::MAX, epoch: u64, prev: [u8; 32],
            root: [u8; 32], payload in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let (first, at, prev, root) = (Seq(first), Time(at), Hash(prev), Hash(root));
            let payload_len = payload.len() as u32;
            let header = RowHeader { first, at, count, epoch, prev, root, payload_len };
            let mut bytes = Vec::new();
            encode(&header, &payload, &mut bytes);
            prop_assert_eq!(decode(&bytes), Ok((header, Some(&payload[..]))));
        }
    }
}
