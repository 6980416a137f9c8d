//! Orders: placed once, shown as often as wanted.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use nexnum_engine::event::Idempotency;
use nexnum_engine::ids::{OrderId, Product};
use nexnum_engine::order::Order;
use serde::Deserialize;

use super::wire::{self, As};
use super::{PAGE_DEFAULT, PAGE_MAX, State, offers};
use crate::digest;
use crate::face::auth::Trader;
use crate::face::{parse, problems};
use crate::http::{Call, Json, Problem, Response, body, reply};
use crate::market::Market;
use crate::order::claim::Wish;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The body of a placement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrder<'a> {
    #[serde(borrow)]
    country: Cow<'a, str>,
    #[serde(borrow)]
    service: Cow<'a, str>,
    #[serde(borrow, default)]
    operator: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    max_price: Option<Cow<'a, str>>,
}

pub(super) async fn create(
    state: Arc<State>,
    trader: Trader,
    mut call: Call,
) -> Result<Response, Problem> {
    call.query(&[])?;
    let body = call.bytes().await?;
    let idempotency = idempotency(&call, &body)?;
    let wish = parse(&state.market, &body)?;
    let placed = state.orders.place(trader.account, wish, idempotency).await;
    let placed = placed.map_err(problems::of_refusal)?;
    let shown = render(&state.market, &placed.order, As::Created);
    let mut response = reply::json_written(StatusCode::CREATED, shown);
    if placed.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The key with a digest of the request, so that the same key with another body is seen.
fn idempotency(call: &Call, body: &[u8]) -> Result<Option<Idempotency>, Problem> {
    let key = call.idempotency_key()?;
    Ok(key.map(|key| Idempotency {
        key: digest::of(&[b"idempotency", key.as_bytes()]),
        fingerprint: digest::of(&[b"POST /api/v1/orders", body]),
    }))
}

fn parse(market: &Market, body: &[u8]) -> Result<Wish, Problem> {
    let new: NewOrder<'_> = body::decode_json(body)?;
    let country = parse::country(market.catalog, &new.country)?;
    let service = parse::service(market.catalog, &new.service)?;
    let carrier = offers::parse_carrier(market, new.operator.as_deref())?;
    let limit = new.max_price.map(|text| parse::amount(&text, "max_price")).transpose()?;
    Ok(Wish { product: Product { country, service }, carrier, limit })
}

pub(super) async fn get(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    call.query(&[])?;
    let id = parse::order_id(call.id_param("id")?)?;
    let order = state.orders.find(trader.account, id).await.map_err(problems::of_refusal)?;
    Ok(reply::json_written(StatusCode::OK, render(&state.market, &order, As::Now)))
}

fn render(market: &Market, order: &Order, shown: As) -> Json {
    let mut body = Json::with_capacity(512);
    body.object(|o| wire::order(o, order, shown, market.catalog));
    body
}

pub(super) async fn list(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let query = call.query(&["cursor", "limit"])?;
    let limit = query.number("limit", 1..=PAGE_MAX, PAGE_DEFAULT)? as usize;
    let before = parse::cursor(query.get("cursor"))?.map(below);
    let page = state.orders.page(trader.account, before, limit, None).await;
    let page = page.map_err(problems::of_refusal)?;
    let mut body = Json::with_capacity(512 * page.orders.len() + 64);
    body.object(|o| {
        o.array("orders", |list| {
            for order in &page.orders {
                list.object(|o| wire::order(o, order, As::Now, state.market.catalog));
            }
        });
        wire::next_cursor(o, page.next.map(|next| u64::from(next.0)));
    });
    Ok(reply::json_written(StatusCode::OK, body))
}

/// The id of a cursor; one beyond all ids begins at the newest.
pub(super) fn below(cursor: u64) -> OrderId {
    OrderId(u32::try_from(cursor).unwrap_or(u32::MAX))
}
