//! Own stock: numbers that the operator holds, put on sale.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::catalog::{Catalog, Language};
use nexnum_engine::ids::{Number, Product};
use nexnum_engine::money::Micros;

use super::state::State;
use crate::face::auth::Operator;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation as Described, Reply, Tag};
use crate::face::wire::{Amount, GivenNumber, Id};
use crate::face::{parse, problems};
use crate::http::{Call, Problem, Response, body, reply};
use crate::supply::{LoadRefusal, StockLoad};

/// A load of the most numbers one command takes, with room for white space.
pub(super) const BODY_LEN_MAX: usize = 1024 * 1024;

pub(super) const LOAD: Described = Described::new(
    "loadStock",
    Tag::Admin,
    "Put numbers of own stock on sale",
    &[Reply::json::<LoadedStock>(
        201,
        "The numbers are for sale",
        r#"{"offer": "3", "loaded": 2}"#,
    )],
)
.details(
    "All numbers are added, or none. A price that differs from the offer's price becomes the \
     price of all numbers of the offer.",
)
.body::<NewStock<'_>>(
    r#"{"country": "ID", "service": "telegram", "price": "0.40", "cost": "0.10",
        "numbers": ["+6281234567890", "6281234567891"]}"#,
)
.problems(&[
    Code::DuplicateNumber,
    Code::DuplicateOffer,
    Code::UnknownCountry,
    Code::UnknownService,
    Code::InvalidAmount,
    Code::AmountOutOfRange,
    Code::InvalidNumber,
    Code::OtherCountry,
    Code::Overloaded,
    Code::OutcomeUnknown,
    Code::Exhausted,
]);

pub(super) async fn load(
    state: Arc<State>,
    operator: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    let body = call.bytes().await?;
    let new: NewStock<'_> = body::decode_json(&body)?;
    let catalog = state.market.catalog;
    let product = Product::activation(
        parse::country(catalog, &new.country)?,
        parse::service(catalog, &new.service)?,
    );
    let price = parse::amount(&new.price.0, "price")?;
    let cost = match &new.cost {
        Some(amount) => parse::amount_or_zero(&amount.0, "cost")?,
        None => Micros::ZERO,
    };
    let numbers = parse_numbers(&new.numbers)?;
    let carrier = parse::carrier_name(new.carrier.as_deref()).map(Box::from);
    let load = StockLoad { product, carrier, cost, price, numbers };
    let origin = operator.origin(&state.access, &call, None).await?;
    let loaded =
        state.supply.load(&origin, load).await.map_err(|refusal| refused(catalog, refusal))?;
    let shown = LoadedStock { offer: loaded.offer.0.into(), loaded: loaded.count };
    Ok(reply::json(StatusCode::CREATED, &shown))
}

fn refused(catalog: &Catalog, refusal: LoadRefusal) -> Problem {
    match refusal {
        LoadRefusal::OtherCountry { number, country } => {
            let title = "A number is of another country";
            let problem = parse::refused("other_country", title, "numbers");
            let Some(country) = catalog.country(country) else { return problem };
            let (name, code) = (country.name(Language::En), country.dial_code);
            problem.detail(format!(
                "+{number} is no number of {name}, whose numbers begin with +{code}: leave it \
                 out, or load it for its own country; nothing was loaded"
            ))
        }
        LoadRefusal::Duplicate { number } => problems::duplicate_number(&format!("+{number}")),
        LoadRefusal::Refused(refused) => problems::of_refused(refused),
    }
}

fn parse_numbers(texts: &[GivenNumber<'_>]) -> Result<Vec<Number>, Problem> {
    let parsed = texts.iter().enumerate().map(|(at, text)| {
        parse::number(&text.0, "numbers")
            .map_err(|problem| problem.detail(format!("numbers[{at}]")))
    });
    parsed.collect()
}

/// Numbers of own stock to put on sale.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewStock<'a> {
    /// The country: its ISO code of two or three letters, in any case.
    #[serde(borrow)]
    country: Cow<'a, str>,
    /// The service: its slug or its short code, in any case.
    #[serde(borrow)]
    service: Cow<'a, str>,
    /// The phone company by name, at most 100 bytes of UTF-8; a new name is added. None if left
    /// out, empty or `any`.
    #[serde(borrow, default)]
    #[schemars(length(max = 100))]
    carrier: Option<Cow<'a, str>>,
    /// The price of one number, above zero.
    #[serde(borrow)]
    price: Amount<'a>,
    /// What one number costs the business, at most the price; 0 if left out.
    #[serde(borrow, default)]
    cost: Option<Amount<'a>>,
    /// The numbers, 1 to 20,000, all of the country, none of them in stock already.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 20_000))]
    numbers: Vec<GivenNumber<'a>>,
}

/// Stock that was loaded.
#[derive(Debug, Serialize, JsonSchema)]
struct LoadedStock {
    /// The offer that the numbers were added to.
    offer: Id,
    /// How many numbers were added.
    #[schemars(range(min = 1))]
    loaded: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_is_loaded_by_every_spelling_of_a_number_that_a_callback_may_have() {
        for text in ["+62 813-0000 7771", "62 (813) 0000.7771", "+٦٢٨١٣٠٠٠٠٧٧٧١"] {
            let parsed = parse_numbers(&[GivenNumber(text.into())]).unwrap();
            assert_eq!(parsed, [Number(6_281_300_007_771)], "{text}");
        }
        let refused = parse_numbers(&[GivenNumber("+62 813 x".into())]);
        assert!(refused.is_err());
    }
}
