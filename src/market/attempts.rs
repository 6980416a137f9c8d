//! When the attempts were made whose outcome a start does not know.
//!
//! Promises: of each attempt that may have bought a number that no order has, when the ledger
//! says that it began, and when it says that its calls had ended. The rows since the oldest of
//! their orders are read, which are those of an hour. Leaves to others: what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use nexnum_engine::activation::ActivationState;
use nexnum_engine::event::{Event, OrderEvent};
use nexnum_engine::group::Recorded;
use nexnum_engine::ids::OrderId;
use nexnum_engine::order::OrderRef;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_storage::{Reader, StorageError};

use super::replay::Decoded;

/// When an attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptTimes {
    /// It was intended then, and called after.
    pub began: Time,
    /// Its calls had ended by then: it was in doubt, or another one followed it. `None` where
    /// the process ended first.
    pub ended: Option<Time>,
}

/// The attempts whose outcome is not known.
#[derive(Debug, Default)]
pub struct Attempts {
    times: BTreeMap<(OrderId, u8), AttemptTimes>,
}

impl Attempts {
    /// Of a state and the ledger that it came from. Where that cannot be read, a warning is
    /// logged and no attempt is known.
    #[must_use]
    pub fn of(reader: &Reader, state: &State) -> Self {
        let open = state.orders().filter(|order| order.state == ActivationState::Init);
        let open = open.map(|order| (order.id, order.placed_at));
        let given_up = state.given_up().map(|given_up| (given_up.order, given_up.placed_at));
        let named = state.named().filter_map(|(order, ..)| state.order(order));
        let named = named.map(|order| (order.id, order.placed_at));
        let wanted: Vec<(OrderId, Time)> = open.chain(given_up).chain(named).collect();
        let Some(since) = wanted.iter().map(|(_, placed_at)| *placed_at).min() else {
            return Self::default();
        };
        let orders = wanted.into_iter().map(|(order, _)| order).collect();
        Self::read(reader, since, &orders).unwrap_or_else(|error| {
            tracing::warn!("when purchases in doubt were made cannot be read: {error}");
            Self::default()
        })
    }

    /// When an attempt was made.
    #[must_use]
    pub fn times(&self, order: OrderId, attempt: u8) -> Option<AttemptTimes> {
        self.times.get(&(order, attempt)).copied()
    }

    fn read(
        reader: &Reader,
        since: Time,
        orders: &BTreeSet<OrderId>,
    ) -> Result<Self, StorageError> {
        let mut read = Self::default();
        for row in reader.read(reader.first_since(since)?)? {
            for Recorded { head, event, .. } in Decoded::from_row(&row?)?.recorded() {
                if let Event::Order(event) = event {
                    read.follow(orders, head.at, event);
                }
            }
        }
        Ok(read)
    }

    fn follow(&mut self, orders: &BTreeSet<OrderId>, at: Time, event: &OrderEvent) {
        let OrderRef { id: order, attempt, .. } = event.order();
        let begun = match event {
            OrderEvent::OrderPlaced(_) | OrderEvent::AttemptStarted { .. } => Some(attempt),
            OrderEvent::OrderDoubted { .. } => None,
            _ => return,
        };
        if !orders.contains(&order) {
            return;
        }
        let last = self.times.range_mut((order, 0)..=(order, u8::MAX)).next_back();
        if let Some((_, last)) = last {
            last.ended = last.ended.or(Some(at));
        }
        if let Some(attempt) = begun {
            self.times.insert((order, attempt), AttemptTimes { began: at, ended: None });
        }
    }
}
