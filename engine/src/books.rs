//! Where every book's money stands, found by the number of its owner.
//!
//! Leaves to others: that what is posted sums to zero (`account`), and whose books exist:
//! a book that nothing was posted to stands at zero.

use crate::account::Book;
use crate::ids::{AccountId, ProviderId};
use crate::money::Micros;

/// All books. Owners' ids are dense, so their books are flat lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// Available and escrow of each account.
    wallets: Vec<[Micros; 2]>,
    /// Payable and loss of each provider.
    dues: Vec<[Micros; 2]>,
    revenue: Micros,
    cash_in: Micros,
}

impl Books {
    /// Makes room for the account with the next id.
    pub(crate) fn open_account(&mut self, account: AccountId) {
        grow(&mut self.wallets, account.0 as usize);
    }

    /// Makes room for the provider with the next id.
    pub(crate) fn open_provider(&mut self, provider: ProviderId) {
        grow(&mut self.dues, provider.0.into());
    }

    /// What stands in a book.
    pub(crate) fn get(&self, book: Book) -> Micros {
        let wallet = |id: AccountId| self.wallets.get(id.0 as usize).copied().unwrap_or_default();
        let due = |id: ProviderId| self.dues.get(usize::from(id.0)).copied().unwrap_or_default();
        match book {
            Book::Available(account) => wallet(account)[0],
            Book::Escrow(account) => wallet(account)[1],
            Book::Payable(provider) => due(provider)[0],
            Book::Loss(provider) => due(provider)[1],
            Book::Revenue => self.revenue,
            Book::CashIn => self.cash_in,
        }
    }

    /// A book to post to; `None` if its owner was never opened.
    pub(crate) fn get_mut(&mut self, book: Book) -> Option<&mut Micros> {
        match book {
            Book::Available(account) => Some(&mut self.wallets.get_mut(account.0 as usize)?[0]),
            Book::Escrow(account) => Some(&mut self.wallets.get_mut(account.0 as usize)?[1]),
            Book::Payable(provider) => Some(&mut self.dues.get_mut(usize::from(provider.0))?[0]),
            Book::Loss(provider) => Some(&mut self.dues.get_mut(usize::from(provider.0))?[1]),
            Book::Revenue => Some(&mut self.revenue),
            Book::CashIn => Some(&mut self.cash_in),
        }
    }

    /// The books that do not stand at zero, in the order of [`Book`].
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Book, Micros)> + '_ {
        let wallets = |side: usize, book: fn(AccountId) -> Book| {
            let all = (0u32..).map(AccountId).zip(&self.wallets);
            all.map(move |(id, both)| (book(id), both[side]))
        };
        let dues = |side: usize, book: fn(ProviderId) -> Book| {
            let all = (0u16..=u16::MAX).map(ProviderId).zip(&self.dues);
            all.map(move |(id, both)| (book(id), both[side]))
        };
        let ours = [(Book::Revenue, self.revenue), (Book::CashIn, self.cash_in)];
        wallets(0, Book::Available)
            .chain(wallets(1, Book::Escrow))
            .chain(dues(0, Book::Payable))
            .chain(dues(1, Book::Loss))
            .chain(ours)
            .filter(|(_, amount)| *amount != Micros::ZERO)
    }
}

fn grow(books: &mut Vec<[Micros; 2]>, index: usize) {
    if books.len() <= index {
        books.resize(index + 1, [Micros::ZERO; 2]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_are_listed_in_their_order_without_those_at_zero() {
        let mut books = Books::default();
        books.open_account(AccountId(2));
        books.open_provider(ProviderId(1));
        let all = [
            Book::Available(AccountId(1)),
            Book::Available(AccountId(2)),
            Book::Escrow(AccountId(1)),
            Book::Payable(ProviderId(1)),
            Book::Loss(ProviderId(1)),
            Book::Revenue,
            Book::CashIn,
        ];
        for (book, amount) in all.into_iter().rev().zip(1..) {
            *books.get_mut(book).unwrap() = Micros(amount);
        }
        assert!(all.is_sorted());
        assert_eq!(books.iter().map(|(book, _)| book).collect::<Vec<_>>(), all);
        assert_eq!(books.get(Book::Payable(ProviderId(1))), Micros(4));
        *books.get_mut(Book::Revenue).unwrap() = Micros::ZERO;
        assert_eq!(books.iter().count(), 6);
    }

    #[test]
    fn an_unknown_account_has_no_book() {
        let mut books = Books::default();
        assert_eq!(books.get(Book::Available(AccountId(9))), Micros::ZERO);
        assert_eq!(books.get_mut(Book::Available(AccountId(9))), None);
        assert_eq!(books.get_mut(Book::Loss(ProviderId(9))), None);
    }
}
