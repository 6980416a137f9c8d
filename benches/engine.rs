//! The engine alone, in process, without disk or network, on one thread.
//!
//! One load: 1,000 accounts, own stock of 100 offers with numbers enough, every order
//! with an idempotency key. `place and deliver` is the fastest path of an order:
//! placed, a message, finished: three commands, three events. `pulse` ends 100,000
//! orders without a message. `replay` applies a million events that such orders left.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nexnum_engine::Engine;
use nexnum_engine::audit::audit;
use nexnum_engine::command::{
    Caller, Command, Deposit, Finish, IngestMessage, ListOffers, LoadStock, NewPayment,
    OpenAccount, PlaceOrder, Pulse, RegisterProvider, Reply, Timings,
};
use nexnum_engine::event::{
    Arrival, MessageIdentity, MessageKind, MessageWay, ProviderKind, Routing, Terms,
};
use nexnum_engine::group::{Groups, Head, Idempotency};
use nexnum_engine::ids::{
    AccountId, CountryId, OfferId, OrderId, Product, ProviderId, ServiceId, Token, VariantId,
};
use nexnum_engine::money::Micros;
use nexnum_engine::product::OfferKey;
use nexnum_engine::time::Time;

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

const START: Time = Time(1_800_000_000_000);
const ACCOUNTS: u32 = 1_000;
const OFFERS: u32 = 100;
const NUMBERS_PER_LOAD: u64 = 20_000;
const TIMINGS: Timings = Timings { lifetime_ms: 1_200_000, min_cancel_age_ms: 0 };

struct Market {
    engine: Engine,
    ledger: Groups,
    scratch: Groups,
    now: Time,
    placed: u32,
}

impl Market {
    /// A market with `numbers` units of stock an offer.
    fn open(numbers: u64) -> Self {
        let mut market = Self {
            engine: Engine::default(),
            ledger: Groups::new(),
            scratch: Groups::new(),
            now: START,
            placed: 0,
        };
        market.must(&make_day_key());
        market.must(&Command::RegisterProvider(RegisterProvider {
            name: "sims".into(),
            kind: ProviderKind::Own,
        }));
        for id in 1..=ACCOUNTS {
            market.must(&Command::OpenAccount(OpenAccount {
                name: None,
                credit_limit: Micros::ZERO,
            }));
            let (account, amount) = (AccountId(id), Micros::units(1_000_000));
            market.must(&Command::Deposit(Deposit {
                account,
                payment: NewPayment::new("bank", amount, id.into()),
                sealed: None,
            }));
        }
        for id in 1..=OFFERS {
            let (provider, offers) =
                (ProviderId(1), vec![OfferKey::of(product(id), VariantId::ANY)]);
            market.must(&make_load_key(OfferId(id)));
            market.must(&Command::ListOffers(ListOffers { provider, offers }));
            for first in (0..numbers).step_by(NUMBERS_PER_LOAD as usize) {
                let last = (first + NUMBERS_PER_LOAD).min(numbers);
                let numbers = loaded(OfferId(id), (first..last).map(Token));
                let (cost, price) = (Micros(100_000), Micros(500_000));
                market.must(&Command::LoadStock(LoadStock {
                    offer: OfferId(id),
                    cost,
                    price,
                    numbers,
                    others: Vec::new(),
                }));
            }
        }
        market
    }

    fn must(&mut self, command: &Command) -> Reply {
        let reply = self.engine.execute(Head::system(self.now), command, &mut self.ledger);
        reply.expect("the load asks for what there is")
    }

    /// Executes without keeping the events: what the engine itself costs.
    fn run(&mut self, command: &Command) {
        let reply = self.engine.execute(Head::system(self.now), command, &mut self.scratch);
        black_box(reply).expect("the load asks for what there is");
        self.scratch.clear();
    }

    fn order(&mut self) -> Command {
        self.placed += 1;
        let offer = self.placed % OFFERS + 1;
        Command::PlaceOrder(PlaceOrder {
            account: AccountId(self.placed.wrapping_mul(7_919) % ACCOUNTS + 1),
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
            idempotency: Some(Idempotency { key: digest(self.placed), fingerprint: 1 }.into()),
            notes: None,
        })
    }

    /// The commands of one delivered order.
    fn delivered_order(&mut self) -> [Command; 3] {
        let place = self.order();
        let order = OrderId(self.placed.into());
        let message = message(digest(self.placed), ["Telegram", "Telegram code 12345", "12345"]);
        let receive = Command::IngestMessage(IngestMessage {
            order,
            message,
            arrival: POLLED,
            callback: None,
        });
        [place, receive, Command::Finish(Finish { order, caller: Caller::System })]
    }
}

/// As a digest is: spread over its whole range.
fn digest(n: u32) -> u128 {
    u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn product(offer: u32) -> Product {
    Product::activation(CountryId(6), ServiceId(offer as u16))
}

fn place_and_deliver(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(1));
    group.bench_function("place and deliver", |bencher| {
        bencher.iter_custom(|count| {
            let mut market = Market::open(count / u64::from(OFFERS) + 1);
            let orders: Vec<_> = (0..count).map(|_| market.delivered_order()).collect();
            let begun = Instant::now();
            for command in orders.iter().flatten() {
                market.run(command);
            }
            begun.elapsed()
        });
    });
    group.bench_function("place", |bencher| {
        bencher.iter_custom(|count| {
            let mut market = Market::open(count / u64::from(OFFERS) + 1);
            let orders: Vec<_> = (0..count).map(|_| market.order()).collect();
            let begun = Instant::now();
            for command in &orders {
                market.run(command);
            }
            begun.elapsed()
        });
    });
    group.finish();
}

fn pulse(c: &mut Criterion) {
    const ORDERS: u64 = 100_000;
    let mut group = c.benchmark_group("engine");
    group.sample_size(10).throughput(Throughput::Elements(ORDERS));
    let full = || {
        let mut market = Market::open(ORDERS / u64::from(OFFERS) + 1);
        for _ in 0..ORDERS {
            let order = market.order();
            market.run(&order);
        }
        market.now = START.plus_ms(TIMINGS.lifetime_ms);
        market
    };
    let expire = |mut market: Market| {
        while market.engine.state().next_deadline().is_some_and(|due| due <= market.now) {
            market.run(&Command::Pulse(Pulse { archived: market.now, unasked: Time(0) }));
        }
        market
    };
    group.bench_function("pulse 100k", |b| b.iter_batched(full, expire, BatchSize::PerIteration));
    group.finish();
}

fn replay(c: &mut Criterion) {
    const EVENTS: usize = 1_000_000;
    let mut market = Market::open(EVENTS as u64 / 3 / u64::from(OFFERS) + 1);
    while market.ledger.events().len() < EVENTS {
        for command in market.delivered_order() {
            market.must(&command);
        }
        market.now = market.now.plus_ms(1);
        if market.placed.is_multiple_of(1_000) {
            market.must(&Command::Pulse(Pulse { archived: market.now, unasked: Time(0) }));
        }
    }
    audit(market.engine.state()).expect("the load is sound");
    let mut group = c.benchmark_group("engine");
    group.sample_size(10).throughput(Throughput::Elements(EVENTS as u64));
    let all = || {
        let mut engine = Engine::default();
        for (head, events) in market.ledger.iter() {
            engine.replay(head, events);
        }
        engine
    };
    group.bench_function("replay 1M events", |bencher| bencher.iter_with_large_drop(all));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500));
    targets = place_and_deliver, pulse, replay
}
criterion_main!(benches);
