//! Rows of history out of rows of the ledger.

use std::collections::BTreeMap;
use std::ops::Deref;

use nexnum_engine::book::Book;
use nexnum_engine::event::{Event, MoneyEvent, MoveKind, Moved, OrderEvent, Receipt};
use nexnum_engine::group::Recorded;
use nexnum_engine::ids::{AccountId, MessageId, OrderId, OrderNumber, Seq, TransactionId};
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use nexnum_storage::history::{HistoryBatch, HistoryTables};
use nexnum_storage::record::WalletRow;
use nexnum_storage::{StorageError, record};

use super::days::Days;
use super::error::FollowError;
use super::tally::{Counted, Tallies};
use crate::market::replay::Decoded;

/// What an event says that history keeps of its order.
enum Touch<'a> {
    /// It ended.
    Closed(OrderId),
    /// Something may have changed after its end.
    Changed(Change<'a>),
}

/// What may come after an order's end and belongs to its row.
#[derive(Clone, Copy)]
enum Change<'a> {
    /// A message came.
    Message(&'a Receipt),
    /// A message was shown.
    Shown(OrderId, MessageId),
    /// Its provider's charge was accounted for.
    Account(OrderId),
}

impl Change<'_> {
    const fn order(self) -> OrderId {
        match self {
            Self::Message(receipt) => receipt.order.id,
            Self::Shown(order, _) | Self::Account(order) => order,
        }
    }

    /// As the engine does it.
    fn amend(self, at: Time, order: &mut Order) {
        match self {
            Self::Message(receipt) => push_late(order, at, receipt),
            Self::Shown(_, shown) => {
                let known = order.messages.iter_mut().find(|known| known.id == shown);
                known.into_iter().for_each(|known| known.shown = true);
            }
            Self::Account(_) => order.outlay = None,
        }
    }
}

fn touch(event: &Event) -> Option<Touch<'_>> {
    match event {
        Event::Order(event) => touch_order(event),
        Event::Money(MoneyEvent::Moved(moved)) => touch_money(moved),
        Event::Money(_)
        | Event::Account(_)
        | Event::Offer(_)
        | Event::Memory(_)
        | Event::Upstream(_)
        | Event::Callback(_)
        | Event::Ledger(_)
        | Event::SealKey(_) => None,
    }
}

fn touch_money(moved: &Moved) -> Option<Touch<'_>> {
    let accounts = moved.legs.sum_of(|book| matches!(book, Book::Receivable(_))) > 0;
    match moved.kind {
        MoveKind::Return | MoveKind::WriteOff if accounts => {
            Some(Touch::Changed(Change::Account(moved.order?.id)))
        }
        // The order is open, or its row does not tell of it.
        MoveKind::Deposit
        | MoveKind::Spend
        | MoveKind::Refund
        | MoveKind::Capture
        | MoveKind::Charge
        | MoveKind::Return
        | MoveKind::WriteOff
        | MoveKind::Recovery
        | MoveKind::ProviderPayment => None,
    }
}

fn touch_order(event: &OrderEvent) -> Option<Touch<'_>> {
    match event {
        OrderEvent::OrderFailed { order, .. } | OrderEvent::ActivationClosed { order, .. } => {
            Some(Touch::Closed(order.id))
        }
        OrderEvent::MessageReceived(receipt) => {
            receipt.late.then_some(Touch::Changed(Change::Message(receipt)))
        }
        OrderEvent::MessageShown { order, message, .. } => {
            Some(Touch::Changed(Change::Shown(order.id, *message)))
        }
        OrderEvent::OrderPlaced(_)
        | OrderEvent::AttemptStarted { .. }
        | OrderEvent::OrderDoubted { .. }
        | OrderEvent::DoubtCleared { .. }
        | OrderEvent::NumberAssigned { .. }
        | OrderEvent::MessageCompleted(_)
        | OrderEvent::AnotherRequested { .. }
        | OrderEvent::NumberQuarantined { .. } => None,
    }
}

