//! An auditor of the ledger that knows nothing of the engine's rules: it adds up postings
//! and remembers how each order's money went.

use std::collections::{BTreeMap, BTreeSet};

use nexnum_engine::book::Book;
use nexnum_engine::event::{
    Event, MoneyEvent, MoveKind, MoveReason, Moved, OfferEvent, OrderEvent, Placement, Receipt,
    Renamed, SealKeyEvent, Terms, UpstreamEvent,
};
use nexnum_engine::group::{Head, KeyUse, Made};
use nexnum_engine::ids::{AccountId, LoadId, OfferId, OrderId, ProviderId, RailId, Seq, Token};
use nexnum_engine::limits::REPLIES_KEPT_MS;
use nexnum_engine::money::Micros;
use nexnum_engine::order::OrderRef;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

/// What an event brings to its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brings {
    Order,
    Attempt,
    Number,
    Neither,
}

impl Brings {
    const fn of(event: &OrderEvent) -> Self {
        match event {
            OrderEvent::OrderPlaced(_) => Self::Order,
            OrderEvent::AttemptStarted { .. } => Self::Attempt,
            OrderEvent::NumberAssigned { .. } => Self::Number,
            _ => Self::Neither,
        }
    }
}

/// How an order's money left escrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Delivered,
    Refunded,
}

#[derive(Debug)]
struct Sale {
    limit: Micros,
    price: Micros,
    offer: OfferId,
    provider: ProviderId,
    number: Option<Token>,
    end: Option<End>,
    closed: bool,
    /// What of it is in escrow, by the movements.
    held: i128,
    /// What its provider's number costs, once there is one.
    cost: Option<i128>,
    /// What its provider charged for its number, and neither its sale nor a return or a loss
    /// accounts for.
    outlay: i128,
    digests: BTreeSet<u128>,
}

/// What the events add up to.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    books: BTreeMap<Book, i128>,
    sales: BTreeMap<OrderId, Sale>,
    /// How events name each order by now.
    named: BTreeMap<OrderId, OrderRef>,
    keys: BTreeMap<(AccountId, u128), (u128, Time)>,
    references: BTreeSet<(RailId, u128)>,
    /// Numbers of own stock that no order has.
    shelf: BTreeSet<(OfferId, Token)>,
    /// The load by which each came last, sold or not.
    loads: BTreeMap<(OfferId, Token), LoadId>,
    /// Those that were taken back.
    taken_back: BTreeSet<LoadId>,
    /// Those that rest after a refund.
    /// Until when.
    resting: BTreeMap<(OfferId, Token), Time>,
    /// The position of the last record seen.
    seq: Seq,
    /// What is lost by each movement, until it is reversed.
    losses: BTreeMap<Seq, i128>,
    /// The loss of an attempt's number, and that of another purchase of it; what was only feared
    /// is not there any more once it is reversed.
    lost: BTreeMap<(OrderId, u8, bool), (Seq, MoveReason)>,
    /// Orders that the last group is about.
    touched: BTreeSet<OrderId>,
    /// Purchases that no order has.
    orphans: BTreeSet<(ProviderId, Box<str>)>,
    /// What numbers of own stock received, for all their buyers.
    heard: BTreeSet<(ProviderId, Token, u128)>,
}

fn need(holds: bool, complaint: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(complaint()) }
}

impl Auditor {
    /// Follows a group.
    ///
    /// # Errors
    /// The invariant that it breaks.
    pub(crate) fn see_group(&mut self, head: &Head, events: &[Event]) -> Result<(), String> {
        self.seq.0 += 1;
        self.see_head(head)?;
        for event in events {
            self.seq.0 += 1;
            self.see(head.at, event)?;
        }
        self.end_group()
    }

    fn see(&mut self, at: Time, event: &Event) -> Result<(), String> {
        self.touched.extend(event.order().map(|order| order.id));
        match event {
            Event::Offer(event) => self.see_offer(at, event),
            Event::Order(event) => self.see_order(at, event),
            Event::Upstream(event) => self.see_upstream(event),
            Event::Money(event) => self.see_money(event),
            Event::SealKey(SealKeyEvent::Retokened { stock, .. }) => self.rename(stock),
            Event::Account(_)
            | Event::Memory(_)
            | Event::Callback(_)
            | Event::Ledger(_)
            | Event::SealKey(_) => Ok(()),
        }
    }

