//! State ↔ rows: the whole of a state as a sequence of rows in a fixed order, and back.
//!
//! Indexes are not rows: they follow from the tables. Bytes are storage's concern.

use crate::account::Book;
use crate::event::ProviderKind;
use crate::ids::{AccountId, KeyId, Number, OfferId, OperatorId, ProviderId};
use crate::money::Micros;
use crate::order::Order;
use crate::state::{Account, Counters, Key, Offer, Pool, Provider, State, StoredReply};

/// One row of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// The counters, first and once.
    Counters(Counters),
    /// An account.
    Account(AccountId, Account),
    /// What stands in a book.
    Book(Book, Micros),
    /// A key.
    Key(KeyId, Key),
    /// A credited deposit.
    Deposit(AccountId, u128, Micros),
    /// A provider.
    Provider(ProviderId, Provider),
    /// An operator's name.
    Operator(OperatorId, Box<str>),
    /// An offer, in the order of their ids.
    Offer(Offer),
    /// Numbers of own stock, next to be sold first.
    Pool(OfferId, Vec<Number>),
    /// An order in memory.
    Order(Box<Order>),
    /// What an idempotency key stands for.
    Reply(AccountId, u128, StoredReply),
}

impl State {
    /// Every row, in an order from which [`State::from_rows`] builds an equal state.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        let pool =
            |(id, pool): (OfferId, &Pool)| Row::Pool(id, pool.next.iter().copied().collect());
        let deposits = self.deposits.iter();
        let replies = self.replies.iter();
        std::iter::once(Row::Counters(self.counters))
            .chain(self.accounts.iter().map(|(id, account)| Row::Account(id, account.clone())))
            .chain(self.books.iter().map(|(book, amount)| Row::Book(book, amount)))
            .chain(self.keys.iter().map(|(id, key)| Row::Key(id, key.clone())))
            .chain(deposits.map(|((id, reference), sum)| Row::Deposit(*id, *reference, *sum)))
            .chain(self.providers.iter().map(|(id, known)| Row::Provider(id, known.clone())))
            .chain(self.operators.iter().map(|(id, name)| Row::Operator(id, name.clone())))
            .chain(self.offers.iter().map(|offer| Row::Offer(offer.clone())))
            .chain(self.pools.iter().map(pool))
            .chain(self.orders.values().map(|order| Row::Order(Box::new(order.clone()))))
            .chain(replies.map(|(id, key, reply)| Row::Reply(id, key, reply)))
    }

    /// Builds the state that gave these rows.
    ///
    /// # Errors
    /// A row that contradicts an earlier one, in words.
    pub fn from_rows<E: From<String>>(
        rows: impl IntoIterator<Item = Result<Row, E>>,
    ) -> Result<Self, E> {
        let mut state = Self::default();
        for row in rows {
            state.insert(row?)?;
        }
        state.replies.age();
        let closed = state.orders.values().filter_map(|order| Some((order.closed_at?, order.id)));
        state.closed.extend(closed);
        Ok(state)
    }

    fn insert(&mut self, row: Row) -> Result<(), String> {
        match row {
            Row::Counters(counters) => self.counters = counters,
            Row::Account(id, account) => {
                self.account_names.insert(account.name.clone());
                self.books.open_account(id);
                self.accounts.insert(id, account);
            }
            Row::Book(book, amount) => {
                self.insert_book(book, amount)?;
            }
            Row::Key(id, key) => {
                self.key_hashes.insert(key.hash);
                self.keys.insert(id, key);
            }
            Row::Deposit(id, reference, amount) => {
                self.deposits.insert((id, reference), amount);
            }
            Row::Provider(id, provider) => {
                self.books.open_provider(id);
                self.providers.insert(id, provider);
            }
            Row::Operator(id, name) => {
                self.operator_ids.insert(name.clone(), id);
                self.operators.insert(id, name);
            }
            Row::Offer(offer) => {
                let id = OfferId(self.offers.len() as u32 + 1);
                let key = (offer.provider, offer.product, offer.operator);
                if self.offer_ids.insert(key, id).is_some() {
                    return Err(format!("offer {id} is listed twice"));
                }
                self.offers.push(offer);
            }
            Row::Pool(id, numbers) => {
                self.held += numbers.len();
                let pool = self.pool_mut(id);
                pool.held.extend(&numbers);
                pool.next.extend(numbers);
            }
            Row::Order(order) => self.insert_order(*order)?,
            Row::Reply(id, key, reply) => {
                self.replies.insert_ageless(id, key, reply);
            }
        }
        Ok(())
    }

    fn insert_book(&mut self, book: Book, amount: Micros) -> Result<(), String> {
        // A provider's books may stand before the provider.
        if let Book::Payable(provider) | Book::Loss(provider) = book {
            self.books.open_provider(provider);
        }
        let stands = self.books.get_mut(book);
        *stands.ok_or_else(|| format!("{book:?} is of nobody"))? = amount;
        Ok(())
    }

    fn insert_order(&mut self, order: Order) -> Result<(), String> {
        let id = order.id;
        let provider = self.providers.get(order.provider);
        let kind = provider.ok_or_else(|| format!("order {id} has an unknown provider"))?.kind;
        if order.closed_at.is_none() {
            self.deadlines.insert((order.deadline, id));
        }
        if let Some(assignment) = &order.assignment {
            match kind {
                ProviderKind::Driven => {
                    let key = (order.provider, assignment.external_id.clone());
                    self.purchases.insert(key, id);
                }
                ProviderKind::Own if order.closed_at.is_none() => {
                    self.held += 1;
                    self.pool_mut(order.offer).held.insert(assignment.number);
                }
                ProviderKind::Own => {}
            }
        }
        self.orders.insert(id, order);
        Ok(())
    }
}
