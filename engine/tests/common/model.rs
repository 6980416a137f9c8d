//! The engine once more, naively: lists that are searched from the front, and money
//! that is never moved but summed from what became of the orders. It is written from
//! the design's invariants and the life of an order, not from the engine's code.
//!
//! It needs only the engine's public types, so that any test or fuzz target may
//! include it by path.

use nexnum_engine::account::Book;
use nexnum_engine::activation::ActivationState as S;
use nexnum_engine::command::{
    Actor, AssignNumber, Cancel, ClearDoubt, Command, Deposit, DoubtOrder, Effect, FailOrder,
    Finish, Incoming, IngestMessage, IssueKey, ListOffers, Listed, LoadStock, NameOperator,
    NextAttempt, OpenAccount, PlaceOrder, Placed, PriceOffers, Pulse, RecoverLoss,
    RegisterProvider, Reply, RequestAnother, RevokeKey, Timings,
};
use nexnum_engine::event::{Idempotency, OfferTerms, ProviderKind, Terms};
use nexnum_engine::ids::{
    AccountId, KeyId, Number, OfferId, OperatorId, OrderId, Product, ProviderId,
};
use nexnum_engine::limits::{
    ATTEMPTS_MAX, BUY_TIME_MS, CLOSED_KEPT_MS, MESSAGES_MAX, NAME_LEN_MAX, OFFERS_MAX, PULSE_MAX,
    REPLIES_KEPT_MS, RETIRED_MAX, ROWS_MAX, TEXT_LEN_MAX,
};
use nexnum_engine::money::{AMOUNT_MAX, COST_MAX, Micros};
use nexnum_engine::order::{FailReason, OrderStatus};
use nexnum_engine::policy::Policy;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

/// An answer: a reply or the code of a refusal.
pub type Answer = Result<Reply, &'static str>;

/// What the model knows: ids are positions from 1.
#[derive(Default)]
pub struct Model {
    accounts: Vec<(Box<str>, Micros)>,
    keys_revoked: Vec<bool>,
    key_hashes: Vec<[u8; 32]>,
    deposits: Vec<(AccountId, u128, Micros)>,
    providers: Vec<(Box<str>, ProviderKind)>,
    operators: Vec<Box<str>>,
    offers: Vec<Offer>,
    orders: Vec<Order>,
    replies: Vec<(AccountId, Idempotency, OrderId, Time)>,
    policy: Policy,
    /// Numbers at rest: until when, of which offer.
    resting: Vec<(Time, OfferId, Number)>,
}

struct Offer {
    provider: ProviderId,
    product: Product,
    operator: OperatorId,
    cost: i64,
    price: i64,
    stock: u32,
    pool: Vec<Number>,
}

struct Order {
    asked: PlaceOrder,
    terms: Terms,
    attempt: u8,
    in_doubt: bool,
    deadline: Time,
    state: S,
    waiting: bool,
    number: Option<Number>,
    purchase: Option<Box<str>>,
    cancel_from: Time,
    digests: Vec<u128>,
    /// The sale's terms stand as they were at the first message.
    delivered: bool,
    loss: i64,
    closed_at: Option<Time>,
    retired: bool,
}

impl Order {
    fn refunded(&self) -> bool {
        matches!(self.state, S::Cancelled | S::TimedOut | S::Failed)
    }

    fn in_escrow(&self) -> bool {
        matches!(self.state, S::Init | S::Active)
    }

    fn status(&self) -> OrderStatus {
        match (self.delivered, self.refunded()) {
            (true, _) => OrderStatus::Delivered,
            (false, true) => OrderStatus::Refunded,
            (false, false) => OrderStatus::Escrow,
        }
    }
}

fn at<T>(list: &[T], id: usize) -> Option<&T> {
    list.get(id.checked_sub(1)?)
}

fn need(holds: bool, code: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(code) }
}

fn name_fits(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_LEN_MAX
}

