//! A connected provider: its driver, client, crosswalk, margin and breaker.
//!
//! Promises: a provider's offers can be claimed exactly while it is enabled and its
//! breaker is closed. The breaker counts purchases and probes, since a provider
//! may answer questions and still sell nothing. Leaves to others: when to ask what.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nexnum_driver::{ActiveRow, Crosswalk, Driver, Op, ProviderError};
use nexnum_engine::breaker::{Breaker, BreakerInput};
use nexnum_engine::command::Timings;
use nexnum_engine::grid::Grid;
use nexnum_engine::ids::{OrderId, ProviderId};
use nexnum_engine::money::Micros;
use nexnum_engine::pricing::Margin;
use nexnum_engine::time::Time;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::client::ProviderClient;
use super::listed::Listed;
use super::server_clock::{ClockOffset, Look};
use super::sightings::{Made, Shown, Sightings};
use crate::clock::Clock;

/// What the operator decides for a provider, beside what its client needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderPolicy {
    /// What is added to its prices.
    pub margin: Margin,
    /// Whether it is bought from.
    pub enabled: bool,
    /// Who goes first among equal prices: the higher.
    pub priority: u8,
    /// Milliseconds between two syncs of its offers.
    pub sync_interval_ms: u64,
    /// Instead of the driver's minimum age of a cancel, in milliseconds.
    pub min_cancel_age_ms: Option<u64>,
}

/// A provider's health, as the operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Its circuit breaker.
    pub breaker: Breaker,
    /// Whether it is bought from.
    pub enabled: bool,
    /// Its balance, where it was asked and answered.
    pub balance: Option<Micros>,
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
    /// Rows kept out because their price jumped, or the whole of a list that shrank.
    pub quarantined: usize,
    /// What went wrong last, oldest first; at most [`FAILURES_MAX`].
    pub failures: VecDeque<Failure>,
}

/// Failures kept of a provider: enough that one outage's polls do not hide what began it,
/// few enough to be read.
pub const FAILURES_MAX: usize = 16;

/// Something that went wrong at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Time,
    /// In which operation.
    pub op: Op,
    /// For which order, where it was for one.
    pub order: Option<OrderId>,
    /// What: mostly the kind and the beginning of the reply, masked.
    pub text: String,
}

/// Operation and text.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.op.name(), self.text)
    }
}

/// A provider with everything to talk to it.
#[derive(Debug)]
pub struct Connected {
    id: ProviderId,
    driver: Arc<Driver>,
    client: ProviderClient,
    crosswalk: Crosswalk,
    policy: ProviderPolicy,
    // Whether it is bought from, whether its offers are its own list's, and whether another
    // connection has taken its place. Each changes under the lock of the breaker, under which
    // they are shown in the grid; who reads one elsewhere may see it an instant late.
    enabled: AtomicBool,
    listed: AtomicBool,
    retired: AtomicBool,
    breaker: Mutex<Breaker>,
    health: Mutex<Health>,
    sightings: Mutex<Sightings>,
    sync_wanted: Notify,
    retirement: Notify,
}

