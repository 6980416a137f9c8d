//! Syncing: a provider's balance and price list, asked for once an interval. What had no turn is
//! asked for again soon.
//!
//! The same loop probes a provider behind an open breaker.

use std::convert::Infallible;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{ErrorKind, Op, ProviderError};
use nexnum_engine::breaker::BreakerInput;
use nexnum_engine::ids::ProviderId;
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use tokio::sync::{Semaphore, watch};

use super::pause::stopped_within;
use crate::attention::AttentionKind;
use crate::market::Market;
use crate::provider::connected::{Connected, Failure};
use crate::provider::consequence;
use crate::supervisor::Beat;
use crate::supply::{Distrust, Intake, IntakeError};

/// How often an open breaker is looked at.
const PROBE_TICK: Duration = Duration::from_secs(1);
/// Between two tries of a provider's first list, without which nothing of it is for sale, and of
/// what had no turn: it would be later than twice its interval after a second one.
const SOON: Duration = Duration::from_secs(3);
/// How long the first sync waits for the list of open activations.
const LOOK_TIME: Duration = Duration::from_secs(5);
/// What is told of price lists and balances: a provider that is disabled is not asked for them.
const OF_LISTS: [AttentionKind; 8] = [
    AttentionKind::PriceListFailed,
    AttentionKind::PriceListLate,
    AttentionKind::PriceListQuarantined,
    AttentionKind::PricesLost,
    AttentionKind::PricesQuarantined,
    AttentionKind::BalanceLow,
    AttentionKind::BalanceEmpty,
    AttentionKind::BalanceFailed,
];
/// A balance that is older than so many intervals says nothing any more.
const BALANCE_KEPT: u64 = 3;

/// Syncs one provider.
pub(super) struct Syncer {
    market: Market,
    connected: Arc<Connected>,
    intake: Intake,
    intakes: Arc<Semaphore>,
    watch: SyncWatch,
}

