//! What is on sale of a product, of a country, of a service: best price and units, read from
//! the cells at the moment of the question.
//!
//! Nothing of it is stored: a claim changes one cell and no sum. A question costs a walk over
//! the offers it is about.

use super::Grid;
use super::ladder::Shelf;
use super::listing::OnSale;
use crate::ids::{CountryId, OfferId, Product, ServiceId};

impl Grid {
    /// What is on sale of a product.
    #[must_use]
    pub fn on_sale(&self, product: Product) -> OnSale {
        let mut sum = OnSale::default();
        self.with_shelf(product.country, |shelf| self.add(&mut sum, shelf.ladder(product.service)));
        sum
    }

    /// What is on sale in a country, over all services.
    #[must_use]
    pub fn on_sale_in(&self, country: CountryId) -> OnSale {
        let mut sum = OnSale::default();
        self.with_shelf(country, |shelf| {
            shelf.services().for_each(|(service, _)| self.add(&mut sum, shelf.ladder(service)));
        });
        sum
    }

    /// What is on sale of a service, over all countries.
    #[must_use]
    pub fn on_sale_of(&self, service: ServiceId) -> OnSale {
        let mut sum = OnSale::default();
        for (country, _) in (0..).map(CountryId).zip(&self.shelves) {
            self.with_shelf(country, |shelf| self.add(&mut sum, shelf.ladder(service)));
        }
        sum
    }

    fn with_shelf(&self, country: CountryId, read: impl FnOnce(&Shelf)) {
        let shelf = self.shelves.get(usize::from(country.0)).map(arc_swap::ArcSwapOption::load);
        if let Some(shelf) = shelf.as_deref().and_then(Option::as_ref) {
            read(shelf);
        }
    }

    /// Adds the asks of one product.
    fn add(&self, sum: &mut OnSale, ladder: &[OfferId]) {
        let asks =
            ladder.iter().map(|&offer| self.ask(offer).expect("a ladder holds listed offers"));
        let before = sum.stock;
        for ask in asks.filter(super::Ask::is_claimable) {
            sum.stock += u64::from(ask.stock);
            sum.price = Some(sum.price.map_or(ask.price, |price| price.min(ask.price)));
        }
        sum.products += u32::from(sum.stock > before);
    }
}
