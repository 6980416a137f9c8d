//! Bits turn over behind the ledger's back.

use nexnum_engine::ids::Seq;
use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::{Ledger, StorageError};

use crate::run::{append_run, check_content, create, open, payload};

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
    let starts: Vec<Seq> = rows.map(|row| row.unwrap().first).collect();
    for first in starts {
        let mut named = 0;
        for at in disk.find(&payload(first.0)[..40]) {
            // The payload, then the hash, epoch, count, time and sequence number before it.
            for byte in [at + 50, at - 1, at - 33, at - 41, at - 50, at - 60] {
                let altered = disk.survivor();
                altered.flip_bit(byte * 8 + 3);
                // Pages that earlier commits left behind hold copies that nobody reads.
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

#[test]
fn a_flip_anywhere_is_noticed_or_does_no_harm() {
    let (disk, end) = written(6);
    let bits = disk.len() * 8;
    let mut noticed = 0;
    for n in 0..3_000u64 {
        // Half of them in the first pages, where the header and the small tables are.
        let span = if n % 2 == 0 { bits } else { bits / 16 };
        let bit = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % span;
        let altered = disk.survivor();
        altered.flip_bit(bit);
        match open(&altered).and_then(|ledger| check_content(&ledger)) {
            // Without the manifest's word, an older end is what a cut would have left as well.
            Ok(found) => assert!(found <= end, "bit {bit}"),
            Err(_) => noticed += 1,
        }
    }
    assert!(noticed > 30, "only {noticed} noticed");
}
