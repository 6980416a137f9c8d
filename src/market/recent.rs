//! What the ledger's last days tell that no state keeps: offers that were charged above their
//! prices, what was left open at providers, purchases without orders that are settled, and
//! callbacks that were not processed; and at which terms was bought.
//!
//! Promises: read once, in the background of a start, in bounded time and memory. Leaves to others: what follows from it.

use std::collections::{BTreeMap, VecDeque};

use nexnum_engine::callback::CallbackOutcome;
use nexnum_engine::event::{
    CallbackEvent, Closing, Event, MemoryEvent, OrderEvent, OrphanEnd, Placement, ProviderWord,
    Terms, UpstreamEvent,
};
use nexnum_engine::group::Recorded;
use nexnum_engine::ids::{CallbackId, OfferId, OrderId, ProviderId, Seq};
use nexnum_engine::limits::CALLBACK_KEYS_MAX;
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use nexnum_storage::{Reader, StorageError};

use super::last_terms::RecentTerms;
use super::replay::Decoded;

/// Events that are read at most: some seconds' work, of days where few orders come.
const EVENTS_MAX: u64 = 2_000_000;
/// What happened before that is not looked at.
const KEPT_MS: u64 = 7 * DAY_MS;
/// What was left open at a provider is told for so long.
const LEFT_KEPT_MS: u64 = DAY_MS;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Entries of each kind: above it later ones are left out.
const ENTRIES_MAX: usize = 10_000;

/// Offers whose terms are told: above it, new ones are left out.
const OFFERS_MAX: usize = 100_000;

/// A purchase that cost more than it was sold for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentCharge {
    /// The order that has it.
    pub order: OrderId,
    /// What its customer paid.
    pub price: Micros,
    /// What its provider charged.
    pub cost: Micros,
    /// When that became known.
    pub at: Time,
}

/// A purchase that no order has, and that has gone back or stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Since when that is known.
    pub at: Time,
    /// Where it was made.
    pub provider: ProviderId,
    /// The provider's id of it.
    pub external_id: Box<str>,
    /// The order and the attempt that it was bought for.
    pub bought_for: (OrderId, u8),
}

/// What the ledger's last days tell.
#[derive(Debug, Default)]
pub struct Recent {
    /// What offers were charged most that cost more than they were sold for.
    pub overcharged: BTreeMap<OfferId, RecentCharge>,
    /// Orders of which a provider has kept what it was to take back, and who did.
    pub stayed: Vec<(OrderId, ProviderId)>,
    /// Orders that have left memory before their end was taken by their provider.
    pub unended: Vec<(OrderId, ProviderId)>,
    /// Purchases that no order has, and that were not known to have gone back: where they are, and
    /// the orders and attempts that they were bought for.
    pub returning: BTreeMap<(ProviderId, Box<str>), (OrderId, u8)>,
    /// The last ones that are settled, oldest first.
    pub settled: VecDeque<Settled>,
    /// The last callbacks that came and were not processed, and when each did.
    pub unprocessed: BTreeMap<CallbackId, Time>,
    /// The last terms that driven offers were bought at.
    pub terms: BTreeMap<OfferId, RecentTerms>,
    /// The last attempts of open orders.
    attempts: BTreeMap<OrderId, Terms>,
    /// Those that have ended here and not there, and when they did here.
    ending: BTreeMap<OrderId, (ProviderId, Time)>,
}