    /// Numbers of own stock have other tokens, those before of none.
    fn rename(&mut self, stock: &[Renamed]) -> Result<(), String> {
        for Renamed { old, new } in stock {
            let named = |token: &Token| if token == old { *new } else { *token };
            let before = (self.shelf.len(), self.resting.len(), self.heard.len());
            self.shelf = self.shelf.iter().map(|(offer, it)| (*offer, named(it))).collect();
            let resting = self.resting.iter().map(|((offer, it), at)| ((*offer, named(it)), *at));
            self.resting = resting.collect();
            let loads = self.loads.iter().map(|((offer, it), load)| ((*offer, named(it)), *load));
            self.loads = loads.collect();
            self.heard =
                self.heard.iter().map(|(own, it, heard)| (*own, named(it), *heard)).collect();
            self.sales.values_mut().for_each(|sale| sale.number = sale.number.as_ref().map(named));
            let after = (self.shelf.len(), self.resting.len(), self.heard.len());
            need(before == after, || "a number got the token of another".to_owned())?;
        }
        Ok(())
    }

    fn see_offer(&mut self, at: Time, event: &OfferEvent) -> Result<(), String> {
        match event {
            OfferEvent::StockLoaded { load, offer, numbers, .. } => {
                let units = numbers.iter().map(|number| ((*offer, number.token), *load));
                self.loads.extend(units);
                let added = numbers.iter().all(|number| self.shelf.insert((*offer, number.token)));
                need(added, || format!("offer {offer} was loaded with a number it has"))
            }
            OfferEvent::NumberReleased { offer, number, until } => {
                self.release(at, (*offer, *number), *until)
            }
            OfferEvent::NumberHeldBack { offer, number, rested, until } => {
                self.hold_back(at, (*offer, *number), *rested, *until)
            }
            OfferEvent::StockTakenBack { load, offer, in_stock, resting } => {
                let before = (self.shelf.len(), self.resting.len());
                let is_its = |unit: &_| self.loads.get(unit) == Some(load);
                self.shelf.retain(|unit| !is_its(unit));
                self.resting.retain(|unit, _| !is_its(unit));
                let gone = (before.0 - self.shelf.len(), before.1 - self.resting.len());
                let is_new = self.taken_back.insert(*load);
                need(is_new && gone == (*in_stock as usize, *resting as usize), || {
                    format!("load {load} of offer {offer} was not taken back whole, or twice")
                })
            }
            OfferEvent::ProviderRegistered { .. }
            | OfferEvent::VariantNamed { .. }
            | OfferEvent::OffersListed { .. } => Ok(()),
        }
    }

    fn see_order(&mut self, at: Time, event: &OrderEvent) -> Result<(), String> {
        let named = event.order();
        self.name(named, Brings::of(event))?;
        let order = named.id;
        match event {
            OrderEvent::OrderPlaced(Placement { limit, terms, assignment, .. }) => {
                self.open(order, *limit, *terms)?;
                self.sell(at, order, assignment.as_ref().map(|assigned| assigned.token))
            }
            OrderEvent::AttemptStarted { terms, .. } => {
                let sale = self.sale(order)?;
                (sale.price, sale.offer) = (terms.price, terms.offer);
                sale.provider = terms.provider;
                let fits = terms.price <= sale.limit && sale.end.is_none();
                need(fits, || format!("order {order} went on beyond its limit or its end"))
            }
            OrderEvent::NumberAssigned { assignment, cost, .. } => {
                if assignment.external_id.is_empty() {
                    self.sell(at, order, Some(assignment.token))?;
                } else {
                    self.sale(order)?.cost = Some(cost.0.into());
                }
                Ok(())
            }
            OrderEvent::OrderFailed { .. } | OrderEvent::ActivationClosed { .. } => {
                self.close(order)
            }
            OrderEvent::MessageReceived(Receipt { digest, late, delivers, .. }) => {
                self.deliver(order, *digest, *late, *delivers)
            }
            OrderEvent::NumberQuarantined { until, .. } => self.rest(order, *until),
            OrderEvent::OrderDoubted { .. }
            | OrderEvent::DoubtCleared { .. }
            | OrderEvent::MessageCompleted(_)
            | OrderEvent::MessageShown { .. }
            | OrderEvent::AnotherRequested { .. } => Ok(()),
        }
    }

