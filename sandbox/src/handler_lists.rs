//! What the handler protocol says of a market: prices, counts, countries, services, operators.
//!
//! *Source*: as for the protocol itself; the price ladders, which not every clone has, as
//! Grizzly and SMSBower print them. The ladders' partners are the simulated operators.

use std::collections::BTreeMap;

use nexnum_engine::catalog::{Catalog, Language};
use nexnum_engine::ids::{CountryId, Product, ServiceId};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::market::Quote;
use crate::reply::{Reply, write_into};
use crate::shape::{self, OPERATORS};
use crate::site::Site;

/// The id of the first operator where operators are shown as partners.
const FIRST_PARTNER: u32 = 1_000;

/// About what one row of the price list takes, in bytes.
const ROW_LEN: usize = 56;

/// The whole list in one buffer: `{country:{service:{cost,count,physicalCount}}}`.
pub(crate) fn prices(site: &Site, call: &Call) -> Reply {
    let quotes = filtered(site, call);
    let mut text = String::with_capacity(16 + ROW_LEN * quotes.len());
    text.push('{');
    let mut last = None;
    for Quote { product, cost, stock, .. } in quotes {
        let ids = (site.ids.country_ext(product.country), site.ids.service_ext(product.service));
        let (Some(country), Some(service)) = ids else { continue };
        match last {
            Some(previous) if previous == product.country => text.push(','),
            Some(_) => write_into(&mut text, format_args!("}},\"{country}\":{{")),
            None => write_into(&mut text, format_args!("\"{country}\":{{")),
        }
        last = Some(product.country);
        let real = stock / 8;
        write_into(
            &mut text,
            format_args!(
                "\"{service}\":{{\"cost\":{cost},\"count\":{stock},\"physicalCount\":{real}}}"
            ),
        );
    }
    text.push_str(if last.is_some() { "}}" } else { "}" });
    Reply::json(text)
}

/// The quotes of a call's filter, sorted by country and service; none for what is unknown.
fn filtered(site: &Site, call: &Call) -> Vec<Quote> {
    let Ok(Filter { country, service }) = Filter::of(site, call) else { return Vec::new() };
    let mut quotes = site.quotes();
    quotes.retain(|quote| {
        country.is_none_or(|it| it == quote.product.country)
            && service.is_none_or(|it| it == quote.product.service)
    });
    quotes
}

/// The quotes in stock, as a map of maps of what `row` says of each product's quotes.
fn nested(
    site: &Site,
    call: &Call,
    keys: impl Fn(Product) -> Option<[String; 2]>,
    row: impl Fn(&[Quote]) -> Value,
) -> Reply {
    let mut quotes = filtered(site, call);
    quotes.retain(|quote| quote.stock > 0);
    let mut table: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for product in quotes.chunk_by(|one, next| one.product == next.product) {
        if let Some([outer, inner]) = keys(product[0].product) {
            table.entry(outer).or_default().insert(inner, row(product));
        }
    }
    Reply::json(json!(table).to_string())
}

/// The provider's codes of a product, country first.
fn codes(site: &Site, product: Product) -> Option<[String; 2]> {
    let country = site.ids.country_ext(product.country)?;
    Some([country.to_owned(), site.ids.service_ext(product.service)?.to_owned()])
}

/// `{country:{service:{price:count}}}`.
pub(crate) fn prices_v2(site: &Site, call: &Call) -> Reply {
    let ladder = |quotes: &[Quote]| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for quote in quotes {
            *counts.entry(quote.cost.to_string()).or_default() += u64::from(quote.stock);
        }
        json!(counts)
    };
    nested(site, call, |product| codes(site, product), ladder)
}

/// `{country:{service:{price,count,providers:{id:{count,price:[…],provider_id}}}}}`.
pub(crate) fn prices_v3(site: &Site, call: &Call) -> Reply {
    let partners = |quotes: &[Quote]| {
        let partner = |quote: &Quote| {
            let id = FIRST_PARTNER + u32::from(quote.operator);
            let (count, price) = (quote.stock, [quote.cost.json()]);
            (id.to_string(), json!({"count": count, "price": price, "provider_id": id}))
        };
        let count: u64 = quotes.iter().map(|quote| u64::from(quote.stock)).sum();
        let price = quotes.iter().map(|quote| quote.cost).min().map(|cost| cost.json());
        let providers: Map<String, Value> = quotes.iter().map(partner).collect();
        json!({"price": price, "count": count, "providers": providers})
    };
    nested(site, call, |product| codes(site, product), partners)
}

/// Service first: `{service:{country:{count,price}}}`, prices as text.
pub(crate) fn prices_verification(site: &Site, call: &Call) -> Reply {
    let cheapest = |quotes: &[Quote]| {
        let count: u64 = quotes.iter().map(|quote| u64::from(quote.stock)).sum();
        let price = quotes.iter().map(|quote| quote.cost).min().map(|cost| cost.to_string());
        json!({"count": count, "price": price})
    };
    let keys = |product| codes(site, product).map(|[country, service]| [service, country]);
    nested(site, call, keys, cheapest)
}

/// The product that a call narrows a list to.
pub(crate) struct Filter {
    pub(crate) country: Option<CountryId>,
    pub(crate) service: Option<ServiceId>,
}

