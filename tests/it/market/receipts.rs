//! One order proven by a stranger, with a receipt and the roots of the days alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexnum::market::folder;
use nexnum::market::receipt::{DayRootPage, OrderReceipt, prove};
use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::merkle::SALT_LEN;
use nexnum_storage::payload;
use serde_json::{Value, json};

use super::days::{closed, delivered, pass_days};
use super::harness::{Client, Market};
use crate::rig::process::nexnum;
use crate::rig::set_clock::SetClock;

async fn receipt(buyer: &Client, order: &Value) -> Value {
    buyer.get(&format!("/api/v1/orders/{}/receipt", order["id"].as_str().unwrap())).await.ok()
}

async fn finish(buyer: &Client, order: &Value) {
    let id = order["activation"]["id"].as_str().unwrap();
    buyer.post(&format!("/api/v1/activations/{id}/finish"), json!({})).await.ok();
}

/// The roots as a stranger gets them, once `day` is closed.
async fn roots(market: &Market, day: u32) -> Value {
    closed(market, day).await;
    let mut stranger = market.admin.clone();
    stranger.key.clear();
    stranger.get("/api/v1/day-roots").await.ok()
}

/// What a check says: the lines, or what is not proven.
fn checked(receipt: &Value, roots: &Value) -> Result<Vec<String>, String> {
    let read: OrderReceipt =
        serde_json::from_value(receipt.clone()).map_err(|error| error.to_string())?;
    let roots: DayRootPage =
        serde_json::from_value(roots.clone()).map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    prove(&read, &roots, |line| lines.push(line)).map_err(|unproven| unproven.to_string())?;
    Ok(lines)
}

/// `nexnum receipt verify`, with no server and no folder of a market.
fn verified(dir: &Path, receipt: &Value, roots: &Value) -> Output {
    let [of_receipt, of_roots] = ["receipt.json", "roots.json"].map(|name| dir.join(name));
    fs::write(&of_receipt, receipt.to_string()).unwrap();
    fs::write(&of_roots, roots.to_string()).unwrap();
    let mut command = nexnum();
    command.current_dir(dir).args(["receipt", "verify", "--roots"]).arg(of_roots).arg(of_receipt);
    command.output().unwrap()
}

