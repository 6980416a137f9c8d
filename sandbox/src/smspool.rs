//! SMSPool's format: a form with `key=`, a flat price list, `success` as 0 or 1.
//!
//! *Source*: SMSPool's documentation and clients. POST with a form; GET works
//! too. Refusals are HTTP 200 with `success: 0`; order ids are eight letters.
//! The price list has no stock: it shows what is in stock, and `/sms/stock` says how much.

use nexnum_engine::catalog::{Catalog, Language};
use nexnum_engine::ids::{CountryId, Product, ServiceId};
use serde_json::{Value, json};

use crate::call::Call;
use crate::cost::Cost;
use crate::fault_kind::{Ask, FaultKind};
use crate::life::{Closed, Life};
use crate::market::Quote;
use crate::reply::{Reply, write_into};
use crate::site::{Change, Marks, Purchase, Refused, Site, View};

/// The pools' names; a pool's number is its place, from 1.
const POOLS: [&str; 3] = ["Alpha", "Bravo", "Charlie"];

/// Orders that a history shows.
const HISTORY_MAX: usize = 100;

const NO_SUCH_ORDER: &str = "We could not find this order!";
const TOO_YOUNG: &str = "Your order cannot be cancelled yet, please try again later.";
const BAD_KEY: &str = "Invalid API key";
const HAS_MESSAGE: &str = "This order has already received an SMS";
const OUT_OF_STOCK: &str =
    "This country is currently not available for this service, please try again later.";

/// What a call asks for.
pub(crate) fn ask(call: &Call) -> Ask {
    match path(call)[..] {
        ["purchase", "sms"] => Ask::Purchase,
        ["sms", "check"] => Ask::Status,
        ["sms", "cancel"] => Ask::Cancel,
        ["request", "active"] => Ask::OpenList,
        ["request", "pricing"] => Ask::Prices,
        ["request", "balance"] => Ask::Balance,
        _ => Ask::Other,
    }
}

/// The refusal that a fault decides, in the protocol's words.
pub(crate) fn refused(kind: FaultKind) -> Option<Reply> {
    kind.among([
        (FaultKind::NotFound, refusal(NO_SUCH_ORDER)),
        (FaultKind::CancelTooEarly, refusal(TOO_YOUNG)),
        (FaultKind::KeyRefused, refusal(BAD_KEY)),
        (FaultKind::ListEmpty, Reply::json("[]")),
        (FaultKind::EmptyAccount, Reply::json(json!({"balance": "0.00"}).to_string())),
    ])
}

/// The path; some clients put `/api` in front.
fn path(call: &Call) -> Vec<&str> {
    let segments = call.segments();
    if segments.first() == Some(&"api") { segments[1..].to_vec() } else { segments }
}

/// Answers a call. The lists of countries, services and pools need no key.
pub(crate) fn answer(site: &Site, call: &Call, marks: Marks) -> Reply {
    let path = path(call);
    match path[..] {
        ["country", "retrieve_all"] => return Reply::json(countries(site).to_string()),
        ["service", "retrieve_all"] => return Reply::json(services(site).to_string()),
        ["pool", "retrieve_all"] => return Reply::json(pools().to_string()),
        _ => {}
    }
    let key = call.param(&["key"]).or(call.bearer.as_deref());
    if key != Some(site.key.as_str()) {
        return refusal(BAD_KEY);
    }
    match path[..] {
        ["request", "balance"] => Reply::json(json!({"balance": balance(site)}).to_string()),
        ["request", "pricing"] => pricing(site, call),
        ["request", "price"] => price(site, call),
        ["request", "active"] => Reply::json(active(site).to_string()),
        ["request", "history"] => Reply::json(history(site).to_string()),
        ["sms", "stock"] => stock(site, call),
        ["purchase", "sms"] => buy(site, call, marks),
        ["sms", "check"] => check(site, call),
        ["sms", "cancel"] => cancel(site, call),
        ["sms", "resend"] => resend(site, call),
        _ => Reply::refusal(404, "Not Found"),
    }
}

fn refusal(message: &str) -> Reply {
    Reply::json(json!({"success": 0, "message": message}).to_string())
}

