//! A fixed run of appends whose every batch follows from its sequence number, so
//! that whatever comes back from a disk can be checked against it.

use std::path::Path;

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::{
    Batch, CheckedLedger, Hash, Ledger, LedgerId, Manifest, RedbLedger, RowHeader, StorageError,
};

pub(crate) const ID: LedgerId = LedgerId([0xA7; 16]);

pub(crate) fn place() -> &'static Path {
    Path::new("simulated.redb")
}

pub(crate) fn create(disk: &FaultyDisk) -> Result<RedbLedger, StorageError> {
    RedbLedger::create_on(disk.clone(), place(), ID)
}

pub(crate) fn open(disk: &FaultyDisk) -> Result<RedbLedger, StorageError> {
    RedbLedger::open_on(disk.clone(), place(), &Manifest::of_new(ID))
}

/// As [`open`], with the checks that a server makes before it writes.
pub(crate) fn open_checked(disk: &FaultyDisk) -> Result<RedbLedger, StorageError> {
    CheckedLedger::open_on(disk.clone(), place())?.into_ledger(&Manifest::of_new(ID))
}

/// How many events the batch at `first` has: from one to a few, now and then many,
/// so that commits touch one page, several, and make the file grow.
pub(crate) fn count(first: u64) -> u32 {
    match first % 7 {
        0 => 400,
        n => u32::try_from(n).unwrap(),
    }
}

/// The payload of the batch at `first`: 100 bytes an event, no two alike.
pub(crate) fn payload(first: u64) -> Vec<u8> {
    (0..u64::from(count(first)))
        .flat_map(|n| format!("event {:08} of the fixed run.{:.<69}|", first + n, "").into_bytes())
        .collect()
}

/// Appends the next batch of the run.
pub(crate) fn append_next(ledger: &mut RedbLedger) -> Result<Seq, StorageError> {
    let last = ledger.last();
    let first = last.seq.0 + 1;
    let payload = payload(first);
    let (count, root) = (count(first), Hash::default());
    let batch = Batch { first: Seq(first), at: Time(first), count, root, payload: &payload };
    ledger.append(&batch, last, ledger.epoch()).map(|end| end.seq)
}

/// Appends `batches` of the run, stopping at the first error. Returns what was
/// acknowledged last, and the error.
pub(crate) fn append_run(ledger: &mut RedbLedger, batches: u32) -> (Seq, Option<StorageError>) {
    let mut acknowledged = ledger.last().seq;
    for _ in 0..batches {
        match append_next(ledger) {
            Ok(seq) => acknowledged = seq,
            Err(error) => return (acknowledged, Some(error)),
        }
    }
    (acknowledged, None)
}

/// Reads the whole ledger and compares it with the run. Returns where it ends.
pub(crate) fn check_content(ledger: &RedbLedger) -> Result<Seq, StorageError> {
    let mut end = Seq(0);
    for row in ledger.read(Seq(1))? {
        let row = row?;
        let RowHeader { first, at, count: found, .. } = row.header;
        assert_eq!(first, Seq(end.0 + 1));
        assert_eq!((found, at), (count(first.0), Time(first.0)));
        assert!(row.payload()? == payload(first.0), "the payload at {first} changed");
        end = row.header.last();
    }
    assert_eq!(end, ledger.last().seq);
    Ok(end)
}
