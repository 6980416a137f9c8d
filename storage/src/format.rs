//! The bytes of a ledger row, and the chain that links the rows.
//!
//! Promises: [`decode`] is total: any bytes give a row or a reason, never a
//! panic; the layout of a written format never changes (the golden-bytes test
//! holds it). What the payload means is left to the record codec.
//!
//! ```text
//! offset  size  field, little-endian
//!      0     1  format, 1
//!      1     8  sequence number of the first event
//!      9     8  time of the batch, ms since 1970
//!     17     4  number of events, at least 1
//!     21     8  epoch: the writer's term, never decreasing
//!     29    32  hash of the row before (of the ledger's identity for the first)
//!     61     n  payload
//!   61+n     4  CRC-32 (IEEE) of everything before
//! ```
//!
//! A row's hash is the BLAKE3 of all its bytes. The checksum finds accidents
//! fast; the chain finds a row that was lost, swapped or rewritten.

use std::fmt;

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;

use crate::error::StorageError;

/// The newest row format that this program writes and reads.
pub const ROW_FORMAT: u8 = 1;

/// Bytes before the payload.
pub const HEADER_LEN: usize = 61;

/// Bytes after the payload.
pub const TRAILER_LEN: usize = 4;

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

/// What one commit brings: events `first` to `first + count - 1`, encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The sequence number of the first event.
    pub first: Seq,
    /// The time the batch was decided at.
    pub at: Time,
    /// How many events the payload holds, at least 1.
    pub count: u32,
    /// The events, encoded by the record codec; at most [`PAYLOAD_LEN_MAX`] bytes.
    pub payload: &'a [u8],
}

/// A row as it is on disk, borrowed from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRef<'a> {
    /// The batch.
    pub batch: Batch<'a>,
    /// The term of the writer.
    pub epoch: u64,
    /// The hash of the row before.
    pub prev: Hash,
}

/// Why bytes are not a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowError {
    /// Fewer bytes than an empty payload needs.
    TooShort(usize),
    /// A format that this program does not know.
    UnknownFormat(u8),
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
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooShort(len) => write!(f, "the row has only {len} bytes"),
            Self::UnknownFormat(found) => {
                write!(f, "the row's format is {found}, this program reads {ROW_FORMAT}")
            }
            Self::Checksum { computed, stored } => {
                write!(f, "the row's checksum is {computed:08x}, not {stored:08x} as stored")
            }
            Self::Range => f.write_str("the row's sequence numbers are out of range"),
            Self::TooLong(len) => write!(f, "the row's payload has {len} bytes"),
        }
    }
}

impl std::error::Error for RowError {}

impl RowRef<'_> {
    /// The sequence number of the last event.
    #[must_use]
    pub fn last(&self) -> Seq {
        // A count of at least 1 and a range within u64 are checked before a RowRef exists.
        Seq(self.batch.first.0 + u64::from(self.batch.count) - 1)
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
/// The caller has checked the batch's range and length.
pub fn encode(row: &RowRef<'_>, out: &mut Vec<u8>) {
    let batch = &row.batch;
    out.clear();
    out.reserve(HEADER_LEN + batch.payload.len() + TRAILER_LEN);
    out.push(ROW_FORMAT);
    out.extend_from_slice(&batch.first.0.to_le_bytes());
    out.extend_from_slice(&batch.at.0.to_le_bytes());
    out.extend_from_slice(&batch.count.to_le_bytes());
    out.extend_from_slice(&row.epoch.to_le_bytes());
    out.extend_from_slice(&row.prev.0);
    debug_assert_eq!(out.len(), HEADER_LEN);
    out.extend_from_slice(batch.payload);
    out.extend_from_slice(&crc32fast::hash(out).to_le_bytes());
}

/// Reads a row's bytes.
///
/// # Errors
/// [`RowError`] says what is wrong; the format is looked at first, then the
/// checksum, then the meaning.
pub fn decode(bytes: &[u8]) -> Result<RowRef<'_>, RowError> {
    if let Some(&format) = bytes.first()
        && format != ROW_FORMAT
    {
        return Err(RowError::UnknownFormat(format));
    }
    let short = RowError::TooShort(bytes.len());
    let (content, trailer) = bytes.split_last_chunk::<TRAILER_LEN>().ok_or(short)?;
    let (header, payload) = content.split_first_chunk::<HEADER_LEN>().ok_or(short)?;
    let (computed, stored) = (crc32fast::hash(content), u32::from_le_bytes(*trailer));
    if computed != stored {
        return Err(RowError::Checksum { computed, stored });
    }
    if payload.len() > PAYLOAD_LEN_MAX {
        return Err(RowError::TooLong(payload.len()));
    }
    let first = Seq(u64::from_le_bytes(field(header, 1)));
    let count = u32::from_le_bytes(field(header, 17));
    if !in_range(first, count) {
        return Err(RowError::Range);
    }
    Ok(RowRef {
        batch: Batch { first, at: Time(u64::from_le_bytes(field(header, 9))), count, payload },
        epoch: u64::from_le_bytes(field(header, 21)),
        prev: Hash(field(header, 29)),
    })
}

/// The hash of a row's bytes.
#[must_use]
pub fn hash(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

/// `N` bytes of the header from a constant offset.
fn field<const N: usize>(header: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
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

    fn golden() -> RowRef<'static> {
        let batch = Batch {
            first: Seq(0x0102_0304_0506_0708),
            at: Time(1_795_000_000_123),
            count: 3,
            payload: b"three events",
        };
        RowRef { batch, epoch: 7, prev: LedgerId([0xAB; 16]).genesis() }
    }

    #[test]
    fn the_first_format_keeps_its_bytes() {
        let mut bytes = Vec::new();
        encode(&golden(), &mut bytes);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let expected = concat!(
            "01",
            "0807060504030201",
            "7b5e56eea1010000",
            "03000000",
            "0700000000000000",
            "db14b27c9b926fb49d75e810fc074063334e0e867e5b02a970d8c532d306f877",
            "7468726565206576656e7473",
            "50f93d06",
        );
        assert_eq!(hex, expected);
        assert_eq!(
            hash(&bytes).to_string(),
            "16531f490dd9b99e1c9789c3876c9fec7395de0ff7d330288a53f2822980895e"
        );
        assert_eq!(decode(&bytes), Ok(golden()));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let mut bytes = Vec::new();
        encode(&golden(), &mut bytes);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_row_outside_the_range_of_sequence_numbers_is_refused() {
        for (first, count) in [(0, 1), (1, 0), (u64::MAX, 2), (0, 0)] {
            let batch = Batch { first: Seq(first), at: Time(0), count, payload: b"" };
            let mut bytes = Vec::new();
            encode(&RowRef { batch, epoch: 0, prev: Hash::default() }, &mut bytes);
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
            payload in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let batch = Batch { first: Seq(first), at: Time(at), count, payload: &payload };
            let row = RowRef { batch, epoch, prev: Hash(prev) };
            let mut bytes = Vec::new();
            encode(&row, &mut bytes);
            prop_assert_eq!(decode(&bytes), Ok(row));
        }
    }
}
