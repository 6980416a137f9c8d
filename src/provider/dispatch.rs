//! The dispatcher of one provider: which call goes next, how often one may, how many at once.
//!
//! Each lane is a queue in the order of arrival. While several lanes wait, each gets its share
//! of what the provider allows by its weight, so that buying cannot starve polls, nor polls the
//! price list; what a lane does not use goes to the others. A call gets its turn together with
//! its place in flight, and is woken when it is due. No interval of a window's length ever has
//! more calls than the window allows, counted where turns are given; at least nine tenths of
//! them can be used, evenly.
//!
//! A pause that the provider asks for is of all its calls, or of one lane's: the others go on.
//!
//! Purchases are admitted before they are paid for, only while nothing else waits for long.
//! A change that cannot have its turn in time is told when to come back, and goes first then.

mod gauge;
mod lane;
mod pauses;
mod promises;
mod queues;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::CallLimits;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use queues::{Entry, State};

pub use lane::{Lane, PAUSE_MAX};
pub use pauses::PauseOf;
pub use queues::Pace;

/// Within how long an admitted purchase should have its turn even while the other lanes wait:
/// less than its patience, so that it is not turned away after it was paid for.
const BUY_WAIT_MAX: Duration = Duration::from_secs(4);
/// How much longer a call may wait that came back as it was told: where a provider allows
/// less than a call a second, it is better answered late than told to come back again.
const PROMISED_PATIENCE: Duration = Duration::from_secs(3);

/// No turn came, or could come, in the time that the call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no call to the provider was allowed in time")]
pub struct Limited {
    /// When asking again may be worth it; for a change with a key, when its turn is kept.
    pub retry_after: Duration,
}

struct Shared {
    state: Mutex<State<Turn>>,
}

impl Shared {
    /// Gives out the turns that are due, and sees to it that the next one is.
    fn pump(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let now = Instant::now();
        while let Some(lane) = state.next_lane(now) {
            let may_go_at = state.may_go_at(lane, now);
            if may_go_at > now {
                self.set_alarm(&mut state, may_go_at);
                return;
            }
            let Some(waiter) = state.begin(lane, now) else { return };
            let turn = Turn { shared: Some(Arc::clone(self)), lane, since: now };
            if let Err(mut turn) = waiter.turn.send(turn) {
                // Its caller is gone: the turn is the next one's.
                turn.shared = None;
                state.undo(lane);
            }
        }
        if let Some(at) = state.resumes_at(now) {
            self.set_alarm(&mut state, at);
        }
    }

    /// One timer at a time, set to the earliest moment that was asked for. Without a runtime
    /// the process is ending, and no call is made any more.
    fn set_alarm(self: &Arc<Self>, state: &mut State<Turn>, at: Instant) {
        if state.alarm.is_some_and(|alarm| alarm <= at) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        state.alarm = Some(at);
        let shared = Arc::downgrade(self);
        runtime.spawn(async move {
            sleep_until(at).await;
            let Some(shared) = shared.upgrade() else { return };
            {
                let mut state = shared.state.lock();
                if state.alarm == Some(at) {
                    state.alarm = None;
                }
            }
            shared.pump();
        });
    }
}

/// The right to one call now, and its place in flight, which ends when this is dropped.
#[must_use]
pub struct Turn {
    shared: Option<Arc<Shared>>,
    lane: Lane,
    since: Instant,
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("lane", &self.lane).finish_non_exhaustive()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        shared.state.lock().end(self.lane, self.since.elapsed());
        shared.pump();
    }
}

/// The provider has room for one more purchase; given back when this is dropped.
#[must_use]
pub struct Admission(Arc<Shared>);

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admission")
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.state.lock().admitted -= 1;
    }
}

/// What one more purchase would come to.
#[derive(Clone, Copy, Debug)]
pub struct Selling {
    /// How many purchases were admitted, wait for their turn or are under way.
    pub purchases: usize,
    /// How often it can be called, in the long run.
    pub pace: Pace,
    /// For how long nothing can be bought because of a pause.
    pub pauses_for: Option<Duration>,
}

/// How a call asks for its turn.
#[derive(Clone, Copy)]
enum Asks {
    /// It does not come back.
    Once,
    /// It comes back with the same key if it is refused.
    Again(u64),
    /// It was admitted before.
    Admitted,
    /// It is a last look, which no pause keeps away.
    Last,
}

impl Asks {
    const fn key(self) -> Option<u64> {
        match self {
            Self::Again(key) => Some(key),
            Self::Once | Self::Admitted | Self::Last => None,
        }
    }
}

