//! Orphans: purchases at a provider that no order has. Their numbers are given back to the
//! provider, and what was written off for them is booked back; what stays is booked as a loss.
//!
//! An orphan is in the ledger from when it is found until it is settled, so that a start goes
//! on with it.

use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{ExternalOutcome, Op, ProviderError};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Effect, FindOrphan, SettleOrphan};
use nexnum_engine::event::OrphanEnd;
use nexnum_engine::group::Actor;
use nexnum_engine::ids::OrderId;
use nexnum_engine::limits::BUY_TIME_MS;
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use nexnum_engine::time::Time;

use super::Orders;
use super::missing::Missing;
use crate::attention::AttentionKind;
use crate::provider::connected::Connected;
use crate::provider::consequence::{self, Standing};

/// Tries to give a number back: with the pauses, half an hour, after which it has run out.
const TRIES_MAX: u32 = 10;
/// What the operator is told of a purchase that stayed.
pub(super) const STAYED: &str = "the provider kept a purchase that no order has: its cost is booked \
                                 as a loss that the provider owes";
/// Before the next try, times the number of tries so far.
const PAUSE_MS: u64 = 30_000;
/// So many tries to end or to give back are refused before the operator is told: a short outage
/// is over by then.
pub(crate) const TOLD_AFTER: u32 = 3;
/// For how long an orphan is brought to a full inbox: it drains in milliseconds.
const RECORD_MS: u64 = 60_000;

/// A purchase that no order has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LostOrphan<'a> {
    /// The provider's id of it.
    pub(crate) external_id: &'a str,
    /// When the provider takes it back first.
    pub(crate) from: Time,
    /// The order and the attempt that it was bought for.
    pub(crate) bought_for: (OrderId, u8),
    /// What it costs, where that is known.
    pub(crate) cost: Option<Micros>,
}

impl LostOrphan<'_> {
    /// Gives the number back in the background; once, however often it is seen.
    pub(crate) fn give_back(self, orders: &Arc<Orders>, connected: &Arc<Connected>) {
        let Self { external_id, from, bought_for: (order, attempt), cost } = self;
        let doubts = &orders.doubts;
        if !doubts.disown(connected.id(), external_id, orders.market.clock.now()) {
            return;
        }
        tracing::warn!(
            provider = connected.name(),
            external_id,
            "purchase without an order: giving the number back"
        );
        let (provider, external_id) = (connected.id(), Box::<str>::from(external_id));
        let found = FindOrphan { order, attempt, provider, external_id, from, cost };
        let (worker, connected) = (Arc::clone(orders), Arc::clone(connected));
        orders.tasks.spawn(async move {
            // 1. It is in the ledger before the provider is asked. Without room for it, or when
            // its order has left memory, it goes back all the same.
            let until = worker.market.clock.now().plus_ms(RECORD_MS);
            let by = Actor::Worker(found.provider);
            let recorded = worker.market.send_until(by, &found, until).await;
            if let Ok(Err(Reject::DuplicatePurchase(of))) = recorded {
                // It is an order's after all: that one keeps it.
                tracing::info!(order = of.0, "purchase without an order: an order has it");
                return;
            }
            // 2. The provider takes it back, or does not.
            let end = cancel(&worker, &connected, &found).await;
            // 3. What that means for the books. Before its order has ended nothing can have
            // been written off.
            let patience = Duration::from_millis(BUY_TIME_MS);
            let ended = |order: &Order| order.state != ActivationState::Init;
            worker.market.read_model.await_order(found.order, patience, ended).await;
            settle(&worker, connected.name(), found, end).await;
        });
    }
}

impl Orders {
    /// Tells the operator of an end that a provider did not take: from the third try on until it
    /// does, and of the last one for a day.
    pub(crate) fn report_end(
        &self,
        subject: (&str, OrderId),
        tries: u32,
        tries_max: u32,
        text: String,
    ) {
        let attention = &self.market.attention;
        if tries >= tries_max {
            attention.clear(AttentionKind::EndRefused, subject);
            attention.raise(AttentionKind::EndLeft, subject, text + "; there are no more tries");
        } else if tries >= TOLD_AFTER {
            attention.raise(AttentionKind::EndRefused, subject, text);
        }
    }

    /// Tells the operator how a purchase that no order has came to its end, if its provider has
    /// kept it.
    fn report_stay(&self, subject: (&str, OrderId), end: OrphanEnd) {
        let attention = &self.market.attention;
        attention.clear(AttentionKind::EndRefused, subject);
        match end {
            OrphanEnd::Stayed => attention.raise(AttentionKind::EndLeft, subject, STAYED),
            OrphanEnd::GivenBack | OrphanEnd::Gone => {}
        }
    }

