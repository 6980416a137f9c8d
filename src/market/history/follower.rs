//! The thread that keeps history behind the ledger.
//!
//! It is woken by what is published, gathers for a moment, writes rows and cursor in one
//! commit, and flushes now and then; only what is flushed may leave memory. A failure is
//! logged and tried again: until then nothing leaves memory, and nothing is lost. Six in a
//! row end the process, before memory is full of what cannot be written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::history::HistoryTables;
use nexnum_storage::{Reader, StorageError};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::collect::Collected;
use super::error::FollowError;
use super::tally::Tallies;
use crate::attention::{AttentionKind, AttentionSubject};
use crate::market::read_model::ReadModel;
use crate::market::replay::{Decoded, Replay};
use crate::supervisor::{Beat, Supervisor};

/// What comes within this time is written together: a commit costs as much as many rows.
const GATHER: Duration = Duration::from_millis(50);
/// How often what was written is made durable: it bounds what memory keeps and what a
/// restart does again.
const FLUSH_EVERY: Duration = Duration::from_secs(3);
/// How often there is a round where nothing is published.
const ROUND_EVERY: Duration = Duration::from_secs(5);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// Failures in a row after which the process ends. The database refuses everything after a
/// failed write until it is opened again, and without history nothing leaves memory.
const FAILURES_MAX: u32 = 6;
/// Events in one commit: some MB of rows at most.
const EVENTS_MAX: usize = 8_192;

/// What the thread works with; the deterministic simulation does the same work without it.
#[derive(Debug)]
pub struct Follow {
    /// What is written.
    pub tables: HistoryTables,
    /// What readers see of the providers' deliveries.
    pub tallies: Arc<Tallies>,
    /// What is followed.
    pub reader: Reader,
    /// The orders as they stand, and how far they are shown.
    pub read_model: Arc<ReadModel>,
    /// The moment up to which everything that closed is in the tables and on disk.
    pub archived: Arc<AtomicU64>,
    /// Tells readers how far the tables are.
    pub following: watch::Sender<Seq>,
    /// Wakes the thread before its time.
    pub asked: Arc<Notify>,
    /// Called when the tables cannot be written any more; ends the process.
    pub fail: fn(),
}

/// The thread.
#[derive(Debug)]
pub struct Follower {
    stopped: Arc<AtomicBool>,
    asked: Arc<Notify>,
    thread: thread::JoinHandle<()>,
}

impl Follower {
    /// Starts the thread; a panic of it ends the process, since memory would fill.
    pub(super) fn start(follow: Follow, supervisor: &Supervisor) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let (asked, stop) = (Arc::clone(&follow.asked), Arc::clone(&stopped));
        let thread = supervisor.vital_thread("history", move |beat| follow.run(&stop, beat));
        Self { stopped, asked, thread }
    }

    /// Writes and flushes what was published, and ends the thread. The ledger must have
    /// ended.
    pub fn stop(self) {
        // Pairs with the load in `run`; what it guards comes by the watch.
        self.stopped.store(true, Ordering::Release);
        self.asked.notify_one();
        self.thread.join().expect("a panic on this thread has ended the process");
    }
}

