//! The thread that shows what happens: it follows the ledger as far as it is published, looks
//! at breakers and at what needs attention, and prints.
//!
//! Promises: the market never waits for it, not even where standard output is not read; then it
//! lags behind, and goes on from where it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nexnum_engine::breaker::Breaker;
use nexnum_engine::event::{Closing, Event, OrderEvent, Placement, Receipt};
use nexnum_engine::group::Recorded;
use nexnum_engine::ids::{ProviderId, Seq};
use nexnum_engine::order::{FailReason, Order};
use nexnum_engine::time::Time;
use nexnum_storage::{Reader, StorageError};

use super::figures::{Figures, PROMPT_MS, STATUS_EVERY_S};
use super::happening::{Happening, OrderStep, Step, What, masked};
use super::screen::{Form, Screen};
use crate::attention::{AttentionKind, AttentionRow, AttentionSubject};
use crate::cli::print::{note, say};
use crate::market::Market;
use crate::market::replay::Decoded;
use crate::server::Rooms;

/// Pause between two looks: what happens is seen at once, by a person's measure.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Rows of attention that are looked at: more than a person reads.
const ATTENTION_MAX: usize = 100;

/// What is shown, and how.
#[derive(Debug)]
pub(super) struct FollowSetup {
    pub rooms: Rooms,
    pub reader: Reader,
    pub form: Form,
    /// Requests of the demo's buyers that were refused for now; with buyers there are lines of
    /// status.
    pub busy: Option<Arc<AtomicU64>>,
}

/// The thread; dropped, it ends at its next look. One that waits for a reader of its lines is
/// left behind.
#[derive(Debug)]
pub(super) struct Following(Arc<AtomicBool>);

impl Following {
    /// Shows what happens from now on.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(super) fn start(setup: FollowSetup) -> std::io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let mut follow = Follow::new(setup);
        thread::Builder::new().name("demo-events".to_owned()).spawn(move || {
            // It orders nothing but the end: relaxed.
            while !stop.load(Ordering::Relaxed) {
                if let Err(error) = follow.look() {
                    note(format_args!("what happens cannot be shown any more: {error}"));
                    return;
                }
                thread::sleep(LOOK_EVERY);
            }
        })?;
        Ok(Self(stopped))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What has been shown so far.
#[derive(Debug)]
struct Follow {
    setup: FollowSetup,
    screen: Screen,
    /// The last event that was looked at.
    position: Seq,
    names: BTreeMap<ProviderId, Arc<str>>,
    open_breakers: BTreeMap<ProviderId, Arc<str>>,
    attention: BTreeMap<(AttentionKind, AttentionSubject), AttentionRow>,
    total: Figures,
    told: Figures,
    told_at: Instant,
}

impl Follow {
    fn new(setup: FollowSetup) -> Self {
        let (now, position) = (Instant::now(), setup.rooms.market.read_model.position());
        Self {
            screen: Screen::new(setup.form, now),
            setup,
            position,
            names: BTreeMap::new(),
            open_breakers: BTreeMap::new(),
            attention: BTreeMap::new(),
            total: Figures::default(),
            told: Figures::default(),
            told_at: now,
        }
    }

    /// Shows what has happened since the last look.
    fn look(&mut self) -> Result<(), StorageError> {
        self.look_at_events()?;
        self.look_at_breakers();
        self.look_at_attention();
        self.tell_status();
        let now = self.now();
        if let Some(line) = self.screen.tick(Instant::now(), now) {
            say(line);
        }
        Ok(())
    }

    fn now(&self) -> Time {
        self.setup.rooms.market.clock.now()
    }

    fn show(&mut self, at: Time, what: What) {
        if let Some(line) = self.screen.line(&Happening { at, what }) {
            say(line);
        }
    }

