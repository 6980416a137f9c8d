//! Where every book's money stands, found by the number of its owner.
//!
//! Leaves to others: that what is moved sums to zero (`event::Moved`), and whose books exist:
//! a book that nothing was moved to stands at zero.

use crate::book::Book;
use crate::ids::{AccountId, ProviderId, RailId};
use crate::money::Micros;

const OF_CUSTOMER: usize = 5;
const OF_PROVIDER: usize = 4;
const OF_BUSINESS: usize = 5;

/// All books. Owners' ids are dense, so their books are flat lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    customers: Vec<[Micros; OF_CUSTOMER]>,
    providers: Vec<[Micros; OF_PROVIDER]>,
    business: [Micros; OF_BUSINESS],
    rails: Vec<[Micros; 1]>,
}

/// Where a book is: in which list, in which row of it, and at which place there.
enum At {
    Customer(usize, usize),
    Provider(usize, usize),
    Business(usize),
    Rail(usize),
}

const fn place(book: Book) -> At {
    match book {
        Book::Available(id) => At::Customer(id.0 as usize, 0),
        Book::Bonus(id) => At::Customer(id.0 as usize, 1),
        Book::Escrow(id) => At::Customer(id.0 as usize, 2),
        Book::EscrowBonus(id) => At::Customer(id.0 as usize, 3),
        Book::Hold(id) => At::Customer(id.0 as usize, 4),
        Book::Prepaid(id) => At::Provider(id.0 as usize, 0),
        Book::Payable(id) => At::Provider(id.0 as usize, 1),
        Book::Receivable(id) => At::Provider(id.0 as usize, 2),
        Book::WriteOffs(id) => At::Provider(id.0 as usize, 3),
        Book::Revenue => At::Business(0),
        Book::Fees => At::Business(1),
        Book::Adjustments => At::Business(2),
        Book::ExchangeDifferences => At::Business(3),
        Book::OwnStockCost => At::Business(4),
        Book::Rail(id) => At::Rail(id.0 as usize),
    }
}

impl Books {
    /// Makes room for the account with the next id.
    pub(crate) fn open_account(&mut self, account: AccountId) {
        grow(&mut self.customers, account.0 as usize);
    }

    /// Makes room for the provider with the next id.
    pub(crate) fn open_provider(&mut self, provider: ProviderId) {
        grow(&mut self.providers, provider.0.into());
    }

    /// Makes room for the rail with the next id.
    pub(crate) fn open_rail(&mut self, rail: RailId) {
        grow(&mut self.rails, rail.0.into());
    }

    /// What stands in a book.
    pub(crate) fn get(&self, book: Book) -> Micros {
        let stands = match place(book) {
            At::Customer(row, at) => self.customers.get(row).map(|books| books[at]),
            At::Provider(row, at) => self.providers.get(row).map(|books| books[at]),
            At::Business(at) => Some(self.business[at]),
            At::Rail(row) => self.rails.get(row).map(|[stands]| *stands),
        };
        stands.unwrap_or_default()
    }

    /// A book to move money to; `None` if its owner was never opened.
    pub(crate) fn get_mut(&mut self, book: Book) -> Option<&mut Micros> {
        match place(book) {
            At::Customer(row, at) => Some(&mut self.customers.get_mut(row)?[at]),
            At::Provider(row, at) => Some(&mut self.providers.get_mut(row)?[at]),
            At::Business(at) => Some(&mut self.business[at]),
            At::Rail(row) => Some(&mut self.rails.get_mut(row)?[0]),
        }
    }

    /// The books that do not stand at zero, in the order of [`Book`].
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Book, Micros)> + '_ {
        const CUSTOMERS: [fn(AccountId) -> Book; OF_CUSTOMER] =
            [Book::Available, Book::Bonus, Book::Escrow, Book::EscrowBonus, Book::Hold];
        const PROVIDERS: [fn(ProviderId) -> Book; OF_PROVIDER] =
            [Book::Prepaid, Book::Payable, Book::Receivable, Book::WriteOffs];
        const BUSINESS: [Book; OF_BUSINESS] = [
            Book::Revenue,
            Book::Fees,
            Book::Adjustments,
            Book::ExchangeDifferences,
            Book::OwnStockCost,
        ];
        let customers = (0..OF_CUSTOMER).flat_map(|at| {
            let all = (0u32..).map(AccountId).zip(&self.customers);
            all.map(move |(id, books)| (CUSTOMERS[at](id), books[at]))
        });
        let providers = (0..OF_PROVIDER).flat_map(|at| {
            let all = (0u16..=u16::MAX).map(ProviderId).zip(&self.providers);
            all.map(move |(id, books)| (PROVIDERS[at](id), books[at]))
        });
        let business = BUSINESS.into_iter().zip(self.business);
        let rails = (0u16..=u16::MAX).map(|id| Book::Rail(RailId(id)));
        let rails = rails.zip(self.rails.iter().map(|[stands]| *stands));
        customers
            .chain(providers)
            .chain(business)
            .chain(rails)
            .filter(|(_, amount)| *amount != Micros::ZERO)
    }
}

fn grow<const N: usize>(books: &mut Vec<[Micros; N]>, index: usize) {
    if books.len() <= index {
        books.resize(index + 1, [Micros::ZERO; N]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_are_listed_in_their_order_without_those_at_zero() {
        let mut books = Books::default();
        let (account, provider) = (AccountId(2), ProviderId(1));
        books.open_account(account);
        books.open_provider(provider);
        books.open_rail(RailId(1));
        let all = [
            Book::Available(AccountId(1)),
            Book::Available(account),
            Book::Bonus(account),
            Book::Escrow(account),
            Book::EscrowBonus(account),
            Book::Hold(account),
            Book::Prepaid(provider),
            Book::Payable(provider),
            Book::Receivable(provider),
            Book::WriteOffs(provider),
            Book::Revenue,
            Book::Fees,
            Book::Adjustments,
            Book::ExchangeDifferences,
            Book::OwnStockCost,
            Book::Rail(RailId(1)),
        ];
        for (book, amount) in all.into_iter().rev().zip(1..) {
            *books.get_mut(book).unwrap() = Micros(amount);
        }
        assert!(all.is_sorted());
        assert_eq!(books.iter().map(|(book, _)| book).collect::<Vec<_>>(), all);
        assert_eq!(books.get(Book::WriteOffs(provider)), Micros(7));
        *books.get_mut(Book::Revenue).unwrap() = Micros::ZERO;
        assert_eq!(books.iter().count(), all.len() - 1);
    }

    #[test]
    fn an_unknown_account_has_no_book() {
        let mut books = Books::default();
        assert_eq!(books.get(Book::Available(AccountId(9))), Micros::ZERO);
        assert_eq!(books.get_mut(Book::Available(AccountId(9))), None);
        assert_eq!(books.get_mut(Book::WriteOffs(ProviderId(9))), None);
    }
}
