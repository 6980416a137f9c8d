//! Polling: every open activation at a provider is asked about when it is due.
//!
//! Each provider has a schedule of its own, and polls go as fast as its dispatcher gives them
//! turns: what is due longest goes next, decided when there is room for it. Where a list
//! brings the messages of many, one call takes the place of their polls. What has ended here
//! is ended there, once, and asked about a little longer while calls are to spare, so that a
//! message that crosses the end is kept. After a restart the open ones are simply found again.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexnum_engine::activation::ActivationState;
use nexnum_engine::ids::OrderId;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};

use super::look::{self, Looked, Unlisted};
use super::pace::{self, Moment, PAUSE_NO_ROOM_MS, pause_ms, want};
use super::pause::stopped_within;
use super::schedule::{Schedule, Step};
use super::visit::{Seen, Watch, due_by, visit};
use crate::order::Orders;
use crate::provider::active::Depth;
use crate::provider::admission::Room;
use crate::provider::connected::Connected;
use crate::provider::dispatch::Lane;
use crate::supervisor::Beat;

/// Between two looks at the schedules.
const TICK: Duration = Duration::from_millis(200);
/// How long after its end an activation is asked about for a late message.
const LATE_MS: u64 = 60_000;
/// Before the next look if this one has left activations to the next.
const TICK_BEHIND: Duration = Duration::from_millis(20);
/// Activations taken in or scheduled anew in one look: the rest has its turn in the next. One
/// takes some microseconds, and other tasks wait meanwhile.
const STEPS_MAX: usize = 100;
/// Polls of one provider that are begun in one look.
const BEGUN_MAX: usize = 500;
/// Last looks beside the other polls that are begun in one look at the schedules.
const LAST_LOOKS_A_TICK: usize = 8;
/// Before an activation that a list shows is worth a call to spare: a list may leave codes out, and
/// where it has codes alone a message without one is in its status only.
const CONFIRM_MS: u64 = 10_000;
/// Polls at a time that calls to spare are used for: those that came together end together.
const AT_REST_MAX: usize = 4;
/// Attempts looked at in one look for orders that have left memory: 50,000 have their turns within
/// two minutes.
const FORGOTTEN_MAX: usize = 100;

/// The polls of one connection.
struct Polled {
    connected: Arc<Connected>,
    schedule: Schedule,
    /// Whether the operator was told that its lists leave codes out, if it is known what was.
    leaves_out: Option<bool>,
    /// Polls under way that a call to spare is used for: a few at a time.
    at_rest: usize,
    /// Activations by when their time is over. In a pause, or if a poll is under way, each is asked
    /// about once more then.
    last_looks: BTreeSet<(Time, OrderId)>,
}

/// Why an activation is asked about alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Its poll is due.
    Due,
    /// A list has just shown it, and may leave codes out.
    Confirm,
    /// A call is to spare.
    AtRest,
}

/// What a task was begun for.
#[derive(Clone, Copy, Debug)]
enum Task {
    /// `checks` if lists have shown the activation, and no message of it.
    Visit {
        order: OrderId,
        of: usize,
        watch: Watch,
        why: Why,
        checks: bool,
    },
    Look {
        of: usize,
        depth: Depth,
        began: Time,
    },
}

/// What it came to.
enum Outcome {
    Visited(Watch, Seen),
    Looked(Result<Looked, Unlisted>),
}

/// What a list showed, on its way into the schedule.
struct Shown {
    of: usize,
    depth: Depth,
    began: Time,
    orders: VecDeque<OrderId>,
}

/// The schedule of all polls.
pub(super) struct Poller {
    orders: Arc<Orders>,
    watches: HashMap<OrderId, Watch>,
    /// By the address of the connection, which the entry keeps alive.
    polled: HashMap<usize, Polled>,
    /// Activations whose buyers wait for a message and that have no place for it in a schedule.
    found: VecDeque<OrderId>,
    shown: VecDeque<Shown>,
    tasks: JoinSet<Outcome>,
    /// What each task under way is for.
    under_way: HashMap<task::Id, Task>,
}

