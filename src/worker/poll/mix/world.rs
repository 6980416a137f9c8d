//! The provider in memory, and those who call it: buyers, the poller's loop over the schedule,
//! the syncer, the reconciler and the ender.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use nexnum_engine::limits::LAST_LOOK_MS;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use super::drawn::{Mix, Random};
use crate::provider::admission::Room;
use crate::provider::dispatch::{Dispatcher, Turn};
use crate::worker::poll::*;
use crate::worker::schedule::Want;

const POLL_BASE_MS: u64 = 5_000;
/// How long a cancel may take.
const CANCEL_TIME: Duration = Duration::from_secs(3);
/// Between two tries of the syncer before the first list has come, and of what had no turn.
const SYNC_SOON: Duration = Duration::from_secs(3);
/// Rounds of the reconciler, and after a list that it could not have.
const RECONCILE: Duration = Duration::from_secs(1);
const RECONCILE_FAILED: Duration = Duration::from_secs(5);
/// Open activations a page where the list brings no messages.
const PAGE: usize = 100;
/// Rounds of the ender, and before it tells of an end that the poll could not tell.
const ENDER: Duration = Duration::from_secs(15);
const ENDER_FIRST: Duration = Duration::from_secs(30);

/// A number, and what has become of it.
#[derive(Clone, Copy)]
pub(super) struct Bought {
    pub(super) code_at: Instant,
    at: Instant,
    /// When it was asked about alone.
    asked: Instant,
    pub(super) delivered: Option<Instant>,
    /// It was cancelled, or its time ran out, without a code.
    pub(super) gone: Option<Instant>,
    pub(super) end: End,
}

/// What the provider has to be told.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// Nothing, or nothing any more.
    No,
    /// To end it, as is known since then.
    Due(Instant),
    /// It was told, so long after.
    Told(Duration),
}

impl Bought {
    /// Whether its buyer waits for a code.
    pub(super) fn is_open(&self) -> bool {
        self.gone.is_none() && self.delivered.is_none()
    }

    fn has_ended(&mut self) {
        if let End::Due(since) = self.end {
            self.end = End::Told(since.elapsed());
        }
    }
}

/// A purchase whose reply was lost.
pub(super) struct Doubt {
    pub(super) at: Instant,
    pub(super) settled: Option<(Instant, u64)>,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) calls: Vec<Instant>,
    pub(super) refused: usize,
    /// Of all that are open at once the share that was when each of them was refused, together.
    pub(super) open_shares: f64,
    pub(super) turned_away: usize,
    pub(super) cancels: usize,
    pub(super) told_to_wait: usize,
    pub(super) longest_told: Duration,
    pub(super) slow_cancels: usize,
    pub(super) broken_promises: usize,
    pub(super) syncs: Vec<Instant>,
    pub(super) balances: Vec<Instant>,
    /// Activations that ran out without a last look.
    pub(super) unlooked: usize,
}

impl Figures {
    /// A cancel that was asked for then was refused, and had been told before to wait.
    fn note_refused(&mut self, asked: Instant, told: Option<Duration>, wait: Duration) {
        self.told_to_wait += 1;
        self.broken_promises += usize::from(told.is_some());
        self.slow_cancels += usize::from(asked.elapsed() > CANCEL_TIME);
        self.longest_told = self.longest_told.max(wait);
    }
}

pub(super) struct World {
    pub(super) mix: Mix,
    pub(super) room: Room,
    pub(super) began: Instant,
    random: Mutex<Random>,
    pub(super) bought: Mutex<BTreeMap<u64, Bought>>,
    pub(super) doubts: Mutex<Vec<Doubt>>,
    schedule: Mutex<Schedule>,
    /// Polls under way that a call to spare is used for.
    at_rest: AtomicUsize,
    pub(super) figures: Mutex<Figures>,
}

impl World {
    pub(super) fn new(mix: Mix, seed: u64) -> Arc<Self> {
        let dispatcher = Arc::new(Dispatcher::new(&mix.limits));
        let lifetime_ms = mix.lifetime.as_millis() as u64;
        Arc::new(Self {
            room: Room::new(dispatcher, mix.page.is_some(), lifetime_ms),
            began: Instant::now(),
            random: Mutex::new(Random(seed)),
            bought: Mutex::default(),
            doubts: Mutex::default(),
            schedule: Mutex::new(Schedule::new(mix.page.is_some())),
            at_rest: AtomicUsize::new(0),
            figures: Mutex::default(),
            mix,
        })
    }

    fn now(&self) -> Time {
        Time(1 + self.began.elapsed().as_millis() as u64)
    }

