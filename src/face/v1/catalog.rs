//! Countries and services: fixed for the life of a market, rendered once.

use bytes::Bytes;
use hyper::StatusCode;
use nexnum_engine::catalog::{Catalog, Language};

use super::State;
use crate::face::auth::Trader;
use crate::http::{Call, Json, Problem, Response, reply};

pub(super) fn countries(state: &State, _: Trader, call: &Call) -> Result<Response, Problem> {
    call.query(&[])?;
    let body = state.countries.get_or_init(|| render_countries(state.market.catalog));
    Ok(reply::json_bytes(StatusCode::OK, body.clone()))
}

fn render_countries(catalog: &Catalog) -> Bytes {
    let mut body = Json::with_capacity(32 * 1024);
    body.object(|o| {
        o.array("countries", |list| {
            for (_, country) in catalog.countries() {
                list.object(|o| {
                    o.text("code", country.iso2);
                    o.text("iso3", country.iso3);
                    o.text("name", country.name(Language::En));
                    o.text("dial_code", country.dial_code);
                });
            }
        });
    });
    body.into_vec().into()
}

pub(super) fn services(state: &State, _: Trader, call: &Call) -> Result<Response, Problem> {
    call.query(&[])?;
    let body = state.services.get_or_init(|| render_services(state.market.catalog));
    Ok(reply::json_bytes(StatusCode::OK, body.clone()))
}

fn render_services(catalog: &Catalog) -> Bytes {
    let mut body = Json::with_capacity(160 * 1024);
    body.object(|o| {
        o.array("services", |list| {
            for (_, service) in catalog.services() {
                list.object(|o| {
                    o.text("slug", service.slug);
                    o.text("name", service.name);
                    o.text("code", service.handler_code);
                });
            }
        });
    });
    body.into_vec().into()
}
