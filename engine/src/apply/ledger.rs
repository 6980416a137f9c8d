//! The ledger itself.

use crate::event::{ClosedDay, Epoch, LedgerEvent, LedgerTerms};
use crate::snapshot::Row;
use crate::state::State;
use crate::time::Time;

impl State {
    /// What the ledger is, once it was begun.
    #[must_use]
    pub const fn ledger(&self) -> Option<&LedgerTerms> {
        self.ledger.as_ref()
    }

    /// The last writer's term.
    #[must_use]
    pub const fn epoch(&self) -> Option<&Epoch> {
        self.epoch.as_ref()
    }

    /// The last day that was closed.
    #[must_use]
    pub const fn closed_day(&self) -> Option<&ClosedDay> {
        self.closed_day.as_ref()
    }

    /// Takes how far the ledger is, what it is, the last writer's term, or the last day that was
    /// closed from a row of state.
    pub(crate) fn insert_ledger(&mut self, row: Row) -> Result<(), String> {
        let is_new = match row {
            Row::Counters(counters) => {
                self.counters = counters;
                true
            }
            Row::Ledger(terms) => self.ledger.replace(terms).is_none(),
            Row::Epoch(epoch) => self.epoch.replace(epoch).is_none(),
            Row::ClosedDay(closed) => self.closed_day.replace(closed).is_none(),
            _ => unreachable!("other rows are other tables'"),
        };
        if is_new { Ok(()) } else { Err("a row of the ledger itself comes twice".to_owned()) }
    }

    pub(super) fn apply_ledger(&mut self, at: Time, event: &LedgerEvent) {
        match event {
            LedgerEvent::LedgerOpened(terms) => {
                let before = self.ledger.replace(*terms);
                assert!(before.is_none(), "a ledger is begun once");
            }
            LedgerEvent::EpochBegan(epoch) => {
                let follows = self.epoch.as_ref().is_none_or(|last| last.epoch < epoch.epoch);
                assert!(follows && self.ledger.is_some(), "a term follows those before it");
                self.epoch = Some(epoch.clone());
            }
            // Time is in the heads: nothing follows from these but what a reader is told.
            LedgerEvent::ClockStepped(jump) | LedgerEvent::ClockAccepted(jump) => {
                assert!(jump.from != jump.to, "a clock that shows the ledger's time did not jump");
                assert!(self.ledger.is_some(), "the clock is recorded in a ledger that was begun");
            }
            LedgerEvent::DayClosed(closed) => {
                assert!(self.ledger.is_some(), "a day is closed in a ledger that was begun");
                assert!(
                    closed.rows > 0 && closed.over_at() <= at,
                    "a day is closed once it is over"
                );
                let follows = self.closed_day.is_none_or(|last| last.day < closed.day);
                assert!(follows, "a day is closed once, after the days before it");
                self.closed_day = Some(*closed);
            }
        }
    }
}
