//! What waits at a dispatcher, and what it may spend: the state under its lock.
//!
//! Pure but for the senders that it holds: every moment comes as an argument.

use std::collections::VecDeque;
use std::time::Duration;

use nexnum_driver::{CallLimits, Window};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::gauge::Gauge;
use super::lane::{LANES, Lane, PAUSE_MAX, STRIDE};
use super::pauses::Pauses;
use super::promises::Promises;

/// Calls that wait in one lane. More could not be served while they wait.
pub(super) const QUEUE_MAX: usize = 2_000;
/// Purchases that wait for each place in flight while it is not known how long calls take: with
/// calls of three seconds they have their turns within their patience.
const BUYS_A_PLACE: usize = 2;
/// The share of the last call in how long calls take.
const CALL_SHARE: f64 = 0.1;
/// The time between two calls above which a provider is slow.
const SLOW: Duration = Duration::from_secs(1);

pub(super) struct Waiter<T> {
    ticket: u64,
    since: Instant,
    pub(super) turn: oneshot::Sender<T>,
}

pub(super) struct Queue<T> {
    /// Callers who came back when they were told to, admitted purchases, and last looks in a
    /// pause: they go first.
    first: VecDeque<Waiter<T>>,
    waiting: VecDeque<Waiter<T>>,
    /// How much of its share the lane has had: the least goes next.
    had: u64,
    /// When it had its last turn.
    had_at: Option<Instant>,
    in_flight: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            first: VecDeque::new(),
            waiting: VecDeque::new(),
            had: 0,
            had_at: None,
            in_flight: 0,
        }
    }
}

impl<T> Queue<T> {
    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.first.len() + self.waiting.len()
    }

    fn pop(&mut self) -> Option<Waiter<T>> {
        self.first.pop_front().or_else(|| self.waiting.pop_front())
    }

    fn oldest(&self) -> Option<Instant> {
        let since = |queue: &VecDeque<Waiter<T>>| queue.front().map(|waiter| waiter.since);
        since(&self.first).into_iter().chain(since(&self.waiting)).min()
    }
}

/// How a call enters its lane.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    /// At the end of the queue.
    Last,
    /// Before those that were promised nothing.
    First,
    /// Not at all: it may come back after so long.
    Refused(Duration),
}

/// Calls in a second, in the long run.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Of all lanes.
    pub calls: f64,
    /// Of polls, if no other lane takes any.
    pub polls: f64,
}

/// The state of a dispatcher whose turns are of type `T`.
pub(super) struct State<T> {
    windows: Vec<Window>,
    pub(super) gauges: Vec<Gauge>,
    pub(super) queues: [Queue<T>; LANES.len()],
    places: usize,
    in_flight: usize,
    /// How long the last calls took, in seconds; zero before the first has ended.
    call_s: f64,
    pub(super) pauses: Pauses,
    next_ticket: u64,
    /// What the lane that went last had had: a lane that was empty begins there.
    served: u64,
    /// When the queues are looked at next by themselves.
    pub(super) alarm: Option<Instant>,
    /// Callers that were refused and told when to come back, by their key.
    promises: Promises,
    /// Purchases that were admitted and have not joined their queue.
    pub(super) admitted: usize,
}

impl<T> State<T> {
    pub(super) fn new(limits: &CallLimits, now: Instant) -> Self {
        Self {
            windows: limits.windows.clone(),
            gauges: limits.windows.iter().map(|window| Gauge::new(*window, now)).collect(),
            queues: Default::default(),
            places: limits.concurrency.max(1) as usize,
            in_flight: 0,
            call_s: 0.0,
            pauses: Pauses::default(),
            next_ticket: 0,
            served: 0,
            alarm: None,
            promises: Promises::default(),
            admitted: 0,
        }
    }

    /// Keeps to other limits from now on. What was called under the ones before is not known to
    /// the new windows, so that they begin as if they were used up.
    pub(super) fn limit(&mut self, limits: &CallLimits, now: Instant) {
        self.places = limits.concurrency.max(1) as usize;
        if self.windows != limits.windows {
            self.windows.clone_from(&limits.windows);
            self.spend(now);
        }
    }

