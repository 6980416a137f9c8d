//! What an event of an order's purchases at their providers does to the state.

use crate::activation::ActivationState;
use crate::event::{ProviderKind, ProviderWord, UpstreamEvent};
use crate::ids::{OrderId, ProviderId};
use crate::order::{OrderRef, OrderStatus};
use crate::state::{NamedPurchase, Orphan, State};

impl State {
    pub(super) fn apply_upstream(&mut self, event: &UpstreamEvent) {
        let named = event.order();
        let bought = self.orders.get(named.id).expect("an event's order is in memory");
        assert!(bought.has_attempt(named.attempt), "a purchase is of an attempt");
        assert_eq!(named, bought.reference_of(named.attempt), "an event names its order as it is");
        let OrderRef { id, attempt, .. } = named;
        match event {
            UpstreamEvent::OrphanFound { order: _, provider, external_id, from, cost } => {
                self.check_driven(*provider);
                let key = (*provider, external_id.clone());
                assert!(!self.purchases.contains_key(&key), "no order has it");
                let (from, cost) = (*from, *cost);
                if let Some(named) = self.named.get_mut(&(id, attempt)) {
                    named.is_orphan |= named.provider == key.0 && named.external_id == key.1;
                }
                let before = self.orphans.insert(key, Orphan { order: id, attempt, from, cost });
                assert_eq!(before, None, "it is found once");
            }
            UpstreamEvent::OrphanSettled { order: _, provider, external_id, end: _ } => {
                let orphan = self.orphans.remove(&(*provider, external_id.clone()));
                let found = orphan.map(|it| (it.order, it.attempt));
                assert_eq!(found, Some((id, attempt)), "it was found before");
            }
            UpstreamEvent::PurchaseNamed { order: _, provider, external_id, cost } => {
                self.check_driven(*provider);
                let bought = &self.orders[id];
                let waits = bought.state == ActivationState::Init && bought.in_doubt;
                assert!(waits, "a purchase has its id and no number while it is in doubt");
                let attempt_at = (bought.attempt, bought.provider);
                assert_eq!((attempt, *provider), attempt_at, "it is of the present attempt");
                let (provider, external_id) = (*provider, external_id.clone());
                let named = NamedPurchase { provider, external_id, cost: *cost, is_orphan: false };
                let before = self.named.insert((id, attempt), named);
                assert_eq!(before, None, "an attempt's purchase has one id");
            }
            UpstreamEvent::EndedUpstream { order: _, end: _ } => {
                let ended = &self.orders[id];
                assert!(self.has_to_end_upstream(ended), "it is ended there once, after here");
                self.ended_upstream.insert(id);
            }
            UpstreamEvent::EndedByProvider { order: _, word } => self.note_word(id, *word),
        }
    }

    fn note_word(&mut self, id: OrderId, word: ProviderWord) {
        let ended = &self.orders[id];
        let (provider, closed) = (ended.provider, ended.state.is_closed());
        assert!(closed && ended.status != OrderStatus::Escrow, "it has ended here");
        self.check_driven(provider);
        let before = self.provider_words.insert(id, word);
        assert_eq!(before, None, "it is ended once");
        match word {
            ProviderWord::Cancelled | ProviderWord::Expired | ProviderWord::Finished => {
                self.ended_upstream.insert(id);
            }
            // Should it be there all the same, it has to be ended.
            ProviderWord::Missing => {}
        }
    }

    fn check_driven(&self, provider: ProviderId) {
        let kind = self.provider(provider).map(|provider| provider.kind);
        assert_eq!(kind, Some(ProviderKind::Driven), "own stock is bought from no provider");
    }
}
