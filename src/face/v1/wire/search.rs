//! The JSON of a search.

use schemars::JsonSchema;
use serde::Serialize;

use crate::face::wire::{CountryCode, Currency, Money, ServiceSlug};

/// What a search found, the best first.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::face::v1) struct Found<'a> {
    /// The currency of the prices.
    pub currency: Currency,
    /// The hits, the best first, at most 50.
    #[schemars(length(max = 50))]
    pub hits: Vec<Hit<'a>>,
}

/// A country, a service, or a service in a country, with what is on sale of it now.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::face::v1) struct Hit<'a> {
    /// What was found.
    pub kind: HitKind,
    /// The country; `null` for a service.
    pub country: Option<CountryCode<'a>>,
    /// The country's name in English; `null` for a service.
    pub country_name: Option<&'a str>,
    /// The service; `null` for a country.
    pub service: Option<ServiceSlug<'a>>,
    /// The service's code in the handler protocol; `null` for a country.
    pub service_code: Option<&'a str>,
    /// The service's name; `null` for a country.
    pub service_name: Option<&'a str>,
    /// The price of the cheapest number; `null` while nothing is on sale.
    pub price: Option<Money>,
    /// How many numbers are on sale over all products of the hit.
    pub stock: u64,
    /// How many products of the hit are on sale: countries of a service, services of a country.
    pub products: u32,
}

/// What a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::face::v1) enum HitKind {
    /// A country, with all its services.
    Country,
    /// A service, with all its countries.
    Service,
    /// A product: a service in a country.
    Product,
}
