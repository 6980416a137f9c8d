//! Orders: placed once, shown as often as wanted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use nexnum_engine::event::ShownBy;
use nexnum_engine::group::Idempotency;
use nexnum_engine::ids::{KeyId, OrderNumber, Product};
use nexnum_engine::order::Order;
use nexnum_engine::under_keys::UnderKeys;
use nexnum_storage::lookup_key::{LookedUp, LookupKey};

use super::offers;
use super::page::PageQuery;
use super::state::State;
use super::wire::{self, As};
use crate::face::auth::Trader;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, PathParam, Reply, Tag};
use crate::face::query::ListCursor;
use crate::face::wire::{Amount, CursorRef, OrderRef};
use crate::face::{parse, problems};
use crate::http::route::Next;
use crate::http::{Call, Problem, Response, body, reply};
use crate::market::Market;
use crate::order::claim::Wish;
use crate::order::notes::Notes;
use crate::order::{Asker, OrderRequest, Refusal};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub(super) const ID: PathParam =
    PathParam::new::<OrderRef>("id", "The order's id", "ord_08p3xq5n7t2ma");

const EXAMPLE: &str = r#"{"id": "ord_08p3xq5n7t2ma", "status": "PLACED", "price": "0.400000", "currency": "USD",
    "product": {"country": "ID", "service": "telegram"}, "created_at": "2026-11-20T09:30:00.000Z",
    "reference": "basket 7", "end_user": null,
    "activation": {"id": "act_0c4v9s1rk6yhe", "number": "+6281234567890", "state": "ACTIVE",
        "expires_at": "2026-11-20T09:50:00.000Z", "cancel_from": "2026-11-20T09:32:00.000Z",
        "messages": []}}"#;

pub(super) const CREATE: Operation = Operation::new(
    "createOrder",
    Tag::Orders,
    "Buy a number",
    &[Reply::json::<wire::Order<'_>>(
        201,
        "The order, with its number where a provider gave one within 25 seconds",
        EXAMPLE,
    )],
)
.details(
    "The answer arrives when the number is there, or when no provider has one: then the order is \
     refunded and the answer is `no_numbers`. After 25 seconds the answer is the order without \
     its number; wait for the number with `GET /api/v1/activations/{id}?wait=55`.\n\nWithout \
     `max_price` an order pays at most the price of the offer that is cheapest when it is \
     placed.\n\nWith an `Idempotency-Key` the same request can be repeated for 48 hours: it buys \
     once, and each answer shows the order as it was when it got its number. While the order has \
     no number, and if it failed after the 25 seconds, the answer shows its present state. A \
     request that was refused without placing an order does not use up its key.",
)
.body::<NewOrder<'_>>(r#"{"country": "ID", "service": "telegram", "max_price": "0.50"}"#)
.problems(&[
    Code::InsufficientFunds,
    Code::NoNumbers,
    Code::PriceAboveMax,
    Code::ProvidersBusy,
    Code::RequestInFlight,
    Code::UnknownCountry,
    Code::UnknownService,
    Code::UnknownCarrier,
    Code::InvalidAmount,
    Code::IdempotencyMismatch,
    Code::InternalError,
    Code::Overloaded,
    Code::OutcomeUnknown,
    Code::Exhausted,
]);