impl Poller {
    pub(super) fn new(orders: &Arc<Orders>) -> Self {
        let read_model = &orders.market.read_model;
        // Before the open ones are read, so that none is missed between the two.
        drop(read_model.take_awaiting());
        let mut found: VecDeque<_> = read_model.driven().into();
        let since = Time(orders.market.clock.now().0.saturating_sub(LATE_MS));
        let closed = read_model.driven_closed_since(since);
        found.extend(closed.iter().filter(|order| ended_unanswered(order)).map(|order| order.id));
        Self {
            orders: Arc::clone(orders),
            watches: HashMap::new(),
            polled: HashMap::new(),
            found,
            shown: VecDeque::new(),
            tasks: JoinSet::new(),
            under_way: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
        loop {
            beat.round();
            let began = Instant::now();
            self.look();
            self.orders.market.metrics.polls_looked_at(began.elapsed());
            let is_behind = !self.found.is_empty() || !self.shown.is_empty();
            let pause = if is_behind { TICK_BEHIND } else { TICK };
            if stopped_within(&mut stop, pause).await {
                while self.tasks.join_next().await.is_some() {}
                return;
            }
        }
    }

    /// One look at the schedules: its cost does not grow with how many activations there are.
    fn look(&mut self) {
        // 1. What came back.
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.end(ended);
        }
        self.place_shown();
        // 2. What is new.
        self.find();
        self.forget();
        // 3. What is next, as far as each provider has room.
        let now = self.orders.market.clock.now();
        let all: Vec<usize> = self.polled.keys().copied().collect();
        for of in all {
            self.start(of, now);
        }
    }

    /// Forgets the connections of orders that have left memory.
    fn forget(&self) {
        let read_model = &self.orders.market.read_model;
        self.orders.providers.forget(FORGOTTEN_MAX, |id| read_model.order(id).is_none());
    }

    /// Takes activations into the schedule that got their number since the last look, and puts
    /// those forward whose buyers asked for another message.
    fn find(&mut self) {
        self.found.extend(self.orders.market.read_model.take_awaiting());
        for _ in 0..STEPS_MAX.min(self.found.len()) {
            let Some(id) = self.found.pop_front() else { return };
            let order = self.orders.market.read_model.order(id);
            let Some(order) = order.filter(|order| order.assignment.is_some()) else { continue };
            let watch = self.watches.get(&id).copied();
            if watch.is_none() || order.awaits_another {
                self.schedule(&order, watch.unwrap_or_default(), Moment::First);
            }
        }
    }

    /// Gives an activation its next moment; the polls that it is among, if its provider is
    /// connected.
    fn schedule(&mut self, order: &Order, watch: Watch, moment: Moment) -> Option<&mut Polled> {
        let Some(connected) = self.orders.providers.of_order(order) else {
            self.watches.remove(&order.id);
            return None;
        };
        let now = self.orders.market.clock.now();
        let want = want(order, watch);
        let driver = connected.driver();
        let lists = connected.client().room().tells();
        let pace = (driver.timings().poll_interval_ms, lists);
        let age_ms = now.ms_since(order.placed_at);
        let pause = pause_ms(pace, age_ms, want, watch, moment);
        // Orders that came together are spread, always alike.
        let spread = order.id.0.wrapping_mul(7_919) % (pause / 8 + 1);
        self.watches.insert(order.id, watch);
        let polled =
            self.polled.entry(Arc::as_ptr(&connected) as usize).or_insert_with(|| Polled {
                schedule: Schedule::new(lists),
                connected: Arc::clone(&connected),
                leaves_out: None,
                at_rest: 0,
                last_looks: BTreeSet::new(),
            });
        if let Some(last) = due_by(order) {
            let again = now.plus_ms(PAUSE_NO_ROOM_MS);
            let last = if moment == Moment::NoRoom { last.max(again) } else { last };
            if last > now {
                polled.last_looks.insert((last, order.id));
            }
        }
        let due = pace::due(order, now, pause - spread);
        polled.schedule.put(order.id, want, age_ms, due, now);
        let asked = watch.asked_at.max(order.placed_at);
        polled.schedule.confirm_at(order.id, asked.plus_ms(CONFIRM_MS));
        Some(polled)
    }

    /// Begins what is due at a connection and has room.
    fn start(&mut self, of: usize, now: Time) {
        let Some(polled) = self.polled.get_mut(&of) else { return };
        let room = polled.connected.client().room();
        let next = next(&mut polled.schedule, room, polled.at_rest, now);
        let leaves_out = room.leaves_out();
        if polled.leaves_out.replace(leaves_out) != Some(leaves_out) {
            look::report_left_out(&self.orders, &polled.connected, leaves_out);
        }
        if polled.schedule.is_empty() && polled.at_rest == 0 {
            self.polled.remove(&of);
            return;
        }
        for step in next.steps {
            match step {
                Step::List(depth) => self.begin_look(of, depth, now),
                Step::One(id) => self.begin_visit(of, id, Why::Due),
            }
        }
        if let Some(id) = next.confirmed {
            self.begin_visit(of, id, Why::Confirm);
        }
        for id in next.at_rest {
            self.begin_visit(of, id, Why::AtRest);
        }
        self.look_at_last(of, now);
    }

