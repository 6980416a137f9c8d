//! What a ledger costs at size: bytes that a commit writes, bytes that a start reads, and how the
//! file grows beside a reader.

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::{Batch, CheckedLedger, Hash, Ledger, RedbLedger};

use crate::counted::CountedDisk;
use crate::run::{ID, place};

fn new_ledger() -> (CountedDisk, RedbLedger) {
    let disk = CountedDisk::default();
    let ledger = RedbLedger::create_on(disk.clone(), place(), ID).unwrap();
    (disk, ledger)
}

fn append(ledger: &mut RedbLedger, payload: &[u8]) {
    let last = ledger.last();
    let (first, at, root) = (Seq(last.seq.0 + 1), Time(last.seq.0), Hash::default());
    ledger.append(&Batch { first, at, count: 1, root, payload }, last, ledger.epoch()).unwrap();
}

/// How much the disk grows by commits of 200 bytes, beside a reader that has read one row and
/// goes on later, if there is one.
fn growth(beside: bool) -> u64 {
    let (disk, mut ledger) = new_ledger();
    for _ in 0..100 {
        append(&mut ledger, &[1; 200]);
    }
    let mut rows = beside.then(|| ledger.read(Seq(1)).unwrap());
    if let Some(rows) = &mut rows {
        rows.next().unwrap().unwrap();
    }
    let before = disk.len();
    for _ in 0..2_000 {
        append(&mut ledger, &[2; 200]);
    }
    assert_eq!(rows.map_or(99, Iterator::count), 99, "it ends where the ledger did");
    disk.len() - before
}

#[test]
fn a_reader_that_stands_still_does_not_make_the_file_grow() {
    let (alone, beside) = (growth(false), growth(true));
    assert_eq!(beside, alone);
}

/// What 50 commits of 200 bytes write each.
fn written_by_commits(disk: &CountedDisk, ledger: &mut RedbLedger) -> Vec<u64> {
    let mut each = || {
        let before = disk.written();
        append(ledger, &[3; 200]);
        disk.written() - before
    };
    (0..50).map(|_| each()).collect()
}

/// Makes the ledger longer by so many rows of 4 MiB, few enough to keep its tree as low as it is.
fn fill(ledger: &mut RedbLedger, rows: usize) {
    let payload = vec![4; (4 << 20) - 4096];
    for _ in 0..rows {
        append(ledger, &payload);
    }
}

#[test]
fn a_commit_writes_as_much_to_a_long_ledger_as_to_a_short_one() {
    let (disk, mut ledger) = new_ledger();
    written_by_commits(&disk, &mut ledger);
    let short = written_by_commits(&disk, &mut ledger);
    fill(&mut ledger, 32);
    assert!(disk.len() >= 128 << 20);
    written_by_commits(&disk, &mut ledger);
    let long = written_by_commits(&disk, &mut ledger);
    assert_eq!(long, short);
}

#[test]
fn a_start_reads_the_file_twice_and_writes_nothing_before_its_reader_has_looked() {
    let (disk, mut ledger) = new_ledger();
    fill(&mut ledger, 8);
    for _ in 0..2_000 {
        append(&mut ledger, &[5; 4_000]);
    }
    let manifest = ledger.manifest();
    let killed = disk.survivor();
    drop(ledger);
    for disk in [killed, disk.survivor()] {
        let checked = CheckedLedger::open_on(disk.clone(), place()).unwrap();
        assert_eq!(checked.reader().last().unwrap(), manifest.known);
        assert_eq!(disk.written(), 0);
        let mut ledger = checked.into_ledger(&manifest).unwrap();
        append(&mut ledger, &[6; 200]);
        assert!(disk.read() <= 2 * disk.len(), "{} of {}", disk.read(), disk.len());
    }
}