/// Every value that differs from this one in one place.
fn altered(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![json!({"index": 0, "path": []}), json!(0)],
        Value::Bool(said) => vec![json!(!said)],
        Value::Number(number) => {
            let number = number.as_u64().unwrap();
            vec![json!(number + 1), json!(number.wrapping_sub(1)), json!(u64::MAX), json!(0)]
                .into_iter()
                .filter(|other| *other != json!(number))
                .collect()
        }
        Value::String(text) => {
            let mut all = vec![json!(""), json!(format!("{text}A")), Value::Null];
            for at in [0, text.len() / 2] {
                let other = if text.as_bytes().get(at) == Some(&b'B') { "C" } else { "B" };
                let mut text = text.clone();
                if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                    text.replace_range(at..=at, other);
                    all.push(json!(text));
                }
            }
            all
        }
        Value::Array(list) => {
            let mut all = Vec::new();
            for (at, item) in list.iter().enumerate() {
                for item in altered(item) {
                    let mut list = list.clone();
                    list[at] = item;
                    all.push(json!(list));
                }
                let (mut twice, mut first) = (list.clone(), list.clone());
                twice.insert(at, item.clone());
                first.swap(0, at);
                all.push(json!(twice));
                all.extend((at > 0 && first != *list).then(|| json!(first)));
            }
            all
        }
        Value::Object(fields) => {
            let mut all = Vec::new();
            for (name, field) in fields {
                for field in altered(field) {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), field);
                    all.push(json!(fields));
                }
                let mut without = fields.clone();
                without.remove(name);
                all.push(json!(without));
            }
            let mut more = fields.clone();
            more.insert("more".to_owned(), json!(1));
            all.push(json!(more));
            all
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_proves_an_order_and_no_altered_receipt_passes() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    let day = market.running.rooms.market.clock.now().day();
    let (buyer, order) = delivered(&market).await;
    let other = market.customer("b", "10").await;
    finish(&buyer, &order).await;
    // 1. While the day goes on, the records are held against their rows alone.
    let open = receipt(&buyer, &order).await;
    assert!(open["rows"].as_array().unwrap().iter().all(|row| row["proof"].is_null()), "{open}");
    let none = json!({"ledger": open["ledger"], "day_roots": [], "next_cursor": null});
    let told = checked(&open, &none).unwrap_err();
    assert!(told.contains("is not closed: ask for the receipt again"), "{told}");
    // 2. Once it is closed, the roots prove it.
    pass_days(&market, &shown, 1).await;
    let roots = roots(&market, day).await;
    let sound = receipt(&buyer, &order).await;
    let lines = checked(&sound, &roots).unwrap();
    let told = lines.join("\n");
    assert!(told.contains("OrderReference \"basket 7\""), "{told}");
    assert!(!told.contains("EndUser"), "that is none of a stranger's: {told}");
    for part in [
        "OrderPlaced: order 1 of account 1",
        "ID telegram, price 0.300000",
        "Spend",
        "text \"Telegram code 12345\", code \"12345\"",
        "Capture",
        "stands in 20",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // 3. Others do not get it, and what is altered in one place passes in none.
    let path = format!("/api/v1/orders/{}/receipt", order["id"].as_str().unwrap());
    other.get(&path).await.refused(404, "not_found");
    let mut tried = 0;
    for wrong in altered(&sound) {
        let found = checked(&wrong, &roots);
        assert!(found.is_err(), "{wrong}");
        tried += 1;
    }
    assert!(tried > 300, "{tried} alterations");
    let mut keyed = sound.clone();
    keyed["keys"] =
        json!([{"seq": sound["rows"][0]["first"], "subkey": roots["day_roots"][0]["root"]}]);
    let told = checked(&keyed, &roots).unwrap_err();
    assert!(told.contains("it opens no value of that record"), "{told}");
    for (field, value) in [("root", json!("")), ("rows", json!(1)), ("day", json!("2026-01-01"))] {
        let mut wrong = roots.clone();
        wrong["day_roots"][0][field] = value;
        checked(&sound, &wrong).unwrap_err();
    }
    // 4. The command line needs neither server nor folder, and names what fails.
    market.running.stop().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let done = verified(folder.path(), &sound, &roots);
    let printed = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && printed.contains("PROVEN: "), "{printed}");
    let mut wrong = sound.clone();
    wrong["rows"][0]["epoch"] = json!(77);
    let done = verified(folder.path(), &wrong, &roots);
    let told = String::from_utf8(done.stderr).unwrap();
    let row = &sound["rows"][0]["first"];
    assert_eq!(done.status.code(), Some(1));
    let expected = format!("NOT PROVEN: row {row}: it does not lead to the root of its day");
    assert!(told.contains(&expected), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_has_nothing_of_other_records_and_no_row_s_salt() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    let day = market.running.rooms.market.clock.now().day();
    let (buyer, order) = delivered(&market).await;
    let wish = json!({"country": "ID", "service": "telegram"});
    let (one, two) = (market.customer("b", "10").await, market.customer("c", "10").await);
    let (one, two) =
        tokio::join!(one.post("/api/v1/orders", wish.clone()), two.post("/api/v1/orders", wish));
    assert!(one.status.is_success() && two.status.is_success());
    pass_days(&market, &shown, 1).await;
    roots(&market, day).await;
    let shown = receipt(&buyer, &order).await;
    let (text, dir) = (shown.to_string(), market.dir());
    let records = shown["rows"].as_array().unwrap().iter();
    let records = records.flat_map(|row| row["records"].as_array().unwrap());
    let kept: BTreeSet<u64> = records.map(|record| record["seq"].as_u64().unwrap()).collect();
    market.running.stop().await.unwrap();
    let opened = folder::open(&dir, |_| {}).unwrap();
    let mut others = 0;
    for row in opened.reader.read(Seq(1)).unwrap() {
        let row = row.unwrap();
        let bytes = row.payload().unwrap();
        assert!(!text.contains(&URL_SAFE_NO_PAD.encode(&bytes[..SALT_LEN])));
        let (first, at) = (row.header.first, row.header.at);
        let each = |seq: Seq, _: Time, bytes: &[u8]| {
            let is_shown = text.contains(&format!("\"{}\"", URL_SAFE_NO_PAD.encode(bytes)));
            // Short records may be alike: a head of the market itself, a count.
            assert!(kept.contains(&seq.0) || !is_shown || bytes.len() < 12, "record {seq}");
            others += usize::from(!kept.contains(&seq.0));
        };
        payload::decode(bytes, first, at, each).unwrap();
    }
    assert!(others > 20, "{others}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_over_two_days_is_proven_by_two_roots_also_from_a_lost_history() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 1).await;
    let buyer = market.customer("a", "10").await;
    let wish = json!({"country": "ID", "service": "telegram"});
    let order = buyer.post("/api/v1/orders", wish).await.created();
    // It runs out on the next day.
    pass_days(&market, &shown, 1).await;
    let path =
        format!("/api/v1/activations/{}?wait=30", order["activation"]["id"].as_str().unwrap());
    assert_eq!(buyer.get(&path).await.ok()["state"], "TIMEOUT");
    // What comes after the refund is kept, and is in no receipt.
    let number = order["activation"]["number"].as_str().unwrap();
    let late = market.message(number, "Telegram code 777777").await.ok();
    assert_eq!(late["status"], "late", "{late}");
    let now = pass_days(&market, &shown, 1).await;
    let found = roots(&market, now.day() - 1).await;
    assert_eq!(found["day_roots"].as_array().unwrap().len(), 2);
    let both = receipt(&buyer, &order).await;
    let days: BTreeSet<&str> =
        both["rows"].as_array().unwrap().iter().map(|row| row["day"].as_str().unwrap()).collect();
    assert_eq!(days.len(), 2);
    let told = checked(&both, &found).unwrap().join("\n");
    assert!(told.contains("ActivationClosed: TimedOut") && told.contains("Refund"), "{told}");
    assert!(!told.contains("MessageReceived"), "{told}");
    // Pages of one root each are the same list, and one root alone is not enough.
    let first = buyer.get("/api/v1/day-roots?limit=1").await.ok();
    let next = format!("/api/v1/day-roots?cursor={}", first["next_cursor"].as_str().unwrap());
    let second = buyer.get(&next).await.ok();
    assert_eq!(
        [&first["day_roots"][0], &second["day_roots"][0]],
        [&found["day_roots"][0], &found["day_roots"][1]]
    );
    let told = checked(&both, &first).unwrap_err();
    assert!(told.contains("there is no root of its day"), "{told}");
    let lose = |dir: &Path| fs::remove_file(dir.join("history.redb")).unwrap();
    let market = market.restart_after(&shown, lose).await;
    let buyer = Client::new(&market.running, &buyer.key);
    assert_eq!(receipt(&buyer, &order).await, both);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_order_has_a_receipt_below_a_megabyte() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    let day = market.running.rooms.market.clock.now().day();
    let (buyer, order) = delivered(&market).await;
    let number = order["activation"]["number"].as_str().unwrap().to_owned();
    let resend =
        format!("/api/v1/activations/{}/resend", order["activation"]["id"].as_str().unwrap());
    for message in 1..100 {
        buyer.post(&resend, json!({})).await.ok();
        let text = format!("code {message:06} \"{}", "\u{7}".repeat(1_980));
        market.message(&number, &text).await.ok();
    }
    finish(&buyer, &order).await;
    receipt(&buyer, &order).await;
    pass_days(&market, &shown, 1).await;
    let roots = roots(&market, day).await;
    let receipt = receipt(&buyer, &order).await;
    let len = receipt.to_string().len();
    assert!((500_000..1 << 20).contains(&len), "{len}");
    let told = checked(&receipt, &roots).unwrap().join("\n");
    assert_eq!(told.matches("MessageReceived: ").count(), 100);
    market.running.stop().await.unwrap();
}
