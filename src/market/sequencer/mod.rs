//! One thread decides, one commits. The engine executes commands as they come into an
//! open batch; whenever the disk is free the batch is sealed and committed, so batches
//! grow with the load and a lone command does not wait. A failed commit, whether it was refused or
//! may have been done, or a panic ends the process: restart is the recovery path.

pub mod core;
#[cfg(test)]
mod memory_ledger;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{self, Receiver, RecvTimeoutError, Sender};
use nexnum_engine::Engine;
use nexnum_engine::command::{Command, Pulse, Request};
use nexnum_engine::group::Origin;
use nexnum_engine::reject::Reject;
use nexnum_engine::reservation::Claim;
use nexnum_engine::time::Time;
use nexnum_storage::StorageError;
use nexnum_storage::ledger::Ledger;
use tokio::sync::oneshot;

use self::core::{Accepted, Answer, Core, Envelope, Sealed};
pub use self::writer::LedgerWriter;
use crate::clock::Clock;
use crate::market::change::Change;
use crate::metrics::Metrics;
use crate::supervisor::{Beat, Supervisor};

/// Commands that wait for the engine: some 100 ms of work at full speed. A full inbox
/// refuses at once, so that callers back off instead of queueing for seconds.
const INBOX_MAX: usize = 16_384;
/// Longest sleep between two looks at the clock for a pulse, and between two looks at an
/// idle disk.
const IDLE_MAX: Duration = Duration::from_millis(250);
/// For how long no number at a provider runs out after a start: the provider is asked first about
/// those whose time is over, what no process could do before.
const START_LOOK_MS: u64 = 30_000;
/// The same for numbers whose time was over at the start, which end at once with an answer: their
/// provider is down or pauses, or has no key. A code that came may be read yet, and a buyer's money
/// cannot wait for ever.
const START_LOOK_MAX_MS: u64 = 120_000;
/// Between two pulses in that time: one may find nothing but what waits for its last look.
const START_PULSE_MS: u64 = 250;
/// Between two pulses else: with a million open activations one falls due each millisecond, and one
/// event each is too little for a batch, and for waking up while the disk is busy.
const PULSE_MS: u64 = 5;
/// Longest sleep of the committing thread, so that its age tells a hanging disk from rest.
const COMMIT_IDLE_MAX: Duration = Duration::from_secs(1);

/// Why a command has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The inbox is full: nothing happened, try again later.
    #[error("too many commands are waiting")]
    Busy,
    /// The sequencer has stopped; whether the command took effect is unknown.
    #[error("the engine has stopped")]
    Stopped,
}

/// Sends commands to the engine; every sender has a clone.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: Sender<Envelope>,
}

impl Handle {
    /// Sends a command that an origin brings, and waits until its outcome is durable and published.
    ///
    /// # Errors
    /// [`SendError`]; a refusal by the engine is an answer.
    pub async fn ask<R: Request>(
        &self,
        origin: impl Into<Origin>,
        request: R,
    ) -> Result<Result<R::Answer, Reject>, SendError> {
        let answer = self.send(origin.into(), request.into(), None).await?;
        Ok(answer.map(|accepted| R::answer(accepted.reply)))
    }

    /// As [`Handle::ask`]; while the inbox is full the same command, which is not copied, is sent
    /// again after each `pause`, until there is none.
    ///
    /// # Errors
    /// As [`Handle::ask`].
    pub async fn ask_again<R: Request>(
        &self,
        origin: impl Into<Origin>,
        request: R,
        mut pause: impl FnMut() -> Option<Duration>,
    ) -> Result<Result<R::Answer, Reject>, SendError> {
        let (answer_to, answer) = oneshot::channel();
        let (origin, command, claim) = (origin.into(), request.into(), None);
        let mut envelope = Envelope { origin, command, claim, answer_to: Some(answer_to) };
        loop {
            envelope = match self.inbox.try_send(envelope) {
                Ok(()) => break,
                Err(channel::TrySendError::Full(envelope)) => envelope,
                Err(channel::TrySendError::Disconnected(_)) => return Err(SendError::Stopped),
            };
            tokio::time::sleep(pause().ok_or(SendError::Busy)?).await;
        }
        let answer = answer.await.map_err(|_| SendError::Stopped)?;
        Ok(answer.map(|accepted| R::answer(accepted.reply)))
    }