    fn see_upstream(&mut self, event: &UpstreamEvent) -> Result<(), String> {
        let named = event.order();
        self.name(named, Brings::Neither)?;
        let order = named.id;
        match event {
            UpstreamEvent::OrphanFound { provider, external_id, .. } => {
                // One whose order has left memory may be found again for another.
                self.orphans.insert((*provider, external_id.clone()));
                Ok(())
            }
            UpstreamEvent::OrphanSettled { provider, external_id, .. } => {
                let known = self.orphans.remove(&(*provider, external_id.clone()));
                need(known, || format!("a purchase without order was settled twice at {provider}"))
            }
            UpstreamEvent::PurchaseNamed { .. } => {
                let open = !self.sale(order)?.closed;
                need(open, || format!("order {order} waits for a number and is closed"))
            }
            UpstreamEvent::EndedUpstream { .. } => {
                let closed = self.sale(order)?.closed;
                need(closed, || format!("order {order} ended upstream and is open"))
            }
            UpstreamEvent::EndedByProvider { .. } => {
                let closed = self.sale(order)?.closed;
                need(closed, || format!("order {order} was ended by its provider and is open"))
            }
        }
    }

    fn see_money(&mut self, event: &MoneyEvent) -> Result<(), String> {
        match event {
            MoneyEvent::Moved(moved) => self.see_moved(moved),
            MoneyEvent::RailNamed { .. } => Ok(()),
            MoneyEvent::Deposited { payment, .. } | MoneyEvent::ProviderPaid { payment, .. } => {
                let paid = (payment.rail, payment.reference);
                need(self.references.insert(paid), || format!("{paid:?} was recorded twice"))
            }
        }
    }

    fn see_moved(&mut self, moved: &Moved) -> Result<(), String> {
        let mut sum = 0;
        for leg in moved.legs.iter() {
            sum += i128::from(leg.amount.0);
            *self.books.entry(leg.book).or_default() += i128::from(leg.amount.0);
        }
        need(sum == 0, || format!("legs sum to {sum}: {moved:?}"))?;
        let Some(named) = moved.order else { return Ok(()) };
        self.name(named, Brings::Neither)?;
        let of = |is_it: fn(Book) -> bool| moved.legs.sum_of(is_it);
        let escrow = of(|book| matches!(book, Book::Escrow(_) | Book::EscrowBonus(_)));
        let wallet = of(|book| matches!(book, Book::Available(_) | Book::Bonus(_)));
        let charged = -of(|book| matches!(book, Book::Receivable(_)));
        let lost = -of(|book| matches!(book, Book::WriteOffs(_)));
        let strange = moved.accounts().find(|account| *account != named.account);
        need(strange.is_none(), || format!("money of {strange:?} moves for {named:?}"))?;
        let sale = self.sale(named.id)?;
        sale.held += escrow;
        sale.outlay += charged;
        let (held, outlay, price) = (sale.held, sale.outlay, i128::from(sale.price.0));
        need(held >= 0 && outlay >= 0, || format!("{named:?} holds {held} of {outlay}"))?;
        let reasons = [MoveReason::LateMessage, MoveReason::FinishedEmpty];
        let is_number = moved.reason.is_some_and(|reason| reasons.contains(&reason));
        let loss = (named.id, named.attempt, is_number);
        let is_new = !self.lost.contains_key(&loss);
        let reversed = moved.reverses.and_then(|seq| self.losses.get(&seq)).copied();
        let fits = match moved.kind {
            MoveKind::Spend | MoveKind::Refund => wallet == -escrow && charged == 0,
            MoveKind::Capture => escrow == -price && wallet == 0 && outlay == 0,
            MoveKind::Charge => charged > 0 && outlay == charged,
            MoveKind::Return => charged < 0 && outlay == 0,
            MoveKind::WriteOff => lost > 0 && is_new && charged.abs() <= lost,
            MoveKind::Recovery => lost < 0 && reversed == Some(-lost),
            MoveKind::Deposit | MoveKind::ProviderPayment => false,
        };
        need(fits, || format!("{moved:?} does not fit {held} in escrow, a loss of {reversed:?}"))?;
        if moved.kind == MoveKind::WriteOff {
            self.losses.insert(self.seq, lost);
            self.lost.extend(moved.reason.map(|reason| (loss, (self.seq, reason))));
        } else if let (MoveKind::Recovery, Some(seq)) = (moved.kind, moved.reverses) {
            self.losses.remove(&seq);
            self.lost.retain(|_, it| *it != (seq, MoveReason::InDoubt));
        }
        Ok(())
    }