    fn draw(&self, range: &Range<u64>) -> u64 {
        self.random.lock().of(range.clone())
    }

    /// The time between calls of a provider that allows fewer than two a second.
    pub(super) fn slowness(&self) -> Duration {
        let interval = Duration::from_secs_f64(1.0 / self.room.dispatcher().pace().calls);
        if interval > Duration::from_millis(500) { interval } else { Duration::ZERO }
    }

    fn is_over(&self) -> bool {
        self.began.elapsed() >= self.mix.run
    }

    /// The provider answers a call that has its turn.
    async fn call(&self, turn: Turn) {
        self.figures.lock().calls.push(Instant::now());
        sleep(Duration::from_millis(self.draw(&self.mix.call))).await;
        drop(turn);
    }

    async fn call_in(&self, lane: Lane) -> bool {
        let until = Instant::now() + self.room.dispatcher().patience(lane);
        let turn = self.room.dispatcher().turn(lane, until).await;
        match turn {
            Ok(turn) => self.call(turn).await,
            Err(_) => return false,
        }
        true
    }

    fn put(&self, id: u64, moment: Moment) {
        let bought = self.bought.lock()[&id];
        let want = match bought.end {
            End::Due(_) => Want::Answer,
            End::No if bought.is_open() => Want::Message,
            End::No | End::Told(_) => {
                return self.schedule.lock().remove(OrderId(id));
            }
        };
        let age_ms = bought.at.elapsed().as_millis() as u64;
        let watch = Watch::default();
        let now = self.now();
        let pace = (POLL_BASE_MS, self.room.tells());
        let due = now.plus_ms(pause_ms(pace, age_ms, want, watch, moment));
        let last = now.plus_ms(self.mix.lifetime.as_millis() as u64 - age_ms.min(self.life_ms()));
        let due = if want == Want::Message && last > now { due.min(last) } else { due };
        let confirm = now.plus_ms(CONFIRM_MS).0 - bought.asked.elapsed().as_millis() as u64;
        let mut schedule = self.schedule.lock();
        schedule.put(OrderId(id), want, age_ms, due, now);
        schedule.confirm_at(OrderId(id), Time(confirm));
    }

    fn life_ms(&self) -> u64 {
        self.mix.lifetime.as_millis() as u64
    }

    /// Delivers the code of an activation that the provider was asked about at `asked`, or ends
    /// it if its time was over then. True if there was one.
    fn deliver(&self, id: u64, asked: Instant) -> bool {
        let mut all = self.bought.lock();
        let Some(bought) = all.get_mut(&id).filter(|bought| bought.is_open()) else { return false };
        let now = Instant::now();
        let comes = bought.code_at <= asked;
        if comes {
            bought.delivered = Some(now);
            // Its buyer finishes one in two.
            bought.end = if id.is_multiple_of(2) { End::Due(now) } else { End::No };
        } else if asked >= bought.at + self.mix.lifetime {
            (bought.gone, bought.end) = (Some(now), End::Due(now));
        }
        comes
    }

    pub(super) async fn buyer(self: Arc<Self>) {
        while !self.is_over() {
            let admission = match self.room.admit() {
                Ok(admission) => admission,
                Err(limited) => {
                    self.note_refused();
                    let most = limited.retry_after.as_millis().max(1_000) as u64;
                    sleep(Duration::from_millis(self.draw(&(500..most + 1)))).await;
                    continue;
                }
            };
            let until = Instant::now() + self.room.dispatcher().patience(Lane::Buy);
            let turn = self.room.dispatcher().admitted_turn(admission, until).await;
            let Ok(turn) = turn else {
                self.figures.lock().turned_away += 1;
                continue;
            };
            self.call(turn).await;
            let is_lost = self.draw(&(0..100)) < self.mix.lost;
            let id = if is_lost { self.doubt().await } else { self.add(Instant::now()) };
            let cancels = self.draw(&(0..100)) < self.mix.cancelled;
            let ends_at = self.bought.lock()[&id].code_at + Duration::from_secs(15);
            if cancels {
                sleep(Duration::from_millis(self.draw(&self.mix.cancel_after))).await;
                self.cancel(id).await;
            } else {
                // Some wait for the code, others go on to the next purchase at once.
                let waits = self.draw(&(0..2)) == 0 && self.mix.code_after.end < self.life_ms();
                let end = self.began + self.mix.run;
                sleep_until(if waits { ends_at.min(end) } else { Instant::now() }).await;
            }
        }
    }

    fn note_refused(&self) {
        let waiting = self.schedule.lock().waiting();
        let mut figures = self.figures.lock();
        figures.refused += 1;
        figures.open_shares += waiting as f64 / self.room.capacity() as f64;
    }

