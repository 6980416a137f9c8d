//! A receipt as JSON, and the roots of days as JSON.
//!
//! Hashes, salts, keys and records are base64url without padding (RFC 4648, section 5). The format
//! grows with its number: every field is checked, and one that is not known is refused.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexnum_engine::event::ClosedDay;
use nexnum_engine::time::Time;
use nexnum_storage::Hash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::rfc3339;

/// The format of a receipt: one more with each change of its fields, or of its words.
pub const RECEIPT_FORMAT: u32 = 1;

/// Bytes as the documents have them.
#[must_use]
pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of such a text; each has one text.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The 32 bytes of such a text.
pub(super) fn decoded_32(text: &str) -> Option<[u8; 32]> {
    decoded(text)?.try_into().ok()
}

/// A day as the documents have it, as `2026-11-30`.
pub(super) fn day_text(day: u32) -> String {
    let begin = rfc3339(Time::of_day(day));
    begin.split_once('T').map_or(begin.clone(), |(day, _)| day.to_owned())
}

/// The receipt of an order: its records in the ledger, and what proves that they stand there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderReceipt {
    /// The format of this document: 1.
    pub format: u32,
    /// The ledger's id, 32 hexadecimal digits.
    pub ledger: String,
    /// The order's number in the ledger.
    pub order: u64,
    /// The rows of the ledger that have records of the order, in their order.
    #[schemars(length(min = 1, max = 2000))]
    pub rows: Vec<ReceiptRow>,
    /// The keys of values in these records that are sealed. None opens another value.
    #[schemars(length(max = 2000))]
    pub keys: Vec<ReceiptKey>,
}

/// Prints no record: a receipt has the number and the messages of its order.
impl fmt::Debug for OrderReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderReceipt").field("order", &self.order).finish_non_exhaustive()
    }
}

/// A row of the ledger: its header, and the records in it that are the order's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRow {
    /// The position of the row's first record.
    pub first: u64,
    /// The time of the row, in milliseconds since 1970.
    pub time: u64,
    /// How many records the row has.
    pub count: u32,
    /// The term of its writer.
    pub epoch: u64,
    /// The hash of the row before.
    pub previous: String,
    /// Bytes of the row's payload.
    pub payload_len: u32,
    /// The order's records, each group's head before its events.
    #[schemars(length(min = 1, max = 2000))]
    pub records: Vec<ReceiptRecord>,
    /// The hashes that lead from the records to the root of the row.
    #[schemars(length(max = 2000))]
    pub path: Vec<String>,
    /// The day of the row, as `2026-11-30`.
    pub day: String,
    /// What proves that the row stands in its day; `null` while the day is not closed.
    pub proof: Option<ReceiptProof>,
}

/// A record of the ledger.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRecord {
    /// Its position.
    pub seq: u64,
    /// When it was decided, in milliseconds since 1970.
    pub time: u64,
    /// The salt of its leaf.
    pub salt: String,
    /// Its bytes.
    pub bytes: String,
    /// What the bytes say.
    #[schemars(length(max = 2000))]
    pub says: String,
}

/// What proves that a row stands in its day.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptProof {
    /// Which row of the day it is, from 0.
    pub index: u64,
    /// The hashes that lead from the row to the root of the day.
    #[schemars(length(max = 64))]
    pub path: Vec<String>,
}

/// The key of one sealed value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptKey {
    /// The position of the record that has the value.
    pub seq: u64,
    /// The key.
    pub subkey: String,
}

/// A page of the roots of closed days, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayRootPage {
    /// The ledger's id, 32 hexadecimal digits.
    pub ledger: String,
    /// The roots.
    #[schemars(length(max = 100))]
    pub day_roots: Vec<DayRoot>,
    /// The `cursor` of the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// The root of a closed day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayRoot {
    /// The day of UTC, as `2026-11-30`.
    pub day: String,
    /// The root over its rows.
    pub root: String,
    /// How many rows it has.
    pub rows: u64,
}

impl From<ClosedDay> for DayRoot {
    fn from(closed: ClosedDay) -> Self {
        let root = Hash(closed.root);
        Self { day: day_text(closed.day), root: encoded(root.0), rows: closed.rows }
    }
}
