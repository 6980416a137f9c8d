//! Offers and quotes: the ladder of a product, read from the grid.

use hyper::StatusCode;
use nexnum_engine::grid;
use nexnum_engine::ids::{Product, VariantId};
use nexnum_engine::product::Variant;
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;

use super::state::State;
use super::wire;
use crate::face::auth::Trader;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, Reply, Tag};
use crate::face::parse;
use crate::face::query::parameters;
use crate::face::wire::{
    Amount, CarrierName, CountryCode, Currency, Id, Money, Seconds, ServiceSlug, Share,
};
use crate::http::{Call, Problem, Response, reply};
use crate::market::Market;
use crate::order::claim::{Skip, Wish};
use crate::order::quote::{Quote as Quoted, QuotedAsk as QuotedOffer};

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
            {"offer": "3", "carrier": null, "price": "0.400000", "stock": 120, "open": true,
             "numbers": 40, "delivered_share": 0.925, "time_to_code_s": 14.2}
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
    let (asks, now) = (market.grid.asks(product).take(ASKS_MAX), market.clock.now());
    let offers = asks.map(|ask| {
        let measured = market.history.tallies().measured((ask.provider, product), now);
        Ask {
            offer: ask.offer.0.into(),
            carrier: carrier_name(market, ask.variant),
            price: Money(ask.price),
            stock: buyable(&ask),
            open: ask.open && ask.funded,
            numbers: measured.numbers(),
            delivered_share: measured.delivered_permille().map(Share),
            time_to_code_s: measured.time_to_code_ms().map(Seconds),
        }
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
                {"offer": "2", "carrier": null, "price": "0.350000", "stock": 0, "open": true,
                 "taken": false, "reason": "out_of_stock",
                 "numbers": 0, "delivered_share": null, "time_to_code_s": null},
                {"offer": "3", "carrier": null, "price": "0.400000", "stock": 120, "open": true,
                 "taken": true, "reason": null,
                 "numbers": 40, "delivered_share": 0.925, "time_to_code_s": 14.2}
            ]}"#,
    )],
)
.query::<QuoteQuery<'_>>()
.problems(&[Code::UnknownCountry, Code::UnknownService, Code::UnknownCarrier, Code::InvalidAmount]);

pub(super) fn quote(state: &State, _: Trader, call: &Call) -> Result<Response, Problem> {
    let market = &state.market;
    let query = QuoteQuery::read(call)?;
    let product = parse_product(market, &query.country, &query.service)?;
    let variant = parse_carrier(market, query.carrier.as_deref())?;
    let limit = query.max_price.map(|amount| parse::amount(&amount.0, "max_price"));
    let wish = Wish { product, variant, limit: limit.transpose()? };
    let quote = state.orders.quote(&wish, ASKS_MAX);
    Ok(reply::json(StatusCode::OK, &shown(market, product, &quote)))
}

fn shown<'a>(market: &'a Market, product: Product, quote: &Quoted) -> Quote<'a> {
    let wire::Product { country, service } = wire::Product::of(product, market.catalog);
    let now = market.clock.now();
    let asks = quote.asks.iter().map(|QuotedOffer { ask, skip, taken }| {
        let measured = market.history.tallies().measured((ask.provider, product), now);
        QuotedAsk {
            offer: ask.offer.0.into(),
            carrier: carrier_name(market, ask.variant),
            price: Money(ask.price),
            stock: buyable(ask),
            open: ask.open && ask.funded,
            taken: *taken,
            reason: QuoteReason::of(*skip, *taken),
            numbers: measured.numbers(),
            delivered_share: measured.delivered_permille().map(Share),
            time_to_code_s: measured.time_to_code_ms().map(Seconds),
        }
    });
    let (available, price) = (quote.price.is_some(), quote.price.map(Money));
    Quote { country, service, currency: Currency::Usd, available, price, asks: asks.collect() }
}

/// The numbers of an offer that can be bought now: none while its provider is closed, or our
/// account there cannot pay for one.
const fn buyable(ask: &grid::Ask) -> u32 {
    if ask.open && ask.funded { ask.stock } else { 0 }
}

fn carrier_name(market: &Market, variant: VariantId) -> Option<CarrierName> {
    let parts = market.read_model.directory().variant_parts(variant)?;
    parts.carrier.is_some().then_some(CarrierName(parts))
}

fn parse_product(market: &Market, country: &str, service: &str) -> Result<Product, Problem> {
    Ok(Product::activation(
        parse::country(market.catalog, country)?,
        parse::service(market.catalog, service)?,
    ))
}

/// A carrier by name; absent, empty and `any` are any.
pub(super) fn parse_carrier(market: &Market, name: Option<&str>) -> Result<VariantId, Problem> {
    let Some(name) = parse::carrier_name(name) else { return Ok(VariantId::ANY) };
    let unknown = || parse::refused("unknown_carrier", "There is no such carrier", "carrier");
    market.read_model.directory().variant(&Variant::of_carrier(name.into())).ok_or_else(unknown)
}

/// The offers for a product, cheapest first.
#[derive(Debug, Serialize, JsonSchema)]
struct Offers<'a> {
    /// The country that was asked for.
    country: CountryCode<'a>,
    /// The service that was asked for.
    service: ServiceSlug<'a>,
    /// The currency of the prices.
    currency: Currency,
    /// The cheapest offers, at most 200.
    #[schemars(length(max = 200))]
    offers: Vec<Ask>,
}

