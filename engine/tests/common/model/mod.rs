//! The engine once more, naively: lists that are searched from the front, and money
//! that is never moved but summed from what became of the orders. It is written from
//! the design's invariants and the life of an order, not from the engine's code.
//!
//! It needs only the engine's public types, so that any test or fuzz target may
//! include it by path.

mod addresses;
mod callbacks;
mod orders;
mod seal_keys;
mod tables;
mod upstream;

use nexnum_engine::activation::{
    ActivationState as S, Assignment, Message, NumberPlace, StockNumber,
};
use nexnum_engine::book::Book;
use nexnum_engine::callback::CallbackOutcome;
use nexnum_engine::command::{
    AcceptClock, BeginEpoch, Cancel, Command, Deposit, DoubtOrder, Expire, FailOrder, Finish,
    IngestMessage, ListOffers, NamePurchase, NameVariant, NextAttempt, OpenLedger, PayProvider,
    PlaceOrder, Placed, RecordClockStep, RecoverLoss, Reply, RequestAnother, RevokeKey,
};
use nexnum_engine::event::{
    ClosedDay, ForeignAmount, LedgerTerms, ProviderKind, ProviderWord, Terms,
};
use nexnum_engine::group::Idempotency;
use nexnum_engine::ids::{
    AccountId, OfferId, OrderId, OrderNumber, ProviderId, RailId, Seq, Token,
};
use nexnum_engine::limits::{NAME_LEN_MAX, RETIRED_MAX};
use nexnum_engine::money::{AMOUNT_MAX, COST_MAX, Micros};
use nexnum_engine::order::{Held, Order as Known, OrderStatus, Outlay};
use nexnum_engine::policy::Policy;
use nexnum_engine::product::{OfferKey, Variant};
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use nexnum_engine::state::{Key, PaidTo, State, StockTerms};
use nexnum_engine::time::Time;

/// An answer: a reply or the code of a refusal.
pub type Answer = Result<Reply, &'static str>;

/// What the model knows: ids are positions from 1.
#[derive(Default)]
pub struct Model {
    /// What the ledger is, and the last writer's term.
    ledger: Option<LedgerTerms>,
    epoch: Option<u64>,
    closed_day: Option<ClosedDay>,
    accounts: Vec<(Option<u128>, Micros)>,
    keys: Vec<Key>,
    payments: Vec<Payment>,
    providers: Vec<(Box<str>, ProviderKind)>,
    variants: Vec<Variant>,
    offers: Vec<Offer>,
    orders: Vec<Order>,
    replies: Vec<(AccountId, Idempotency, OrderId, Time)>,
    /// Those given up to here are kept short: what that means is not the model's concern.
    short_until: Time,
    policy: Policy,
    /// Numbers at rest: until when, of which offer.
    resting: Vec<(Time, OfferId, StockNumber)>,
    /// The key of each load of own stock, while it lives.
    loads: Vec<Option<KeyHandle>>,
    /// When each key that lives was made.
    made: Vec<(KeyHandle, Time)>,
    /// Each callback's key, with how it stands.
    callbacks: Vec<(u128, callbacks::Standing)>,
    callbacks_dropped: u64,
    charges: Vec<Charge>,
    orphans: Vec<Orphan>,
    named: Vec<Named>,
    seal_keys: Vec<(KeyHandle, KeyOwner)>,
    addresses: Vec<addresses::Numbered>,
    /// The last message's id.
    messages: u64,
}

/// A payment: by which rail, with which reference, to whom, how much.
type Payment = (Box<str>, u128, PaidTo, (Micros, Option<ForeignAmount>));

/// A purchase without a number, by its id.
struct Named {
    order: OrderId,
    attempt: u8,
    provider: ProviderId,
    external_id: Box<str>,
    is_orphan: bool,
}

/// What a provider charges in vain for an attempt.
struct Charge {
    order: OrderId,
    attempt: u8,
    provider: ProviderId,
    amount: i64,
    reversed: bool,
    /// It is of the order's number, not of another purchase.
    is_number: bool,
    /// It is what the number cost, and not charged again after that came back.
    is_outlay: bool,
}

