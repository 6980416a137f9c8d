//! What a movement of money does to the state: to books, and to what its order holds.

use super::dense::next;
use crate::book::Book;
use crate::event::{Event, MoneyEvent, MoveKind, MoveReason, Moved, Payment, ProviderKind};
use crate::ids::{OrderId, ProviderId, Seq};
use crate::money::Micros;
use crate::order::{Held, Order, OrderRef, OrderStatus, Outlay};
use crate::state::{Lost, Paid, PaidTo, State, WriteOff};

impl State {
    pub(super) fn apply_money(&mut self, event: &MoneyEvent) {
        match event {
            MoneyEvent::RailNamed { rail, name } => {
                next(&mut self.counters.rail.0, rail.0);
                self.books.open_rail(*rail);
                let before = self.rail_ids.insert(name.clone(), *rail);
                assert_eq!(before, None, "rails' names are unique");
                self.rails.insert(*rail, name.clone());
            }
            MoneyEvent::Deposited { account, payment, .. } => {
                assert!(self.accounts.contains(*account), "a payment is for an account");
                self.pay(PaidTo::Account(*account), payment);
            }
            MoneyEvent::ProviderPaid { provider, payment, .. } => {
                assert!(self.providers.contains(*provider), "a payment is for a provider");
                self.pay(PaidTo::Provider(*provider), payment);
            }
            MoneyEvent::Moved(moved) => self.apply_moved(moved),
        }
    }

    fn pay(&mut self, to: PaidTo, payment: &Payment) {
        let Payment { rail, amount, ref foreign, reference } = *payment;
        assert!(amount.is_positive() && self.rails.contains(rail), "it comes by a known rail");
        let before =
            self.payments.insert((rail, reference), Paid { to, amount, foreign: foreign.clone() });
        assert_eq!(before, None, "a payment is recorded once");
    }

    fn apply_moved(&mut self, moved: &Moved) {
        self.post(moved);
        match moved.order {
            Some(order) => self.move_for(order, moved),
            None => {
                let is_orders = |book| {
                    matches!(book, Book::Escrow(_) | Book::EscrowBonus(_) | Book::Receivable(_))
                };
                assert!(!moved.legs.iter().any(|leg| is_orders(leg.book)), "it is for no order");
            }
        }
    }

    /// The one place where money moves.
    fn post(&mut self, moved: &Moved) {
        assert!(moved.legs.len() > 1 && moved.legs.sum() == 0, "a movement balances");
        for leg in moved.legs.iter() {
            let stands = self.books.get_mut(leg.book).expect("a book's owner was opened");
            *stands = stands.checked_add(leg.amount).expect("what begins has room in its books");
        }
    }

    /// Notes what the order of a movement holds and was charged, and what was written off for it.
    fn move_for(&mut self, named: OrderRef, moved: &Moved) {
        let seq = self.counters.seq;
        let order = self.orders.get_mut(named.id).expect("an event's order is in memory");
        assert!(order.has_attempt(named.attempt), "it is of an attempt");
        assert_eq!(named, order.reference_of(named.attempt), "an event names its order as it is");
        for leg in moved.legs.iter() {
            let owner = leg.book.account();
            let is_buyers = owner.is_none_or(|owner| owner == order.account);
            assert!(is_buyers, "what moves for an order is its buyer's");
            let held = match leg.book {
                Book::Escrow(_) => &mut order.held.paid,
                Book::EscrowBonus(_) => &mut order.held.bonus,
                _ => continue,
            };
            *held = held.checked_add(leg.amount).expect("prices are bounded");
        }
        charge(order, moved, seq);
        let cost = order.cost;
        match moved.kind {
            MoveKind::WriteOff => self.write_off(named, moved),
            MoveKind::Recovery => self.recover(named, moved),
            MoveKind::Capture => {
                let is_cost = |book| matches!(book, Book::Receivable(_) | Book::OwnStockCost);
                let sold_for = moved.legs.sum_of(is_cost);
                assert_eq!(sold_for, i128::from(cost.0), "a delivery pays what its number cost");
            }
            MoveKind::Deposit
            | MoveKind::Spend
            | MoveKind::Refund
            | MoveKind::Charge
            | MoveKind::Return
            | MoveKind::ProviderPayment => {}
        }
    }

    /// The provider whose losses a movement changes, and by how much.
    fn loss(&self, moved: &Moved) -> (ProviderId, Micros) {
        let mut legs = moved.legs.iter();
        let lost = legs.find_map(|leg| match leg.book {
            Book::WriteOffs(provider) => Some((provider, leg.amount.negated())),
            _ => None,
        });
        let (provider, amount) = lost.expect("a loss is a provider's");
        let kind = self.provider(provider).map(|provider| provider.kind);
        assert_eq!(kind, Some(ProviderKind::Driven), "own stock is bought from no provider");
        (provider, amount)
    }

