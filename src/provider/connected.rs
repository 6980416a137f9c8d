//! A connected provider: its driver, client, crosswalk, margin and breaker.
//!
//! Promises: a provider's offers can be claimed exactly while it is enabled and has a key, its
//! breaker is closed, its replies name the configured currency, and it has not asked for a pause.
//! The breaker counts purchases and probes, since a provider may answer questions and still sell
//! nothing; an answer to any call that our key is refused opens it as well. Leaves to others:
//! when to ask what.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nexnum_driver::{Crosswalk, Driver, ErrorKind, Op, ProviderError};
use nexnum_engine::breaker::Breaker;
use nexnum_engine::command::Timings;
use nexnum_engine::grid::Grid;
use nexnum_engine::ids::{OrderId, ProviderId};
use nexnum_engine::money::Micros;
use nexnum_engine::pricing::Margin;
use nexnum_engine::time::Time;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::accepted::AcceptedPrices;
use super::client::ProviderClient;
use super::consequence;
use super::cost_basis::CostBases;
use super::funds::Funds;
use super::least_cost::{CLOSED, LeastCosts, OPEN_AGAIN};
use super::sightings::Sightings;
use super::unlisted::Unlisted;
use crate::attention::{Attention, AttentionKind};

pub use self::failures::{FAILURES_MAX, Failure};
use self::refusals::RefusedPurchases;

/// How long a breaker that has closed must stay so before the operator's attention is needed
/// no longer: the first purchases of a provider that is back show whether it is.
const CALM_MS: u64 = 10_000;

/// What is told while the breaker is open, but for a currency that replies have named.
const OF_BREAKER: [AttentionKind; 3] =
    [AttentionKind::BreakerOpen, AttentionKind::KeyRefused, AttentionKind::WrongCurrency];

/// What the operator decides for a provider, beside what its client needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderPolicy {
    /// What is added to its prices.
    pub margin: Margin,
    /// Whether it is bought from.
    pub enabled: bool,
    /// Who goes first among equal prices: the higher.
    pub priority: u8,
    /// How often it goes first among equal prices of one priority, beside the others' weights.
    pub weight: u8,
    /// The operator is told when our account holds less.
    pub low_balance: Micros,
    /// Milliseconds between two syncs of its offers.
    pub sync_interval_ms: u64,
    /// Instead of the driver's minimum age of a cancel, in milliseconds.
    pub min_cancel_age_ms: Option<u64>,
    /// Other programs buy on the account as well.
    pub shared_account: bool,
}

/// A provider's health, as the operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Its circuit breaker.
    pub breaker: Breaker,
    /// Whether it is bought from, unless something keeps it from being sold now.
    pub enabled: bool,
    /// Whether an order could be placed there now, as far as its room allows.
    pub on_sale: bool,
    /// Its balance, where it was asked and answered.
    pub balance: Option<Micros>,
    /// When it was.
    pub balance_at: Option<Time>,
    /// What a purchase may cost: the balance, less what was bought since or is being bought.
    pub spendable: Option<Micros>,
    /// The account is empty, or below what the operator set.
    pub balance_low: bool,
    /// When a sync last went through.
    pub last_sync_at: Option<Time>,
    /// Rows of its last list.
    pub rows: usize,
    /// Offers that the last list became.
    pub offers: usize,
    /// Rows of a country or service that the crosswalk does not know.
    pub unknown_rows: usize,
    /// Rows that could not be read, whose price is out of range, or that are beyond what
    /// one provider may bring in.
    pub misfits: usize,
    /// Rows kept out because their price jumped, or the whole of a list that shrank, or that nothing
    /// tells the costs of.
    pub quarantined: usize,
    /// Offers kept out because the provider charged more for them than they were sold for.
    pub overcharged: usize,
    /// Offers kept out for a while because a purchase at their cost was refused as too cheap, as of
    /// the last second.
    pub too_cheap: usize,
    /// Offers kept out because purchases were refused again though they were listed.
    pub unobtainable: usize,
    /// Activations on the account that may be purchases of ours and may be another program's.
    pub unattributed: usize,
    /// What went wrong last, oldest first; at most [`FAILURES_MAX`].
    pub failures: VecDeque<Failure>,
}

