//! A restart without a snapshot: a ledger of a million events read, checked, decoded and
//! applied, as `serve` does it.
//!
//! The ledger is written first, by the engine, in rows of 256 events: 1,000 accounts, own
//! stock of 100 offers, and orders that are each placed, receive a message and are finished;
//! each command is a group of its own.
//! Then it is replayed five times from an empty state; each must give the writer's state.
//! Set TMPDIR to have the ledger on a certain disk; it is read through the page cache.

use std::time::{Duration, Instant};

use nexnum::market::replay::Replay;
use nexnum_engine::Engine;
use nexnum_engine::audit::state_hash;
use nexnum_engine::command::{
    Caller, Command, Deposit, Finish, IngestMessage, ListOffers, LoadStock, NewPayment,
    OpenAccount, PlaceOrder, Pulse, RegisterProvider, Timings,
};
use nexnum_engine::event::{
    Arrival, MessageIdentity, MessageKind, MessageWay, ProviderKind, Routing, Terms,
};
use nexnum_engine::group::{Groups, Head, Idempotency};
use nexnum_engine::ids::{
    AccountId, CountryId, OfferId, OrderId, Product, ProviderId, Seq, ServiceId, Token, VariantId,
};
use nexnum_engine::money::Micros;
use nexnum_engine::product::OfferKey;
use nexnum_engine::time::Time;
use nexnum_storage::{Ledger, LedgerId, Payload, RedbLedger, Salt, StorageError};

#[path = "../engine/tests/common/sealed.rs"]
#[allow(dead_code, unreachable_pub, reason = "a bench takes what it needs")]
mod sealed;

use sealed::{loaded, make_day_key, make_load_key, message};

/// How messages come here.
const POLLED: Arrival = Arrival {
    way: MessageWay::List,
    kind: MessageKind::Sms,
    identity: MessageIdentity::TextWithCode,
    names_service: true,
};

const EVENTS: u64 = 1_000_000;
const EVENTS_PER_ROW: usize = 256;
const RUNS: usize = 5;
const START: Time = Time(1_800_000_000_000);
const ACCOUNTS: u32 = 1_000;
const OFFERS: u32 = 100;
const NUMBERS_PER_OFFER: u64 = EVENTS / 3 / OFFERS as u64 + 1;
const SALT: Salt = Salt([1; 32]);
const TIMINGS: Timings = Timings { lifetime_ms: 1_200_000, min_cancel_age_ms: 0 };

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = RedbLedger::create(&folder.path().join("ledger.redb"), LedgerId([1; 16]))
        .expect("the temporary folder takes a new ledger");
    let begun = Instant::now();
    let mut writer = Writer { engine: Engine::default(), ledger, open: Groups::new(), now: START };
    writer.write_all();
    let (events, expected) = (writer.ledger.last().seq.0, state_hash(writer.engine.state()));
    println!("{events} events written in {:.2?}", begun.elapsed());
    let mut took: Vec<Duration> = (0..RUNS).map(|_| writer.replay(&expected)).collect();
    took.sort();
    let per_million = |took: Duration| took.as_secs_f64() * 1e6 / events as f64;
    println!(
        "replay: median {:.3} s per million events (least {:.3}, most {:.3}, of {RUNS})",
        per_million(took[RUNS / 2]),
        per_million(took[0]),
        per_million(took[RUNS - 1]),
    );
}

/// An engine with its ledger and the groups of the row that is still open.
struct Writer {
    engine: Engine,
    ledger: RedbLedger,
    open: Groups,
    now: Time,
}

impl Writer {
    fn write_all(&mut self) {
        self.open_market();
        let mut order = 0;
        while self.ledger.last().seq.0 < EVENTS {
            order += 1;
            self.deliver_order(order);
            if order.is_multiple_of(1_000) {
                self.execute(&Command::Pulse(Pulse { archived: self.now, unasked: Time(0) }));
            }
        }
        self.commit();
    }

    fn open_market(&mut self) {
        self.execute(&make_day_key());
        self.execute(&Command::RegisterProvider(RegisterProvider {
            name: "own".into(),
            kind: ProviderKind::Own,
        }));
        for id in 1..=ACCOUNTS {
            self.execute(&Command::OpenAccount(OpenAccount {
                name: None,
                credit_limit: Micros::ZERO,
            }));
            let (account, amount) = (AccountId(id), Micros::units(1_000_000));
            self.execute(&Command::Deposit(Deposit {
                account,
                payment: NewPayment::new("bank", amount, id.into()),
                sealed: None,
            }));
        }
        for id in 1..=OFFERS {
            let (provider, offers) =
                (ProviderId(1), vec![OfferKey::of(product(id), VariantId::ANY)]);
            self.execute(&make_load_key(OfferId(id)));
            self.execute(&Command::ListOffers(ListOffers { provider, offers }));
            let numbers = loaded(OfferId(id), (0..NUMBERS_PER_OFFER).map(Token));
            let (cost, price) = (Micros(100_000), Micros(500_000));
            self.execute(&Command::LoadStock(LoadStock {
                offer: OfferId(id),
                cost,
                price,
                numbers,
                others: Vec::new(),
            }));
        }
    }

    fn deliver_order(&mut self, number: u32) {
        let (order, offer) = (OrderId(number.into()), number % OFFERS + 1);
        self.execute(&Command::PlaceOrder(PlaceOrder {
            account: AccountId(number.wrapping_mul(7_919) % ACCOUNTS + 1),
            product: product(offer),
            variant: VariantId::ANY,
            limit: Micros(500_000),
            terms: Terms {
                offer: OfferId(offer),
                provider: ProviderId(1),
                price: Micros(500_000),
                cost: Micros(100_000),
            },
            max_price: None,
            routing: Routing::default(),
            timings: TIMINGS,
            idempotency: Some(Idempotency { key: digest(number), fingerprint: 1 }.into()),
            notes: None,
        }));
        let message = message(digest(number), ["Telegram", "Telegram code 12345", "12345"]);
        self.execute(&Command::IngestMessage(IngestMessage {
            order,
            message,
            arrival: POLLED,
            callback: None,
        }));
        self.execute(&Command::Finish(Finish { order, caller: Caller::System }));
    }

    /// Every row has one time, so time goes on from row to row.
    fn execute(&mut self, command: &Command) {
        let reply = self.engine.execute(Head::system(self.now), command, &mut self.open);
        reply.expect("the load asks for what there is");
        if self.open.events().len() >= EVENTS_PER_ROW {
            self.commit();
        }
    }

    fn commit(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let last = self.ledger.last();
        let payload = Payload::of(&std::mem::take(&mut self.open), &SALT, Seq(last.seq.0 + 1));
        let epoch = self.ledger.epoch();
        self.ledger.append(&payload.batch(), last, epoch).expect("the disk takes the row");
        self.now = self.now.plus_ms(100);
    }

    /// Replays the ledger once and compares what comes out.
    fn replay(&self, expected: &[u8; 32]) -> Duration {
        let (reader, mut replay) = (self.ledger.reader(), Replay::default());
        let begun = Instant::now();
        replay.run(&reader, |_, _| Ok::<(), StorageError>(())).expect("the ledger is sound");
        let took = begun.elapsed();
        assert_eq!(state_hash(replay.state()), *expected, "a replay gives the writer's state");
        took
    }
}

/// As a digest is: spread over its whole range.
fn digest(n: u32) -> u128 {
    u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn product(offer: u32) -> Product {
    Product::activation(CountryId(6), ServiceId(offer as u16))
}
