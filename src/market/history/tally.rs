//! How each provider's numbers of each product have done: how many it gave, how many of them
//! got a code, and how long the codes took.
//!
//! Promises: the figures follow from the ledger alone, whatever restarts there were, since
//! they are written with history's cursor. A day halves them, so that they speak of the last
//! days; a code counts as much as its number does, so that there are never more codes than
//! numbers. A row takes some 100 bytes, and there are at most [`ROWS_MAX`].

use std::collections::BTreeMap;
use std::ops::Deref;

use nexnum_engine::event::{Event, OrderEvent, Placement};
use nexnum_engine::ids::{OrderId, ProviderId};
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use nexnum_storage::StorageError;
use nexnum_storage::history::{HistoryBatch, HistoryTables, TallyKey, TallyRow};
use papaya::HashMap;

use super::error::FollowError;

/// Rows kept: fifty providers of 2,600 products each. Beyond it, products that have not been
/// sold for two weeks make room; where none has, a new one is not counted.
pub const ROWS_MAX: usize = 1 << 17;
/// What one number counts on its day: it is forgotten after 17 days.
const ONE: u64 = 1 << 16;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How the numbers of a provider have done, as readers see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    given: u64,
    delivered: u64,
    waited: u64,
}

impl Measured {
    /// Numbers given, of the last days.
    #[must_use]
    pub const fn numbers(&self) -> u64 {
        self.given.saturating_add(ONE / 2) / ONE
    }

    /// Codes delivered for them.
    #[must_use]
    pub const fn codes(&self) -> u64 {
        self.delivered.saturating_add(ONE / 2) / ONE
    }

    /// The share of the numbers that got a code, in thousandths; `None` without numbers.
    #[must_use]
    pub fn delivered_permille(&self) -> Option<u16> {
        let of = u128::from(self.given);
        let share = (u128::from(self.delivered) * 1000 + of / 2).checked_div(of)?;
        // Numbers that were given before the tallies began may have codes.
        Some(share.min(1000) as u16)
    }

    /// How long a code took on average from its number on, in milliseconds; `None` without codes.
    #[must_use]
    pub const fn time_to_code_ms(&self) -> Option<u64> {
        self.waited.checked_div(self.delivered)
    }

    fn add(&mut self, other: Self) {
        self.given = self.given.saturating_add(other.given);
        self.delivered = self.delivered.saturating_add(other.delivered);
        self.waited = self.waited.saturating_add(other.waited);
    }
}

/// A row as it stands on a day.
fn on_day(row: TallyRow, today: u32) -> TallyRow {
    let halved = |figure: u64| figure.checked_shr(today.saturating_sub(row.day)).unwrap_or(0);
    TallyRow {
        given: halved(row.given),
        delivered: halved(row.delivered),
        waited: halved(row.waited),
        day: row.day.max(today),
    }
}

fn day(at: Time) -> u32 {
    u32::try_from(at.0 / DAY_MS).unwrap_or(u32::MAX)
}

/// The tallies as history has them, for readers that never wait.
#[derive(Debug, Default)]
pub struct Tallies {
    rows: HashMap<TallyKey, TallyRow>,
}

impl Tallies {
    /// What is in the tables.
    #[must_use]
    pub fn of(tables: &HistoryTables) -> Self {
        let tallies = Self::default();
        match tables.tallies() {
            Ok(rows) => {
                let shown = tallies.rows.pin();
                for (key, row) in rows {
                    shown.insert(key, row);
                }
            }
            Err(error) => {
                tracing::error!(%error, "what is known of the providers' deliveries cannot be read: it begins anew");
            }
        }
        tallies
    }

    /// How a provider's numbers of a product have done.
    #[must_use]
    pub fn measured(&self, key: TallyKey, now: Time) -> Measured {
        self.rows.pin().get(&key).map_or_else(Measured::default, |row| measured(*row, day(now)))
    }

    /// How each provider's numbers have done, over all products. Walks over all rows.
    #[must_use]
    pub fn of_providers(&self, now: Time) -> BTreeMap<ProviderId, Measured> {
        let mut sums = BTreeMap::<_, Measured>::new();
        for ((provider, _), row) in &self.rows.pin() {
            sums.entry(*provider).or_default().add(measured(*row, day(now)));
        }
        sums
    }

    fn show(&self, changed: &BTreeMap<TallyKey, Option<TallyRow>>) {
        let rows = self.rows.pin();
        for (key, row) in changed {
            match row {
                Some(row) => drop(rows.insert(*key, *row)),
                None => drop(rows.remove(key)),
            }
        }
    }
}

fn measured(row: TallyRow, today: u32) -> Measured {
    let TallyRow { given, delivered, waited, day: _ } = on_day(row, today);
    Measured { given, delivered, waited }
}

