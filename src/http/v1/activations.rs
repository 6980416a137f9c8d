//! Activations: polled, waited for, cancelled, finished, asked for another message.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Actor, Cancel, Finish, Request, RequestAnother};
use nexnum_engine::ids::AccountId;
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;

use super::{PAGE_DEFAULT, PAGE_MAX, orders, wire};
use crate::app::App;
use crate::http::{Call, Json, Problem, Response, auth, problems, reply};
use crate::worker::upstream;

/// Longest wait of one poll, in seconds: below the idle limits of common proxies.
const WAIT_MAX_S: u64 = 55;

pub(super) async fn get(call: Call<App>) -> Result<Response, Problem> {
    let account = auth::account(&call)?;
    let wait_s = call.query(&["wait"])?.number("wait", 0..=WAIT_MAX_S, 0)?;
    let id = wire::order_id(call.id_param("id")?)?;
    let mut order = orders::find(&call.state, account, id).await?;
    if wait_s > 0 && !has_news(&order) {
        let wait = Duration::from_secs(wait_s);
        let news = call.state.read_model.await_order(id, wait, has_news);
        tokio::select! {
            waited = news => order = waited.unwrap_or(order),
            () = call.state.draining() => {}
        }
    }
    Ok(render(&order))
}

/// Whether a waiting client has something to see: a message that he waits for, or the end.
fn has_news(order: &Order) -> bool {
    match order.state {
        ActivationState::Init | ActivationState::Active => false,
        ActivationState::Received => !order.awaits_another,
        ActivationState::Completed
        | ActivationState::Cancelled
        | ActivationState::TimedOut
        | ActivationState::Failed => true,
    }
}

fn render(order: &Order) -> Response {
    let mut body = Json::with_capacity(384);
    body.object(|o| wire::activation(o, order));
    reply::json_written(StatusCode::OK, body)
}

/// Without a state: the open ones.
pub(super) async fn list(call: Call<App>) -> Result<Response, Problem> {
    let account = auth::account(&call)?;
    let query = call.query(&["state", "cursor", "limit"])?;
    let limit = query.number("limit", 1..=PAGE_MAX, PAGE_DEFAULT)? as usize;
    let before = wire::parse_cursor(query.get("cursor"))?;
    let state = query.get("state").map(|word| {
        let wrong = || Problem::invalid_parameter("state", "is not a state of an activation");
        wire::parse_state(word).ok_or_else(wrong)
    });
    let state = state.transpose()?;
    let wanted = |order: &Order| match state {
        Some(state) => order.state == state,
        None => !order.state.is_closed(),
    };
    let page = orders::page(&call.state, account, before, limit, Some(&wanted)).await?;
    let mut body = Json::with_capacity(384 * page.orders.len() + 64);
    body.object(|o| {
        o.array("activations", |list| {
            page.orders.iter().for_each(|order| list.object(|o| wire::activation(o, order)));
        });
        page.write_cursor(o);
    });
    Ok(reply::json_written(StatusCode::OK, body))
}

/// The provider is asked first: it may hold a message that ends the question.
pub(super) async fn cancel(mut call: Call<App>) -> Result<Response, Problem> {
    let (account, order) = owned(&mut call).await?;
    let command = Cancel { order: order.id, actor: Actor::Account(account) };
    if order.state != ActivationState::Active {
        return execute(&call.state, account, &order, command).await;
    }
    may_cancel(&call.state, &order)?;
    upstream::cancel(&call.state, &order).await.map_err(problems::of_upstream)?;
    match call.state.handle.ask(command).await.map_err(problems::of_send)? {
        // A poll may see the number go back before this request comes to say so.
        Ok(_) | Err(Reject::ActivationClosed(ActivationState::Cancelled)) => {}
        Err(reject) => return Err(refusal(&order, reject)),
    }
    Ok(render(&*orders::find(&call.state, account, order.id).await?))
}

/// Refuses before the provider is troubled.
fn may_cancel(app: &App, order: &Order) -> Result<(), Problem> {
    let from = order.assignment.as_ref().map(|assignment| assignment.cancel_from);
    match from {
        Some(from) if app.clock.now() < from => {
            Err(problems::of_reject(Reject::TooEarlyToCancel { from }))
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) async fn finish(mut call: Call<App>) -> Result<Response, Problem> {
    let (account, order) = owned(&mut call).await?;
    let command = Finish { order: order.id, actor: Actor::Account(account) };
    execute(&call.state, account, &order, command).await
}

pub(super) async fn resend(mut call: Call<App>) -> Result<Response, Problem> {
    let (account, order) = owned(&mut call).await?;
    let command = RequestAnother { order: order.id, actor: Actor::Account(account) };
    // While one is awaited the provider need not be told again.
    if order.state == ActivationState::Received && !order.awaits_another {
        upstream::another(&call.state, &order).await.map_err(problems::of_upstream)?;
    }
    execute(&call.state, account, &order, command).await
}

async fn owned(call: &mut Call<App>) -> Result<(AccountId, Arc<Order>), Problem> {
    let account = auth::account(call)?;
    call.query(&[])?;
    call.no_fields().await?;
    let id = wire::order_id(call.id_param("id")?)?;
    Ok((account, orders::find(&call.state, account, id).await?))
}

async fn execute(
    app: &Arc<App>,
    account: AccountId,
    order: &Order,
    command: impl Request,
) -> Result<Response, Problem> {
    let answer = app.handle.ask(command).await.map_err(problems::of_send)?;
    answer.map_err(|reject| refusal(order, reject))?;
    Ok(render(&*orders::find(app, account, order.id).await?))
}

/// A refusal about an order that was found.
fn refusal(order: &Order, reject: Reject) -> Problem {
    if reject == Reject::UnknownOrder {
        // If the engine has it no more, it ended long ago.
        return problems::of_reject(Reject::ActivationClosed(order.state));
    }
    problems::of_reject(reject)
}
