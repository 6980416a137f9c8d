//! Search: one box for countries, services, and a service in a country.

use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::catalog::{Catalog, Language};
use nexnum_engine::ids::Product;

use super::State;
use crate::face::CURRENCY;
use crate::face::auth::Trader;
use crate::http::{Call, Json, Object, Problem, Response, reply};
use crate::market::search::{HITS_MAX, Hit, IndexError, Subject, TEXT_LEN_MAX};

/// Hits unless the request says otherwise.
const HITS_DEFAULT: u64 = 10;

/// Runs on a thread for blocking work: a word with typos and a sum over thousands of offers
/// take longer than a connection's thread may be held.
pub(super) async fn find(state: Arc<State>, _: Trader, call: Call) -> Result<Response, Problem> {
    let query = call.query(&["q", "limit"])?;
    let limit = query.number("limit", 1..=HITS_MAX as u64, HITS_DEFAULT)? as usize;
    let text = query.required("q")?;
    if text.len() > TEXT_LEN_MAX {
        let detail = format!("is longer than {TEXT_LEN_MAX} bytes");
        return Err(Problem::invalid_parameter("q", detail));
    }
    let (text, market) = (text.to_owned(), state.market.clone());
    let answer = tokio::task::spawn_blocking(move || {
        let hits = market.search.find(&text, limit)?;
        Ok::<_, IndexError>(render(&hits, market.catalog))
    });
    match answer.await {
        Ok(Ok(body)) => Ok(reply::json_written(StatusCode::OK, body)),
        Ok(Err(error)) => {
            tracing::error!(%error, "the search index could not be read");
            Err(Problem::internal())
        }
        Err(error) => {
            tracing::error!(%error, "a search panicked");
            Err(Problem::internal())
        }
    }
}

fn render(hits: &[Hit], catalog: &Catalog) -> Json {
    let mut body = Json::with_capacity(64 + 256 * hits.len());
    body.object(|o| {
        o.text("currency", CURRENCY);
        o.array("hits", |list| {
            for hit in hits {
                list.object(|o| write_hit(o, hit, catalog));
            }
        });
    });
    body
}

fn write_hit(o: &mut Object<'_>, hit: &Hit, catalog: &Catalog) {
    let (kind, country, service) = match hit.subject {
        Subject::Country(id) => ("country", catalog.country(id), None),
        Subject::Service(id) => ("service", None, catalog.service(id)),
        Subject::Product(Product { country, service }) => {
            ("product", catalog.country(country), catalog.service(service))
        }
    };
    o.text("kind", kind);
    text_or_null(o, "country", country.map(|row| row.iso2));
    text_or_null(o, "country_name", country.map(|row| row.name(Language::En)));
    text_or_null(o, "service", service.map(|row| row.slug));
    text_or_null(o, "service_code", service.map(|row| row.handler_code));
    text_or_null(o, "service_name", service.map(|row| row.name));
    match hit.on_sale.price {
        Some(price) => o.amount("price", price),
        None => o.null("price"),
    }
    o.number("stock", hit.on_sale.stock);
    o.number("products", u64::from(hit.on_sale.products));
}

fn text_or_null(o: &mut Object<'_>, name: &str, value: Option<&str>) {
    match value {
        Some(value) => o.text(name, value),
        None => o.null(name),
    }
}