impl Syncer {
    /// `intakes` has a permit for each list that may be taken in at a time.
    pub(super) fn new(
        market: &Market,
        connected: &Arc<Connected>,
        intakes: &Arc<Semaphore>,
    ) -> Self {
        let intake = Intake::new(market, connected);
        let (market, connected) = (market.clone(), Arc::clone(connected));
        let began = market.clock.now();
        let watch = SyncWatch { market: market.clone(), connected: Arc::clone(&connected), began };
        Self { market, connected, intake, intakes: Arc::clone(intakes), watch }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
        let connected = Arc::clone(&self.connected);
        let interval = Duration::from_millis(connected.policy().sync_interval_ms);
        if connected.is_enabled() {
            tokio::select! {
                () = self.look_at_account() => {}
                () = connected.retired() => return,
                true = stopped_within(&mut stop, Duration::MAX) => return,
            }
        }
        let mut gap = first_gap(connected.id(), interval);
        let mut has_come = false;
        let (mut asks, mut all_next) = (Asks::ALL, tokio::time::Instant::now());
        loop {
            let began = tokio::time::Instant::now();
            beat.round();
            let mut again = Asks::NONE;
            if connected.is_enabled() {
                let watch = self.watch.clone();
                tokio::select! {
                    synced = self.sync(asks) => {
                        has_come |= synced.has_come;
                        again = synced.again;
                    }
                    never = watch.look_on(&beat) => match never {},
                    () = connected.retired() => return,
                    true = stopped_within(&mut stop, Duration::MAX) => return,
                }
            }
            // One that is held back came all the same: it is confirmed at the usual pace.
            if !has_come {
                all_next = began + interval.min(SOON);
            } else if asks == Asks::ALL {
                all_next = began + mem::replace(&mut gap, interval);
            }
            let next = if again == Asks::NONE { all_next } else { all_next.min(began + SOON) };
            asks = if next == all_next { Asks::ALL } else { again };
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(next) => break,
                    () = connected.sync_wanted() => {
                        asks = Asks::ALL;
                        break;
                    }
                    () = connected.retired() => return,
                    stopped = stopped_within(&mut stop, PROBE_TICK) => {
                        if stopped {
                            return;
                        }
                        beat.round();
                        self.watch.look();
                        self.probe().await;
                    }
                }
            }
        }
    }

    /// Lists what is open on our account before the first sync: what is there by now was not
    /// bought by an order that is placed later. Without a list the reconciler takes it.
    async fn look_at_account(&self) {
        let (connected, clock) = (&self.connected, &self.market.clock);
        if !connected.driver().supports(Op::ListActive) {
            return;
        }
        let look = connected.list_active(clock, clock.now());
        if let Ok(Err(error)) = tokio::time::timeout(LOOK_TIME, look).await {
            connected.note_error(clock.now(), Op::ListActive, None, &error);
        }
    }

    /// Makes the one probe that an open breaker allows when its pause is over.
    async fn probe(&self) {
        if !self.connected.may_probe(self.market.clock.now()) {
            return;
        }
        let client = self.connected.client();
        let (driver, now) = (self.connected.driver(), self.market.clock.now());
        // A price list may come without a key, which the other two need.
        let says_balance = driver.supports(Op::Balance) && !self.connected.funds().is_forgotten();
        let (op, outcome) = if says_balance {
            let balance = client.balance().await;
            // Topped up, it may be bought from again.
            (Op::Balance, balance.map(|balance| self.has_balance(balance)))
        } else if driver.supports(Op::ListActive) {
            (Op::ListActive, client.list_active(now).await.map(drop))
        } else {
            (Op::Prices, client.prices().await.map(drop))
        };
        let now = self.market.clock.now();
        let Err(error) = outcome else { return self.connected.record_success(now) };
        self.connected.note_error(now, op, None, &error);
        let input = match consequence::of(error.kind).breaker {
            // Another probe in a minute: the provider is no worse for our own limits.
            _ if error.kind == ErrorKind::NoTurn => BreakerInput::Hard,
            Some(input) => input,
            None => BreakerInput::Bad,
        };
        self.connected.record_error(input, (now, op, None), &error);
    }

    /// Asks for what is due, and takes it in.
    async fn sync(&mut self, asks: Asks) -> Synced {
        let balance = asks.balance && self.ask_balance().await == Answer::NoTurn;
        if !asks.list {
            return Synced { has_come: false, again: Asks { balance, list: false } };
        }
        let taken_in = self.take_list_in().await;
        let has_come = !matches!(taken_in, Err(SyncError::NoList(_)));
        let list = matches!(&taken_in, Err(SyncError::NoList(no)) if no.kind == ErrorKind::NoTurn);
        self.report_list(taken_in);
        Synced { has_come, again: Asks { balance, list } }
    }

    /// Tells the operator what a price list came to.
    fn report_list(&self, taken_in: Result<(), SyncError>) {
        let every_s = self.connected.policy().sync_interval_ms / 1000;
        let failed = |error: &SyncError| format!("{error}; it is asked for every {every_s} s");
        let (failed, quarantined) = match taken_in {
            Ok(()) => (None, None),
            Err(SyncError::Intake(error @ IntakeError::Untrusted { .. })) => (None, Some(error)),
            Err(ref error @ SyncError::Intake(_)) => (Some(failed(error)), None),
            // What is held back still is.
            Err(ref error @ SyncError::NoList(_)) => {
                return self.report(AttentionKind::PriceListFailed, Some(failed(error)));
            }
        };
        self.report(AttentionKind::PriceListFailed, failed);
        let is_trusted = quarantined.is_none();
        let is_lost = |error: &IntakeError| {
            matches!(error, IntakeError::Untrusted { why: Distrust::Unvouched { .. } })
        };
        let lost = quarantined.as_ref().filter(|error| is_lost(error)).map(|error| {
            let name = self.connected.name();
            format!(
                "the price list is held back: {error}; look at its prices, and accept them with \
                 `nexnum provider accept-prices {name}`"
            )
        });
        self.report(AttentionKind::PricesLost, lost);
        let quarantined = quarantined.filter(|error| !is_lost(error)).map(|error| {
            format!("the price list is held back until it has come a few times: {error}")
        });
        self.report(AttentionKind::PriceListQuarantined, quarantined);
        let held = self.connected.figures().quarantined;
        let held = (is_trusted && held > 0).then(|| {
            format!("{held} rows of the price list are held back: their price jumped, or is gone")
        });
        self.report(AttentionKind::PricesQuarantined, held);
    }

    /// Fetches the price list and takes it in; what goes wrong is among the provider's failures.
    async fn take_list_in(&mut self) -> Result<(), SyncError> {
        let accepted = self.connected.accepted().of_next(self.market.clock.now());
        let list = match self.connected.client().prices().await {
            Ok(list) => list,
            Err(error) => {
                let now = self.market.clock.now();
                self.connected.note_error(now, Op::Prices, None, &error);
                return Err(SyncError::NoList(error));
            }
        };
        self.intake.ready().await;
        // Not closed while the workers run.
        let _permit = self.intakes.acquire().await;
        let taken_in = self.intake.take_in(list, accepted).await;
        if let Err(error) = &taken_in {
            let (at, op, text) = (self.market.clock.now(), Op::Prices, error.to_string());
            self.connected.note_failure(Failure { at, op, order: None, text });
        }
        Ok(taken_in?)
    }

    fn report(&self, kind: AttentionKind, text: Option<String>) {
        self.market.attention.report(kind, self.connected.name(), text);
    }

    fn has_balance(&self, balance: Micros) {
        let now = self.market.clock.now();
        self.connected.note(|health| {
            (health.balance, health.balance_at) = (Some(balance), Some(now));
        });
        self.connected.heed_balance(balance);
        self.connected.funds().set_balance(balance);
        self.report(AttentionKind::BalanceFailed, None);
    }

    async fn ask_balance(&self) -> Answer {
        if !self.connected.driver().supports(Op::Balance) {
            return Answer::Given;
        }
        match self.connected.client().balance().await {
            Ok(balance) => self.has_balance(balance),
            Err(error) => {
                let now = self.market.clock.now();
                self.connected.note_error(now, Op::Balance, None, &error);
                self.has_no_balance(now, &error);
                if error.kind == ErrorKind::NoTurn {
                    return Answer::NoTurn;
                }
            }
        }
        Answer::Given
    }

    /// Tells the operator of a balance that did not come. An old one keeps nothing from being
    /// bought: purchases show whether the account can pay.
    fn has_no_balance(&self, now: Time, error: &ProviderError) {
        if error.kind == ErrorKind::NoTurn {
            return;
        }
        let text = format!("no balance came ({}: {})", error.kind.word(), error.excerpt);
        self.report(AttentionKind::BalanceFailed, Some(text));
        let since = self.connected.figures().balance_at.unwrap_or(self.watch.began);
        if now.ms_since(since) > BALANCE_KEPT * self.connected.policy().sync_interval_ms {
            self.connected.funds().forget_balance();
        }
    }
}

