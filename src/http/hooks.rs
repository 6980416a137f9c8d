//! Callbacks: messages for numbers of own stock. The path carries the secret that proves
//! the sender; a repeated callback changes nothing and is told so.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use hyper::{Method, StatusCode};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::code;
use nexnum_engine::command::{Incoming, IngestMessage};
use nexnum_engine::ids::{Number, OrderId, ServiceId};
use nexnum_engine::order::Order;
use nexnum_engine::reject::Reject;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::v1::{parse_service, refused};
use super::{Call, Json, Problem, Response, Router, problems, reply};
use crate::app::App;
use crate::digest;
use crate::keys;

/// Longest id of a message: a UUID with a prefix fits many times.
const ID_LEN_MAX: usize = 255;

/// Adds the face's routes.
pub fn add_routes(router: &mut Router<App>) {
    router
        .detached(Method::POST, "/hooks/providers/{provider}/{token}", receive)
        .guarded(authenticate);
}

/// A message as a SIM bank posts it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Callback<'a> {
    /// The number that received it.
    #[serde(borrow)]
    number: Cow<'a, str>,
    /// Who sent it.
    #[serde(borrow, default)]
    sender: Cow<'a, str>,
    /// What it says.
    #[serde(borrow)]
    text: Cow<'a, str>,
    /// The sender's own id of the message: its deduplication key.
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    /// Whose message it is, where the sender knows.
    #[serde(borrow, default)]
    service: Option<Cow<'a, str>>,
}

async fn receive(mut call: Call<App>) -> Result<Response, Problem> {
    let app = Arc::clone(&call.state);
    call.query(&[])?;
    let body = call.bytes().await?;
    let posted: Callback<'_> = super::body::decode_json(&body)?;
    if posted.id.as_ref().is_some_and(|id| !(1..=ID_LEN_MAX).contains(&id.len())) {
        return Err(Problem::invalid_field("id", "it is 1 to 255 bytes, or left out"));
    }
    let number = Number::parse(&posted.number)
        .ok_or_else(|| refused("invalid_number", "A number is not E.164 digits", "number"))?;
    let service =
        posted.service.as_deref().map(|code| parse_service(app.catalog, code)).transpose()?;
    let order = holder(&app, number, service, &posted)?;
    let message = Incoming {
        digest: digest(&posted),
        sender: posted.sender.as_ref().into(),
        text: posted.text.as_ref().into(),
        code: code::extract(&posted.text).unwrap_or_default().into(),
    };
    let command = IngestMessage { order, message };
    let status = match app.handle.ask(command).await.map_err(problems::of_send)? {
        Ok(_) => "accepted",
        Err(Reject::DuplicateMessage) => "duplicate",
        Err(reject) => return Err(problems::of_reject(reject)),
    };
    let mut body = Json::with_capacity(32);
    body.object(|o| o.text("status", status));
    Ok(reply::json_written(StatusCode::OK, body))
}

/// Compares digests in constant time; a wrong provider and a wrong token look alike.
fn authenticate(call: &Call<App>) -> Result<(), Problem> {
    let (app, provider, token) = (&call.state, call.param("provider")?, call.param("token")?);
    let own = app.read_model.directory().provider_name(app.own.provider);
    let named = own.is_some_and(|own| *own == *provider);
    let proven = keys::sha256(&token).ct_eq(&app.own.hook_digest);
    if named && bool::from(proven) {
        Ok(())
    } else {
        Err(Problem::not_found("no such callback address"))
    }
}

fn digest(posted: &Callback<'_>) -> u128 {
    match &posted.id {
        Some(id) => digest::of(&[b"message id", id.as_bytes()]),
        None => {
            let parts = [b"message", posted.sender.as_bytes(), posted.text.as_bytes()];
            digest::of(&parts)
        }
    }
}

/// The order a message on this number is for: the newest open one, of the service where it
/// is named; else the newest that has ended, for which it is late. Of several services that
/// are open on the number, the message has to name one, or nobody gets it.
fn holder(
    app: &App,
    number: Number,
    service: Option<ServiceId>,
    posted: &Callback<'_>,
) -> Result<OrderId, Problem> {
    let holders = app.read_model.holders(app.own.provider, number);
    let orders: Vec<Arc<Order>> =
        holders.into_iter().rev().filter_map(|id| app.read_model.order(id)).collect();
    let is_open = |order: &&Arc<Order>| {
        matches!(order.state, ActivationState::Active | ActivationState::Received)
    };
    let open: BTreeSet<ServiceId> =
        orders.iter().filter(is_open).map(|order| order.product.service).collect();
    let service = match service {
        None if open.len() > 1 => Some(named(app, &open, posted).ok_or_else(ambiguous)?),
        service => service,
    };
    let suits =
        |order: &&Arc<Order>| service.is_none_or(|service| order.product.service == service);
    let mut suited = orders.iter().filter(suits);
    let found = suited.clone().find(is_open).or_else(|| suited.next());
    let order = found.ok_or_else(|| Problem::not_found("no activation holds this number"))?;
    Ok(order.id)
}

/// The one of these services whose name is in the message.
fn named(app: &App, open: &BTreeSet<ServiceId>, posted: &Callback<'_>) -> Option<ServiceId> {
    let message = format!("{}\n{}", posted.sender, posted.text).to_lowercase();
    let says = |id: &&ServiceId| {
        let service = app.catalog.service(**id);
        service.is_some_and(|service| message.contains(&service.name.to_lowercase()))
    };
    let mut named = open.iter().filter(says);
    named.next().filter(|_| named.next().is_none()).copied()
}

fn ambiguous() -> Problem {
    Problem::new(StatusCode::CONFLICT, "ambiguous_message", "Several activations hold this number")
        .detail("name the service that the message is for")
        .param("service")
}