/// A purchase that no order has.
struct Orphan {
    order: OrderId,
    attempt: u8,
    provider: ProviderId,
    external_id: Box<str>,
    cost: i64,
}

struct Offer {
    provider: ProviderId,
    key: OfferKey,
    /// Those of the last load, and of own stock alone.
    cost: i64,
    price: i64,
    pool: Vec<StockNumber>,
}

struct Order {
    asked: PlaceOrder,
    terms: Terms,
    attempt: u8,
    in_doubt: bool,
    deadline: Time,
    state: S,
    waiting: bool,
    number: Option<Token>,
    /// Where that is, sealed.
    place: Option<NumberPlace>,
    purchase: Option<Box<str>>,
    cancel_from: Time,
    messages: Vec<Message>,
    placed_at: Time,
    /// The sale's terms stand as they were at the first message.
    delivered: bool,
    loss: i64,
    /// The provider's charge for its number is not accounted for.
    outlay_stands: bool,
    /// The provider took its number back, and the charge with it.
    returned: bool,
    /// What its provider said when it ended it.
    word: Option<ProviderWord>,
    ended_upstream: bool,
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

    /// Its number, of own stock.
    fn stock(&self) -> Option<StockNumber> {
        let (token, place) = self.number.zip(self.place.as_ref())?;
        match *place {
            NumberPlace::Load(load, index) => Some(StockNumber { token, load, index }),
            NumberPlace::Here(_) => None,
        }
    }