/// What a sync asks for: all once an interval, then what had no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asks {
    balance: bool,
    list: bool,
}

impl Asks {
    const ALL: Self = Self { balance: true, list: true };
    const NONE: Self = Self { balance: false, list: false };
}

/// What a sync came to.
struct Synced {
    /// Whether a price list came, believed or not.
    has_come: bool,
    /// What had no turn, and is asked for again soon.
    again: Asks,
}

/// Whether the provider was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It was, well or ill, or there is nothing to ask.
    Given,
    /// Its limits allowed no call in time.
    NoTurn,
}

/// From a provider's first list to its second, in the second half of an interval: providers that
/// were connected together are not asked together for ever.
fn first_gap(provider: ProviderId, interval: Duration) -> Duration {
    // The upper bits of the product are spread evenly over consecutive ids.
    let spread = u32::from(provider.0).wrapping_mul(0x9E37_79B9) >> 16;
    interval / 2 + interval / 2 * spread / (1 << 16)
}

/// What is looked at each second, also while a sync runs.
#[derive(Clone)]
struct SyncWatch {
    market: Market,
    connected: Arc<Connected>,
    /// Until when no list could have been late.
    began: Time,
}

impl SyncWatch {
    async fn look_on(&self, beat: &Beat) -> Infallible {
        loop {
            tokio::time::sleep(PROBE_TICK).await;
            beat.round();
            self.look();
        }
    }

