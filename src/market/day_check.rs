//! The days that were closed, held against the rows of the ledger.

use std::collections::VecDeque;

use nexnum_engine::event::{ClosedDay, Event, LedgerEvent};
use nexnum_engine::ids::Seq;
use nexnum_storage::day_tree::{DayTree, row_leaf};
use nexnum_storage::{Hash, StorageError};

use super::replay::Decoded;

/// Days with rows that are not closed yet, each with its tree, the oldest first.
#[derive(Debug, Default)]
pub(super) struct DayCheck {
    open: VecDeque<(u32, DayTree)>,
    closed: u64,
}

impl DayCheck {
    /// Takes the next row up, and holds each day that it closes against the rows of that day.
    ///
    /// # Errors
    /// Damage, at the position of the event that closes a day: by another root than that of its
    /// rows, or another count, or before it was over, or with a day before it left out.
    pub(super) fn step(&mut self, row: &Decoded) -> Result<(), StorageError> {
        let day = row.at().day();
        if self.open.back().is_none_or(|(last, _)| *last != day) {
            self.open.push_back((day, DayTree::default()));
        }
        if let Some((_, tree)) = self.open.back_mut() {
            tree.push(row_leaf(row.hash));
        }
        for recorded in row.recorded() {
            if let Event::Ledger(LedgerEvent::DayClosed(closed)) = recorded.event {
                self.close(recorded.seq, closed)?;
            }
        }
        Ok(())
    }

    /// How many days were closed.
    #[must_use]
    pub(super) const fn closed(&self) -> u64 {
        self.closed
    }

    fn close(&mut self, seq: Seq, closed: &ClosedDay) -> Result<(), StorageError> {
        let damaged = |reason| Err(StorageError::Damaged { seq, reason });
        let ClosedDay { day, root, rows } = *closed;
        // The last day is the one of the row itself: it goes on.
        let is_over = self.open.len() > 1;
        let Some((oldest, tree)) = self.open.pop_front().filter(|_| is_over) else {
            return damaged(format!("day {day} is closed, and no day before this row is open"));
        };
        if oldest != day {
            return damaged(format!("day {day} is closed before day {oldest}, which has rows too"));
        }
        if (tree.rows(), tree.root()) != (rows, Hash(root)) {
            let (found, other) = (tree.rows(), tree.root());
            let root = Hash(root);
            return damaged(format!(
                "day {day} is closed with {rows} rows and the root {root}; its rows are {found}, \
                 and their root is {other}"
            ));
        }
        self.closed += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nexnum_engine::group::{Groups, Head};
    use nexnum_engine::time::Time;

    use super::*;

    /// A row of a day, which closes others.
    fn row(first: u64, day: u32, closed: &[ClosedDay]) -> Decoded {
        let mut groups = Groups::new();
        groups.add(Head::system(Time::of_day(day)), |events| {
            let events_of = closed.iter().map(|day| LedgerEvent::DayClosed(*day));
            events.extend(events_of.map(Event::Ledger));
            if events.is_empty() {
                let order = nexnum_engine::ids::OrderId(1);
                let known = nexnum_engine::event::MemoryEvent::MessagesRemembered { order };
                events.push(Event::Memory(known));
            }
        });
        Decoded { first: Seq(first), hash: Hash([first as u8; 32]), groups }
    }

    fn closed(day: u32, hashes: &[u8]) -> ClosedDay {
        let mut tree = DayTree::default();
        hashes.iter().for_each(|hash| _ = tree.push(row_leaf(Hash([*hash; 32]))));
        ClosedDay { day, root: tree.root().0, rows: tree.rows() }
    }

    fn complaint(rows: &[Decoded]) -> Option<String> {
        let mut check = DayCheck::default();
        let found = rows.iter().try_for_each(|row| check.step(row));
        found.err().map(|error| error.to_string())
    }

    #[test]
    fn a_day_is_closed_by_the_root_of_its_rows_in_their_order() {
        let days = |last| [row(1, 5, &[]), row(3, 5, &[]), row(5, 7, &[]), last];
        let sound = days(row(7, 8, &[closed(5, &[1, 3]), closed(7, &[5])]));
        assert_eq!(complaint(&sound), None);
        let refused = |last, words: &str| {
            let told = complaint(&days(last)).unwrap_or_default();
            assert!(told.contains(words), "{told}");
        };
        refused(row(7, 8, &[closed(5, &[3, 1])]), "its rows are 2, and their root is");
        refused(row(7, 8, &[closed(5, &[1])]), "its rows are 2, and their root is");
        refused(row(7, 8, &[closed(7, &[5])]), "before day 5, which has rows too");
        refused(row(7, 8, &[closed(6, &[5])]), "before day 5, which has rows too");
        let all = [closed(5, &[1, 3]), closed(7, &[5]), closed(8, &[7])];
        refused(row(7, 8, &all), "no day before this row is open");
        refused(row(7, 7, &[closed(5, &[1, 3]), closed(7, &[5, 7])]), "no day before this row");
    }
}