/// An offer: numbers of a product at one price.
#[derive(Debug, Serialize, JsonSchema)]
struct Ask {
    /// The offer's id.
    offer: Id,
    /// The phone company of its numbers; `null` if the provider does not say.
    carrier: Option<CarrierName>,
    /// The price of one number.
    price: Money,
    /// How many numbers can be bought now.
    stock: u32,
    /// Whether its provider sells at present: `false` while the provider is disabled, fails, has
    /// asked for a pause, or has too little of our money for one number.
    open: bool,
    /// How many numbers of the product its provider gave to orders of late: each day counts half
    /// of the day after it.
    numbers: u64,
    /// The share of `numbers` that got a code so far; `null` without numbers.
    delivered_share: Option<Share>,
    /// The average time from the number to its code; `null` without codes.
    time_to_code_s: Option<Seconds>,
}

/// What an order would do now, offer by offer.
#[derive(Debug, Serialize, JsonSchema)]
struct Quote<'a> {
    /// The country that was asked for.
    country: CountryCode<'a>,
    /// The service that was asked for.
    service: ServiceSlug<'a>,
    /// The currency of the prices.
    currency: Currency,
    /// Whether an order with the same parameters would get a number now.
    available: bool,
    /// The price that it would pay; `null` if no offer would be taken.
    price: Option<Money>,
    /// The offers in the order in which an order tries them, at most 200.
    #[schemars(length(max = 200))]
    asks: Vec<QuotedAsk>,
}

/// An offer as an order sees it.
#[derive(Debug, Serialize, JsonSchema)]
struct QuotedAsk {
    /// The offer's id.
    offer: Id,
    /// The phone company of its numbers; `null` if the provider does not say.
    carrier: Option<CarrierName>,
    /// The price of one number.
    price: Money,
    /// How many numbers can be bought now.
    stock: u32,
    /// Whether its provider sells at present: `false` while the provider is disabled, fails, has
    /// asked for a pause, or has too little of our money for one number.
    open: bool,
    /// Whether it is the offer that an order would take.
    taken: bool,
    /// Why an order would not take it; `null` if it would.
    reason: Option<QuoteReason>,
    /// How many numbers of the product its provider gave to orders of late: each day counts half
    /// of the day after it.
    numbers: u64,
    /// The share of `numbers` that got a code so far; `null` without numbers.
    delivered_share: Option<Share>,
    /// The average time from the number to its code; `null` without codes.
    time_to_code_s: Option<Seconds>,
}

/// Why an order would not take an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum QuoteReason {
    /// It would do, but another offer is taken first: a cheaper one, one of a provider with a
    /// higher priority, or one whose turn it is among equals.
    BehindABetterAsk,
    /// Its numbers are of another phone company than the one asked for.
    OtherCarrier,
    /// The order has tried it already.
    Tried,
    /// Nothing is bought from its provider at present.
    ProviderClosed,
    /// Its provider has no room for one more purchase now, or has asked for a pause.
    ProviderBusy,
    /// All its numbers are sold.
    OutOfStock,
    /// The balance at its provider is lower than what its number costs.
    CannotPay,
    /// It costs more than `max_price`.
    #[serde(rename = "above_max_price")]
    AboveMax,
}

impl QuoteReason {
    /// Why an ask is not the one taken.
    const fn of(skip: Option<Skip>, taken: bool) -> Option<Self> {
        match skip {
            None if taken => None,
            None => Some(Self::BehindABetterAsk),
            Some(Skip::OtherVariant) => Some(Self::OtherCarrier),
            Some(Skip::Tried) => Some(Self::Tried),
            Some(Skip::Closed) => Some(Self::ProviderClosed),
            Some(Skip::OutOfStock) => Some(Self::OutOfStock),
            Some(Skip::AboveMax) => Some(Self::AboveMax),
            Some(Skip::CannotPay) => Some(Self::CannotPay),
            Some(Skip::Busy) => Some(Self::ProviderBusy),
        }
    }
}

parameters! {
    /// The product whose offers are listed.
    struct OffersQuery<'a> {
        /// The country: its ISO code of two or three letters, in any case.
        #[schemars(length(min = 2, max = 3), example = &"ID")]
        country: Cow<'a, str>,
        /// The service: its slug or its short code, in any case.
        #[schemars(length(min = 1), example = &"telegram")]
        service: Cow<'a, str>,
    }
}

parameters! {
    /// The order that is thought of.
    struct QuoteQuery<'a> {
        /// The country: its ISO code of two or three letters, in any case.
        #[schemars(length(min = 2, max = 3), example = &"ID")]
        country: Cow<'a, str>,
        /// The service: its slug or its short code, in any case.
        #[schemars(length(min = 1), example = &"telegram")]
        service: Cow<'a, str>,
        /// The phone company by name; any if left out, empty or `any`.
        carrier: Option<Cow<'a, str>>,
        /// The most that the number may cost, above zero.
        #[schemars(example = &"0.50")]
        max_price: Option<Amount<'a>>,
    }
}