    /// Looks whether the offers are on sale as they should be, and whether the list is older
    /// than twice its interval.
    fn look(&self) {
        let (connected, now) = (&self.connected, self.market.clock.now());
        connected.look(now);
        connected.tell_overcharges();
        if !connected.is_enabled() {
            let clear = |kind: &AttentionKind| self.market.attention.clear(*kind, connected.name());
            return OF_LISTS.iter().for_each(clear);
        }
        let interval_ms = connected.policy().sync_interval_ms;
        let since = connected.figures().last_sync_at.unwrap_or(self.began);
        let age_ms = now.ms_since(since);
        let is_late = age_ms > 2 * interval_ms;
        let late = is_late.then(|| {
            let (age_s, every_s) = (age_ms / 1000, interval_ms / 1000);
            format!("the last price list is {age_s} s old and should come every {every_s} s")
        });
        self.market.attention.report(AttentionKind::PriceListLate, connected.name(), late);
    }
}

/// Why a sync changed nothing, or not all.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    /// The provider gave no list.
    #[error("no price list came ({}: {})", .0.kind.word(), .0.excerpt)]
    NoList(ProviderError),
    /// The list was not taken in, or only in part.
    #[error("the price list was taken in only in part, or not at all: {0}")]
    Intake(#[from] IntakeError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::folder;
    use crate::provider::dispatch::{Lane, PAUSE_MAX, PauseOf};
    use crate::server::{self, ProviderSetup, config};
    use nexnum_driver::Secret;
    use nexnum_sandbox::{Sandbox, SandboxConfig};
    use prometheus_client::encoding::prometheus_text::encode;
    use prometheus_client::registry::Registry;
    use tempfile::TempDir;

    /// How many price lists and balances had no turn.
    fn without_turn(market: &Market) -> u32 {
        let (mut page, mut text) = (Registry::default(), String::new());
        market.metrics.register(&mut page);
        encode(&mut text, &page).unwrap();
        let counts = text.lines().filter(|line| line.contains("\"no_turn\""));
        counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u32>().ok()).sum()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_had_no_turn_is_asked_for_again_soon() {
        let sandbox = Sandbox::start(SandboxConfig::small(7)).await.unwrap();
        let (folder, provider) = (TempDir::new().unwrap(), &sandbox.providers()[1]);
        let dir = folder.path().join("market");
        folder::init(&dir).unwrap();
        let config = config::Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            data_dir: dir.clone(),
            ..config::Config::default()
        };
        let seller = config::ProviderConfig {
            base_url: Some(provider.base_url.clone()),
            sync_interval_s: 3_600,
            ..config::ProviderConfig::new(provider.name, provider.driver)
        };
        let setups = vec![ProviderSetup::new(seller, Secret::new(provider.key.clone()))];
        let opened = folder::open(&dir, |_| {}).unwrap();
        let running = server::start(opened, &config, setups).await.unwrap();
        let orders = &running.rooms.orders;
        let connected = orders.providers.by_name(provider.name).unwrap();
        while connected.health().last_sync_at.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let dispatcher = connected.client().room().dispatcher();
        dispatcher.pause(PauseOf::One(Lane::Sync), PAUSE_MAX);
        connected.sync_now();
        // Each sync asks for a balance and a list.
        let again = async {
            while without_turn(&orders.market) < 4 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let is_again = tokio::time::timeout(Duration::from_secs(30), again).await.is_ok();
        assert!(is_again, "{} calls had no turn", without_turn(&orders.market));
        running.stop().await.unwrap();
        sandbox.stop().await;
    }

    #[test]
    fn providers_that_begin_together_are_asked_apart() {
        let interval = Duration::from_secs(60);
        let mut gaps: Vec<_> = (2..22).map(|id| first_gap(ProviderId(id), interval)).collect();
        assert!(gaps.iter().all(|gap| (interval / 2..=interval).contains(gap)), "{gaps:?}");
        gaps.sort();
        let apart = gaps.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
        assert!(apart >= Duration::from_millis(500), "{apart:?}");
    }
}
