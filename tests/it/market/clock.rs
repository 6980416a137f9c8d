//! A server whose machine's clock jumps: time does not follow, until the operator accepts it.

use std::time::{Duration, Instant};

use nexnum::attention::{AttentionKind, AttentionRow};
use nexnum_engine::group::{Actor, Head};
use nexnum_engine::ids::KeyId;
use reqwest::Method;
use serde_json::{Value, json};

use super::command_line::run;
use super::harness::Market;
use crate::rig::set_clock::SetClock;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// The row that tells of the clock, as soon as there is one, or none.
async fn told(market: &Market, is_told: bool) -> Option<AttentionRow> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let rows = market.running.rooms.market.attention.rows(usize::MAX).0;
        let row = rows.into_iter().find(|row| row.kind == AttentionKind::ClockApart);
        if row.is_some() == is_told {
            return row;
        }
        assert!(Instant::now() < deadline, "told, against {is_told}: {row:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sets the machine's clock on by so many milliseconds more, and accepts that.
pub(super) async fn jump(market: &Market, shown: &SetClock, ms: i64) {
    shown.set_off(shown.off() + ms);
    told(market, true).await;
    market.admin.post("/api/admin/clock/accept", json!({})).await.ok();
    told(market, false).await;
}

/// An order of own stock that is open.
async fn bought(market: &Market) -> (super::harness::Client, String) {
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 3).await;
    let buyer = market.customer("a", "10").await;
    let wish = json!({"country": "ID", "service": "telegram"});
    let order = buyer.post("/api/v1/orders", wish).await.created();
    let path = format!("/api/v1/activations/{}", order["id"].as_str().unwrap());
    (buyer, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_an_hour_ends_nothing_until_the_operator_accepts_it() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    let (buyer, activation) = bought(&market).await;
    let clock = market.running.rooms.market.clock.clone();
    let began = clock.now();
    let accept = "/api/admin/clock/accept";
    let nothing = market.admin.post(accept, json!({})).await.ok();
    assert_eq!(nothing, json!({"accepted": null}));
    // 1. It is told, and time goes on as it did.
    shown.set_off(HOUR_MS);
    let row = told(&market, true).await.unwrap();
    assert!(row.text.contains("3600 s ahead of the ledger's time"), "{row:?}");
    assert!(row.text.contains("nexnum clock accept"), "{row:?}");
    let metrics = market.admin.request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let off = metrics.lines().find(|line| line.starts_with("nexnum_clock_off_seconds ")).unwrap();
    assert!(["3599", "3600"].iter().any(|seconds| off.ends_with(seconds)), "{off}");
    assert!(metrics.contains("nexnum_attention{kind=\"clock_apart\"} 1"), "{metrics}");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(clock.now() < began.plus_ms(60_000));
    assert_eq!(buyer.get(&activation).await.ok()["state"], "ACTIVE");
    // 2. Accepted, it is followed at once: the order's time is over.
    let done = run(&market, &["clock", "accept"]).await;
    assert!(done.status.success(), "{done:?}");
    let printed = String::from_utf8(done.stdout).unwrap();
    assert!(printed.contains("from=") && printed.contains("to="), "{printed}");
    assert!(clock.now() >= began.plus_ms(HOUR_MS as u64));
    assert_eq!(told(&market, false).await, None);
    let deadline = Instant::now() + Duration::from_secs(30);
    while buyer.get(&activation).await.ok()["state"] == "ACTIVE" {
        assert!(Instant::now() < deadline, "it is open still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let again = run(&market, &["clock", "accept"]).await;
    let told = String::from_utf8(again.stderr).unwrap();
    assert!(again.status.success() && told.contains("nothing to accept"), "{told}");
    // 3. Both are in the ledger, with who accepted it.
    let ledger = market.stop_and_read().await;
    let actors = |kind: &str| -> Vec<Actor> {
        let of = |(Head { origin, .. }, _): &(Head, Vec<&str>)| origin.actor;
        ledger.iter().filter(|(_, kinds)| kinds.contains(&kind)).map(of).collect()
    };
    assert_eq!(actors("ClockStepped"), [Actor::System]);
    assert_eq!(actors("ClockAccepted"), [Actor::Key(KeyId(1))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_comes_back_is_told_no_longer() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    shown.set_off(-HOUR_MS);
    let row = told(&market, true).await.unwrap();
    assert!(row.text.contains("3600 s behind the ledger's time"), "{row:?}");
    shown.set_off(0);
    assert_eq!(told(&market, false).await, None);
    let accepted = market.admin.post("/api/admin/clock/accept", json!({})).await.ok();
    assert_eq!(accepted["accepted"], Value::Null);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_is_followed_slowly_once_it_is_accepted() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    let clock = market.running.rooms.market.clock.clone();
    shown.set_off(-HOUR_MS);
    told(&market, true).await;
    let before = clock.now();
    let accepted = market.admin.post("/api/admin/clock/accept", json!({})).await.ok();
    let (from, to) = (&accepted["accepted"]["from"], &accepted["accepted"]["to"]);
    assert!(from.as_str() > to.as_str(), "{accepted}");
    assert_eq!(told(&market, false).await, None);
    assert!(clock.now() >= before, "it runs back");
    let off_s = clock.off_ms() / 1000;
    assert!((-3_600..-3_590).contains(&off_s), "{off_s}");
    // It is as it was accepted also after a start.
    let market = market.restart_with_clock(&shown).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(told(&market, false).await, None);
    assert_eq!(market.running.rooms.market.clock.jump(), None);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_between_two_starts_of_one_boot_is_told_and_not_followed() {
    let shown = SetClock::default();
    let market = Market::with_clock(&shown).await;
    let (buyer, activation) = bought(&market).await;
    let before = market.running.rooms.market.clock.now();
    // In another boot this would refuse the start.
    shown.set_off(30 * HOUR_MS);
    let market = market.restart_with_clock(&shown).await;
    let row = told(&market, true).await.unwrap();
    assert!(row.text.contains("108000 s ahead of the ledger's time"), "{row:?}");
    let now = market.running.rooms.market.clock.now();
    assert!(now >= before && now < before.plus_ms(60_000), "{before} {now}");
    let buyer = super::harness::Client::new(&market.running, &buyer.key);
    assert_eq!(buyer.get(&activation).await.ok()["state"], "ACTIVE");
    market.running.stop().await.unwrap();
}