    /// Asks about activations once more whose time is over, where no other poll does: in a pause of
    /// their provider's, which keeps them all, and where one is under way that began before. What
    /// that one brings may be older than a message that came in time, and may come after the refund.
    fn look_at_last(&mut self, of: usize, now: Time) {
        let Some(polled) = self.polled.get_mut(&of) else { return };
        let is_paused = polled.connected.client().room().dispatcher().is_paused(Lane::Poll);
        let mut over = Vec::new();
        while over.len() < LAST_LOOKS_A_TICK
            && let Some((last, id)) = polled.last_looks.first().copied()
            && last <= now
        {
            polled.last_looks.pop_first();
            if is_paused || polled.schedule.is_under_way_since_before(id, last) {
                over.push(id);
            }
        }
        let read_model = &self.orders.market.read_model;
        over.retain(|id| {
            let order = read_model.order(*id);
            order.is_some_and(|order| due_by(&order).is_some_and(|last| last <= now))
        });
        over.into_iter().for_each(|id| self.begin_visit(of, id, Why::Due));
    }

    fn begin_look(&mut self, of: usize, depth: Depth, began: Time) {
        let Some(polled) = self.polled.get(&of) else { return };
        let (orders, connected) = (Arc::clone(&self.orders), Arc::clone(&polled.connected));
        let looking = look::look(orders, connected, depth, began);
        let task = self.tasks.spawn(async move { Outcome::Looked(looking.await) });
        self.under_way.insert(task.id(), Task::Look { of, depth, began });
    }

    fn begin_visit(&mut self, of: usize, id: OrderId, why: Why) {
        let order = self.orders.market.read_model.order(id);
        let (Some(order), Some(polled)) = (order, self.polled.get_mut(&of)) else {
            self.drop_order(of, id);
            return;
        };
        polled.at_rest += usize::from(why == Why::AtRest);
        let is_listed = polled.schedule.has_listed_since(order.placed_at);
        // Where lists are believed, a code that another call brings may be newer than they are.
        let is_check = why == Why::Confirm || !polled.connected.client().room().tells();
        let checks = is_check && is_listed && order.state == ActivationState::Active;
        let watch = self.watches.get(&id).copied().unwrap_or_default();
        let visit = visit(Arc::clone(&self.orders), Arc::clone(&polled.connected), order, watch);
        let task = self.tasks.spawn(async move {
            let (watch, seen) = visit.await;
            Outcome::Visited(watch, seen)
        });
        self.under_way.insert(task.id(), Task::Visit { order: id, of, watch, why, checks });
    }

    fn drop_order(&mut self, of: usize, id: OrderId) {
        self.watches.remove(&id);
        if let Some(polled) = self.polled.get_mut(&of) {
            polled.schedule.remove(id);
        }
    }

    fn end(&mut self, ended: Result<(task::Id, Outcome), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(task) = self.under_way.remove(&id) else { return };
        // A task that panicked was reported by its thread: it is a failure like others.
        let outcome = ended.ok().map(|(_, outcome)| outcome);
        match (task, outcome) {
            (Task::Visit { order, of, watch, why, checks }, outcome) => {
                if let Some(polled) = self.polled.get_mut(&of) {
                    polled.at_rest -= usize::from(why == Why::AtRest);
                    polled.schedule.remove(order);
                    if checks {
                        let has_code = look::has_code(&self.orders, order);
                        let (room, now) =
                            (polled.connected.client().room(), self.orders.market.clock.now());
                        if has_code { room.note_left_out(1, now) } else { room.note_right() }
                    }
                }
                let (watch, seen) = match outcome {
                    Some(Outcome::Visited(watch, seen)) => (watch, seen),
                    Some(Outcome::Looked(_)) | None => (watch, Seen::Failed),
                };
                self.reschedule(order, watch, seen);
            }
            (Task::Look { of, depth, began }, Some(Outcome::Looked(Ok(looked)))) => {
                let orders = looked.shown.into();
                self.shown.push_back(Shown { of, depth, began, orders });
            }
            (Task::Look { of, depth, .. }, Some(Outcome::Looked(Err(Unlisted::NoTurn)))) => {
                if let Some(polled) = self.polled.get_mut(&of) {
                    polled.schedule.had_no_turn(depth);
                }
            }
            (
                Task::Look { of, depth, .. },
                Some(Outcome::Looked(Err(Unlisted::Failed)) | Outcome::Visited(..)) | None,
            ) => {
                if let Some(polled) = self.polled.get_mut(&of) {
                    let now = self.orders.market.clock.now();
                    polled.schedule.has_no_list(depth, now);
                }
            }
        }
    }