fn is_amount(amount: Micros) -> bool {
    amount.0 > 0 && amount <= AMOUNT_MAX
}

fn priced_well(cost: Micros, price: Micros) -> bool {
    price.0 > 0 && price <= COST_MAX && cost.0 >= 0 && cost <= price
}

/// The moment up to which a pulse forgets: whole moments, few at once; `None` for none.
fn oldest(mut moments: Vec<Time>) -> Option<Time> {
    moments.sort();
    let Some(over) = moments.get(RETIRED_MAX) else { return moments.pop() };
    moments.iter().rfind(|moment| *moment < over).or(Some(over)).copied()
}

fn placed(id: OrderId, filled: bool) -> Reply {
    Reply::Placed(if filled { Placed::Filled(id) } else { Placed::Waiting(id) })
}

impl Model {
    /// A model of an engine with this policy.
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// What the engine must answer.
    pub fn execute(&mut self, now: Time, command: &Command) -> Answer {
        match command {
            Command::OpenAccount(OpenAccount { name, credit_limit }) => {
                self.open(name, *credit_limit)
            }
            Command::IssueKey(IssueKey { account, hash, prefix }) => {
                self.issue_key(*account, *hash, prefix)
            }
            Command::RevokeKey(RevokeKey { key }) => self.revoke_key(*key),
            Command::Deposit(Deposit { account, amount, reference }) => {
                self.deposit(*account, *amount, *reference)
            }
            Command::RegisterProvider(RegisterProvider { name, kind }) => {
                self.register(name, *kind)
            }
            Command::NameOperator(NameOperator { name }) => self.name_operator(name),
            Command::ListOffers(ListOffers { provider, offers }) => self.list(*provider, offers),
            Command::PriceOffers(PriceOffers { provider, terms }) => self.price(*provider, terms),
            Command::LoadStock(LoadStock { offer, cost, price, numbers }) => {
                self.load(*offer, *cost, *price, numbers)
            }
            Command::PlaceOrder(order) => self.place(now, order),
            Command::NextAttempt(NextAttempt { order, refused, terms, timings }) => {
                self.next_attempt(now, *order, *refused, *terms, *timings)
            }
            Command::DoubtOrder(DoubtOrder { order, attempt }) => {
                self.doubt(*order, *attempt, true)
            }
            Command::ClearDoubt(ClearDoubt { order, attempt }) => {
                self.doubt(*order, *attempt, false)
            }
            Command::AssignNumber(AssignNumber {
                order,
                attempt,
                number,
                external_id,
                cost,
                timings,
            }) => {
                let index = self.running(*order, *attempt)?;
                self.adopt(now, index, *number, external_id, *cost, *timings)
            }
            Command::FailOrder(FailOrder { order, attempt, reason }) => {
                let index = self.running(*order, *attempt)?;
                let doubted = self.orders[index].in_doubt;
                need(!doubted || *reason == FailReason::InDoubt, "in_doubt")?;
                self.fail(now, index, *reason);
                Ok(Reply::Effect(Effect::Done))
            }
            Command::IngestMessage(IngestMessage { order, message }) => {
                self.ingest(*order, message)
            }
            Command::RequestAnother(RequestAnother { order, actor }) => {
                self.another(*order, *actor)
            }
            Command::RecoverLoss(RecoverLoss { order, attempt }) => self.recover(*order, *attempt),
            Command::Cancel(Cancel { order, actor }) => self.cancel(now, *order, *actor),
            Command::Finish(Finish { order, actor }) => self.finish(now, *order, *actor),
            Command::Pulse(Pulse { archived }) => Ok(self.pulse(now, *archived)),
        }
    }

    fn open(&mut self, name: &str, credit_limit: Micros) -> Answer {
        need(name_fits(name), "invalid_field")?;
        need(credit_limit.0 == 0 || is_amount(credit_limit), "amount_out_of_range")?;
        need(!self.accounts.iter().any(|(known, _)| &**known == name), "name_taken")?;
        self.accounts.push((name.into(), credit_limit));
        Ok(Reply::Account(AccountId(self.accounts.len() as u32)))
    }

