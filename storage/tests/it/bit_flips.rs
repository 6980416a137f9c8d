//! Bits turn over behind the ledger's back.

use nexnum_engine::ids::Seq;
use nexnum_storage::StorageError;
use nexnum_storage::fault::FaultyDisk;

use crate::run::{append_run, check_content, create, open, payload};

/// A disk with a closed ledger of `batches`, and where each row ends.
fn written(batches: u32) -> (FaultyDisk, Seq) {
    let disk = FaultyDisk::new(0);
    let mut ledger = create(&disk).unwrap();
    let (end, error) = append_run(&mut ledger, batches);
    assert!(error.is_none());
    (disk, end)
}

#[test]
fn a_flip_in_a_row_is_named_by_its_sequence_number() {
    let (disk, end) = written(8);
    let starts: Vec<u64> = {
        let ledger = open(&disk).unwrap();
        nexnum_storage::Ledger::read(&ledger, Seq(1)).unwrap().map(|r| r.unwrap().first.0).collect()
    };
    for first in starts {
        let text = payload(first);
        for at in disk.find(&text[..40]) {
            // The payload's middle, and the sequence number, count, epoch and hash before it.
            for byte in [at + 50, at - 60, at - 44, at - 40, at - 10] {
                let altered = disk.survivor();
                altered.flip_bit(byte * 8 + 3);
                let result = open(&altered).and_then(|ledger| check_content(&ledger));
                // Pages that commits left behind hold old copies, which nobody reads.
                let Err(error) = result else { continue };
                let StorageError::Damaged { seq, .. } = error else { panic!("{first}: {error}") };
                assert_eq!(seq, Seq(first), "of {end}");
            }
        }
    }
}
