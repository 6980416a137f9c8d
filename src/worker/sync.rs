//! Syncing: a provider's balance and price list, asked for once an interval.
//!
//! The same loop probes a provider behind an open breaker.

use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::Op;
use nexnum_engine::breaker::BreakerInput;
use tokio::sync::watch;

use super::pause::stopped_within;
use crate::market::Market;
use crate::provider::connected::{Connected, Failure};
use crate::provider::consequence;
use crate::supervisor::Beat;
use crate::supply::Intake;

/// How often an open breaker is looked at.
const PROBE_TICK: Duration = Duration::from_secs(1);
/// Between two tries of a provider's first list: without it nothing of it is for sale.
const UNLISTED_PAUSE: Duration = Duration::from_secs(3);

/// How long the first sync waits for the list of open activations.
const LOOK_TIME: Duration = Duration::from_secs(5);

/// Syncs one provider.
pub(super) struct Syncer {
    market: Market,
    connected: Arc<Connected>,
    intake: Intake,
}

impl Syncer {
    pub(super) fn new(market: &Market, connected: &Arc<Connected>) -> Self {
        let intake = Intake::new(market, connected);
        Self { market: market.clone(), connected: Arc::clone(connected), intake }
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
        loop {
            let began = tokio::time::Instant::now();
            beat.round();
            if connected.is_enabled() {
                tokio::select! {
                    () = self.sync() => {}
                    () = connected.retired() => return,
                    true = stopped_within(&mut stop, Duration::MAX) => return,
                }
            }
            let listed = connected.health().last_sync_at.is_some();
            let next = began + if listed { interval } else { interval.min(UNLISTED_PAUSE) };
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(next) => break,
                    () = connected.sync_wanted() => break,
                    () = connected.retired() => return,
                    stopped = stopped_within(&mut stop, PROBE_TICK) => {
                        if stopped {
                            return;
                        }
                        beat.round();
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
        let (op, outcome) = if self.connected.driver().supports(Op::Balance) {
            (Op::Balance, client.balance().await.map(drop))
        } else {
            (Op::Prices, client.prices().await.map(drop))
        };
        let now = self.market.clock.now();
        let input = match outcome {
            Ok(()) => BreakerInput::Good,
            Err(error) => {
                self.connected.note_error(now, op, None, &error);
                consequence::of(error.kind).breaker.unwrap_or(BreakerInput::Bad)
            }
        };
        self.connected.record_outcome(&self.market.grid, input, now);
    }

    async fn sync(&mut self) {
        self.ask_balance().await;
        let list = match self.connected.client().prices().await {
            Ok(list) => list,
            Err(error) => {
                let (now, provider) = (self.market.clock.now(), self.connected.name());
                tracing::warn!(provider, %error, "sync failed: no price list from the provider");
                return self.connected.note_error(now, Op::Prices, None, &error);
            }
        };
        if let Err(error) = self.intake.take_in(list).await {
            let (at, provider) = (self.market.clock.now(), self.connected.name());
            tracing::warn!(provider, %error, "sync failed: the price list was taken in only in part, or not at all");
            let (op, text) = (Op::Prices, error.to_string());
            self.connected.note_failure(Failure { at, op, order: None, text });
        }
    }

    async fn ask_balance(&self) {
        if !self.connected.driver().supports(Op::Balance) {
            return;
        }
        match self.connected.client().balance().await {
            Ok(balance) => self.connected.note(|health| health.balance = Some(balance)),
            Err(error) => {
                let now = self.market.clock.now();
                self.connected.note_error(now, Op::Balance, None, &error);
            }
        }
    }
}
