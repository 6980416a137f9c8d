//! A provider's price list as it stands at a moment: standing terms, drift, what has been sold.
//!
//! Promises: the terms of an offer depend only on the seed, the steps since the
//! start, what was bought and what a test pinned; stock never goes below zero.

use std::collections::BTreeMap;
use std::ops::Range;

use nexnum_engine::ids::Product;
use parking_lot::Mutex;

use crate::cost::Cost;
use crate::random::{between, mix};
use crate::shape::{Offer, is_staple};
use crate::wire::Wire;

/// An offer keeps its terms for this many steps; offers change at different steps.
const STEPS_PER_EPOCH: u64 = 20;

/// Sold units come back over this many steps, so that a drained offer recovers in minutes.
const STEPS_TO_RECOVER: u64 = 10;

/// An offer with the terms of the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    pub(crate) product: Product,
    pub(crate) operator: u8,
    pub(crate) cost: Cost,
    pub(crate) stock: u32,
    index: u32,
}

/// The offers of one provider.
#[derive(Debug)]
pub(crate) struct Market {
    seed: u64,
    wire: Wire,
    offers: Box<[Offer]>,
    moved: Mutex<Moved>,
}

/// What differs from the drawn terms, by the offer's index. Entries of sold
/// stock leave when it has recovered, so both stay small.
#[derive(Debug, Default)]
struct Moved {
    sold: BTreeMap<u32, Sold>,
    pinned: BTreeMap<u32, (Cost, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Sold {
    units: u32,
    step: u64,
}

impl Market {
    pub(crate) fn new(seed: u64, wire: Wire, offers: Vec<Offer>) -> Self {
        debug_assert!(offers.is_sorted_by_key(|offer| (offer.product, offer.operator)));
        Self { seed, wire, offers: offers.into(), moved: Mutex::default() }
    }

    /// All offers at a step, in the order of country, service, operator.
    pub(crate) fn quotes(&self, step: u64) -> Vec<Quote> {
        self.quote(0..self.offers.len(), step)
    }

    /// The offers of one product, likewise.
    pub(crate) fn product(&self, product: Product, step: u64) -> Vec<Quote> {
        let from = self.offers.partition_point(|offer| offer.product < product);
        let to = self.offers.partition_point(|offer| offer.product <= product);
        self.quote(from..to, step)
    }

    fn quote(&self, range: Range<usize>, step: u64) -> Vec<Quote> {
        let moved = self.moved.lock();
        range.map(|index| self.terms(&moved, index as u32, step)).collect()
    }

    fn terms(&self, moved: &Moved, index: u32, step: u64) -> Quote {
        let Offer { product, operator, cost, stock } = self.offers[index as usize];
        if let Some(&(cost, stock)) = moved.pinned.get(&index) {
            return Quote { product, operator, cost, stock, index };
        }
        let offset = mix(self.seed, &[7, u64::from(index)]) % STEPS_PER_EPOCH;
        let epoch = (step + offset) / STEPS_PER_EPOCH;
        let word = mix(self.seed, &[8, self.wire as u64, u64::from(index), epoch]);
        let cost = u64::from(cost.0) * between(word, 94, 106) / 100;
        let drawn = u64::from(stock) * between(word >> 32, 75, 125) / 100;
        let least = if is_staple(product) { 1_000 } else { 0 };
        let sold = moved.sold.get(&index).map_or(0, |sold| sold.at(stock, step));
        Quote {
            product,
            operator,
            cost: Cost(cost as u32).as_printed(self.wire),
            stock: (drawn as u32).saturating_sub(sold).max(least),
            index,
        }
    }

    /// Takes one unit of a quoted offer. False if none is left.
    pub(crate) fn take(&self, quote: &Quote, step: u64) -> bool {
        let mut moved = self.moved.lock();
        if self.terms(&moved, quote.index, step).stock == 0 {
            return false;
        }
        if let Some((_, stock)) = moved.pinned.get_mut(&quote.index) {
            *stock -= 1;
            return true;
        }
        let stock = self.offers[quote.index as usize].stock;
        moved.sold.retain(|&index, sold| sold.at(self.offers[index as usize].stock, step) > 0);
        let before = moved.sold.get(&quote.index).map_or(0, |sold| sold.at(stock, step));
        moved.sold.insert(quote.index, Sold { units: before + 1, step });
        true
    }

    /// Fixes cost and stock of every offer of a product; sold units do not recover. False if none.
    pub(crate) fn pin(&self, product: Product, cost: Cost, stock: u32) -> bool {
        let quotes = self.product(product, 0);
        let mut moved = self.moved.lock();
        moved.pinned.extend(quotes.iter().map(|quote| (quote.index, (cost, stock))));
        !quotes.is_empty()
    }
}

impl Sold {
    /// Units still missing at a step: a tenth of the drawn stock, at least one, comes back each step.
    fn at(self, stock: u32, step: u64) -> u32 {
        let back = u64::from(stock).div_ceil(STEPS_TO_RECOVER).max(1);
        let back = back.saturating_mul(step.saturating_sub(self.step));
        self.units.saturating_sub(u32::try_from(back).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ids;
    use crate::shape;
    use nexnum_engine::catalog::Catalog;
    use std::collections::BTreeSet;

    fn market(seed: u64, wire: Wire, target: usize) -> Market {
        let ids = Ids::load(wire);
        Market::new(seed, wire, shape::offers(seed, wire, target, &ids))
    }

    fn staple() -> Product {
        let catalog = Catalog::load();
        Product::activation(
            catalog.country_by_iso("ID").unwrap(),
            catalog.service_by_slug("telegram").unwrap(),
        )
    }

    #[test]
    fn the_three_together_have_the_products_and_offers_of_a_real_market() {
        let targets = crate::config::SandboxConfig::default().offers;
        let all: Vec<Market> =
            Wire::ALL.iter().zip(targets).map(|(&wire, target)| market(1, wire, target)).collect();
        let offers: usize = all.iter().map(|market| market.offers.len()).sum();
        let sold_by = |product: &Product| {
            all.iter().filter(|market| !market.product(*product, 0).is_empty()).count()
        };
        let products: BTreeSet<Product> =
            all.iter().flat_map(|market| market.offers.iter().map(|offer| offer.product)).collect();
        assert!(products.len() >= 30_000, "{}", products.len());
        assert!((120_000..130_000).contains(&offers), "{offers}");
        let at_one = products.iter().filter(|product| sold_by(product) == 1).count();
        assert!(at_one * 2 > products.len(), "{at_one} of {}", products.len());
        assert_eq!(sold_by(&staple()), 3);
    }

    #[test]
    fn telegram_in_indonesia_is_always_in_stock_and_cheap() {
        for (wire, step) in Wire::ALL.iter().flat_map(|&wire| [(wire, 0), (wire, 1_000)]) {
            for quote in market(9, wire, 50).product(staple(), step) {
                assert!(quote.stock >= 1_000 && quote.cost.0 < 3_000, "{wire:?} {quote:?}");
            }
        }
    }

    #[test]
    fn prices_drift_with_the_steps_and_follow_from_the_seed() {
        let (one, other) = (market(3, Wire::FiveSim, 500), market(3, Wire::FiveSim, 500));
        assert_eq!(one.quotes(5), other.quotes(5));
        let (now, next) = (one.quotes(5), one.quotes(6));
        let moved = now.iter().zip(&next).filter(|(a, b)| a != b).count();
        assert!((5..60).contains(&moved), "{moved}");
        assert_ne!(one.quotes(0), market(4, Wire::FiveSim, 500).quotes(0));
    }

    #[test]
    fn bought_stock_is_gone_and_comes_back() {
        let market = market(5, Wire::Handler, 300);
        let quote =
            *market.quotes(0).iter().find(|quote| quote.stock > 0 && quote.stock < 100).unwrap();
        for left in (0..quote.stock).rev() {
            assert!(market.take(&quote, 0));
            assert_eq!(market.product(quote.product, 0)[0].stock, left);
        }
        assert!(!market.take(&quote, 0));
        assert!(market.product(quote.product, 2)[0].stock > 0);
    }

    #[test]
    fn a_pinned_unit_is_sold_once() {
        let market = market(5, Wire::Handler, 300);
        assert!(market.pin(staple(), Cost(1_234), 1));
        let quote = market.product(staple(), 0)[0];
        assert_eq!((quote.cost, quote.stock), (Cost(1_234), 1));
        assert!(market.take(&quote, 0));
        assert!(!market.take(&quote, 100));
    }
}
