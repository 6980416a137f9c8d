//! Offers and quotes: the ladder of a product, read from the grid.

use hyper::StatusCode;
use nexnum_engine::grid::Ask;
use nexnum_engine::ids::{CarrierId, Product};

use super::{State, wire};
use crate::face::auth::Trader;
use crate::face::{CURRENCY, parse};
use crate::http::query::Query;
use crate::http::{Call, Json, Object, Problem, Response, reply};
use crate::market::Market;
use crate::order::claim::{self, Skip, Wish};

/// Asks shown of one product: every provider's best carriers.
const ASKS_MAX: usize = 200;

pub(super) fn list(state: &State, _: Trader, call: &Call) -> Result<Response, Problem> {
    let market = &state.market;
    let product = parse_product(market, &call.query(&["country", "service"])?)?;
    let mut body = Json::with_capacity(512);
    body.object(|o| {
        wire::product(o, product, market.catalog);
        o.text("currency", CURRENCY);
        o.array("offers", |list| {
            for ask in market.grid.asks(product).take(ASKS_MAX) {
                list.object(|o| write_ask(o, market, &ask));
            }
        });
    });
    Ok(reply::json_written(StatusCode::OK, body))
}

pub(super) fn quote(state: &State, _: Trader, call: &Call) -> Result<Response, Problem> {
    let market = &state.market;
    let query = call.query(&["country", "service", "operator", "max_price"])?;
    let product = parse_product(market, &query)?;
    let carrier = parse_carrier(market, query.get("operator"))?;
    let limit = query.get("max_price").map(|text| parse::amount(text, "max_price"));
    let wish = Wish { product, carrier, limit: limit.transpose()? };
    Ok(reply::json_written(StatusCode::OK, render_quote(market, &wish)))
}

fn render_quote(market: &Market, wish: &Wish) -> Json {
    let asks = market.grid.asks(wish.product);
    let judge = |ask: Ask| (ask, claim::skip(&ask, wish, &[]));
    let judged: Vec<(Ask, Option<Skip>)> = asks.map(judge).collect();
    let taken = judged.iter().position(|(_, skip)| skip.is_none());
    let mut body = Json::with_capacity(256 + 128 * judged.len());
    body.object(|o| {
        wire::product(o, wish.product, market.catalog);
        o.text("currency", CURRENCY);
        o.boolean("available", taken.is_some());
        match taken {
            Some(at) => o.amount("price", judged[at].0.price),
            None => o.null("price"),
        }
        o.array("asks", |list| {
            for (at, (ask, skip)) in judged.iter().enumerate().take(ASKS_MAX) {
                list.object(|o| {
                    write_ask(o, market, ask);
                    o.boolean("taken", taken == Some(at));
                    match reason(*skip, taken == Some(at)) {
                        Some(word) => o.text("reason", word),
                        None => o.null("reason"),
                    }
                });
            }
        });
    });
    body
}

/// Why an ask is not the one taken.
const fn reason(skip: Option<Skip>, taken: bool) -> Option<&'static str> {
    match skip {
        None if taken => None,
        None => Some("behind_a_better_ask"),
        Some(Skip::OtherCarrier) => Some("other_operator"),
        Some(Skip::Tried) => Some("tried"),
        Some(Skip::Closed) => Some("provider_closed"),
        Some(Skip::OutOfStock) => Some("out_of_stock"),
        Some(Skip::AboveMax) => Some("above_max_price"),
    }
}

fn write_ask(o: &mut Object<'_>, market: &Market, ask: &Ask) {
    o.number_text("offer", u64::from(ask.offer.0));
    match market.read_model.directory().carrier_name(ask.carrier) {
        Some(name) => o.text("operator", &name),
        None => o.null("operator"),
    }
    o.amount("price", ask.price);
    o.number("stock", u64::from(ask.stock));
}

fn parse_product(market: &Market, query: &Query<'_>) -> Result<Product, Problem> {
    Ok(Product {
        country: parse::country(market.catalog, query.required("country")?)?,
        service: parse::service(market.catalog, query.required("service")?)?,
    })
}

/// A carrier by name; absent, empty and `any` are any.
pub(super) fn parse_carrier(market: &Market, name: Option<&str>) -> Result<CarrierId, Problem> {
    let Some(name) = parse::carrier_name(name) else { return Ok(CarrierId::ANY) };
    let unknown = || parse::refused("unknown_operator", "There is no such operator", "operator");
    market.read_model.directory().carrier(name).ok_or_else(unknown)
}