/// A place in a queue, given up when dropped, also by a caller who goes away.
struct Queued<'a> {
    shared: &'a Shared,
    lane: Lane,
    ticket: u64,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.shared.state.lock().leave(self.lane, self.ticket);
    }
}

/// The dispatcher of one provider, shared by all who call it.
pub struct Dispatcher {
    shared: Arc<Shared>,
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dispatcher")
    }
}

impl Dispatcher {
    /// A dispatcher of a provider that has not been called yet.
    #[must_use]
    pub fn new(limits: &CallLimits) -> Self {
        let state = State::new(limits, Instant::now());
        Self { shared: Arc::new(Shared { state: Mutex::new(state) }) }
    }

    /// The dispatcher of a connection that replaces another one, or of the first.
    #[must_use]
    pub fn shared(of: Option<Arc<Self>>, limits: &CallLimits) -> Arc<Self> {
        let Some(of) = of else { return Arc::new(Self::new(limits)) };
        of.shared.state.lock().limit(limits, Instant::now());
        of.shared.pump();
        of
    }

    /// Takes the windows for used up, as they may be by the process before this one.
    pub fn follow_another_process(&self) {
        self.shared.state.lock().spend(Instant::now());
    }

    /// How long a call of a lane may wait for its turn. Where a provider allows a call in some
    /// seconds, one that gave up its place would only stand at the end of the queue again, and
    /// what it asks about would seem to wait for nothing meanwhile.
    #[must_use]
    pub fn patience(&self, lane: Lane) -> Duration {
        let turns = self.shared.state.lock().interval() * lane.turns();
        lane.patience().max(turns)
    }

    /// Waits for the turn of a call.
    ///
    /// # Errors
    /// At once, if none can come by `until` or too many wait; else when none has come.
    pub async fn turn(&self, lane: Lane, until: Instant) -> Result<Turn, Limited> {
        self.wait(lane, until, Asks::Once).await
    }

    /// As [`Dispatcher::turn`], for a poll that is the last look at an activation: its time is
    /// over, and it is refunded without an answer. A pause does not keep it away.
    ///
    /// # Errors
    /// As [`Dispatcher::turn`].
    pub async fn last_turn(&self, until: Instant) -> Result<Turn, Limited> {
        self.wait(Lane::Poll, until, Asks::Last).await
    }

    /// As [`Dispatcher::turn`], for a caller that can come back: one that is refused is told
    /// when its turn is kept for it, by its key.
    ///
    /// # Errors
    /// As [`Dispatcher::turn`].
    pub async fn promised_turn(
        &self,
        lane: Lane,
        until: Instant,
        key: u64,
    ) -> Result<Turn, Limited> {
        self.wait(lane, until, Asks::Again(key)).await
    }

    /// As [`Dispatcher::turn`], for a purchase that was admitted: it is not turned away at
    /// once, since it was paid for.
    ///
    /// # Errors
    /// When no turn has come in time.
    pub async fn admitted_turn(
        &self,
        admission: Admission,
        until: Instant,
    ) -> Result<Turn, Limited> {
        let waits = self.wait(Lane::Buy, until, Asks::Admitted);
        // Counted until it stands in the queue, or a moment less: the count is a bound on how
        // many wait, not a right.
        drop(admission);
        waits.await
    }

    /// Admits one more purchase: its turn will come soon, nothing else waits for long, and
    /// `waits` does not say how long it has to wait for another reason.
    ///
    /// # Errors
    /// When asking again may be worth it.
    pub fn admit(
        &self,
        waits: impl FnOnce(Selling) -> Option<Duration>,
    ) -> Result<Admission, Limited> {
        let mut state = self.shared.state.lock();
        Self::may_buy(&mut state, waits)?;
        state.admitted += 1;
        Ok(Admission(Arc::clone(&self.shared)))
    }

    /// Whether a purchase would be admitted now: nothing is kept for it.
    ///
    /// # Errors
    /// As [`Dispatcher::admit`].
    pub fn look(&self, waits: impl FnOnce(Selling) -> Option<Duration>) -> Result<(), Limited> {
        Self::may_buy(&mut self.shared.state.lock(), waits)
    }

    fn may_buy(
        state: &mut State<Turn>,
        waits: impl FnOnce(Selling) -> Option<Duration>,
    ) -> Result<(), Limited> {
        let now = Instant::now();
        let pauses_for = state.selling_pauses_until(now).map(|until| until - now);
        let selling = Selling { purchases: state.purchases(), pace: state.pace(), pauses_for };
        let wait = waits(selling).max(state.purchase_waits(BUY_WAIT_MAX, now));
        wait.map_or(Ok(()), |retry_after| Err(Limited { retry_after }))
    }