    fn write_off(&mut self, named: OrderRef, moved: &Moved) {
        let (provider, amount) = self.loss(moved);
        let reason = moved.reason.expect("a loss has a reason");
        assert!(amount.is_positive(), "what is charged costs something");
        // What no order has stayed at its own cost.
        let is_its = reason == MoveReason::Stayed || amount == self.orders[named.id].cost;
        assert!(is_its, "what an order's number cost is lost whole");
        let moved = self.counters.seq;
        let written = WriteOff { provider, amount, reason, moved, reversed: false };
        let before = self.write_offs.insert((named.id, named.attempt, Lost::of(reason)), written);
        assert_eq!(before, None, "an attempt is charged once");
    }

    fn recover(&mut self, named: OrderRef, moved: &Moved) {
        let (provider, amount) = self.loss(moved);
        let losses =
            (named.id, named.attempt, Lost::Number)..=(named.id, named.attempt, Lost::Other);
        let mut losses = self.write_offs.range_mut(losses);
        let reverses = moved.reverses;
        let found = losses.find(|(_, written)| Some(written.moved) == reverses);
        let (key, written) = found.expect("a reversal is of a loss");
        let key = *key;
        assert!(!written.reversed, "a loss is reversed once");
        let reversed = (written.provider, written.amount.negated());
        assert_eq!((provider, amount), reversed, "it is reversed whole");
        written.reversed = true;
        // What was only feared may still be charged.
        if written.reason == MoveReason::InDoubt {
            self.write_offs.remove(&key);
        }
    }

    /// After a group: every order of its events holds what it has to.
    pub(super) fn check_money(&self, events: &[Event]) {
        let mut checked = OrderId(0);
        for event in events {
            let Some(OrderRef { id, .. }) = event.order().filter(|order| order.id != checked)
            else {
                continue;
            };
            checked = id;
            if let Some(order) = self.orders.get(id)
                && let Some(complaint) = self.money_complaint(order)
            {
                panic!("order {id} {complaint}");
            }
        }
    }

    /// What is wrong with what an order holds; `None` if nothing is.
    pub(crate) fn money_complaint(&self, order: &Order) -> Option<&'static str> {
        let Held { paid, bonus } = order.held;
        let Some(held) = paid.checked_add(bonus) else { return Some("holds more than can be") };
        let driven = self.providers[order.provider].kind == ProviderKind::Driven;
        let is_bought = driven && order.assignment.is_some();
        let charged = order.outlay.map_or(Micros::ZERO, |outlay| outlay.amount);
        let (in_escrow, is_charged) = match order.status {
            OrderStatus::Escrow => (order.price, Some(is_bought)),
            // A charge stands until the number is known to be given back.
            OrderStatus::Refunded if is_bought => (Micros::ZERO, None),
            OrderStatus::Delivered | OrderStatus::Refunded => (Micros::ZERO, Some(false)),
        };
        let owed = match is_charged {
            Some(true) => order.cost,
            Some(false) => Micros::ZERO,
            None => charged,
        };
        let rules = [
            (paid < Micros::ZERO || bonus < Micros::ZERO, "holds less than nothing"),
            (held != in_escrow, "does not hold in escrow what it has to"),
            (charged != owed, "has not been charged what its number cost"),
            (charged != Micros::ZERO && charged != order.cost, "was charged another amount"),
        ];
        rules.iter().find(|(broken, _)| *broken).map(|(_, complaint)| *complaint)
    }
}

/// Notes a charge for the order's number, or what accounts for it: a delivery, a return, a loss.
fn charge(order: &mut Order, moved: &Moved, seq: Seq) {
    let charged = -moved.legs.sum_of(|book| matches!(book, Book::Receivable(_)));
    if charged == 0 {
        return;
    }
    let of = order.provider;
    let by_its_own = -moved.legs.sum_of(|book| book == Book::Receivable(of));
    assert_eq!(charged, by_its_own, "a number is charged by its order's provider");
    let charged = Micros(i64::try_from(charged).expect("a leg is an amount"));
    let standing = order.outlay.take();
    if charged.is_positive() {
        assert_eq!(standing, None, "a number is charged once");
        order.outlay = Some(Outlay { amount: charged, moved: seq });
        return;
    }
    let standing = standing.expect("a charge that is accounted for stands");
    assert_eq!(standing.amount, charged.negated(), "it is accounted for whole");
    let takes_back = moved.kind == MoveKind::Return;
    assert!(!takes_back || moved.reverses == Some(standing.moved), "a return names the charge");
}
