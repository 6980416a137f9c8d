//! Commands from a seed or from a fuzzer's bytes: swarm weights choose which kinds
//! dominate a run, ids are mostly of things that exist, time mostly creeps and
//! sometimes jumps. It needs only the engine's public types.

use nexnum_engine::callback::{CallbackFailure, CallbackOutcome};
use nexnum_engine::command::{
    AssignNumber, Caller, Cancel, ClearDoubt, Command, Deposit, DoubtOrder, EndByProvider, Expire,
    FailOrder, FindOrphan, Finish, IngestMessage, IssueKey, ListOffers, NamePurchase, NameVariant,
    NewPayment, NextAttempt, OpenAccount, OpenLedger, PlaceOrder, Pulse, ReceiveCallback,
    RecoverLoss, RegisterProvider, RequestAnother, RevokeKey, SettleCallback, SettleOrphan,
    Timings,
};
use nexnum_engine::event::{LedgerTerms, OrphanEnd, ProviderKind, ProviderWord, Terms};
use nexnum_engine::group::Idempotency;
use nexnum_engine::ids::{
    AccountId, CallbackId, CountryId, KeyId, OfferId, OrderId, Product, ProviderId, ServiceId,
    SourceId, Token, VariantId,
};
use nexnum_engine::money::{AMOUNT_MAX, COST_MAX, Micros};
use nexnum_engine::order::FailReason;
use nexnum_engine::policy::Policy;
use nexnum_engine::product::OfferKey;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

// A path, since this file is part of several test programs.
#[path = "arbitrary_facts.rs"]
mod facts;
#[path = "arbitrary_ledger.rs"]
mod ledger;
#[path = "arbitrary_money.rs"]
mod money;
#[path = "arbitrary_seal_key.rs"]
mod seal_key;
#[path = "sealed.rs"]
pub mod sealed;

/// Choices: the bytes first, two for each, then a splitmix sequence.
pub struct Rng {
    bytes: std::vec::IntoIter<u8>,
    state: u64,
}

impl Rng {
    /// Choices that follow from a seed.
    pub fn new(seed: u64) -> Self {
        Self { bytes: Vec::new().into_iter(), state: seed }
    }

