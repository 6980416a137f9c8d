//! Own stock: numbers that the operator holds, put on sale.

use hyper::StatusCode;
use nexnum_engine::command::{ListOffers, LoadStock, NameOperator};
use nexnum_engine::decide::check_load;
use nexnum_engine::ids::{Number, OfferId, OperatorId, Product, ProviderId};
use nexnum_engine::money::Micros;
use nexnum_engine::reject::Reject;
use serde::Deserialize;

use super::execute;
use crate::app::App;
use crate::http::v1::{parse_amount, parse_amount_or_zero, parse_country, parse_service, refused};
use crate::http::{Call, Json, Problem, Response, auth, problems, reply};

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

pub(super) async fn load(mut call: Call<App>) -> Result<Response, Problem> {
    auth::operator(&call)?;
    call.query(&[])?;
    let new: NewStock = call.json().await?;
    let app = &call.state;
    let product = Product {
        country: parse_country(app.catalog, &new.country)?,
        service: parse_service(app.catalog, &new.service)?,
    };
    let price = parse_amount(&new.price, "price")?;
    let cost = match &new.cost {
        Some(text) => parse_amount_or_zero(text, "cost")?,
        None => Micros::ZERO,
    };
    let numbers = parse_numbers(&new.numbers)?;
    // Before its operator is named and its offer is listed, which are events of their own.
    check_load(cost, price, &numbers).map_err(problems::of_reject)?;
    let operator = operator_id(app, new.operator.as_deref()).await?;
    let offer = offer_id(app, app.own.provider, product, operator).await?;
    let count = execute(app, LoadStock { offer, cost, price, numbers }).await?;
    let mut body = Json::with_capacity(64);
    body.object(|o| {
        o.number_text("offer", u64::from(offer.0));
        o.number("loaded", u64::from(count));
    });
    Ok(reply::json_written(StatusCode::CREATED, body))
}

fn parse_numbers(texts: &[String]) -> Result<Vec<Number>, Problem> {
    let parsed = texts.iter().enumerate().map(|(at, text)| {
        let wrong = || {
            refused("invalid_number", "A number is not E.164 digits", "numbers")
                .detail(format!("numbers[{at}]"))
        };
        Number::parse(text).ok_or_else(wrong)
    });
    parsed.collect()
}

async fn operator_id(app: &App, name: Option<&str>) -> Result<OperatorId, Problem> {
    let Some(name) = name.filter(|name| !name.is_empty() && *name != "any") else {
        return Ok(OperatorId::ANY);
    };
    execute(app, NameOperator { name: name.into() }).await
}

/// The own offer's id, listed now if it was not before.
async fn offer_id(
    app: &App,
    provider: ProviderId,
    product: Product,
    operator: OperatorId,
) -> Result<OfferId, Problem> {
    let known = || app.read_model.directory().offer(provider, product, operator);
    if let Some(offer) = known() {
        return Ok(offer);
    }
    let list = ListOffers { provider, offers: vec![(product, operator)] };
    match app.handle.ask(list).await.map_err(problems::of_send)? {
        Ok(listed) => Ok(listed.first),
        // Another load listed it meanwhile; its event is published before this answer.
        Err(Reject::DuplicateOffer) => {
            known().ok_or_else(|| problems::of_reject(Reject::DuplicateOffer))
        }
        Err(reject) => Err(problems::of_reject(reject)),
    }
}