/// Rows that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Collected {
    end: Option<(Seq, Time)>,
    events: usize,
    orders: BTreeMap<OrderId, ((AccountId, OrderNumber), Vec<u8>)>,
    transactions: Vec<(AccountId, TransactionId, Vec<u8>)>,
    counted: Counted,
    days: Days,
}

impl Collected {
    /// Events that were looked at.
    pub(super) const fn events(&self) -> usize {
        self.events
    }

    /// Takes up a row of the ledger; `memory` gives the orders as they stand after it, or
    /// later.
    pub(super) fn add<O: Deref<Target = Order>>(
        &mut self,
        row: &Decoded,
        (tables, tallies): (&HistoryTables, &Tallies),
        memory: impl Fn(OrderId) -> Option<O>,
    ) -> Result<(), FollowError> {
        for Recorded { seq, head, event } in row.recorded() {
            self.add_money(seq.0, head.at, event);
            self.counted.add(tallies, tables, (head.at, event), &memory)?;
            match touch(event) {
                None => {}
                Some(Touch::Closed(id)) => {
                    let order = memory(id).ok_or(FollowError::Gone(id))?;
                    self.orders.insert(id, encoded(&order));
                }
                Some(Touch::Changed(change)) => match memory(change.order()) {
                    Some(order) if order.state.is_closed() => {
                        self.orders.insert(order.id, encoded(&order));
                    }
                    // Its row is written when it ends.
                    Some(_) => {}
                    None => self.amend(head.at, change, tables)?,
                },
            }
        }
        self.days.add(tables, row)?;
        self.events += row.groups.events().len();
        self.end = Some((row.position().seq, row.last_at()));
        Ok(())
    }

    fn add_money(&mut self, seq: u64, at: Time, event: &Event) {
        let Some(moved) = event.moved() else { return };
        let (kind, order) = (moved.kind, moved.order.map(|order| order.id));
        for (account, amount) in moved.wallets() {
            let bytes = record::encode_wallet_row(&WalletRow { kind, amount, order, at });
            self.transactions.push((account, TransactionId(seq), bytes));
        }
    }

    /// Amends the row of an order that has left memory meanwhile.
    fn amend(
        &mut self,
        at: Time,
        change: Change<'_>,
        tables: &HistoryTables,
    ) -> Result<(), FollowError> {
        let id = change.order();
        let pending = self.orders.get(&id).map(|(_, row)| row.clone());
        let row = pending.map_or_else(|| tables.order(id), |row| Ok(Some(row)))?;
        let row = row.ok_or(FollowError::Gone(id))?;
        let mut order = record::decode_order(&row).map_err(|error| StorageError::Damaged {
            seq: Seq(0),
            reason: format!("history's row of order {id}: {error}"),
        })?;
        change.amend(at, &mut order);
        self.orders.insert(id, encoded(&order));
        Ok(())
    }

    /// Writes what was collected, with the cursor behind it, and starts with an empty collection. Returns the
    /// cursor and its moment.
    pub(super) fn write(
        &mut self,
        tables: &HistoryTables,
        tallies: &Tallies,
    ) -> Result<Option<(Seq, Time)>, StorageError> {
        let Some((cursor, at)) = self.end else { return Ok(None) };
        let mut batch = HistoryBatch::new(cursor);
        for (id, (of, row)) in &self.orders {
            batch.order(*of, *id, row);
        }
        for (account, id, row) in &self.transactions {
            batch.transaction(*account, *id, row);
        }
        self.counted.write(&mut batch);
        self.days.write(&mut batch);
        tables.apply(&batch)?;
        self.counted.show(tallies);
        *self = Self::default();
        Ok(Some((cursor, at)))
    }
}

/// Whose an order is and its number there, and its row.
fn encoded(order: &Order) -> ((AccountId, OrderNumber), Vec<u8>) {
    ((order.account, order.number), record::encode_order(order))
}

/// A message that is there already stays one.
fn push_late(order: &mut Order, at: Time, receipt: &Receipt) {
    if order.messages.iter().any(|known| known.id == receipt.message) {
        return;
    }
    order.awaits_another = false;
    order.messages.push(receipt.message(at));
}
