//! Bits turn over behind the ledger's back. The database trusts the pages it finds, and one
//! bit can make it show an older end: where the ledger ended is known from outside it, from
//! the manifest after a clean stop and from the tip after a kill.

use nexnum_engine::ids::Seq;
use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::{CheckedLedger, Ledger, Manifest, Position, RedbLedger, StorageError};

use crate::run::{ID, append_run, check_content, create, open, payload, place};

/// A disk with a ledger of `batches`, closed, and where it ends.
fn written(batches: u32) -> (FaultyDisk, Seq) {
    let disk = FaultyDisk::new(0);
    let mut ledger = create(&disk).unwrap();
    let (end, error) = append_run(&mut ledger, batches);
    assert!(error.is_none());
    drop(ledger);
    (disk.survivor(), end)
}

#[test]
fn a_flip_in_a_row_is_named_by_its_sequence_number() {
    let (disk, end) = written(8);
    let rows = open(&disk).unwrap().read(Seq(1)).unwrap();
    let starts: Vec<Seq> = rows.map(|row| row.unwrap().header.first).collect();
    for first in starts {
        let mut named = 0;
        for at in disk.find(&payload(first.0)[..40]) {
            // The payload, then the hash, epoch, count, time and sequence number before it.
            for byte in [at + 50, at - 1, at - 33, at - 41, at - 50, at - 60] {
                let altered = disk.survivor();
                altered.flip_bit(byte * 8 + 3);
                // Pages that earlier commits left behind hold copies that no open reads.
                let Err(error) = open(&altered).and_then(|ledger| check_content(&ledger)) else {
                    continue;
                };
                let StorageError::Damaged { seq, .. } = error else { panic!("{first}: {error}") };
                assert_eq!(seq, first, "of {end}");
                named += 1;
            }
        }
        assert_eq!(named, 6, "flips in the row at {first}");
    }
}

/// How a disk is left by its writer.
#[derive(Clone, Copy, Debug)]
enum End {
    Closed,
    Killed,
}

/// A disk with a ledger of `batches`, and where it ends.
fn left(end: End, batches: u32) -> (FaultyDisk, Position) {
    let disk = FaultyDisk::new(0);
    let mut ledger = create(&disk).unwrap();
    assert!(append_run(&mut ledger, batches).1.is_none());
    let last = ledger.last();
    let survivor = match end {
        End::Closed => {
            drop(ledger);
            disk.survivor()
        }
        End::Killed => disk.survivor(),
    };
    (survivor, last)
}

/// The bits that are tried: all of the header and its commit slots, and of every page the
/// first bytes, where its kind and its number of entries are, and some of the rest.
fn bits(disk: &FaultyDisk) -> impl Iterator<Item = u64> + use<> {
    let pages = disk.len() / 4096;
    let heads = (1..pages).flat_map(|page| (0..4 * 8).map(move |bit| page * 4096 * 8 + bit));
    let len = disk.len() * 8;
    let spread = (0..1_000u64).map(move |n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % len);
    (0..64 * 8).chain((64 * 8..320 * 8).step_by(3)).chain(heads).chain(spread)
}

/// The ledger after the checks that a server makes before it writes.
fn opened(disk: &FaultyDisk, manifest: &Manifest) -> Result<RedbLedger, StorageError> {
    CheckedLedger::open_on(disk.clone(), place())?.into_ledger(manifest)
}

/// Everything is there, and still is when more has been written.
fn goes_on(mut ledger: RedbLedger, last: Seq) -> Result<(), StorageError> {
    assert_eq!(check_content(&ledger)?, last);
    let (end, error) = append_run(&mut ledger, 2);
    error.map_or(Ok(()), Err)?;
    assert_eq!(check_content(&ledger)?, end);
    Ok(())
}

/// Whether the error says where the ledger breaks, or how far it had come. Where a row's
/// key was altered, an open names the key that it found at the end; a walk, which comes
/// first in a server, names the row that is missing.
fn names_a_place(error: &StorageError, last: Seq) -> bool {
    match error {
        StorageError::Damaged { .. } => true,
        StorageError::Behind { known, .. } | StorageError::Lost { known, .. } => *known == last,
        _ => false,
    }
}

#[test]
fn a_flip_anywhere_is_named_with_a_sequence_number_or_nothing_is_missing() {
    for end in [End::Closed, End::Killed] {
        let (disk, last) = left(end, 250);
        let manifest = Manifest { id: ID, known: last };
        let (mut noticed, mut behind) = (0, 0);
        for bit in bits(&disk) {
            let altered = disk.survivor();
            altered.flip_bit(bit);
            match opened(&altered, &manifest).and_then(|ledger| goes_on(ledger, last.seq)) {
                Ok(()) => {}
                Err(error) => {
                    let error = error.knowing(last.seq);
                    assert!(names_a_place(&error, last.seq), "{end:?}, bit {bit}: {error}");
                    behind += u32::from(matches!(error, StorageError::Behind { .. }));
                    noticed += 1;
                }
            }
        }
        assert!(noticed > 500, "{end:?}: only {noticed} noticed");
        // The control: without the word of where it ended these would have opened, shorter.
        // A clean stop leaves both commit slots with the same rows.
        assert_eq!(behind > 0, matches!(end, End::Killed), "{end:?}");
    }
}
