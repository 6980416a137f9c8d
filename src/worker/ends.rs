//! Ends at providers: what has ended here is ended there, until the provider has taken it.
//!
//! The poll that sees an end tells the provider once. What it could not tell, and what the
//! last process left, is found in the durable state again and told here, for as long as the
//! order is in memory. An end that is refused again and again is reported. Leaves to others: numbers that no order has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{Op, ProviderError};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::EndUpstream;
use nexnum_engine::ids::OrderId;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use tokio::sync::watch;

use super::pause::stopped_within;
use crate::attention::AttentionKind;
use crate::order::Orders;
use crate::provider::connected::Connected;
use crate::provider::consequence::{self, Standing};
use crate::supervisor::Beat;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(15);
/// An order that ended so recently is told by the poll that saw it.
const POLLED_MS: u64 = 30_000;
/// Before the next try, times the number of tries so far.
const PAUSE_MS: u64 = 60_000;
/// Tries for an order: with the pauses, about as long as it is in memory.
const TRIES_MAX: u32 = 10;
/// So many tries are refused before the operator is told: a short outage is over by then.
const TOLD_AFTER: u32 = 3;
/// Calls in a round: buyers' calls come first.
const CALLS_MAX: usize = 20;
/// How long a full inbox is waited for.
const RECORD_MS: u64 = 5_000;

/// Tells one provider what has ended here.
pub(super) struct Ender {
    orders: Arc<Orders>,
    connected: Arc<Connected>,
    /// What had ended before has no poll that tells it.
    started: Time,
    /// How often an order was tried, and when it may be again.
    tries: BTreeMap<OrderId, (u32, Time)>,
}

impl Ender {
    pub(super) fn new(orders: &Arc<Orders>, connected: &Arc<Connected>) -> Self {
        let (orders, connected) = (Arc::clone(orders), Arc::clone(connected));
        let started = orders.market.clock.now();
        Self { orders, connected, started, tries: BTreeMap::new() }
    }

    /// Runs until the workers stop, or until the connection has been replaced or removed and
    /// no order in memory was bought under it.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
        loop {
            beat.round();
            self.round(&beat).await;
            let is_needed = self.orders.providers.serves_orders(&self.connected);
            let is_over = self.connected.is_retired() && !is_needed;
            if is_over || stopped_within(&mut stop, ROUND).await {
                return;
            }
        }
    }

    async fn round(&mut self, beat: &Beat) {
        let now = self.orders.market.clock.now();
        let due = self.due(now);
        for order in due {
            beat.round();
            let (tries, _) = self.tries.get(&order.id).copied().unwrap_or_default();
            if end(&self.orders, &self.connected, &order).await {
                self.tries.remove(&order.id);
                self.is_told_no_more(order.id);
            } else {
                let next = now.plus_ms(PAUSE_MS * u64::from(tries + 1));
                self.tries.insert(order.id, (tries + 1, next));
                self.tell(order.id, tries + 1);
            }
        }
    }

    /// Tells the operator of an end that was refused several times.
    fn tell(&self, order: OrderId, tries: u32) {
        if let Some(text) = refused_text(tries) {
            let subject = (self.connected.name(), order);
            self.orders.market.attention.raise(AttentionKind::EndRefused, subject, text);
        }
    }

    fn is_told_no_more(&self, order: OrderId) {
        let subject = (self.connected.name(), order);
        self.orders.market.attention.clear(AttentionKind::EndRefused, subject);
    }

    /// The orders of this connection that have to be told now, the oldest first.
    fn due(&mut self, now: Time) -> Vec<Arc<Order>> {
        let unended = self.orders.market.read_model.unended();
        // Ended by a poll, or gone from memory.
        let is_over = |id: &OrderId| unended.binary_search(id).is_err();
        let over: Vec<_> = self.tries.keys().copied().filter(is_over).collect();
        for id in over {
            self.tries.remove(&id);
            self.is_told_no_more(id);
        }
        let orders = unended.into_iter().filter_map(|id| self.orders.market.read_model.order(id));
        let due = orders.filter(|order| {
            // What the provider is said not to know is told by no poll.
            let is_polled = order.state != ActivationState::Cancelled;
            let ended = order.closed_at.unwrap_or(now);
            let polled = is_polled && ended >= self.started && now.ms_since(ended) < POLLED_MS;
            let tried = self.tries.get(&order.id);
            let waits = tried.is_some_and(|(tries, next)| *tries >= TRIES_MAX || now < *next);
            !polled && !waits && self.is_here(order)
        });
        due.take(CALLS_MAX).collect()
    }

    fn is_here(&self, order: &Order) -> bool {
        let connected = self.orders.providers.of_order(order);
        connected.is_some_and(|connected| Arc::ptr_eq(&connected, &self.connected))
    }
}

/// What the operator is told of an end that was refused so often.
fn refused_text(tries: u32) -> Option<String> {
    let last = if tries >= TRIES_MAX { ", which was the last" } else { "" };
    (tries >= TOLD_AFTER).then(|| {
        format!(
            "the provider did not take the end of an activation at try {tries}{last}: it may be \
             charged; its failures have the answers"
        )
    })
}

/// Ends an activation at its provider that has ended here; true once that is done and
/// recorded, or needs nothing.
pub(super) async fn end(orders: &Orders, connected: &Connected, order: &Order) -> bool {
    // 1. What the provider is told.
    let Some(assignment) = &order.assignment else { return true };
    let (client, external_id) = (connected.client(), &*assignment.external_id);
    let (op, told) = match order.state {
        ActivationState::Completed => (Op::Finish, client.finish(external_id).await),
        ActivationState::TimedOut | ActivationState::Cancelled => {
            (Op::Cancel, client.cancel(external_id).await)
        }
        ActivationState::Init
        | ActivationState::Active
        | ActivationState::Received
        | ActivationState::Failed => return true,
    };
    // 2. What it answers.
    if let Err(error) = told {
        if consequence::of(error.kind).is_noted {
            connected.note_error(orders.market.clock.now(), op, Some(order.id), &error);
        }
        if !is_final(order, &error) {
            return false;
        }
        if consequence::of(error.kind).standing == Standing::HasCode {
            // It came after the last poll: kept as late, and booked, since it is charged.
            let _seen = orders.receive(connected, order).await;
        }
    }
    // 3. That it is done is in the ledger, so that no start does it again.
    let until = orders.market.clock.now().plus_ms(RECORD_MS);
    let recorded = orders.market.send_until(&EndUpstream { order: order.id }, until).await;
    recorded.is_ok()
}

/// Whether another try would end the same way. A number that was unknown when its order ended
/// may be known again.
fn is_final(order: &Order, error: &ProviderError) -> bool {
    let follows = consequence::of(error.kind);
    let lost = order.state == ActivationState::Cancelled && follows.standing == Standing::Missing;
    follows.is_final && !lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_is_refused_again_and_again_is_told_with_its_last_try() {
        assert_eq!([1, 2].map(refused_text), [None, None]);
        let told = [3, 9, 10].map(|tries| refused_text(tries).unwrap());
        assert_eq!(told.map(|text| text.contains("the last")), [false, false, true]);
    }
}