    /// How many more calls of a lane can get their turn within `horizon`.
    #[must_use]
    pub fn room(&self, lane: Lane, horizon: Duration) -> usize {
        let mut state = self.shared.state.lock();
        let now = Instant::now();
        let waiting = state.queue(lane).len();
        let is_paused = state.pauses.until(lane, now).is_some();
        if is_paused || state.expected(lane, waiting, now) > horizon {
            return 0;
        }
        let soon = 1 + (state.rate() * horizon.as_secs_f64()).min(1e6) as usize;
        soon.saturating_sub(waiting).min(state.places_of(lane).saturating_sub(waiting))
    }

    /// Calls in a second, in the long run.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.shared.state.lock().pace()
    }

    /// True if nothing waits and a good part of what may be asked at once is unused.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.shared.state.lock().is_idle(Instant::now())
    }

    /// Stops calls for a while, because the provider asks for it.
    pub fn pause(&self, of: PauseOf, pause: Duration) {
        let pause = pause.min(PAUSE_MAX);
        self.shared.state.lock().pauses.begin(of, Instant::now(), pause);
    }

    /// Notes whether the answer to a call of a lane was the wish for a pause: such calls pause at
    /// once, or where each is about one activation after three in a row.
    pub fn note_answer(&self, lane: Lane, pause: Option<Duration>) {
        let mut state = self.shared.state.lock();
        match pause {
            Some(pause) => {
                state.pauses.note_asked(lane, Instant::now(), pause.min(PAUSE_MAX));
            }
            None => state.pauses.note_answered(lane),
        }
    }

    /// Notes that a call of a lane was answered as by a provider that is well. In a pause, that
    /// of the lane is over if messages come by it: one call is made every 30 s to find out.
    pub fn note_well(&self, lane: Lane) {
        self.shared.state.lock().pauses.note_well(lane);
        self.shared.pump();
    }

    async fn wait(&self, lane: Lane, mut until: Instant, asks: Asks) -> Result<Turn, Limited> {
        let (turn, mut given) = oneshot::channel();
        let key = asks.key();
        let queued = {
            let mut state = self.shared.state.lock();
            let now = Instant::now();
            let entry = match asks {
                Asks::Admitted => Entry::First,
                Asks::Last if state.pauses.lasts_until(lane, now).is_some() => Entry::First,
                Asks::Once | Asks::Last | Asks::Again(_) => state.entry(lane, until, key, now),
            };
            let ticket = match entry {
                Entry::Refused(retry_after) => return Err(Limited { retry_after }),
                Entry::First => state.join(lane, true, turn, now),
                Entry::Last => state.join(lane, false, turn, now),
            };
            if matches!((entry, key), (Entry::First, Some(_))) {
                until += PROMISED_PATIENCE;
            }
            Queued { shared: &self.shared, lane, ticket }
        };
        self.shared.pump();
        if let Ok(turn) = given.try_recv() {
            return Ok(turn);
        }
        match timeout_at(until, &mut given).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                drop(queued);
                // Given in the last moment all the same.
                given.try_recv().map_err(|_| self.late(lane, key))
            }
        }
    }

    /// What a call is told whose turn has not come in its time.
    fn late(&self, lane: Lane, key: Option<u64>) -> Limited {
        let now = Instant::now();
        Limited { retry_after: self.shared.state.lock().refuse(lane, key, now) }
    }

    /// For how long the calls of a lane pause because the provider asked for it.
    #[must_use]
    pub fn pauses_for(&self, lane: Lane) -> Option<Duration> {
        let now = Instant::now();
        self.shared.state.lock().pauses.until(lane, now).map(|until| until - now)
    }

    /// Whether a lane pauses, also at a moment when it may make one call to find out more.
    #[must_use]
    pub fn is_paused(&self, lane: Lane) -> bool {
        self.shared.state.lock().pauses.lasts_until(lane, Instant::now()).is_some()
    }

    /// For how long nothing can be bought because of such a pause, or not be asked about.
    #[must_use]
    pub fn selling_pauses_for(&self) -> Option<Duration> {
        let now = Instant::now();
        self.shared.state.lock().selling_pauses_until(now).map(|until| until - now)
    }

    /// What pauses, and for how long.
    pub(super) fn pauses(&self) -> Vec<(PauseOf, Duration)> {
        self.shared.state.lock().pauses.lasting(Instant::now())
    }

    /// What pauses longest, and for how long.
    #[must_use]
    pub fn longest_pause(&self) -> Option<(PauseOf, Duration)> {
        self.pauses().into_iter().max_by_key(|(_, left)| *left)
    }
}

#[cfg(test)]
mod tests;