impl Filter {
    pub(crate) fn of(site: &Site, call: &Call) -> Result<Self, &'static str> {
        let country = call.param(&["country"]).filter(|&id| id != "any");
        let country = match country {
            Some(id) => Some(site.ids.country(id).ok_or("NO_NUMBERS")?),
            None => None,
        };
        let service = match call.param(&["service"]) {
            Some(code) => Some(service(site, code).ok_or("BAD_SERVICE")?),
            None => None,
        };
        Ok(Self { country, service })
    }
}

/// A service by its code; old clients append `_0` or `_1` for forwarding.
fn service(site: &Site, code: &str) -> Option<ServiceId> {
    site.ids.service(code.strip_suffix("_0").or(code.strip_suffix("_1")).unwrap_or(code))
}

pub(crate) fn numbers_status(site: &Site, call: &Call) -> Reply {
    let Ok(Filter { country, .. }) = Filter::of(site, call) else { return Reply::json("{}") };
    let mut counts = Map::new();
    for quote in site.quotes() {
        if country.is_some_and(|country| country != quote.product.country) {
            continue;
        }
        if let Some(code) = site.ids.service_ext(quote.product.service) {
            let before = counts.get(code).and_then(Value::as_u64).unwrap_or(0);
            counts.insert(code.to_owned(), (before + u64::from(quote.stock)).into());
        }
    }
    Reply::json(Value::Object(counts).to_string())
}

/// The countries of a service, best stocked first, keyed by rank.
pub(crate) fn top_countries(site: &Site, call: &Call) -> Reply {
    let Ok(Filter { service: Some(service), .. }) = Filter::of(site, call) else {
        return Reply::text("BAD_SERVICE");
    };
    let mut quotes = site.quotes();
    quotes.retain(|quote| quote.product.service == service);
    quotes.sort_unstable_by_key(|quote| u32::MAX - quote.stock);
    let row = |quote: &Quote| {
        let country: u32 = site.ids.country_ext(quote.product.country)?.parse().ok()?;
        let price = quote.cost.json();
        Some(
            json!({"country": country, "count": quote.stock, "price": price, "retail_price": price}),
        )
    };
    let rows = quotes.iter().filter_map(row).enumerate();
    let rows: Map<String, Value> = rows.map(|(rank, row)| (rank.to_string(), row)).collect();
    Reply::json(Value::Object(rows).to_string())
}

/// The countries of a service by their share of its stock, a page of them.
pub(crate) fn top_list(site: &Site, call: &Call) -> Reply {
    let Ok(Filter { service: Some(service), .. }) = Filter::of(site, call) else {
        return Reply::text("WRONG_SERVICE");
    };
    let number = |name: &str| call.param(&[name]).and_then(|text| text.parse::<usize>().ok());
    let (length, page) = (number("length").unwrap_or(10), number("page").unwrap_or(1));
    let mut quotes = site.quotes();
    quotes.retain(|quote| quote.product.service == service && quote.stock > 0);
    quotes.sort_unstable_by_key(|quote| u32::MAX - quote.stock);
    let all: u64 = quotes.iter().map(|quote| u64::from(quote.stock)).sum();
    let row = |quote: &Quote| {
        let country: u32 = site.ids.country_ext(quote.product.country)?.parse().ok()?;
        let share = u64::from(quote.stock) * 100 / all.max(1);
        Some(json!({"country": country, "share": share, "rate": share}))
    };
    let skipped = page.saturating_sub(1).saturating_mul(length);
    let rows: Vec<Value> = quotes.iter().filter_map(row).skip(skipped).take(length).collect();
    Reply::json(json!(rows).to_string())
}

pub(crate) fn countries(site: &Site) -> Value {
    let rows = Catalog::load().countries().filter_map(|(row, country)| {
        let id = site.ids.country_ext(row)?;
        let [rus, eng, chn] = [Language::Ru, Language::En, Language::Zh].map(|it| country.name(it));
        let number: u32 = id.parse().ok()?;
        Some((
            id.to_owned(),
            json!({
                "id": number, "rus": rus, "eng": eng, "chn": chn,
                "visible": 1, "retry": 1, "rent": 0, "multiService": 0,
            }),
        ))
    });
    Value::Object(rows.collect())
}

pub(crate) fn services(site: &Site) -> Value {
    let rows = Catalog::load().services().filter_map(|(row, service)| {
        Some(json!({"code": site.ids.service_ext(row)?, "name": service.name}))
    });
    json!({"status": "success", "services": rows.collect::<Vec<_>>()})
}

/// An operator's name as providers print it.
pub(crate) fn operator_name(operator: u8) -> &'static str {
    OPERATORS[usize::from(operator) % OPERATORS.len()]
}

pub(crate) fn operators(site: &Site, call: &Call) -> Reply {
    let wanted = call.param(&["country"]).map(|id| site.ids.country(id));
    if wanted == Some(None) {
        return Reply::json(r#"{"status":"error","error":"OPERATORS_NOT_FOUND"}"#);
    }
    let rows = Catalog::load().countries().filter_map(|(row, _)| {
        let id = site.ids.country_ext(row)?;
        let names: Vec<&str> = shape::operators(site.seed, row).map(operator_name).collect();
        wanted.flatten().is_none_or(|country| country == row).then(|| (id.to_owned(), json!(names)))
    });
    let rows: Map<String, Value> = rows.collect();
    Reply::json(json!({"status": "success", "countryOperators": rows}).to_string())
}
