//! Bytes as a ledger's row, its groups, an event, rows of state, an order, a snapshot: never a
//! panic, and what decodes is the same after another round.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::format::{self, CHECKSUM_LEN};
use nexnum_storage::{Payload, Salt, merkle::SALT_LEN, payload, record, snapshot};

fn event(bytes: &[u8]) {
    let mut input = bytes;
    let Ok(event) = record::decode_event(&mut input) else { return };
    // A reading of an event that replay and history make before the engine judges it.
    let _order = event.order();
    let mut again = Vec::new();
    record::encode_event(&event, &mut again);
    assert_eq!(again, bytes[..bytes.len() - input.len()], "an event has one way to be written");
}

fn groups(bytes: &[u8], first: Seq, at: Time) {
    let Ok(groups) = payload::decode(bytes, first, at, |_, _, _| {}) else { return };
    // A row has the time of its first group.
    let is_first = groups.iter().next().is_none_or(|(head, _)| head.at == at);
    let salt = Salt(*bytes.first_chunk::<SALT_LEN>().expect("it was decoded"));
    let is_ordered = groups.iter().is_sorted_by_key(|(head, _)| head.at);
    if is_first && is_ordered {
        let again = Payload::of(&groups, &salt, first);
        assert_eq!(again.batch().payload, bytes, "groups have one way to be written");
    }
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
    let Ok((header, payload)) = format::decode(bytes) else { return };
    let mut again = Vec::new();
    format::encode(&header, payload.unwrap_or_default(), &mut again);
    assert!(again.starts_with(bytes), "a row has one way to be written");
    groups(payload.unwrap_or_default(), header.first, header.at);
}

/// The same with the checksum put right, which no fuzzer guesses.
fn checked_row(bytes: &[u8]) {
    let Some(len) = bytes.len().checked_sub(CHECKSUM_LEN) else { return };
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
    event(bytes);
    groups(bytes, Seq(1), Time(0));
    rows(bytes);
    order(bytes);
    if let Ok((header, payload)) = snapshot::decode(bytes) {
        assert!(payload.len() < bytes.len() && header.position.seq.0 < u64::MAX);
    }
});