/// What rows of the ledger change, before it is written.
#[derive(Debug, Default)]
pub(super) struct Counted {
    rows: BTreeMap<TallyKey, Option<TallyRow>>,
    assigned: BTreeMap<OrderId, Option<Time>>,
    /// Rows that were added, less those that were taken away.
    grown: isize,
    /// The last day on which room was looked for in vain: it comes with the next.
    full_on: Option<u32>,
}

impl Counted {
    /// Counts an event; `memory` gives the orders as they stand after it, or later.
    pub(super) fn add<O: Deref<Target = Order>>(
        &mut self,
        tallies: &Tallies,
        tables: &HistoryTables,
        (at, event): (Time, &Event),
        memory: impl Fn(OrderId) -> Option<O>,
    ) -> Result<(), FollowError> {
        let Event::Order(event) = event else { return Ok(()) };
        let order = |id| memory(id).ok_or(FollowError::Gone(id));
        match event {
            OrderEvent::OrderPlaced(Placement { assignment: None, .. }) => {}
            OrderEvent::OrderPlaced(placed) => {
                self.give(tallies, (placed.terms.provider, placed.product), at);
            }
            OrderEvent::NumberAssigned { order: named, .. } => {
                let order = order(named.id)?;
                self.give(tallies, (order.provider, order.product), at);
                self.assigned.insert(named.id, Some(at));
            }
            OrderEvent::MessageReceived(receipt) => {
                if receipt.delivers {
                    let order = order(receipt.order.id)?;
                    let since = self.take_assigned(tables, &order)?;
                    self.deliver(tallies, (order.provider, order.product), since, at);
                }
            }
            OrderEvent::ActivationClosed { order, .. } => {
                // Where the first message has not taken it away already.
                if self.assigned_at(tables, order.id)?.is_some() {
                    self.assigned.insert(order.id, None);
                }
            }
            OrderEvent::AttemptStarted { .. }
            | OrderEvent::OrderDoubted { .. }
            | OrderEvent::DoubtCleared { .. }
            | OrderEvent::OrderFailed { .. }
            | OrderEvent::MessageCompleted(_)
            | OrderEvent::MessageShown { .. }
            | OrderEvent::AnotherRequested { .. }
            | OrderEvent::NumberQuarantined { .. } => {}
        }
        Ok(())
    }

    fn assigned_at(
        &self,
        tables: &HistoryTables,
        id: OrderId,
    ) -> Result<Option<Time>, StorageError> {
        match self.assigned.get(&id) {
            Some(pending) => Ok(*pending),
            None => tables.assigned_at(id),
        }
    }

    /// When an order got its number: own stock gives it with the order.
    fn take_assigned(
        &mut self,
        tables: &HistoryTables,
        order: &Order,
    ) -> Result<Time, StorageError> {
        let Some(at) = self.assigned_at(tables, order.id)? else { return Ok(order.placed_at) };
        self.assigned.insert(order.id, None);
        Ok(at)
    }

    fn give(&mut self, tallies: &Tallies, key: TallyKey, at: Time) {
        if let Some(row) = self.row(tallies, key, day(at)) {
            row.given = row.given.saturating_add(ONE);
        }
    }

    fn deliver(&mut self, tallies: &Tallies, key: TallyKey, since: Time, at: Time) {
        let one = ONE.checked_shr(day(at).saturating_sub(day(since))).unwrap_or(0);
        if let Some(row) = self.row(tallies, key, day(at)) {
            row.delivered = row.delivered.saturating_add(one);
            row.waited = row.waited.saturating_add(at.ms_since(since).saturating_mul(one));
        }
    }

    /// The row of a key as it stands today, a new one if need be; `None` without room.
    fn row(&mut self, tallies: &Tallies, key: TallyKey, today: u32) -> Option<&mut TallyRow> {
        let shown = || tallies.rows.pin().get(&key).copied();
        let known = self.rows.get(&key).copied().unwrap_or_else(shown);
        if known.is_none() {
            if !self.has_room(tallies, today) {
                return None;
            }
            self.grown += 1;
        }
        let row = on_day(known.unwrap_or_default(), today);
        self.rows.insert(key, Some(row));
        self.rows.get_mut(&key).and_then(Option::as_mut)
    }

    /// Whether there is room for a new row, after those have gone that say nothing any more.
    fn has_room(&mut self, tallies: &Tallies, today: u32) -> bool {
        if self.len(tallies) < ROWS_MAX {
            return true;
        }
        if self.full_on == Some(today) {
            return false;
        }
        for (key, row) in &tallies.rows.pin() {
            let pending = self.rows.get(key).copied().unwrap_or(Some(*row));
            if pending.is_some_and(|row| on_day(row, today).given == 0) {
                self.rows.insert(*key, None);
                self.grown -= 1;
            }
        }
        let has_room = self.len(tallies) < ROWS_MAX;
        self.full_on = (!has_room).then_some(today);
        has_room
    }

