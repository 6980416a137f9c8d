//! Movements of money: which legs each has, by where the money stands now.
//!
//! Bonus is spent before paid money, and comes back after it. What a provider charges is taken
//! from what we have there before it is owed, and what it gives back pays what is owed first: a
//! provider's `Prepaid` and `Payable` never both hold something.

use crate::book::Book;
use crate::event::{Event, Legs, MoneyEvent, MoveKind, MoveReason, Moved, ProviderKind};
use crate::ids::{AccountId, ProviderId, RailId, Seq};
use crate::limits::BOOK_MAX;
use crate::money::Micros;
use crate::order::{Order, OrderRef, Outlay};
use crate::reject::Reject;
use crate::state::{State, WriteOff};

/// The event of a movement. A movement has few legs: those here have at most five.
fn moved(
    kind: MoveKind,
    reason: Option<MoveReason>,
    (order, reverses): (Option<OrderRef>, Option<Seq>),
    all: &[(Book, Micros)],
) -> Event {
    let mut legs = Legs::default();
    for &(book, amount) in all {
        assert!(legs.push(book, amount), "a movement has at most five legs");
    }
    Event::Money(MoneyEvent::Moved(Moved { kind, reason, order, reverses, legs }))
}

fn minus(from: Micros, amount: Micros) -> Micros {
    from.checked_sub(amount).expect("amounts are bounded far below i64")
}

/// Money into a wallet.
pub(super) fn deposit(rail: RailId, account: AccountId, amount: Micros) -> Event {
    let legs = [(Book::Rail(rail), amount.negated()), (Book::Available(account), amount)];
    moved(MoveKind::Deposit, None, (None, None), &legs)
}

/// Money to a provider: what is owed first, and the rest stands there.
pub(super) fn pay_provider(
    state: &State,
    rail: RailId,
    provider: ProviderId,
    amount: Micros,
) -> Event {
    let paid = match state.providers[provider].kind {
        ProviderKind::Driven => Stands::at_first(state).paid_by(provider, amount),
        ProviderKind::Own => {
            [(Book::OwnStockCost, amount.negated()), (Book::OwnStockCost, Micros::ZERO)]
        }
    };
    let legs = [(Book::Rail(rail), amount), paid[0], paid[1]];
    moved(MoveKind::ProviderPayment, None, (None, None), &legs)
}

/// Refuses what a customer has no money for.
pub(super) fn check_funds(state: &State, account: AccountId, needed: Micros) -> Result<(), Reject> {
    let available = state.balance(Book::Available(account));
    let bonus = state.balance(Book::Bonus(account));
    let credit = state.accounts[account].credit_limit;
    let available = available.checked_add(bonus).expect("both are bounded");
    let spendable = available.checked_add(credit).expect("both are bounded");
    if needed > spendable {
        return Err(Reject::InsufficientFunds { needed, available });
    }
    Ok(())
}

/// Refuses to begin what would move money into a provider's or our book that is nearly full:
/// whatever happens to the orders that are open by now, no book leaves its range.
pub(super) fn check_room(state: &State, provider: ProviderId) -> Result<(), Reject> {
    let books = [
        Book::Prepaid(provider),
        Book::Payable(provider),
        Book::Receivable(provider),
        Book::WriteOffs(provider),
        Book::Revenue,
        Book::OwnStockCost,
    ];
    books.into_iter().try_for_each(|book| check_book(state, book, "books"))
}

/// Refuses what would move money into a book that is nearly full; `what` names it to the caller.
pub(super) fn check_book(state: &State, book: Book, what: &'static str) -> Result<(), Reject> {
    let is_full = state.balance(book).0.unsigned_abs() > BOOK_MAX;
    if is_full { Err(Reject::Exhausted(what)) } else { Ok(()) }
}

/// Wallet to escrow.
pub(super) fn spend(
    state: &State,
    order: OrderRef,
    amount: Micros,
    reason: Option<MoveReason>,
) -> Event {
    let account = order.account;
    let bonus = state.balance(Book::Bonus(account)).min(amount);
    let paid = minus(amount, bonus);
    let legs = [
        (Book::Bonus(account), bonus.negated()),
        (Book::Available(account), paid.negated()),
        (Book::EscrowBonus(account), bonus),
        (Book::Escrow(account), paid),
    ];
    moved(MoveKind::Spend, reason, (Some(order), None), &legs)
}

/// What moves when an order goes on with an ask of another price; `None` if nothing does.
pub(super) fn respend(
    state: &State,
    order: &Order,
    begun: OrderRef,
    price: Micros,
) -> Option<Event> {
    let change = minus(price, order.price);
    let reason = Some(MoveReason::NextAttempt);
    if change.is_positive() {
        return Some(spend(state, begun, change, reason));
    }
    let paid = change.negated().min(order.held.paid);
    let bonus = minus(change.negated(), paid);
    (change < Micros::ZERO)
        .then(|| moved(MoveKind::Spend, reason, (Some(begun), None), &back(begun, paid, bonus)))
}

/// Escrow to wallet: the order ended undelivered.
pub(super) fn refund(order: &Order, reason: MoveReason) -> Event {
    let named = order.reference();
    let legs = back(named, order.held.paid, order.held.bonus);
    moved(MoveKind::Refund, Some(reason), (Some(named), None), &legs)
}