impl Follow {
    /// Runs on a small runtime of its own, so that it outlives the server's.
    fn run(self, stopped: &AtomicBool, beat: &Beat) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.follow(stopped, beat)),
            Err(error) => {
                tracing::error!(%error, "no timer can be made for history, without which memory would fill");
                (self.fail)();
            }
        }
    }

    async fn follow(&self, stopped: &AtomicBool, beat: &Beat) {
        let mut published = self.read_model.published();
        self.resume();
        let mut flushed = Instant::now();
        let mut failures = 0;
        loop {
            beat.round();
            // Looked at first, so that what was published before the stop is seen after it.
            let stopping = stopped.load(Ordering::Acquire);
            let worked = self.catch_up(*published.borrow_and_update(), stopping);
            let due = flushed.elapsed() >= FLUSH_EVERY || stopping;
            let flush = || if due { self.flush() } else { Ok(()) };
            match worked.and_then(|()| flush().map_err(FollowError::from)) {
                Ok(()) => {
                    failures = 0;
                    beat.attention()
                        .clear(AttentionKind::HistoryFailed, AttentionSubject::default());
                    if due {
                        flushed = Instant::now();
                    }
                }
                Err(error) => {
                    failures += 1;
                    let text = format!(
                        "history.redb cannot be written ({failures} of {FAILURES_MAX} failures in \
                         a row, after which the process ends): {error}"
                    );
                    beat.attention().raise(
                        AttentionKind::HistoryFailed,
                        AttentionSubject::default(),
                        text,
                    );
                    if failures >= FAILURES_MAX {
                        (self.fail)();
                    }
                    self.pause(RETRY, stopping).await;
                }
            }
            if stopping {
                return;
            }
            self.wait(&mut published).await;
        }
    }

    async fn pause(&self, pause: Duration, stopping: bool) {
        if !stopping {
            tokio::select! { () = sleep(pause) => {}, () = self.asked.notified() => {} }
        }
    }

    /// Waits until a batch is published and gathered, a reader asks to catch up, a flush is
    /// due, or a round is.
    async fn wait(&self, published: &mut watch::Receiver<Seq>) {
        let unflushed = self.tables.durable_cursor() < self.tables.cursor();
        tokio::select! {
            // The sender lives in the read model, which this thread holds.
            _changed = published.changed() => {}
            () = self.asked.notified() => return,
            () = sleep(FLUSH_EVERY), if unflushed => return,
            // A round without work says that the thread does not hang.
            () = sleep(ROUND_EVERY) => return,
        }
        tokio::select! { () = sleep(GATHER) => {}, () = self.asked.notified() => {} }
    }

    /// Says what the tables hold already: a cursor that was found at the opening is on disk.
    pub fn resume(&self) {
        self.archive_up_to(self.tables.cursor());
    }

    /// Writes everything up to `end`. Where memory has let go of what the tables need, they
    /// are filled by a replay from the beginning, unless there is no time: `stopping`.
    ///
    /// # Errors
    /// The ledger or the tables failed: these hold then what they say by their cursor.
    pub fn catch_up(&self, end: Seq, stopping: bool) -> Result<(), FollowError> {
        match self.write_published(end) {
            Err(FollowError::Gone(_)) if stopping => Ok(()),
            Err(FollowError::Gone(order)) => {
                tracing::warn!(%order, "history is rebuilt by a replay of the ledger");
                self.rebuild(end)
            }
            written => written,
        }
    }

    fn write_published(&self, end: Seq) -> Result<(), FollowError> {
        let cursor = self.tables.cursor();
        if cursor >= end {
            return Ok(());
        }
        let mut collected = Collected::default();
        let memory = |id| self.read_model.order(id);
        for row in self.reader.read(Seq(cursor.0 + 1))? {
            let row = row?;
            // A row on disk may be ahead of what readers see.
            if row.header.last() > end {
                break;
            }
            collected.add(&Decoded::from_row(&row)?, (&self.tables, &self.tallies), memory)?;
            if collected.events() >= EVENTS_MAX {
                self.write(&mut collected)?;
            }
        }
        Ok(self.write(&mut collected)?)
    }

    /// Fills the tables from a state of its own, which sees every order as it closes.
    fn rebuild(&self, end: Seq) -> Result<(), FollowError> {
        let cursor = self.tables.cursor();
        let mut collected = Collected::default();
        Replay::default().run(&self.reader, |row, state| {
            let last = row.position().seq;
            if last <= cursor || last > end {
                return Ok(());
            }
            collected.add(row, (&self.tables, &self.tallies), |id| state.order(id))?;
            if collected.events() >= EVENTS_MAX {
                self.write(&mut collected)?;
            }
            Ok::<(), FollowError>(())
        })?;
        Ok(self.write(&mut collected)?)
    }

    fn write(&self, collected: &mut Collected) -> Result<(), StorageError> {
        if let Some((cursor, _)) = collected.write(&self.tables, &self.tallies)? {
            self.following.send_replace(cursor);
        }
        Ok(())
    }

    /// Makes durable what was written, and lets memory go of it.
    ///
    /// # Errors
    /// The failure: nothing more may leave memory then.
    pub fn flush(&self) -> Result<(), StorageError> {
        self.tables.flush()?;
        self.archive_up_to(self.tables.durable_cursor());
        Ok(())
    }

    /// Lets the engine retire what closed before the moment of the row at `durable`: a
    /// later group may have the same moment, so the moment itself is not included.
    fn archive_up_to(&self, durable: Seq) {
        if durable == Seq(0) {
            return;
        }
        let row = self.reader.read(durable).map(|mut rows| rows.next());
        if let Ok(Some(Ok(row))) = row {
            let before = Time(row.header.at.0.saturating_sub(1));
            // Pairs with the load that the sequencer makes for its pulse.
            self.archived.fetch_max(before.0, Ordering::Release);
        }
    }
}
