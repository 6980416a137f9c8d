//! Activations: polled, waited for, cancelled, finished, asked for another message.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use nexnum_engine::ids::OrderId;
use nexnum_engine::order::Order;

use super::{PAGE_DEFAULT, PAGE_MAX, State, orders, wire};
use crate::face::auth::Trader;
use crate::face::{parse, problems};
use crate::http::{Call, Json, Problem, Response, reply};

/// Longest wait of one poll, in seconds: below the idle limits of common proxies.
const WAIT_MAX_S: u64 = 55;

pub(super) async fn get(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let wait_s = call.query(&["wait"])?.number("wait", 0..=WAIT_MAX_S, 0)?;
    let id = parse::order_id(call.id_param("id")?)?;
    let wait = Duration::from_secs(wait_s);
    let found = state.orders.find_with_news(trader.account, id, wait).await;
    Ok(render(&*found.map_err(problems::of_refusal)?))
}

fn render(order: &Order) -> Response {
    let mut body = Json::with_capacity(384);
    body.object(|o| wire::activation(o, order));
    reply::json_written(StatusCode::OK, body)
}

/// Without a state: the open ones.
pub(super) async fn list(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let query = call.query(&["state", "cursor", "limit"])?;
    let limit = query.number("limit", 1..=PAGE_MAX, PAGE_DEFAULT)? as usize;
    let before = parse::cursor(query.get("cursor"))?;
    let asked = query.get("state").map(|word| {
        let wrong = || Problem::invalid_parameter("state", "is not a state of an activation: INIT, ACTIVE, RECEIVED, COMPLETED, CANCELLED, TIMEOUT or FAILED");
        wire::parse_state(word).ok_or_else(wrong)
    });
    let asked = asked.transpose()?;
    let wanted = |order: &Order| match asked {
        Some(asked) => order.state == asked,
        None => !order.state.is_closed(),
    };
    let before = before.map(orders::below);
    let page = state.orders.page(trader.account, before, limit, Some(&wanted)).await;
    let page = page.map_err(problems::of_refusal)?;
    let mut body = Json::with_capacity(384 * page.orders.len() + 64);
    body.object(|o| {
        o.array("activations", |list| {
            page.orders.iter().for_each(|order| list.object(|o| wire::activation(o, order)));
        });
        wire::next_cursor(o, page.next.map(|next| u64::from(next.0)));
    });
    Ok(reply::json_written(StatusCode::OK, body))
}

pub(super) async fn cancel(
    state: Arc<State>,
    trader: Trader,
    mut call: Call,
) -> Result<Response, Problem> {
    let id = named(&mut call).await?;
    let cancelled = state.orders.cancel(trader.account, id).await;
    Ok(render(&*cancelled.map_err(problems::of_refusal)?))
}

pub(super) async fn finish(
    state: Arc<State>,
    trader: Trader,
    mut call: Call,
) -> Result<Response, Problem> {
    let id = named(&mut call).await?;
    let finished = state.orders.finish(trader.account, id).await;
    Ok(render(&*finished.map_err(problems::of_refusal)?))
}

pub(super) async fn resend(
    state: Arc<State>,
    trader: Trader,
    mut call: Call,
) -> Result<Response, Problem> {
    let id = named(&mut call).await?;
    let asked = state.orders.resend(trader.account, id).await;
    Ok(render(&*asked.map_err(problems::of_refusal)?))
}

/// The order that the path of a call without fields names.
async fn named(call: &mut Call) -> Result<OrderId, Problem> {
    call.query(&[])?;
    call.no_fields().await?;
    parse::order_id(call.id_param("id")?)
}