/// What a connection is made of.
#[derive(Debug)]
pub struct ConnectedParts {
    /// How it is spoken to.
    pub driver: Arc<Driver>,
    /// Tells the driver's document from others: the beginning of its hash.
    pub document: u64,
    /// The way to it.
    pub client: ProviderClient,
    /// Its codes of countries and services.
    pub crosswalk: Crosswalk,
    /// What the operator decided.
    pub policy: ProviderPolicy,
    /// Why it cannot be called, as where its key is missing.
    pub key_problem: Option<String>,
}

/// A provider with everything to talk to it.
#[derive(Debug)]
pub struct Connected {
    id: ProviderId,
    driver: Arc<Driver>,
    document: u64,
    client: ProviderClient,
    crosswalk: Crosswalk,
    policy: ProviderPolicy,
    key_problem: Option<String>,
    grid: Arc<Grid>,
    pub(super) attention: Attention,
    // Whether it is bought from, whether its offers are its own list's, and whether another
    // connection has taken its place. Each changes under the lock of the breaker, under which
    // they are shown in the grid; who reads one elsewhere may see it an instant late.
    enabled: AtomicBool,
    listed: AtomicBool,
    retired: AtomicBool,
    /// Purchases are refused, and the next try is not due.
    held: AtomicBool,
    /// Offers that had stock by the last terms, at the start.
    known: AtomicUsize,
    breaker: Mutex<Guarded>,
    health: Mutex<Health>,
    /// What lists have shown of our account.
    pub(super) sightings: Mutex<Sightings>,
    /// Lists of our account that did not come.
    pub(super) unlisted: Mutex<Unlisted>,
    least_costs: Arc<LeastCosts>,
    bases: Option<Arc<CostBases>>,
    /// Its known costs were void when it was connected.
    began_void: bool,
    funds: Funds,
    sync_wanted: Notify,
    accepted: AcceptedPrices,
    retirement: Notify,
}

/// The breaker, and what follows its changes.
#[derive(Clone, Copy, Debug, Default)]
struct Guarded {
    breaker: Breaker,
    /// When it closed last.
    closed_at: Time,
    /// The operator was told that it opened.
    is_told: bool,
    /// The operator was told of a pause.
    is_pause_told: bool,
    /// The operator was told that replies name another currency.
    is_currency_told: bool,
    /// Our key was refused, and a call that is accepted ends that without a probe. Not so soon
    /// after it closed last: a provider that refuses our key in some calls alone would be on sale
    /// and off again at each of them.
    ends_early: bool,
    /// Purchases that were refused since one was made.
    refused: RefusedPurchases,
    /// When a sync was last asked for because a call about one activation was refused our key.
    asked_at: Option<Time>,
}

impl Connected {
    /// A provider that has not been called yet; its offers stand in the grid.
    #[must_use]
    pub fn new(
        id: ProviderId,
        parts: ConnectedParts,
        grid: &Arc<Grid>,
        attention: &Attention,
    ) -> Self {
        let ConnectedParts { driver, document, client, crosswalk, policy, key_problem } = parts;
        let funds = Funds::new((id, client.provider()), policy.low_balance, grid, attention);
        Self {
            id,
            driver,
            document,
            client,
            crosswalk,
            key_problem,
            grid: Arc::clone(grid),
            attention: attention.clone(),
            enabled: AtomicBool::new(policy.enabled),
            listed: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            held: AtomicBool::new(false),
            known: AtomicUsize::new(0),
            policy,
            breaker: Mutex::default(),
            health: Mutex::default(),
            sightings: Mutex::default(),
            unlisted: Mutex::default(),
            least_costs: Arc::default(),
            bases: None,
            began_void: false,
            funds,
            sync_wanted: Notify::new(),
            accepted: AcceptedPrices::default(),
            retirement: Notify::new(),
        }
    }

