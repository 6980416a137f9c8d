//! Buyers that trade by themselves, so that a newcomer sees a market under load. Each has an
//! account and a key of its own, and one order at a time.
//!
//! Promises: they use the HTTP API as customers do, think between two orders, and come back
//! when `Retry-After` says. What an earlier run of the demo left open is seen to first.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use nexnum_engine::group::Origin;
use nexnum_engine::ids::AccountId;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::api::{self, Api};
use super::seed::{OWN_COUNTRY, OWN_SERVICE, PURSE, Seeded};
use crate::cli::error::CliError;
use crate::clock::rfc3339;
use crate::server::Rooms;

/// What they buy: products that the simulated providers have plenty of.
const COUNTRIES: [&str; 12] =
    ["ID", "IN", "PH", "VN", "KE", "NG", "GH", "BD", "PK", "KH", "CO", "BR"];
const SERVICES: [&str; 8] =
    ["telegram", "whatsapp", "google", "instagram", "facebook", "tiktok", "discord", "amazon"];
/// The most that they pay: a second provider is asked where the first has nothing.
const PRICE_MAX: &str = "1.00";
/// Of a hundred orders, so many are of own stock, whose messages come only to those who post
/// them: they are cancelled.
const OWN_STOCK_PERCENT: u64 = 5;
/// Of a hundred buyers, so many do not wait for a code that is late.
const IMPATIENT_PERCENT: u64 = 15;
/// Of a hundred, so many end the activation after the code.
const FINISHES_PERCENT: u64 = 50;
/// Thinking between two orders.
const THINK_MS: (u64, u64) = (1_000, 8_000);
/// How long the impatient wait for a code, and the others.
const IMPATIENT_MS: (u64, u64) = (4_000, 20_000);
const PATIENT_MS: (u64, u64) = (60_000, 180_000);
/// A long poll in seconds, and the shortest.
const POLL_S: (u64, u64) = (5, 30);
/// Open orders of an earlier run that are seen to: a buyer has one at a time.
const OPEN_MAX: u32 = 10;

/// Starts them; they end when the set is dropped.
///
/// # Errors
/// They cannot connect.
pub(super) fn start(
    rooms: &Rooms,
    seeded: &Seeded,
    count: u16,
    seed: u64,
    busy: &Arc<AtomicU64>,
) -> Result<JoinSet<()>, CliError> {
    let http = api::connections(&seeded.base_url)
        .map_err(|error| CliError::failed("the buyers cannot connect", &error))?;
    let mut buyers = JoinSet::new();
    for (at, key) in (1..).zip(seeded.buyers.iter().take(usize::from(count))) {
        let Some(known) = rooms.access.find_key(key) else { continue };
        let api = Api::new(http.clone(), &seeded.base_url, key, Arc::clone(busy));
        let random = Random(seed ^ (at << 32));
        let buyer = Buyer { api, rooms: rooms.clone(), account: known.account, random };
        buyers.spawn(buyer.trade());
    }
    Ok(buyers)
}

struct Buyer {
    api: Api,
    rooms: Rooms,
    account: AccountId,
    random: Random,
}

impl Buyer {
    async fn trade(mut self) {
        // 1. What an earlier run of the demo left open.
        let open = self.api.get(&format!("activations?limit={OPEN_MAX}")).await;
        let open = open.map_or(Value::Null, |answer| answer.body);
        for order in open["activations"].as_array().map_or(&[][..], Vec::as_slice) {
            if let Some(id) = order["id"].as_str() {
                let patience = self.patience();
                self.see_to(id, patience).await;
            }
        }
        // 2. One order after the other.
        loop {
            self.think().await;
            // No message comes to own stock by itself.
            let is_own = self.random.percent(OWN_STOCK_PERCENT);
            let patience = if is_own { IMPATIENT_MS } else { self.patience() };
            if let Some(id) = self.buy(is_own).await {
                self.see_to(&id, patience).await;
            }
        }
    }

    async fn think(&mut self) {
        tokio::time::sleep(self.random.between(THINK_MS)).await;
    }

