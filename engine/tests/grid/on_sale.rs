//! What is on sale of a product, a country and a service.

use nexnum_engine::grid::{Coverage, OnSale};
use nexnum_engine::ids::{CountryId, OfferId, ProviderId, ServiceId};
use nexnum_engine::money::Micros;

use super::{ANY_PRICE, grid_of, product, publish, row};

const NOTHING: OnSale = OnSale { price: None, stock: 0, products: 0 };

const fn on_sale(price: i64, stock: u64, products: u32) -> OnSale {
    OnSale { price: Some(Micros(price)), stock, products }
}

#[test]
fn sums_are_over_services_of_a_country_and_countries_of_a_service() {
    let mut rows = [row(1, 50, 3), row(2, 40, 2), row(3, 10, 7), row(4, 30, 1)];
    rows[2].product = product(2, 2);
    rows[3].product = product(1, 3);
    let grid = grid_of(&rows);
    assert_eq!(grid.on_sale(product(1, 2)), on_sale(80, 5, 1));
    assert_eq!(grid.on_sale(product(0, 0)), NOTHING);
    assert_eq!(grid.on_sale_in(CountryId(1)), on_sale(60, 6, 2));
    assert_eq!(grid.on_sale_in(CountryId(2)), on_sale(20, 7, 1));
    assert_eq!(grid.on_sale_in(CountryId(0)), NOTHING);
    assert_eq!(grid.on_sale_of(ServiceId(2)), on_sale(20, 12, 2));
    assert_eq!(grid.on_sale_of(ServiceId(3)), on_sale(60, 1, 1));
    for (country, service) in [(9, 0), (0, 9), (1, u16::MAX), (u16::MAX, 1)] {
        assert_eq!(grid.on_sale(product(country, service)), NOTHING);
    }
    assert_eq!(grid.on_sale_in(CountryId(u16::MAX)), NOTHING);
    assert_eq!(grid.on_sale_of(ServiceId(u16::MAX)), NOTHING);
}

#[test]
fn what_cannot_be_claimed_is_not_on_sale() {
    let grid = grid_of(&[row(1, 10, 1), row(2, 40, 2)]);
    publish(&grid, 2, &[row(3, 5, 9)], Coverage::Whole);
    assert_eq!(grid.on_sale(product(1, 2)), on_sale(10, 12, 1));
    grid.close_provider(ProviderId(2));
    assert_eq!(grid.on_sale(product(1, 2)), on_sale(20, 3, 1));
    let claim = grid.claim(OfferId(1), ANY_PRICE).unwrap();
    assert_eq!(grid.on_sale_of(ServiceId(2)), on_sale(80, 2, 1));
    drop(claim);
    assert_eq!(grid.on_sale_in(CountryId(1)), on_sale(20, 3, 1));
    grid.exhaust(OfferId(1));
    grid.exhaust(OfferId(2));
    assert_eq!(grid.on_sale(product(1, 2)), NOTHING);
    grid.open_provider(ProviderId(2));
    assert_eq!(grid.on_sale(product(1, 2)), on_sale(10, 9, 1));
}
