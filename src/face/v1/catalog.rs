//! Countries and services: fixed for the life of a market, rendered once.

use bytes::Bytes;
use hyper::StatusCode;
use nexnum_engine::catalog::{Catalog, Language};
use schemars::JsonSchema;
use serde::Serialize;

use super::state::State;
use crate::face::auth::Trader;
use crate::face::description::operation::{Operation, Reply, Tag};
use crate::face::wire::{CountryCode, ServiceSlug};
use crate::http::{Call, Problem, Response, reply};

pub(super) const COUNTRIES: Operation = Operation::new(
    "listCountries",
    Tag::Catalogue,
    "List all countries",
    &[Reply::json::<CountryList<'_>>(
        200,
        "The countries",
        r#"{"countries": [{"code": "ID", "iso3": "IDN", "name": "Indonesia", "dial_code": "62"}]}"#,
    )],
);

pub(super) fn countries(state: &State, _: Trader, _: &Call) -> Result<Response, Problem> {
    let body = state.countries.get_or_init(|| render_countries(state.market.catalog));
    Ok(reply::json_bytes(StatusCode::OK, body.clone()))
}

fn render_countries(catalog: &Catalog) -> Bytes {
    let countries = catalog.countries().map(|(_, country)| Country {
        code: CountryCode(country.iso2),
        iso3: country.iso3,
        name: country.name(Language::En),
        dial_code: country.dial_code,
    });
    reply::to_json(&CountryList { countries: countries.collect() })
}

pub(super) const SERVICES: Operation = Operation::new(
    "listServices",
    Tag::Catalogue,
    "List all services",
    &[Reply::json::<ServiceList<'_>>(
        200,
        "The services",
        r#"{"services": [{"slug": "telegram", "name": "Telegram", "code": "tg"}]}"#,
    )],
);

pub(super) fn services(state: &State, _: Trader, _: &Call) -> Result<Response, Problem> {
    let body = state.services.get_or_init(|| render_services(state.market.catalog));
    Ok(reply::json_bytes(StatusCode::OK, body.clone()))
}

fn render_services(catalog: &Catalog) -> Bytes {
    let services = catalog.services().map(|(_, service)| Service {
        slug: ServiceSlug(service.slug),
        name: service.name,
        code: service.handler_code,
    });
    reply::to_json(&ServiceList { services: services.collect() })
}

/// All countries of the catalogue.
#[derive(Debug, Serialize, JsonSchema)]
struct CountryList<'a> {
    /// The countries, in the order of their codes.
    countries: Vec<Country<'a>>,
}

/// A country.
#[derive(Debug, Serialize, JsonSchema)]
struct Country<'a> {
    /// Its code of two letters.
    code: CountryCode<'a>,
    /// Its code of three letters, ISO 3166-1 alpha-3.
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    iso3: &'a str,
    /// Its name in English.
    name: &'a str,
    /// The digits that its phone numbers begin with, without the plus sign; may be empty.
    dial_code: &'a str,
}

/// All services of the catalogue.
#[derive(Debug, Serialize, JsonSchema)]
struct ServiceList<'a> {
    /// The services.
    services: Vec<Service<'a>>,
}

/// A service that sends messages with codes.
#[derive(Debug, Serialize, JsonSchema)]
struct Service<'a> {
    /// Its name in this API.
    slug: ServiceSlug<'a>,
    /// Its name for people.
    name: &'a str,
    /// Its short code in the handler protocol (`getNumber` and its kin), which this API takes
    /// as well.
    code: &'a str,
}
