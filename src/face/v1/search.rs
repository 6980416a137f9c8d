//! Search: one box for countries, services, and a service in a country.

use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::catalog::{Catalog, Language};
use nexnum_engine::ids::Product;

use super::state::State;
use crate::face::auth::Trader;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, Reply, Tag};
use crate::face::query::{Bounded, parameters};
use crate::face::wire::{CountryCode, Currency, Money, ServiceSlug};
use crate::http::{Call, Problem, Response, reply};
use crate::market::search::{self, HITS_MAX, IndexError, Subject, TEXT_LEN_MAX};

/// The bounds that the description states are those of the index.
const _: () = assert!(HITS_MAX == 50 && TEXT_LEN_MAX == 200);

pub(super) const FIND: Operation = Operation::new(
    "search",
    Tag::Market,
    "Search countries and services, with what is on sale of each now",
    &[Reply::json::<Found<'_>>(
        200,
        "The best hits, the best first",
        r#"{"currency": "USD", "hits": [
            {"kind": "product", "country": "ID", "country_name": "Indonesia",
             "service": "telegram", "service_code": "tg", "service_name": "Telegram",
             "price": "0.400000", "stock": 120, "products": 1},
            {"kind": "service", "country": null, "country_name": null,
             "service": "telegram", "service_code": "tg", "service_name": "Telegram",
             "price": "0.350000", "stock": 9120, "products": 31}
        ]}"#,
    )],
)
.details(
    "Words may be codes, beginnings, other languages and scripts, or misspelt. Where some words \
     name a country and the others a service, the first hits are `product`s: that service in \
     that country.",
)
.query::<SearchQuery<'_>>()
.problems(&[Code::InternalError]);

/// Runs on a thread for blocking work: a word with typos and a sum over thousands of offers
/// take longer than a connection's thread may be held.
pub(super) async fn find(state: Arc<State>, _: Trader, call: Call) -> Result<Response, Problem> {
    let query = SearchQuery::read(&call)?;
    let (text, limit) = (query.q, query.limit.0 as usize);
    if text.len() > TEXT_LEN_MAX {
        let detail = format!("is longer than {TEXT_LEN_MAX} bytes");
        return Err(Problem::invalid_parameter("q", detail));
    }
    let (text, market) = (text.into_owned(), state.market.clone());
    let slot = Arc::clone(&state.searches).acquire_owned().await;
    let answer = tokio::task::spawn_blocking(move || {
        // Held to the end, also when the client has hung up.
        let _slot = slot.expect("the slots are never closed");
        let hits = market.search.find(&text, limit)?;
        Ok::<_, IndexError>(reply::to_json(&found(&hits, market.catalog)))
    });
    match answer.await {
        Ok(Ok(body)) => Ok(reply::json_bytes(StatusCode::OK, body)),
        Ok(Err(error)) => {
            Err(Problem::internal(format_args!("the search index could not be read: {error}")))
        }
        Err(error) => Err(Problem::internal(format_args!("a search panicked: {error}"))),
    }
}

fn found<'a>(hits: &[search::Hit], catalog: &'a Catalog) -> Found<'a> {
    Found { currency: Currency::Usd, hits: hits.iter().map(|hit| shown(hit, catalog)).collect() }
}

fn shown<'a>(hit: &search::Hit, catalog: &'a Catalog) -> Hit<'a> {
    let (kind, country, service) = match hit.subject {
        Subject::Country(id) => (HitKind::Country, catalog.country(id), None),
        Subject::Service(id) => (HitKind::Service, None, catalog.service(id)),
        Subject::Product(Product { country, service, .. }) => {
            (HitKind::Product, catalog.country(country), catalog.service(service))
        }
    };
    Hit {
        kind,
        country: country.map(|row| CountryCode(row.iso2)),
        country_name: country.map(|row| row.name(Language::En)),
        service: service.map(|row| ServiceSlug(row.slug)),
        service_code: service.map(|row| row.handler_code),
        service_name: service.map(|row| row.name),
        price: hit.on_sale.price.map(Money),
        stock: hit.on_sale.stock,
        products: hit.on_sale.products,
    }
}

/// What a search found, the best first.
#[derive(Debug, Serialize, JsonSchema)]
struct Found<'a> {
    /// The currency of the prices.
    currency: Currency,
    /// The hits, the best first, at most 50.
    #[schemars(length(max = 50))]
    hits: Vec<Hit<'a>>,
}

/// A country, a service, or a service in a country, with what is on sale of it now.
#[derive(Debug, Serialize, JsonSchema)]
struct Hit<'a> {
    /// What was found.
    kind: HitKind,
    /// The country; `null` for a service.
    country: Option<CountryCode<'a>>,
    /// The country's name in English; `null` for a service.
    country_name: Option<&'a str>,
    /// The service; `null` for a country.
    service: Option<ServiceSlug<'a>>,
    /// The service's code in the handler protocol; `null` for a country.
    service_code: Option<&'a str>,
    /// The service's name; `null` for a country.
    service_name: Option<&'a str>,
    /// The price of the cheapest number; `null` while nothing is on sale.
    price: Option<Money>,
    /// How many numbers are on sale over all products of the hit.
    stock: u64,
    /// How many products of the hit are on sale: countries of a service, services of a country.
    products: u32,
}

/// What a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HitKind {
    /// A country, with all its services.
    Country,
    /// A service, with all its countries.
    Service,
    /// A product: a service in a country.
    Product,
}

parameters! {
    /// What is looked for.
    struct SearchQuery<'a> {
        /// Names or codes of a country, a service, or both: 1 to 200 bytes of UTF-8.
        #[schemars(length(min = 1, max = 200), example = &"telegram indonesia")]
        q: Cow<'a, str>,
        /// How many hits the answer has at most.
        limit: Bounded<1, 50, 10>,
    }
}
