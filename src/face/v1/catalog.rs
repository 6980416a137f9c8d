//! Countries and services: fixed for the life of a market, rendered once.

use bytes::Bytes;
use hyper::StatusCode;
use nexnum_engine::catalog::{Catalog, Language};

use super::State;
use super::wire::{Country, CountryList, Service, ServiceList};
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
