//! Replies that are right and look wrong: ids of another type, numbers as people write them,
//! moments without a zone, lists with rows left out, prices that jump.
//!
//! Works on whatever JSON a wire format gives, by the names of its fields. A reply that is no
//! JSON stays as it is.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fault_kind::FaultKind;
use crate::reply::{JSON, Reply};

/// Fields that hold an id.
const IDS: [&str; 5] = ["id", "activationId", "order_id", "orderid", "activation_id"];
/// Fields that hold a phone number in its international form.
const PHONES: [&str; 3] = ["phone", "phoneNumber", "number"];
/// Fields that hold a price of a list.
const PRICES: [&str; 2] = ["cost", "price"];
/// Fields that hold the rows of a list, where it is not the whole reply.
const ROWS: [&str; 2] = ["activeActivations", "Data"];

/// Moscow's distance from UTC.
const MOSCOW_MS: i64 = 3 * 60 * 60 * 1_000;
/// How prices jump and fall.
const JUMP: f64 = 20.0;
/// Rows that a list of the handler protocol is cut at: the newest of them.
const ROWS_KEPT: usize = 10;

/// The reply as the fault shows it.
pub(crate) fn disguised(reply: Reply, kind: FaultKind, word: u64) -> Reply {
    if reply.content_type != JSON {
        return reply;
    }
    let Ok(mut document) = serde_json::from_slice::<Value>(&reply.body) else { return reply };
    if kind == FaultKind::ListLacksRows {
        leave_out(&mut document, word);
    } else {
        walk(&mut document, "", kind);
    }
    Reply { body: document.to_string().into(), ..reply }
}

/// Half of the rows, in turns, or all but the newest.
fn leave_out(document: &mut Value, word: u64) {
    let rows = match document {
        Value::Array(rows) => Some(rows),
        _ => ROWS
            .iter()
            .find_map(|name| document.get(name).is_some().then_some(*name))
            .and_then(|name| document.get_mut(name).and_then(Value::as_array_mut)),
    };
    let Some(rows) = rows else { return };
    if word.is_multiple_of(2) {
        rows.truncate(ROWS_KEPT);
    } else {
        let mut at = word >> 32;
        rows.retain(|_| {
            at += 1;
            at.is_multiple_of(2)
        });
    }
}

fn walk(value: &mut Value, name: &str, kind: FaultKind) {
    match value {
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(name, value)| walk(value, name, kind));
        }
        Value::Array(rows) => rows.iter_mut().for_each(|row| walk(row, name, kind)),
        leaf => {
            if let Some(other) = changed(leaf, name, kind) {
                *leaf = other;
            }
        }
    }
}

/// What a fault makes of a field; `None` for one that it leaves alone.
fn changed(value: &Value, name: &str, kind: FaultKind) -> Option<Value> {
    if kind == FaultKind::IdsOfAnotherType && IDS.contains(&name) {
        let text = value.as_str();
        let number = text.and_then(|text| text.parse::<u64>().ok()).map(|id| json!(id));
        return number.or_else(|| value.as_u64().map(|id| json!(id.to_string())));
    }
    if kind == FaultKind::NumbersSpelled && PHONES.contains(&name) {
        let digits = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Some(spelled(digits.trim_start_matches('+')).into());
    }
    if kind == FaultKind::LocalDates {
        return value.as_str().and_then(local).map(Value::from);
    }
    let factor =
        kind.among([(FaultKind::PricesJump, JUMP), (FaultKind::PricesFall, 1.0 / JUMP)])?;
    if !PRICES.contains(&name) {
        return None;
    }
    match value {
        Value::Number(price) => Some(json!(priced(price.as_f64()? * factor))),
        Value::String(price) => {
            Some(priced(price.parse::<f64>().ok()? * factor).to_string().into())
        }
        _ => None,
    }
}

/// To the places that lists print.
fn priced(price: f64) -> f64 {
    (price * 10_000.0).round() / 10_000.0
}

/// `+62 812 345-678`.
fn spelled(digits: &str) -> String {
    let mut text = String::from("+");
    for (at, digit) in digits.chars().enumerate() {
        match at {
            2 | 5 => text.push(' '),
            8 => text.push('-'),
            _ => {}
        }
        text.push(digit);
    }
    text
}

/// A moment as Moscow writes it; `None` for what is no moment.
fn local(text: &str) -> Option<String> {
    let is_iso = text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    let zoned = if is_iso { text.to_owned() } else { format!("{text}Z") };
    let at: Timestamp = zoned.parse().ok().filter(|_| text.as_bytes().get(4) == Some(&b'-'))?;
    let at = Timestamp::from_millisecond(at.as_millisecond() + MOSCOW_MS).ok()?;
    let separator = if is_iso { "T" } else { " " };
    Some(at.strftime(&format!("%Y-%m-%d{separator}%H:%M:%S")).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: FaultKind, from: &Value, to: &Value) {
        let reply = disguised(Reply::json(from.to_string()), kind, 0);
        assert_eq!(&serde_json::from_slice::<Value>(&reply.body).unwrap(), to);
    }

    #[test]
    fn fields_are_changed_by_their_names() {
        let row = json!({"activationId": "7", "id": 9, "phone": "+6281234567890",
            "activationTime": "2026-11-28 01:02:03", "created_at": "2026-11-28T01:02:03.000000000Z",
            "cost": 0.2, "text": "7"});
        let with = |changes: &[(&str, Value)]| {
            let mut row = row.clone();
            changes.iter().for_each(|(name, value)| row[*name] = value.clone());
            row
        };
        use FaultKind::{IdsOfAnotherType, LocalDates, NumbersSpelled, PricesFall, PricesJump};
        let other = with(&[("activationId", json!(7)), ("id", json!("9"))]);
        check(IdsOfAnotherType, &row, &other);
        check(NumbersSpelled, &row, &with(&[("phone", json!("+62 812 345-67890"))]));
        let dates = [
            ("activationTime", json!("2026-11-28 04:02:03")),
            ("created_at", json!("2026-11-28T04:02:03")),
        ];
        check(LocalDates, &row, &with(&dates));
        check(PricesJump, &row, &with(&[("cost", json!(4.0))]));
        check(PricesFall, &row, &with(&[("cost", json!(0.01))]));
    }

    #[test]
    fn a_list_lacks_rows() {
        for list in [json!([1, 2, 3]), json!({"Data": [1, 2, 3], "Total": 3})] {
            let reply = disguised(Reply::json(list.to_string()), FaultKind::ListLacksRows, 1);
            let left: Value = serde_json::from_slice(&reply.body).unwrap();
            let rows = left.as_array().or_else(|| left["Data"].as_array()).unwrap();
            assert!(rows.len() < 3 && !rows.is_empty(), "{left}");
        }
    }
}
