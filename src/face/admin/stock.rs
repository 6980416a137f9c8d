//! Own stock: numbers that the operator holds, put on sale.

use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::ids::{Number, Product};
use nexnum_engine::money::Micros;
use serde::Deserialize;

use super::State;
use crate::face::auth::Operator;
use crate::face::{parse, problems};
use crate::http::{Call, Json, Problem, Response, reply};
use crate::supply::StockLoad;

/// A load of the most numbers one command takes, with room for white space.
pub(super) const BODY_LEN_MAX: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStock {
    country: String,
    service: String,
    #[serde(default)]
    operator: Option<String>,
    price: String,
    #[serde(default)]
    cost: Option<String>,
    numbers: Vec<String>,
}

pub(super) async fn load(
    state: Arc<State>,
    _: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    call.query(&[])?;
    let new: NewStock = call.json().await?;
    let catalog = state.market.catalog;
    let product = Product {
        country: parse::country(catalog, &new.country)?,
        service: parse::service(catalog, &new.service)?,
    };
    let price = parse::amount(&new.price, "price")?;
    let cost = match &new.cost {
        Some(text) => parse::amount_or_zero(text, "cost")?,
        None => Micros::ZERO,
    };
    let numbers = parse_numbers(&new.numbers)?;
    let carrier = parse::carrier_name(new.operator.as_deref()).map(Box::from);
    let load = StockLoad { product, carrier, cost, price, numbers };
    let loaded = state.supply.load(load).await.map_err(problems::of_refused)?;
    let mut body = Json::with_capacity(64);
    body.object(|o| {
        o.number_text("offer", u64::from(loaded.offer.0));
        o.number("loaded", u64::from(loaded.count));
    });
    Ok(reply::json_written(StatusCode::CREATED, body))
}

fn parse_numbers(texts: &[String]) -> Result<Vec<Number>, Problem> {
    let parsed = texts.iter().enumerate().map(|(at, text)| {
        let wrong = || {
            parse::refused(
                "invalid_number",
                "A number is not E.164: digits alone, with the country code",
                "numbers",
            )
            .detail(format!("numbers[{at}]"))
        };
        Number::parse(text).ok_or_else(wrong)
    });
    parsed.collect()
}