fn balance(site: &Site) -> String {
    let (left, unit) = (site.balance(), u64::from(Cost::PER_UNIT));
    format!("{}.{:02}", left / unit, left % unit / 100)
}

/// What a call asks about: country as id, ISO code or name, service as id or name.
fn product(site: &Site, call: &Call) -> (Option<CountryId>, Option<ServiceId>) {
    let catalog = Catalog::load();
    let country = call.param(&["country"]);
    let country = country.and_then(|it| site.ids.country(it).or_else(|| catalog.find_country(it)));
    let service = call.param(&["service"]);
    let service = service.and_then(|it| {
        let named = || catalog.find_service(it).filter(|_| it.parse::<u32>().is_err());
        site.ids.service(it).or_else(named)
    });
    (country, service)
}

/// The pools that a call names, by number or name; empty for any.
fn wanted_pools(call: &Call) -> Vec<u8> {
    let named = |pool: &str| (1..).zip(POOLS).find(|(_, name)| *name == pool).map(|(id, _)| id);
    let pool = call.param(&["pool"]).and_then(|pool| pool.parse().ok().or_else(|| named(pool)));
    pool.into_iter().collect()
}

/// One row for each country, service and pool in stock.
fn pricing(site: &Site, call: &Call) -> Reply {
    let (country, service) = product(site, call);
    if (call.param(&["country"]).is_some() && country.is_none())
        || (call.param(&["service"]).is_some() && service.is_none())
    {
        return Reply::json("[]");
    }
    let max = call.param(&["max_price"]).map(Cost::limit);
    let pools = wanted_pools(call);
    let mut text = String::from("[");
    for quote in site.quotes() {
        let wanted = country.is_none_or(|it| it == quote.product.country)
            && service.is_none_or(|it| it == quote.product.service)
            && max.is_none_or(|max| quote.cost <= max)
            && (pools.is_empty() || pools.contains(&quote.operator));
        if wanted && quote.stock > 0 {
            price_row(site, &quote, &mut text);
        }
    }
    text.push(']');
    Reply::json(text)
}

/// Appends a row; a comma stands before all but the first.
fn price_row(site: &Site, quote: &Quote, text: &mut String) {
    let catalog = Catalog::load();
    let Product { country, service, .. } = quote.product;
    let ids = (site.ids.country_ext(country), site.ids.service_ext(service));
    let rows = (catalog.country(country), catalog.service(service));
    let ((Some(country_id), Some(service_id)), (Some(country), Some(service))) = (ids, rows) else {
        return;
    };
    if text.len() > 1 {
        text.push(',');
    }
    let (pool, price) = (quote.operator, quote.cost);
    let names = (json!(service.name), json!(country.name(Language::En)));
    write_into(
        text,
        format_args!(
            "{{\"service\":{service_id},\"service_name\":{},\"country\":{country_id},\
             \"country_name\":{},\"short_name\":\"{}\",\"pool\":{pool},\"price\":\"{price}\"}}",
            names.0, names.1, country.iso2
        ),
    );
}

/// The cheapest price of a product and the dearest, as `price` and `high_price`.
fn price(site: &Site, call: &Call) -> Reply {
    let quotes = in_stock(site, call);
    let low = quotes.iter().map(|quote| quote.cost).min();
    let high = quotes.iter().map(|quote| quote.cost).max();
    match (low, high) {
        (Some(low), Some(high)) => {
            let (low, high) = (low.to_string(), high.to_string());
            Reply::json(
                json!({"price": low, "high_price": high, "success_rate": "100"}).to_string(),
            )
        }
        _ => refusal(OUT_OF_STOCK),
    }
}

fn stock(site: &Site, call: &Call) -> Reply {
    let amount: u64 = in_stock(site, call).iter().map(|quote| u64::from(quote.stock)).sum();
    Reply::json(json!({"success": 1, "amount": amount}).to_string())
}

fn in_stock(site: &Site, call: &Call) -> Vec<Quote> {
    let (Some(country), Some(service)) = product(site, call) else { return Vec::new() };
    let pools = wanted_pools(call);
    let mut quotes = site.product(Product::activation(country, service));
    quotes.retain(|quote| quote.stock > 0 && (pools.is_empty() || pools.contains(&quote.operator)));
    quotes
}

