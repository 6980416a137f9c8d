//! The disk refuses one operation: each in turn.

use std::io::ErrorKind;

use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::{Ledger, StorageError};

use crate::run::{append_next, append_run, check_content, create, open};

const BATCHES: u32 = 20;

/// Lets the operation after `ops` of a run fail. `None` when the run ends before.
fn fail_once(seed: u64, ops: u64, kind: ErrorKind) -> Option<()> {
    let disk = FaultyDisk::new(seed);
    let mut ledger = create(&disk).unwrap();
    disk.fail_after(ops, kind);
    let (acknowledged, error) = append_run(&mut ledger, BATCHES);
    let error = error?;
    let context = format!("seed {seed}, operation {ops}, {kind}: {error}");
    let StorageError::Ambiguous { id, source, .. } = &error else { panic!("{context}") };
    assert!(matches!(**source, StorageError::Database { .. }), "{context}");
    assert!(error.to_string().contains("simulated.redb"), "{context}");
    assert_eq!(ledger.last().seq, acknowledged, "{context}");

    let after = disk.ops();
    let refused = append_next(&mut ledger).unwrap_err();
    assert!(matches!(refused, StorageError::Poisoned { .. }), "{context}, then {refused}");
    assert_eq!(disk.ops(), after, "{context}: a poisoned ledger wrote");
    drop(ledger);

    for disk in [disk.survivor(), disk] {
        let end = open(&disk).and_then(|ledger| check_content(&ledger));
        let end = end.unwrap_or_else(|e| panic!("{context}, then {e}"));
        assert!(end >= acknowledged, "{context}: {end} of {acknowledged}");
        // The batch is whole or absent, under the id that the error gave.
        let found = open(&disk).unwrap().last().hash;
        assert_eq!(found.to_string() == *id, end > acknowledged, "{context}");
    }
    Some(())
}

#[test]
fn the_first_error_ends_all_acknowledgement_and_nothing_acknowledged_is_lost() {
    for (seed, kind) in [(1, ErrorKind::StorageFull), (2, ErrorKind::Other)] {
        let failed = (0..).map_while(|ops| fail_once(seed, ops, kind)).count();
        assert!(failed > 60, "only {failed} operations");
    }
}

#[test]
fn a_creation_that_fails_says_so() {
    for ops in 0.. {
        let disk = FaultyDisk::new(ops);
        disk.fail_after(ops, ErrorKind::StorageFull);
        match create(&disk) {
            Err(error) => assert!(error.to_string().contains("simulated.redb"), "{error}"),
            Ok(_) => {
                assert!(ops > 3, "no operation failed");
                break;
            }
        }
    }
}
