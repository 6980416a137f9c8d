//! Starts from snapshots, and the proof that they are those of the ledger.

use std::fs;

use nexnum::market::folder;
use nexnum::market::snapshot::{self, Snapshots};
use nexnum::market::verify::verify;
use nexnum::supervisor::Supervisor;
use nexnum_engine::audit::state_hash;
use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::snapshot::SnapshotHeader;
use nexnum_storage::{Folder, Ledger, Manifest, Position};

use super::{folder_with_trade, opened, trade};

#[test]
fn snapshots_and_the_rest_of_the_ledger_give_the_state_that_the_whole_ledger_gives() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let mut live = opened(temp.path());
    let mut at = Vec::new();
    for _ in 0..5 {
        at.push(snapshot::write(&folder, &live.reader).unwrap().seq);
        trade(&mut live, 4);
    }
    let hash = state_hash(live.engine.state());
    let (seq, last_at) = (live.engine.state().seq(), live.last_at);
    drop(live);
    let kept = folder::snapshot_files(&folder).unwrap();
    assert_eq!(kept.len(), 3, "the last three are kept");

    let mut expected: Vec<Seq> = at[2..].iter().rev().copied().collect();
    expected.push(Seq(0));
    for (newest, begun_from) in kept.iter().rev().map(Some).chain([None]).zip(expected) {
        let mut seen = Vec::new();
        let again = folder::open(temp.path(), |progress| seen.push(progress.done)).unwrap();
        assert_eq!((again.snapshot, again.last_at), (begun_from, last_at));
        assert_eq!(state_hash(again.engine.state()), hash);
        assert_eq!((seen.last(), seen.is_sorted()), (Some(&seq), true));
        drop(again);
        // The newest one is damaged: the next older one is begun from.
        if let Some(path) = newest {
            let mut bytes = fs::read(path).unwrap();
            bytes[200] ^= 1;
            fs::write(path, bytes).unwrap();
        }
    }
}

/// A snapshot file whose hash is right and whose rows are no state.
fn write_nonsense(folder: &Folder, position: Position) {
    let reader = opened(folder.path()).reader;
    let header = SnapshotHeader { id: reader.id(), position, at: Time(0), state_hash: [0; 32] };
    nexnum_storage::snapshot::write(&folder.snapshots(), &header, b"\xFFno rows").unwrap();
}

#[test]
fn snapshots_that_hold_no_state_are_passed_over_until_one_does() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let mut live = opened(temp.path());
    let good = snapshot::write(&folder, &live.reader).unwrap().seq;
    let mut ends = Vec::new();
    for _ in 0..2 {
        trade(&mut live, 1);
        ends.push(live.ledger.last());
    }
    let hash = state_hash(live.engine.state());
    drop(live);
    ends.into_iter().for_each(|end| write_nonsense(&folder, end));
    let again = opened(temp.path());
    assert_eq!((again.snapshot, state_hash(again.engine.state())), (good, hash));
}

#[test]
fn the_snapshot_thread_writes_when_enough_was_published_and_once_more_at_a_stop() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let mut live = opened(temp.path());
    let start = live.engine.state().seq();
    let (publish, published) = tokio::sync::watch::channel(start);
    let reader = live.reader.clone();
    let thread = Snapshots::start(
        folder.clone(),
        reader,
        published.clone(),
        start,
        5,
        &Supervisor::default(),
    );
    trade(&mut live, 9);
    let enough = live.engine.state().seq();
    publish.send_replace(enough);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while folder::snapshot_files(&folder).unwrap().is_empty() {
        assert!(std::time::Instant::now() < deadline, "no snapshot was written");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    trade(&mut live, 1);
    publish.send_replace(Seq(enough.0 + snapshot::STOP_MIN_EVENTS + 1));
    thread.stop();
    let end = live.engine.state().seq();
    drop(live);
    assert_eq!(verify(temp.path(), |_| {}).unwrap().snapshots, [enough, end]);
    assert_eq!(Manifest::read(&folder.manifest()).unwrap().known.seq, end);
}

#[test]
fn a_sound_folder_is_proven_with_its_snapshots() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let mut live = opened(temp.path());
    let first = snapshot::write(&folder, &live.reader).unwrap().seq;
    trade(&mut live, 4);
    let second = snapshot::write(&folder, &live.reader).unwrap().seq;
    trade(&mut live, 1);
    let (hash, seq) = (state_hash(live.engine.state()), live.engine.state().seq());
    folder::close(&folder, &live.reader).unwrap();
    drop(live);
    let files = [folder.ledger(), folder.history(), folder.secrets(), folder.tip()];
    let read = || files.each_ref().map(|file| fs::read(file).unwrap());
    let before = read();
    let proof = verify(temp.path(), |_| {}).unwrap();
    assert_eq!((proof.state_hash.0, proof.end.seq), (hash, seq));
    assert_eq!((proof.snapshots, proof.audits), (vec![first, second], 1));
    assert_eq!(proof.tip_passed_over, None);
    assert!(read() == before, "nothing was written");
}
