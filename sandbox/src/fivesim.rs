//! 5sim's REST format `v1`: paths, bearer token, refusals as plain text.
//!
//! *Source*: 5sim's documentation and replies recorded by third parties. Everything is GET;
//! `no free phones` comes with HTTP 200; the content type is exactly `application/json`.
//! The protocol has no call for another code: a second message comes by itself.

use jiff::Timestamp;
use nexnum_engine::catalog::{Catalog, Language};
use nexnum_engine::ids::{CountryId, Product, ServiceId};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::cost::Cost;
use crate::fault_kind::{Ask, FaultKind};
use crate::life::{Closed, Message};
use crate::market::Quote;
use crate::random::mix;
use crate::reply::{Reply, write_into};
use crate::shape::{self, OPERATORS};
use crate::site::{Change, Marks, Purchase, Refused, Site, View};

/// Rows of an order list when the client names no limit.
const ORDERS_LIMIT: usize = 100;

/// About what one row of the price list takes, in bytes.
const ROW_LEN: usize = 56;

/// When the account was opened and paid in to.
const ACCOUNT_OPENED: &str = "2020-06-24T15:37:08.149895Z";

const TOO_YOUNG: &str = "you need to wait time";
const ORDER_NOT_FOUND: &str = "order not found";

/// What a call asks for.
pub(crate) fn ask(call: &Call) -> Ask {
    match path(call)[..] {
        ["user", "buy", "activation", ..] => Ask::Purchase,
        ["user", "check", ..] => Ask::Status,
        ["user", "cancel", ..] => Ask::Cancel,
        ["user", "orders"] => Ask::OpenList,
        ["guest", "prices"] => Ask::Prices,
        ["user", "profile"] => Ask::Balance,
        _ => Ask::Other,
    }
}

/// The refusal that a fault decides, in the protocol's words.
pub(crate) fn refused(kind: FaultKind) -> Option<Reply> {
    let list = json!({"Data": [], "ProductNames": [], "Statuses": [], "Total": 0}).to_string();
    let profile = json!({"id": 1, "balance": 0, "rating": 96}).to_string();
    kind.among([
        (FaultKind::NotFound, Reply::refusal(404, ORDER_NOT_FOUND)),
        (FaultKind::CancelTooEarly, Reply::refusal(400, TOO_YOUNG)),
        (FaultKind::KeyRefused, Reply::refusal(401, "")),
        (FaultKind::ListEmpty, Reply::json(list)),
        (FaultKind::EmptyAccount, Reply::json(profile)),
    ])
}

/// The path below `/v1`.
fn path(call: &Call) -> Vec<&str> {
    let segments = call.segments();
    if segments.first() == Some(&"v1") { segments[1..].to_vec() } else { segments }
}