    /// Choices that a fuzzer makes, as long as its bytes last.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self { bytes: Vec::from(bytes).into_iter(), state: 0 }
    }

    /// True when the fuzzer's bytes are used up.
    pub fn is_spent(&self) -> bool {
        self.bytes.len() == 0
    }

    /// Any integer.
    pub fn next(&mut self) -> u64 {
        if let (Some(low), Some(high)) = (self.bytes.next(), self.bytes.next()) {
            return u64::from(low) | u64::from(high) << 8;
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An integer below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of a few.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// How many kinds of commands there are.
const KINDS: usize = 21;

/// A source of commands.
pub struct Arbitrary {
    rng: Rng,
    weights: [u64; KINDS],
}

impl Arbitrary {
    /// Draws the weights: every kind may happen, a third of them often.
    pub fn new(mut rng: Rng) -> Self {
        let weights = std::array::from_fn(|_| if rng.once_in(3) { 12 } else { 1 });
        Self { rng, weights }
    }

    /// True when the fuzzer's bytes are used up.
    pub fn is_spent(&self) -> bool {
        self.rng.is_spent()
    }

    /// How long until the next command.
    pub fn pause_ms(&mut self) -> u64 {
        match self.rng.below(40) {
            0 => self.rng.below(30 * MINUTE),
            1 if self.rng.once_in(4) => self.rng.below(3_000 * MINUTE),
            2..=20 => 0,
            _ => self.rng.below(30_000),
        }
    }

    /// What an operator may have chosen.
    pub fn policy(&mut self) -> Policy {
        Policy { quarantine_ms: self.rng.pick(&[0, MINUTE, 10 * MINUTE]) }
    }

    /// What a market needs before anything else can happen.
    pub fn market() -> Vec<Command> {
        let terms = LedgerTerms { currency: *b"USD", permutation: [7; 16], index_check: 9 };
        let register = |name: &str, kind| {
            Command::RegisterProvider(RegisterProvider { name: name.into(), kind })
        };
        let list = |id, service, variant| {
            let product = Product::activation(CountryId(1), ServiceId(service));
            let offers = vec![OfferKey::of(product, VariantId(variant))];
            Command::ListOffers(ListOffers { provider: ProviderId(id), offers })
        };
        let open = |name, limit| {
            Command::OpenAccount(OpenAccount { name: Some(name), credit_limit: Micros(limit) })
        };
        let (ann, bob) = (AccountId(1), AccountId(2));
        vec![
            Command::OpenLedger(OpenLedger { terms }),
            ledger::begin_epoch(1),
            sealed::make_day_key(),
            sealed::make_load_key(OfferId(1)),
            sealed::make_load_key(OfferId(4)),
            sealed::make_identity_key(ann),
            sealed::make_identity_key(bob),
            open(sealed::named(sealed::identity_key(ann), "ann"), 0),
            open(sealed::named(sealed::identity_key(bob), "bob"), 90),
            register("sims", ProviderKind::Own),
            register("up", ProviderKind::Driven),
            register("over", ProviderKind::Driven),
            Command::NameVariant(NameVariant::of_carrier("any".into())),
            list(1, 1, 0),
            list(2, 1, 0),
            list(3, 1, 1),
            Command::Deposit(Deposit {
                account: AccountId(1),
                payment: NewPayment::new("bank", Micros(2_000), 0),
                sealed: None,
            }),
            // A second service on the same numbers.
            list(1, 2, 0),
        ]
    }

    /// The next command for an engine in this state.
    pub fn command(&mut self, state: &State) -> Command {
        let mut ticket = self.rng.below(self.weights.iter().sum());
        let mut kind = 0;
        while ticket >= self.weights[kind] {
            ticket -= self.weights[kind];
            kind += 1;
        }
        match kind {
            0 if self.rng.once_in(3) => self.retoken(state),
            0 if self.rng.once_in(8) => ledger::command(&mut self.rng, state),
            0 if self.rng.once_in(3) => seal_key::command(&mut self.rng, state),
            0 => self.open(state),
            1 => self.issue_key(state),
            2 => Command::RevokeKey(RevokeKey { key: KeyId(self.id(state.counters().key.0)) }),
            3 => {
                let (account, amount) = (self.account(state), self.amount());
                money::command(&mut self.rng, state, account, amount)
            }
            4 => self.register(),
            5 => Command::NameVariant(NameVariant { parts: self.parts() }),
            6 | 7 => self.list(state),
            8 => self.load(state),
            9 | 10 => Command::PlaceOrder(self.place(state)),
            _ => self.of_order(kind, state),
        }
    }

    fn of_order(&mut self, kind: usize, state: &State) -> Command {
        let order = self.order(state);
        let current = state.order(order).map_or(1, |order| order.attempt);
        let attempt = if self.rng.once_in(8) { self.rng.below(20) as u8 } else { current };
        let caller = self.caller(state);
        match kind {
            11 => Command::NextAttempt(NextAttempt {
                order,
                refused: attempt,
                terms: self.terms(state),
                routing: self.routing(),
                ended: self.ended(),
                timings: self.timings(),
            }),
            12 if self.rng.once_in(3) => Command::ClearDoubt(ClearDoubt { order, attempt }),
            12 => Command::DoubtOrder(DoubtOrder { order, attempt, ended: self.ended() }),
            13 => Command::AssignNumber(AssignNumber {
                order,
                attempt,
                token: self.number(),
                sealed: self.sealed(100),
                external_id: self.purchase(),
                cost: self.rng.once_in(2).then(|| self.amount()),
                charged: self.charged(),
                carrier: self.carrier_word(),
                timings: self.timings(),
            }),
            14 if self.rng.once_in(4) => Command::RecoverLoss(RecoverLoss { order, attempt }),
            14 => Command::FailOrder(FailOrder {
                order,
                attempt,
                ended: self.ended(),
                reason: self.rng.pick(&[FailReason::NoNumbers, FailReason::InDoubt]),
            }),
            15 if self.rng.once_in(4) => self.complete(order, state),
            15 => Command::IngestMessage(IngestMessage {
                order,
                message: self.message(),
                arrival: self.arrival(),
                callback: self.rng.once_in(2).then(|| self.callback(state)),
            }),
            16 if self.rng.once_in(2) => self.show(order, state),
            16 => Command::RequestAnother(RequestAnother { order, caller }),
            17 if self.rng.once_in(2) => Command::Finish(Finish { order, caller }),
            17 => Command::Cancel(Cancel { order, caller }),
            18 if self.rng.once_in(2) => Command::ReceiveCallback(self.received(state)),
            18 => Command::SettleCallback(SettleCallback {
                callback: self.callback(state),
                outcome: match self.rng.below(5) {
                    0 => CallbackOutcome::Accepted,
                    1 => CallbackOutcome::Duplicate,
                    2 => CallbackOutcome::Discarded,
                    _ => CallbackOutcome::Failed(self.rng.pick(&CallbackFailure::ALL)),
                },
            }),
            19 => self.upstream(order, attempt, state),
            _ => self.pulse(state),
        }
    }

    /// What becomes known of an order's purchases at their providers.
    fn upstream(&mut self, order: OrderId, attempt: u8, state: &State) -> Command {
        let cost = self.rng.once_in(2).then(|| self.amount());
        match self.rng.below(8) {
            6 | 7 => {
                let external_id = self.purchase();
                let ended = self.ended();
                Command::NamePurchase(NamePurchase { ended, order, attempt, external_id, cost })
            }
            0 | 1 => Command::FindOrphan(FindOrphan {
                order,
                attempt: if self.rng.once_in(3) { 1 } else { attempt },
                provider: self.provider(state),
                external_id: self.purchase(),
                from: Time(self.rng.below(1 << 40)),
                cost,
            }),
            2 => {
                let known = state.orphans().next().filter(|_| !self.rng.once_in(8));
                let any = || (self.provider(state), self.purchase());
                let (provider, external_id) = known.map_or_else(any, |it| (it.0, it.1.into()));
                use OrphanEnd::{GivenBack, Gone, Stayed};
                let end = self.rng.pick(&[GivenBack, Stayed, Gone]);
                Command::SettleOrphan(SettleOrphan { provider, external_id, end })
            }
            3 => self.end_upstream(order),
            4 => Command::Expire(Expire { order }),
            _ => {
                use ProviderWord::{Cancelled, Expired, Finished, Missing};
                let word = self.rng.pick(&[Cancelled, Expired, Finished, Missing]);
                Command::EndByProvider(EndByProvider { order, word })
            }
        }
    }

    /// History mostly holds everything; sometimes it lags behind an order in memory.
    fn pulse(&mut self, state: &State) -> Command {
        let closed = state.order(self.order(state)).and_then(|order| order.closed_at);
        let behind = closed.filter(|_| self.rng.once_in(2));
        let archived = behind.map_or(Time(u64::MAX), |at| Time(at.0 - self.rng.below(2)));
        Command::Pulse(Pulse { archived, unasked: Time(self.rng.below(8) / 7 * u64::MAX) })
    }

    /// Mostly an id that exists, sometimes one beyond, zero or absurd.
    fn id(&mut self, last: u32) -> u32 {
        match self.rng.below(24) {
            0 => self.rng.pick(&[0, last + 1, u32::MAX]),
            _ => 1 + self.rng.below(u64::from(last.max(1))) as u32,
        }
    }

    /// Mostly one of the latest orders.
    fn order(&mut self, state: &State) -> OrderId {
        let last = state.counters().order.0;
        match self.rng.below(4) {
            0 => OrderId(self.rng.pick(&[0, 1, last / 2, last + 1, u64::MAX])),
            _ => OrderId(last.saturating_sub(self.rng.below(6))),
        }
    }

    fn account(&mut self, state: &State) -> AccountId {
        let last = state.counters().account.0;
        if self.rng.once_in(3) { AccountId(self.id(last)) } else { AccountId(1) }
    }

    fn caller(&mut self, state: &State) -> Caller {
        if self.rng.once_in(3) { Caller::System } else { Caller::Account(self.account(state)) }
    }

    fn amount(&mut self) -> Micros {
        match self.rng.below(30) {
            0 => Micros(self.rng.pick(&[0, -1, i64::MAX, i64::MIN])),
            1 => Micros(self.rng.next() as i64),
            2 => Micros(self.rng.pick(&[AMOUNT_MAX, COST_MAX]).0 + self.rng.below(2) as i64),
            3 => Micros(self.rng.below(10_000) as i64),
            _ => Micros(1 + self.rng.below(120) as i64),
        }
    }

    fn name(&mut self) -> Box<str> {
        match self.rng.below(12) {
            0 => "".into(),
            1 => "ä".repeat(51).into(),
            n => format!("name{n}").into(),
        }
    }

    fn number(&mut self) -> Token {
        Token(10_000 + self.rng.below(40))
    }

    fn purchase(&mut self) -> Box<str> {
        match self.rng.below(20) {
            0 => self.name(),
            _ => self.rng.below(200).to_string().into(),
        }
    }

    fn product(&mut self) -> Product {
        let service = if self.rng.once_in(5) { self.rng.below(4) as u16 } else { 1 };
        Product::activation(CountryId(1), ServiceId(service))
    }

    fn variant(&mut self) -> VariantId {
        if self.rng.once_in(4) { VariantId(self.rng.below(14) as u16) } else { VariantId::ANY }
    }

    fn offer_key(&mut self) -> OfferKey {
        let mut key = OfferKey::of(self.product(), self.variant());
        if self.rng.once_in(8) {
            key.step = self.rng.below(3) as u16;
        }
        if self.rng.once_in(50) {
            key.source = SourceId(1);
        }
        key
    }

    fn timings(&mut self) -> Timings {
        let lifetime_ms = self.rng.pick(&[0, 60_000, 1_200_000, 1_200_000, 20_000_000_000]);
        let min_cancel_age_ms = self.rng.pick(&[0, 0, 30_000, 120_000, u64::MAX]);
        Timings { lifetime_ms, min_cancel_age_ms }
    }

    fn received(&mut self, state: &State) -> ReceiveCallback {
        ReceiveCallback {
            provider: if self.rng.once_in(10) { self.provider(state) } else { ProviderId(1) },
            key: self.rng.below(60).into(),
            content_type: "x".repeat(if self.rng.once_in(20) { 101 } else { 0 }).into(),
            sealed: self.sealed(64 * 1024),
            failure: self.rng.once_in(3).then(|| self.rng.pick(&CallbackFailure::ALL)),
        }
    }

    /// Mostly one that waits, sometimes any other.
    fn callback(&mut self, state: &State) -> CallbackId {
        let waits = state.callbacks().waiting().next().map(|(id, _)| id);
        waits.filter(|_| !self.rng.once_in(3)).unwrap_or_else(|| CallbackId(self.rng.below(12)))
    }

    fn open(&mut self, state: &State) -> Command {
        let credit_limit = if self.rng.once_in(2) { Micros(0) } else { self.amount() };
        let name = self.name();
        let name = (!self.rng.once_in(4)).then(|| seal_key::named(&mut self.rng, state, &name));
        Command::OpenAccount(OpenAccount { name, credit_limit })
    }

    fn issue_key(&mut self, state: &State) -> Command {
        let account = (!self.rng.once_in(4)).then(|| self.account(state));
        let hash = [self.rng.next() as u8; 32];
        Command::IssueKey(IssueKey { account, hash, prefix: self.name() })
    }

    fn kind(&mut self) -> ProviderKind {
        self.rng.pick(&[ProviderKind::Own, ProviderKind::Driven])
    }

    fn register(&mut self) -> Command {
        Command::RegisterProvider(RegisterProvider { name: self.name(), kind: self.kind() })
    }

    fn provider(&mut self, state: &State) -> ProviderId {
        ProviderId(self.id(state.counters().provider.0.into()) as u16)
    }

    fn list(&mut self, state: &State) -> Command {
        let offers = (0..self.rng.below(4)).map(|_| self.offer_key()).collect();
        Command::ListOffers(ListOffers { provider: self.provider(state), offers })
    }

    fn offer(&mut self, state: &State) -> OfferId {
        OfferId(self.id(state.offers().count() as u32))
    }

    fn cost_and_price(&mut self) -> (Micros, Micros) {
        if self.rng.once_in(8) {
            return (self.amount(), self.amount());
        }
        let cost = self.rng.below(60) as i64;
        (Micros(cost), Micros(cost + 1 + self.rng.below(60) as i64))
    }

    /// An offer as a router would have claimed it, or anything else.
    fn terms(&mut self, state: &State) -> Terms {
        let offer = self.offer(state);
        match state.offer(offer) {
            Some(known) if !self.rng.once_in(10) => {
                let stock = state.stock(offer).map(|(terms, _)| (terms.cost, terms.price));
                let (cost, price) = stock.unwrap_or_else(|| self.cost_and_price());
                Terms { offer, provider: known.provider, price, cost }
            }
            _ => {
                let (price, cost) = (self.amount(), self.amount());
                Terms { offer, provider: self.provider(state), price, cost }
            }
        }
    }

    fn place(&mut self, state: &State) -> PlaceOrder {
        let terms = self.terms(state);
        let known = state.offer(terms.offer);
        let product = match known {
            Some(offer) if !self.rng.once_in(20) => offer.product,
            _ => self.product(),
        };
        let limit = match self.rng.below(6) {
            0 => self.amount(),
            1 | 2 => terms.price,
            _ => Micros(terms.price.0.saturating_add(60)),
        };
        let used = |rng: &mut Rng| Idempotency {
            key: rng.below(20).into(),
            fingerprint: u128::from(rng.once_in(5)),
        };
        let idempotency = self.rng.once_in(3).then(|| self.under_keys(used).into());
        PlaceOrder {
            account: self.account(state),
            product,
            variant: self.variant(),
            limit,
            terms,
            max_price: self.rng.once_in(2).then_some(limit),
            routing: self.routing(),
            timings: self.timings(),
            idempotency,
            notes: self.notes(),
        }
    }
}

const MINUTE: u64 = 60_000;

/// When a run begins.
pub const START: Time = Time(1_800_000_000_000);
