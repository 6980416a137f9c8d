//! The dispatcher of one provider: which call goes next, how often one may, how many at once.
//!
//! Each lane is a queue in the order of arrival. While several lanes wait, each gets its share
//! of what the provider allows by its weight, so that buying cannot starve polls, nor polls the
//! price list; what a lane does not use goes to the others. A call gets its turn together with
//! its place in flight, and is woken when it is due. No interval of a window's length ever has
//! more calls than the window allows, counted where turns are given; at least nine tenths of
//! them can be used, evenly.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{CallLimits, Op, Window};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A customer waits for the number.
    Buy,
    /// A customer cancels, finishes, or asks for another message.
    Change,
    /// Polls of activations.
    Poll,
    /// Lists of activations, by which doubts are settled.
    Doubt,
    /// Price lists and balances.
    Sync,
}

/// All lanes, in the order of their queues.
const LANES: [Lane; 5] = [Lane::Buy, Lane::Change, Lane::Poll, Lane::Doubt, Lane::Sync];
/// The longest a provider can make us pause with one answer.
pub const PAUSE_MAX: Duration = Duration::from_secs(600);
/// Calls that wait in one lane. More could not be served while they wait.
const QUEUE_MAX: usize = 2_000;
/// What the shares are counted in: a multiple of every weight.
const STRIDE: u64 = 60;
/// A window of fewer calls is counted call by call; a larger one is a bucket that holds a
/// twentieth of it, at least one call.
const COUNTED_MAX: u32 = 20;

impl Lane {
    /// The lane of an operation.
    #[must_use]
    pub const fn of(op: Op) -> Self {
        match op {
            Op::Buy => Self::Buy,
            Op::Cancel | Op::Finish | Op::Resend => Self::Change,
            Op::Status => Self::Poll,
            Op::ListActive => Self::Doubt,
            Op::Balance | Op::Prices => Self::Sync,
        }
    }

    /// How long its calls may wait for their turn.
    #[must_use]
    pub const fn patience(self) -> Duration {
        Duration::from_secs(match self {
            // With the exchange it must be over before the customer's first answer is due.
            Self::Buy => 5,
            Self::Change => 3,
            Self::Poll => 15,
            Self::Doubt | Self::Sync => 30,
        })
    }

    /// Its share while all lanes wait: codes that were paid for go before new purchases.
    const fn weight(self) -> u64 {
        match self {
            Self::Buy => 2,
            Self::Change => 4,
            Self::Poll => 6,
            Self::Doubt => 2,
            Self::Sync => 1,
        }
    }
}

/// No turn came, or could come, in the time that the call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no call to the provider was allowed in time")]
pub struct Limited {
    /// When asking again may be worth it.
    pub retry_after: Duration,
}

/// A bound of the driver on calls in an interval.
enum Gauge {
    /// Each call of the last interval.
    Counted { calls: usize, per: Duration, given: VecDeque<Instant> },
    /// A bucket in shares of a call: level in calls × `per_us`, refilled by `refill` a window.
    Bucket { capacity: u64, refill: u64, per_us: u64, level: u64, filled: Instant },
}

impl Gauge {
    fn new(window: Window, now: Instant) -> Self {
        let per = Duration::from_millis(window.per_ms.max(1));
        if window.calls < COUNTED_MAX {
            let calls = window.calls.max(1) as usize;
            return Self::Counted { calls, per, given: VecDeque::with_capacity(calls) };
        }
        // What the bucket holds and what flows in within a window are the window's calls.
        let capacity = u64::from(window.calls / 20).max(1);
        let refill = u64::from(window.calls) - capacity;
        let per_us = per.as_micros() as u64;
        Self::Bucket { capacity, refill, per_us, level: capacity * per_us, filled: now }
    }

    /// From when on a call may be made.
    fn ready_at(&mut self, now: Instant) -> Instant {
        match self {
            Self::Counted { calls, per, given } => {
                while given.front().is_some_and(|first| *first + *per <= now) {
                    given.pop_front();
                }
                if given.len() < *calls { now } else { given[0] + *per }
            }
            Self::Bucket { capacity, refill, per_us, level, filled } => {
                let elapsed = now.saturating_duration_since(*filled).as_micros() as u64;
                *level = level.saturating_add(elapsed.saturating_mul(*refill));
                *level = (*level).min(*capacity * *per_us);
                *filled = now;
                let missing = per_us.saturating_sub(*level);
                now + Duration::from_micros(missing.div_ceil(*refill))
            }
        }
    }

    fn take(&mut self, now: Instant) {
        match self {
            Self::Counted { given, .. } => given.push_back(now),
            Self::Bucket { level, per_us, .. } => *level -= *per_us,
        }
    }

    /// The call that was taken last was not made.
    fn give_back(&mut self) {
        match self {
            Self::Counted { given, .. } => drop(given.pop_back()),
            Self::Bucket { level, per_us, .. } => *level += *per_us,
        }
    }

    /// Calls in a second, in the long run.
    fn rate(&self) -> f64 {
        match self {
            Self::Counted { calls, per, .. } => *calls as f64 / per.as_secs_f64(),
            Self::Bucket { refill, per_us, .. } => *refill as f64 * 1e6 / *per_us as f64,
        }
    }
}

struct Waiter {
    ticket: u64,
    turn: oneshot::Sender<Turn>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiter>,
    /// How much of its share the lane has had: the least goes next.
    had: u64,
}

struct State {
    gauges: Vec<Gauge>,
    queues: [Queue; LANES.len()],
    places: usize,
    in_flight: usize,
    paused_until: Option<Instant>,
    next_ticket: u64,
    /// What the lane that went last had had: a lane that was empty begins there.
    served: u64,
    /// When the queues are looked at next by themselves.
    alarm: Option<Instant>,
}

