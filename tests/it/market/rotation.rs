//! Keys of tokens and digests that change under a running market: what was found is found.

use nexnum::attention::AttentionKind;
use nexnum_engine::event::DestroyReason;
use nexnum_engine::ids::{AccountId, Seq};
use nexnum_engine::sealed::KeyOwner;
use nexnum_engine::time::Time;
use serde_json::{Value, json};

use super::clock::jump;
use super::harness::{Client, Market};
use super::messages::buy;
use crate::rig::plain::files_with;
use crate::rig::set_clock::SetClock;

const FIRST: u64 = 6_281_900_000_001;
const COUNT: u64 = 7;
/// Days that a key lives here: the next one is made after one, and takes over after another.
const LIFE: u32 = 2;
/// Shortly after a midnight, and shortly before one.
const AFTER_MS: i64 = 60_000;
const BEFORE_MS: i64 = -3 * 60_000;

/// A market on a machine whose clock is set.
struct Rig {
    market: Market,
    shown: SetClock,
    buyer: Client,
}

/// What was bought under the first key.
struct Bought {
    /// With an idempotency key, and a message.
    first: Value,
    /// An order that is open while the keys change, with a message.
    open: String,
}

impl Rig {
    async fn start() -> Self {
        let shown = SetClock::default();
        let market = Market::with_clock(&shown).await;
        let buyer = market.customer("ann", "9").await;
        market.stock("ID", "telegram", "0.50", FIRST, COUNT).await;
        Self { market, shown, buyer }
    }

    async fn restart(self) -> Self {
        let market = self.market.restart_with_clock(&self.shown).await;
        let buyer = Client::new(&market.running, &self.buyer.key);
        Self { market, buyer, ..self }
    }

    /// Sets the clock to so many milliseconds after the midnight at which a day begins.
    async fn set(&self, day: u32, ms: i64) {
        let now = self.market.running.rooms.market.clock.now();
        let to = Time::of_day(day).0.cast_signed() + ms;
        jump(&self.market, &self.shown, to - now.0.cast_signed()).await;
    }

    async fn rotate(&self) {
        self.market.running.rooms.market.rotate_lookups(LIFE).await.unwrap();
    }

    /// The days of the keys of tokens and digests, the oldest first.
    fn days(&self) -> Vec<u32> {
        let keys = self.market.seal_keys().into_iter();
        let days = keys.filter_map(|(_, owner)| match owner {
            KeyOwner::Lookup(day) => Some(day),
            _ => None,
        });
        let mut days: Vec<_> = days.collect();
        days.sort_unstable();
        days
    }

    /// The bytes of a key's file.
    fn key_of(&self, day: u32) -> Vec<u8> {
        let mut keys = self.market.seal_keys().into_iter();
        let (handle, _) = keys.find(|(_, owner)| *owner == KeyOwner::Lookup(day)).unwrap();
        std::fs::read(self.market.dir().join("keys").join(handle.to_string())).unwrap()
    }

    fn position(&self) -> Seq {
        self.market.running.rooms.market.read_model.position()
    }

    /// What became of a message that is posted.
    async fn post(&self, number: &Value, id: &str, code: u32) -> String {
        let text = format!("Your code is {code}");
        let answer = self.market.posted(json!({"number": number, "id": id, "text": text})).await;
        let word = if answer.status.is_success() { "status" } else { "code" };
        answer.body[word].as_str().unwrap().to_owned()
    }

    async fn number(&self, order: &str) -> Value {
        let order = self.buyer.get(&format!("/api/v1/orders/{order}")).await.ok();
        order["activation"]["number"].clone()
    }

    /// A new order, which gets a message.
    async fn delivered(&self, id: &str, code: u32) -> String {
        let order = buy(&self.buyer, "telegram").await;
        let number = self.number(&order).await;
        assert_eq!(self.post(&number, id, code).await, "accepted", "{id}");
        order
    }

    /// What has been found before is found: by idempotency key, by message, by number.
    async fn assert_found(&self, Bought { first, open }: &Bought, say: &str) {
        let again = self.buyer.order(&wish(), "k-1").await;
        assert_eq!(again.headers["idempotent-replayed"], "true", "{say}");
        assert_eq!(again.created()["id"], first["id"], "{say}");
        let other = json!({"country": "ID", "service": "telegram", "max_price": "0.90"});
        self.buyer.order(&other, "k-1").await.refused(422, "idempotency_mismatch");
        let (sold, number) = (&first["activation"]["number"], self.number(open).await);
        assert_eq!(self.post(&number, "m-2", 22_222).await, "duplicate", "{say}");
        // Its order leaves memory meanwhile.
        let repeated = self.post(sold, "m-1", 11_111).await;
        assert!(["duplicate", "not_found"].contains(&&*repeated), "{say}: {repeated}");
        for held in FIRST..FIRST + COUNT {
            let number = format!("+{held}");
            if *sold != number {
                let load = json!({
                    "country": "ID", "service": "telegram", "price": "0.50", "numbers": [number],
                });
                let answer = self.market.admin.post("/api/admin/stock", load).await;
                answer.refused(409, "duplicate_number");
            }
        }
        self.delivered(&format!("m-{say}"), 33_333).await;
        let shown = self.buyer.get(&format!("/api/v1/orders/{open}")).await.ok();
        assert_eq!(shown["activation"]["messages"].as_array().unwrap().len(), 1, "{say}");
    }
}

