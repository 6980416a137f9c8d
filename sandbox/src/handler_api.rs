//! The wire format of `stubs/handler_api.php`: one path, an action, words as text.
//!
//! *Source*: the protocol's documentation as clients have it; the default dialect ("docs").
//! Refusals are HTTP 200 with a bare word. GET and POST, query or form.

use jiff::Timestamp;
use nexnum_engine::catalog::{Catalog, Language};
use nexnum_engine::ids::{CountryId, Product};
use serde_json::{Value, json};

use crate::call::Call;
use crate::cost::Cost;
use crate::fault_kind::{Ask, FaultKind};
use crate::handler_lists::{self as lists, Filter, operator_name};
use crate::life::{Closed, Life};
use crate::random::mix;
use crate::reply::Reply;
use crate::site::{Change, Marks, Purchase, Refused, Site, View};

/// Finished numbers keep answering with their code for this long: clients poll late.
const FINISHED_ECHO_MS: u64 = 60_000;

/// Rows of a page of history, unless asked for, and at most.
const HISTORY_DEFAULT: u64 = 50;
const HISTORY_MAX: u64 = 100;

const TOO_YOUNG: &str = "EARLY_CANCEL_DENIED";

/// US dollars as ISO 4217 counts them.
const USD: u16 = 840;

/// What a call asks for.
pub(crate) fn ask(call: &Call) -> Ask {
    match call.param(&["action"]).unwrap_or_default() {
        "getNumber" | "getNumberV2" => Ask::Purchase,
        "getStatus" | "getStatusV2" | "getFullSms" => Ask::Status,
        "setStatus" if matches!(call.param(&["status"]), Some("8" | "-1" | "10")) => Ask::Cancel,
        "getActiveActivations" => Ask::OpenList,
        "getPrices" | "getPricesExtended" | "getPricesV2" | "getPricesV3" => Ask::Prices,
        "getBalance" | "getBalanceAndCashBack" => Ask::Balance,
        _ => Ask::Other,
    }
}

/// The refusal that a fault decides, in the protocol's words.
pub(crate) fn refused(kind: FaultKind) -> Option<Reply> {
    kind.among([
        (FaultKind::NotFound, Reply::text("NO_ACTIVATION")),
        (FaultKind::CancelTooEarly, Reply::text(TOO_YOUNG)),
        (FaultKind::KeyRefused, Reply::text("BAD_KEY")),
        (FaultKind::ListEmpty, Reply::json(no_activations().to_string())),
        (FaultKind::EmptyAccount, Reply::text("ACCESS_BALANCE:0.00")),
    ])
}

fn no_activations() -> Value {
    json!({"status": "error", "error": "NO_ACTIVATIONS"})
}

/// Answers a call. Catalogue actions need no key.
pub(crate) fn answer(site: &Site, call: &Call, marks: Marks) -> Reply {
    if !call.path.trim_end_matches(".php").ends_with("/stubs/handler_api") {
        return Reply::refusal(404, "Not Found");
    }
    let action = call.param(&["action"]).unwrap_or_default();
    match action {
        "getCountries" => return Reply::json(lists::countries(site).to_string()),
        "getServicesList" => return Reply::json(lists::services(site).to_string()),
        "getOperators" => return lists::operators(site, call),
        _ => {}
    }
    match call.param(&["api_key"]) {
        None => return Reply::text("NO_KEY"),
        Some(key) if key != site.key => return Reply::text("BAD_KEY"),
        Some(_) => {}
    }
    match action {
        "getBalance" | "getBalanceAndCashBack" => balance(site),
        "getPrices" | "getPricesExtended" => lists::prices(site, call),
        "getNumbersStatus" => lists::numbers_status(site, call),
        "getPricesV2" => lists::prices_v2(site, call),
        "getPricesV3" => lists::prices_v3(site, call),
        "getPricesVerification" => lists::prices_verification(site, call),
        "getTopCountriesByService" | "getTopCountriesByServiceRank" => {
            lists::top_countries(site, call)
        }
        "getListOfTopCountriesByService" => lists::top_list(site, call),
        "getNumber" => buy(site, call, marks).map_or_else(Reply::text, |view| {
            Reply::text(format!("ACCESS_NUMBER:{}:{}", view.life.id, view.life.number))
        }),
        "getNumberV2" => buy(site, call, marks)
            .map_or_else(Reply::text, |view| Reply::json(number_v2(site, &view.life).to_string())),
        "getStatus" => Reply::text(status(site, call)),
        "getStatusV2" => status_v2(site, call),
        "getFullSms" => Reply::text(full_sms(site, call)),
        "setStatus" => Reply::text(set_status(site, call)),
        "getActiveActivations" => Reply::json(active(site, call).to_string()),
        "getHistory" => history(site, call),
        _ => Reply::text("BAD_ACTION"),
    }
}