    /// As [`Handle::ask`], with the claim that the command books, gives back, or keeps until
    /// its unit is bought upstream.
    ///
    /// # Errors
    /// As [`Handle::ask`]; the claim is given back then.
    pub async fn ask_with<R: Request>(
        &self,
        origin: impl Into<Origin>,
        request: R,
        claim: Claim,
    ) -> Result<Answer<R::Answer>, SendError> {
        let answer = self.send(origin.into(), request.into(), Some(claim)).await?;
        Ok(answer.map(|Accepted { reply, claim }| Accepted { reply: R::answer(reply), claim }))
    }

    async fn send(
        &self,
        origin: Origin,
        command: Command,
        claim: Option<Claim>,
    ) -> Result<Answer, SendError> {
        let (answer_to, answer) = oneshot::channel();
        let envelope = Envelope { origin, command, claim, answer_to: Some(answer_to) };
        self.inbox.try_send(envelope).map_err(|refused| match refused {
            channel::TrySendError::Full(_) => SendError::Busy,
            channel::TrySendError::Disconnected(_) => SendError::Stopped,
        })?;
        answer.await.map_err(|_| SendError::Stopped)
    }

    /// The same way, but full for so long.
    #[cfg(test)]
    pub(crate) fn full_for(&self, time: Duration) -> Self {
        // A channel without capacity is full while the thread below does not receive.
        let (inbox, held) = channel::bounded(0);
        let open = self.inbox.clone();
        thread::spawn(move || {
            thread::sleep(time);
            for envelope in held {
                // After the test's end no caller waits for an answer.
                let _ended = open.send(envelope);
            }
        });
        Self { inbox }
    }

    /// Commands that wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inbox.len()
    }
}

/// The two threads; they end at [`Sequencer::stop`], or when the last [`Handle`] is gone.
#[derive(Debug)]
pub struct Sequencer {
    stopping: Arc<AtomicBool>,
    decides: thread::JoinHandle<()>,
    commits: thread::JoinHandle<()>,
}

/// What the threads begin with.
#[derive(Debug)]
pub struct SequencerSetup<L> {
    /// The engine, at the ledger's end.
    pub engine: Engine,
    /// The time of commands.
    pub clock: Arc<Clock>,
    /// The moment up to which history holds what closed.
    pub archived: Arc<AtomicU64>,
    /// Where batches become durable.
    pub ledger: L,
    /// Where commits are counted.
    pub metrics: Metrics,
    /// Who guards the threads.
    pub supervisor: Supervisor,
}

impl Sequencer {
    /// Starts the threads. `publish` is called on the committing thread with every durable
    /// change, in order; `fail` with the error that ended commits, and must not return
    /// while a caller may still be answered: it ends the process. So does a panic of either
    /// thread.
    pub fn start<L: Ledger + 'static>(
        setup: SequencerSetup<L>,
        mut publish: impl FnMut(Change) + Send + 'static,
        fail: impl FnOnce(StorageError) + Send + 'static,
    ) -> (Handle, Self) {
        let SequencerSetup { engine, clock, archived, ledger, metrics, supervisor } = setup;
        let mut writer = LedgerWriter::new(ledger);
        let (inbox, commands) = channel::bounded(INBOX_MAX);
        // One batch in the disk's hands, none waiting: the next one stays open meanwhile.
        let (seals, sealed) = channel::bounded::<Sealed>(1);
        let (frees, free) = channel::bounded::<()>(1);
        let commits = supervisor.vital_thread("commit", move |beat| {
            loop {
                beat.round();
                let batch = match sealed.recv_timeout(COMMIT_IDLE_MAX) {
                    Ok(batch) => batch,
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                if let Err(error) = batch.commit(&mut writer, &metrics, &mut publish) {
                    return fail(error);
                }
                // The other side may have ended after a last batch, which is still to come.
                let _ended = frees.send(());
            }
        });
        let stopping = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stopping);
        let decides = supervisor.vital_thread("decide", move |beat| {
            let core = Core::new(engine);
            let started = clock.now();
            let (pulse_from, disk_free) = (Time(0), true);
            Loop {
                core,
                clock,
                archived,
                started,
                pulse_from,
                stopped,
                commands,
                held: None,
                seals,
                free,
                disk_free,
            }
            .run(beat);
        });
        (Handle { inbox }, Self { stopping, decides, commits })
    }

    /// Commits what was sent before and ends the threads; later commands are not answered.
    pub fn stop(self) {
        // A flag alone: the thread looks at it at least every `IDLE_MAX`.
        self.stopping.store(true, Ordering::Relaxed);
        self.decides.join().expect("a panic on this thread has ended the process");
        self.commits.join().expect("a panic on this thread has ended the process");
    }
}