fn wish() -> Value {
    json!({"country": "ID", "service": "telegram"})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_under_one_key_is_found_under_the_next() {
    let rig = Rig::start().await;
    let day = rig.market.running.rooms.market.clock.now().day();
    let old_key = rig.key_of(day);
    // 1. One key; then the next one is there, and not in use. None is made shortly before midnight.
    rig.set(day + 1, BEFORE_MS).await;
    let first = rig.buyer.order(&wish(), "k-1").await.created();
    assert_eq!(rig.post(&first["activation"]["number"], "m-1", 11_111).await, "accepted");
    rig.rotate().await;
    assert_eq!(rig.days(), [day]);
    rig.set(day + 1, AFTER_MS).await;
    rig.rotate().await;
    assert_eq!(rig.days(), [day, day + 1]);
    rig.set(day + 2, BEFORE_MS).await;
    rig.rotate().await;
    let open = rig.delivered("m-2", 22_222).await;
    let bought = Bought { first, open };
    // 2. It is in use, also after a start.
    rig.set(day + 2, AFTER_MS).await;
    rig.assert_found(&bought, "before").await;
    rig.rotate().await;
    let rig = rig.restart().await;
    rig.assert_found(&bought, "restarted").await;
    // 3. The first key is destroyed once the next one has taken over for long enough, and all numbers
    // have new tokens, those of open orders too.
    rig.set(day + 4, AFTER_MS).await;
    rig.rotate().await;
    assert_eq!(rig.days(), [day, day + 1, day + 2, day + 4]);
    rig.set(day + 5, BEFORE_MS).await;
    let open = rig.delivered("m-5", 55_555).await;
    rig.set(day + 5, AFTER_MS).await;
    let before = rig.position();
    rig.rotate().await;
    assert!(rig.position() > before, "numbers have new tokens");
    assert!(!rig.days().contains(&day), "{:?}", rig.days());
    assert!(files_with(&rig.market.dir(), &[old_key]).is_empty());
    let number = rig.number(&open).await;
    assert_eq!(rig.post(&number, "m-5", 55_555).await, "duplicate");
    assert_eq!(rig.post(&number, "m-6", 66_666).await, "accepted");
    let rig = rig.restart().await;
    assert_eq!(rig.post(&number, "m-6", 66_666).await, "duplicate");
    assert_eq!(rig.post(&number, "m-7", 77_777).await, "accepted");
    rig.market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_are_counted_on_when_the_key_changes() {
    let rig = Rig::start().await;
    let day = rig.market.running.rooms.market.clock.now().day();
    rig.set(day + 1, AFTER_MS).await;
    rig.rotate().await;
    rig.set(day + 2, BEFORE_MS).await;
    let order = buy(&rig.buyer, "telegram").await;
    let shown = rig.buyer.get(&format!("/api/v1/orders/{order}")).await.ok();
    let activation = &shown["activation"];
    let (number, id) = (activation["number"].clone(), activation["id"].as_str().unwrap());
    let resend = format!("/api/v1/activations/{id}/resend");
    let post = async |id: Option<&str>| {
        let mut body = json!({"number": number, "text": "Your code is 45678"});
        if let Some(id) = id {
            body["id"] = json!(id);
        }
        rig.market.posted(body).await.ok()["status"].clone()
    };
    // 1. Twice before midnight, without an id.
    assert_eq!([post(None).await, post(None).await], ["accepted", "duplicate"]);
    rig.buyer.post(&resend, json!({})).await.ok();
    assert_eq!([post(None).await, post(None).await], ["accepted", "duplicate"]);
    // 2. After it a repeat is one, also with an id, and what the buyer asked for is another.
    rig.set(day + 2, AFTER_MS).await;
    assert_eq!([post(None).await, post(Some("late id")).await], ["duplicate", "duplicate"]);
    rig.buyer.post(&resend, json!({})).await.ok();
    assert_eq!([post(None).await, post(None).await], ["accepted", "duplicate"]);
    let shown = rig.buyer.get(&format!("/api/v1/orders/{order}")).await.ok();
    assert_eq!(shown["activation"]["messages"].as_array().unwrap().len(), 3);
    rig.market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_key_that_ended_is_destroyed_once_it_can_be() {
    let market = Market::start().await;
    market.customer("ann", "9").await;
    let is_its = |key: &(_, KeyOwner)| key.1 == KeyOwner::Identity(AccountId(1));
    let key = market.seal_keys().into_iter().find(is_its).unwrap();
    let room = market.running.rooms.market.clone();
    let kinds = || {
        let rows = room.attention.rows(9).0;
        rows.into_iter().map(|row| row.kind).collect::<Vec<_>>()
    };
    let (file, away) =
        (market.dir().join("keys").join(key.0.to_string()), market.dir().join("away"));
    // 1. It cannot be: the ledger has its end, and the operator is told.
    std::fs::rename(&file, &away).unwrap();
    std::fs::create_dir(&file).unwrap();
    room.destroy_key(key, DestroyReason::Erasure).await.unwrap_err();
    room.rotate_lookups(90).await.unwrap_err();
    assert_eq!(kinds(), [AttentionKind::LookupKeyOverdue]);
    // 2. It can be.
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&away, &file).unwrap();
    room.rotate_lookups(90).await.unwrap();
    assert!(!file.exists());
    assert_eq!(kinds(), []);
    market.running.stop().await.unwrap();
}