fn buy(site: &Site, call: &Call, marks: Marks) -> Reply {
    let (Some(country), Some(service)) = product(site, call) else {
        return refusal("Please select a valid country and service.");
    };
    let purchase = Purchase {
        product: Product::activation(country, service),
        operators: wanted_pools(call),
        max_cost: call.param(&["max_price"]).map(Cost::limit),
        reference: 0,
    };
    match site.buy(&purchase, marks) {
        Ok(view) => Reply::json(bought(&view).to_string()),
        Err(Refused::NoNumbers | Refused::Repeated) => refusal(OUT_OF_STOCK),
        Err(Refused::PriceAbove(least)) => {
            refusal(&format!("The price of this service is {least}, above your maximum price."))
        }
        Err(Refused::NoBalance(cost)) => {
            let left = balance(site);
            refusal(&format!(
                "Insufficient balance, the price is: {cost} while you only have: {left}"
            ))
        }
    }
}

fn bought(view: &View) -> Value {
    let (life, catalog) = (&view.life, Catalog::load());
    let country = catalog.country(life.product.country);
    let cc = country.map_or("", |country| country.dial_code);
    let order = order_code(life.id);
    json!({
        "success": 1,
        "number": life.number.0,
        "cc": cc,
        "phonenumber": local_number(life, cc),
        "order_id": order,
        "orderid": order,
        "country": country.map_or("", |country| country.name(Language::En)),
        "service": catalog.service(life.product.service).map_or("", |service| service.name),
        "pool": life.operator,
        "expires_in": view.ends_ms.saturating_sub(view.now_ms) / 1_000,
        "expiration": view.ends_ms / 1_000,
        "message": "You have successfully ordered a number.",
        "cost": life.cost.to_string(),
    })
}

/// A number as it is dialled within its country.
fn local_number(life: &Life, dial_code: &str) -> String {
    let number = life.number.to_string();
    number.strip_prefix(dial_code).unwrap_or(&number).to_owned()
}

/// Order codes are ids in letters, scattered so that neighbours do not look alike.
const CODES: u64 = 26_u64.pow(8);
/// Coprime to 26, and its inverse modulo [`CODES`].
const SCATTER: u64 = 99_999_999_977;
const GATHER: u64 = 197_826_616_665;

pub(crate) fn order_code(id: u32) -> String {
    let mut rest = times(u64::from(id), SCATTER);
    let mut letters = [b'A'; 8];
    for letter in letters.iter_mut().rev() {
        *letter += (rest % 26) as u8;
        rest /= 26;
    }
    letters.into_iter().map(char::from).collect()
}

fn order_id(code: &str) -> Option<u32> {
    if code.len() != 8 || !code.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return None;
    }
    let value = code.bytes().fold(0, |value, letter| value * 26 + u64::from(letter - b'A'));
    u32::try_from(times(value, GATHER)).ok()
}

fn times(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(CODES)) as u64
}

fn wanted_order(call: &Call) -> Option<u32> {
    order_id(call.param(&["orderid", "order_id"])?)
}

/// Status 1 waiting, 3 received, 6 refunded.
fn check(site: &Site, call: &Call) -> Reply {
    let Some(view) = wanted_order(call).and_then(|id| site.look(id)) else {
        return refusal(NO_SUCH_ORDER);
    };
    let expiration = view.ends_ms / 1_000;
    let refunded = view.life.closed.is_some_and(|(how, _)| how.refunds());
    let reply = match view.messages.last() {
        Some(message) if !refunded || view.life.late => {
            if view.life.closed.is_none() && view.is_waiting() {
                json!({"status": 1, "message": "pending", "expiration": expiration})
            } else {
                json!({
                    "status": 3, "sms": message.code, "full_sms": message.text,
                    "expiration": expiration,
                })
            }
        }
        Some(_) | None if refunded => {
            json!({"status": 6, "message": "This order has been refunded.", "expiration": expiration})
        }
        Some(_) | None => json!({"status": 1, "message": "pending", "expiration": expiration}),
    };
    Reply::json(reply.to_string())
}

