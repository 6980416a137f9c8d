//! Double entry: the books, and the one rule that every transaction sums to zero.

use crate::ids::{AccountId, OrderId, ProviderId};
use crate::money::Micros;

/// A place where money stands. Customers' books are what we owe them (positive);
/// `CashIn` is its counterpart (negative).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Book {
    /// What a customer can spend.
    Available(AccountId),
    /// What a customer has committed to open orders.
    Escrow(AccountId),
    /// What we owe a provider for delivered numbers.
    Payable(ProviderId),
    /// What a provider cost us without a delivery: purchases that stayed in doubt.
    Loss(ProviderId),
    /// Our margin.
    Revenue,
    /// Deposits from outside, negative.
    CashIn,
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionKind {
    /// Money came in.
    Deposit,
    /// Wallet to escrow, for an order; negative where a cheaper ask served.
    Spend,
    /// Escrow back to the wallet.
    Refund,
    /// Escrow to provider and revenue: the order was delivered.
    Capture,
    /// A provider's charge for a purchase whose outcome stayed unknown.
    WriteOff,
    /// A write-off reversed: the purchase went back to the provider.
    Recovery,
}

/// One leg of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Where.
    pub book: Book,
    /// How much is added; negative takes away.
    pub amount: Micros,
}

/// Postings that sum to zero, at most [`POSTINGS_MAX`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Why.
    pub kind: TransactionKind,
    /// For which order, where there is one.
    pub order: Option<OrderId>,
    legs: [Posting; POSTINGS_MAX],
    len: usize,
}

/// A capture has the most legs: escrow, provider, revenue.
pub const POSTINGS_MAX: usize = 3;

impl Transaction {
    /// Takes the postings. Panics unless they sum to zero: an unbalanced transaction is a bug.
    #[must_use]
    pub fn new(kind: TransactionKind, order: Option<OrderId>, postings: &[(Book, Micros)]) -> Self {
        let sum: i64 = postings.iter().map(|(_, amount)| amount.0).sum();
        assert_eq!(sum, 0, "a transaction's postings sum to zero");
        let nothing = Posting { book: Book::Revenue, amount: Micros::ZERO };
        let mut legs = [nothing; POSTINGS_MAX];
        for (leg, &(book, amount)) in legs.iter_mut().zip(postings) {
            *leg = Posting { book, amount };
        }
        assert!(postings.len() <= POSTINGS_MAX, "no transaction has more legs than a capture");
        Self { kind, order, legs, len: postings.len() }
    }

    /// The legs.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.legs[..self.len]
    }

    /// The customers whose books it touches; a customer may be named twice.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.postings().iter().filter_map(|leg| match leg.book {
            Book::Available(account) | Book::Escrow(account) => Some(account),
            Book::Payable(_) | Book::Loss(_) | Book::Revenue | Book::CashIn => None,
        })
    }

    /// The customer whose wallet or escrow it touches, and what it adds to the wallet.
    #[must_use]
    pub fn wallet(&self) -> Option<(AccountId, Micros)> {
        self.postings().iter().find_map(|leg| match leg.book {
            Book::Available(account) => Some((account, leg.amount)),
            Book::Escrow(_) | Book::Payable(_) | Book::Loss(_) | Book::Revenue | Book::CashIn => {
                None
            }
        })
    }
}

/// Money into a wallet.
#[must_use]
pub fn deposit(account: AccountId, amount: Micros) -> Transaction {
    let legs = [(Book::CashIn, amount.negated()), (Book::Available(account), amount)];
    Transaction::new(TransactionKind::Deposit, None, &legs)
}

/// Wallet to escrow; a negative amount returns the difference to a dearer ask.
#[must_use]
pub fn spend(account: AccountId, order: OrderId, amount: Micros) -> Transaction {
    let legs = [(Book::Available(account), amount.negated()), (Book::Escrow(account), amount)];
    Transaction::new(TransactionKind::Spend, Some(order), &legs)
}

/// Escrow to wallet: the order ended undelivered.
#[must_use]
pub fn refund(account: AccountId, order: OrderId, amount: Micros) -> Transaction {
    let legs = [(Book::Escrow(account), amount.negated()), (Book::Available(account), amount)];
    Transaction::new(TransactionKind::Refund, Some(order), &legs)
}

/// Escrow to provider and revenue: the order was delivered.
#[must_use]
pub fn capture(order: OrderId, sale: Sale) -> Transaction {
    let margin = sale.price.checked_sub(sale.cost).expect("both are bounded amounts");
    let legs = [
        (Book::Escrow(sale.account), sale.price.negated()),
        (Book::Payable(sale.provider), sale.cost),
        (Book::Revenue, margin),
    ];
    Transaction::new(TransactionKind::Capture, Some(order), &legs)
}

/// A provider's charge for a purchase whose outcome stayed unknown.
#[must_use]
pub fn write_off(provider: ProviderId, order: OrderId, amount: Micros) -> Transaction {
    let legs = [(Book::Loss(provider), amount.negated()), (Book::Payable(provider), amount)];
    Transaction::new(TransactionKind::WriteOff, Some(order), &legs)
}

/// A write-off reversed: the provider took the purchase back.
#[must_use]
pub fn recover(provider: ProviderId, order: OrderId, amount: Micros) -> Transaction {
    let legs = [(Book::Payable(provider), amount.negated()), (Book::Loss(provider), amount)];
    Transaction::new(TransactionKind::Recovery, Some(order), &legs)
}

/// What a delivered order turns into: who paid, whom we owe, how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sale {
    /// The buyer.
    pub account: AccountId,
    /// The provider that served.
    pub provider: ProviderId,
    /// What the buyer pays.
    pub price: Micros,
    /// What the provider gets.
    pub cost: Micros,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "sum to zero")]
    fn an_unbalanced_transaction_is_a_bug() {
        let _ = Transaction::new(TransactionKind::Deposit, None, &[(Book::Revenue, Micros(1))]);
    }

    #[test]
    fn a_sale_below_cost_still_balances() {
        let sale = Sale {
            account: AccountId(1),
            provider: ProviderId(2),
            price: Micros(100),
            cost: Micros(130),
        };
        let amounts: Vec<i64> =
            capture(OrderId(1), sale).postings().iter().map(|leg| leg.amount.0).collect();
        assert_eq!(amounts, [-100, 130, -30]);
    }
}