    /// The order as the engine must have it, but for the position at which its charge was booked.
    fn whole(&self, id: OrderId, nth: u64) -> Known {
        let PlaceOrder { account, product, variant, limit, .. } = self.asked;
        let Terms { offer, provider, price, cost } = self.terms;
        let paid = if self.in_escrow() { price } else { Micros::ZERO };
        let outlay = Outlay { amount: cost, moved: Seq(0) };
        let assignment = self.number.zip(self.place.clone()).map(|(token, place)| Assignment {
            token,
            place,
            external_id: self.purchase.clone().unwrap_or_default(),
            cancel_from: self.cancel_from,
            // What an activation has no other deadline than.
            expires_at: self.deadline,
        });
        Known {
            id,
            account,
            number: OrderNumber(nth),
            product,
            variant,
            limit,
            price,
            cost,
            held: Held { paid, bonus: Micros::ZERO },
            outlay: self.outlay_stands.then_some(outlay),
            offer,
            provider,
            attempt: self.attempt,
            in_doubt: self.in_doubt,
            placed_at: self.placed_at,
            deadline: self.deadline,
            status: self.status(),
            state: self.state,
            awaits_another: self.waiting,
            assignment,
            messages: self.messages.clone(),
            closed_at: self.closed_at,
            notes: self.asked.notes.clone(),
        }
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

/// How an attempt ended is told in few words.
fn check_end(command: &Command) -> Result<(), &'static str> {
    let (Command::NextAttempt(NextAttempt { ended, .. })
    | Command::DoubtOrder(DoubtOrder { ended, .. })
    | Command::FailOrder(FailOrder { ended, .. })
    | Command::NamePurchase(NamePurchase { ended, .. })) = command
    else {
        return Ok(());
    };
    need(ended.as_ref().is_none_or(|ended| ended.word.len() <= 64), "invalid_field")
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
        check_end(command)?;
        match command {
            Command::OpenLedger(OpenLedger { terms }) => self.open_ledger(*terms),
            Command::BeginEpoch(BeginEpoch { epoch }) => self.begin_epoch(epoch.epoch),
            Command::RecordClockStep(RecordClockStep { jump })
            | Command::AcceptClock(AcceptClock { jump }) => self.note_clock(*jump),
            Command::CloseDay(day) => self.close_day(now, day.closed),
            Command::OpenAccount(new) => self.open(new.name.as_ref(), new.credit_limit),
            Command::IssueKey(key) => self.issue_key(key.account, key.hash, &key.prefix),
            Command::RevokeKey(RevokeKey { key }) => self.revoke_key(*key),
            Command::Deposit(Deposit { account, payment, sealed: _ }) => {
                self.account(*account)?;
                self.pay(PaidTo::Account(*account), payment)
            }
            Command::PayProvider(PayProvider { provider, payment, text }) => {
                self.kind(*provider)?;
                self.pay_provider(*provider, payment, text)
            }
            Command::RegisterProvider(new) => self.register(&new.name, new.kind),
            Command::NameVariant(NameVariant { parts }) => self.name_variant(parts),
            Command::ListOffers(ListOffers { provider, offers }) => self.list(*provider, offers),
            Command::LoadStock(load) => self.load(now, load),
            Command::PlaceOrder(order) => self.place(now, order),
            Command::NextAttempt(NextAttempt { order, refused, terms, timings, .. }) => {
                self.next_attempt(now, *order, *refused, *terms, *timings)
            }
            Command::DoubtOrder(DoubtOrder { order, attempt, .. }) => {
                self.doubt(*order, *attempt, true)
            }
            Command::ClearDoubt(doubt) => self.doubt(doubt.order, doubt.attempt, false),
            Command::AssignNumber(given) => {
                let index = self.running(given.order, given.attempt)?;
                self.adopt(now, index, given)
            }
            Command::FailOrder(FailOrder { order, attempt, reason, .. }) => {
                self.give_up(now, *order, *attempt, *reason)
            }
            Command::IngestMessage(IngestMessage { order, message, arrival: _, callback }) => {
                let answer = self.ingest(now, *order, message)?;
                if let Some(callback) = callback {
                    self.end_callback(*callback, CallbackOutcome::Accepted);
                }
                Ok(answer)
            }
            Command::CompleteMessage(completed) => self.complete(completed),
            Command::ShowMessages(shown) => self.show(*shown),
            Command::ReceiveCallback(callback) => self.receive_callback(callback),
            Command::SettleCallback(end) => self.settle_callback(end.callback, end.outcome),
            Command::RequestAnother(RequestAnother { order, caller }) => {
                self.another(*order, *caller)
            }
            Command::RecoverLoss(RecoverLoss { order, attempt }) => self.recover(*order, *attempt),
            Command::Cancel(Cancel { order, caller }) => self.cancel(now, *order, *caller),
            Command::Finish(Finish { order, caller }) => self.finish(now, *order, *caller),
            Command::FindOrphan(found) => self.find_orphan(found),
            Command::SettleOrphan(settled) => self.settle_orphan(settled),
            Command::NamePurchase(named) => self.name_purchase(named),
            Command::EndUpstream(ended) => self.end_upstream(*ended),
            Command::EndByProvider(ended) => self.end_by_provider(now, ended),
            Command::Expire(Expire { order }) => self.expire(now, *order),
            Command::NumberAddress(new) => self.number_address(new),
            Command::MakeSealKey(key) => self.make_seal_key(now, key),
            Command::DestroySealKey(key) => self.destroy_seal_key(*key),
            Command::EndLoadKey(end) => Ok(self.end_load_key(end.before)),
            Command::Retoken(new) => self.retoken(new),
            Command::Pulse(pulse) => Ok(self.pulse(now, *pulse)),
        }
    }

