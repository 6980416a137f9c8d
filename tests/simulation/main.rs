//! Deterministic simulation: from one seed, commands in batches through the sequencer's
//! core onto a disk that loses power, into the readers and into history on another disk, and
//! back from what survived: ledger, snapshot files, history.
//!
//! `NEXNUM_SIM_SEEDS` says how many runs, `NEXNUM_SIM_FIRST` with which seed to begin. A
//! failing run prints its seed and the command that repeats it. Three controls break a rule
//! on purpose and must be found out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../engine/tests/common/arbitrary.rs"]
#[allow(dead_code, unreachable_pub, reason = "fuzzing takes the rest")]
mod arbitrary;
mod archive;
mod auditor;
mod files;
mod late_ledger;
mod life;
#[path = "../../engine/tests/common/model/mod.rs"]
#[allow(unreachable_pub, reason = "it is shared by path")]
mod model;
mod readers;
mod recovery;
mod tally;
mod world;

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tally::Tally;
use world::{Rules, World};

/// Runs of a normal test.
const SEEDS_DEFAULT: u64 = 200;
/// A control is found out within so many runs.
const CONTROL_SEEDS: u64 = 60;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// One run; a panic is a complaint too.
fn run(seed: u64, rules: Rules) -> Result<Tally, String> {
    let attempt = panic::catch_unwind(AssertUnwindSafe(|| World::new(seed, rules)?.run()));
    attempt.unwrap_or_else(|thrown| {
        let text = thrown.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| thrown.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without words")))
    })
}

#[track_caller]
fn checked(seed: u64) -> Tally {
    run(seed, Rules::Kept).unwrap_or_else(|complaint| {
        panic!(
            "seed {seed}: {complaint}\nrepeat it with: \
             NEXNUM_SIM_FIRST={seed} NEXNUM_SIM_SEEDS=1 cargo test --test simulation what_was"
        )
    })
}

/// The runs of all seeds, each on one thread, several beside each other.
fn run_all(first: u64, count: u64) -> Tally {
    let next = AtomicU64::new(first);
    let work = || {
        let mut tally = Tally::default();
        loop {
            // A ticket: which thread takes which seed changes nothing in its run.
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return tally;
            }
            tally.add(&checked(seed));
        }
    };
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get().min(4));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut tally = Tally::default();
        for worker in workers {
            tally.add(&worker.join().unwrap_or_else(|thrown| panic::resume_unwind(thrown)));
        }
        tally
    })
}

#[test]
fn what_was_acknowledged_survives_and_what_was_not_is_whole_or_absent() {
    let seeds = setting("NEXNUM_SIM_SEEDS", SEEDS_DEFAULT);
    let tally = run_all(setting("NEXNUM_SIM_FIRST", 0), seeds);
    println!("{seeds} seeds: {tally:?}");
    if seeds >= SEEDS_DEFAULT {
        assert!(tally.cuts > seeds && tally.interrupted_opens > 0, "few crashes: {tally:?}");
        assert!(tally.unanswered_kept > 0 && tally.unanswered_lost > 0, "no edge cases: {tally:?}");
        assert!(tally.snapshots_used > 0 && tally.snapshots_damaged > 0, "no snapshots: {tally:?}");
        assert!(tally.retired > 0 && tally.rebuilt > 0, "no history: {tally:?}");
        assert!(tally.repeats > seeds / 4, "no repeats: {tally:?}");
        assert!(tally.key_reads > seeds / 4, "no old keys: {tally:?}");
        assert!(tally.accepted * 4 > tally.commands, "few commands were accepted: {tally:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..3 {
        assert_eq!(checked(seed), checked(seed), "seed {seed}");
    }
}

/// The first complaint that a broken rule brings.
fn found_out(rules: Rules) -> String {
    let complaint = (0..CONTROL_SEEDS).find_map(|seed| run(seed, rules).err());
    complaint.unwrap_or_else(|| panic!("{CONTROL_SEEDS} runs did not notice: {rules:?}"))
}

#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    let complaint = found_out(Rules::LyingDisk);
    assert!(
        complaint.contains("acknowledged") || complaint.contains("does not open"),
        "{complaint}"
    );
}

#[test]
fn an_answer_before_the_commit_is_found_out() {
    let complaint = found_out(Rules::AnswersFirst);
    assert!(complaint.contains("acknowledged"), "{complaint}");
}

#[test]
fn memory_that_lets_go_before_history_has_it_is_found_out() {
    let complaint = found_out(Rules::ForgetsFirst);
    // Or the engine lets go of an order within the batch that closes it, which readers keep then.
    let kept = complaint.contains("readers see");
    assert!(kept || complaint.contains("neither in memory nor in history"), "{complaint}");
}