    /// Schedules what lists showed; a list is over once all of it is scheduled.
    fn place_shown(&mut self) {
        let mut steps = STEPS_MAX;
        while let Some(mut shown) = self.shown.pop_front() {
            while steps > 0
                && let Some(id) = shown.orders.pop_front()
            {
                steps -= 1;
                if let Some(watch) = self.watches.get(&id).copied() {
                    self.reschedule(id, watch, Seen::Standing);
                }
            }
            if !shown.orders.is_empty() {
                self.shown.push_front(shown);
                return;
            }
            if let Some(polled) = self.polled.get_mut(&shown.of) {
                polled.schedule.has_listed(shown.depth, shown.began);
            }
        }
    }

    fn reschedule(&mut self, id: OrderId, watch: Watch, seen: Seen) {
        let Some(order) = self.orders.market.read_model.order(id) else {
            self.watches.remove(&id);
            return;
        };
        let watch = match seen {
            Seen::Standing | Seen::Missing => Watch { failures: 0, ..watch },
            Seen::Failed => Watch { failures: watch.failures.saturating_add(1), ..watch },
            Seen::NoRoom => watch,
        };
        if is_over(&order, watch, self.orders.market.clock.now()) {
            self.watches.remove(&id);
            return;
        }
        let moment = if seen == Seen::NoRoom { Moment::NoRoom } else { Moment::Next };
        if let Some(polled) = self.schedule(&order, watch, moment)
            && matches!(seen, Seen::Failed | Seen::Missing)
        {
            polled.schedule.prefer_list(id);
        }
    }
}

/// What a provider is asked next, before the next look.
struct Next {
    /// What is due, and what checks whether lists that are not believed show codes again.
    steps: Vec<Step>,
    /// What lists have shown without a code, asked about beside the list that has just come.
    confirmed: Option<OrderId>,
    /// What calls to spare are used for.
    at_rest: Vec<OrderId>,
}

/// Takes from the schedule what is due, as far as the provider's polls can have their turn before
/// the next look; `at_rest` polls are under way that a call to spare is used for.
fn next(schedule: &mut Schedule, room: &Room, at_rest: usize, now: Time) -> Next {
    let dispatcher = room.dispatcher();
    schedule.set_lists(room.tells());
    room.note_load(schedule.load(now));
    let turns = dispatcher.room(Lane::Poll, TICK).min(BEGUN_MAX);
    let mut steps: Vec<_> = std::iter::from_fn(|| schedule.next(now)).take(turns).collect();
    steps.extend(room.check_gap().and_then(|gap| schedule.next_check(gap, now)));
    let confirmed =
        schedule.take_listed().then(|| schedule.next_to_confirm(room.confirm_gap(), now));
    let may_rest = steps.is_empty() && dispatcher.is_idle();
    let spare = if may_rest { AT_REST_MAX.min(turns).saturating_sub(at_rest) } else { 0 };
    let at_rest = std::iter::from_fn(|| schedule.next_to_spare(now)).take(spare).collect();
    Next { steps, confirmed: confirmed.flatten(), at_rest }
}

/// True if an activation ended without a message that its provider may still bring.
fn ended_unanswered(order: &Order) -> bool {
    match order.state {
        ActivationState::Cancelled | ActivationState::TimedOut => true,
        ActivationState::Init
        | ActivationState::Active
        | ActivationState::Received
        | ActivationState::Completed
        | ActivationState::Failed => false,
    }
}

/// True once no message can arrive that the ledger would keep: the provider was told of
/// the end, and a late message would have come by now.
fn is_over(order: &Order, watch: Watch, now: Time) -> bool {
    let Some(closed_at) = order.closed_at else { return false };
    let delivered = order.state == ActivationState::Completed;
    watch.settled && (delivered || now.ms_since(closed_at) >= LATE_MS)
}

#[cfg(test)]
mod mix;
