//! The keys of loads of own stock: numbers that were sold are forgotten, numbers that cannot be read are
//! not sold.

use nexnum::market::folder;
use nexnum_engine::ids::OfferId;
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use nexnum_engine::time::DAY_MS;
use reqwest::Method;
use serde_json::{Value, json};

use super::clock::jump;
use super::harness::{Client, Market};
use super::messages::buy;
use crate::rig::plain::files_with;
use crate::rig::server::config;
use crate::rig::set_clock::SetClock;
use crate::rig::until::until;

const FIRST: u64 = 6_281_900_000_001;
const OTHERS: u64 = 6_281_900_000_101;

/// The keys of loads, in no order.
fn load_keys(market: &Market) -> Vec<KeyHandle> {
    let is_load =
        |(handle, owner): (_, KeyOwner)| matches!(owner, KeyOwner::Load(_)).then_some(handle);
    market.seal_keys().into_iter().filter_map(is_load).collect()
}

fn on_sale(market: &Market) -> u32 {
    market.running.rooms.market.grid.ask(OfferId(1)).map_or(0, |ask| ask.stock)
}

async fn number(buyer: &Client, order: &str) -> Value {
    buyer.get(&format!("/api/v1/orders/{order}")).await.ok()["activation"]["number"].clone()
}

/// Buys a number and gets a message on it.
async fn delivered(market: &Market, buyer: &Client) -> (String, Value) {
    let order = buy(buyer, "telegram").await;
    let number = number(buyer, &order).await;
    // What a number received before is no message again.
    let text = format!("Your code is 11111, for {order}");
    let answer = market.message(number.as_str().unwrap(), &text).await.ok();
    assert_eq!(answer["status"], "accepted");
    buyer.post(&format!("/api/v1/activations/{order}/finish"), json!({})).await.ok();
    (order, number)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_of_a_sold_load_are_forgotten_after_the_retention() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    let ann = market.customer("ann", "9").await;
    market.stock("ID", "telegram", "0.50", FIRST, 2).await;
    let sold_key = load_keys(&market)[0];
    market.stock("ID", "telegram", "0.50", OTHERS, 2).await;
    let day = market.running.rooms.market.clock.now().day();
    let bytes = std::fs::read(market.dir().join("keys").join(sold_key.to_string())).unwrap();
    let forget = async |market: &Market, first_kept| {
        while market.running.rooms.market.forget_load_before(first_kept).await.unwrap() {}
        load_keys(market).len()
    };
    // 1. All numbers of the first load are sold; its key lives while their orders are in memory.
    let (order, sold) = delivered(&market, &ann).await;
    delivered(&market, &ann).await;
    assert_eq!((sold, forget(&market, day + 1).await), (json!(format!("+{FIRST}")), 2));
    // 2. They leave it, and their day is kept still.
    jump(&market, &shown, 2 * DAY_MS.cast_signed()).await;
    until(|| market.running.rooms.market.read_model.kept().numbers == 0).await;
    assert_eq!(forget(&market, day).await, 2);
    assert_eq!(number(&ann, &order).await, json!(format!("+{FIRST}")), "history shows it");
    // 3. Their day is over: nothing opens them, and the other load is as it was.
    let market = market.restart_with_retention(&shown, 1).await;
    let ann = Client::new(&market.running, &ann.key);
    // The keys of past days were destroyed before it.
    let file = market.dir().join("keys").join(sold_key.to_string());
    until(|| !file.exists()).await;
    assert_eq!(load_keys(&market).len(), 1);
    assert_eq!(number(&ann, &order).await, Value::Null);
    assert_eq!(files_with(&market.dir(), &[bytes]), Vec::<String>::new());
    let page = market.admin.request(Method::GET, "/metrics").send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("nexnum_loads_forgotten_total 1"), "{page}");
    let market = market.restart_with_clock(&shown).await;
    let ann = Client::new(&market.running, &ann.key);
    assert_eq!(
        (on_sale(&market), delivered(&market, &ann).await.1),
        (2, json!(format!("+{OTHERS}")))
    );
    // 4. The same numbers can be loaded and sold again.
    market.stock("ID", "telegram", "0.50", FIRST, 2).await;
    delivered(&market, &ann).await;
    assert_eq!(delivered(&market, &ann).await.1, json!(format!("+{FIRST}")));
    market.running.stop().await.unwrap();
}

/// Stops, loses a key's file, and starts with that accepted.
async fn restart_without(market: Market, key: KeyHandle) -> Market {
    let dir = market.dir();
    market.running.stop().await.unwrap();
    std::fs::remove_file(dir.join("keys").join(key.to_string())).unwrap();
    let mut opened = folder::open(&dir, |_| {}).unwrap();
    opened.accepted_keys.named.insert(key);
    let running = nexnum::server::start(opened, &config(&dir), Vec::new()).await.unwrap();
    let admin = Client::new(&running, &market.admin.key);
    Market { running, admin, folder: market.folder }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_under_a_lost_key_are_not_sold() {
    let market = Market::start().await;
    let ann = market.customer("ann", "9").await;
    market.stock("ID", "telegram", "0.50", FIRST, 3).await;
    let lost = load_keys(&market)[0];
    market.stock("ID", "telegram", "0.50", OTHERS, 1).await;
    let open = buy(&ann, "telegram").await;
    // 1. What is in stock is for sale no more, but for the other load.
    let market = restart_without(market, lost).await;
    let ann = Client::new(&market.running, &ann.key);
    assert_eq!((on_sale(&market), number(&ann, &open).await), (1, Value::Null));
    // 2. Nor does the open order's number come back.
    ann.post(&format!("/api/v1/activations/{open}/cancel"), json!({})).await.ok();
    assert_eq!(ann.balance().await, ("9.000000".to_owned(), "0.000000".to_owned()));
    assert_eq!(on_sale(&market), 1);
    assert_eq!(delivered(&market, &ann).await.1, json!(format!("+{OTHERS}")));
    let wish = json!({"country": "ID", "service": "telegram"});
    ann.post("/api/v1/orders", wish).await.refused(409, "no_numbers");
    // 3. Loaded again, they are sold again.
    market.stock("ID", "telegram", "0.50", FIRST + 1, 2).await;
    let market = market.restart().await;
    let ann = Client::new(&market.running, &ann.key);
    assert_eq!(on_sale(&market), 2);
    assert_eq!(delivered(&market, &ann).await.1, json!(format!("+{}", FIRST + 1)));
    market.running.stop().await.unwrap();
}