/// Answers a call. `guest` is open and ignores tokens; a bad token elsewhere is 401, empty.
pub(crate) fn answer(site: &Site, call: &Call, marks: Marks) -> Reply {
    let path = path(call);
    if path.first() == Some(&"user") && call.bearer.as_ref() != Some(&site.key) {
        return Reply::refusal(401, "");
    }
    if call.method != "GET" {
        return Reply::refusal(405, "Method Not Allowed");
    }
    match path[..] {
        ["guest", "prices"] => prices(site, call),
        ["guest", "products", country, operator] => products(site, country, operator),
        ["guest", "countries"] => Reply::json(countries(site).to_string()),
        ["guest", "flash", _] => Reply::json(r#"{"text":""}"#),
        ["user", "profile"] => Reply::json(profile(site).to_string()),
        ["user", "orders"] => orders(site, call),
        ["user", "payments"] => Reply::json(payments(site).to_string()),
        ["user", "max-prices"] => Reply::json("[]"),
        ["user", "buy", "activation", country, operator, product] => {
            buy(site, call, [country, operator, product], marks)
        }
        ["user", "check", id] => check(site, id),
        ["user", "finish", id] => manage(site, id, finish),
        ["user", "cancel", id] => {
            let min_age_ms = site.min_cancel_age_ms;
            manage(site, id, |view| cancel(view, min_age_ms))
        }
        ["user", "ban", id] => manage(site, id, ban),
        _ => Reply::refusal(404, "404 page not found"),
    }
}

/// `{country:{product:{operator:{cost,count,rate}}}}`; product and country swap
/// when only the product is given.
fn prices(site: &Site, call: &Call) -> Reply {
    let (country, product) = (call.param(&["country"]), call.param(&["product"]));
    let country = match country.map(|slug| site.ids.country(slug)) {
        Some(None) => return Reply::refusal(400, "country is incorrect"),
        found => found.flatten(),
    };
    let service = match product.map(|name| site.ids.service(name)) {
        Some(None) => return Reply::refusal(400, "product is incorrect"),
        found => found.flatten(),
    };
    let mut quotes = site.quotes();
    quotes.retain(|quote| {
        country.is_none_or(|country| country == quote.product.country)
            && service.is_none_or(|service| service == quote.product.service)
    });
    if quotes.is_empty() {
        return Reply::json("null");
    }
    let is_swapped = country.is_none() && service.is_some();
    let keys = |product: Product| {
        let country = site.ids.country_ext(product.country).unwrap_or_default();
        let service = site.ids.service_ext(product.service).unwrap_or_default();
        if is_swapped { [service, country] } else { [country, service] }
    };
    Reply::json(nested(site, &quotes, keys))
}

/// The sorted quotes as three nested maps, in one buffer.
fn nested<'a>(site: &Site, quotes: &[Quote], keys: impl Fn(Product) -> [&'a str; 2]) -> String {
    let mut text = String::with_capacity(16 + ROW_LEN * quotes.len());
    text.push('{');
    let mut last: Option<[&str; 2]> = None;
    for quote in quotes {
        let now @ [outer, inner] = keys(quote.product);
        match last {
            Some(before) if before == now => text.push(','),
            Some([before, _]) if before == outer => {
                write_into(&mut text, format_args!("}},\"{inner}\":{{"));
            }
            Some(_) => write_into(&mut text, format_args!("}}}},\"{outer}\":{{\"{inner}\":{{")),
            None => write_into(&mut text, format_args!("\"{outer}\":{{\"{inner}\":{{")),
        }
        last = Some(now);
        let Quote { operator, cost, stock, .. } = *quote;
        let name = operator_name(operator);
        write_into(&mut text, format_args!("\"{name}\":{{\"cost\":{cost},\"count\":{stock}"));
        let word = mix(site.seed, &[15, u64::from(cost.0), u64::from(operator)]);
        let rate = word % 10_000;
        // Below twenty per cent the real list leaves the rate out.
        if rate >= 2_000 {
            write_into(&mut text, format_args!(",\"rate\":{}.{:02}", rate / 100, rate % 100));
        }
        text.push('}');
    }
    text.push_str("}}}");
    text
}

fn operator_name(operator: u8) -> &'static str {
    OPERATORS[usize::from(operator) % OPERATORS.len()]
}

fn operator_by_name(name: &str) -> Option<u8> {
    OPERATORS.iter().position(|&it| it == name).map(|at| at as u8)
}

/// What is on sale at a place: the cheapest price, the sum of stock.
fn products(site: &Site, country: &str, operator: &str) -> Reply {
    let country_id = site.ids.country(country);
    let operator_id = operator_by_name(operator);
    if country_id.is_none() && country != "any" {
        return Reply::refusal(400, "bad country");
    }
    let mut found: std::collections::BTreeMap<ServiceId, (Cost, u64)> = Default::default();
    for quote in site.quotes() {
        let here = country_id.is_none_or(|country| country == quote.product.country)
            && (operator == "any" || operator_id == Some(quote.operator));
        if here && quote.stock > 0 {
            let (price, qty) = found.entry(quote.product.service).or_insert((quote.cost, 0));
            *price = (*price).min(quote.cost);
            *qty += u64::from(quote.stock);
        }
    }
    let rows = found.into_iter().filter_map(|(service, (price, qty))| {
        let row = json!({"Category": "activation", "Qty": qty, "Price": price.json()});
        Some((site.ids.service_ext(service)?.to_owned(), row))
    });
    Reply::json(Value::Object(rows.collect()).to_string())
}

