//! Receipts: the records of one order, each with what proves that it stands in the ledger, so that a
//! stranger can check it with the roots of the days alone.
//!
//! A record is a leaf of its row's tree, with a salt of its own; the row's header has the root of that
//! tree and is a leaf of its day's tree; the root of the day is published. A receipt has the records,
//! their salts, the rows' headers, and hashes: never a row's salt, and nothing of other records.
//!
//! It proves that what it shows was recorded. It does not prove that nothing else was: a record may
//! be left out. Those of rows whose day is not closed yet are held against their row alone.

mod build;
mod document;
mod prove;
mod words;

pub use build::{BuiltReceipt, build};
pub use document::{
    DayRoot, DayRootPage, OrderReceipt, RECEIPT_FORMAT, ReceiptKey, ReceiptProof, ReceiptRecord,
    ReceiptRow, encoded,
};
pub use prove::{Unproven, prove};