pub(super) async fn create(
    state: Arc<State>,
    trader: Trader,
    mut call: Call,
) -> Result<Response, Problem> {
    let body = call.bytes().await?;
    let idempotency = idempotency(&state.market, &call, &body)?;
    let (wish, notes) = parse(&state.market, &body)?;
    let request = OrderRequest { wish, idempotency, notes };
    let placed = state.orders.place(&trader.origin(&call), trader.account, request).await;
    let placed = placed.map_err(|refusal| refused(refusal, &state.market))?;
    let mut response = render(StatusCode::CREATED, &placed.order, As::Created, &state.market);
    if placed.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A refusal; an order that was tried is named as its buyer sees it.
fn refused(refusal: Refusal, market: &Market) -> Problem {
    match refusal {
        Refusal::NoNumbers { order: Some(order) } => problems::refunded(market.ids.order(order)),
        other => problems::of_refusal(other),
    }
}

/// The key with a digest of the request, so that the same key with another body is seen.
fn idempotency(
    market: &Market,
    call: &Call,
    body: &[u8],
) -> Result<Option<UnderKeys<Idempotency>>, Problem> {
    let Some(key) = call.idempotency_key()? else { return Ok(None) };
    let used = |under: &LookupKey| Idempotency {
        key: under.digest(LookedUp::IdempotencyKey, &[key.as_bytes()]),
        fingerprint: under.digest(LookedUp::Request, &[b"POST /api/v1/orders", body]),
    };
    Ok(Some(market.sealing.lookups().each(market.clock.now().day(), used)))
}

fn parse(market: &Market, body: &[u8]) -> Result<(Wish, Notes), Problem> {
    let new: NewOrder<'_> = body::decode_json(body)?;
    let country = parse::country(market.catalog, &new.country)?;
    let service = parse::service(market.catalog, &new.service)?;
    let variant = offers::parse_carrier(market, new.carrier.as_deref())?;
    let limit = new.max_price.map(|amount| parse::amount(&amount.0, "max_price")).transpose()?;
    let reference = parse::note(new.reference.as_deref(), "reference")?;
    let end_user = parse::note(new.end_user.as_deref(), "end_user")?;
    let wish = Wish { product: Product::activation(country, service), variant, limit };
    Ok((wish, Notes { reference, end_user }))
}

pub(super) const GET: Operation = Operation::new(
    "getOrder",
    Tag::Orders,
    "Show an order",
    &[Reply::json::<wire::Order<'_>>(200, "The order as it stands", EXAMPLE)],
)
.path(&[ID])
.problems(&[Code::InternalError, Code::Overloaded]);

/// An order that has not left memory is shown at once.
pub(super) fn get(state: &Arc<State>, trader: Trader, call: &Call) -> Result<Next, Problem> {
    let id = parse::order_id(call, &state.market.ids)?;
    if let Some(found) = state.orders.find_at_once(trader.account, id, Duration::ZERO) {
        return Ok(Next::Done(shown(state, trader.viewer(call), || trader.asker(call), found)));
    }
    let (state, viewer, asker) = (Arc::clone(state), trader.viewer(call), trader.asker(call));
    Ok(Next::plain(async move |_| {
        let found = state.orders.find(trader.account, id).await;
        shown(&state, viewer, || asker, found)
    }))
}

fn shown(
    state: &State,
    viewer: Option<KeyId>,
    asker: impl FnOnce() -> Asker,
    found: Result<Arc<Order>, Refusal>,
) -> Result<Response, Problem> {
    let order = seen(state, viewer, asker, found)?;
    Ok(render(StatusCode::OK, &order, As::Now, &state.market))
}

/// The order that an answer is about to show, and a note that it did.
pub(super) fn seen(
    state: &State,
    viewer: Option<KeyId>,
    asker: impl FnOnce() -> Asker,
    found: Result<Arc<Order>, Refusal>,
) -> Result<Arc<Order>, Problem> {
    let order = found.map_err(problems::of_refusal)?;
    see(state, viewer, asker, &order);
    Ok(order)
}

/// Notes that an answer shows an order.
pub(super) fn see(
    state: &State,
    viewer: Option<KeyId>,
    asker: impl FnOnce() -> Asker,
    order: &Order,
) {
    if viewer.is_some() {
        state.orders.note_shown(order, (ShownBy::Poll, viewer), asker);
    }
}

fn render(status: StatusCode, order: &Order, shown: As, market: &Market) -> Response {
    reply::json(status, &wire::Order::of(order, shown, market))
}

pub(super) const LIST: Operation = Operation::new(
    "listOrders",
    Tag::Orders,
    "List the account's orders",
    &[Reply::json::<OrderPage<'_>>(
        200,
        "A page of orders, newest first",
        r#"{"orders": [{"id": "ord_08p3xq5n7t2ma", "status": "PLACED", "price": "0.400000", "currency": "USD",
            "product": {"country": "ID", "service": "telegram"},
            "created_at": "2026-11-20T09:30:00.000Z", "reference": null, "end_user": null,
            "activation": {"id": "act_0c4v9s1rk6yhe", "number": "+6281234567890", "state": "ACTIVE",
                "expires_at": "2026-11-20T09:50:00.000Z",
                "cancel_from": "2026-11-20T09:32:00.000Z", "messages": []}}],
            "next_cursor": "cur_05n8w2cy7j4ts"}"#,
    )],
)
.details("Lists all orders, also those that have ended.")
.query::<PageQuery>()
.problems(&[Code::InternalError, Code::Overloaded]);