fn countries(site: &Site) -> Value {
    let rows = Catalog::load().countries().filter_map(|(row, country)| {
        let slug = site.ids.country_ext(row)?;
        let mut entry = Map::new();
        let iso = country.iso2.to_lowercase();
        entry.insert("iso".to_owned(), json!({ iso: 1 }));
        entry.insert("prefix".to_owned(), json!({ format!("+{}", country.dial_code): 1 }));
        entry.insert("text_en".to_owned(), country.name(Language::En).into());
        entry.insert("text_ru".to_owned(), country.name(Language::Ru).into());
        for operator in shape::operators(site.seed, row) {
            entry.insert(operator_name(operator).to_owned(), json!({"activation": 1}));
        }
        Some((slug.to_owned(), Value::Object(entry)))
    });
    Value::Object(rows.collect())
}

/// The profile with the undocumented fields that a client requires.
fn profile(site: &Site) -> Value {
    let balance = Cost(u32::try_from(site.balance()).unwrap_or(u32::MAX));
    let last = site.all().first().map(|view| last_order(site, view)).unwrap_or_default();
    json!({
        "id": 1,
        "email": "sandbox@example.com",
        "balance": balance.json(),
        "rating": 96,
        "default_country": {"name": "indonesia", "iso": "id", "prefix": "+62"},
        "default_operator": {"name": ""},
        "frozen_balance": 0,
        "did_order": !last.is_empty(),
        "is_totp": false,
        "last_top_orders": format!("[{last}]"),
        "last_order": last,
        "last_top_idx": 0,
        "total_active_orders": site.active().len(),
    })
}

/// The one payment that the account began with.
fn payments(site: &Site) -> Value {
    let amount = Cost(u32::try_from(site.deposit()).unwrap_or(u32::MAX)).json();
    json!({
        "Data": [{
            "ID": 1, "TypeName": "charge", "ProviderName": "admin",
            "Amount": amount, "Balance": amount, "CreatedAt": ACCOUNT_OPENED,
        }],
        "PaymentTypes": [{"Name": "charge"}],
        "PaymentProviders": [{"Name": "admin"}],
        "Total": 1,
    })
}

fn last_order(site: &Site, view: &View) -> String {
    let life = &view.life;
    let country = site.ids.country_ext(life.product.country).unwrap_or_default();
    let product = site.ids.service_ext(life.product.service).unwrap_or_default();
    format!("{country}:{product}:{}:{}:{}", operator_name(life.operator), life.id, life.cost)
}

fn buy(site: &Site, call: &Call, names: [&str; 3], marks: Marks) -> Reply {
    let [country, operator, product] = names;
    let Some(service) = site.ids.service(product) else {
        return Reply::refusal(400, "no product");
    };
    let operators = match operator_by_name(operator) {
        Some(id) => vec![id],
        None if operator == "any" => Vec::new(),
        None => return Reply::refusal(400, "bad operator"),
    };
    let country = match site.ids.country(country) {
        Some(id) => Some(id),
        None if country == "any" => cheapest(site, service, &operators),
        None => return Reply::refusal(400, "bad country"),
    };
    let Some(country) = country else { return Reply::text("no free phones") };
    // The limit counts only where the operator is left open.
    let max_cost = call.param(&["maxPrice"]).filter(|_| operator == "any").map(Cost::limit);
    let product = Product::activation(country, service);
    match site.buy(&Purchase { product, operators, max_cost, reference: 0 }, marks) {
        Ok(view) => Reply::json(order(site, &view, Value::Null).to_string()),
        Err(Refused::NoNumbers | Refused::PriceAbove(_) | Refused::Repeated) => {
            Reply::text("no free phones")
        }
        Err(Refused::NoBalance(_)) => Reply::refusal(400, "not enough user balance"),
    }
}

fn cheapest(site: &Site, service: ServiceId, operators: &[u8]) -> Option<CountryId> {
    let quotes = site.quotes().into_iter().filter(|quote| {
        quote.product.service == service
            && quote.stock > 0
            && (operators.is_empty() || operators.contains(&quote.operator))
    });
    quotes.min_by_key(|quote| quote.cost).map(|quote| quote.product.country)
}

fn order(site: &Site, view: &View, sms: Value) -> Value {
    let life = &view.life;
    json!({
        "id": life.id,
        "phone": format!("+{}", life.number),
        "operator": operator_name(life.operator),
        "product": site.ids.service_ext(life.product.service),
        "price": life.cost.json(),
        "status": status(view),
        "expires": stamp(view.ends_ms),
        "sms": sms,
        "created_at": stamp(site.in_rows_ms(life.bought_ms)),
        "forwarding": false,
        "forwarding_number": "",
        "country": site.ids.country_ext(life.product.country),
    })
}