impl State {
    /// From when on a call may be made.
    fn ready_at(&mut self, now: Instant) -> Instant {
        let paused = self.paused_until.filter(|until| *until > now).unwrap_or(now);
        self.gauges.iter_mut().map(|gauge| gauge.ready_at(now)).fold(paused, Instant::max)
    }

    /// The lane whose call goes next: of those that wait, the one that had least.
    fn next_lane(&self) -> Option<usize> {
        let waiting = (0..LANES.len()).filter(|at| !self.queues[*at].waiting.is_empty());
        waiting.min_by_key(|at| (self.queues[*at].had, *at))
    }

    fn join(&mut self, lane: Lane, turn: oneshot::Sender<Turn>) -> u64 {
        let queue = &mut self.queues[lane as usize];
        // A lane that was empty has no claim on what it did not use.
        if queue.waiting.is_empty() {
            queue.had = queue.had.max(self.served);
        }
        self.next_ticket += 1;
        queue.waiting.push_back(Waiter { ticket: self.next_ticket, turn });
        self.next_ticket
    }

    fn leave(&mut self, lane: Lane, ticket: u64) {
        self.queues[lane as usize].waiting.retain(|waiter| waiter.ticket != ticket);
    }

    /// How long a call that joins this lane now waits at the least, if the lanes that wait now
    /// go on waiting.
    fn expected(&mut self, lane: Lane, now: Instant) -> Duration {
        let first = self.ready_at(now) - now;
        let rate = self.gauges.iter().map(Gauge::rate).fold(f64::INFINITY, f64::min);
        let others = LANES
            .iter()
            .filter(|other| **other != lane && !self.queues[**other as usize].waiting.is_empty());
        let weights = lane.weight() + others.map(|other| other.weight()).sum::<u64>();
        let share = lane.weight() as f64 / weights as f64;
        let ahead = self.queues[lane as usize].waiting.len() as f64;
        first + Duration::from_secs_f64((ahead / (rate * share)).min(PAUSE_MAX.as_secs_f64()))
    }
}

struct Shared {
    state: Mutex<State>,
}

impl Shared {
    /// Gives out the turns that are due, and sees to it that the next one is.
    fn pump(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let now = Instant::now();
        while state.in_flight < state.places
            && let Some(at) = state.next_lane()
        {
            let ready_at = state.ready_at(now);
            if ready_at > now {
                self.set_alarm(&mut state, ready_at);
                return;
            }
            let Some(waiter) = state.queues[at].waiting.pop_front() else { return };
            state.gauges.iter_mut().for_each(|gauge| gauge.take(now));
            state.in_flight += 1;
            match waiter.turn.send(Turn { shared: Some(Arc::clone(self)) }) {
                Ok(()) => {
                    state.served = state.served.max(state.queues[at].had);
                    state.queues[at].had += STRIDE / LANES[at].weight();
                }
                // Its caller is gone: the turn is the next one's.
                Err(mut turn) => {
                    turn.shared = None;
                    state.in_flight -= 1;
                    state.gauges.iter_mut().for_each(Gauge::give_back);
                }
            }
        }
    }

    /// One timer at a time, set to the earliest moment that was asked for. Without a runtime
    /// the process is ending, and no call is made any more.
    fn set_alarm(self: &Arc<Self>, state: &mut State, at: Instant) {
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
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        shared.state.lock().in_flight -= 1;
        shared.pump();
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

impl Dispatcher {
    /// A dispatcher of a provider that has not been called yet.
    #[must_use]
    pub fn new(limits: &CallLimits) -> Self {
        let now = Instant::now();
        let state = State {
            gauges: limits.windows.iter().map(|window| Gauge::new(*window, now)).collect(),
            queues: Default::default(),
            places: limits.concurrency.max(1) as usize,
            in_flight: 0,
            paused_until: None,
            next_ticket: 0,
            served: 0,
            alarm: None,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state) }) }
    }

    /// Waits for the turn of a call.
    ///
    /// # Errors
    /// At once, if none can come by `deadline` or too many wait; else when none has come.
    pub async fn turn(&self, lane: Lane, deadline: Instant) -> Result<Turn, Limited> {
        let (turn, mut given) = oneshot::channel();
        let queued = {
            let mut state = self.shared.state.lock();
            let now = Instant::now();
            let expected = state.expected(lane, now);
            let is_full = state.queues[lane as usize].waiting.len() >= QUEUE_MAX;
            if is_full || now + expected > deadline {
                return Err(Limited { retry_after: expected });
            }
            let ticket = state.join(lane, turn);
            Queued { shared: &self.shared, lane, ticket }
        };
        self.shared.pump();
        if let Ok(turn) = given.try_recv() {
            return Ok(turn);
        }
        match timeout_at(deadline, &mut given).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                drop(queued);
                // Given in the last moment all the same.
                given.try_recv().map_err(|_| {
                    let retry_after = self.shared.state.lock().expected(lane, Instant::now());
                    Limited { retry_after }
                })
            }
        }
    }

    /// Stops all calls for a while, because the provider asks for it.
    pub fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause.min(PAUSE_MAX);
        let mut state = self.shared.state.lock();
        state.paused_until = Some(state.paused_until.map_or(until, |earlier| earlier.max(until)));
    }

    /// Until when the last pause holds or held.
    pub fn paused_until(&self) -> Option<Instant> {
        self.shared.state.lock().paused_until
    }
}

#[cfg(test)]
mod tests;
