//! How an event and a row of state are written in bytes. This is the ledger's format:
//! what is written once must be readable for ever, so tags and field orders only grow.
//!
//! An enum is its tag, and a frame of what its variant holds; a struct is a frame of its fields;
//! frames and values are those of `wire`.

#[macro_use]
mod forms;
mod events;
mod rows;
mod values;

use nexnum_engine::event::{Event, MoveKind};
use nexnum_engine::ids::OrderId;
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::snapshot::Row;
use nexnum_engine::time::Time;

pub use crate::wire::RecordError;
use crate::wire::Wire;

/// An event as bytes, appended to `out`.
pub fn encode_event(event: &Event, out: &mut Vec<u8>) {
    event.put(out);
}

/// Takes an event from the beginning of the bytes.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_event(input: &mut &[u8]) -> Result<Event, RecordError> {
    Event::take(input)
}

/// One row of state as bytes, appended to `out`.
pub fn encode_row(row: &Row, out: &mut Vec<u8>) {
    row.put(out);
}

/// Rows of state from bytes that hold nothing else; ends after the first error.
pub fn decode_rows(bytes: &[u8]) -> impl Iterator<Item = Result<Row, RecordError>> + '_ {
    let mut input = bytes;
    std::iter::from_fn(move || {
        if input.is_empty() {
            return None;
        }
        let row = Row::take(&mut input);
        if row.is_err() {
            input = &[];
        }
        Some(row)
    })
}

/// An order as bytes, for its row in history.
#[must_use]
pub fn encode_order(order: &Order) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    order.put(&mut out);
    out
}

/// An order from its row in history.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_order(bytes: &[u8]) -> Result<Order, RecordError> {
    decode(bytes)
}

/// What moved in a customer's wallet, for its row in history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalletRow {
    /// Why.
    pub kind: MoveKind,
    /// What it added to the wallet; negative took away.
    pub amount: Micros,
    /// For which order, where there is one.
    pub order: Option<OrderId>,
    /// When.
    pub at: Time,
}

/// A wallet's row as bytes.
#[must_use]
pub fn encode_wallet_row(row: &WalletRow) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    row.put(&mut out);
    out
}

/// A wallet's row from its bytes.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_wallet_row(bytes: &[u8]) -> Result<WalletRow, RecordError> {
    decode(bytes)
}

fn decode<T: Wire>(bytes: &[u8]) -> Result<T, RecordError> {
    let mut input = bytes;
    let value = T::take(&mut input)?;
    if input.is_empty() { Ok(value) } else { Err(RecordError::Trailing) }
}