    /// Notes in the ledger what has to go back to a provider that is not connected: it goes once
    /// that is set up again.
    pub(super) fn keep_orphan(self: &Arc<Self>, found: FindOrphan) {
        let worker = Arc::clone(self);
        self.tasks.spawn(async move {
            let until = worker.market.clock.now().plus_ms(RECORD_MS);
            // Without its order in memory it is told of as an end that is left.
            let by = Actor::Worker(found.provider);
            let _recorded = worker.market.send_until(by, &found, until).await;
        });
    }

    /// Goes on with the purchases that were on their way back before the start, or before their
    /// provider was connected.
    pub(crate) fn give_back_orphans(self: &Arc<Self>) {
        for (provider, external_id, orphan) in self.market.read_model.orphans() {
            let Some(connected) = self.providers.get(provider) else { continue };
            let lost = LostOrphan {
                external_id: &external_id,
                from: orphan.from,
                bought_for: (orphan.order, orphan.attempt),
                cost: Some(orphan.cost),
            };
            lost.give_back(self, &connected);
        }
    }
}

async fn settle(orders: &Orders, name: &str, found: FindOrphan, end: OrphanEnd) {
    orders.report_stay((name, found.order), end);
    let FindOrphan { order, provider, external_id, .. } = found;
    let command = SettleOrphan { provider, external_id, end };
    let until = orders.market.clock.now().plus_ms(RECORD_MS);
    match orders.market.send_until(Actor::Worker(provider), &command, until).await {
        Ok(Ok(Effect::Done)) => {
            tracing::info!(order = order.0, ?end, "purchase without an order: settled");
        }
        // Its order has left memory, and what was written off stands.
        Ok(Ok(Effect::Unchanged) | Err(_)) | Err(_) => {}
    }
}

/// Asks the provider to take the number back until it has answered for certain.
async fn cancel(orders: &Orders, connected: &Arc<Connected>, found: &FindOrphan) -> OrphanEnd {
    if !connected.driver().calls(Op::Cancel) {
        return OrphanEnd::Gone;
    }
    let (external_id, mut next, mut missing) =
        (&*found.external_id, found.from, Missing::default());
    let mut connected = Arc::clone(connected);
    for tries in 1..=TRIES_MAX {
        let now = orders.market.clock.now();
        tokio::time::sleep(Duration::from_millis(next.ms_since(now))).await;
        connected = callable(orders, connected).await;
        let Err(error) = connected.client().cancel(external_id).await else {
            return OrphanEnd::GivenBack;
        };
        let now = orders.market.clock.now();
        connected.note_error(now, Op::Cancel, None, &error);
        if consequence::of(error.kind).is_final
            && let Some(end) = refused(orders, &connected, found, &error, &mut missing).await
        {
            return end;
        }
        next = now.plus_ms(PAUSE_MS * u64::from(tries));
        let text = format!(
            "the provider did not take back a purchase that no order has at try {tries}: it may be \
             charged; its failures have the answers"
        );
        orders.report_end((connected.name(), found.order), tries, TRIES_MAX, text);
    }
    OrphanEnd::Stayed
}

/// The connection, once it has a key, or the one in its place: no call can be made before, and it
/// stays in the ledger until then.
async fn callable(orders: &Orders, mut connected: Arc<Connected>) -> Arc<Connected> {
    while connected.key_problem().is_some() {
        tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
        connected = orders.providers.get(connected.id()).unwrap_or(connected);
    }
    connected
}

/// What a refused cancel means: it may be the second of two, the first of which arrived.
/// Nothing where it is said to be missing and that is not believed yet.
async fn refused(
    orders: &Orders,
    connected: &Connected,
    found: &FindOrphan,
    error: &ProviderError,
    missing: &mut Missing,
) -> Option<OrphanEnd> {
    let seen = connected.client().status(&found.external_id).await;
    let outcome = seen.map(|report| report.state.outcome());
    let standing = consequence::of(error.kind).standing;
    match (outcome, standing) {
        (Ok(ExternalOutcome::Returned), _) => Some(OrphanEnd::GivenBack),
        (_, Standing::HasCode | Standing::TooLate)
        | (Ok(ExternalOutcome::Finished), Standing::Missing | Standing::Unknown)
        | (Ok(ExternalOutcome::Open), Standing::Unknown) => Some(OrphanEnd::Stayed),
        // It is known after all.
        (Ok(ExternalOutcome::Open), Standing::Missing) => {
            missing.forget(found.order);
            None
        }
        // What it said no to may be open: an answer is asked for again.
        (Err(unseen), Standing::Unknown) => {
            consequence::of(unseen.kind).is_final.then_some(OrphanEnd::Gone)
        }
        (Err(unseen), Standing::Missing) => {
            let is_missing = consequence::of(unseen.kind).standing == Standing::Missing;
            let bought = (&*found.external_id, found.order);
            let is_lost = is_missing && orders.is_lost(connected, bought, missing).await;
            is_lost.then_some(OrphanEnd::Gone)
        }
    }
}