    /// Takes every window for used up: what was called within it is not known.
    pub(super) fn spend(&mut self, now: Instant) {
        self.gauges = self.windows.iter().map(|window| Gauge::spent(*window, now)).collect();
    }

    pub(super) fn queue(&self, lane: Lane) -> &Queue<T> {
        &self.queues[lane as usize]
    }

    /// Until when a pause keeps the next call of a lane away; a last look is kept away by none.
    fn pauses_until(&self, lane: Lane, now: Instant) -> Option<Instant> {
        let is_last = lane == Lane::Poll && !self.queue(lane).first.is_empty();
        self.pauses.until(lane, now).filter(|_| !is_last)
    }

    /// From when on a call of a lane may be made.
    pub(super) fn ready_at(&mut self, lane: Lane, now: Instant) -> Instant {
        let paused = self.pauses_until(lane, now).unwrap_or(now);
        self.gauges.iter_mut().map(|gauge| gauge.ready_at(now)).fold(paused, Instant::max)
    }

    /// How many calls of a lane may be made at once; none during a pause.
    fn at_hand(&mut self, lane: Lane, now: Instant) -> usize {
        if self.pauses_until(lane, now).is_some() {
            return 0;
        }
        self.gauges.iter_mut().map(|gauge| gauge.at_hand(now)).min().unwrap_or(usize::MAX)
    }

    /// Calls in a second, in the long run: as the windows allow, and as the places in flight do
    /// with calls that take as long as the last ones.
    pub(super) fn rate(&self) -> f64 {
        let allowed = self.gauges.iter().map(Gauge::rate).fold(f64::INFINITY, f64::min);
        allowed.min(self.places as f64 / self.call_s.max(1e-6))
    }

    /// The rate, and that of polls alone, which their places in flight bound as well.
    pub(super) fn pace(&self) -> Pace {
        let calls = self.rate();
        let places = Lane::Poll.places(self.places) as f64;
        Pace { calls, polls: calls.min(places / self.call_s.max(1e-6)) }
    }

    /// True if nothing waits and half of what may be spent on polls at once is there.
    pub(super) fn is_idle(&mut self, now: Instant) -> bool {
        let burst = self.gauges.iter().map(Gauge::burst).min().unwrap_or(1);
        let spare = self.at_hand(Lane::Poll, now) >= burst.div_ceil(2);
        spare && self.queues.iter().all(Queue::is_empty) && self.in_flight < self.places
    }

    /// Whether a lane has a place in flight. One place in eight is kept for changes, which
    /// customers wait for, where there are as many as four.
    pub(super) fn has_place(&self, lane: Lane) -> bool {
        let kept = match lane {
            Lane::Change => 0,
            Lane::Buy | Lane::Poll | Lane::List | Lane::End | Lane::Sync if self.places >= 4 => {
                (self.places / 8).max(1)
            }
            Lane::Buy | Lane::Poll | Lane::List | Lane::End | Lane::Sync => 0,
        };
        self.in_flight < self.places - kept && self.queue(lane).in_flight < lane.places(self.places)
    }

    /// Purchases that were admitted, wait for their turn or are under way.
    pub(super) fn purchases(&self) -> usize {
        let queue = self.queue(Lane::Buy);
        self.admitted + queue.len() + queue.in_flight
    }

    /// Places in flight that a lane may still take.
    pub(super) fn places_of(&self, lane: Lane) -> usize {
        lane.places(self.places) - self.queue(lane).in_flight.min(lane.places(self.places))
    }