    /// A purchase was made at `at` whose number is known by now.
    fn add(&self, at: Instant) -> u64 {
        let code_at = at + Duration::from_millis(self.draw(&self.mix.code_after));
        let id = {
            let mut all = self.bought.lock();
            let id = all.len() as u64 + 1;
            let (asked, end) = (at, End::No);
            let new = Bought { at, code_at, asked, delivered: None, gone: None, end };
            all.insert(id, new);
            id
        };
        self.put(id, Moment::First);
        id
    }

    /// Waits until it is known what became of a purchase whose reply was lost.
    async fn doubt(&self) -> u64 {
        let at = Instant::now();
        let nth = {
            let mut doubts = self.doubts.lock();
            doubts.push(Doubt { at, settled: None });
            doubts.len() - 1
        };
        loop {
            sleep(Duration::from_millis(200)).await;
            if let Some((_, id)) = self.doubts.lock()[nth].settled {
                return id;
            }
        }
    }

    /// Settles doubts as the reconciler does: by a list a round, while there are any.
    pub(super) async fn reconcile(self: Arc<Self>) {
        let lane = if self.mix.page.is_some() { Lane::Poll } else { Lane::List };
        while !self.is_over() {
            sleep(RECONCILE).await;
            if self.doubts.lock().iter().all(|doubt| doubt.settled.is_some()) {
                continue;
            }
            let asked = Instant::now();
            let open = self.bought.lock().values().filter(|bought| bought.is_open()).count();
            let pages = (open + 1).div_ceil(self.mix.page.unwrap_or(PAGE));
            let mut whole = true;
            for _ in 0..pages {
                whole = whole && self.call_in(lane).await;
            }
            if !whole {
                sleep(RECONCILE_FAILED).await;
                continue;
            }
            for doubt in self.doubts.lock().iter_mut() {
                if doubt.settled.is_none() && doubt.at <= asked {
                    doubt.settled = Some((Instant::now(), self.add(doubt.at)));
                }
            }
            sleep_until(asked + RECONCILE * pages as u32).await;
        }
    }

    /// Cancels as a client does that heeds `Retry-After`, in whole seconds.
    async fn cancel(&self, id: u64) {
        let mut told = None;
        while self.bought.lock()[&id].gone.is_none() {
            let asked = Instant::now();
            let until = asked + self.room.dispatcher().patience(Lane::Change);
            let turn = self.room.dispatcher().promised_turn(Lane::Change, until, id).await;
            match turn {
                Ok(turn) => {
                    self.call(turn).await;
                    let mut figures = self.figures.lock();
                    figures.cancels += 1;
                    let slow = if told.is_some() { self.slowness() } else { Duration::ZERO };
                    figures.slow_cancels += usize::from(asked.elapsed() > CANCEL_TIME + slow);
                    drop(figures);
                    if let Some(bought) = self.bought.lock().get_mut(&id)
                        && bought.gone.is_none()
                    {
                        (bought.gone, bought.end) = (Some(Instant::now()), End::No);
                    }
                    return self.schedule.lock().remove(OrderId(id));
                }
                Err(limited) => {
                    self.figures.lock().note_refused(asked, told, limited.retry_after);
                    told = Some(limited.retry_after);
                    sleep(Duration::from_secs(limited.retry_after.as_secs() + 1)).await;
                }
            }
        }
    }

    /// The poller's loop over the schedule.
    pub(super) async fn poll(self: Arc<Self>) {
        let mut asking = JoinSet::new();
        while !self.is_over() {
            self.end_graces();
            let now = self.now();
            let at_rest = self.at_rest.load(Ordering::Relaxed);
            let next = next(&mut self.schedule.lock(), &self.room, at_rest, now);
            if let Some(id) = next.confirmed {
                let world = Arc::clone(&self);
                asking.spawn(async move { world.ask(id.0, true).await });
            }
            for step in next.steps {
                let world = Arc::clone(&self);
                asking.spawn(async move {
                    match step {
                        Step::One(id) => world.ask(id.0, false).await,
                        Step::List(depth) => world.list(depth, now).await,
                    }
                });
            }
            for id in next.at_rest {
                let world = Arc::clone(&self);
                self.at_rest.fetch_add(1, Ordering::Relaxed);
                asking.spawn(async move {
                    world.ask(id.0, false).await;
                    world.at_rest.fetch_sub(1, Ordering::Relaxed);
                });
            }
            while asking.try_join_next().is_some() {}
            sleep(TICK).await;
        }
    }