    /// After a group: an order has its price in escrow until it ends.
    fn end_group(&mut self) -> Result<(), String> {
        for order in std::mem::take(&mut self.touched) {
            let Some(sale) = self.sales.get(&order) else { continue };
            let owed = if sale.end.is_none() { i128::from(sale.price.0) } else { 0 };
            let held = sale.held;
            if let Some(cost) = sale.cost.filter(|_| sale.end.is_none()) {
                let outlay = sale.outlay;
                need(outlay == cost, || format!("order {order} costs {cost}, charged {outlay}"))?;
            }
            need(held == owed, || format!("order {order} has {held} in escrow, not {owed}"))?;
        }
        Ok(())
    }

    /// Holds how an event names its order against those before it: an order has one buyer and one
    /// line, and only what brings the next attempt or the number names it first.
    fn name(&mut self, named: OrderRef, brings: Brings) -> Result<(), String> {
        let known = self.named.get(&named.id).copied();
        let is_next = |next: fn(OrderRef) -> OrderRef| {
            known.is_some_and(|known| known.assignment == 0 && named == next(known))
        };
        let fits = match brings {
            Brings::Order => {
                let (line, attempt) = (named.line, named.attempt);
                known.is_none() && (line, attempt) == (1, 1) && named.assignment <= 1
            }
            Brings::Attempt => is_next(|it| OrderRef { attempt: it.attempt + 1, ..it }),
            Brings::Number => is_next(|it| OrderRef { assignment: 1, ..it }),
            Brings::Neither => known.is_some_and(|known| {
                let is_earlier = (1..known.attempt).contains(&named.attempt);
                let earlier = OrderRef { attempt: named.attempt, assignment: 0, ..known };
                named == known || is_earlier && named == earlier
            }),
        };
        if brings != Brings::Neither {
            self.named.insert(named.id, named);
        }
        need(fits, || format!("an event names {named:?}, and its order is {known:?}"))
    }

    /// Sees the head of a group, before its events.
    fn see_head(&mut self, head: &Head) -> Result<(), String> {
        let Some(KeyUse { account, used, made: Made::Order(made) }) = head.key_use else {
            return Ok(());
        };
        let is_next = self.sales.last_key_value().map_or(0, |(order, _)| order.0) + 1 == made.0;
        need(is_next, || format!("a key stands for order {made}, which is not the next"))?;
        let before = self.keys.insert((account, used.key), (used.fingerprint, head.at));
        let free = before.is_none_or(|(_, first)| head.at.ms_since(first) >= REPLIES_KEPT_MS);
        need(free, || format!("account {account} used a key for two orders"))
    }

    fn sale(&mut self, order: OrderId) -> Result<&mut Sale, String> {
        self.sales.get_mut(&order).ok_or_else(|| format!("order {order} was never placed"))
    }

    fn open(&mut self, order: OrderId, limit: Micros, terms: Terms) -> Result<(), String> {
        let sale = Sale {
            limit,
            price: terms.price,
            offer: terms.offer,
            provider: terms.provider,
            number: None,
            end: None,
            closed: false,
            held: 0,
            cost: None,
            outlay: 0,
            digests: BTreeSet::new(),
        };
        let first = self.sales.insert(order, sale).is_none();
        need(first, || format!("order {order} was placed twice"))
    }

