//! The connected providers: each with its driver, client, crosswalk, margin and breaker.
//!
//! Promises: a provider's offers can be claimed exactly while it is enabled and its
//! breaker is closed. What is fed to the breaker: purchases and probes, since a provider
//! may answer questions and still sell nothing. Leaves to others: when to ask what.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use nexnum_driver::{Crosswalk, Driver, Op, ProviderError};
use nexnum_engine::breaker::{Breaker, Input};
use nexnum_engine::command::Timings;
use nexnum_engine::grid::Grid;
use nexnum_engine::ids::{OrderId, ProviderId};
use nexnum_engine::money::Micros;
use nexnum_engine::pricing::Margin;
use nexnum_engine::time::Time;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::client::Client;

/// What the operator decides for a provider, beside what its client needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderPolicy {
    /// What is added to its prices.
    pub margin: Margin,
    /// Whether it is bought from.
    pub enabled: bool,
    /// Milliseconds between two syncs of its offers.
    pub sync_interval_ms: u64,
    /// Instead of the driver's minimum age of a cancel, in milliseconds.
    pub min_cancel_age_ms: Option<u64>,
}

/// How a provider fares, as the operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// `closed` (in use), `open` or `half_open`.
    pub breaker: &'static str,
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
    client: Client,
    crosswalk: Crosswalk,
    policy: ProviderPolicy,
    breaker: Mutex<Breaker>,
    health: Mutex<Health>,
    sync_wanted: Notify,
}

impl Connected {
    /// A provider that has not been called yet.
    #[must_use]
    pub fn new(
        id: ProviderId,
        driver: Arc<Driver>,
        client: Client,
        crosswalk: Crosswalk,
        policy: ProviderPolicy,
    ) -> Self {
        Self {
            id,
            driver,
            client,
            crosswalk,
            policy,
            breaker: Mutex::default(),
            health: Mutex::default(),
            sync_wanted: Notify::new(),
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
    pub const fn client(&self) -> &Client {
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
    pub const fn is_enabled(&self) -> bool {
        self.policy.enabled
    }

    /// How it fares.
    #[must_use]
    pub fn health(&self) -> Health {
        let breaker = *self.breaker.lock();
        let health = self.health.lock().clone();
        Health { breaker: breaker.word(), enabled: self.is_enabled(), ..health }
    }

    /// As [`Connected::health`] without the failures: nothing is allocated for it.
    #[must_use]
    pub fn figures(&self) -> Health {
        let breaker = *self.breaker.lock();
        let health = self.health.lock();
        Health {
            breaker: breaker.word(),
            enabled: self.is_enabled(),
            failures: VecDeque::new(),
            ..*health
        }
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

    /// Tells the breaker how a purchase or a probe went, and the grid what follows.
    pub(crate) fn feed(&self, grid: &Grid, input: Input, now: Time) {
        let mut breaker = self.breaker.lock();
        let before = *breaker;
        *breaker = before.after(input, now);
        if before.is_closed() != breaker.is_closed() {
            tracing::warn!(provider = self.name(), breaker = breaker.word(), "a breaker moved");
            self.show(grid, *breaker);
        }
    }

    /// True if a probe is due, for the one caller who is to make it.
    pub(crate) fn may_probe(&self, now: Time) -> bool {
        let mut breaker = self.breaker.lock();
        let before = *breaker;
        *breaker = before.after(Input::Probe, now);
        *breaker != before
    }

    fn show(&self, grid: &Grid, breaker: Breaker) {
        if self.is_enabled() && breaker.is_closed() {
            grid.open_provider(self.id);
        } else {
            grid.close_provider(self.id);
        }
    }
}

/// All connected providers, fixed while the process runs.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    by_id: Arc<BTreeMap<ProviderId, Arc<Connected>>>,
}

impl Providers {
    /// The providers; disabled ones are closed in the grid.
    #[must_use]
    pub fn new(grid: &Grid, connected: Vec<Connected>) -> Self {
        let row = |connected: Connected| {
            connected.show(grid, Breaker::default());
            (connected.id, Arc::new(connected))
        };
        Self { by_id: Arc::new(connected.into_iter().map(row).collect()) }
    }

    /// The provider with this id, if it is connected.
    #[must_use]
    pub fn get(&self, id: ProviderId) -> Option<Arc<Connected>> {
        self.by_id.get(&id).cloned()
    }

    /// The provider of this name, if it is connected.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<Arc<Connected>> {
        self.iter().find(|connected| connected.name() == name).cloned()
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Connected>> {
        self.by_id.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::provider::client::{ClientConfig, Timeouts};
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
        let client = Client::new(Arc::clone(&driver), config).expect("it has an address");
        let crosswalk = Crosswalk::load(driver.dialect()).expect("its codes are shipped");
        let policy = ProviderPolicy {
            margin: Margin::default(),
            enabled: true,
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
