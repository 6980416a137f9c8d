//! State ↔ rows: the whole of a state as a sequence of rows in a fixed order, and back.
//!
//! Indexes are not rows: they follow from the tables. Rows that do not fit each other are
//! refused with the first that does not, whatever they hold. Bytes are storage's concern.

mod rebuild;
mod row;

use crate::callbacks::Callbacks;
use crate::ids::OfferId;
use crate::state::{Pool, State};

use rebuild::{Rebuilt, check};

pub use row::Row;

/// Numbers of a row: far below what storage reads at once.
const POOL_ROW_MAX: usize = 10_000;

impl State {
    /// Every row, in an order from which [`State::from_rows`] builds an equal state.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        let payments = self.payments.iter();
        let payments = payments.map(|((rail, mac), paid)| Row::Payment(*rail, *mac, paid.clone()));
        std::iter::once(Row::Counters(self.counters))
            .chain(self.ledger.map(Row::Ledger))
            .chain(self.epoch.clone().map(Row::Epoch))
            .chain(self.closed_day.map(Row::ClosedDay))
            .chain(self.accounts.iter().map(|(id, account)| Row::Account(id, account.clone())))
            .chain(self.books.iter().map(|(book, amount)| Row::Book(book, amount)))
            .chain(self.keys.iter().map(|(id, key)| Row::Key(id, key.clone())))
            .chain(self.rails.iter().map(|(id, name)| Row::Rail(id, name.clone())))
            .chain(self.providers.iter().map(|(id, known)| Row::Provider(id, known.clone())))
            .chain(payments)
            .chain(self.variants.iter().map(|(id, parts)| Row::Variant(id, parts.clone())))
            .chain(self.offers.iter().map(|offer| Row::Offer(offer.clone())))
            .chain(self.loads.keys().map(|(handle, last)| Row::LoadKey(handle, last)))
            .chain(self.loads.iter().map(|(id, place)| Row::Load(id, place)))
            .chain(self.pools.iter().flat_map(|(id, pool)| pool_rows(id, pool)))
            .chain(self.orders.values().map(|order| Row::Order(Box::new(order.clone()))))
            .chain(self.replies.short().map(Row::ShortReply))
            .chain(self.replies.whole().map(Row::Reply))
            .chain(self.given_up.values().map(|given_up| Row::GivenUp(*given_up)))
            .chain(self.quarantine.iter().map(|resting| Row::Quarantined(*resting)))
            .chain(self.seen.iter().map(|(key, seen)| Row::Seen(key.0, key.1, seen.clone())))
            .chain(callback_rows(&self.callbacks))
            .chain(self.upstream_rows())
            .chain(self.seal_keys.iter().map(|(handle, owner)| Row::SealKey(handle, owner)))
            .chain(self.addresses.iter().map(|(id, of)| Row::Addresses(id, of.clone())))
    }

    fn upstream_rows(&self) -> impl Iterator<Item = Row> + '_ {
        let written_off = self.write_offs.iter();
        let written_off =
            written_off.map(|((id, attempt, _), of)| Row::WrittenOff(*id, *attempt, *of));
        let orphans = self.orphans.iter();
        let orphans = orphans.map(|((at, id), orphan)| Row::Orphan(*at, id.clone(), *orphan));
        let named = self.named.iter();
        let named = named.map(|((id, attempt), it)| Row::Named(*id, *attempt, it.clone()));
        let words = self.provider_words.iter();
        written_off
            .chain(orphans)
            .chain(named)
            .chain(self.ended_upstream.iter().map(|id| Row::EndedUpstream(*id)))
            .chain(words.map(|(id, word)| Row::EndedByProvider(*id, *word)))
    }

    /// Builds the state that gave these rows.
    ///
    /// # Errors
    /// A row that does not fit the others, in words.
    pub fn from_rows<E: From<String>>(
        rows: impl IntoIterator<Item = Result<Row, E>>,
    ) -> Result<Self, E> {
        let mut rebuilt = Rebuilt::default();
        for (index, row) in rows.into_iter().enumerate() {
            let row = row?;
            check((index == 0) == matches!(row, Row::Counters(_)), || {
                format!("row {} is out of place: the counters come first, once", index + 1)
            })?;
            rebuilt.insert(row)?;
        }
        Ok(rebuilt.finish()?)
    }
}

/// At least one row, so that an empty pool is known again.
fn pool_rows(id: OfferId, pool: &Pool) -> impl Iterator<Item = Row> + '_ {
    (0..pool.next.len().max(1)).step_by(POOL_ROW_MAX).map(move |first| {
        let last = pool.next.len().min(first + POOL_ROW_MAX);
        Row::Pool(id, pool.terms, pool.next.range(first..last).copied().collect())
    })
}

fn callback_rows(callbacks: &Callbacks) -> impl Iterator<Item = Row> + '_ {
    let Callbacks { last, dropped, kept, recent, keys: _, failed: _, refused: _ } = callbacks;
    let came = last.0 > 0;
    let head = came.then(|| {
        Row::Callbacks(*last, *dropped, recent.iter().map(|(id, key)| (*id, *key)).collect())
    });
    head.into_iter().chain(kept.iter().map(|(id, kept)| Row::Callback(*id, kept.clone())))
}
