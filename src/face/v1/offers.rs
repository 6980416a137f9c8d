//! Offers and quotes: the ladder of a product, read from the grid.

use hyper::StatusCode;
use nexnum_engine::grid::Ask as GridAsk;
use nexnum_engine::ids::{CarrierId, Product};

use super::State;
use super::query::{OffersQuery, QuoteQuery};
use super::wire::{self, Ask, Offers, Quote, QuoteReason, QuotedAsk};
use crate::face::auth::Trader;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, Reply, Tag};
use crate::face::parse;
use crate::face::wire::{Currency, Money, SharedName};
use crate::http::{Call, Problem, Response, reply};
use crate::market::Market;
use crate::order::claim::{self, Skip, Wish};

/// Asks shown of one product: every provider's best carriers.
const ASKS_MAX: usize = 200;

pub(super) const LIST: Operation = Operation::new(
    "listOffers",
    Tag::Market,
    "List the offers for a product",
    &[Reply::json::<Offers<'_>>(
        200,
        "The offers with their stock, cheapest first",
        r#"{"country": "ID", "service": "telegram", "currency": "USD", "offers": [
            {"offer": "3", "operator": null, "price": "0.400000", "stock": 120}
        ]}"#,
    )],
)
.query::<OffersQuery<'_>>()
.problems(&[Code::UnknownCountry, Code::UnknownService]);

pub(super) fn list(state: &State, _: Trader, call: &Call) -> Result<Response, Problem> {
    let market = &state.market;
    let query = OffersQuery::read(call)?;
    let product = parse_product(market, &query.country, &query.service)?;
    let wire::Product { country, service } = wire::Product::of(product, market.catalog);
    let asks = market.grid.asks(product).take(ASKS_MAX);
    let offers = asks.map(|ask| Ask {
        offer: ask.offer.0.into(),
        operator: carrier_name(market, ask.carrier),
        price: Money(ask.price),
        stock: ask.stock,
    });
    let offers = Offers { country, service, currency: Currency::Usd, offers: offers.collect() };
    Ok(reply::json(StatusCode::OK, &offers))
}

pub(super) const QUOTE: Operation = Operation::new(
    "quote",
    Tag::Market,
    "Show which offer an order would take now",
    &[Reply::json::<Quote<'_>>(
        200,
        "The offers as an order tries them, each with the reason why it would not be taken",
        r#"{"country": "ID", "service": "telegram", "currency": "USD", "available": true,
            "price": "0.400000", "asks": [
                {"offer": "2", "operator": null, "price": "0.350000", "stock": 0, "taken": false,
                 "reason": "out_of_stock"},
                {"offer": "3", "operator": null, "price": "0.400000", "stock": 120, "taken": true,
                 "reason": null}
            ]}"#,
    )],
)
.query::<QuoteQuery<'_>>()
.problems(&[
    Code::UnknownCountry,
    Code::UnknownService,
    Code::UnknownOperator,
    Code::InvalidAmount,
]);

pub(super) fn quote(state: &State, _: Trader, call: &Call) -> Result<Response, Problem> {
    let market = &state.market;
    let query = QuoteQuery::read(call)?;
    let product = parse_product(market, &query.country, &query.service)?;
    let carrier = parse_carrier(market, query.operator.as_deref())?;
    let limit = query.max_price.map(|amount| parse::amount(&amount.0, "max_price"));
    let wish = Wish { product, carrier, limit: limit.transpose()? };
    Ok(reply::json(StatusCode::OK, &look(market, &wish)))
}

/// What an order with this wish would do.
fn look<'a>(market: &'a Market, wish: &Wish) -> Quote<'a> {
    let wire::Product { country, service } = wire::Product::of(wish.product, market.catalog);
    let mut price = None;
    let mut asks = Vec::new();
    for ask in market.grid.asks(wish.product) {
        let skip = claim::skip(&ask, wish, &[]);
        let taken = skip.is_none() && price.is_none();
        if taken {
            price = Some(Money(ask.price));
        }
        if asks.len() < ASKS_MAX {
            asks.push(quoted(market, &ask, skip, taken));
        } else if price.is_some() {
            break;
        }
    }
    Quote { country, service, currency: Currency::Usd, available: price.is_some(), price, asks }
}

fn quoted(market: &Market, ask: &GridAsk, skip: Option<Skip>, taken: bool) -> QuotedAsk {
    QuotedAsk {
        offer: ask.offer.0.into(),
        operator: carrier_name(market, ask.carrier),
        price: Money(ask.price),
        stock: ask.stock,
        taken,
        reason: QuoteReason::of(skip, taken),
    }
}

fn carrier_name(market: &Market, carrier: CarrierId) -> Option<SharedName> {
    market.read_model.directory().carrier_name(carrier).map(SharedName)
}

fn parse_product(market: &Market, country: &str, service: &str) -> Result<Product, Problem> {
    Ok(Product {
        country: parse::country(market.catalog, country)?,
        service: parse::service(market.catalog, service)?,
    })
}

/// A carrier by name; absent, empty and `any` are any.
pub(super) fn parse_carrier(market: &Market, name: Option<&str>) -> Result<CarrierId, Problem> {
    let Some(name) = parse::carrier_name(name) else { return Ok(CarrierId::ANY) };
    let unknown = || parse::refused("unknown_operator", "There is no such operator", "operator");
    market.read_model.directory().carrier(name).ok_or_else(unknown)
}
