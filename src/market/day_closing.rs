//! Closing days: once a day is over, the root of its rows is recorded.
//!
//! The tree of each day is kept by history, which follows the ledger on its own thread, with the
//! cursor in the same commit: no commit of the ledger waits for it, after a restart it goes on where
//! it was, and a lost one is made again from the ledger. A root that was computed and not recorded is
//! computed once more.

use nexnum_engine::command::CloseDay;
use nexnum_engine::event::ClosedDay;
use nexnum_engine::group::Origin;
use nexnum_engine::time::Time;
use nexnum_storage::StorageError;
use nexnum_storage::history::HistoryTables;

use super::history::HistoryError;
use super::{Market, Refused};

/// Why days were not closed; the next look does it.
#[derive(Debug, thiserror::Error)]
pub enum DayCloseError {
    /// Their trees cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The engine did not take a root.
    #[error("the root of day {day} was not recorded: {why:?}")]
    Refused {
        /// The day, counted from 1970-01-01.
        day: u32,
        /// Why.
        why: Refused,
    },
}

impl Market {
    /// Records the root of each day that is over at `now` and has rows, in their order. Gives the
    /// last day that is closed.
    ///
    /// # Errors
    /// [`DayCloseError`]: the days before that one are closed.
    pub async fn close_days(&self, now: Time) -> Result<Option<ClosedDay>, DayCloseError> {
        self.pass_open_batch(now).await?;
        loop {
            let looked = self.history.with_tables(move |tables| look(tables, now)).await?;
            let (last, Some(next)) = looked else { return Ok(looked.0) };
            let day = next.day;
            let closed = self.execute(Origin::SYSTEM, CloseDay { closed: next }).await;
            closed.map_err(|why| DayCloseError::Refused { day, why })?;
            tracing::info!(day, rows = next.rows, last = last.map(|it| it.day), "a day is closed");
        }
    }

    /// Waits for a batch that was begun before now: it may be of a day that is over. What is refused
    /// is answered after the batch that it was decided in, and a root of no rows is always refused.
    async fn pass_open_batch(&self, now: Time) -> Result<(), DayCloseError> {
        let closed = ClosedDay { day: 0, root: [0; 32], rows: 0 };
        match self.execute(Origin::SYSTEM, CloseDay { closed }).await {
            Ok(_) | Err(Refused::Rejected(_)) => Ok(()),
            // That batch may be under way still: the next look tries again.
            Err(why) => Err(DayCloseError::Refused { day: now.day(), why }),
        }
    }
}

/// The last day that was closed, and the next one, if it is over.
type Looked = (Option<ClosedDay>, Option<ClosedDay>);

fn look(tables: &HistoryTables, now: Time) -> Result<Looked, StorageError> {
    let last = tables.closed_days(None, 1)?.pop();
    let next = tables.day_from(last.map_or(0, |last| last.day + 1))?;
    let next = next.map(|(day, row)| {
        let (root, rows) = (row.tree.root().0, row.tree.rows());
        ClosedDay { day, root, rows }
    });
    Ok((last, next.filter(|next| next.over_at() <= now)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::market::testing::started;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_day_is_not_closed_while_an_open_batch_cannot_be_waited_for() {
        let folder = TempDir::new().unwrap();
        let (market, threads) = started(&folder);
        let handle = market.handle.full_for(Duration::from_secs(30));
        let busy = Market { handle, ..market.clone() };
        let now = market.clock.now();
        let refused = busy.close_days(now).await.unwrap_err();
        let expected = DayCloseError::Refused { day: now.day(), why: Refused::Busy };
        assert_eq!(format!("{refused:?}"), format!("{expected:?}"));
        market.close_days(now).await.unwrap();
        drop((busy, market));
        threads.stop().unwrap();
    }
}