fn balance(site: &Site) -> Reply {
    let left = site.balance();
    let unit = u64::from(Cost::PER_UNIT);
    Reply::text(format!("ACCESS_BALANCE:{}.{:02}", left / unit, left % unit / 100))
}

fn buy(site: &Site, call: &Call, marks: Marks) -> Result<View, String> {
    let Filter { country, service } = Filter::of(site, call).map_err(str::to_owned)?;
    let service = service.ok_or("BAD_SERVICE")?;
    let country = country.or_else(|| cheapest(site, service)).ok_or("NO_NUMBERS")?;
    // The only reference that must not repeat is the customer's own.
    let reference = call
        .param(&["orderId"])
        .map_or(0, |id| id.bytes().fold(1, |hash, byte| mix(hash, &[u64::from(byte)])).max(1));
    let purchase = Purchase {
        product: Product::activation(country, service),
        // A wrong operator is not an error, so operators do not narrow.
        operators: Vec::new(),
        max_cost: call.param(&["maxPrice", "max_price"]).map(Cost::limit),
        reference,
    };
    site.buy(&purchase, marks).map_err(|refused| match refused {
        Refused::NoNumbers => "NO_NUMBERS".to_owned(),
        Refused::PriceAbove(least) => format!("WRONG_MAX_PRICE:{least}"),
        Refused::NoBalance(_) => "NO_BALANCE".to_owned(),
        Refused::Repeated => "ORDER_ALREADY_EXISTS".to_owned(),
    })
}

fn cheapest(site: &Site, service: nexnum_engine::ids::ServiceId) -> Option<CountryId> {
    let quotes = site.quotes().into_iter();
    let fitting = quotes.filter(|quote| quote.product.service == service && quote.stock > 0);
    fitting.min_by_key(|quote| quote.cost).map(|quote| quote.product.country)
}

fn number_v2(site: &Site, life: &Life) -> Value {
    json!({
        "activationId": life.id,
        "phoneNumber": life.number.to_string(),
        "activationCost": life.cost.json(),
        "currency": USD,
        "countryCode": site.ids.country_ext(life.product.country),
        "canGetAnotherSms": "1",
        "activationTime": stamp(life.bought_ms),
        "activationOperator": operator_name(life.operator),
    })
}

/// `2022-06-01 17:30:57`; real servers print Moscow time, this one UTC.
fn stamp(ms: u64) -> String {
    let at = Timestamp::from_millisecond(ms as i64).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn id(call: &Call) -> Option<u32> {
    call.param(&["id", "activationId"])?.parse().ok()
}

fn look(site: &Site, call: &Call) -> Option<View> {
    site.look(id(call)?)
}

/// What a poll sees.
enum Phase {
    Waiting,
    /// A code came, another was asked for.
    Retrying,
    Received,
    Over,
}

fn phase(view: &View) -> Phase {
    let late = view.life.late && !view.messages.is_empty();
    match (view.life.closed, view.messages.is_empty()) {
        (Some((Closed::Cancelled, _)), _) if late => Phase::Received,
        (Some((Closed::Finished, at_ms)), false)
            if view.now_ms.saturating_sub(at_ms) < FINISHED_ECHO_MS =>
        {
            Phase::Received
        }
        (Some(_), _) => Phase::Over,
        (None, true) => Phase::Waiting,
        (None, false) if view.is_waiting() => Phase::Retrying,
        (None, false) => Phase::Received,
    }
}

fn status(site: &Site, call: &Call) -> String {
    let Some(view) = look(site, call) else { return "NO_ACTIVATION".to_owned() };
    let code = view.code().unwrap_or_default();
    match phase(&view) {
        Phase::Waiting => "STATUS_WAIT_CODE".to_owned(),
        Phase::Retrying => format!("STATUS_WAIT_RETRY:{code}"),
        Phase::Received => format!("STATUS_OK:{code}"),
        Phase::Over => "STATUS_CANCEL".to_owned(),
    }
}

fn status_v2(site: &Site, call: &Call) -> Reply {
    let Some(view) = look(site, call) else { return Reply::text("NO_ACTIVATION") };
    let message = match phase(&view) {
        Phase::Over => return Reply::text("STATUS_CANCEL"),
        Phase::Waiting | Phase::Retrying => None,
        Phase::Received => view.messages.last(),
    };
    let sms = message.map(|message| {
        json!({"dateTime": stamp(message.at_ms), "code": message.code, "text": message.text})
    });
    Reply::json(json!({"verificationType": 0, "sms": sms, "call": null}).to_string())
}

fn full_sms(site: &Site, call: &Call) -> String {
    let Some(view) = look(site, call) else { return "NO_ACTIVATION".to_owned() };
    match (phase(&view), view.messages.last()) {
        (Phase::Over, _) => "STATUS_CANCEL".to_owned(),
        (Phase::Received | Phase::Retrying, Some(message)) => format!("FULL_SMS:{}", message.text),
        (Phase::Received | Phase::Retrying | Phase::Waiting, _) => "STATUS_WAIT_CODE".to_owned(),
    }
}

fn set_status(site: &Site, call: &Call) -> &'static str {
    let status = call.param(&["status"]).unwrap_or_default();
    let Some(id) = id(call) else { return "WRONG_ACTIVATION_ID" };
    let min_age_ms = site.min_cancel_age_ms;
    let changed = site.change(id, |view| {
        let open = view.life.closed.is_none();
        let empty = view.messages.is_empty();
        match status {
            "1" if open && empty => (Change::Nothing, "ACCESS_READY"),
            "3" if open && !empty => (Change::Ask, "ACCESS_RETRY_GET"),
            "6" if open && !empty => (Change::Close(Closed::Finished), "ACCESS_ACTIVATION"),
            "8" | "-1" | "10" if open && empty && view.age_ms() < min_age_ms => {
                (Change::Nothing, TOO_YOUNG)
            }
            "8" | "-1" | "10" if open && empty => {
                (Change::Close(Closed::Cancelled), "ACCESS_CANCEL")
            }
            _ => (Change::Nothing, "BAD_STATUS"),
        }
    });
    changed.unwrap_or("NO_ACTIVATION")
}

