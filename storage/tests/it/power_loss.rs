//! The power goes at every write, sync and resize of a fixed run.

use nexnum_storage::StorageError;
use nexnum_storage::fault::FaultyDisk;

use crate::run::{append_run, check_content, count, create, open, open_checked};

const BATCHES: u32 = 30;

/// What the cuts of one run came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    cuts: u32,
    lost: u32,
    unreadable: u32,
    in_flight_kept: u32,
    /// Seed and operation of the first loss, to run it again.
    first_loss: Option<(u64, u64)>,
}

/// `normal` seeds, or as many as `NEXNUM_SEEDS` says.
fn seeds(normal: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("NEXNUM_SEEDS").ok();
    0..asked.map_or(normal, |text| text.parse().expect("NEXNUM_SEEDS is a number"))
}

/// Cuts a run short after `ops` operations, lets the power return, and compares.
/// `None` when the run ends before the cut.
fn cut_once(seed: u64, ops: u64, lying: bool, tally: &mut Tally) -> Option<()> {
    let disk = FaultyDisk::new(seed);
    let mut ledger = create(&disk).unwrap();
    if lying {
        disk.lie_about_syncs();
    }
    disk.cut_after(ops);
    let (acknowledged, error) = append_run(&mut ledger, BATCHES);
    error?;
    tally.cuts += 1;
    let disk = disk.survivor();
    let found = open(&disk).and_then(|ledger| check_content(&ledger));
    if !found.as_ref().is_ok_and(|end| *end >= acknowledged) {
        tally.first_loss.get_or_insert((seed, ops));
    }
    match found {
        Ok(end) => {
            let in_flight = acknowledged.0 + u64::from(count(acknowledged.0 + 1));
            tally.lost += u32::from(end < acknowledged);
            tally.in_flight_kept += u32::from(end > acknowledged);
            assert!(end.0 <= acknowledged.0 || end.0 == in_flight, "seed {seed}, cut {ops}: {end}");
        }
        Err(_) => tally.unreadable += 1,
    }
    Some(())
}

fn cut_everywhere(seeds: std::ops::Range<u64>, step: usize, lying: bool) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let mut cuts = (0..).step_by(step);
        while cuts.next().and_then(|ops| cut_once(seed, ops, lying, &mut tally)).is_some() {}
    }
    tally
}

#[test]
fn no_acknowledged_append_is_lost_at_any_cut() {
    let tally = cut_everywhere(seeds(3), 1, false);
    assert!(tally.cuts > 300, "{tally:?}");
    assert_eq!((tally.lost, tally.unreadable), (0, 0), "{tally:?}");
    assert!(tally.in_flight_kept > 0, "no cut came late enough to keep a batch: {tally:?}");
}

#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    let tally = cut_everywhere(0..3, 5, true);
    assert!(tally.lost + tally.unreadable > tally.cuts / 4, "{tally:?}");
}

#[test]
fn a_ledger_goes_on_after_a_cut_and_survives_the_next_one() {
    for seed in seeds(12) {
        let mut disk = FaultyDisk::new(seed);
        drop(create(&disk).unwrap());
        let mut acknowledged = 0;
        for round in 0..6 {
            disk = disk.survivor();
            // Some rounds are cut during the recovery itself, or while it is let through.
            disk.cut_after((seed * 7 + round * 13) % 60);
            let opened = if round % 2 == 0 { open(&disk) } else { open_checked(&disk) };
            let mut ledger = match opened {
                Ok(ledger) => ledger,
                Err(error) => {
                    assert!(disk.is_cut(), "seed {seed}, round {round}: {error}");
                    continue;
                }
            };
            let end = check_content(&ledger);
            assert!(end.is_err() || end.is_ok_and(|end| end.0 >= acknowledged), "seed {seed}");
            acknowledged = acknowledged.max(append_run(&mut ledger, 40).0.0);
        }
        let end = check_content(&open(&disk.survivor()).unwrap()).unwrap();
        assert!(end.0 >= acknowledged, "seed {seed}: {end} of {acknowledged}");
    }
}

#[test]
fn a_checked_ledger_goes_on_after_a_cut_at_any_of_its_writes() {
    let disk = FaultyDisk::new(5);
    let mut ledger = create(&disk).unwrap();
    let (acknowledged, _) = append_run(&mut ledger, BATCHES);
    let left = disk.survivor();
    let mut cuts = 0;
    for round in 0..8 {
        for ops in 0.. {
            let disk = left.survivor();
            disk.cut_after(ops);
            let opened = open_checked(&disk);
            let was_cut = disk.is_cut();
            drop(opened);
            let end = open_checked(&disk.survivor()).and_then(|ledger| check_content(&ledger));
            assert_eq!(end.unwrap(), acknowledged, "round {round}, cut {ops}");
            if !was_cut {
                break;
            }
            cuts += 1;
        }
    }
    assert!(cuts > 16, "only {cuts} cuts");
}

#[test]
fn a_creation_cut_short_leaves_a_ledger_or_an_error_and_never_a_panic() {
    for ops in 0.. {
        let disk = FaultyDisk::new(ops);
        disk.cut_after(ops);
        let created = create(&disk).is_ok();
        match open(&disk.survivor()) {
            Ok(ledger) => assert_eq!(check_content(&ledger).unwrap().0, 0),
            Err(StorageError::EmptyLedger { .. } | StorageError::Database { .. }) => {
                assert!(!created, "cut {ops}: a created ledger was lost");
            }
            Err(error) => panic!("cut {ops}: {error}"),
        }
        if created {
            break;
        }
    }
}