    /// Rows of the ledger are there before they are published, and their orders as readers see
    /// them only after it.
    fn look_at_events(&mut self) -> Result<(), StorageError> {
        let published = self.setup.rooms.market.read_model.position();
        if self.position >= published {
            return Ok(());
        }
        let rows = self.setup.reader.read(Seq(self.position.0 + 1))?;
        for row in rows {
            let row = Decoded::from_row(&row?)?;
            let last = row.position().seq;
            if last > published {
                break;
            }
            for Recorded { seq, head, event } in row.recorded() {
                if seq > self.position
                    && let Event::Order(event) = event
                {
                    self.show_order(head.at, event);
                }
            }
            self.position = last;
        }
        Ok(())
    }

    fn show_order(&mut self, at: Time, event: &OrderEvent) {
        // One that has left memory was placed long ago: its lines are late by as much.
        let Some(order) = self.setup.rooms.market.read_model.order(event.order().id) else {
            return;
        };
        let Some(step) = step(event, &order, at) else { return };
        count(&mut self.total, step);
        let provider = self.provider(provider(event, &order));
        let line = order_step(&self.setup.rooms.market, &order, event, provider, step);
        self.show(at, What::Order(line));
    }

    fn provider(&mut self, id: ProviderId) -> Arc<str> {
        if !self.names.contains_key(&id) {
            let known = self.setup.rooms.market.read_model.directory().providers();
            self.names = known.into_iter().map(|(id, view)| (id, view.name)).collect();
        }
        self.names.get(&id).cloned().unwrap_or_default()
    }

    fn look_at_breakers(&mut self) {
        let mut open = BTreeMap::new();
        for connected in self.setup.rooms.orders.providers.list() {
            match connected.figures().breaker {
                Breaker::Closed { .. } => {}
                // A probe under way decides nothing yet.
                Breaker::Open { .. } | Breaker::HalfOpen { .. } => {
                    open.insert(connected.id(), Arc::from(connected.name()));
                }
            }
        }
        let now = self.now();
        let before = std::mem::replace(&mut self.open_breakers, open.clone());
        for (id, provider) in &open {
            if !before.contains_key(id) {
                self.show(now, What::Breaker { provider: Arc::clone(provider), is_open: true });
            }
        }
        for (id, provider) in before {
            if !open.contains_key(&id) {
                self.show(now, What::Breaker { provider, is_open: false });
            }
        }
    }

    fn look_at_attention(&mut self) {
        let (rows, _) = self.setup.rooms.market.attention.rows(ATTENTION_MAX);
        // A breaker has lines of its own.
        let rows = rows.into_iter().filter(|row| row.kind != AttentionKind::BreakerOpen);
        let rows: BTreeMap<_, _> = rows.map(|row| ((row.kind, row.subject.clone()), row)).collect();
        let now = self.now();
        let before = std::mem::replace(&mut self.attention, rows.clone());
        for (key, row) in &rows {
            if !before.contains_key(key) {
                self.show(now, What::AttentionNeeded(row.clone()));
            }
        }
        for (key, row) in before {
            if !rows.contains_key(&key) {
                self.show(now, What::AttentionOver(row));
            }
        }
    }

