//! Countries and services: fixed for the life of the process, rendered once.

use std::sync::OnceLock;

use bytes::Bytes;
use hyper::StatusCode;
use nexnum_engine::catalog::{Catalog, Language};

use crate::app::App;
use crate::http::{Call, Json, Problem, Response, auth, reply};

static COUNTRIES: OnceLock<Bytes> = OnceLock::new();
static SERVICES: OnceLock<Bytes> = OnceLock::new();

pub(super) fn countries(call: &Call<App>) -> Result<Response, Problem> {
    auth::account(call)?;
    call.query(&[])?;
    let body = COUNTRIES.get_or_init(|| render_countries(call.state.catalog));
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

pub(super) fn services(call: &Call<App>) -> Result<Response, Problem> {
    auth::account(call)?;
    call.query(&[])?;
    let body = SERVICES.get_or_init(|| render_services(call.state.catalog));
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