    /// A number of own stock goes to an order; `None` for one that is bought upstream.
    fn sell(&mut self, at: Time, order: OrderId, number: Option<Token>) -> Result<(), String> {
        let Some(number) = number else { return Ok(()) };
        let sale = self.sale(order)?;
        sale.number = Some(number);
        let unit = (sale.offer, number);
        need(self.shelf.remove(&unit), || {
            format!("order {order} was sold a number that is not for sale")
        })?;
        // What has rested long enough may wait for its pulse.
        let rests =
            self.resting.iter().any(|((_, resting), until)| *resting == number && *until > at);
        need(!rests, || format!("order {order} was sold a number that rests for another offer"))
    }

    /// A message comes in; the first one in time is charged.
    fn deliver(
        &mut self,
        order: OrderId,
        digest: u128,
        late: bool,
        delivers: bool,
    ) -> Result<(), String> {
        let sale = self.sale(order)?;
        let fresh = sale.digests.insert(digest);
        need(fresh, || format!("order {order} got the same message twice"))?;
        let (provider, closed) = (sale.provider, sale.closed);
        if let Some(number) = sale.number {
            let fresh = self.heard.insert((provider, number, digest));
            need(fresh, || format!("order {order} got a message of an earlier buyer"))?;
        }
        let sale = self.sale(order)?;
        need(late == closed, || format!("order {order}: late is {late}"))?;
        let ended = sale.end.is_some();
        need(delivers != ended, || format!("order {order} is read and was not charged, or twice"))?;
        if delivers { self.end(order, End::Delivered) } else { Ok(()) }
    }

    fn end(&mut self, order: OrderId, end: End) -> Result<(), String> {
        let before = self.sale(order)?.end.replace(end);
        need(before.is_none(), || format!("order {order} is {end:?} after {before:?}"))
    }

    fn close(&mut self, order: OrderId) -> Result<(), String> {
        let sale = self.sale(order)?;
        let first = !std::mem::replace(&mut sale.closed, true);
        need(first, || format!("order {order} was closed twice"))?;
        if sale.end == Some(End::Delivered) {
            return Ok(());
        }
        let unit = sale.number.map(|number| (sale.offer, number));
        let is_back =
            |unit: &_| self.loads.get(unit).is_some_and(|load| !self.taken_back.contains(load));
        if let Some(unit) = unit.filter(is_back) {
            need(self.shelf.insert(unit), || format!("order {order} gave back what was there"))?;
        }
        self.end(order, End::Refunded)
    }

    /// The number that an order gave back is off the shelf for a while.
    fn rest(&mut self, order: OrderId, until: Time) -> Result<(), String> {
        let sale = self.sale(order)?;
        let unit = sale.number.map(|number| (sale.offer, number));
        let was_there = unit.is_some_and(|unit| self.shelf.remove(&unit));
        need(was_there, || format!("the number of order {order} rests and was not there"))?;
        self.resting.extend(unit.map(|unit| (unit, until)));
        Ok(())
    }

    /// A number that another order gave back rests for this offer too.
    fn hold_back(
        &mut self,
        at: Time,
        unit: (OfferId, Token),
        rested: Option<Time>,
        until: Time,
    ) -> Result<(), String> {
        let was_there = match rested {
            Some(before) => before < until && self.resting.insert(unit, until) == Some(before),
            None => self.shelf.remove(&unit) && self.resting.insert(unit, until).is_none(),
        };
        need(was_there && until > at, || format!("a number of offer {} was held back", unit.0))
    }

    fn release(&mut self, at: Time, unit: (OfferId, Token), until: Time) -> Result<(), String> {
        let rested =
            self.resting.remove(&unit) == Some(until) && until <= at && self.shelf.insert(unit);
        need(rested, || format!("a number of offer {} came back before its time", unit.0))
    }

    /// The state's balances are the sums of the postings, which sum to zero.
    ///
    /// # Errors
    /// The first book that is not.
    pub(crate) fn compare(&self, state: &State) -> Result<(), String> {
        let sum: i128 = self.books.values().sum();
        need(sum == 0, || format!("all postings sum to {sum}"))?;
        for (book, amount) in &self.books {
            let known = i128::from(state.balance(*book).0);
            need(known == *amount, || format!("{book:?} holds {known}, its postings {amount}"))?;
        }
        let strange = state.books().find(|(book, _)| !self.books.contains_key(book));
        need(strange.is_none(), || format!("{strange:?} was never posted to"))
    }
}
