//! Buyers that buy, wait and cancel in random mixes, against a provider in memory: dispatcher,
//! admission and schedule together, under a clock that stands still between events.

use std::collections::BTreeMap;
use std::ops::Range;

use nexnum_driver::{CallLimits, Driver, Window};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use super::*;
use crate::provider::admission::Room;
use crate::provider::dispatch::Turn;

/// How late a code may be, and how long a cancel may take.
const CODE_LATE: Duration = Duration::from_secs(15);
const CANCEL_TIME: Duration = Duration::from_secs(3);
/// How old the price list may get: twice the interval.
const SYNC_INTERVAL: Duration = Duration::from_secs(60);
const RUN: Duration = Duration::from_secs(300);
const POLL_BASE_MS: u64 = 5_000;

/// Numbers from a seed: the mixes are the same on each machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn of(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }
}

/// What the buyers of a run do.
#[derive(Clone, Debug)]
struct Mix {
    limits: CallLimits,
    /// Open activations that a list shows in one page; `None` where there is no such list.
    page: Option<usize>,
    buyers: usize,
    /// Milliseconds from the purchase to the code; beyond the run there is none.
    code_after: Range<u64>,
    /// Of a hundred purchases, how many are cancelled instead of waited for.
    cancelled: u64,
    cancel_after: Range<u64>,
    /// Milliseconds of a call.
    call: Range<u64>,
}

#[derive(Clone, Copy)]
struct Bought {
    at: Instant,
    code_at: Instant,
    delivered: Option<Instant>,
    closed: Option<Instant>,
}

/// What a run came to.
#[derive(Debug, Default)]
struct Figures {
    calls: Vec<Instant>,
    refused: usize,
    turned_away: usize,
    cancels: usize,
    told_to_wait: usize,
    slow_cancels: usize,
    broken_promises: usize,
    syncs: Vec<Instant>,
}

struct World {
    mix: Mix,
    room: Room,
    began: Instant,
    random: Mutex<Random>,
    bought: Mutex<BTreeMap<u32, Bought>>,
    schedule: Mutex<Schedule>,
    figures: Mutex<Figures>,
}

