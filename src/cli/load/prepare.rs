//! Finds out what a load can use on a running server.
//!
//! This is for one that runs already; one of the bench's own gets what it needs from
//! [`super::stock()`].

use serde_json::Value;

use super::client::{BaseUrl, LoadClient, LoadReply};
use super::template::render_order;
use super::{BenchError, Load};

/// Activations bought for the poll load: enough that the polls are not all of one.
const POLLED: u32 = 16;
/// Products looked for on a server that we know nothing of; the first is always tried.
const COUNTRIES: [&str; 8] = ["ID", "US", "GB", "DE", "FR", "IN", "BR", "PH"];
const SERVICES: [&str; 8] =
    ["telegram", "whatsapp", "google", "facebook", "instagram", "tiktok", "discord", "amazon"];

/// A server with what the loads need of it.
#[derive(Clone)]
pub struct LoadTarget {
    /// `http://HOST:PORT`.
    pub base_url: String,
    /// An account's key; for orders, with money enough for the whole run.
    pub api_key: String,
    /// Country and service of products with stock. The hot load and the race take the first:
    /// for the race, one with a single unit.
    pub products: Vec<(String, String)>,
    /// The account's activations, for the poll load.
    pub activation_ids: Vec<String>,
}

/// Keeps the key out.
impl std::fmt::Debug for LoadTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (products, activations) = (self.products.len(), self.activation_ids.len());
        write!(f, "LoadTarget({}, {products} products, {activations} activations)", self.base_url)
    }
}

/// Looks for products with stock, and for the poll load buys a few activations.
///
/// `run_id` as in [`super::LoadPlan`]. Nothing is asked of the server for the plain load.
///
/// # Errors
/// Where the server cannot be reached or refuses what was bought for the polls.
pub async fn prepare(
    base_url: &str,
    api_key: &str,
    load: Load,
    run_id: u64,
) -> Result<LoadTarget, BenchError> {
    let base = BaseUrl::parse(base_url)?;
    let mut target = LoadTarget {
        base_url: base_url.to_owned(),
        api_key: api_key.to_owned(),
        products: Vec::new(),
        activation_ids: Vec::new(),
    };
    match load {
        Load::Plain => {}
        Load::Order | Load::Quote => target.products = find_products(&base, api_key).await?,
        Load::OrderHot | Load::Race => target.products = vec![first_product()],
        Load::Poll => {
            target.products = vec![first_product()];
            target.activation_ids = buy(&base, api_key, run_id, POLLED).await?;
        }
    }
    Ok(target)
}

/// Indonesia × Telegram is in every demo market.
fn first_product() -> (String, String) {
    (COUNTRIES[0].to_owned(), SERVICES[0].to_owned())
}

/// 64 products, the first one first.
pub(super) fn known_products() -> impl Iterator<Item = (String, String)> {
    let of_country = |country: &'static str| {
        SERVICES.iter().map(move |service| (country.to_owned(), (*service).to_owned()))
    };
    COUNTRIES.into_iter().flat_map(of_country)
}

async fn find_products(base: &BaseUrl, api_key: &str) -> Result<Vec<(String, String)>, BenchError> {
    let mut client = LoadClient::connect(base).await?;
    let mut products = Vec::new();
    for (country, service) in known_products() {
        let path = format!("/api/v1/offers?country={country}&service={service}");
        let reply = client.get(base, api_key, &path).await?;
        if reply.status == 200 && serde_json::from_slice(reply.body).is_ok_and(has_stock) {
            products.push((country, service));
        }
        if reply.closes {
            client = LoadClient::connect(base).await?;
        }
    }
    if products.is_empty() {
        products.push(first_product());
    }
    Ok(products)
}

/// Whether any offer in a ladder has stock, wherever the ladder lies in the reply.
fn has_stock(reply: Value) -> bool {
    match reply {
        Value::Object(members) => members.into_iter().any(|(name, value)| {
            (name == "stock" && value.as_u64().is_some_and(|stock| stock > 0)) || has_stock(value)
        }),
        Value::Array(elements) => elements.into_iter().any(has_stock),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Buys `count` activations of the first product, one after the other.
pub(super) async fn buy(
    base: &BaseUrl,
    api_key: &str,
    run_id: u64,
    count: u32,
) -> Result<Vec<String>, BenchError> {
    let mut client = LoadClient::connect(base).await?;
    let mut ids = Vec::new();
    for number in 0..count {
        let key = format!("bench-{run_id:016x}-poll-{number}");
        let request = render_order(api_key, base.authority(), &first_product(), &key);
        let reply = client.exchange(&request).await?;
        ids.push(created(&reply, "/api/v1/orders", |order| &order["activation"]["id"])?);
        if reply.closes {
            client = LoadClient::connect(base).await?;
        }
    }
    Ok(ids)
}

/// The text that `field` finds in the body of a 201.
pub(super) fn created(
    reply: &LoadReply<'_>,
    path: &str,
    field: impl FnOnce(&Value) -> &Value,
) -> Result<String, BenchError> {
    let body: Option<Value> = serde_json::from_slice(reply.body).ok();
    match body.as_ref().and_then(|body| field(body).as_str()) {
        Some(text) if reply.status == 201 => Ok(text.to_owned()),
        Some(_) | None => {
            let shown = &reply.body[..reply.body.len().min(300)];
            Err(BenchError::Unexpected {
                request: format!("POST {path}"),
                status: reply.status,
                body: String::from_utf8_lossy(shown).into_owned(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_is_found_wherever_the_ladder_lies() {
        for (reply, expected) in [
            (r#"{"offers":[{"price":"0.1","stock":0},{"stock":3}]}"#, true),
            (r#"{"offers":[{"price":"0.1","stock":0}]}"#, false),
            (r#"[{"stock":1}]"#, true),
            (r#"{"offers":[]}"#, false),
        ] {
            assert_eq!(has_stock(serde_json::from_str(reply).unwrap()), expected, "{reply}");
        }
    }
}
