//! What a ledger takes, gives back and refuses, on a real file.

use std::fs;
use std::path::{Path, PathBuf};

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::format::PAYLOAD_LEN_MAX;
use nexnum_storage::{
    Batch, Hash, Ledger, LedgerId, Manifest, Position, Reader, RedbLedger, RowHeader, StorageError,
};
use tempfile::TempDir;

use crate::run::{ID, append_next, append_run, check_content};

fn new_ledger() -> (TempDir, PathBuf, RedbLedger) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    let ledger = RedbLedger::create(&path, ID).unwrap();
    (folder, path, ledger)
}

#[test]
fn what_was_appended_is_read_back_after_a_reopening() {
    let (_folder, path, mut ledger) = new_ledger();
    assert_eq!(ledger.last(), Position { seq: Seq(0), hash: ID.genesis() });
    let (acknowledged, error) = append_run(&mut ledger, 20);
    assert!(error.is_none());
    let (last, manifest) = (ledger.last(), ledger.manifest());
    assert_eq!((acknowledged, manifest.known), (last.seq, last));
    drop(ledger);
    let mut ledger = RedbLedger::open(&path, &manifest).unwrap();
    assert_eq!((ledger.last(), ledger.id()), (last, ID));
    append_next(&mut ledger).unwrap();
    check_content(&ledger).unwrap();
    let epochs: Vec<u64> =
        ledger.read(last.seq).unwrap().map(|r| r.unwrap().header.epoch).collect();
    assert_eq!(epochs, [1, 2]);
}