    fn patience(&mut self) -> (u64, u64) {
        if self.random.percent(IMPATIENT_PERCENT) { IMPATIENT_MS } else { PATIENT_MS }
    }

    /// Buys something; the order's id comes back if there is one.
    async fn buy(&mut self, is_own: bool) -> Option<String> {
        let wish = if is_own {
            json!({ "country": OWN_COUNTRY, "service": OWN_SERVICE })
        } else {
            let (country, service) = (self.random.of(&COUNTRIES), self.random.of(&SERVICES));
            json!({ "country": country, "service": service, "max_price": PRICE_MAX })
        };
        let answer = self.api.post("orders", Some(&wish)).await?;
        if answer.status == StatusCode::PAYMENT_REQUIRED {
            self.top_up().await;
        }
        let id = answer.body["id"].as_str().filter(|_| answer.status == StatusCode::CREATED);
        id.map(str::to_owned)
    }

    /// More money, as an operator would book it. A refusal shows at the next order.
    async fn top_up(&self) {
        let (account, now) = (self.account, rfc3339(self.rooms.market.clock.now()));
        let reference = format!("demo top-up of account {account} at {now}");
        let money = &self.rooms.money;
        let _refused = money.deposit_plain(&Origin::SYSTEM, account, PURSE, &reference).await;
    }

    /// Waits for the code of an order, or cancels it.
    async fn see_to(&mut self, id: &str, patience: (u64, u64)) {
        let give_up = Instant::now() + self.random.between(patience);
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let wait_s = left.as_secs().clamp(POLL_S.0, POLL_S.1);
            let Some(answer) = self.api.get(&format!("activations/{id}?wait={wait_s}")).await
            else {
                continue;
            };
            match answer.body["state"].as_str() {
                Some("INIT") => {}
                Some("ACTIVE") if Instant::now() < give_up || !self.may_cancel(&answer.body) => {}
                Some("ACTIVE") => {
                    let cancelled = self.api.post(&format!("activations/{id}/cancel"), None).await;
                    if cancelled.is_some_and(|answer| answer.status == StatusCode::OK) {
                        return;
                    }
                }
                Some("RECEIVED") => {
                    if self.random.percent(FINISHES_PERCENT) {
                        self.api.post(&format!("activations/{id}/finish"), None).await;
                    }
                    return;
                }
                // It has ended, or cannot be read.
                Some(_) | None => return,
            }
        }
    }

    fn may_cancel(&self, activation: &Value) -> bool {
        let from = activation["cancel_from"].as_str();
        // Both are of one clock, in one form.
        from.is_some_and(|from| *from <= *rfc3339(self.rooms.market.clock.now()))
    }
}

/// What a buyer likes: the same seed gives the same wishes (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn percent(&mut self, share: u64) -> bool {
        self.next() % 100 < share
    }

    fn of<'a>(&mut self, choice: &[&'a str]) -> &'a str {
        choice[(self.next() % choice.len() as u64) as usize]
    }

    fn between(&mut self, (least, most): (u64, u64)) -> Duration {
        Duration::from_millis(least + self.next() % (most - least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_engine::catalog::Catalog;

    #[test]
    fn what_the_buyers_wish_for_is_in_the_catalogue() {
        let catalog = Catalog::load();
        for country in COUNTRIES {
            assert!(catalog.country_by_iso(country).is_some(), "{country}");
        }
        for service in SERVICES {
            assert!(catalog.service_by_slug(service).is_some(), "{service}");
        }
    }

    #[test]
    fn wishes_vary_within_their_bounds_and_follow_from_the_seed() {
        let (mut one, mut same, mut other) = (Random(7), Random(7), Random(8));
        let words: Vec<u64> = (0..100).map(|_| one.next()).collect();
        assert!(words.iter().all(|word| *word == same.next()));
        assert!(words.iter().any(|word| *word != other.next()));
        let thoughts = (0..1000).map(|_| one.between(THINK_MS).as_millis());
        assert!(thoughts.into_iter().all(|ms| (1_000..8_000).contains(&ms)));
        let shares = (0..1000).filter(|_| one.percent(15)).count();
        assert!((100..200).contains(&shares), "{shares}");
    }
}
