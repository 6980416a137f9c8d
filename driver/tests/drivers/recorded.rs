//! Every shipped driver against recorded requests and replies.
//!
//! The fixtures lie beside the drivers, one file a driver: requests with what must go
//! over the wire, and replies with what must be read from them. Every rule of a driver
//! must decide at least one recorded reply.

use std::collections::BTreeSet;
use std::path::Path;

use nexnum_driver::{
    Credentials, Currency, Driver, Op, Output, Plan, ProviderError, RawReply, ReceivedMessage,
    RequestBody, Secret, Slots,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixtures {
    request: Vec<RequestCase>,
    reply: Vec<ReplyCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestCase {
    op: String,
    country: Option<String>,
    service: Option<String>,
    operator: Option<String>,
    max_price: Option<String>,
    external_id: Option<String>,
    sends: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyCase {
    op: String,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: String,
    is: String,
}

fn ok() -> u16 {
    200
}

fn op(name: &str) -> Op {
    *Op::ALL.iter().find(|op| op.name() == name).unwrap_or_else(|| panic!("no operation {name}"))
}

fn show_error(error: &ProviderError) -> String {
    let mut text = error.kind.word().to_owned();
    if !error.certain {
        text.push_str(" in_doubt");
    }
    if let Some(price) = error.price {
        text.push_str(&format!(" price={price}"));
    }
    if let Some(pause) = error.retry_after_ms {
        text.push_str(&format!(" retry_after_ms={pause}"));
    }
    text
}

fn show_currency(currency: Option<Currency>) -> String {
    currency.map_or_else(String::new, |currency| format!(" {currency}"))
}

fn show_message(message: &ReceivedMessage) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let (id, sender) = (or_dash(&message.external_id), or_dash(&message.sender));
    let (code, text) = (or_dash(&message.code), or_dash(&message.text));
    format!("id={id} sender={sender} code={code} text={text}")
}

pub(crate) fn show(result: Result<Output, ProviderError>) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut lines = Vec::new();
    match result {
        Err(error) => lines.push(show_error(&error)),
        Ok(Output::Balance { amount, currency }) => {
            lines.push(format!("balance {amount}{}", show_currency(currency)));
        }
        Ok(Output::Prices(list)) => {
            lines.push(format!("prices misfits={}", list.misfits));
            for row in list.rows {
                let operator = row.operator.as_deref().unwrap_or("-");
                let (country, service) = (row.country, row.service);
                lines.push(format!("{country} {service} {operator} {} x{}", row.cost, row.stock));
            }
        }
        Ok(Output::Bought(bought)) => {
            let cost = bought.cost.map(|cost| cost.to_string());
            let (cost, operator) = (or_dash(&cost), or_dash(&bought.operator));
            let number = bought.number.read().map_or("-".to_owned(), |number| format!("+{number}"));
            let id = bought.external_id;
            let currency = show_currency(bought.currency);
            lines.push(format!("bought {id} {number} cost={cost}{currency} operator={operator}"));
        }
        Ok(Output::Status(report)) => {
            let unread = if report.unread.is_some() { " unread" } else { "" };
            lines.push(format!("{:?}{unread}", report.state).to_lowercase());
            lines.extend(report.messages.iter().map(show_message));
        }
        Ok(Output::Done { external_id }) => {
            lines.push(format!("done {}", or_dash(&external_id)));
        }
        Ok(Output::Active(list)) => {
            let oldest = or_dash(&list.oldest.map(|time| time.to_string()));
            let cut = if list.is_cut() { " cut" } else { "" };
            let misfits = match list.misfits {
                0 => String::new(),
                misfits => format!(" misfits={misfits}"),
            };
            let of = list.total.map_or_else(String::new, |total| format!("/{total}"));
            let listed = list.listed;
            lines.push(format!("active listed={listed}{of} oldest={oldest}{cut}{misfits}"));
            for row in list.rows {
                let created = row.created.map(|time| time.to_string());
                let local = row.created_unzoned.map(|time| format!("~{time}"));
                let created = or_dash(&created.or(local));
                let name = row.service_name.map(|name| format!("{name:?}"));
                let (country, service) = (or_dash(&row.country), or_dash(&row.service.or(name)));
                let cost = row.cost.map_or_else(String::new, |cost| format!(" cost={cost}"));
                let sign = if row.local { "local " } else { "+" };
                let number = row.number.read().map(|number| format!("{sign}{number}"));
                let (id, number) = (row.external_id, or_dash(&number));
                let currency = show_currency(row.currency);
                lines.push(format!(
                    "{id} {number} {country} {service} created={created}{cost}{currency}"
                ));
                let state = row.state.map_or("-".to_owned(), |state| format!("{state:?}"));
                lines.push(format!("  {}", state.to_lowercase()));
                match row.messages {
                    Some(messages) => {
                        lines.extend(messages.iter().map(|it| format!("  {}", show_message(it))));
                    }
                    None => lines.push("  messages unknown".to_owned()),
                }
            }
        }
    }
    lines.join("\n")
}

fn show_plan(plan: Plan) -> String {
    match plan {
        Plan::Nothing => "nothing".to_owned(),
        Plan::Unsupported => "unsupported".to_owned(),
        Plan::Answer(reply) => format!("answer {}", String::from_utf8_lossy(&reply.body)),
        Plan::Call(request) => {
            let mut lines = vec![format!("{} {}", request.method, request.url)];
            lines.extend(request.headers.iter().map(|(name, value)| format!("{name}: {value}")));
            match request.body {
                RequestBody::Empty => {}
                RequestBody::Form(text) | RequestBody::Json(text) => lines.push(text),
            }
            lines.join("\n")
        }
    }
}

fn fixtures(name: &str) -> Fixtures {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shipped/fixtures");
    let path = folder.join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn credentials() -> Credentials {
    Credentials { key: Secret::new("KEY&1"), login: None, password: None }
}

#[test]
fn every_shipped_driver_sends_what_its_provider_expects() {
    for (name, text) in Driver::shipped() {
        let driver = Driver::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut asked = BTreeSet::new();
        for case in fixtures(name).request {
            let slots = Slots {
                country: case.country.as_deref(),
                service: case.service.as_deref(),
                operator: case.operator.as_deref(),
                max_price: case.max_price.as_deref(),
                external_id: case.external_id.as_deref(),
                offset: Some("0"),
            };
            let plan = driver.plan(op(&case.op), &slots, &credentials(), "http://p.test/base");
            assert_eq!(show_plan(plan.unwrap()), case.sends.trim(), "{name} {}", case.op);
            asked.insert(case.op);
        }
        for op in Op::ALL {
            assert!(asked.contains(op.name()), "{name} has no request fixture for {}", op.name());
        }
    }
}

#[test]
fn every_shipped_driver_reads_what_its_provider_answered() {
    for (name, text) in Driver::shipped() {
        let driver = Driver::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        for (index, case) in fixtures(name).reply.into_iter().enumerate() {
            let place = format!("{name} reply {index}: {} {}", case.op, case.body);
            let (status, headers) = (case.status, case.headers);
            let reply = RawReply { status, headers, body: case.body.into_bytes() };
            assert_eq!(show(driver.interpret(op(&case.op), &reply)), case.is.trim(), "{place}");
        }
    }
}

#[test]
fn every_rule_of_a_shipped_driver_decides_a_recorded_reply() {
    for (name, text) in Driver::shipped() {
        let driver = Driver::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut idle: BTreeSet<&str> = driver.rule_places().collect();
        for case in fixtures(name).reply {
            let (status, headers) = (case.status, case.headers);
            let reply = RawReply { status, headers, body: case.body.into_bytes() };
            if let Some(place) = driver.deciding_rule(op(&case.op), &reply) {
                idle.remove(place);
            }
        }
        assert!(idle.is_empty(), "{name}: no recorded reply for {idle:?}");
    }
}

/// Every word with which the handler protocol or a clone refuses a purchase, from the
/// protocol's description.
const BUY_REFUSALS: [&str; 47] = [
    "BAD_KEY",
    "NO_KEY",
    "API_KEY_NOT_VALID",
    "BAD_ACTION",
    "NO_ACTION",
    "BAD_SERVICE",
    "WRONG_SERVICE",
    "SERVICE_NOT_AVAILABLE",
    "BANNED:'2026-01-31 12-30-00'",
    "CHANNELS_LIMIT",
    "ACCOUNT_INACTIVE",
    "NO_NUMBERS",
    "NO_NUMBER",
    "NO_BALANCE",
    "NO_MEANS",
    "NO_MONEY",
    "NO_BALANCE_FORWARD",
    "WRONG_MAX_PRICE:0.21",
    "WRONG_MAX_PRICE",
    "MAX_PRICE_EXCEEDED",
    "BAD_MAX_PRICE",
    "WRONG_EXCEPTION_PHONE",
    "NO_YULA_MAIL",
    "WHATSAPP_NOT_AVAILABLE",
    "NOT_AVAILABLE",
    "BAD_VALUES",
    "BAD_MULTIPLE",
    "BAD_PROVIDER_IDS",
    "BAD_CURRENCY",
    "CURRENCY_CHANGE_UNAVAILABLE",
    "SERVICE_UNAVAILABLE_REGION",
    "prohibited for sale",
    "TOO_MANY_ACTIVE_RENTALS",
    "Too Many Requests",
    "RATE_LIMIT",
    "UNPROCESSABLE_ENTITY:service:INVALID",
    "UNPROCESSABLE_ENTITY:country:INVALID",
    "UNPROCESSABLE_ENTITY:operator:INVALID",
    r#"{"title":"BAD_KEY","details":""}"#,
    r#"{"title":"NO_BALANCE","details":""}"#,
    r#"{"title":"WRONG_MAX_PRICE","details":"","info":{"min":0.21}}"#,
    r#"{"title":"SERVICE_NOT_AVAILABLE","details":""}"#,
    r#"{"title":"UNPROCESSABLE_ENTITY","details":"","info":{"field":"operator"}}"#,
    r#"{"title":"RATE_LIMIT","details":""}"#,
    r#"{"title":"BAD_VALUES","details":""}"#,
    r#"{"error":"Bad service"}"#,
    r#"{"status":0,"message":"No access"}"#,
];

/// Those after which a number may have been bought all the same.
const BUY_DOUBTS: [&str; 4] = ["ERROR_SQL", "SQL_ERROR", "SERVER_ERROR", "ORDER_ALREADY_EXISTS"];

/// Those with which a cancel is refused.
const CANCEL_REFUSALS: [&str; 11] = [
    "NO_ACTIVATION",
    "WRONG_ACTIVATION_ID",
    "INVALID_ACTIVATION_ID",
    "BAD_ID",
    "NOT_FOUND",
    "ACTIVATION_NOT_ACTIVE",
    "BAD_STATUS",
    "EARLY_CANCEL_DENIED",
    "OTP_RECEIVED",
    "NEW_OTP_RECEIVED",
    "FREE_CANCELLATION_EXPIRED",
];

#[test]
fn no_refusal_of_the_handler_protocol_leaves_a_purchase_in_doubt() {
    let (_, text) = Driver::shipped().iter().find(|(name, _)| *name == "handler").unwrap();
    let driver = Driver::parse(text).unwrap();
    let certain = |op, body: &str| {
        let reply = RawReply { status: 200, headers: Vec::new(), body: body.into() };
        driver.interpret(op, &reply).unwrap_err().certain
    };
    for (op, tokens) in [(Op::Buy, &BUY_REFUSALS[..]), (Op::Cancel, &CANCEL_REFUSALS[..])] {
        for token in tokens {
            assert!(certain(op, token), "{token}");
        }
    }
    for token in BUY_DOUBTS {
        assert!(!certain(Op::Buy, token), "{token}");
    }
}
