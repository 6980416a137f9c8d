//! Providers as the operator sees them.

use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::ids::ProviderId;

use super::State;
use super::wire::{
    Breaker, Connection, Provider, ProviderError, ProviderList, SyncStarted, SyncStatus,
};
use crate::face::auth::Operator;
use crate::face::description::operation::{Operation as Described, PathParam, Reply, Tag};
use crate::face::wire::{Moment, Money};
use crate::http::{Call, Problem, Response, reply};
use crate::provider::connected::{Failure, Health};

pub(super) const LIST: Described = Described::new(
    "listProviders",
    Tag::Admin,
    "List the providers and their condition",
    &[Reply::json::<ProviderList<'_>>(
        200,
        "Own stock and the connected providers",
        r#"{"providers": [
            {"id": "1", "name": "own", "kind": "own", "written_off": "0.000000"},
            {"id": "2", "name": "5sim", "kind": "driven", "written_off": "0.000000",
             "driver": "fivesim", "breaker": "closed", "enabled": true, "balance": "12.500000",
             "last_sync_at": "2026-11-20T09:30:00.000Z", "offers": 41200, "rows": 41212,
             "unknown_rows": 12, "misfits": 0, "quarantined": 0,
             "last_error": "buy: no_balance: NO_BALANCE",
             "errors": [
                {"at": "2026-11-20T09:29:12.000Z", "operation": "buy", "order_id": "1042",
                 "text": "no_balance: NO_BALANCE"}
            ]}
        ]}"#,
    )],
);

pub(super) fn list(state: &State, _: Operator, _: &Call) -> Result<Response, Problem> {
    let known = state.market.read_model.directory().providers();
    let connected = |(id, _): &(ProviderId, _)| {
        let provider = state.providers.get(*id)?;
        let health = provider.health();
        Some((provider, health))
    };
    let connected: Vec<_> = known.iter().map(connected).collect();
    let providers = known.iter().zip(&connected).map(|((id, known), connected)| Provider {
        id: u32::from(id.0).into(),
        name: &known.name,
        kind: known.kind.into(),
        written_off: Money(known.loss),
        connection: connected
            .as_ref()
            .map(|(provider, health)| connection(provider.driver().name(), health)),
    });
    Ok(reply::json(StatusCode::OK, &ProviderList { providers: providers.collect() }))
}

fn connection<'a>(driver: &'a str, health: &'a Health) -> Connection<'a> {
    Connection {
        driver,
        breaker: breaker(health.breaker),
        enabled: health.enabled,
        balance: health.balance.map(Money),
        last_sync_at: health.last_sync_at.map(Moment),
        offers: health.offers,
        rows: health.rows,
        unknown_rows: health.unknown_rows,
        misfits: health.misfits,
        quarantined: health.quarantined,
        last_error: health.failures.back().map(Failure::to_string),
        errors: health.failures.iter().rev().map(error).collect(),
    }
}

/// The breaker's word in this face.
fn breaker(word: &str) -> Breaker {
    match word {
        "closed" => Breaker::Closed,
        "open" => Breaker::Open,
        _ => Breaker::HalfOpen,
    }
}

fn error(failure: &Failure) -> ProviderError<'_> {
    ProviderError {
        at: Moment(failure.at),
        operation: failure.op.name(),
        order_id: failure.order.map(|order| order.0.into()),
        text: &failure.text,
    }
}

pub(super) const SYNC: Described = Described::new(
    "syncProvider",
    Tag::Admin,
    "Read a provider's price list now",
    &[Reply::json::<SyncStarted>(202, "The price list is being read", r#"{"status": "started"}"#)],
)
.path(&[PathParam::new::<String>("name", "The name of a connected provider", "5sim")]);

pub(super) async fn sync(state: Arc<State>, _: Operator, call: Call) -> Result<Response, Problem> {
    let name = call.param("name")?;
    let missing = || Problem::not_found("no provider of this name is connected");
    state.providers.by_name(&name).ok_or_else(missing)?.sync_now();
    Ok(reply::json(StatusCode::ACCEPTED, &SyncStarted { status: SyncStatus::Started }))
}
