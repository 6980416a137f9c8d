//! An engine with own stock, sold to one buyer.

use nexnum_engine::command::{
    Caller, Cancel, Command, Finish, Incoming, IngestMessage, LoadStock, PlaceOrder, Pulse, Reply,
    Timings,
};
use nexnum_engine::event::{Arrival, MessageIdentity, MessageKind, MessageWay, Routing, Terms};
use nexnum_engine::ids::{AccountId, OfferId, OrderId, Token, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::policy::Policy;
use nexnum_engine::sealed::KeyHandle;
use nexnum_engine::time::Time;
use nexnum_engine::under_keys::UnderKeys;

use super::arbitrary::{Arbitrary, START};
use super::proof::Recorded;
use super::sealed::{load_key, loaded_under, message};

pub const MINUTE: u64 = 60_000;
/// Own stock.
pub const OWN: OfferId = OfferId(1);
/// Another service on the same numbers.
pub const OTHER: OfferId = OfferId(4);
/// The engine and its clock.
pub struct StockMarket {
    pub recorded: Recorded,
    pub now: Time,
}

impl StockMarket {
    pub fn new() -> Self {
        let policy = Policy { quarantine_ms: 30 * MINUTE };
        let mut market = Self { recorded: Recorded::new(policy), now: START };
        for command in Arbitrary::market() {
            market.run(command).expect("the market is set up");
        }
        market
    }

    pub fn run(&mut self, command: impl Into<Command>) -> Result<Reply, &'static str> {
        self.recorded.execute(self.now, &command.into()).map_err(|reject| reject.code())
    }

    /// Loads numbers by their tokens, with those under one other key.
    pub fn load(
        &mut self,
        offer: OfferId,
        tokens: &[u64],
        others: &[u64],
    ) -> Result<Reply, &'static str> {
        let others = if others.is_empty() {
            Vec::new()
        } else {
            vec![others.iter().copied().map(Token).collect()]
        };
        self.load_under(load_key(offer), offer, tokens, others)
    }

    /// Loads numbers under a key.
    pub fn load_under(
        &mut self,
        key: KeyHandle,
        offer: OfferId,
        tokens: &[u64],
        others: Vec<Box<[Token]>>,
    ) -> Result<Reply, &'static str> {
        let numbers = loaded_under(key, tokens.iter().copied().map(Token));
        self.run(LoadStock { offer, cost: Micros(30), price: Micros(50), numbers, others })
    }

    pub fn place(&mut self, offer: OfferId) -> OrderId {
        let known = self.recorded.state().offer(offer).expect("it is listed");
        let terms = Terms { offer, provider: known.provider, price: Micros(50), cost: Micros(30) };
        let placed = PlaceOrder {
            account: AccountId(1),
            product: known.product,
            variant: VariantId::ANY,
            limit: terms.price,
            max_price: None,
            terms,
            routing: Routing::default(),
            timings: Timings { lifetime_ms: 20 * MINUTE, min_cancel_age_ms: 0 },
            idempotency: None,
            notes: None,
        };
        self.run(placed).expect("it is placed");
        self.recorded.state().counters().order
    }

    pub fn ingest(
        &mut self,
        order: OrderId,
        digest: UnderKeys<u128>,
    ) -> Result<Reply, &'static str> {
        let arrival = Arrival {
            way: MessageWay::Callback,
            kind: MessageKind::Sms,
            identity: MessageIdentity::SourceId,
            names_service: false,
        };
        let message = Incoming { digest, ..message(0, ["", "text", "123"]) };
        self.run(IngestMessage { order, message, arrival, callback: None })
    }

    pub fn token(&self, order: OrderId) -> u64 {
        let order = self.recorded.state().order(order).expect("it is in memory");
        order.assignment.as_ref().expect("it has a number").token.0
    }

    pub fn pass(&mut self, minutes: u64) {
        self.now = self.now.plus_ms(minutes * MINUTE);
        let archived = self.now;
        while self.run(Pulse { archived, unasked: Time(0) }) != Ok(Reply::Changed(0)) {}
    }

    /// The order gets a message, and is over.
    pub fn deliver(&mut self, order: OrderId) {
        self.ingest(order, u128::from(order.0).into()).expect("it is new");
        self.run(Finish { order, caller: Caller::System }).expect("it is finished");
    }

    /// The order is over without one.
    pub fn cancel(&mut self, order: OrderId) {
        self.run(Cancel { order, caller: Caller::System }).expect("it is cancelled");
    }
}
