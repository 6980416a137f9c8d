//! Work that is left at providers: purchases that no order has, and activations that have
//! ended here and not there.

use std::collections::{BTreeMap, BTreeSet};

use nexnum_engine::activation::ActivationState;
use nexnum_engine::event::{Closing, Event, OrderEvent, ProviderWord, UpstreamEvent};
use nexnum_engine::ids::{OrderId, ProviderId};
use nexnum_engine::order::Order;
use nexnum_engine::state::{NamedPurchase, Orphan, State};
use parking_lot::Mutex;

/// A purchase that no order has, with its provider and the provider's id of it.
pub type LostPurchase = (ProviderId, Box<str>, Orphan);

/// Orders that have left memory unended and that the operator has not been told of: as many as are
/// listed.
const LEFT_MAX: usize = 1_000;

/// What is left to be done at providers.
#[derive(Debug, Default)]
pub(super) struct UpstreamWork {
    orphans: Mutex<BTreeMap<(ProviderId, Box<str>), Orphan>>,
    /// Purchases without a number, with their attempts, that were known by their ids at the start.
    named: Mutex<Vec<(OrderId, u8, NamedPurchase)>>,
    /// Closed orders, those of own stock among them, that may have to be ended.
    unended: Mutex<BTreeSet<OrderId>>,
    /// Those of them that have left memory, until the operator is told.
    left: Mutex<Vec<(OrderId, ProviderId)>>,
    /// Open orders with their numbers, by provider: how many there are is asked for often.
    open: Mutex<BTreeMap<ProviderId, BTreeSet<OrderId>>>,
}

impl UpstreamWork {
    pub(super) fn from_state(state: &State) -> Self {
        let orphans = state.orphans();
        let orphans = orphans.map(|(provider, id, orphan)| ((provider, id.into()), orphan));
        let named = state.named().map(|(order, attempt, it)| (order, attempt, it.clone()));
        let unended = state.orders().filter(|order| state.has_to_end_upstream(order));
        Self {
            orphans: Mutex::new(orphans.collect()),
            named: Mutex::new(named.collect()),
            unended: Mutex::new(unended.map(|order| order.id).collect()),
            left: Mutex::default(),
            open: Mutex::default(),
        }
    }

    /// Takes in an order as it stands.
    pub(super) fn show_order(&self, order: &Order) {
        let mut open = self.open.lock();
        let at_provider = open.entry(order.provider).or_default();
        if order.state == ActivationState::Init || order.state.is_closed() {
            at_provider.remove(&order.id);
        } else {
            at_provider.insert(order.id);
        }
    }

    /// How many orders with their numbers are open at a provider.
    pub(super) fn open_len(&self, provider: ProviderId) -> usize {
        self.open.lock().get(&provider).map_or(0, BTreeSet::len)
    }

    pub(super) fn show(&self, event: &Event) {
        match event {
            Event::Order(OrderEvent::ActivationClosed { order, closing, .. }) => match closing {
                Closing::Completed | Closing::TimedOut => {
                    self.unended.lock().insert(order.id);
                }
                // It has gone back before.
                Closing::Cancelled => {}
            },
            Event::Upstream(event) => self.show_upstream(event),
            Event::Account(_)
            | Event::Offer(_)
            | Event::Order(_)
            | Event::Money(_)
            | Event::Memory(_)
            | Event::Callback(_)
            | Event::Ledger(_)
            | Event::SealKey(_) => {}
        }
    }

    fn show_upstream(&self, event: &UpstreamEvent) {
        match event {
            UpstreamEvent::OrphanFound { order, provider, external_id, from, cost } => {
                let (order, attempt) = (order.id, order.attempt);
                let orphan = Orphan { order, attempt, from: *from, cost: *cost };
                self.orphans.lock().insert((*provider, external_id.clone()), orphan);
            }
            UpstreamEvent::OrphanSettled { provider, external_id, .. } => {
                self.orphans.lock().remove(&(*provider, external_id.clone()));
            }
            UpstreamEvent::EndedUpstream { order, .. } => {
                self.unended.lock().remove(&order.id);
            }
            UpstreamEvent::EndedByProvider { order, word } => match word {
                ProviderWord::Missing => drop(self.unended.lock().insert(order.id)),
                ProviderWord::Cancelled | ProviderWord::Expired | ProviderWord::Finished => {
                    self.unended.lock().remove(&order.id);
                }
            },
            UpstreamEvent::PurchaseNamed { .. } => {}
        }
    }