    /// Between two calls, in the long run.
    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs_f64((1.0 / self.rate()).min(PAUSE_MAX.as_secs_f64()))
    }

    /// Whether calls are so far apart that a purchase takes its turn from a poll that waits.
    fn is_slow(&self) -> bool {
        self.interval() > SLOW
    }

    /// When the next call of a lane may be made that is not kept for others; `now` if at once.
    pub(super) fn may_go_at(&mut self, lane: Lane, now: Instant) -> Instant {
        let ready_at = self.ready_at(lane, now);
        let keeps = !(lane == Lane::Change && self.goes_first(lane, now));
        let kept = if keeps { self.promises.kept(now, self.interval(), self.is_slow()) } else { 0 };
        if ready_at > now || kept == 0 || self.at_hand(lane, now) > kept {
            return ready_at;
        }
        now + self.interval().clamp(Duration::from_millis(50), Duration::from_millis(500))
    }

    /// Whether calls of a lane may have their turn when one is due.
    fn may_go(&self, lane: Lane, now: Instant) -> bool {
        self.has_place(lane) && self.pauses_until(lane, now).is_none()
    }

    fn goes_first(&self, lane: Lane, now: Instant) -> bool {
        !self.queue(lane).first.is_empty() && self.may_go(lane, now)
    }

    /// When the first pause ends of a lane in which calls wait.
    pub(super) fn resumes_at(&self, now: Instant) -> Option<Instant> {
        let waiting = LANES.into_iter().filter(|lane| !self.queue(*lane).is_empty());
        waiting.filter_map(|lane| self.pauses_until(lane, now)).min()
    }

    /// Since when a lane has waited without a turn, if that is too long for it.
    fn overdue_since(&self, lane: Lane, now: Instant) -> Option<Instant> {
        let most = lane.overdue()?;
        // One admitted purchase may go before a poll that waits, and no second one.
        let is_next = lane == Lane::Poll && self.is_slow();
        let most = if is_next { most.min(self.interval()) } else { most };
        let queue = self.queue(lane);
        let oldest = queue.oldest()?;
        let since = queue.had_at.map_or(oldest, |had_at| had_at.max(oldest));
        Some(since).filter(|since| now - *since >= most)
    }

    /// The lane whose call goes next: changes that came back as they were told, then of admitted
    /// purchases, which are few, and what is overdue the one that has waited longest, then of
    /// those that wait the lane that had least.
    pub(super) fn next_lane(&self, now: Instant) -> Option<Lane> {
        if self.goes_first(Lane::Change, now) {
            return Some(Lane::Change);
        }
        let admitted = Some(Lane::Buy).filter(|lane| self.goes_first(*lane, now));
        let admitted = admitted.and_then(|lane| Some((self.queue(lane).oldest()?, lane)));
        let overdue = LANES.into_iter().filter(|lane| self.may_go(*lane, now));
        let overdue = overdue.filter_map(|lane| Some((self.overdue_since(lane, now)?, lane)));
        if let Some((_, lane)) = overdue.chain(admitted).min_by_key(|(since, _)| *since) {
            return Some(lane);
        }
        let may_go = |lane: &&Lane| !self.queue(**lane).is_empty() && self.may_go(**lane, now);
        let waiting = LANES.iter().filter(may_go);
        waiting.min_by_key(|lane| (self.queue(**lane).had, **lane as usize)).copied()
    }

    /// Takes the next call of a lane out of its queue and counts it.
    pub(super) fn begin(&mut self, lane: Lane, now: Instant) -> Option<Waiter<T>> {
        let waiter = self.queues[lane as usize].pop()?;
        self.pauses.note_made(lane, now);
        self.gauges.iter_mut().for_each(|gauge| gauge.take(now));
        self.in_flight += 1;
        let queue = &mut self.queues[lane as usize];
        queue.in_flight += 1;
        queue.had_at = Some(now);
        self.served = self.served.max(queue.had);
        queue.had += STRIDE / lane.weight();
        Some(waiter)
    }

    /// A call that had its turn is over; it took so long.
    pub(super) fn end(&mut self, lane: Lane, took: Duration) {
        let share = if self.call_s == 0.0 { 1.0 } else { CALL_SHARE };
        self.call_s += (took.as_secs_f64() - self.call_s) * share;
        self.release(lane);
    }

    fn release(&mut self, lane: Lane) {
        self.in_flight -= 1;
        self.queues[lane as usize].in_flight -= 1;
    }

    /// A call that had its turn a moment ago was not made: its caller is gone.
    pub(super) fn undo(&mut self, lane: Lane) {
        self.release(lane);
        self.gauges.iter_mut().for_each(Gauge::give_back);
        self.queues[lane as usize].had -= STRIDE / lane.weight();
    }

    pub(super) fn join(
        &mut self,
        lane: Lane,
        first: bool,
        turn: oneshot::Sender<T>,
        now: Instant,
    ) -> u64 {
        let served = self.served;
        let queue = &mut self.queues[lane as usize];
        // A lane that was empty has no claim on what it did not use.
        if queue.is_empty() {
            queue.had = queue.had.max(served);
        }
        self.next_ticket += 1;
        let waiter = Waiter { ticket: self.next_ticket, since: now, turn };
        if first {
            queue.first.push_back(waiter)
        } else {
            queue.waiting.push_back(waiter)
        }
        self.next_ticket
    }

    pub(super) fn leave(&mut self, lane: Lane, ticket: u64) {
        let queue = &mut self.queues[lane as usize];
        queue.waiting.retain(|waiter| waiter.ticket != ticket);
        queue.first.retain(|waiter| waiter.ticket != ticket);
    }

    /// How long a call that joins this lane now, behind `ahead` others, waits at the least if
    /// the lanes that wait now go on waiting.
    pub(super) fn expected(&mut self, lane: Lane, ahead: usize, now: Instant) -> Duration {
        self.expected_beside(&[], lane, ahead, now)
    }

    /// As [`State::expected`] if `beside` wait as well.
    fn expected_beside(
        &mut self,
        beside: &[Lane],
        lane: Lane,
        ahead: usize,
        now: Instant,
    ) -> Duration {
        let first = self.ready_at(lane, now) - now;
        let waits = |other: &&Lane| !self.queue(**other).is_empty() || beside.contains(*other);
        let others = LANES.iter().filter(|other| **other != lane).filter(waits);
        let weights = lane.weight() + others.map(|other| other.weight()).sum::<u64>();
        let share = lane.weight() as f64 / weights as f64;
        let at_once = (self.at_hand(lane, now) as f64 * share).floor();
        let by_windows = (ahead as f64 - at_once).max(0.0) / (self.rate() * share);
        let behind = by_windows.max(self.place_after(lane, ahead)).min(PAUSE_MAX.as_secs_f64());
        first + Duration::from_secs_f64(behind)
    }

    /// Seconds until the lane has a place for a call behind `ahead` others, if calls go on
    /// taking as long as the last ones.
    fn place_after(&self, lane: Lane, ahead: usize) -> f64 {
        let places = lane.places(self.places);
        let over = (self.queue(lane).in_flight + ahead + 1).saturating_sub(places);
        over as f64 * self.call_s / places as f64
    }

    /// How a call enters a lane where it may wait until then. One with a key that is refused
    /// is promised a turn, and is let in first when it comes back.
    pub(super) fn entry(
        &mut self,
        lane: Lane,
        until: Instant,
        key: Option<u64>,
        now: Instant,
    ) -> Entry {
        self.promises.prune(now);
        let is_paused = self.pauses.until(lane, now).is_some_and(|paused| paused > until);
        if let Some(key) = key
            && !is_paused
            && self.promises.is_due(key, now)
        {
            self.promises.forget(key);
            return Entry::First;
        }
        let expected = self.expected(lane, self.ahead(lane, key), now);
        if !is_paused && self.queue(lane).len() < QUEUE_MAX && now + expected <= until {
            key.into_iter().for_each(|key| self.promises.forget(key));
            return Entry::Last;
        }
        Entry::Refused(self.refuse(lane, key, now))
    }

    /// How many go before a call that joins a lane now.
    fn ahead(&self, lane: Lane, key: Option<u64>) -> usize {
        let waiting = self.queue(lane).len();
        match lane {
            // Who was told to come back has a place in the queue.
            Lane::Change => {
                let own = key.is_some_and(|key| self.promises.of(key).is_some());
                waiting + self.promises.len() - usize::from(own)
            }
            Lane::Buy => waiting + self.admitted,
            Lane::Poll | Lane::List | Lane::End | Lane::Sync => waiting,
        }
    }

    /// After how long a call that is refused may come back; one with a key is promised a turn
    /// then, and keeps a promise that it has.
    pub(super) fn refuse(&mut self, lane: Lane, key: Option<u64>, now: Instant) -> Duration {
        let ahead = self.ahead(lane, key);
        let Some(key) = key else { return self.expected(lane, ahead, now) };
        // What is promised goes before all else when its time has come: half of the calls are
        // left to the other lanes, and those before it to purchases that were paid for, which
        // would find no turn in their time.
        let first = self.ready_at(lane, now);
        let paid = (self.queue(Lane::Buy).len() + self.admitted) as f64;
        let behind = ((2.0 * ahead as f64 + paid) / self.rate()).min(PAUSE_MAX.as_secs_f64());
        let at = self.promises.of(key).filter(|at| *at >= first);
        let first = first.max(self.after_others(lane, now));
        let at = at.unwrap_or(first + Duration::from_secs_f64(behind));
        self.promises.note(key, at);
        at - now
    }

    /// When a lane may be promised a call so that another one that waits has one before it,
    /// where calls are far apart and this lane had the last.
    fn after_others(&self, lane: Lane, now: Instant) -> Instant {
        let waits = |other: &Lane| *other != lane && !self.queue(*other).is_empty();
        let had_at = self.queue(lane).had_at.filter(|_| self.is_slow());
        let had_last = had_at.filter(|_| LANES.iter().any(waits));
        had_last.map_or(now, |had_at| had_at + 2 * self.interval())
    }

    /// Until when nothing can be bought because of a pause, or not be asked about once it is.
    pub(super) fn selling_pauses_until(&self, now: Instant) -> Option<Instant> {
        let lasts = |lane| self.pauses.lasts_until(lane, now);
        [Lane::Buy, Lane::Poll].into_iter().filter_map(lasts).max()
    }

    /// Why no purchase may be added now, as how long to wait; `None` if one may. Purchases
    /// give way to whatever else waits: what was bought must be asked about and cancelled.
    pub(super) fn purchase_waits(&mut self, wait_max: Duration, now: Instant) -> Option<Duration> {
        self.promises.prune(now);
        let promised = self.promises.last();
        let promised = promised.map(|last| (last - now.min(last)).max(Duration::from_secs(1)));
        // What was promised meanwhile goes first when a pause ends.
        let paused = self.selling_pauses_until(now).map(|until| until - now);
        if let Some(wait) = paused.max(promised) {
            return Some(wait);
        }
        let late = |lane: &&Lane| {
            let waits = self.queue(**lane).oldest().map(|since| now - since);
            let is_next = **lane == Lane::Poll && self.is_slow();
            waits.is_some_and(|waits| is_next || waits > lane.tolerance())
        };
        if let Some(lane) = LANES.iter().find(late).copied() {
            let behind = self.queue(lane).len();
            return Some(self.expected(lane, behind, now).max(Duration::from_secs(1)));
        }
        // What was paid for gets its turn in time, even if the others begin to wait now.
        let ahead = self.queue(Lane::Buy).len() + self.admitted;
        let expected = if ahead == 0 {
            self.expected(Lane::Buy, ahead, now)
        } else {
            let beside = [Lane::Change, Lane::Poll];
            self.expected_beside(&beside, Lane::Buy, ahead + 1, now)
        };
        let is_full = self.call_s == 0.0 && ahead >= BUYS_A_PLACE * Lane::Buy.places(self.places);
        let waits = expected > wait_max || is_full;
        waits.then_some(if is_full { expected.max(Duration::from_secs(1)) } else { expected })
    }
}
