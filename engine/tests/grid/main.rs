//! The grid from outside: what is published, read, claimed and sold.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod book;
mod claims;
mod on_sale;
mod publishes;
mod storm;

use std::fmt::Write;
use std::sync::Arc;

use nexnum_engine::grid::{Coverage, Grid, Listing};
use nexnum_engine::ids::{CountryId, OfferId, Product, ProviderId, ServiceId, VariantId};
use nexnum_engine::money::{AMOUNT_MAX, Micros};

const COUNTRIES: u16 = 3;
const SERVICES: u16 = 4;

const fn product(country: u16, service: u16) -> Product {
    Product::activation(CountryId(country), ServiceId(service))
}

/// A row of product 1×2; the cost is always half the price, so that torn terms show.
fn row(offer: u32, price: i64, stock: u32) -> Listing {
    Listing {
        offer: OfferId(offer),
        product: product(1, 2),
        variant: VariantId::ANY,
        cost: Micros(price),
        price: Micros(price * 2),
        stock,
    }
}

fn grid_of(rows: &[Listing]) -> Arc<Grid> {
    let grid = Arc::new(Grid::new(COUNTRIES, SERVICES));
    publish(&grid, 1, rows, Coverage::Whole);
    grid
}

#[track_caller]
fn publish(grid: &Grid, provider: u16, rows: &[Listing], coverage: Coverage) {
    grid.publish(ProviderId(provider), rows, coverage).expect("the rows are in range");
}

/// `offer@price x stock`, one an ask, in the order of the ladder.
fn ladder(grid: &Grid, product: Product) -> String {
    grid.asks(product).fold(String::new(), |mut text, ask| {
        let closed = if ask.open { "" } else { " closed" };
        let gap = if text.is_empty() { "" } else { ", " };
        write!(text, "{gap}{}@{} x{}{closed}", ask.offer, ask.price.0, ask.stock).unwrap();
        text
    })
}

fn stock(grid: &Grid, offer: u32) -> u32 {
    grid.ask(OfferId(offer)).expect("it is listed").stock
}

const ANY_PRICE: Micros = AMOUNT_MAX;
