//! Snapshots of the state, written beside the live engine and without its help: the newest
//! one and the ledger's rows after it give the same state again, on this thread's time.
//!
//! A snapshot that fails costs nothing but a longer restart: the operator is told, and it is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nexnum_engine::audit;
use nexnum_engine::ids::Seq;
use nexnum_storage::snapshot::{self, SnapshotHeader};
use nexnum_storage::{Folder, Position, Reader, StorageError, record};
use tokio::sync::watch;

use crate::attention::{AttentionKind, AttentionSubject};
use crate::market::folder;
use crate::supervisor::{Beat, Supervisor};

/// Events after which a clean stop writes one more: fewer are replayed in a few ms.
pub const STOP_MIN_EVENTS: u64 = 10_000;
/// How often the thread looks whether it is time.
const LOOK: Duration = Duration::from_millis(500);
/// How long it waits after a failure: a full disk is not freed in a second.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);

/// The thread that writes snapshots.
#[derive(Debug)]
pub struct Snapshots {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Snapshots {
    /// Starts the thread: a snapshot whenever `every` events have been published since the
    /// last one, at `since`.
    #[must_use]
    pub fn start(
        folder: Folder,
        reader: Reader,
        published: watch::Receiver<Seq>,
        since: Seq,
        every: u64,
        supervisor: &Supervisor,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (name, pause, stopping) = ("snapshot", PAUSE_AFTER_FAILURE, Arc::clone(&stop));
        let thread = supervisor.restarting_thread(name, pause, stopping, move |beat| {
            follow(&folder, &reader, &published, (since, every), &stopped, beat);
        });
        Self { stop, thread }
    }

    /// Ends the thread, after a last snapshot if it is worth it. The ledger must have ended.
    pub fn stop(self) {
        // Pairs with the load in `follow`; what it guards comes by the watch.
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().expect("a panic on this thread is caught there");
    }
}

fn follow(
    folder: &Folder,
    reader: &Reader,
    published: &watch::Receiver<Seq>,
    (mut since, every): (Seq, u64),
    stopped: &AtomicBool,
    beat: &Beat,
) {
    loop {
        beat.round();
        // Looked at first, so that what was published before the stop is seen after it.
        let stopping = stopped.load(Ordering::Acquire);
        let events = published.borrow().0.saturating_sub(since.0);
        let due = if stopping { events > STOP_MIN_EVENTS } else { events >= every };
        let mut pause = LOOK;
        if due {
            match write(folder, reader) {
                Ok(position) => {
                    since = position.seq;
                    beat.attention()
                        .clear(AttentionKind::SnapshotFailed, AttentionSubject::default());
                }
                Err(error) => {
                    let text = format!("a snapshot could not be written: {error}");
                    beat.attention().raise(
                        AttentionKind::SnapshotFailed,
                        AttentionSubject::default(),
                        text,
                    );
                    pause = PAUSE_AFTER_FAILURE;
                }
            }
        }
        if stopping {
            return;
        }
        thread::park_timeout(pause);
    }
}

/// Writes a snapshot of the ledger as it is now, and says in the manifest how far that is.
/// Returns where it stands.
///
/// # Errors
/// The ledger cannot be read, or the files not written; what was there is there.
pub fn write(folder: &Folder, reader: &Reader) -> Result<Position, StorageError> {
    let mut replay = folder::newest(folder, reader)?;
    let mut position = None;
    replay.run(reader, |row, _| {
        position = Some(row.position());
        // One core may be all there is: let requests go first.
        thread::yield_now();
        Ok::<(), StorageError>(())
    })?;
    let Some(position) = position else { return reader.last() };
    let state = replay.state();
    let mut payload = Vec::new();
    state.rows().for_each(|row| record::encode_row(&row, &mut payload));
    let (id, at, state_hash) = (reader.id(), replay.at(), audit::state_hash(state));
    let header = SnapshotHeader { id, position, at, state_hash };
    let snapshots = folder.snapshots();
    std::fs::create_dir_all(&snapshots).map_err(|source| StorageError::Io {
        action: "creating",
        path: snapshots.clone(),
        source,
    })?;
    snapshot::write(&snapshots, &header, &payload)?;
    folder.note(id, position)?;
    Ok(position)
}