impl Connected {
    /// A provider that has not been called yet.
    #[must_use]
    pub fn new(
        id: ProviderId,
        driver: Arc<Driver>,
        client: ProviderClient,
        crosswalk: Crosswalk,
        policy: ProviderPolicy,
    ) -> Self {
        Self {
            id,
            driver,
            client,
            crosswalk,
            enabled: AtomicBool::new(policy.enabled),
            listed: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            policy,
            breaker: Mutex::default(),
            health: Mutex::default(),
            sightings: Mutex::default(),
            sync_wanted: Notify::new(),
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

    /// How its numbers live.
    #[must_use]
    pub fn timings(&self) -> Timings {
        let theirs = self.driver.timings();
        Timings {
            lifetime_ms: theirs.lifetime_ms,
            min_cancel_age_ms: self.policy.min_cancel_age_ms.unwrap_or(theirs.min_cancel_age_ms),
        }
    }

    /// Whether it is bought from.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Whether it has been replaced or removed: it serves the orders that were bought under
    /// it, and no others.
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
    pub(super) fn set_enabled(&self, grid: &Grid, enabled: bool) {
        let breaker = self.breaker.lock();
        self.enabled.store(enabled, Ordering::Relaxed);
        self.show(grid, *breaker);
    }

    /// Its offers in the grid are those of its list: they may be bought.
    pub(crate) fn has_list(&self, grid: &Grid) {
        let breaker = self.breaker.lock();
        self.listed.store(true, Ordering::Relaxed);
        self.show(grid, *breaker);
    }

    /// Leaves its place to another connection, or to none: it opens or closes nothing from
    /// then on.
    pub(super) fn retire(&self) {
        let breaker = self.breaker.lock();
        self.retired.store(true, Ordering::Release);
        drop(breaker);
        self.retirement.notify_waiters();
    }

    /// Opens or closes its offers, as they stand.
    pub(super) fn show_now(&self, grid: &Grid) {
        self.show(grid, *self.breaker.lock());
    }

    /// The provider's health.
    #[must_use]
    pub fn health(&self) -> Health {
        let breaker = *self.breaker.lock();
        let health = self.health.lock().clone();
        Health { breaker, enabled: self.is_enabled(), ..health }
    }

    /// As [`Connected::health`] without the failures: nothing is allocated for it.
    #[must_use]
    pub fn figures(&self) -> Health {
        let breaker = *self.breaker.lock();
        let health = self.health.lock();
        Health { breaker, enabled: self.is_enabled(), failures: VecDeque::new(), ..*health }
    }

    /// Asks for the open activations, as [`ProviderClient::list_active`] with `since` by our
    /// clock, and remembers what the list shows. All who list go this way: each list proves for later ones what is old.
    ///
    /// # Errors
    /// Those of the client.
    pub(crate) async fn list_active(
        &self,
        clock: &Clock,
        since: Time,
    ) -> Result<Listed, ProviderError> {
        let since = self.sightings.lock().reach(since);
        let asked = clock.now();
        let (list, pages) = self.client.list_active(since).await?;
        let look = Look { asked, answered: clock.now() };
        let offset = ClockOffset::of_list(&list, look);
        let listed = Listed { list, pages, look, offset };
        self.sightings.lock().note(&listed);
        Ok(listed)
    }

    /// When an activation of the last list was made, as far as lists and dates prove it.
    pub(crate) fn made(&self, row: &ActiveRow, offset: Option<ClockOffset>) -> Made {
        self.sightings.lock().made(row, offset)
    }

    /// What the last list says of an activation that was bought at or after `since`; nothing
    /// if it was asked for before `not_before`.
    pub(crate) fn shown(&self, external_id: &str, since: Time, not_before: Time) -> Option<Shown> {
        self.sightings.lock().shown(external_id, since, not_before)
    }

    /// When the open activations were last listed, at the beginning of time if never; `None`
    /// where their dates prove what is new.
    pub(crate) fn undated_since(&self) -> Option<Time> {
        self.sightings.lock().undated_since()
    }

    /// Asks for a sync at once; one that runs is followed by another.
    pub fn sync_now(&self) {
        self.sync_wanted.notify_one();
    }

    pub(crate) async fn sync_wanted(&self) {
        self.sync_wanted.notified().await;
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.health.lock());
    }

    /// Keeps an error for the operator.
    pub(crate) fn note_error(
        &self,
        now: Time,
        op: Op,
        order: Option<OrderId>,
        error: &ProviderError,
    ) {
        let text = format!("{}: {}", error.kind.word(), error.excerpt);
        self.note_failure(Failure { at: now, op, order, text });
    }

    /// Keeps what went wrong in other words.
    pub(crate) fn note_failure(&self, failure: Failure) {
        self.note(|health| {
            if health.failures.len() == FAILURES_MAX {
                health.failures.pop_front();
            }
            health.failures.push_back(failure);
        });
    }

    /// Records in the breaker how a purchase or a probe went; opens or closes the provider's
    /// asks in the grid when the breaker changes.
    pub(crate) fn record_outcome(&self, grid: &Grid, input: BreakerInput, now: Time) {
        let mut breaker = self.breaker.lock();
        let before = *breaker;
        *breaker = before.after(input, now);
        if before.is_closed() != breaker.is_closed() {
            let (provider, word) = (self.name(), breaker.word());
            tracing::warn!(provider, breaker = word, "the circuit breaker of a provider changed");
            self.show(grid, *breaker);
        }
    }

    /// True if a probe is due, for the one caller who is to make it.
    pub(crate) fn may_probe(&self, now: Time) -> bool {
        let mut breaker = self.breaker.lock();
        let before = *breaker;
        *breaker = before.after(BreakerInput::Probe, now);
        *breaker != before
    }

    fn show(&self, grid: &Grid, breaker: Breaker) {
        if self.is_retired() {
            return;
        }
        if self.is_enabled() && self.listed.load(Ordering::Relaxed) && breaker.is_closed() {
            grid.open_provider(self.id);
        } else {
            grid.close_provider(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::provider::client_config::{ClientConfig, Timeouts};
    use nexnum_driver::{Credentials, ErrorKind};

    fn connected() -> Connected {
        let (_, text) = Driver::shipped()[0];
        let driver = Arc::new(Driver::parse(text).expect("shipped drivers parse"));
        let config = ClientConfig {
            provider: "one".to_owned(),
            base_url: None,
            credentials: Credentials::default(),
            rate: rust_decimal::Decimal::ONE,
            timeouts: Timeouts::default(),
            metrics: Metrics::default(),
        };
        let client = ProviderClient::new(Arc::clone(&driver), config).expect("it has an address");
        let crosswalk = Crosswalk::load(driver.dialect()).expect("its codes are shipped");
        let policy = ProviderPolicy {
            margin: Margin::default(),
            enabled: true,
            priority: 0,
            sync_interval_ms: 60_000,
            min_cancel_age_ms: None,
        };
        Connected::new(ProviderId(2), driver, client, crosswalk, policy)
    }

    #[test]
    fn the_last_failures_are_kept_with_their_operation_and_order() {
        let connected = connected();
        for order in 1..=20 {
            let error = ProviderError::new(ErrorKind::NoBalance, true, "NO_BALANCE");
            connected.note_error(Time(5), Op::Buy, Some(OrderId(order)), &error);
        }
        let failures = connected.health().failures;
        let orders: Vec<_> = failures.iter().filter_map(|failure| failure.order).collect();
        assert_eq!(orders, (5..=20).map(OrderId).collect::<Vec<_>>());
        assert_eq!(failures[0].to_string(), "buy: no_balance: NO_BALANCE");
    }
}