/// About which numbers providers could not be asked for long enough since a start: those whose
/// time was over before this moment.
fn unasked_before(started: Time, now: Time) -> Time {
    if now < started.plus_ms(START_LOOK_MS) {
        Time(u64::MAX)
    } else if now < started.plus_ms(START_LOOK_MAX_MS) {
        started
    } else {
        Time(0)
    }
}

struct Loop {
    core: Core,
    clock: Arc<Clock>,
    archived: Arc<AtomicU64>,
    /// When the process began to ask providers.
    started: Time,
    /// When the next pulse may be.
    pulse_from: Time,
    stopped: Arc<AtomicBool>,
    commands: Receiver<Envelope>,
    /// One that came when the open batch took none any more.
    held: Option<Envelope>,
    seals: Sender<Sealed>,
    free: Receiver<()>,
    disk_free: bool,
}

impl Loop {
    fn run(mut self, beat: &Beat) {
        loop {
            beat.round();
            // First, so that a batch that commands fill has what is due too.
            self.pulse();
            self.take_waiting();
            if self.core.is_begun() && self.disk_free {
                if self.seals.send(self.core.seal()).is_err() {
                    return;
                }
                self.disk_free = false;
            } else if self.is_over() || !self.wait() {
                return self.finish();
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) && self.commands.is_empty() && self.held.is_none()
    }

    /// Executes what is in the inbox, up to a whole batch.
    fn take_waiting(&mut self) {
        loop {
            let now = self.clock.now();
            if self.core.is_full(now) {
                return;
            }
            let next = self.held.take().or_else(|| self.commands.try_recv().ok());
            let Some(envelope) = next else { return };
            self.core.execute(now, envelope);
        }
    }

    /// Executes a command, or holds it if the day of the open batch ended while it was waited for.
    fn take(&mut self, envelope: Envelope) {
        let now = self.clock.now();
        if self.core.is_full(now) {
            self.held = Some(envelope);
        } else {
            self.core.execute(now, envelope);
        }
    }

    /// Expires and retires what is due.
    fn pulse(&mut self) {
        let (now, archived) = (self.clock.now(), self.archived());
        let due = self.next_pulse(archived).is_some_and(|due| due <= now);
        if due && self.core.takes_pulses(now) {
            let unasked = unasked_before(self.started, now);
            let pause_ms = if unasked > Time(0) { START_PULSE_MS } else { PULSE_MS };
            self.pulse_from = now.plus_ms(pause_ms);
            let command = Command::Pulse(Pulse { archived, unasked });
            let origin = Origin::SYSTEM;
            self.core.execute(now, Envelope { origin, command, claim: None, answer_to: None });
        }
    }

    fn next_pulse(&self, archived: Time) -> Option<Time> {
        self.core.state().next_pulse(archived).map(|due| due.max(self.pulse_from))
    }

    fn archived(&self) -> Time {
        // Pairs with the store that the history's projection makes after its flush.
        Time(self.archived.load(Ordering::Acquire))
    }

    /// Sleeps until a command, the disk or a pulse wants attention; false when no command
    /// can come any more.
    fn wait(&mut self) -> bool {
        let now = self.clock.now();
        let timeout = self.timeout(now);
        // What is held goes first, once the batch is sealed.
        if self.core.is_full(now) {
            self.disk_free |= self.free.recv_timeout(timeout).is_ok();
            return true;
        }
        channel::select! {
            recv(self.commands) -> envelope => match envelope {
                Ok(envelope) => self.take(envelope),
                Err(_) => return false,
            },
            recv(self.free) -> freed => self.disk_free |= freed.is_ok(),
            default(timeout) => {}
        }
        true
    }

    /// Until the next pulse; where the batch takes none, the disk is waited for.
    fn timeout(&self, now: Time) -> Duration {
        if !self.core.takes_pulses(now) {
            return IDLE_MAX;
        }
        let due = self.next_pulse(self.archived());
        let Some(due) = due else { return IDLE_MAX };
        Duration::from_millis(due.ms_since(now)).min(IDLE_MAX)
    }

    /// Hands over the last batch; the committing thread ends after it.
    fn finish(mut self) {
        if self.core.is_begun() {
            // If the other side is gone, its failure has been reported there.
            let _gone = self.seals.send(self.core.seal());
        }
    }
}