fn cancel(site: &Site, call: &Call) -> Reply {
    let min_age_ms = site.min_cancel_age_ms;
    let changed = wanted_order(call).and_then(|id| {
        site.change(id, |view| {
            let kept = if view.life.closed.is_some() {
                NO_SUCH_ORDER
            } else if !view.messages.is_empty() {
                HAS_MESSAGE
            } else if view.age_ms() < min_age_ms {
                TOO_YOUNG
            } else {
                return (Change::Close(Closed::Cancelled), Ok(()));
            };
            (Change::Nothing, Err(kept))
        })
    });
    match changed.unwrap_or(Err(NO_SUCH_ORDER)) {
        Ok(()) => {
            let message = "The order has been cancelled, and you have been refunded.";
            Reply::json(json!({"success": 1, "message": message}).to_string())
        }
        Err(message) => refusal(message),
    }
}

fn resend(site: &Site, call: &Call) -> Reply {
    let changed = wanted_order(call).and_then(|id| {
        site.change(id, |view| {
            let may = view.life.closed.is_none() && !view.is_waiting();
            (if may { Change::Ask } else { Change::Nothing }, may)
        })
    });
    match changed {
        Some(true) => {
            let message = "Your number has been requested again.";
            Reply::json(json!({"success": 1, "message": message, "resend": 1}).to_string())
        }
        Some(false) => refusal("This order cannot be resent."),
        None => refusal(NO_SUCH_ORDER),
    }
}

/// The open orders; a doubled message shows its order twice.
fn active(site: &Site) -> Value {
    let rows = site.active();
    let rows = rows.iter().flat_map(|view| {
        let times = if view.life.doubled && !view.messages.is_empty() { 2 } else { 1 };
        std::iter::repeat_with(|| active_row(site, view)).take(times)
    });
    Value::Array(rows.collect())
}

/// The newest orders, open or not.
fn history(site: &Site) -> Value {
    site.all().iter().take(HISTORY_MAX).map(|view| active_row(site, view)).collect()
}

fn active_row(site: &Site, view: &View) -> Value {
    let (life, catalog) = (&view.life, Catalog::load());
    let country = catalog.country(life.product.country);
    let message = view.messages.last().filter(|_| !view.is_waiting());
    json!({
        "cost": life.cost.to_string(),
        "order_code": order_code(life.id),
        "phonenumber": local_number(life, country.map_or("", |country| country.dial_code)),
        "timestamp": jiff::Timestamp::from_millisecond(site.in_rows_ms(life.bought_ms) as i64)
            .unwrap_or_default()
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        "code": message.map_or("0", |message| &message.code),
        "full_code": message.map_or("0", |message| &message.text),
        "short_name": country.map(|country| country.iso2),
        "service": catalog.service(life.product.service).map(|service| service.name),
        "pool": life.operator,
        "status": match view.life.closed {
            Some((how, _)) if how.refunds() => "refunded",
            _ if message.is_some() => "completed",
            _ => "pending",
        },
        "expiry": view.ends_ms / 1_000,
        "time_left": view.ends_ms.saturating_sub(view.now_ms) / 1_000,
    })
}

fn countries(site: &Site) -> Value {
    let rows = Catalog::load().countries().filter_map(|(row, country)| {
        let id: u32 = site.ids.country_ext(row)?.parse().ok()?;
        let name = country.name(Language::En);
        let (short, cc) = (country.iso2, country.dial_code);
        Some(json!({"ID": id, "name": name, "region": "", "short_name": short, "cc": cc}))
    });
    rows.collect()
}

fn services(site: &Site) -> Value {
    let rows = Catalog::load().services().filter_map(|(row, service)| {
        let id: u32 = site.ids.service_ext(row)?.parse().ok()?;
        Some(json!({"ID": id, "name": service.name, "favourite": 0}))
    });
    rows.collect()
}

fn pools() -> Value {
    (1..).zip(POOLS).map(|(id, name): (u8, &str)| json!({"ID": id, "name": name})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_code_is_eight_letters_and_means_one_id() {
        for id in [0, 1, 600_000_000, 600_000_001, u32::MAX] {
            let code = order_code(id);
            assert_eq!((code.len(), order_id(&code)), (8, Some(id)), "{code}");
        }
        for code in ["", "ABC", "abcdefgh", "ABCDEFG1", "ZZZZZZZZ", "ÄÄÄÄ"] {
            assert_eq!(order_id(code), None, "{code}");
        }
    }
}
