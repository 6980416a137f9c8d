//! Which snapshot a restart gets, and which are passed over.

use std::fs;
use std::path::Path;

use nexnum_engine::time::Time;
use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::snapshot::{self, KEPT, PassedOver, Snapshot, SnapshotHeader};
use nexnum_storage::{Hash, Ledger, LedgerId, Position, RedbLedger, StorageError};

use crate::run::{ID, append_next, create};

fn take(folder: &Path, ledger: &RedbLedger) -> SnapshotHeader {
    write(folder, ID, ledger.last())
}

fn write(folder: &Path, id: LedgerId, position: Position) -> SnapshotHeader {
    let header = SnapshotHeader { id, position, at: Time(5), state_hash: [3; 32] };
    let payload = format!("the state at {}", position.seq);
    snapshot::write(folder, &header, payload.as_bytes()).unwrap();
    header
}

/// The newest snapshot that stands, whatever its payload.
fn newest_valid(folder: &Path, ledger: &RedbLedger) -> (Option<Snapshot>, Vec<PassedOver>) {
    snapshot::newest_valid(folder, &ledger.reader(), Ok).unwrap()
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn new_ledger() -> (tempfile::TempDir, RedbLedger) {
    (tempfile::tempdir().unwrap(), create(&FaultyDisk::new(1)).unwrap())
}

#[test]
fn the_newest_snapshot_is_found_and_the_oldest_are_removed() {
    let (folder, mut ledger) = new_ledger();
    let folder = folder.path();
    fs::write(folder.join("notes.txt"), "an operator's").unwrap();
    for _ in 0..KEPT + 2 {
        append_next(&mut ledger).unwrap();
        take(folder, &ledger);
    }
    let newest = take(folder, &ledger);
    let (found, passed_over) = newest_valid(folder, &ledger);
    let found = found.unwrap();
    assert_eq!(found.header, newest);
    assert_eq!(found.payload, format!("the state at {}", newest.position.seq).as_bytes());
    assert!(passed_over.is_empty());
    let names = names(folder);
    assert_eq!(names.len(), KEPT + 1, "{names:?}");
    assert_eq!(names[KEPT - 1], format!("{:020}.nxs", newest.position.seq.0));
    assert_eq!(names[KEPT], "notes.txt");
}

#[test]
fn a_snapshot_that_cannot_be_trusted_is_passed_over_with_its_reason() {
    let (folder, mut ledger) = new_ledger();
    let folder = folder.path();
    append_next(&mut ledger).unwrap();
    let good = take(folder, &ledger);
    append_next(&mut ledger).unwrap();
    let damaged = folder.join(format!("{:020}.nxs", take(folder, &ledger).position.seq.0));
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[120] ^= 1;
    fs::write(&damaged, &bytes).unwrap();
    let ahead = Position { seq: nexnum_engine::ids::Seq(1_000_000), hash: Hash([7; 32]) };
    write(folder, ID, ahead);

    let (found, passed_over) = newest_valid(folder, &ledger);
    assert_eq!(found.unwrap().header, good);
    let reasons: Vec<_> = passed_over.iter().map(|p| p.reason.as_str()).collect();
    assert_eq!(
        reasons,
        ["stands on a sequence 1000000 that the ledger lacks", "does not have the hash it says"]
    );
    assert!(damaged.exists(), "what is damaged stays for the operator to see");
}

#[test]
fn what_cannot_be_read_or_is_not_understood_is_passed_over_for_the_next_older() {
    let (folder, mut ledger) = new_ledger();
    let folder = folder.path();
    append_next(&mut ledger).unwrap();
    let good = take(folder, &ledger);
    for _ in 0..2 {
        append_next(&mut ledger).unwrap();
        take(folder, &ledger);
    }
    fs::create_dir(folder.join("00000000000000000999.nxs")).unwrap();
    let understand = |found: Snapshot| {
        let understood = found.header == good;
        understood.then_some(found).ok_or_else(|| "is Greek".to_owned())
    };
    let (found, passed_over) =
        snapshot::newest_valid(folder, &ledger.reader(), understand).unwrap();
    assert_eq!(found.map(|found| found.header), Some(good));
    let reasons: Vec<_> = passed_over.iter().map(|p| p.reason.as_str()).collect();
    assert!(reasons[0].starts_with("cannot be read: reading "), "{reasons:?}");
    assert_eq!(reasons[1..], ["is Greek", "is Greek"]);

    let file = folder.join("not a folder");
    fs::write(&file, "").unwrap();
    let (found, passed_over) = newest_valid(&file, &ledger);
    assert!(found.is_none());
    assert!(passed_over[0].reason.starts_with("cannot be listed: "), "{passed_over:?}");
}

#[test]
fn snapshots_ahead_of_the_ledger_do_not_crowd_out_the_ones_it_has() {
    let (folder, mut ledger) = new_ledger();
    for n in 0..KEPT as u64 {
        let ahead = Position { seq: nexnum_engine::ids::Seq(1_000_000 + n), hash: Hash([7; 32]) };
        write(folder.path(), ID, ahead);
    }
    append_next(&mut ledger).unwrap();
    let header = take(folder.path(), &ledger);
    let (found, passed_over) = newest_valid(folder.path(), &ledger);
    assert_eq!((found.unwrap().header, passed_over.len()), (header, KEPT));
}

#[test]
fn a_snapshot_of_another_ledger_is_not_used() {
    let (folder, mut ledger) = new_ledger();
    append_next(&mut ledger).unwrap();
    write(folder.path(), LedgerId([1; 16]), ledger.last());
    let (found, passed_over) = newest_valid(folder.path(), &ledger);
    assert_eq!(found, None);
    assert!(passed_over[0].reason.starts_with("belongs to ledger 0101"), "{passed_over:?}");
}

#[test]
fn no_folder_is_no_snapshot_but_nowhere_to_write_one() {
    let (folder, ledger) = new_ledger();
    let missing = folder.path().join("snapshots");
    let (found, passed_over) = newest_valid(&missing, &ledger);
    assert!(found.is_none() && passed_over.is_empty());
    let header =
        SnapshotHeader { id: ID, position: ledger.last(), at: Time(0), state_hash: [0; 32] };
    let error = snapshot::write(&missing, &header, b"").unwrap_err();
    assert!(matches!(error, StorageError::Missing { .. }), "{error}");
}

#[test]
fn what_a_crash_left_half_written_is_not_a_snapshot() {
    let (folder, mut ledger) = new_ledger();
    append_next(&mut ledger).unwrap();
    let header = take(folder.path(), &ledger);
    fs::write(folder.path().join("00000000000000000099.nxs.tmp"), b"half").unwrap();
    let (found, passed_over) = newest_valid(folder.path(), &ledger);
    assert_eq!(found.unwrap().header, header);
    assert!(passed_over.is_empty());
}
