//! Providers as the operator sees them.

use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::event::ProviderKind;

use super::State;
use crate::clock::rfc3339;
use crate::face::auth::Operator;
use crate::http::{Call, Json, Object, Problem, Response, reply};
use crate::provider::connected::{Failure, Health};

pub(super) fn list(state: &State, _: Operator, call: &Call) -> Result<Response, Problem> {
    call.query(&[])?;
    let mut body = Json::with_capacity(1024);
    body.object(|o| {
        o.array("providers", |list| {
            for (id, known) in state.market.read_model.directory().providers() {
                list.object(|o| {
                    o.number_text("id", u64::from(id.0));
                    o.text("name", &known.name);
                    o.text("kind", kind_word(known.kind));
                    o.amount("written_off", known.loss);
                    if let Some(connected) = state.providers.get(id) {
                        o.text("driver", connected.driver().name());
                        write_health(o, &connected.health());
                    }
                });
            }
        });
    });
    Ok(reply::json_written(StatusCode::OK, body))
}

const fn kind_word(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Own => "own",
        ProviderKind::Driven => "driven",
    }
}

fn write_health(o: &mut Object<'_>, health: &Health) {
    o.text("breaker", health.breaker);
    o.boolean("enabled", health.enabled);
    match health.balance {
        Some(balance) => o.text("balance", &balance.to_string()),
        None => o.null("balance"),
    }
    match health.last_sync_at {
        Some(at) => o.text("last_sync_at", &rfc3339(at)),
        None => o.null("last_sync_at"),
    }
    o.number("offers", health.offers as u64);
    o.number("rows", health.rows as u64);
    o.number("unknown_rows", health.unknown_rows as u64);
    o.number("misfits", health.misfits as u64);
    o.number("quarantined", health.quarantined as u64);
    match health.failures.back() {
        Some(failure) => o.text("last_error", &failure.to_string()),
        None => o.null("last_error"),
    }
    o.array("errors", |list| {
        // The newest first.
        health.failures.iter().rev().for_each(|failure| list.object(|o| write_failure(o, failure)));
    });
}

fn write_failure(o: &mut Object<'_>, failure: &Failure) {
    o.text("at", &rfc3339(failure.at));
    o.text("operation", failure.op.name());
    match failure.order {
        Some(order) => o.number_text("order_id", u64::from(order.0)),
        None => o.null("order_id"),
    }
    o.text("text", &failure.text);
}

pub(super) async fn sync(
    state: Arc<State>,
    _: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    call.query(&[])?;
    call.no_fields().await?;
    let name = call.param("name")?;
    let missing = || Problem::not_found("no provider of this name is connected");
    state.providers.by_name(&name).ok_or_else(missing)?.sync_now();
    Ok(reply::json_bytes(StatusCode::ACCEPTED, &br#"{"status":"started"}"#[..]))
}