#[test]
fn a_read_from_the_middle_starts_at_the_row_that_holds_the_event() {
    let (_folder, _path, mut ledger) = new_ledger();
    append_run(&mut ledger, 12);
    let rows: Vec<_> = ledger.read(Seq(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 12);
    for (n, row) in rows.iter().enumerate() {
        for from in [row.header.first, row.header.last()] {
            let read: Vec<_> = ledger.read(from).unwrap().map(Result::unwrap).collect();
            assert_eq!(read, rows[n..], "from {from}");
        }
    }
    assert_eq!(ledger.read(Seq(ledger.last().seq.0 + 1)).unwrap().count(), 0);
    assert_eq!(ledger.read(Seq(u64::MAX)).unwrap().count(), 0);
}

#[test]
fn no_event_since_a_moment_is_before_the_row_that_is_found() {
    let (_folder, _path, mut ledger) = new_ledger();
    let reader = ledger.reader();
    assert_eq!(reader.first_since(Time(5)).unwrap(), Seq(1), "nothing has happened");
    append_run(&mut ledger, 12);
    let rows = ledger.read(Seq(0)).unwrap().map(|row| row.unwrap().header);
    let rows: Vec<RowHeader> = rows.collect();
    // A row's last groups may be as late as the next row's first one.
    let before = |at: Time| rows.iter().rfind(|row| row.at < at).map_or(Seq(1), |row| row.first);
    for row in &rows {
        for at in [row.at, Time(row.at.0 + 1)] {
            assert_eq!(reader.first_since(at).unwrap(), before(at));
        }
    }
    assert_eq!(reader.first_since(Time(0)).unwrap(), Seq(1));
}

#[test]
fn the_hash_is_known_where_a_row_ends_and_nowhere_else() {
    let (_folder, _path, mut ledger) = new_ledger();
    append_run(&mut ledger, 6);
    let reader = ledger.reader();
    let ends: Vec<Position> =
        ledger.read(Seq(1)).unwrap().map(|row| row.unwrap().position()).collect();
    for seq in 1..=ledger.last().seq.0 {
        let expected = ends.iter().find(|end| end.seq.0 == seq).map(|end| end.hash);
        assert_eq!(reader.hash_at(Seq(seq)).unwrap(), expected, "{seq}");
    }
    assert_eq!(reader.hash_at(Seq(0)).unwrap(), Some(ID.genesis()));
    assert_eq!(reader.hash_at(Seq(u64::MAX)).unwrap(), None);
    assert_eq!(reader.last().unwrap(), ledger.last());
}

#[test]
fn a_refused_batch_leaves_the_ledger_as_it_was() {
    let (_folder, _path, mut ledger) = new_ledger();
    append_run(&mut ledger, 2);
    let last = ledger.last();
    let root = Hash::default();
    let batch = |first, count| Batch { first: Seq(first), at: Time(1), count, root, payload: b"x" };
    let next = last.seq.0 + 1;
    let epoch = ledger.epoch();
    let [earlier, later] = [next - 2, next].map(|seq| Position { seq: Seq(seq), ..last });
    let other = Position { hash: Hash([9; 32]), ..last };
    for (batch, expected, epoch) in [
        (batch(next - 1, 1), earlier, epoch),
        (batch(next + 1, 1), later, epoch),
        (batch(next, 1), other, epoch),
        (batch(next, 1), last, epoch - 1),
        (batch(next, 1), last, epoch + 1),
    ] {
        let error = ledger.append(&batch, expected, epoch).unwrap_err();
        assert!(matches!(error, StorageError::Fenced { .. }), "{error}");
    }
    for batch in [batch(next + 1, 1), batch(next - 1, 1), batch(next, 0), batch(0, 1)] {
        let error = ledger.append(&batch, last, epoch).unwrap_err();
        assert!(matches!(error, StorageError::BadBatch { .. }), "{error}");
    }
    let payload = vec![0; PAYLOAD_LEN_MAX + 1];
    let too_long = Batch { payload: &payload, ..batch(next, 1) };
    let error = ledger.append(&too_long, last, epoch).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
    assert_eq!(ledger.last(), last);
    append_next(&mut ledger).unwrap();
    check_content(&ledger).unwrap();
}

#[test]
fn a_batch_that_is_sent_again_is_there_once_under_the_hash_that_its_writer_expects() {
    let (_folder, path, mut ledger) = new_ledger();
    append_run(&mut ledger, 2);
    let (before, epoch) = (ledger.last(), ledger.epoch());
    let (first, payload) = (Seq(before.seq.0 + 1), [7; 100]);
    let batch = Batch { first, at: Time(9), count: 3, root: Hash([3; 32]), payload: &payload };
    let id = RowHeader::of(&batch, before.hash, epoch).hash();
    for _ in 0..2 {
        let end = ledger.append(&batch, before, epoch).unwrap();
        assert_eq!(end, Position { seq: Seq(before.seq.0 + 3), hash: id });
        assert_eq!(ledger.last(), end);
    }
    // Another batch at its place is another writer's.
    let other = Batch { payload: b"other", ..batch };
    let error = ledger.append(&other, before, epoch).unwrap_err();
    assert!(matches!(error, StorageError::Fenced { .. }), "{error}");
    assert_eq!(ledger.read(first).unwrap().count(), 1);
    let manifest = ledger.manifest();
    drop(ledger);
    // A start begins another epoch, in which the earlier writer is fenced.
    let mut ledger = RedbLedger::open(&path, &manifest).unwrap();
    let next = Batch { first: Seq(ledger.last().seq.0 + 1), ..batch };
    let error = ledger.append(&next, ledger.last(), epoch).unwrap_err().to_string();
    assert!(error.contains("of epoch 1, expected the ledger to end at sequence"), "{error}");
    assert!(error.contains("in epoch 2; only the writer that began last may append"), "{error}");
}

#[test]
fn a_ledger_that_exists_is_never_created_again() {
    let (_folder, path, ledger) = new_ledger();
    drop(ledger);
    let before = fs::read(&path).unwrap();
    let error = RedbLedger::create(&path, ID).unwrap_err();
    assert!(matches!(error, StorageError::AlreadyExists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

fn check_refused(path: &Path, manifest: &Manifest, expected: &str) {
    let error = RedbLedger::open(path, manifest).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_ledger_that_is_not_what_the_manifest_knows_does_not_open() {
    let (folder, path, mut ledger) = new_ledger();
    append_run(&mut ledger, 3);
    let manifest = ledger.manifest();
    drop(ledger);

    let known = Position { seq: Seq(1_000_000), ..manifest.known };
    check_refused(&path, &Manifest { known, ..manifest }, "but is known to have reached 1000000");
    let known = Position { hash: Hash([1; 32]), ..manifest.known };
    check_refused(&path, &Manifest { known, ..manifest }, "its hash is not the one that was noted");
    let known = Position { seq: Seq(manifest.known.seq.0 - 1), ..manifest.known };
    check_refused(&path, &Manifest { known, ..manifest }, "no row ends here");
    let other = Manifest { id: LedgerId([9; 16]), ..manifest };
    check_refused(&path, &other, "belongs to ledger a7a7");

    let empty = folder.path().join("empty.redb");
    fs::write(&empty, b"").unwrap();
    check_refused(&empty, &manifest, "empty.redb is empty");
    assert_eq!(fs::read(&empty).unwrap(), b"");
    let missing = folder.path().join("missing.redb");
    check_refused(&missing, &manifest, "missing.redb is missing");
    assert!(!missing.exists());
    let noise = folder.path().join("noise.redb");
    fs::write(&noise, vec![0x5A; 10_000]).unwrap();
    check_refused(&noise, &manifest, "noise.redb");
    assert!(fs::read(&noise).unwrap() == vec![0x5A; 10_000]);
    let emptied = folder.path().join("emptied.redb");
    drop(RedbLedger::create(&emptied, ID).unwrap());
    check_refused(&emptied, &manifest, "ends at sequence 0");

    RedbLedger::open(&path, &manifest).unwrap();
}

#[test]
fn one_process_has_the_ledger_at_a_time() {
    let (_folder, path, ledger) = new_ledger();
    let manifest = ledger.manifest();
    for error in [
        RedbLedger::open(&path, &manifest).unwrap_err(),
        Reader::open(&path, &manifest).unwrap_err(),
    ] {
        assert!(matches!(error, StorageError::InUse { .. }), "{error}");
    }
    let reader = ledger.reader();
    drop(ledger);
    assert!(RedbLedger::open(&path, &manifest).is_err(), "the reader still has it");
    drop(reader);
    RedbLedger::open(&path, &manifest).unwrap();
}

#[test]
fn a_reader_on_another_thread_sees_what_is_durable_and_nothing_else() {
    let (_folder, _path, mut ledger) = new_ledger();
    append_run(&mut ledger, 2);
    let reader = ledger.reader();
    let before = ledger.last();
    let rows = reader.read(Seq(1)).unwrap();
    append_run(&mut ledger, 3);
    let seen = std::thread::spawn(move || {
        assert_eq!(rows.map(Result::unwrap).last().unwrap().position(), before);
        reader.verify(|_, _| {}).unwrap()
    });
    assert_eq!(seen.join().unwrap(), ledger.last());
}

#[test]
fn verification_walks_every_row_and_says_how_far_it_is() {
    let (_folder, path, mut ledger) = new_ledger();
    append_run(&mut ledger, 600);
    let (last, manifest) = (ledger.last(), ledger.manifest());
    drop(ledger);
    let before = fs::read(&path).unwrap();
    let mut reports = Vec::new();
    let reader = Reader::open(&path, &manifest).unwrap();
    let end = reader.verify(|done, total| reports.push((done, total))).unwrap();
    assert_eq!(end, last);
    assert_eq!(reports, [(256, 600), (512, 600), (600, 600)]);
    drop(reader);
    assert!(fs::read(&path).unwrap() == before, "verification wrote to the file");
}

#[test]
fn a_ledger_of_another_format_is_refused_by_its_name() {
    for (format, expected) in [
        (1u32, "has format 1, of a version before the first release"),
        (3, "has format 3, this program reads up to 2: use a newer version"),
    ] {
        let (_folder, path, mut ledger) = new_ledger();
        append_run(&mut ledger, 2);
        let manifest = ledger.manifest();
        drop(ledger);
        let database = redb::Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let table: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("meta");
        let bytes = format.to_le_bytes();
        drop(transaction.open_table(table).unwrap().insert("format", &bytes[..]).unwrap());
        transaction.commit().unwrap();
        drop(database);
        for error in [
            RedbLedger::open(&path, &manifest).unwrap_err(),
            Reader::open(&path, &manifest).unwrap_err(),
        ] {
            assert!(!error.is_damage() && error.to_string().contains(expected), "{error}");
        }
    }
}