    fn len(&self, tallies: &Tallies) -> usize {
        tallies.rows.len().saturating_add_signed(self.grown)
    }

    /// Puts the changes into a batch.
    pub(super) fn write(&self, batch: &mut HistoryBatch) {
        self.rows.iter().for_each(|(key, row)| batch.tally(*key, *row));
        self.assigned.iter().for_each(|(order, at)| batch.assigned(*order, *at));
    }

    /// Shows to readers what was written.
    pub(super) fn show(&self, tallies: &Tallies) {
        tallies.show(&self.rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_engine::ids::{CountryId, Product, ServiceId};

    fn key(provider: u16, country: u16, service: u16) -> TallyKey {
        let product = Product::activation(CountryId(country), ServiceId(service));
        (ProviderId(provider), product)
    }

    fn at(day: u64) -> Time {
        Time(day * DAY_MS)
    }

    /// Numbers given on a day and codes that came so many days after them, a second later.
    fn count(
        tallies: &Tallies,
        key: TallyKey,
        given_on: u64,
        (given, codes): (u64, u64),
        after: u64,
    ) {
        let mut counted = Counted::default();
        (0..given).for_each(|_| counted.give(tallies, key, at(given_on)));
        counted.show(tallies);
        let (mut counted, came) = (Counted::default(), at(given_on + after).plus_ms(1_000));
        (0..codes).for_each(|_| counted.deliver(tallies, key, at(given_on), came));
        counted.show(tallies);
    }

    fn shown(tallies: &Tallies, key: TallyKey, day: u64) -> (u64, Option<u16>, Option<u64>) {
        let measured = tallies.measured(key, at(day));
        (measured.numbers(), measured.delivered_permille(), measured.time_to_code_ms())
    }

    #[test]
    fn a_day_halves_what_was_counted_and_keeps_the_share() {
        let (tallies, key) = (Tallies::default(), key(1, 2, 3));
        assert_eq!(shown(&tallies, key, 100), (0, None, None));
        count(&tallies, key, 100, (40, 30), 0);
        assert_eq!(shown(&tallies, key, 100), (40, Some(750), Some(1_000)));
        assert_eq!(shown(&tallies, key, 102), (10, Some(750), Some(1_000)));
        count(&tallies, key, 102, (10, 0), 0);
        assert_eq!(shown(&tallies, key, 102), (20, Some(375), Some(1_000)));
        assert_eq!(tallies.measured(key, at(102)).codes(), 8, "7.5 of them");
        assert_eq!(shown(&tallies, key, 200), (0, None, None));
        assert_eq!(shown(&tallies, key, 99).0, 20, "a clock that was set back");
    }

    #[test]
    fn a_code_of_the_next_day_counts_as_much_as_its_number() {
        let (tallies, key) = (Tallies::default(), key(1, 2, 3));
        count(&tallies, key, 100, (3, 3), 1);
        let (numbers, share, time) = shown(&tallies, key, 101);
        assert_eq!((numbers, share, time), (2, Some(1000), Some(DAY_MS + 1_000)));
        count(&tallies, key, 100, (0, 1), 40);
        assert_eq!(shown(&tallies, key, 140), (0, None, None));
    }

    #[test]
    fn providers_are_summed_over_their_products() {
        let tallies = Tallies::default();
        count(&tallies, key(1, 2, 3), 100, (4, 1), 0);
        count(&tallies, key(1, 2, 4), 100, (4, 2), 0);
        count(&tallies, key(2, 2, 3), 100, (1, 1), 0);
        let sums = tallies.of_providers(at(100));
        let found: Vec<_> =
            sums.iter().map(|(id, sum)| (id.0, sum.numbers(), sum.codes())).collect();
        assert_eq!(found, [(1, 8, 3), (2, 1, 1)]);
    }

    #[test]
    fn a_product_without_room_is_not_counted_until_others_are_forgotten() {
        let tallies = Tallies::default();
        let mut counted = Counted::default();
        let keys = (0..ROWS_MAX).map(|n| key(1, (n / 512) as u16, (n % 512) as u16));
        for (n, key) in keys.enumerate() {
            counted.give(&tallies, key, at(if n == 0 { 100 } else { 110 }));
        }
        let (late, later) = (key(2, 0, 0), key(2, 0, 1));
        counted.give(&tallies, late, at(110));
        counted.give(&tallies, late, at(116));
        counted.show(&tallies);
        assert_eq!((tallies.rows.len(), shown(&tallies, late, 116).0), (ROWS_MAX, 0));
        let mut counted = Counted::default();
        counted.give(&tallies, late, at(117));
        counted.give(&tallies, later, at(117));
        counted.show(&tallies);
        assert_eq!(tallies.rows.len(), ROWS_MAX);
        assert_eq!((shown(&tallies, late, 117).0, shown(&tallies, later, 117).0), (1, 0));
    }
}
