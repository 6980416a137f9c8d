//! What the disk holds of messages and numbers: nothing that can be read without the keys.

use nexnum_engine::event::DestroyReason;
use nexnum_engine::ids::{AccountId, Number};
use nexnum_engine::sealed::KeyOwner;
use serde_json::{Value, json};

use super::harness::{Client, Market};
use super::messages::buy;
use crate::rig::plain::{files_with, ways_of_number, ways_of_text};

const NUMBER: u64 = 6_281_987_654_321;
const OTHER: u64 = 6_281_912_345_678;
const UNKNOWN: u64 = 6_281_977_700_123;
const TEXT: &str = "Ваш код для входа: 730418";
const CODE: &str = "730418";
const SENDER: &str = "Тelegram-Secure";
const NAME: &str = "Größe & Söhne";
/// Where the callers of these tests come from.
const ADDRESS: &str = "127.0.0.1";

/// What was said and where, in every way in which it may be written.
fn ways() -> Vec<Vec<u8>> {
    let texts =
        [TEXT, CODE, SENDER, NAME, "вход 99871", "99871"].into_iter().flat_map(ways_of_text);
    texts.chain([NUMBER, OTHER, UNKNOWN].into_iter().flat_map(ways_of_number)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_messages_nor_numbers_can_be_read_in_the_folder() {
    let market = Market::start().await;
    let ann = market.customer(NAME, "9").await;
    for number in [NUMBER, OTHER] {
        market.stock("ID", "telegram", "0.50", number, 1).await;
    }
    // 1. A message that is delivered, another one that is late, one for a number that is not here.
    let order = buy(&ann, "telegram").await;
    let body = json!({"number": format!("+{NUMBER}"), "sender": SENDER, "text": TEXT});
    assert_eq!(market.posted(body).await.ok()["status"], "accepted");
    let late = buy(&ann, "telegram").await;
    ann.post(&format!("/api/v1/activations/{late}/cancel"), json!({})).await.ok();
    let body = json!({"number": format!("+{OTHER}"), "sender": SENDER, "text": TEXT});
    assert_eq!(market.posted(body).await.ok()["status"], "late");
    let body = json!({"number": format!("+{UNKNOWN}"), "text": "вход 99871"});
    market.posted(body).await.refused(404, "not_found");
    // 2. Its buyer reads it, before and after a start, out of a snapshot and out of history.
    let read = async |buyer: &Client| {
        let shown = buyer.get(&format!("/api/v1/orders/{order}")).await.ok();
        let activation = &shown["activation"];
        assert_eq!(activation["number"], format!("+{NUMBER}"));
        let message = &activation["messages"][0];
        assert_eq!((&message["text"], &message["code"]), (&json!(TEXT), &json!(CODE)));
        assert_eq!((&message["sender"], &message["forgotten"]), (&json!(SENDER), &json!(false)));
    };
    read(&ann).await;
    assert_eq!(files_with(&market.dir(), &ways()), Vec::<String>::new());
    let key = ann.key.clone();
    let market = market.restart().await;
    read(&Client::new(&market.running, &key)).await;
    let kept = market.admin.get("/api/admin/callbacks").await.ok();
    assert!(kept["callbacks"][0]["body"].as_str().unwrap().contains("вход 99871"), "{kept}");
    assert_eq!(files_with(&market.dir(), &ways()), Vec::<String>::new());
    // 3. The number is found by what stands for it.
    let found_by = |number| market.running.rooms.market.tokens(Number(number));
    assert_ne!(found_by(NUMBER), found_by(OTHER));
    let dir = market.dir();
    market.running.stop().await.unwrap();
    assert_eq!(files_with(&dir, &ways()), Vec::<String>::new());
    // 4. The configuration says where the server listens; nothing says where callers came from.
    let config = dir.join("config.toml").display().to_string();
    assert_eq!(files_with(&dir, &ways_of_text(ADDRESS)), [config]);
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let temp = tempfile::tempdir().unwrap();
    for way in ways_of_number(NUMBER).into_iter().chain(ways_of_text(TEXT)) {
        let path = temp.path().join("file");
        std::fs::write(&path, [b"before".as_slice(), &way, b"after"].concat()).unwrap();
        assert_eq!(files_with(temp.path(), std::slice::from_ref(&way)).len(), 1);
        assert_eq!(files_with(temp.path(), &ways()).len(), 1, "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_time_is_forgotten_and_its_key_is_gone() {
    let market = Market::start().await;
    let ann = market.customer("ann", "9").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 2).await;
    let order = buy(&ann, "telegram").await;
    let body = json!({"number": format!("+{NUMBER}"), "sender": SENDER, "text": TEXT});
    assert_eq!(market.posted(body).await.ok()["status"], "accepted");
    let body = json!({"number": format!("+{UNKNOWN}"), "text": "вход 99871"});
    market.posted(body).await.refused(404, "not_found");
    let keys = || {
        let keys = std::fs::read_dir(market.dir().join("keys")).unwrap();
        keys.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect::<Vec<_>>()
    };
    let forget = async || market.running.rooms.market.forget_days_before(u32::MAX).await.unwrap();
    // 1. Not while an order may need it.
    let before = keys();
    let market_of = &market.running.rooms.market;
    assert_eq!(market_of.first_needed(), market_of.clock.now().day());
    let opened = || market.running.rooms.market.read_model.kept().opened;
    assert_eq!(opened(), 1, "the number of the open order");
    ann.post(&format!("/api/v1/activations/{order}/finish"), json!({})).await.ok();
    forget().await;
    assert_eq!(opened(), 0);
    let after = keys();
    // The day's and, in its last hour, the next one's.
    assert!(after.len() < before.len());
    // 2. Its buyer sees that there was a message, and the operator that there was a callback.
    let shown = ann.get(&format!("/api/v1/orders/{order}")).await.ok();
    let message = &shown["activation"]["messages"][0];
    assert_eq!((&message["forgotten"], &message["text"]), (&json!(true), &json!("")));
    assert_eq!(message["code"], Value::Null);
    let kept = market.admin.get("/api/admin/callbacks").await.ok();
    assert_eq!(kept["callbacks"][0]["body"], Value::Null, "{kept}");
    // 3. What comes next is read, under another key; the destroyed one is nowhere in the folder.
    let order = buy(&ann, "telegram").await;
    let body = json!({"number": format!("+{}", NUMBER + 1), "text": TEXT});
    assert_eq!(market.posted(body).await.ok()["status"], "accepted");
    let shown = ann.get(&format!("/api/v1/orders/{order}")).await.ok();
    assert_eq!(shown["activation"]["messages"][0]["text"], TEXT);
    let gone: Vec<_> = before.into_iter().filter(|key| !after.contains(key)).collect();
    assert!(!gone.is_empty() && files_with(&market.dir(), &gone).is_empty());
    let market = market.restart().await;
    let kept = market.admin.get("/api/admin/callbacks").await.ok();
    assert_eq!(kept["callbacks"][0]["body"], Value::Null, "{kept}");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_refused_leaves_no_key_behind() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.50", NUMBER, 2).await;
    let keys = || std::fs::read_dir(market.dir().join("keys")).unwrap().count();
    let before = keys();
    let numbers = [format!("+{NUMBER}")];
    let load = json!({"country": "ID", "service": "telegram", "price": "0.50", "numbers": numbers});
    let refused = market.admin.post("/api/admin/stock", load).await;
    assert_eq!((refused.status.as_u16(), keys()), (409, before), "{refused:?}");
    assert!(refused.body["detail"].as_str().unwrap().contains(&NUMBER.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_shown_to_operators_and_stays_taken_once_it_is_forgotten() {
    let market = Market::start().await;
    market.customer(NAME, "1").await;
    let assert_named = async |market: &Market, name: Value| {
        let listed = market.admin.get("/api/admin/accounts").await.ok();
        assert_eq!(listed["accounts"][0]["name"], name, "{listed}");
        let again = market.admin.post("/api/admin/accounts", json!({"name": NAME})).await;
        again.refused(409, "name_taken");
    };
    assert_named(&market, json!(NAME)).await;
    let market = market.restart().await;
    assert_named(&market, json!(NAME)).await;
    // 1. Many at once: each has a name of its own, and of two with one name one is refused.
    let opened = (0..24).map(|n| {
        let (admin, name) = (market.admin.clone(), format!("customer {}", n % 12));
        tokio::spawn(async move {
            let answer = admin.post("/api/admin/accounts", json!({"name": name})).await;
            if answer.status.as_u16() == 409 {
                answer.refused(409, "name_taken");
                return None;
            }
            Some((answer.created()["id"].clone(), name))
        })
    });
    let mut names = std::collections::BTreeMap::new();
    for opened in opened.collect::<Vec<_>>() {
        if let Some((id, name)) = opened.await.unwrap() {
            names.insert(id.to_string(), name);
        }
    }
    assert_eq!(names.len(), 12);
    let listed = market.admin.get("/api/admin/accounts").await.ok();
    for account in listed["accounts"].as_array().unwrap() {
        let expected = names.get(&account["id"].to_string());
        assert_eq!(account["name"], **expected.unwrap_or(&NAME.to_owned()), "{listed}");
    }
    // 2. Its key is destroyed.
    let is_its = |key: &(_, KeyOwner)| key.1 == KeyOwner::Identity(AccountId(1));
    let key = market.seal_keys().into_iter().find(is_its).unwrap();
    let erased = market.running.rooms.market.destroy_key(key, DestroyReason::Erasure).await;
    erased.unwrap();
    assert_named(&market, Value::Null).await;
    let market = market.restart().await;
    assert_named(&market, Value::Null).await;
    market.running.stop().await.unwrap();
}
