//! The grid's one writer: a provider's list becomes cells and ladders.

use std::cmp::Reverse;
use std::sync::{Arc, MutexGuard};

use super::Grid;
use super::cell::{CellTerms, Place};
use super::chunks::OFFERS_MAX;
use super::ladder::Shelf;
use super::listing::{Coverage, Listing, PublishError, Published, Writer};
use super::providers::PROVIDERS_MAX;
use crate::ids::{CountryId, OfferId, ProviderId, ServiceId};
use crate::money::{AMOUNT_MAX, Micros};

impl Grid {
    /// Puts a provider's rows on the market: one writer at a time, readers undisturbed.
    /// Claims in flight stay and count against the new stock. Each country's prices and
    /// order change together, as far as two loads can tell.
    ///
    /// # Errors
    /// Names the first row that cannot be; nothing is published then.
    pub fn publish(
        &self,
        provider: ProviderId,
        rows: &[Listing],
        coverage: Coverage,
    ) -> Result<Published, PublishError> {
        let mut writer = self.writer();
        if provider.0 == 0 || provider.0 > PROVIDERS_MAX {
            return Err(PublishError::UnknownProvider(provider));
        }
        for row in rows {
            self.check(provider, row)?;
        }
        let mut named: Vec<OfferId> = rows.iter().map(|row| row.offer).collect();
        named.sort_unstable();
        if let Some(pair) = named.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(PublishError::Twice(pair[0]));
        }
        let offers = writer.offers_of(provider);
        let mut done = Published::default();
        match coverage {
            Coverage::Whole => done.withdrawn = self.withdraw(offers, &named),
            Coverage::Delta => {}
        }
        let mut sorted: Vec<&Listing> = rows.iter().collect();
        sorted.sort_unstable_by_key(|row| (row.product, row.offer));
        for rows in sorted.chunk_by(|a, b| a.product.country == b.product.country) {
            self.publish_country(provider, rows, offers, &mut done);
        }
        Ok(done)
    }

    /// Gives a listed offer other terms and leaves its stock alone: own stock, whose units
    /// come and go by themselves, and an offer whose cost a refusal named. `None` if it was never listed; the terms must be in range.
    pub fn reprice(&self, offer: OfferId, cost: Micros, price: Micros) -> Option<()> {
        let _writer = self.writer();
        let (cell, place) = self.cell(offer)?;
        if cell.reprice(&self.spare, CellTerms { cost, price }) {
            self.reorder(place.product.country, &[(place.product.service, offer)]);
        }
        Some(())
    }

    /// Sets who goes first among asks of one price: higher first, 0 until set. Takes as
    /// long as a publish of everything; nothing happens to a provider out of range.
    pub fn set_priority(&self, provider: ProviderId, priority: u8) {
        let mut writer = self.writer();
        if !self.providers.set_priority(provider, priority) {
            return;
        }
        let place = |&offer: &OfferId| {
            let (_, place) = self.cell(offer).expect("a provider's offers are listed");
            (place.product, offer)
        };
        let mut moved: Vec<_> = writer.offers_of(provider).iter().map(place).collect();
        moved.sort_unstable();
        for rows in moved.chunk_by(|a, b| a.0.country == b.0.country) {
            let changed: Vec<_> = rows.iter().map(|&(product, id)| (product.service, id)).collect();
            self.reorder(rows[0].0.country, &changed);
        }
    }

    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().expect("a publish does not panic halfway")
    }

    fn check(&self, provider: ProviderId, row: &Listing) -> Result<(), PublishError> {
        let Listing { offer, product, variant, cost, price, stock: _ } = *row;
        if offer.0 == 0 || offer.0 >= OFFERS_MAX {
            return Err(PublishError::OfferOutOfRange(offer));
        }
        let countries = self.shelves.len();
        if usize::from(product.country.0) >= countries || product.service.0 >= self.services {
            return Err(PublishError::UnknownProduct(offer));
        }
        if [cost, price].iter().any(|money| *money < Micros::ZERO || *money > AMOUNT_MAX) {
            return Err(PublishError::BadPrice(offer));
        }
        let place = Place { product, provider, variant };
        match self.cell(offer) {
            Some((_, listed)) if listed != place => Err(PublishError::OtherPlace(offer)),
            Some(_) | None => Ok(()),
        }
    }

    /// Offers 0 of those not named, which are sorted; gives how many they are.
    fn withdraw(&self, offers: &[OfferId], named: &[OfferId]) -> usize {
        let gone = offers.iter().filter(|offer| named.binary_search(offer).is_err());
        gone.inspect(|&&offer| self.exhaust(offer)).count()
    }

    fn publish_country(
        &self,
        provider: ProviderId,
        rows: &[&Listing],
        offers: &mut Vec<OfferId>,
        done: &mut Published,
    ) {
        let mut changed: Vec<(ServiceId, OfferId)> = Vec::new();
        for row in rows {
            let terms = CellTerms { cost: row.cost, price: row.price };
            let cell = self.cells.get_or_grow(row.offer);
            if cell.place().is_none() {
                let place = Place { product: row.product, provider, variant: row.variant };
                cell.list(place, terms, row.stock);
                offers.push(row.offer);
                self.count_offer();
                done.listed += 1;
            } else if cell.set(&self.spare, terms, row.stock) {
                done.repriced += 1;
            } else {
                continue;
            }
            changed.push((row.product.service, row.offer));
        }
        if !changed.is_empty() {
            self.reorder(rows[0].product.country, &changed);
        }
    }

    fn count_offer(&self) {
        self.offers_len.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// Puts changed offers of a country, sorted by service, in their place.
    fn reorder(&self, country: CountryId, changed: &[(ServiceId, OfferId)]) {
        let slot = &self.shelves[usize::from(country.0)];
        let shelf = slot.load();
        let rank = |offer| {
            let ask = self.ask(offer).expect("a ladder holds listed offers");
            (ask.price, Reverse(self.providers.priority(ask.provider)))
        };
        let next = match &*shelf {
            Some(shelf) => shelf.with(changed, rank),
            None => Shelf::empty(self.services).with(changed, rank),
        };
        if let Some(next) = next {
            slot.store(Some(Arc::new(next)));
        }
    }
}