/// The open numbers, newest first: all, or a page of them from `start` on.
fn active(site: &Site, call: &Call) -> Value {
    let number = |name: &str| call.param(&[name]).and_then(|text| text.parse::<usize>().ok());
    let (start, len) = match site.handler_page {
        Some(most) => (number("start").unwrap_or(0), number("limit").unwrap_or(most).min(most)),
        None => (0, usize::MAX),
    };
    let views = site.active();
    let page = views.iter().skip(start).take(len);
    let rows: Vec<Value> = page.filter_map(|view| active_row(site, view)).collect();
    if rows.is_empty() {
        return no_activations();
    }
    json!({"status": "success", "activeActivations": rows})
}

fn active_row(site: &Site, view: &View) -> Option<Value> {
    let life = &view.life;
    let catalog = Catalog::load();
    let codes: Vec<&str> = view.messages.iter().map(|message| message.code.as_str()).collect();
    let text = view.messages.last().map(|message| format!("[{}]", message.text));
    Some(json!({
        "activationId": life.id.to_string(),
        "serviceCode": site.ids.service_ext(life.product.service)?,
        "phoneNumber": life.number.to_string(),
        "activationCost": life.cost.json(),
        "activationStatus": if view.is_waiting() { "4" } else { "2" },
        "smsCode": if codes.is_empty() { Value::Null } else { json!(codes) },
        "smsText": text,
        "activationTime": stamp(site.in_rows_ms(life.bought_ms)),
        "discount": "0.00",
        "repeated": "0",
        "countryCode": site.ids.country_ext(life.product.country)?,
        "countryName": catalog.country(life.product.country)?.name(Language::En),
        "canGetAnotherSms": "1",
        "currency": USD,
    }))
}

/// The numbers of a span of time, newest first, a page of them.
fn history(site: &Site, call: &Call) -> Reply {
    let number = |name: &str| call.param(&[name]).and_then(|text| text.parse::<u64>().ok());
    let (start, end) = (number("start").unwrap_or(0), number("end").unwrap_or(u64::MAX));
    if start > end {
        return Reply::text("WRONG_DATE");
    }
    let limit = number("limit").unwrap_or(HISTORY_DEFAULT).min(HISTORY_MAX) as usize;
    let offset = usize::try_from(number("offset").unwrap_or(0)).unwrap_or(usize::MAX);
    let mut views = site.all();
    views.retain(|view| (start..=end).contains(&(view.life.bought_ms / 1_000)));
    let page = views.iter().skip(offset).take(limit);
    let rows: Vec<Value> = page.map(history_row).collect();
    Reply::json(Value::Array(rows).to_string())
}

fn history_row(view: &View) -> Value {
    let life = &view.life;
    let texts: Vec<&str> = view.messages.iter().map(|message| message.text.as_str()).collect();
    json!({
        "id": life.id,
        "date": stamp(life.bought_ms),
        "phone": life.number.to_string(),
        "sms": if texts.is_empty() { Value::Null } else { json!(json!(texts).to_string()) },
        "cost": life.cost.json(),
        "status": match life.closed {
            None => "4",
            Some((how, _)) if how.refunds() => "8",
            Some(_) => "6",
        },
        "currency": USD,
    })
}
