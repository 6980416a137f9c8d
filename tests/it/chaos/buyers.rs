//! Buyers who place orders, wait, cancel, finish and ask again, and repeat what was not answered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use super::api::{Answer, Api};
use super::plan::Plan;
use super::world::World;

const BUYERS: u64 = 24;
/// Between two kills.
const KILL_PAUSE: Duration = Duration::from_secs(3);
/// How long a wish is repeated that is refused.
const WISH: Duration = Duration::from_secs(15);
/// How long a number is waited for, and then its code: longer than the providers' messages take.
const PATIENCE: Duration = Duration::from_secs(12);
/// For a server that is being restarted.
const UNANSWERED: Duration = Duration::from_millis(200);

/// What the buyers were told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Orders by id, and whether a cancel was acknowledged.
    pub(super) orders: BTreeMap<String, bool>,
    /// Wishes that were refused to the end.
    pub(super) refused: u64,
    /// Answers that no behaviour of a provider excuses.
    pub(super) wrong: Vec<String>,
}

/// All buyers at once; the server is killed meanwhile if the plan says so.
pub(super) async fn trade(world: &mut World, plan: &Plan, seed: u64, orders: u64) -> Told {
    let mut buyers = JoinSet::new();
    for buyer in 0..BUYERS.min(orders) {
        let wishes: Vec<u64> = (buyer..orders).step_by(BUYERS as usize).collect();
        let api = world.customer.clone();
        buyers.spawn(async move {
            let mut told = Told::default();
            for wish in wishes {
                Buyer { api: &api, word: scramble(seed ^ (wish << 20)), told: &mut told }
                    .buy_and_see(&format!("wish-{wish}"))
                    .await;
            }
            told
        });
    }
    for _ in 0..plan.kills {
        tokio::time::sleep(KILL_PAUSE).await;
        world.kill_and_restart();
    }
    let mut told = Told::default();
    while let Some(one) = buyers.join_next().await {
        let one = one.unwrap();
        told.orders.extend(one.orders);
        told.refused += one.refused;
        told.wrong.extend(one.wrong);
    }
    told
}

fn scramble(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

struct Buyer<'a> {
    api: &'a Api,
    word: u64,
    told: &'a mut Told,
}

impl Buyer<'_> {
    fn dice(&mut self, sides: u64) -> u64 {
        self.word = scramble(self.word.wrapping_add(0x9e37_79b9_7f4a_7c15));
        self.word % sides
    }

    async fn buy_and_see(&mut self, wish: &str) {
        let Some(id) = self.buy(wish).await else {
            self.told.refused += 1;
            return;
        };
        self.told.orders.insert(id.clone(), false);
        let patience = match self.dice(10) {
            0 => Duration::ZERO,
            1 | 2 => Duration::from_secs(2),
            _ => PATIENCE,
        };
        self.see_to(&id, patience).await;
    }

    /// An order's id; the same key until there is an answer.
    async fn buy(&mut self, wish: &str) -> Option<String> {
        let body = json!({"country": "ID", "service": "telegram", "max_price": "1.00"});
        let until = Instant::now() + WISH;
        for tries in 0.. {
            let key = format!("{wish}-{tries}");
            let answer = loop {
                match self.api.post("v1/orders", &body, Some(&key)).await {
                    // Its first try is being decided still.
                    Some(answer) if answer.body["code"] == "request_in_flight" => {
                        tokio::time::sleep(UNANSWERED).await;
                    }
                    Some(answer) => break answer,
                    None => tokio::time::sleep(UNANSWERED).await,
                }
            };
            if answer.status == StatusCode::CREATED {
                return answer.body["id"].as_str().map(str::to_owned);
            }
            self.check("order", &answer, &[404, 409, 502, 503]);
            if Instant::now() > until {
                return None;
            }
            let pause = answer.retry_after.unwrap_or(Duration::from_millis(500));
            tokio::time::sleep(pause.min(Duration::from_secs(5))).await;
        }
        None
    }

    /// Waits for the code of an order, and cancels it without one.
    async fn see_to(&mut self, id: &str, patience: Duration) {
        let give_up = Instant::now() + patience;
        let last = give_up + Duration::from_secs(30);
        let mut codes = 1;
        while Instant::now() < last {
            let Some(answer) = self.api.get(&format!("v1/activations/{id}?wait=2")).await else {
                tokio::time::sleep(UNANSWERED).await;
                continue;
            };
            match answer.body["state"].as_str() {
                Some("INIT") => {}
                Some("ACTIVE") if Instant::now() < give_up => {}
                Some("ACTIVE") => {
                    if self.cancel(id).await {
                        return;
                    }
                }
                Some("RECEIVED") => match self.dice(10) {
                    0..=3 => return self.act(id, "finish").await,
                    4 | 5 if codes == 1 => {
                        codes += 1;
                        self.act(id, "resend").await;
                        tokio::time::sleep(Duration::from_secs(3)).await;
                    }
                    _ => return,
                },
                Some(_) => return,
                None => return self.told.wrong.push(format!("activation {id}: {answer:?}")),
            }
        }
    }

    /// True once it is acknowledged.
    async fn cancel(&mut self, id: &str) -> bool {
        let path = format!("v1/activations/{id}/cancel");
        let Some(answer) = self.api.ask(Method::POST, &path, None, None).await else {
            return false;
        };
        if answer.status == StatusCode::OK {
            let is_cancelled = answer.body["state"] == "CANCELLED";
            self.told.orders.insert(id.to_owned(), is_cancelled);
            return true;
        }
        self.check("cancel", &answer, &[409, 422, 425, 429, 502, 503]);
        let pause = answer.retry_after.unwrap_or(Duration::from_millis(500));
        tokio::time::sleep(pause.min(Duration::from_secs(3))).await;
        false
    }

    async fn act(&mut self, id: &str, verb: &str) {
        let path = format!("v1/activations/{id}/{verb}");
        if let Some(answer) = self.api.ask(Method::POST, &path, None, None).await {
            self.check(verb, &answer, &[200, 404, 409, 422, 425, 429, 502, 503]);
        }
    }

    /// An answer that is not among the possible ones is a fault of ours.
    fn check(&mut self, what: &str, answer: &Answer, possible: &[u16]) {
        if !possible.contains(&answer.status.as_u16()) {
            self.told.wrong.push(format!("{what}: {} {}", answer.status, answer.body));
        }
    }
}