/// An order without a message may read PENDING or RECEIVED: real ones do both.
fn status(view: &View) -> &'static str {
    match view.life.closed {
        Some((Closed::Cancelled, _)) => "CANCELED",
        Some((Closed::Banned, _)) => "BANNED",
        Some((Closed::Finished, _)) => "FINISHED",
        Some((Closed::TimedOut, _)) => "TIMEOUT",
        None if !view.messages.is_empty() => "RECEIVED",
        None if view.life.id.is_multiple_of(2) || view.age_ms() == 0 => "PENDING",
        None => "RECEIVED",
    }
}

fn with_messages(site: &Site, view: &View) -> Value {
    order(site, view, view.messages.iter().map(sms).collect())
}

fn sms(message: &Message) -> Value {
    json!({
        "id": message.id,
        "created_at": stamp(message.at_ms),
        "date": stamp(message.at_ms),
        "sender": message.sender,
        "text": message.text,
        "code": message.code,
    })
}

/// RFC 3339 with nanoseconds: `2018-10-13T08:13:38.809469028Z`.
fn stamp(ms: u64) -> String {
    let at = Timestamp::from_millisecond(ms as i64).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

fn check(site: &Site, id: &str) -> Reply {
    match id.parse().ok().and_then(|id| site.look(id)) {
        Some(view) => Reply::json(with_messages(site, &view).to_string()),
        None => Reply::refusal(404, ORDER_NOT_FOUND),
    }
}

/// Why an order stays as it is; all with HTTP 400.
type Kept = &'static str;

fn manage(site: &Site, id: &str, decide: impl Fn(&View) -> Result<Closed, Kept>) -> Reply {
    let Ok(id) = id.parse() else { return Reply::refusal(400, ORDER_NOT_FOUND) };
    let changed = site.change(id, |view| match decide(view) {
        Ok(how) => (Change::Close(how), Ok(())),
        Err(kept) => (Change::Nothing, Err(kept)),
    });
    match changed {
        Some(Ok(())) => check(site, &id.to_string()),
        Some(Err(kept)) => Reply::refusal(400, kept),
        None => Reply::refusal(400, ORDER_NOT_FOUND),
    }
}

fn open(view: &View) -> Result<(), Kept> {
    match view.life.closed {
        None => Ok(()),
        Some((Closed::TimedOut, _)) => Err("order expired"),
        Some((Closed::Finished, _)) => Err("order has sms"),
        Some((Closed::Cancelled | Closed::Banned, _)) => Err(ORDER_NOT_FOUND),
    }
}

fn finish(view: &View) -> Result<Closed, Kept> {
    open(view)?;
    if view.messages.is_empty() { Err("order no sms") } else { Ok(Closed::Finished) }
}

fn cancel(view: &View, min_age_ms: u64) -> Result<Closed, Kept> {
    let how = ban(view).map(|_| Closed::Cancelled)?;
    if view.age_ms() < min_age_ms { Err(TOO_YOUNG) } else { Ok(how) }
}

fn ban(view: &View) -> Result<Closed, Kept> {
    open(view)?;
    if view.messages.is_empty() { Ok(Closed::Banned) } else { Err("order has sms") }
}

/// The orders, newest first; `category` is required and only `activation` has any.
fn orders(site: &Site, call: &Call) -> Reply {
    let Some(category @ ("activation" | "hosting")) = call.param(&["category"]) else {
        return Reply::refusal(400, "select category");
    };
    let number = |name: &str| call.param(&[name]).and_then(|text| text.parse::<usize>().ok());
    let limit = number("limit").unwrap_or(ORDERS_LIMIT);
    let mut views = site.all();
    if category == "hosting" {
        views.clear();
    }
    if call.param(&["reverse"]) == Some("false") {
        views.reverse();
    }
    let page = views.iter().skip(number("offset").unwrap_or(0)).take(limit);
    let rows: Vec<Value> = page.map(|view| with_messages(site, view)).collect();
    let list = json!({"Data": rows, "ProductNames": [], "Statuses": [], "Total": views.len()});
    Reply::json(list.to_string())
}