impl World {
    fn new(mix: Mix, seed: u64) -> Arc<Self> {
        let dispatcher = Arc::new(Dispatcher::new(&mix.limits));
        Arc::new(Self {
            room: Room::new(dispatcher, mix.page.is_some(), 1_200_000),
            began: Instant::now(),
            random: Mutex::new(Random(seed)),
            bought: Mutex::default(),
            schedule: Mutex::new(Schedule::new(mix.page.is_some())),
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

    /// How much longer a cancel may take that came back as told: the time between calls of a
    /// provider that allows fewer than two a second.
    fn slowness(&self) -> Duration {
        let interval = Duration::from_secs_f64(1.0 / self.room.dispatcher().rate());
        if interval > Duration::from_millis(500) { interval } else { Duration::ZERO }
    }

    fn is_over(&self) -> bool {
        self.began.elapsed() >= RUN
    }

    /// The provider answers a call that has its turn.
    async fn call(&self, turn: Turn) {
        self.figures.lock().calls.push(Instant::now());
        sleep(Duration::from_millis(self.draw(&self.mix.call))).await;
        drop(turn);
    }

    async fn call_in(&self, lane: Lane) -> bool {
        let turn = self.room.dispatcher().turn(lane, Instant::now() + lane.patience()).await;
        match turn {
            Ok(turn) => self.call(turn).await,
            Err(_) => return false,
        }
        true
    }

    fn put(&self, id: u32, moment: Moment) {
        let bought = self.bought.lock()[&id];
        if bought.closed.is_some() || bought.delivered.is_some() {
            return self.schedule.lock().remove(OrderId(id));
        }
        let age_ms = bought.at.elapsed().as_millis() as u64;
        let watch = Watch::default();
        let pause =
            pause_ms((POLL_BASE_MS, self.mix.page.is_some()), age_ms, Want::Message, watch, moment);
        let now = self.now();
        self.schedule.lock().put(OrderId(id), Want::Message, age_ms, now.plus_ms(pause), now);
    }

    /// Delivers the code of an activation that the provider was asked about at `asked`.
    fn deliver(&self, id: u32, asked: Instant) {
        let mut all = self.bought.lock();
        let Some(bought) = all.get_mut(&id) else { return };
        if bought.code_at <= asked && bought.closed.is_none() && bought.delivered.is_none() {
            bought.delivered = Some(Instant::now());
        }
    }

    async fn buyer(self: Arc<Self>) {
        while !self.is_over() {
            let admission = match self.room.admit() {
                Ok(admission) => admission,
                Err(limited) => {
                    self.figures.lock().refused += 1;
                    let most = limited.retry_after.as_millis().max(1_000) as u64;
                    sleep(Duration::from_millis(self.draw(&(500..most + 1)))).await;
                    continue;
                }
            };
            let until = Instant::now() + Lane::Buy.patience();
            let turn = self.room.dispatcher().admitted_turn(admission, until).await;
            let Ok(turn) = turn else {
                self.figures.lock().turned_away += 1;
                continue;
            };
            self.call(turn).await;
            let id = self.add();
            let cancels = self.draw(&(0..100)) < self.mix.cancelled;
            let ends_at = self.bought.lock()[&id].code_at + CODE_LATE;
            if cancels {
                sleep(Duration::from_millis(self.draw(&self.mix.cancel_after))).await;
                self.cancel(id).await;
            } else {
                // Some wait for the code, others go on to the next purchase at once.
                let waits = self.draw(&(0..2)) == 0;
                sleep_until(if waits { ends_at.min(self.began + RUN) } else { Instant::now() })
                    .await;
            }
        }
    }

    fn add(&self) -> u32 {
        let at = Instant::now();
        let code_at = at + Duration::from_millis(self.draw(&self.mix.code_after));
        let id = {
            let mut all = self.bought.lock();
            let id = all.len() as u32 + 1;
            all.insert(id, Bought { at, code_at, delivered: None, closed: None });
            id
        };
        self.put(id, Moment::First);
        id
    }

    /// Cancels as a client does that heeds `Retry-After`, in whole seconds.
    async fn cancel(&self, id: u32) {
        let mut told = false;
        loop {
            let asked = Instant::now();
            let until = asked + Lane::Change.patience();
            let turn = self.room.dispatcher().promised_turn(Lane::Change, until, id.into()).await;
            match turn {
                Ok(turn) => {
                    self.call(turn).await;
                    let mut figures = self.figures.lock();
                    figures.cancels += 1;
                    let most = if told { CANCEL_TIME + self.slowness() } else { CANCEL_TIME };
                    figures.slow_cancels += usize::from(asked.elapsed() > most);
                    drop(figures);
                    if let Some(bought) = self.bought.lock().get_mut(&id) {
                        bought.closed = Some(Instant::now());
                    }
                    return self.schedule.lock().remove(OrderId(id));
                }
                Err(limited) => {
                    {
                        let mut figures = self.figures.lock();
                        figures.told_to_wait += 1;
                        figures.broken_promises += usize::from(told);
                        figures.slow_cancels += usize::from(asked.elapsed() > CANCEL_TIME);
                    }
                    told = true;
                    sleep(Duration::from_secs(limited.retry_after.as_secs() + 1)).await;
                }
            }
        }
    }

    /// The poller's loop over the schedule.
    async fn poll(self: Arc<Self>) {
        let mut asking = JoinSet::new();
        while !self.is_over() {
            let now = self.now();
            let steps = {
                let mut schedule = self.schedule.lock();
                let load = PollLoad { waiting: schedule.waiting(), late_ms: schedule.late_ms(now) };
                self.room.note_load(load);
                steps(&mut schedule, self.room.dispatcher(), now)
            };
            for step in steps {
                let world = Arc::clone(&self);
                asking.spawn(async move {
                    match step {
                        Step::One(id) => world.ask(id.0).await,
                        Step::List(depth) => world.list(depth, now).await,
                    }
                });
            }
            while asking.try_join_next().is_some() {}
            sleep(TICK).await;
        }
    }

    async fn ask(&self, id: u32) {
        let asked = self.call_in(Lane::Poll).await;
        if asked {
            self.deliver(id, Instant::now());
        }
        self.put(id, if asked { Moment::Next } else { Moment::NoRoom });
        if self.bought.lock()[&id].delivered.is_some() {
            self.call_in(Lane::End).await;
        }
    }

    async fn list(&self, depth: Depth, began: Time) {
        let page = self.mix.page.unwrap_or(1);
        let open: Vec<u32> = {
            let all = self.bought.lock();
            let open = all.iter().filter(|(_, b)| b.closed.is_none() && b.delivered.is_none());
            open.map(|(id, _)| *id).collect()
        };
        let pages = open.chunks(page).len().max(1);
        for at in 0..pages {
            if !self.call_in(Lane::Poll).await {
                return self.schedule.lock().has_no_list(depth, self.now());
            }
            for id in open.iter().skip(at * page).take(page) {
                self.deliver(*id, Instant::now());
                self.put(*id, Moment::Next);
            }
        }
        self.room.note_list(open.len(), pages as u32);
        self.schedule.lock().has_listed(depth, began);
    }

    /// Price list and balance, as the syncer asks for them.
    async fn sync(self: Arc<Self>) {
        while !self.is_over() {
            let began = Instant::now();
            if self.call_in(Lane::Sync).await && self.call_in(Lane::Sync).await {
                self.figures.lock().syncs.push(Instant::now());
            }
            sleep_until(began + SYNC_INTERVAL).await;
        }
    }
}

fn limits(windows: &[(u32, u64)], concurrency: u32) -> CallLimits {
    let windows = windows.iter().map(|&(calls, per_ms)| Window { calls, per_ms }).collect();
    CallLimits { concurrency, penalty_ms: 5_000, windows }
}

/// The limits that a driver is shipped with.
fn shipped(name: &str) -> CallLimits {
    let (_, text) = Driver::shipped().iter().find(|(shipped, _)| *shipped == name).unwrap();
    Driver::parse(text).unwrap().limits().clone()
}

async fn run(mix: Mix, seed: u64) {
    let world = World::new(mix, seed);
    let mut all = JoinSet::new();
    all.spawn(Arc::clone(&world).poll());
    all.spawn(Arc::clone(&world).sync());
    for _ in 0..world.mix.buyers {
        all.spawn(Arc::clone(&world).buyer());
    }
    sleep_until(world.began + RUN).await;
    all.shutdown().await;
    check(&world, seed);
}

fn check(world: &World, seed: u64) {
    let (mix, figures, bought) = (&world.mix, world.figures.lock(), world.bought.lock());
    // Codes that were due long enough before the end, of activations that were open then.
    let due: Vec<&Bought> = bought
        .values()
        .filter(|b| b.code_at + CODE_LATE <= world.began + RUN)
        .filter(|b| b.closed.is_none_or(|closed| closed > b.code_at + CODE_LATE))
        .collect();
    let in_time = |b: &&&Bought| b.delivered.is_some_and(|at| at <= b.code_at + CODE_LATE);
    let late = due.len() - due.iter().filter(in_time).count();
    let told = format!(
        "seed {seed}: {} bought, {} of {} codes in time, {} calls, {} refused, {} turned away, {} cancels, \
         {} told to wait, {} slow, {} promises broken, {} syncs\n{mix:?}",
        bought.len(),
        due.iter().filter(in_time).count(),
        due.len(),
        figures.calls.len(),
        figures.refused,
        figures.turned_away,
        figures.cancels,
        figures.told_to_wait,
        figures.slow_cancels,
        figures.broken_promises,
        figures.syncs.len(),
    );
    assert!(late <= 1 + due.len() / 100, "codes come too late: {told}");
    assert_eq!((figures.slow_cancels, figures.broken_promises), (0, 0), "{told}");
    assert!(figures.turned_away <= 1 + bought.len() / 100, "admitted and turned away: {told}");
    let mut last = world.began;
    for at in figures.syncs.iter().copied().chain([world.began + RUN]) {
        assert!(at - last <= 2 * SYNC_INTERVAL, "the price list is late: {told}");
        last = at;
    }
    for window in &mix.limits.windows {
        // Calls arrive a little sooner or later than they are sent.
        let per = Duration::from_millis(window.per_ms);
        let per = per + (per / 50).min(Duration::from_millis(50));
        for (n, at) in figures.calls.iter().enumerate() {
            let inside = figures.calls[n..].iter().take_while(|later| **later < *at + per).count();
            assert!(inside <= window.calls as usize, "{inside} calls in {per:?}: {told}");
        }
    }
    // Purchases are not kept back for nothing.
    let open = bought.values().filter(|b| b.closed.is_none() && b.delivered.is_none()).count();
    let used = figures.calls.len() as f64 / RUN.as_secs_f64() / world.room.dispatcher().rate();
    let is_full = open * 3 >= world.room.capacity();
    let is_asked = figures.refused > bought.len();
    assert!(used >= 0.8 || is_full || !is_asked, "{used:.2} of the rate is used: {told}");
}

/// A mix of the sixty-four clients of the issue, drawn from a seed.
fn drawn(limits: CallLimits, page: Option<usize>, seed: u64) -> Mix {
    let mut random = Random(seed);
    let slowest = random.of(2_000..90_000);
    let cancel = random.of(1_000..60_000);
    Mix {
        limits,
        page,
        buyers: 64,
        code_after: 500..slowest,
        cancelled: random.of(0..101),
        cancel_after: 500..cancel,
        call: 10..random.of(50..800),
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_shipped_limits_any_mix_of_clients_has_its_codes_cancels_and_lists() {
    for seed in 1..=4 {
        run(drawn(shipped("handler"), Some(100), seed), seed).await;
        run(drawn(shipped("handler"), None, seed), seed).await;
        run(drawn(shipped("smspool"), None, seed), seed).await;
    }
    run(drawn(shipped("fivesim"), Some(200), 9), 9).await;
    run(drawn(shipped("fivesim"), None, 9), 9).await;
}

#[tokio::test(start_paused = true)]
async fn other_limits_hold_as_well() {
    let some = [
        limits(&[(1, 1_000)], 2),
        limits(&[(30, 60_000)], 4),
        limits(&[(5, 1_000), (100, 60_000), (3_000, 3_600_000)], 8),
        limits(&[(20, 1_000)], 1),
    ];
    for (seed, limits) in (20..).zip(some) {
        run(drawn(limits.clone(), Some(100), seed), seed).await;
        run(drawn(limits, None, seed), seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_clients_that_cancel_at_once_are_answered_or_told_when() {
    for page in [Some(100), None] {
        let at_once = Mix {
            cancelled: 100,
            cancel_after: 30_000..30_001,
            ..drawn(shipped("handler"), page, 77)
        };
        run(at_once, 77).await;
    }
}
