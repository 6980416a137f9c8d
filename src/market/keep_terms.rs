//! The last terms of driven offers, between the grid and their file; and what stands in for those that
//! are lost.

use std::collections::BTreeMap;

use nexnum_engine::event::ProviderKind;
use nexnum_engine::grid::{Coverage, Listing};
use nexnum_engine::ids::{OfferId, ProviderId};
use nexnum_engine::product::OfferKey;

use super::Market;
use super::last_terms::{self, RecentTerms};

impl Market {
    /// Writes the terms as they stand in the grid, if they have changed since the last call. False if
    /// it could not. It waits for the disk.
    pub(crate) fn keep_terms(&self) -> bool {
        let rows_of = |provider| {
            let offers = self.read_model.directory().offers_of(provider).into_iter();
            offers.filter_map(|(_, offer)| self.grid.listing(offer))
        };
        self.last_terms.write(self.clock.now(), rows_of)
    }

    /// Lets what recent orders cost stand in for the terms of providers that have lost them: without
    /// stock, so that nothing is sold by it.
    ///
    /// # Panics
    /// If an offer of the ledger does not fit the grid: the engine bounds them alike.
    pub(crate) fn stand_in(&self, recent: &BTreeMap<OfferId, RecentTerms>) {
        let mut by_provider = BTreeMap::<ProviderId, Vec<(OfferId, RecentTerms)>>::new();
        for (offer, terms) in recent {
            by_provider.entry(terms.provider).or_default().push((*offer, *terms));
        }
        for (provider, terms) in by_provider {
            let offers = self.read_model.directory().offers_of(provider);
            let is_driven =
                self.read_model.directory().kind(provider) == Some(ProviderKind::Driven);
            if !is_driven || !self.last_terms.are_lost(provider, offers.len()) {
                continue;
            }
            let keys: BTreeMap<_, _> =
                offers.into_iter().map(|(key, offer)| (offer, key)).collect();
            let row = |(offer, RecentTerms { cost, price, .. }): (OfferId, RecentTerms)| {
                let OfferKey { product, variant, .. } = *keys.get(&offer)?;
                let is_new = self.grid.ask(offer).is_none();
                is_new.then_some(Listing { offer, product, variant, cost, price, stock: 0 })
            };
            let rows: Vec<_> = terms.into_iter().filter_map(row).collect();
            last_terms::publish(&self.grid, provider, &rows, Coverage::Delta);
        }
    }
}
