//! Rows of history for receipts: where the events of each order stand, and the trees of the days.

use std::collections::BTreeMap;

use nexnum_engine::event::{ClosedDay, Event, LedgerEvent, MoneyEvent, MoveKind, OrderEvent};
use nexnum_engine::ids::{OrderId, Seq};
use nexnum_storage::StorageError;
use nexnum_storage::day_tree::{CHUNK_ROWS, row_leaf};
use nexnum_storage::history::{DayNode, DayRow, HistoryBatch, HistoryTables};

use crate::market::replay::Decoded;

/// The order whose receipt shows an event to its buyer. Another set of events is another format of
/// history, since their positions are kept as the events come.
fn shown_to_buyer(event: &Event) -> Option<OrderId> {
    match event {
        Event::Order(event) => of_order(event),
        Event::Money(MoneyEvent::Moved(moved)) => match moved.kind {
            MoveKind::Spend | MoveKind::Refund | MoveKind::Capture => {
                moved.order.map(|order| order.id)
            }
            // Between a provider and the business; a deposit is of no order.
            MoveKind::Deposit
            | MoveKind::WriteOff
            | MoveKind::Recovery
            | MoveKind::Charge
            | MoveKind::Return
            | MoveKind::ProviderPayment => None,
        },
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

fn of_order(event: &OrderEvent) -> Option<OrderId> {
    match event {
        // What came after the order's end: of most orders it is not for their buyers to read.
        OrderEvent::MessageReceived(receipt) if receipt.late => None,
        // What becomes of the number when the order is over.
        OrderEvent::NumberQuarantined { .. } => None,
        OrderEvent::OrderPlaced(_)
        | OrderEvent::AttemptStarted { .. }
        | OrderEvent::OrderDoubted { .. }
        | OrderEvent::DoubtCleared { .. }
        | OrderEvent::NumberAssigned { .. }
        | OrderEvent::OrderFailed { .. }
        | OrderEvent::MessageReceived(_)
        | OrderEvent::MessageCompleted(_)
        | OrderEvent::MessageShown { .. }
        | OrderEvent::AnotherRequested { .. }
        | OrderEvent::ActivationClosed { .. } => Some(event.order().id),
    }
}

/// Rows that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Days {
    trees: BTreeMap<u32, DayRow>,
    nodes: Vec<(u32, u32, DayNode)>,
    closed: Vec<ClosedDay>,
    /// Of which order, where, and whether it is what places the order.
    positions: Vec<(OrderId, Seq, bool)>,
}

impl Days {
    /// Takes up a row of the ledger. The tree of its day goes on where the tables have left it.
    pub(super) fn add(
        &mut self,
        tables: &HistoryTables,
        row: &Decoded,
    ) -> Result<(), StorageError> {
        let day = row.at().day();
        if self.trees.is_empty() {
            self.trees.extend(tables.last_day()?.filter(|(last, _)| *last == day));
        }
        let DayRow { tail, tree } = self.trees.entry(day).or_default();
        if tree.rows().is_multiple_of(CHUNK_ROWS) {
            *tail = row.first;
        }
        if let Some(hash) = tree.push(row_leaf(row.hash)) {
            let at = (tree.rows() / CHUNK_ROWS - 1) as u32;
            self.nodes.push((day, at, DayNode { first: *tail, hash }));
        }
        for recorded in row.recorded() {
            let order = shown_to_buyer(recorded.event);
            let places = matches!(recorded.event, Event::Order(OrderEvent::OrderPlaced(_)));
            self.positions.extend(order.map(|order| (order, recorded.seq, places)));
            if let Event::Ledger(LedgerEvent::DayClosed(closed)) = recorded.event {
                self.closed.push(*closed);
            }
        }
        Ok(())
    }

    /// Adds what was taken up to a batch.
    pub(super) fn write(&mut self, batch: &mut HistoryBatch) {
        for (order, seq, places) in self.positions.drain(..) {
            if places {
                batch.placed(order, seq);
            } else {
                batch.position(order, seq);
            }
        }
        for (day, row) in std::mem::take(&mut self.trees) {
            batch.day(day, row);
        }
        for (day, at, node) in self.nodes.drain(..) {
            batch.day_node(day, at, node);
        }
        for closed in self.closed.drain(..) {
            batch.closed_day(closed);
        }
    }
}
