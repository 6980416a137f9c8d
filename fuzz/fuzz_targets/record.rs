//! Bytes as a ledger's row, a batch of events, rows of state, an order, a snapshot: never a
//! panic, and what decodes is the same after another round.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nexnum_storage::format::{self, TRAILER_LEN};
use nexnum_storage::{record, snapshot};

fn events(bytes: &[u8]) {
    let Ok(events) = record::decode_events(bytes) else { return };
    for event in &events {
        // Readings of an event that replay and history make before the engine judges it.
        let _order = event.order();
    }
    let mut again = Vec::new();
    record::encode_events(&events, &mut again);
    assert_eq!(record::decode_events(&again), Ok(events));
}

fn rows(bytes: &[u8]) {
    let rows: Vec<_> = record::decode_rows(bytes).collect();
    let whole: Vec<_> = rows.iter().flatten().collect();
    assert!(rows.len() - whole.len() <= 1, "decoding ends at the first error");
    let mut again = Vec::new();
    whole.iter().for_each(|row| record::encode_row(row, &mut again));
    let round: Vec<_> = record::decode_rows(&again).collect();
    assert!(round.iter().flatten().eq(whole.iter().copied()) && round.len() == whole.len());
}

fn order(bytes: &[u8]) {
    if let Ok(order) = record::decode_order(bytes) {
        assert_eq!(record::decode_order(&record::encode_order(&order)), Ok(order));
    }
}

fn ledger_row(bytes: &[u8]) {
    let Ok(row) = format::decode(bytes) else { return };
    let mut again = Vec::new();
    format::encode(&row, &mut again);
    assert_eq!(again, bytes, "a row has one way to be written");
    events(row.batch.payload);
}

/// The same with the checksum put right, which no fuzzer guesses.
fn checked_row(bytes: &[u8]) {
    let Some(len) = bytes.len().checked_sub(TRAILER_LEN) else { return };
    let mut row = bytes[..len].to_vec();
    let stored = match format::decode(bytes) {
        Err(format::RowError::Checksum { computed, .. }) => computed,
        _ => return,
    };
    row.extend_from_slice(&stored.to_le_bytes());
    ledger_row(&row);
}

fuzz_target!(|bytes: &[u8]| {
    ledger_row(bytes);
    checked_row(bytes);
    events(bytes);
    rows(bytes);
    order(bytes);
    if let Ok((header, payload)) = snapshot::decode(bytes) {
        assert!(payload.len() < bytes.len() && header.position.seq.0 < u64::MAX);
    }
});