    /// Notes that an order with a number leaves memory.
    pub(super) fn leave(&self, order: OrderId, provider: ProviderId) {
        if self.unended.lock().remove(&order) {
            let mut left = self.left.lock();
            if left.len() < LEFT_MAX {
                left.push((order, provider));
            }
        }
    }

    pub(super) fn take_left(&self) -> Vec<(OrderId, ProviderId)> {
        std::mem::take(&mut self.left.lock())
    }

    /// Forgets orders that have left memory.
    pub(super) fn forget(&self, has_left: impl Fn(OrderId) -> bool) {
        self.orphans.lock().retain(|_, orphan| !has_left(orphan.order));
        self.unended.lock().retain(|order| !has_left(*order));
    }

    pub(super) fn orphans(&self) -> Vec<LostPurchase> {
        let orphans = self.orphans.lock();
        orphans.iter().map(|((provider, id), it)| (*provider, id.clone(), *it)).collect()
    }

    pub(super) fn take_named(&self) -> Vec<(OrderId, u8, NamedPurchase)> {
        std::mem::take(&mut self.named.lock())
    }

    /// Takes out what `has_to_end` says is nothing.
    pub(super) fn unended(&self, has_to_end: impl Fn(OrderId) -> bool) -> Vec<OrderId> {
        let mut unended = self.unended.lock();
        unended.retain(|order| has_to_end(*order));
        unended.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use nexnum_engine::event::UpstreamEnd;
    use nexnum_engine::ids::{
        AccountId, CountryId, OfferId, OrderNumber, Product, ServiceId, VariantId,
    };
    use nexnum_engine::money::Micros;
    use nexnum_engine::order::{Held, OrderRef, OrderStatus};
    use nexnum_engine::time::Time;

    fn order(id: u64, provider: u16, state: ActivationState) -> Order {
        Order {
            id: OrderId(id),
            number: OrderNumber(id),
            account: AccountId(1),
            product: Product::activation(CountryId(1), ServiceId(1)),
            variant: VariantId::ANY,
            limit: Micros(2),
            price: Micros(2),
            cost: Micros(1),
            held: Held::NONE,
            outlay: None,
            offer: OfferId(1),
            provider: ProviderId(provider),
            attempt: 1,
            in_doubt: false,
            placed_at: Time(1),
            deadline: Time(1_000),
            status: OrderStatus::Escrow,
            state,
            awaits_another: false,
            assignment: None,
            messages: Vec::new(),
            closed_at: None,
            notes: None,
        }
    }

    #[test]
    fn the_open_orders_of_each_provider_are_counted() {
        use ActivationState::{Active, Cancelled, Init, Received, TimedOut};
        let work = UpstreamWork::from_state(&State::default());
        let show = |id, provider, state| {
            work.show_order(&order(id, provider, state));
            [2, 3].map(|provider| work.open_len(ProviderId(provider)))
        };
        assert_eq!(show(1, 2, Init), [0, 0], "it has no number yet");
        assert_eq!(show(1, 3, Init), [0, 0], "the next attempt");
        assert_eq!(show(1, 3, Active), [0, 1]);
        assert_eq!(show(2, 3, Active), [0, 2]);
        assert_eq!(show(3, 2, Active), [1, 2]);
        assert_eq!(show(2, 3, Received), [1, 2], "it may get another message");
        assert_eq!(show(2, 3, Received), [1, 2]);
        assert_eq!(show(2, 3, Cancelled), [1, 1]);
        assert_eq!(show(3, 2, TimedOut), [0, 1]);
        assert_eq!(show(3, 2, TimedOut), [0, 1], "it was closed before");
    }

    #[test]
    fn an_order_that_leaves_memory_before_its_end_was_taken_is_left() {
        let work = UpstreamWork::from_state(&State::default());
        let (order, other) = (OrderId(1), OrderId(2));
        let named = |id| OrderRef { id, account: AccountId(1), line: 1, attempt: 1, assignment: 1 };
        for order in [order, other] {
            work.show(&Event::Order(OrderEvent::ActivationClosed {
                order: named(order),
                closing: Closing::TimedOut,
            }));
        }
        work.show(&Event::Upstream(UpstreamEvent::EndedUpstream {
            order: named(other),
            end: UpstreamEnd::GivenBack,
        }));
        for order in [order, other] {
            work.leave(order, ProviderId(3));
        }
        assert_eq!(*work.left.lock(), [(order, ProviderId(3))]);
    }
}