impl Recent {
    /// Reads the ledger's last days up to `now`; `goes_on` is asked before each row.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn read(
        reader: &Reader,
        now: Time,
        goes_on: impl Fn() -> bool,
    ) -> Result<Self, StorageError> {
        let since = reader.first_since(Time(now.0.saturating_sub(KEPT_MS)))?;
        let from = since.max(Seq(reader.last()?.seq.0.saturating_sub(EVENTS_MAX)));
        let left_since = Time(now.0.saturating_sub(LEFT_KEPT_MS));
        let mut recent = Self::default();
        for row in reader.read(from)? {
            if !goes_on() {
                break;
            }
            for Recorded { head, event, .. } in Decoded::from_row(&row?)?.recorded() {
                recent.follow((head.at, event), head.at >= left_since);
            }
        }
        Ok(recent)
    }

    fn follow(&mut self, (at, event): (Time, &Event), is_told: bool) {
        match event {
            Event::Order(event) => self.follow_order(at, event),
            Event::Upstream(event) => self.follow_upstream((at, event), is_told),
            Event::Memory(MemoryEvent::Retired { orders_before, .. }) => {
                let left = |_: &OrderId, (_, ended): &mut (_, Time)| *ended <= *orders_before;
                let left = self
                    .ending
                    .extract_if(.., left)
                    .map(|(order, (provider, _))| (order, provider));
                let left: Vec<_> = left.collect();
                if is_told {
                    push(&mut self.unended, left);
                }
            }
            Event::Callback(event) => self.follow_callback(at, event),
            Event::Account(_)
            | Event::Offer(_)
            | Event::Money(_)
            | Event::Memory(_)
            | Event::Ledger(_)
            | Event::SealKey(_) => {}
        }
    }

    fn follow_order(&mut self, at: Time, event: &OrderEvent) {
        match event {
            OrderEvent::OrderPlaced(Placement { order, terms, assignment: None, .. })
            | OrderEvent::AttemptStarted { order, terms, .. } => {
                self.attempts.insert(order.id, *terms);
            }
            OrderEvent::NumberAssigned { order, cost, assignment, .. } => {
                let Some(terms) = self.attempts.get(&order.id).copied() else { return };
                self.returning.remove(&(terms.provider, assignment.external_id.clone()));
                self.follow_purchase((order.id, at), terms, *cost);
            }
            OrderEvent::OrderFailed { order, .. } => drop(self.attempts.remove(&order.id)),
            OrderEvent::ActivationClosed { order, closing, .. } => {
                let attempt = self.attempts.remove(&order.id);
                match closing {
                    Closing::Completed | Closing::TimedOut => {
                        self.ending.extend(attempt.map(|it| (order.id, (it.provider, at))));
                    }
                    Closing::Cancelled => {}
                }
            }
            OrderEvent::OrderPlaced(_)
            | OrderEvent::OrderDoubted { .. }
            | OrderEvent::DoubtCleared { .. }
            | OrderEvent::MessageReceived(_)
            | OrderEvent::MessageCompleted(_)
            | OrderEvent::MessageShown { .. }
            | OrderEvent::AnotherRequested { .. }
            | OrderEvent::NumberQuarantined { .. } => {}
        }
    }

    /// Follows a purchase that was made at these terms and cost so much.
    fn follow_purchase(&mut self, (order, at): (OrderId, Time), terms: Terms, charged: Micros) {
        let Terms { offer, provider, price, cost } = terms;
        if self.terms.len() < OFFERS_MAX || self.terms.contains_key(&offer) {
            self.terms.insert(offer, RecentTerms { provider, cost, price });
        }
        if charged <= price {
            // Its list had caught up by then.
            let has_caught_up = |known: &RecentCharge| cost >= known.cost;
            if self.overcharged.get(&offer).is_some_and(has_caught_up) {
                self.overcharged.remove(&offer);
            }
        } else if self.overcharged.len() < ENTRIES_MAX {
            let new = RecentCharge { order, price, cost: charged, at };
            let known = self.overcharged.entry(offer).or_insert(new);
            if new.cost >= known.cost {
                *known = new;
            }
        }
    }

    fn follow_callback(&mut self, at: Time, event: &CallbackEvent) {
        match event {
            CallbackEvent::CallbackReceived { callback, .. } => {
                self.unprocessed.insert(*callback, at);
                if self.unprocessed.len() > CALLBACK_KEYS_MAX {
                    self.unprocessed.pop_first();
                }
            }
            CallbackEvent::CallbackProcessed { callback, outcome, .. } => match outcome {
                CallbackOutcome::Accepted | CallbackOutcome::Duplicate => {
                    self.unprocessed.remove(callback);
                }
                CallbackOutcome::Discarded | CallbackOutcome::Failed(_) => {}
            },
        }
    }

    fn follow_upstream(&mut self, (at, event): (Time, &UpstreamEvent), is_told: bool) {
        match event {
            UpstreamEvent::OrphanSettled { order, provider, external_id, end } => {
                let found = self.returning.remove_entry(&(*provider, external_id.clone()));
                if let Some(((provider, external_id), bought_for)) = found {
                    self.settled.push_back(Settled { at, provider, external_id, bought_for });
                    let above = self.settled.len().saturating_sub(ENTRIES_MAX);
                    self.settled.drain(..above);
                }
                match end {
                    OrphanEnd::Stayed if is_told => push(&mut self.stayed, [(order.id, *provider)]),
                    OrphanEnd::Stayed | OrphanEnd::GivenBack | OrphanEnd::Gone => {}
                }
            }
            UpstreamEvent::OrphanFound { order, provider, external_id, .. }
            | UpstreamEvent::PurchaseNamed { order, provider, external_id, .. } => {
                if is_told && self.returning.len() < ENTRIES_MAX {
                    let bought_for = (order.id, order.attempt);
                    self.returning.insert((*provider, external_id.clone()), bought_for);
                }
            }
            UpstreamEvent::EndedUpstream { order, .. } => drop(self.ending.remove(&order.id)),
            UpstreamEvent::EndedByProvider { order, word } => match word {
                ProviderWord::Cancelled | ProviderWord::Expired | ProviderWord::Finished => {
                    self.ending.remove(&order.id);
                }
                // Its tries go on.
                ProviderWord::Missing => {}
            },
        }
    }
}

fn push(
    list: &mut Vec<(OrderId, ProviderId)>,
    new: impl IntoIterator<Item = (OrderId, ProviderId)>,
) {
    let room = ENTRIES_MAX.saturating_sub(list.len());
    list.extend(new.into_iter().take(room));
}