    fn account(&self, id: AccountId) -> Result<&(Box<str>, Micros), &'static str> {
        at(&self.accounts, id.0 as usize).ok_or("unknown_account")
    }

    fn issue_key(&mut self, account: Option<AccountId>, hash: [u8; 32], prefix: &str) -> Answer {
        if let Some(account) = account {
            self.account(account)?;
        }
        need(name_fits(prefix), "invalid_field")?;
        need(!self.key_hashes.contains(&hash), "duplicate_key")?;
        self.key_hashes.push(hash);
        self.keys_revoked.push(false);
        Ok(Reply::Key(KeyId(self.keys_revoked.len() as u32)))
    }

    fn revoke_key(&mut self, key: KeyId) -> Answer {
        let revoked = at(&self.keys_revoked, key.0 as usize).ok_or("unknown_key")?;
        if *revoked {
            return Ok(Reply::Effect(Effect::Unchanged));
        }
        self.keys_revoked[key.0 as usize - 1] = true;
        Ok(Reply::Effect(Effect::Done))
    }

    fn deposit(&mut self, account: AccountId, amount: Micros, reference: u128) -> Answer {
        self.account(account)?;
        need(is_amount(amount), "amount_out_of_range")?;
        let before = self.deposits.iter().find(|known| (known.0, known.1) == (account, reference));
        if let Some((_, _, credited)) = before {
            need(*credited == amount, "idempotency_mismatch")?;
            return Ok(Reply::Effect(Effect::Unchanged));
        }
        let total: i128 = self.deposits.iter().map(|known| i128::from(known.2.0)).sum();
        need(total + i128::from(amount.0) <= i128::from(i64::MAX / 4), "exhausted")?;
        self.deposits.push((account, reference, amount));
        Ok(Reply::Effect(Effect::Done))
    }

    fn register(&mut self, name: &str, kind: ProviderKind) -> Answer {
        need(name_fits(name), "invalid_field")?;
        let known = self.providers.iter().position(|(known, _)| &**known == name);
        let index = match known {
            Some(index) => index,
            None => {
                self.providers.push((name.into(), kind));
                self.providers.len() - 1
            }
        };
        need(self.providers[index].1 == kind, "name_taken")?;
        Ok(Reply::Provider(ProviderId(index as u16 + 1)))
    }

    fn kind(&self, id: ProviderId) -> Result<ProviderKind, &'static str> {
        at(&self.providers, id.0 as usize).map(|(_, kind)| *kind).ok_or("unknown_provider")
    }

    fn name_operator(&mut self, name: &str) -> Answer {
        need(name_fits(name), "invalid_field")?;
        let known = self.operators.iter().position(|known| &**known == name);
        let index = known.unwrap_or(self.operators.len());
        if known.is_none() {
            self.operators.push(name.into());
        }
        Ok(Reply::Operator(OperatorId(index as u16 + 1)))
    }

    fn list(&mut self, provider: ProviderId, offers: &[(Product, OperatorId)]) -> Answer {
        self.kind(provider)?;
        need((1..=ROWS_MAX).contains(&offers.len()), "invalid_field")?;
        need(self.offers.len() + offers.len() <= OFFERS_MAX, "exhausted")?;
        for (index, &(product, operator)) in offers.iter().enumerate() {
            let known = self.offers.iter().any(|offer| {
                (offer.provider, offer.product, offer.operator) == (provider, product, operator)
            });
            let twice = offers[..index].contains(&(product, operator));
            need(!known && !twice, "duplicate_offer")?;
            need(operator.0 as usize <= self.operators.len(), "invalid_field")?;
        }
        let first = OfferId(self.offers.len() as u32 + 1);
        for &(product, operator) in offers {
            let (cost, price, stock, pool) = (0, 0, 0, Vec::new());
            self.offers.push(Offer { provider, product, operator, cost, price, stock, pool });
        }
        Ok(Reply::Listed(Listed { first, count: offers.len() as u32 }))
    }

    fn offer(&self, id: OfferId) -> Result<&Offer, &'static str> {
        at(&self.offers, id.0 as usize).ok_or("unknown_offer")
    }

    /// Terms that say the same offer twice mean what they say last.
    fn price(&mut self, provider: ProviderId, terms: &[OfferTerms]) -> Answer {
        need(self.kind(provider)? == ProviderKind::Driven, "wrong_provider_kind")?;
        need((1..=ROWS_MAX).contains(&terms.len()), "invalid_field")?;
        for new in terms {
            need(self.offer(new.offer)?.provider == provider, "unknown_offer")?;
            need(priced_well(new.cost, new.price), "amount_out_of_range")?;
        }
        let mut changed = 0;
        for (index, new) in terms.iter().enumerate() {
            let last = terms[index + 1..].iter().all(|later| later.offer != new.offer);
            let offer = &mut self.offers[new.offer.0 as usize - 1];
            let priced = (offer.cost, offer.price) != (new.cost.0, new.price.0);
            let (old, now) = (f64::from(offer.stock), f64::from(new.stock));
            let moved = (old - now).abs() > (old / 2.0).floor();
            if last && (priced || moved || (old == 0.0) != (now == 0.0)) {
                (offer.cost, offer.price, offer.stock) = (new.cost.0, new.price.0, new.stock);
                changed += 1;
            }
        }
        Ok(Reply::Changed(changed))
    }

    fn load(&mut self, id: OfferId, cost: Micros, price: Micros, numbers: &[Number]) -> Answer {
        let offer = self.offer(id)?;
        need(self.kind(offer.provider)? == ProviderKind::Own, "wrong_provider_kind")?;
        need((1..=ROWS_MAX).contains(&numbers.len()), "invalid_field")?;
        need(priced_well(cost, price), "amount_out_of_range")?;
        for (index, number) in numbers.iter().enumerate() {
            let in_use = self.orders.iter().any(|order| {
                let open = order.closed_at.is_none();
                open && order.terms.offer == id && order.number == Some(*number)
            });
            let rests = self.resting.iter().any(|rests| (rests.1, rests.2) == (id, *number));
            let free = !offer.pool.contains(number) && !in_use && !rests;
            need(free && !numbers[..index].contains(number), "duplicate_number")?;
        }
        let offer = &mut self.offers[id.0 as usize - 1];
        (offer.cost, offer.price) = (cost.0, price.0);
        offer.pool.extend(numbers);
        Ok(Reply::Changed(numbers.len() as u32))
    }

    /// Everything ever credited, less what orders hold or took.
    fn wallet(&self, account: AccountId) -> i128 {
        let credited = self.deposits.iter().filter(|known| known.0 == account);
        let kept =
            self.orders.iter().filter(|order| order.asked.account == account && !order.refunded());
        credited.map(|known| i128::from(known.2.0)).sum::<i128>()
            - kept.map(|order| i128::from(order.terms.price.0)).sum::<i128>()
    }

    /// Own stock gives its next number.
    fn claim(&self, asked: &PlaceOrder, terms: Terms) -> Result<Option<Number>, &'static str> {
        let offer = self.offer(terms.offer)?;
        let suits = offer.provider == terms.provider
            && offer.product == asked.product
            && (asked.operator == OperatorId::ANY || asked.operator == offer.operator);
        need(suits, "unknown_offer")?;
        let costs = Micros(0)..=COST_MAX;
        let sane = terms.price.0 > 0 && costs.contains(&terms.price) && costs.contains(&terms.cost);
        need(sane, "amount_out_of_range")?;
        need(terms.price <= asked.limit, "price_above_max")?;
        match self.kind(offer.provider)? {
            ProviderKind::Driven => Ok(None),
            ProviderKind::Own => offer.pool.first().map(|n| Some(*n)).ok_or("no_numbers"),
        }
    }

    fn funded(&self, account: AccountId, needed: i64) -> Result<(), &'static str> {
        let limit = i128::from(self.account(account)?.1.0);
        need(self.wallet(account) - i128::from(needed) >= -limit, "insufficient_funds")
    }

    fn place(&mut self, now: Time, asked: &PlaceOrder) -> Answer {
        self.account(asked.account)?;
        if let Some(new) = asked.idempotency {
            let mut known = self.replies.iter();
            let known = known.find(|known| (known.0, known.1.key) == (asked.account, new.key));
            if let Some((_, known, order, _)) = known {
                need(known.fingerprint == new.fingerprint, "idempotency_mismatch")?;
                return Ok(Reply::Placed(Placed::Replayed(*order)));
            }
        }
        let number = self.claim(asked, asked.terms)?;
        self.funded(asked.account, asked.terms.price.0)?;
        let id = OrderId(self.orders.len() as u32 + 1);
        self.orders.push(Order {
            asked: *asked,
            terms: asked.terms,
            attempt: 1,
            in_doubt: false,
            deadline: now.plus_ms(BUY_TIME_MS),
            state: S::Init,
            waiting: false,
            number: None,
            purchase: None,
            cancel_from: now,
            digests: Vec::new(),
            delivered: false,
            loss: 0,
            closed_at: None,
            retired: false,
        });
        if let Some(idempotency) = asked.idempotency {
            self.replies.push((asked.account, idempotency, id, now));
        }
        if let Some(number) = number {
            self.sell_own(now, self.orders.len() - 1, number, asked.timings);
        }
        Ok(placed(id, number.is_some()))
    }

    fn sell_own(&mut self, now: Time, index: usize, number: Number, timings: Timings) {
        let offer = self.orders[index].terms.offer.0 as usize - 1;
        assert_eq!(self.offers[offer].pool.remove(0), number);
        self.activate(now, index, number, timings);
    }

    fn activate(&mut self, now: Time, index: usize, number: Number, timings: Timings) {
        let order = &mut self.orders[index];
        (order.state, order.number, order.in_doubt) = (S::Active, Some(number), false);
        order.cancel_from = now.plus_ms(timings.min_cancel_age_ms);
        order.deadline = now.plus_ms(timings.lifetime_ms);
    }

    fn find(&self, id: OrderId) -> Result<usize, &'static str> {
        let order = at(&self.orders, id.0 as usize).filter(|order| !order.retired);
        order.map(|_| id.0 as usize - 1).ok_or("not_found")
    }

    fn find_for(&self, id: OrderId, actor: Actor) -> Result<usize, &'static str> {
        let index = self.find(id)?;
        let owns = match actor {
            Actor::System => true,
            Actor::Account(account) => account == self.orders[index].asked.account,
        };
        need(owns, "not_found").map(|()| index)
    }

    /// The order whose attempt still waits for its outcome.
    fn running(&self, id: OrderId, attempt: u8) -> Result<usize, &'static str> {
        let index = self.find(id)?;
        let order = &self.orders[index];
        need(order.closed_at.is_none(), "activation_closed")?;
        need(order.number.is_none(), "already_assigned")?;
        need(order.attempt == attempt, "stale_attempt")?;
        Ok(index)
    }

    fn next_attempt(
        &mut self,
        now: Time,
        id: OrderId,
        refused: u8,
        terms: Terms,
        timings: Timings,
    ) -> Answer {
        let index = self.running(id, refused)?;
        let asked = self.orders[index].asked;
        need(!self.orders[index].in_doubt, "in_doubt")?;
        need(refused < ATTEMPTS_MAX, "exhausted")?;
        let number = self.claim(&asked, terms)?;
        let more = terms.price.0 - self.orders[index].terms.price.0;
        if more > 0 {
            self.funded(asked.account, more)?;
        }
        let order = &mut self.orders[index];
        (order.terms, order.attempt) = (terms, refused + 1);
        if let Some(number) = number {
            self.sell_own(now, index, number, timings);
        }
        Ok(placed(id, number.is_some()))
    }

    fn doubt(&mut self, id: OrderId, attempt: u8, doubted: bool) -> Answer {
        let index = self.running(id, attempt)?;
        let before = std::mem::replace(&mut self.orders[index].in_doubt, doubted);
        Ok(if before == doubted {
            Reply::Effect(Effect::Unchanged)
        } else {
            Reply::Effect(Effect::Done)
        })
    }

    fn adopt(
        &mut self,
        now: Time,
        index: usize,
        number: Number,
        purchase: &str,
        cost: Option<Micros>,
        timings: Timings,
    ) -> Answer {
        let terms = self.orders[index].terms;
        need(self.kind(terms.provider)? == ProviderKind::Driven, "wrong_provider_kind")?;
        need(name_fits(purchase), "invalid_field")?;
        let taken = self.orders.iter().any(|order| {
            let same = order.purchase.as_deref() == Some(purchase);
            same && order.terms.provider == terms.provider && !order.retired
        });
        need(!taken, "duplicate_purchase")?;
        let cost = cost.unwrap_or(terms.cost);
        need(cost.0 >= 0 && cost <= COST_MAX, "amount_out_of_range")?;
        self.orders[index].terms.cost = cost;
        self.orders[index].purchase = Some(purchase.into());
        self.activate(now, index, number, timings);
        Ok(Reply::Placed(Placed::Filled(OrderId(index as u32 + 1))))
    }

    /// A purchase that may have been charged is a loss.
    fn fail(&mut self, now: Time, index: usize, reason: FailReason) {
        let order = &mut self.orders[index];
        if reason == FailReason::InDoubt {
            order.loss = order.terms.cost.0;
        }
        self.end(now, index, S::Failed);
    }

    fn end(&mut self, now: Time, index: usize, state: S) {
        let order = &mut self.orders[index];
        (order.state, order.closed_at) = (state, Some(now));
        let (refunded, offer, number) = (order.refunded(), order.terms.offer, order.number);
        let own = self.providers[order.terms.provider.0 as usize - 1].1 == ProviderKind::Own;
        let (true, true, Some(number)) = (refunded, own, number) else { return };
        match self.policy.quarantine_ms {
            0 => self.offers[offer.0 as usize - 1].pool.push(number),
            rest => self.resting.push((now.plus_ms(rest), offer, number)),
        }
    }

    /// The purchase of a written-off attempt went back.
    fn recover(&mut self, id: OrderId, attempt: u8) -> Answer {
        let index = self.find(id)?;
        let order = &mut self.orders[index];
        need(order.attempt == attempt, "stale_attempt")?;
        let lost = std::mem::take(&mut order.loss);
        Ok(if lost > 0 { Reply::Effect(Effect::Done) } else { Reply::Effect(Effect::Unchanged) })
    }

    /// Whether the order, or another one in memory on its number of own stock, has the message.
    fn has_seen(&self, index: usize, digest: u128) -> bool {
        let order = &self.orders[index];
        let own = |order: &Order| order.purchase.is_none() && order.number.is_some();
        self.orders.iter().enumerate().any(|(at, other)| {
            let provider = other.terms.provider == order.terms.provider;
            let shares = own(order) && own(other) && provider && other.number == order.number;
            let counts = at == index || shares && !other.retired;
            counts && other.digests.contains(&digest)
        })
    }

    fn ingest(&mut self, id: OrderId, message: &Incoming) -> Answer {
        let index = self.find(id)?;
        let known = self.has_seen(index, message.digest);
        let order = &mut self.orders[index];
        let said = !message.text.is_empty() || !message.code.is_empty();
        let fits = message.text.len() <= TEXT_LEN_MAX
            && message.sender.len() <= NAME_LEN_MAX
            && message.code.len() <= NAME_LEN_MAX;
        need(said && fits, "invalid_field")?;
        need(order.state != S::Init, "no_number_yet")?;
        need(!known, "duplicate_message")?;
        need(order.digests.len() < MESSAGES_MAX, "exhausted")?;
        order.digests.push(message.digest);
        order.waiting = false;
        if order.state == S::Active {
            (order.state, order.delivered) = (S::Received, true);
        }
        Ok(Reply::Effect(Effect::Done))
    }

    fn another(&mut self, id: OrderId, actor: Actor) -> Answer {
        let index = self.find_for(id, actor)?;
        let order = &mut self.orders[index];
        need(order.closed_at.is_none(), "activation_closed")?;
        need(order.state != S::Init, "no_number_yet")?;
        need(order.delivered, "no_message_yet")?;
        let before = std::mem::replace(&mut order.waiting, true);
        Ok(if before { Reply::Effect(Effect::Unchanged) } else { Reply::Effect(Effect::Done) })
    }

    fn cancel(&mut self, now: Time, id: OrderId, actor: Actor) -> Answer {
        let index = self.find_for(id, actor)?;
        let order = &self.orders[index];
        if order.state == S::Cancelled {
            return Ok(Reply::Effect(Effect::Unchanged));
        }
        need(order.closed_at.is_none(), "activation_closed")?;
        need(order.state != S::Init, "no_number_yet")?;
        need(!order.delivered, "already_received")?;
        let early = now < order.cancel_from && actor != Actor::System;
        need(!early, "too_early_to_cancel")?;
        self.end(now, index, S::Cancelled);
        Ok(Reply::Effect(Effect::Done))
    }

    fn finish(&mut self, now: Time, id: OrderId, actor: Actor) -> Answer {
        let index = self.find_for(id, actor)?;
        let order = &self.orders[index];
        if order.state == S::Completed {
            return Ok(Reply::Effect(Effect::Unchanged));
        }
        need(order.closed_at.is_none(), "activation_closed")?;
        need(order.state != S::Init, "no_number_yet")?;
        need(order.delivered, "no_message_yet")?;
        self.end(now, index, S::Completed);
        Ok(Reply::Effect(Effect::Done))
    }

    /// What history does not hold stays in memory.
    fn pulse(&mut self, now: Time, archived: Time) -> Reply {
        let old = |moment: Time, kept| moment.0.checked_add(kept).is_some_and(|end| end <= now.0);
        let ends = self.orders.iter().filter(|order| !order.retired);
        let ends = ends.filter_map(|order| order.closed_at).filter(|end| *end <= archived);
        let ends = oldest(ends.filter(|end| old(*end, CLOSED_KEPT_MS)).collect());
        let given = self.replies.iter().map(|(.., given)| *given);
        let given = oldest(given.filter(|given| old(*given, REPLIES_KEPT_MS)).collect());
        let forget = ends.is_some() || given.is_some();
        let open = (0..self.orders.len()).filter(|index| {
            let order = &self.orders[*index];
            order.closed_at.is_none() && order.deadline <= now
        });
        let mut due: Vec<usize> = open.collect();
        due.sort_by_key(|index| (self.orders[*index].deadline, *index));
        due.truncate(PULSE_MAX);
        for &index in &due {
            match self.orders[index].state {
                S::Init => self.fail(now, index, FailReason::InDoubt),
                S::Active => self.end(now, index, S::TimedOut),
                S::Received => self.end(now, index, S::Completed),
                S::Completed | S::Cancelled | S::TimedOut | S::Failed => unreachable!("it is open"),
            }
        }
        self.resting.sort();
        let rested = self.resting.iter().take_while(|rests| rests.0 <= now).count();
        let rested = rested.min(PULSE_MAX);
        for (_, offer, number) in self.resting.drain(..rested) {
            self.offers[offer.0 as usize - 1].pool.push(number);
        }
        for order in &mut self.orders {
            order.retired |= ends.is_some() && order.closed_at.is_some_and(|end| Some(end) <= ends);
        }
        self.replies.retain(|(.., at)| Some(*at) > given);
        Reply::Changed((due.len() + rested) as u32 + u32::from(forget))
    }

    /// Everything that a state shows and the model predicts.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, state: &State) -> Result<(), String> {
        self.compare_money(state)?;
        for (index, offer) in self.offers.iter().enumerate() {
            let id = OfferId(index as u32 + 1);
            let own = self.providers[offer.provider.0 as usize - 1].1 == ProviderKind::Own;
            let stock = if own { offer.pool.len() as u32 } else { offer.stock };
            let known = state.offer(id).ok_or_else(|| format!("offer {id} is not known"))?;
            same(&format!("offer {id}"), known.price.0, offer.price)?;
            same(&format!("stock of offer {id}"), state.stock(id), stock)?;
        }
        for (index, order) in self.orders.iter().enumerate() {
            let id = OrderId(index as u32 + 1);
            let (expected, known) = (order, state.order(id));
            same(&format!("order {id} is in memory"), known.is_some(), !expected.retired)?;
            let Some(known) = known else { continue };
            let number = known.assignment.as_ref().map(|assignment| assignment.number);
            same(
                &format!("order {id}"),
                (known.status, known.state, known.attempt, known.in_doubt, number),
                (order.status(), order.state, order.attempt, order.in_doubt, order.number),
            )?;
            same(&format!("price of {id}"), known.price, order.terms.price)?;
            same(&format!("messages of {id}"), known.messages.len(), order.digests.len())?;
        }
        let resting: Vec<_> =
            state.quarantine().map(|rests| (rests.until, rests.offer, rests.number)).collect();
        let mut expected = self.resting.clone();
        expected.sort();
        same("numbers at rest", &resting, &expected)?;
        let keys: Vec<bool> = state.keys().map(|(_, key)| key.revoked).collect();
        same("keys revoked", &keys, &self.keys_revoked)
    }

    fn compare_money(&self, state: &State) -> Result<(), String> {
        let book = |book| i128::from(state.balance(book).0);
        for id in (1..=self.accounts.len() as u32).map(AccountId) {
            let open = self.orders.iter().filter(|o| o.asked.account == id && o.in_escrow());
            let escrow = open.map(|order| i128::from(order.terms.price.0)).sum();
            same(&format!("wallet of {id}"), book(Book::Available(id)), self.wallet(id))?;
            same(&format!("escrow of {id}"), book(Book::Escrow(id)), escrow)?;
        }
        let mut revenue = 0;
        let mut owed = vec![(0, 0); self.providers.len()];
        for order in &self.orders {
            let (payable, loss) = &mut owed[order.terms.provider.0 as usize - 1];
            if order.delivered {
                revenue += i128::from(order.terms.price.0) - i128::from(order.terms.cost.0);
                *payable += i128::from(order.terms.cost.0);
            }
            *payable += i128::from(order.loss);
            *loss -= i128::from(order.loss);
        }
        same("revenue", book(Book::Revenue), revenue)?;
        for (index, expected) in owed.into_iter().enumerate() {
            let id = ProviderId(index as u16 + 1);
            let known = (book(Book::Payable(id)), book(Book::Loss(id)));
            same(&format!("payable and loss of provider {id}"), known, expected)?;
        }
        let credited: i128 = self.deposits.iter().map(|known| i128::from(known.2.0)).sum();
        same("cash in", book(Book::CashIn), -credited)
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, engine: T, model: T) -> Result<(), String> {
    if engine == model {
        Ok(())
    } else {
        Err(format!("{what}: the engine has {engine:?}, the model {model:?}"))
    }
}