    /// What had no last look in its grace runs out without.
    fn end_graces(&self) {
        let (now, most) = (Instant::now(), self.mix.lifetime + Duration::from_millis(LAST_LOOK_MS));
        for bought in self.bought.lock().values_mut().filter(|bought| bought.is_open()) {
            if now >= bought.at + most {
                (bought.gone, bought.end) = (Some(now), End::Due(now));
                self.figures.lock().unlooked += 1;
            }
        }
    }

    /// Whether a list has come since the activation was bought.
    fn is_listed(&self, id: u64) -> bool {
        let since = self.bought.lock()[&id].at - self.began;
        self.schedule.lock().has_listed_since(Time(1 + since.as_millis() as u64))
    }

    /// Asks about one; `checks` if a list has shown it.
    async fn ask(&self, id: u64, checks: bool) {
        // What ran out after a look is ended without another one.
        let has_run_out = self.bought.lock()[&id].gone.is_some();
        let mut had_turn = has_run_out || self.call_in(Lane::Poll).await;
        let checks = (checks || !self.room.tells()) && self.is_listed(id);
        if had_turn {
            let comes = self.deliver(id, Instant::now());
            match (checks, comes) {
                (true, true) => self.room.note_left_out(1, self.now()),
                (true, false) => self.room.note_right(),
                (false, _) => {}
            }
            if let Some(bought) = self.bought.lock().get_mut(&id) {
                bought.asked = Instant::now();
            }
        }
        let is_due = matches!(self.bought.lock()[&id].end, End::Due(_));
        if had_turn && is_due {
            had_turn = self.end(id).await;
        }
        self.put(id, if had_turn { Moment::Next } else { Moment::NoRoom });
    }

    /// Ends an activation at the provider that has ended here; false if there was no turn for it.
    async fn end(&self, id: u64) -> bool {
        let told = self.call_in(Lane::End).await;
        if told && let Some(bought) = self.bought.lock().get_mut(&id) {
            bought.has_ended();
        }
        told
    }

    /// Tells of the ends that polls could not tell.
    pub(super) async fn tell_ends(self: Arc<Self>) {
        while !self.is_over() {
            sleep(ENDER).await;
            let due: Vec<u64> = {
                let (now, all) = (Instant::now(), self.bought.lock());
                let is_due = |bought: &Bought| matches!(bought.end, End::Due(since) if now >= since + ENDER_FIRST);
                all.iter().filter(|(_, bought)| is_due(bought)).map(|(id, _)| *id).collect()
            };
            for id in due.into_iter().take(20) {
                if !self.end(id).await {
                    break;
                }
            }
        }
    }

    async fn list(&self, depth: Depth, began: Time) {
        let page = self.mix.page.unwrap_or(1);
        let open: Vec<u64> = {
            let all = self.bought.lock();
            all.iter().filter(|(_, bought)| bought.is_open()).map(|(id, _)| *id).collect()
        };
        let pages = open.chunks(page).len().max(1);
        for at in 0..pages {
            if !self.call_in(Lane::Poll).await {
                return self.schedule.lock().had_no_turn(depth);
            }
            for id in open.iter().skip(at * page).take(page) {
                let is_left_out = self.mix.hides > 0 && id.is_multiple_of(self.mix.hides);
                let comes = !is_left_out && self.deliver(*id, Instant::now());
                if comes {
                    self.room.note_told(self.now());
                }
                // As it is of an open one: a list that is not believed says nothing of it.
                if comes || self.room.tells() {
                    self.put(*id, Moment::Next);
                }
            }
        }
        self.room.note_list(open.len(), pages as u32);
        self.schedule.lock().has_listed(depth, began);
    }

    /// Price list and balance, as the syncer asks for them.
    pub(super) async fn sync(self: Arc<Self>) {
        let (mut balance, mut list, mut has_come) = (true, true, false);
        let mut all_next = self.began;
        while !self.is_over() {
            let began = Instant::now();
            let was_all = balance && list;
            if balance && self.call_in(Lane::Sync).await {
                self.figures.lock().balances.push(Instant::now());
                balance = false;
            }
            if list && self.call_in(Lane::Sync).await {
                self.figures.lock().syncs.push(Instant::now());
                (has_come, list) = (true, false);
            }
            if was_all || !has_come {
                all_next = began + if has_come { self.mix.sync } else { SYNC_SOON };
            }
            let is_left = balance || list;
            let next = if is_left { all_next.min(began + SYNC_SOON) } else { all_next };
            if next == all_next {
                (balance, list) = (true, true);
            }
            sleep_until(next).await;
        }
    }
}