    /// Its id in the ledger.
    #[must_use]
    pub const fn id(&self) -> ProviderId {
        self.id
    }

    /// The operator's name for it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.client.provider()
    }

    /// Tells the driver's document from others: the beginning of its hash.
    #[must_use]
    pub const fn document(&self) -> u64 {
        self.document
    }

    /// Its driver.
    #[must_use]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// The way to it.
    #[must_use]
    pub const fn client(&self) -> &ProviderClient {
        &self.client
    }

    /// Its codes of countries and services.
    #[must_use]
    pub const fn crosswalk(&self) -> &Crosswalk {
        &self.crosswalk
    }

    /// What the operator decided.
    #[must_use]
    pub const fn policy(&self) -> &ProviderPolicy {
        &self.policy
    }

    /// Our account there.
    #[must_use]
    pub const fn funds(&self) -> &Funds {
        &self.funds
    }

    /// What its offers cost at least, whatever its list says.
    #[must_use]
    pub fn least_costs(&self) -> &LeastCosts {
        &self.least_costs
    }

    /// Has the operator told of each charge that keeps an offer out, as long as it does.
    pub(crate) fn tell_overcharges(&self) {
        let overcharges = self.least_costs.overcharges().into_iter();
        let texts = overcharges.map(|charge| (charge.order, charge.text())).collect();
        let ended = (CLOSED, OPEN_AGAIN);
        self.attention.hold_orders(AttentionKind::Overcharge, self.name(), &texts, ended);
    }

    /// Keeps what the connection before it has learned of its costs, unless the rate is another.
    pub(super) fn keep_costs_of(&mut self, before: &Self) {
        if before.client.rate() == self.client.rate() {
            self.least_costs = Arc::clone(&before.least_costs);
        }
    }

    /// How its numbers live.
    #[must_use]
    pub fn timings(&self) -> Timings {
        let theirs = self.driver.timings();
        Timings {
            lifetime_ms: theirs.lifetime_ms,
            min_cancel_age_ms: self.policy.min_cancel_age_ms.unwrap_or(theirs.min_cancel_age_ms),
        }
    }

    /// Whether it is bought from, and asked for its list: without a key it is not.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.key_problem.is_none() && self.enabled.load(Ordering::Relaxed)
    }

    /// Why it cannot be called, as where its key is missing.
    #[must_use]
    pub fn key_problem(&self) -> Option<&str> {
        self.key_problem.as_deref()
    }

    /// Whether it was replaced or removed: it serves the orders that were bought under it alone.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        // Pairs with the store in `retire`: who sees it sees the attempts bound before it.
        self.retired.load(Ordering::Acquire)
    }

    /// Resolves when it is replaced or removed.
    pub(crate) async fn retired(&self) {
        loop {
            let retirement = self.retirement.notified();
            if self.is_retired() {
                return;
            }
            retirement.await;
        }
    }

    /// Starts or stops buying from it.
    pub(super) fn set_enabled(&self, enabled: bool) {
        let mut guarded = self.breaker.lock();
        self.enabled.store(enabled, Ordering::Relaxed);
        self.release(&mut guarded);
        self.show(&guarded);
        self.report_key();
    }

    /// Whether an error is news of the provider: a call that was not made says nothing of it, and
    /// of a missing key the operator is told once.
    pub(crate) fn is_news(&self, error: &ProviderError) -> bool {
        consequence::of(error.kind).is_noted && !self.lacks_key(error)
    }

    /// Whether a call was not made for want of a key.
    fn lacks_key(&self, error: &ProviderError) -> bool {
        error.kind == ErrorKind::NotSent && self.key_problem.is_some()
    }

    /// Tells the operator that there is no key, if the provider is to be bought from.
    pub(super) fn report_key(&self) {
        let is_wanted = self.enabled.load(Ordering::Relaxed);
        let problem = self.key_problem().filter(|_| is_wanted);
        self.attention.report(AttentionKind::KeyMissing, self.name(), problem);
    }

    /// As many of its offers as have stock by the last terms may be bought before its first list,
    /// unless their costs are void.
    pub(crate) fn has_known(&self, offers: usize) {
        if offers > 0 && !self.costs_are_void() {
            self.known.store(offers, Ordering::Relaxed);
            self.has_list();
        }
    }

    /// Its offers in the grid are those of its list: they may be bought.
    pub(crate) fn has_list(&self) {
        let guarded = self.breaker.lock();
        self.listed.store(true, Ordering::Relaxed);
        self.show(&guarded);
    }

    /// Leaves its place to another connection, or to none: it opens or closes nothing from
    /// then on.
    pub(super) fn retire(&self) {
        let breaker = self.breaker.lock();
        self.retired.store(true, Ordering::Release);
        drop(breaker);
        self.funds.retire();
        self.retirement.notify_waiters();
    }

    /// Opens or closes its offers, as they stand.
    pub(super) fn show_now(&self) {
        self.show(&self.breaker.lock());
    }

    /// The provider's health.
    #[must_use]
    pub fn health(&self) -> Health {
        let breaker = self.breaker.lock().breaker;
        let health = self.health.lock().clone();
        self.with_standing(breaker, health)
    }

    /// As [`Connected::health`] without the failures: nothing is allocated for it.
    #[must_use]
    pub fn figures(&self) -> Health {
        let breaker = self.breaker.lock().breaker;
        let health = self.health.lock();
        let health = Health { failures: VecDeque::new(), ..*health };
        self.with_standing(breaker, health)
    }

    /// Adds what is kept elsewhere.
    fn with_standing(&self, breaker: Breaker, health: Health) -> Health {
        Health {
            breaker,
            enabled: self.is_enabled(),
            on_sale: self.could_sell(breaker, &health),
            spendable: self.funds.spendable(),
            balance_low: self.funds.is_low(),
            overcharged: self.least_costs.kept_out(),
            unobtainable: self.least_costs.stock().kept_out(),
            ..health
        }
    }

    /// Asks for a sync at once; one that runs is followed by another.
    pub fn sync_now(&self) {
        self.sync_wanted.notify_one();
    }

    /// Asks for a sync at once, and has its list believed, whatever it says.
    pub fn accept_prices(&self, now: Time) {
        self.accepted.accept(now);
        self.sync_now();
    }

    /// Which list the operator has accepted.
    pub(crate) const fn accepted(&self) -> &AcceptedPrices {
        &self.accepted
    }

    pub(crate) async fn sync_wanted(&self) {
        self.sync_wanted.notified().await;
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.health.lock());
    }

    /// Keeps an error for the operator; one that no call escapes, as a refused key, or that asks
    /// for a pause, takes the offers off sale. A call about one activation is not believed in
    /// that: the next sync is made at once.
    pub(crate) fn note_error(
        &self,
        now: Time,
        op: Op,
        order: Option<OrderId>,
        error: &ProviderError,
    ) {
        // The provider was not asked, so it has not failed; the calls are counted as `no_turn`.
        if error.kind == ErrorKind::NoTurn || self.lacks_key(error) {
            return;
        }
        let failure = Failure::of(now, op, order, error);
        let by_currency = self.is_stopped_by_currency(error.kind);
        if let Some(kind) = consequence::stops(error.kind).filter(|_| !by_currency) {
            self.is_refused(kind, &failure);
        }
        self.heed_currency();
        self.show_now();
        self.note_failure(failure);
    }

    /// Keeps what went wrong in other words.
    pub(crate) fn note_failure(&self, failure: Failure) {
        self.note(|health| failures::keep(&mut health.failures, failure));
    }
}

mod failures;
mod kept;
mod outcome;
mod refusals;
mod refused;
mod standing;
mod stop;
#[cfg(test)]
mod tests;
