//! The market that the grid's benches read and buy from: a million offers of 10
//! providers over 250 countries × 1,200 services, from a fixed seed.

use std::sync::Arc;

use nexnum_engine::grid::{Coverage, Grid, Listing};
use nexnum_engine::ids::{CountryId, OfferId, Product, ProviderId, ServiceId, VariantId};
use nexnum_engine::money::Micros;

pub(crate) const OFFERS: u32 = 1_000_000;
const PROVIDERS: u16 = 10;
const COUNTRIES: u16 = 250;
const SERVICES: u16 = 1_200;

/// xorshift64*: good enough to spread a load, and the same on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((mixed * u64::from(bound)) >> 32) as u32
    }

    pub(crate) fn product(&mut self) -> Product {
        // A fifth of the products take four fifths of the offers and of the reads.
        let country = if self.below(5) > 0 { COUNTRIES / 5 } else { COUNTRIES };
        Product::activation(
            CountryId(self.below(country.into()) as u16),
            ServiceId(self.below(SERVICES.into()) as u16),
        )
    }
}

/// The grid, published, and the list of provider 1.
pub(crate) fn of_a_million_offers() -> (Arc<Grid>, Vec<Listing>) {
    let mut random = Random(42);
    let mut lists = vec![Vec::new(); usize::from(PROVIDERS)];
    for offer in 1..=OFFERS {
        let cost = Micros(10_000 + i64::from(random.below(2_000_000)));
        let row = Listing {
            offer: OfferId(offer),
            product: random.product(),
            variant: VariantId(random.below(4) as u16),
            cost,
            price: Micros(cost.0 * 6 / 5),
            stock: 1 + random.below(10_000),
        };
        lists[offer as usize % usize::from(PROVIDERS)].push(row);
    }
    let grid = Arc::new(Grid::new(COUNTRIES, SERVICES));
    for (provider, rows) in (1..).map(ProviderId).zip(&lists) {
        grid.publish(provider, rows, Coverage::Whole).expect("the rows are in range");
    }
    (grid, lists.swap_remove(0))
}