fn back(order: OrderRef, paid: Micros, bonus: Micros) -> [(Book, Micros); 4] {
    let account = order.account;
    [
        (Book::Escrow(account), paid.negated()),
        (Book::EscrowBonus(account), bonus.negated()),
        (Book::Available(account), paid),
        (Book::Bonus(account), bonus),
    ]
}

/// Escrow to what the number cost and to revenue: the order was delivered. The cost of a
/// provider's number was charged before, that of own stock is owed from now on.
pub(super) fn capture(order: &Order) -> Event {
    let (named, account) = (order.reference(), order.account);
    let charged = order.outlay.map_or(Micros::ZERO, |outlay| outlay.amount);
    let legs = [
        (Book::Escrow(account), order.held.paid.negated()),
        (Book::EscrowBonus(account), order.held.bonus.negated()),
        (Book::Receivable(order.provider), charged),
        (Book::OwnStockCost, minus(order.cost, charged)),
        (Book::Revenue, minus(order.price, order.cost)),
    ];
    moved(MoveKind::Capture, None, (Some(named), None), &legs)
}

/// The books as a command's events so far leave them: a pulse moves money many times over.
#[derive(Clone, Copy)]
pub(super) struct Stands<'a> {
    /// The state before the command.
    pub state: &'a State,
    /// The command's events so far.
    pub brought: &'a [Event],
}

impl<'a> Stands<'a> {
    /// Before a command's first event.
    pub(super) const fn at_first(state: &'a State) -> Self {
        Self { state, brought: &[] }
    }

    fn get(self, book: Book) -> Micros {
        let moved = self.brought.iter().filter_map(Event::moved);
        let moved: i128 = moved.map(|it| it.legs.sum_of(|its| its == book)).sum();
        let stands = i128::from(self.state.balance(book).0) + moved;
        Micros(i64::try_from(stands).expect("a command moves little of what a book may hold"))
    }

    /// How a provider's charge is paid: from what we have there, and the rest is owed.
    fn paid_to(self, provider: ProviderId, amount: Micros) -> [(Book, Micros); 2] {
        let prepaid = self.get(Book::Prepaid(provider)).negated().min(amount);
        [(Book::Prepaid(provider), prepaid), (Book::Payable(provider), minus(amount, prepaid))]
    }

    /// How a provider gives a charge back: against what is owed, and the rest stands there.
    fn paid_by(self, provider: ProviderId, amount: Micros) -> [(Book, Micros); 2] {
        let owed = self.get(Book::Payable(provider)).min(amount);
        [
            (Book::Payable(provider), owed.negated()),
            (Book::Prepaid(provider), minus(amount, owed).negated()),
        ]
    }
}

/// A provider charges for an order's number; `None` of nothing.
pub(super) fn charge(
    stands: Stands<'_>,
    order: OrderRef,
    provider: ProviderId,
    cost: Micros,
) -> Option<Event> {
    let [prepaid, payable] = stands.paid_to(provider, cost);
    let legs = [prepaid, payable, (Book::Receivable(provider), cost.negated())];
    cost.is_positive().then(|| moved(MoveKind::Charge, None, (Some(order), None), &legs))
}

/// The provider took the order's number back; `None` if its charge is accounted for already.
pub(super) fn take_back(stands: Stands<'_>, order: &Order) -> Option<Event> {
    let Outlay { amount, moved: charged } = order.outlay?;
    let [payable, prepaid] = stands.paid_by(order.provider, amount);
    let legs = [payable, prepaid, (Book::Receivable(order.provider), amount)];
    let of = (Some(order.reference()), Some(charged));
    Some(moved(MoveKind::Return, None, of, &legs))
}

/// The charge for an order's number turns into a loss; `None` if it is accounted for already.
pub(super) fn lose(order: &Order, reason: MoveReason) -> Option<Event> {
    let Outlay { amount, .. } = order.outlay?;
    let legs = [
        (Book::WriteOffs(order.provider), amount.negated()),
        (Book::Receivable(order.provider), amount),
    ];
    Some(moved(MoveKind::WriteOff, Some(reason), (Some(order.reference()), None), &legs))
}

/// A provider charges for a purchase that no buyer pays for; `None` of nothing.
pub(super) fn write_off(
    stands: Stands<'_>,
    order: OrderRef,
    (provider, amount): (ProviderId, Micros),
    reason: MoveReason,
) -> Option<Event> {
    let [prepaid, payable] = stands.paid_to(provider, amount);
    let legs = [prepaid, payable, (Book::WriteOffs(provider), amount.negated())];
    let of = (Some(order), None);
    amount.is_positive().then(|| moved(MoveKind::WriteOff, Some(reason), of, &legs))
}

/// What was written off for an order's attempt comes back.
pub(super) fn recover(stands: Stands<'_>, order: OrderRef, written: &WriteOff) -> Event {
    let &WriteOff { provider, amount, moved: written_off, .. } = written;
    let [payable, prepaid] = stands.paid_by(provider, amount);
    let legs = [payable, prepaid, (Book::WriteOffs(provider), amount)];
    moved(MoveKind::Recovery, None, (Some(order), Some(written_off)), &legs)
}