    /// Everything that a state shows and the model predicts.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, state: &State) -> Result<(), String> {
        self.compare_money(state)?;
        for (index, offer) in self.offers.iter().enumerate() {
            let id = OfferId(index as u32 + 1);
            let known = state.offer(id).ok_or_else(|| format!("offer {id} is not known"))?;
            let listed = (offer.provider, offer.key);
            same(&format!("offer {id}"), (known.provider, known.key()), listed)?;
            let terms = StockTerms { cost: Micros(offer.cost), price: Micros(offer.price) };
            let stock = (offer.price > 0).then_some((terms, offer.pool.len() as u32));
            same(&format!("stock of offer {id}"), state.stock(id), stock)?;
        }
        let mut placed = std::collections::BTreeMap::new();
        for (index, order) in self.orders.iter().enumerate() {
            let id = OrderId(index as u64 + 1);
            let nth: &mut u64 = placed.entry(order.asked.account).or_default();
            *nth += 1;
            let (expected, known) = (order, state.order(id));
            same(&format!("order {id} is in memory"), known.is_some(), !expected.retired)?;
            let Some(known) = known else { continue };
            let mut known = known.clone();
            known.outlay.iter_mut().for_each(|outlay| outlay.moved = Seq(0));
            same(&format!("order {id}"), &known, &order.whole(id, *nth))?;
        }
        let resting: Vec<_> =
            state.quarantine().map(|rests| (rests.until, rests.offer, rests.number)).collect();
        let mut expected = self.resting.clone();
        expected.sort();
        same("numbers at rest", &resting, &expected)?;
        self.compare_upstream(state)?;
        self.compare_callbacks(state)?;
        self.compare_seal_keys(state)?;
        self.compare_addresses(state)?;
        same("the ledger", state.ledger().copied(), self.ledger)?;
        same("the term", state.epoch().map(|last| last.epoch), self.epoch)?;
        same("the closed day", state.closed_day().copied(), self.closed_day)?;
        let keys: Vec<Key> = state.keys().map(|(_, key)| key.clone()).collect();
        same("keys", &keys, &self.keys)
    }

    fn compare_money(&self, state: &State) -> Result<(), String> {
        let book = |book| i128::from(state.balance(book).0);
        for id in (1..=self.accounts.len() as u32).map(AccountId) {
            let open = self.orders.iter().filter(|o| o.asked.account == id && o.in_escrow());
            let escrow = open.map(|order| i128::from(order.terms.price.0)).sum();
            same(&format!("wallet of {id}"), book(Book::Available(id)), self.wallet(id))?;
            same(&format!("escrow of {id}"), book(Book::Escrow(id)), escrow)?;
        }
        let (mut revenue, mut own_cost) = (0, 0);
        // What each provider is owed, has charged without an account, and cost us in vain.
        let mut owed = vec![(0, 0, 0); self.providers.len()];
        for (_, _, to, (amount, _)) in &self.payments {
            let PaidTo::Provider(provider) = *to else { continue };
            if self.kind(provider) == Ok(ProviderKind::Own) {
                own_cost -= i128::from(amount.0);
            } else {
                owed[provider.0 as usize - 1].0 -= i128::from(amount.0);
            }
        }
        for order in &self.orders {
            let (payable, receivable, loss) = &mut owed[order.terms.provider.0 as usize - 1];
            let (price, cost) = (i128::from(order.terms.price.0), i128::from(order.terms.cost.0));
            if order.delivered {
                revenue += price - cost;
                own_cost += if order.purchase.is_none() { cost } else { 0 };
            }
            *payable += if order.purchase.is_some() && !order.returned { cost } else { 0 };
            *receivable -= if order.outlay_stands { cost } else { 0 };
            *payable += i128::from(order.loss);
            *loss -= i128::from(order.loss);
        }
        for charge in &self.charges {
            let (payable, _, loss) = &mut owed[charge.provider.0 as usize - 1];
            let amount = i128::from(charge.amount);
            *loss -= if charge.reversed { 0 } else { amount };
            *payable += match (charge.is_outlay, charge.reversed) {
                (true, true) => -amount,
                (false, false) => amount,
                (true, false) | (false, true) => 0,
            };
        }
        same("revenue", book(Book::Revenue), revenue)?;
        same("cost of own stock", book(Book::OwnStockCost), own_cost)?;
        for (index, expected) in owed.into_iter().enumerate() {
            let id = ProviderId(index as u16 + 1);
            let payable = book(Book::Payable(id)) + book(Book::Prepaid(id));
            let known = (payable, book(Book::Receivable(id)), book(Book::WriteOffs(id)));
            same(&format!("books of provider {id}"), known, expected)?;
        }
        for (index, rail) in self.rails().into_iter().enumerate() {
            let payments = self.payments.iter().filter(|paid| *paid.0 == *rail);
            let signed = payments.map(|paid| match paid.2 {
                PaidTo::Account(_) => -i128::from(paid.3.0.0),
                PaidTo::Provider(_) => i128::from(paid.3.0.0),
            });
            let id = RailId(index as u16 + 1);
            same("a rail's name", state.rail(&rail), Some(id))?;
            same(&format!("rail {rail}"), book(Book::Rail(id)), signed.sum())?;
        }
        Ok(())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, engine: T, model: T) -> Result<(), String> {
    if engine == model {
        Ok(())
    } else {
        Err(format!("{what}: the engine has {engine:?}, the model {model:?}"))
    }
}
