//! Orders: placed once, shown as often as wanted.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::event::Idempotency;
use nexnum_engine::ids::{AccountId, OrderId, Product};
use nexnum_engine::order::Order;
use serde::Deserialize;

use super::wire::{self, As};
use super::{PAGE_DEFAULT, PAGE_MAX, market};
use crate::app::App;
use crate::digest;
use crate::http::{Call, Json, Problem, Response, auth, problems, reply};
use crate::trade::{self, Wish};

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

pub(super) async fn create(mut call: Call<App>) -> Result<Response, Problem> {
    let account = auth::account(&call)?;
    call.query(&[])?;
    let body = call.bytes().await?;
    let app = Arc::clone(&call.state);
    let idempotency = idempotency(&call, &body)?;
    let wish = parse(&app, &body)?;
    let placed = trade::place(&app, account, wish, idempotency).await;
    let (id, replayed) = placed.map_err(problems::of_refusal)?;
    let order = find(&app, account, id).await?;
    if failed_at_once(&order) {
        return Err(problems::no_numbers(Some(id)));
    }
    let mut response = reply::json_written(StatusCode::CREATED, render(&app, &order, As::Created));
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Whether the order failed while its first request waited. One that failed later was
/// answered with 201, and is again.
fn failed_at_once(order: &Order) -> bool {
    let answered_by = order.placed_at.plus_ms(trade::NUMBER_WAIT.as_millis() as u64);
    order.state == ActivationState::Failed && order.closed_at.is_some_and(|at| at <= answered_by)
}

/// The key with a digest of the request, so that the same key with another body is seen.
fn idempotency(call: &Call<App>, body: &[u8]) -> Result<Option<Idempotency>, Problem> {
    let key = call.idempotency_key()?;
    Ok(key.map(|key| Idempotency {
        key: digest::of(&[b"idempotency", key.as_bytes()]),
        fingerprint: digest::of(&[b"POST /api/v1/orders", body]),
    }))
}

fn parse(app: &App, body: &[u8]) -> Result<Wish, Problem> {
    let new: NewOrder<'_> = crate::http::body::decode_json(body)?;
    let country = wire::parse_country(app.catalog, &new.country)?;
    let service = wire::parse_service(app.catalog, &new.service)?;
    let operator = market::parse_operator(app, new.operator.as_deref())?;
    let limit = new.max_price.map(|text| wire::parse_amount(&text, "max_price")).transpose()?;
    Ok(Wish { product: Product { country, service }, operator, limit })
}

pub(super) async fn get(call: Call<App>) -> Result<Response, Problem> {
    let account = auth::account(&call)?;
    call.query(&[])?;
    let order = find(&call.state, account, wire::order_id(call.id_param("id")?)?).await?;
    Ok(reply::json_written(StatusCode::OK, render(&call.state, &order, As::Now)))
}

fn render(app: &App, order: &Order, shown: As) -> Json {
    let mut body = Json::with_capacity(512);
    body.object(|o| wire::order(o, order, shown, app.catalog));
    body
}

/// The account's order, from memory or from history.
///
/// # Errors
/// 404 where there is none or it is somebody else's.
pub(super) async fn find(
    app: &Arc<App>,
    account: AccountId,
    id: OrderId,
) -> Result<Arc<Order>, Problem> {
    let missing = || Problem::not_found("no such order");
    let found = app.history.order(id).await.map_err(problems::of_history)?;
    let order = found.ok_or_else(missing)?;
    if order.account == account { Ok(order) } else { Err(missing()) }
}

pub(super) async fn list(call: Call<App>) -> Result<Response, Problem> {
    let account = auth::account(&call)?;
    let query = call.query(&["cursor", "limit"])?;
    let limit = query.number("limit", 1..=PAGE_MAX, PAGE_DEFAULT)? as usize;
    let before = wire::parse_cursor(query.get("cursor"))?;
    let page = page(&call.state, account, before, limit, None).await?;
    let mut body = Json::with_capacity(512 * page.orders.len() + 64);
    body.object(|o| {
        o.array("orders", |list| {
            for order in &page.orders {
                list.object(|o| wire::order(o, order, As::Now, call.state.catalog));
            }
        });
        page.write_cursor(o);
    });
    Ok(reply::json_written(StatusCode::OK, body))
}

/// Orders, newest first, and where the next page begins.
pub(super) struct Page {
    pub(super) orders: Vec<Arc<Order>>,
    next: Option<OrderId>,
}

impl Page {
    /// The field that every list ends with.
    pub(super) fn write_cursor(&self, o: &mut crate::http::Object<'_>) {
        match self.next {
            Some(next) => o.number_text("next_cursor", u64::from(next.0)),
            None => o.null("next_cursor"),
        }
    }
}

/// Rows looked at for one page of a filtered list; the cursor goes on from there.
const SCAN_MAX: usize = nexnum_storage::history::PAGE_LEN_MAX;
/// A look that gives fewer rows than were asked for has seen all: no look may be cut.
const _: () = assert!((PAGE_MAX as usize) < SCAN_MAX);

/// A page of the account's orders, of all or of those for which `wanted` holds.
pub(super) async fn page(
    app: &Arc<App>,
    account: AccountId,
    before: Option<u64>,
    limit: usize,
    wanted: Option<&(dyn Fn(&Order) -> bool + Sync)>,
) -> Result<Page, Problem> {
    let before = before.map(|id| OrderId(u32::try_from(id).unwrap_or(u32::MAX)));
    // One more than is shown tells whether there is a next page.
    let scan = if wanted.is_some() { SCAN_MAX } else { limit + 1 };
    let seen = app.history.orders_of(account, before, scan).await;
    let seen = seen.map_err(problems::of_history)?;
    let all_seen = seen.len() < scan;
    let (mut orders, mut last) = (Vec::with_capacity(limit), None);
    for order in seen {
        if orders.len() == limit {
            return Ok(Page { orders, next: last });
        }
        last = Some(order.id);
        if wanted.is_none_or(|wanted| wanted(&order)) {
            orders.push(order);
        }
    }
    Ok(Page { orders, next: if all_seen { None } else { last } })
}
