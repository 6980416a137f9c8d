//! Days are closed with the root of their rows, whatever is lost or cut off on the way.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nexnum::market::folder;
use nexnum::market::replay::Decoded;
use nexnum::market::verify::{Followed, verify};
use nexnum_engine::event::{ClosedDay, Event, LedgerEvent};
use nexnum_engine::ids::Seq;
use nexnum_engine::time::{DAY_MS, Time};
use serde_json::{Value, json};

use super::harness::{Client, Market};
use crate::rig::set_clock::SetClock;

/// Moves the ledger's time on by days.
pub(super) async fn pass_days(market: &Market, shown: &SetClock, days: u64) -> Time {
    let clock = &market.running.rooms.market.clock;
    let until = clock.now().plus_ms(days * DAY_MS);
    let deadline = Instant::now() + Duration::from_secs(30);
    shown.set_off(shown.off() + (days * DAY_MS) as i64);
    while clock.now() < until {
        let _accepted = market.admin.post("/api/admin/clock/accept", json!({})).await.ok();
        assert!(Instant::now() < deadline, "the clock does not go on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    clock.now()
}

/// The days that are closed, the newest first, once `day` is.
pub(super) async fn closed(market: &Market, day: u32) -> Vec<ClosedDay> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let history = &market.running.rooms.market.history;
        let days = history.with_tables(|tables| tables.closed_days(None, 100)).await.unwrap();
        if days.first().is_some_and(|last| last.day >= day) {
            return days;
        }
        assert!(Instant::now() < deadline, "day {day} is not closed: {days:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A customer, and an order of own stock with a message.
pub(super) async fn delivered(market: &Market) -> (Client, Value) {
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 5).await;
    let buyer = market.customer("a", "10").await;
    let wish =
        json!({"country": "ID", "service": "telegram", "reference": "basket 7", "end_user": "m"});
    let order = buyer.post("/api/v1/orders", wish).await.created();
    let number = order["activation"]["number"].as_str().unwrap();
    market.message(number, "Telegram code 12345").await.ok();
    (buyer, order)
}

/// The days that the ledger says are closed.
fn in_ledger(dir: &Path) -> Vec<ClosedDay> {
    let opened = folder::open(dir, |_| {}).unwrap();
    let mut days = Vec::new();
    for row in opened.reader.read(Seq(1)).unwrap() {
        let row = Decoded::from_row(&row.unwrap()).unwrap();
        for event in row.groups.events() {
            if let Event::Ledger(LedgerEvent::DayClosed(closed)) = event {
                assert!(row.at().day() > closed.day, "a row of the day that it closes");
                days.push(*closed);
            }
        }
    }
    days
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_closed_once_it_is_over_and_an_idle_one_never() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    let first = market.running.rooms.market.clock.now().day();
    delivered(&market).await;
    // What follows the acceptance is of the third day; the second has no rows.
    let now = pass_days(&market, &shown, 2).await;
    let days = closed(&market, now.day() - 2).await;
    assert_eq!(days.iter().map(|day| day.day).collect::<Vec<_>>(), [first]);
    assert!(days[0].rows >= 5, "{days:?}");
    // The gauge follows the row.
    let gauge = format!("nexnum_day_closed_seconds {}", days[0].over_at().0 / 1000);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let metrics = market.admin.request(reqwest::Method::GET, "/metrics").send().await.unwrap();
        if metrics.text().await.unwrap().contains(&gauge) {
            break;
        }
        assert!(Instant::now() < deadline, "{gauge}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let now = pass_days(&market, &shown, 1).await;
    closed(&market, now.day() - 1).await;
    let dir = market.dir();
    market.running.stop().await.unwrap();
    let days: Vec<u32> = in_ledger(&dir).iter().map(|day| day.day).collect();
    assert_eq!(days, [first, first + 2]);
    let proof = verify(&dir, |_| {}).unwrap();
    assert_eq!(proof.days, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_closed_after_a_restart_and_from_a_lost_history() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    let first = market.running.rooms.market.clock.now().day();
    delivered(&market).await;
    // 1. The server stops in the second in which the day is over, before its root is recorded.
    pass_days(&market, &shown, 1).await;
    let market = market.restart_with_clock(&shown).await;
    let days = closed(&market, first).await;
    // 2. What is kept of the trees is lost: they are made again, and nothing is closed twice.
    let now = pass_days(&market, &shown, 1).await;
    let lose = |dir: &Path| fs::remove_file(dir.join("history.redb")).unwrap();
    let market = market.restart_after(&shown, lose).await;
    let again = closed(&market, now.day() - 1).await;
    assert_eq!(again.last(), days.last());
    let dir = market.dir();
    market.running.stop().await.unwrap();
    assert_eq!(in_ledger(&dir).len(), again.len());
    let proof = verify(&dir, |_| {}).unwrap();
    assert_eq!(proof.days, again.len() as u64);
    assert!(matches!(proof.history, Followed::To(_)));
}
