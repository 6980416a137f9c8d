//! What an event of providers, offers or own stock does to the state.

use super::dense::next;
use crate::activation::StockNumber;
use crate::event::{LoadedNumber, OfferEvent, ProviderKind};
use crate::ids::{LoadId, OfferId, ProviderId, Token};
use crate::loads::LoadPlace;
use crate::product::OfferKey;
use crate::state::{Offer, Provider, Quarantined, State, StockTerms};
use crate::time::Time;

impl State {
    pub(super) fn apply_offer(&mut self, event: &OfferEvent) {
        match event {
            OfferEvent::ProviderRegistered { provider, name, kind } => {
                next(&mut self.counters.provider.0, provider.0);
                self.books.open_provider(*provider);
                self.providers.insert(*provider, Provider { name: name.clone(), kind: *kind });
            }
            OfferEvent::VariantNamed { variant, parts } => {
                next(&mut self.counters.variant.0, variant.0);
                assert!(!parts.is_any(), "any is not named");
                let before = self.variant_ids.insert(parts.clone(), *variant);
                assert_eq!(before, None, "a variant is named once");
                self.variants.insert(*variant, parts.clone());
            }
            OfferEvent::OffersListed { provider, first, offers } => {
                assert_eq!(first.0 as usize, self.offers.len() + 1, "ids are dense");
                self.list_offers(*provider, offers);
            }
            OfferEvent::StockLoaded { load, offer, cost, price, numbers } => {
                next(&mut self.counters.load.0, load.0);
                let terms = StockTerms { cost: *cost, price: *price };
                self.load_stock(*load, *offer, terms, numbers);
            }
            OfferEvent::NumberReleased { offer, number, until } => {
                let number = self.end_rest(*offer, *number, *until);
                self.pool_mut(*offer).next.push_back(number);
            }
            OfferEvent::NumberHeldBack { offer, number, rested, until } => {
                let number = self.hold_back(*offer, *number, *rested);
                self.begin_rest(Quarantined { until: *until, offer: *offer, number });
            }
            OfferEvent::StockTakenBack { load, offer, in_stock, resting } => {
                let taken = self.take_back(*load, *offer);
                assert_eq!(taken, (*in_stock, *resting), "all that is not sold is taken back");
                let is_first = self.loads.take_back(*load, u64::from(in_stock + resting));
                assert!(is_first, "a load whose key lives is taken back, once");
            }
        }
    }

    fn list_offers(&mut self, provider: ProviderId, offers: &[OfferKey]) {
        assert!(self.providers.contains(provider), "an offer has a provider");
        for key in offers {
            self.offers.push(Offer::new(provider, *key));
            let id = OfferId(self.offers.len() as u32);
            let before = self.offer_ids.insert((provider, *key), id);
            assert_eq!(before, None, "an offer is listed once");
        }
    }

    fn load_stock(
        &mut self,
        load: LoadId,
        id: OfferId,
        terms: StockTerms,
        numbers: &[LoadedNumber],
    ) {
        let key = numbers.first().expect("a load has numbers").sealed.handle;
        let place = LoadPlace { at: self.counters.seq, key, for_sale: true };
        let is_new = self.loads.insert(load, place) && self.loads.begin_uses(load, numbers.len());
        assert!(is_new, "a load comes once, under a key that lives");
        let offer = self.offer(id).expect("stock is of a listed offer");
        assert!(terms.are_sound(), "a load is sold for what it costs or more");
        let provider = offer.provider;
        assert_eq!(self.providers[provider].kind, ProviderKind::Own, "only own stock is loaded");
        for number in numbers {
            assert!(self.held.insert((number.token, id)), "a number is held once an offer");
        }
        let numbers = (0..).zip(numbers);
        let numbers = numbers.map(|(index, it)| StockNumber { token: it.token, load, index });
        let pool = self.pool_mut(id);
        pool.terms = terms;
        pool.next.extend(numbers);
    }

    /// Takes a number out of an offer's stock, or ends the rest that it had.
    fn hold_back(&mut self, offer: OfferId, number: Token, rested: Option<Time>) -> StockNumber {
        if let Some(until) = rested {
            return self.end_rest(offer, number, until);
        }
        let pool = self.pools.get_mut(offer).expect("an own offer has a pool");
        // What was loaded a moment ago is at the end.
        let at = pool.next.iter().rposition(|known| known.token == number);
        at.and_then(|at| pool.next.remove(at)).expect("a number is held back out of its stock")
    }

    /// Takes a load out of stock and rest; gives how many of its numbers were in each.
    fn take_back(&mut self, load: LoadId, offer: OfferId) -> (u32, u32) {
        let is_its = |number: &StockNumber| number.load == load;
        let pool = self.pools.get_mut(offer).expect("what was loaded has a pool");
        let mut taken = Vec::new();
        pool.next.retain(|number| {
            taken.extend(is_its(number).then_some(*number));
            !is_its(number)
        });
        let in_stock = taken.len();
        let resting = self.quarantine.iter().filter(|it| it.offer == offer && is_its(&it.number));
        for Quarantined { until, number, .. } in resting.copied().collect::<Vec<_>>() {
            taken.push(self.end_rest(offer, number.token, until));
        }
        for number in &taken {
            assert!(
                self.held.remove(&(number.token, offer)),
                "what is in stock or at rest is held"
            );
        }
        (in_stock as u32, (taken.len() - in_stock) as u32)
    }

    pub(super) fn begin_rest(&mut self, resting: Quarantined) {
        let Quarantined { until, offer, number } = resting;
        self.quarantine.insert(resting);
        let before = self.resting.insert((number.token, offer), (until, number));
        assert_eq!(before, None, "a number rests once an offer");
    }

    fn end_rest(&mut self, offer: OfferId, number: Token, until: Time) -> StockNumber {
        let (known, number) = self.resting.remove(&(number, offer)).expect("it rested");
        let resting = Quarantined { until, offer, number };
        assert!(known == until && self.quarantine.remove(&resting), "it rested until then");
        number
    }
}