    fn tell_status(&mut self) {
        let Some(busy) = &self.setup.busy else { return };
        if self.told_at.elapsed() < Duration::from_secs(STATUS_EVERY_S) {
            return;
        }
        // A count beside others: relaxed.
        self.total.busy = busy.load(Ordering::Relaxed);
        let (total, lately) = (self.total, self.total.since(self.told));
        (self.told, self.told_at) = (total, Instant::now());
        self.show(self.now(), What::Status { lately, total });
    }
}

/// Counts a step.
fn count(figures: &mut Figures, step: Step) {
    match step {
        Step::Placed => figures.orders += 1,
        Step::Message { after_ms, has_code: true } => {
            figures.codes += 1;
            figures.prompt_codes += u64::from(after_ms <= PROMPT_MS);
        }
        Step::Refunded { .. } | Step::Cancelled => figures.refunds += 1,
        Step::NextTry
        | Step::Doubted
        | Step::Number
        | Step::Message { has_code: false, .. }
        | Step::AnotherMessage { .. } => {}
    }
}

/// What an event is to a reader; `None` if it is nothing.
fn step(event: &OrderEvent, order: &Order, at: Time) -> Option<Step> {
    match event {
        OrderEvent::OrderPlaced(_) => Some(Step::Placed),
        OrderEvent::AttemptStarted { .. } => Some(Step::NextTry),
        OrderEvent::OrderDoubted { .. } => Some(Step::Doubted),
        OrderEvent::NumberAssigned { .. } => Some(Step::Number),
        OrderEvent::OrderFailed { reason, .. } => Some(Step::Refunded {
            reason: match reason {
                FailReason::NoNumbers => "no provider had a number",
                FailReason::InDoubt => "no provider answered",
            },
        }),
        // One after the end is delivered to no customer.
        OrderEvent::MessageReceived(Receipt { late: true, .. }) => None,
        OrderEvent::MessageReceived(Receipt { said, delivers, .. }) => {
            let (has_code, after_ms) = (said.has.code, at.ms_since(order.placed_at));
            Some(if *delivers {
                Step::Message { after_ms, has_code }
            } else {
                Step::AnotherMessage { has_code }
            })
        }
        OrderEvent::ActivationClosed { closing, .. } => match closing {
            Closing::Completed => None,
            Closing::Cancelled => Some(Step::Cancelled),
            Closing::TimedOut => Some(Step::Refunded { reason: "no message came in time" }),
        },
        OrderEvent::DoubtCleared { .. }
        | OrderEvent::MessageCompleted(_)
        | OrderEvent::MessageShown { .. }
        | OrderEvent::AnotherRequested { .. }
        | OrderEvent::NumberQuarantined { .. } => None,
    }
}

/// The provider that an event speaks of: the order may be at another one by now.
fn provider(event: &OrderEvent, order: &Order) -> ProviderId {
    match event {
        OrderEvent::OrderPlaced(Placement { terms, .. })
        | OrderEvent::AttemptStarted { terms, .. } => terms.provider,
        OrderEvent::OrderFailed { provider, .. } => *provider,
        OrderEvent::OrderDoubted { .. }
        | OrderEvent::DoubtCleared { .. }
        | OrderEvent::NumberAssigned { .. }
        | OrderEvent::MessageReceived(_)
        | OrderEvent::MessageCompleted(_)
        | OrderEvent::MessageShown { .. }
        | OrderEvent::AnotherRequested { .. }
        | OrderEvent::ActivationClosed { .. }
        | OrderEvent::NumberQuarantined { .. } => order.provider,
    }
}

fn order_step(
    market: &Market,
    order: &Order,
    event: &OrderEvent,
    provider: Arc<str>,
    step: Step,
) -> OrderStep {
    let country = market.catalog.country(order.product.country);
    let service = market.catalog.service(order.product.service);
    // Its key is in memory but for the first time.
    let account = market.read_model.account(order.account);
    let name = account
        .and_then(|view| market.sealing.open_name(order.account, view.name.as_ref()).ok()?);
    let has_number = match event {
        OrderEvent::OrderPlaced(placement) => placement.assignment.is_some(),
        OrderEvent::AttemptStarted { .. } | OrderEvent::OrderDoubted { .. } => false,
        OrderEvent::DoubtCleared { .. }
        | OrderEvent::NumberAssigned { .. }
        | OrderEvent::OrderFailed { .. }
        | OrderEvent::MessageReceived(_)
        | OrderEvent::MessageCompleted(_)
        | OrderEvent::MessageShown { .. }
        | OrderEvent::AnotherRequested { .. }
        | OrderEvent::ActivationClosed { .. }
        | OrderEvent::NumberQuarantined { .. } => true,
    };
    let assignment = order.assignment.as_ref().filter(|_| has_number);
    let number = assignment.and_then(|given| market.numbers.of(order.id, given));
    let dial_code = country.map_or("", |country| country.dial_code);
    OrderStep {
        order: market.ids.order(order.id),
        account: name.unwrap_or_default().into(),
        country: country.map_or("", |country| country.iso2),
        service: service.map_or("", |service| service.slug),
        provider,
        number: number.map(|number| masked(number, dial_code)).unwrap_or_default(),
        price: order.price,
        step,
    }
}