pub(super) async fn list(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let query = PageQuery::read(&call)?;
    let (limit, before) = (query.limit.0 as usize, below(&state, trader, query.cursor.as_ref())?);
    let page = state.orders.page(trader.account, before, limit, None).await;
    let page = page.map_err(problems::of_refusal)?;
    let viewer = trader.viewer(&call);
    page.orders.iter().for_each(|it| see(&state, viewer, || trader.asker(&call), it));
    let shown = |order| wire::Order::of(order, As::Now, &state.market);
    let orders = page.orders.iter().map(|order| shown(order)).collect();
    let next_cursor = page.next.map(|next| next_cursor(&state, trader, next));
    Ok(reply::json(StatusCode::OK, &OrderPage { orders, next_cursor }))
}

/// The number below which a page of a trader's orders begins; one beyond all begins at the newest.
pub(super) fn below(
    state: &State,
    trader: Trader,
    cursor: Option<&ListCursor<'_>>,
) -> Result<Option<OrderNumber>, Problem> {
    let cursor = cursor.map(|cursor| &*cursor.0);
    parse::list_cursor(cursor, |text| state.market.ids.read_orders_cursor(trader.account, text))
}

/// Where a trader's list of orders goes on.
pub(super) fn next_cursor(state: &State, trader: Trader, below: OrderNumber) -> CursorRef {
    CursorRef(state.market.ids.orders_cursor(trader.account, below))
}

/// What to buy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewOrder<'a> {
    /// The country: its ISO code of two or three letters, in any case.
    #[serde(borrow)]
    country: Cow<'a, str>,
    /// The service: its slug or its short code, in any case.
    #[serde(borrow)]
    service: Cow<'a, str>,
    /// The phone company by name; any if left out, empty or `any`.
    #[serde(borrow, default)]
    carrier: Option<Cow<'a, str>>,
    /// The most that the number may cost, above zero. If left out, the order pays the price of
    /// the cheapest offer at most.
    #[serde(borrow, default)]
    max_price: Option<Amount<'a>>,
    /// Your own reference: 1 to 100 characters without control characters. It is shown with the
    /// order and its receipt, and is forgotten as messages of the day are on which it was placed.
    #[serde(borrow, default)]
    #[schemars(length(min = 1, max = 100))]
    reference: Option<Cow<'a, str>>,
    /// For whom you buy, as you call that person: 1 to 100 characters without control characters.
    /// It is kept as the reference is, and no receipt shows it.
    #[serde(borrow, default)]
    #[schemars(length(min = 1, max = 100))]
    end_user: Option<Cow<'a, str>>,
}

/// A page of orders, newest first.
#[derive(Debug, Serialize, JsonSchema)]
struct OrderPage<'a> {
    /// The orders.
    #[schemars(length(max = 100))]
    orders: Vec<wire::Order<'a>>,
    /// The `cursor` of the next page; `null` on the last one.
    next_cursor: Option<CursorRef>,
}
