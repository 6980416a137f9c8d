//! What has left memory, or soon will: closed orders and what moved in wallets.
//!
//! The tables follow the ledger on a thread of their own, so a page may lack what was
//! published an instant ago; a caller that has to see it awaits [`History::caught_up`] first. An
//! order is in memory, in history, or in both; the pages here join the two.

mod collect;
mod days;
mod error;
mod follower;
mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use nexnum_engine::event::MoveKind;
use nexnum_engine::ids::{AccountId, OrderId, OrderNumber, Seq, TransactionId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use nexnum_storage::history::HistoryTables;
use nexnum_storage::{Reader, StorageError, record};
use tokio::sync::{Notify, watch};

pub use error::FollowError;
pub use follower::{Follow, Follower};
pub use tally::{Measured, ROWS_MAX, Tallies};

use crate::market::read_model::ReadModel;
use crate::supervisor::Supervisor;

/// How long a reader waits for the tables to follow: they do within tens of ms, or not at
/// all for a while.
const CATCH_UP_WAIT: Duration = Duration::from_secs(2);

/// Money that moved in a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalletTransaction {
    /// The position of its event.
    pub id: TransactionId,
    /// Why.
    pub kind: MoveKind,
    /// What it added to the wallet; negative took away.
    pub amount: Micros,
    /// For which order, where there is one.
    pub order: Option<OrderId>,
    /// When.
    pub at: Time,
}

/// The tables could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// They, or one of their rows, are not readable.
    #[error("history cannot be read: {0}")]
    Unreadable(String),
    /// They do not hold yet what has happened: a list would have holes.
    #[error("history is behind")]
    Behind,
}

impl From<StorageError> for HistoryError {
    fn from(error: StorageError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// The tables, shared by all that read them.
#[derive(Debug)]
pub struct History {
    tables: HistoryTables,
    tallies: Arc<Tallies>,
    read_model: Arc<ReadModel>,
    followed: watch::Receiver<Seq>,
    asked: Arc<Notify>,
}

impl History {
    /// Starts to follow the ledger. `archived` is kept at the moment up to which everything
    /// that closed is in the tables and on disk; `fail` is called when they cannot be
    /// written any more, and ends the process.
    #[must_use]
    pub fn start(
        tables: HistoryTables,
        reader: Reader,
        read_model: Arc<ReadModel>,
        archived: Arc<AtomicU64>,
        supervisor: &Supervisor,
        fail: fn(),
    ) -> (Arc<Self>, Follower) {
        let asked = Arc::new(Notify::new());
        let (following, followed) = watch::channel(tables.cursor());
        let tallies = Arc::new(Tallies::of(&tables));
        let history = Self {
            tables: tables.clone(),
            tallies: Arc::clone(&tallies),
            read_model: Arc::clone(&read_model),
            followed,
            asked: Arc::clone(&asked),
        };
        let follow = follower::Follow {
            tables,
            tallies,
            reader,
            read_model,
            archived,
            following,
            asked,
            fail,
        };
        (Arc::new(history), Follower::start(follow, supervisor))
    }

    /// Waits until the tables hold everything up to `seq`, at most two seconds; false if
    /// they still do not.
    pub async fn caught_up(&self, seq: Seq) -> bool {
        let mut followed = self.followed.clone();
        if followed.borrow().0 >= seq.0 {
            return true;
        }
        self.asked.notify_one();
        let reached = followed.wait_for(|cursor| *cursor >= seq);
        tokio::time::timeout(CATCH_UP_WAIT, reached).await.is_ok_and(|reached| reached.is_ok())
    }

    async fn hold_everything(&self) -> Result<(), HistoryError> {
        let all = self.caught_up(self.read_model.position()).await;
        if all { Ok(()) } else { Err(HistoryError::Behind) }
    }

    /// How each provider's numbers have done, up to [`History::cursor`].
    #[must_use]
    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// The position up to which the tables hold everything.
    #[must_use]
    pub fn cursor(&self) -> Seq {
        *self.followed.borrow()
    }

    /// An order, from memory or from the tables. `None` if there was none; one that there was and
    /// that the tables lack, since they are built anew, is no answer.
    ///
    /// # Errors
    /// The tables cannot be read, or are behind.
    pub async fn order(&self, id: OrderId) -> Result<Option<Arc<Order>>, HistoryError> {
        let found = self.look_for(id).await?;
        if found.is_some() || !self.read_model.was_placed(id) {
            return Ok(found);
        }
        self.hold_everything().await?;
        self.look_for(id).await
    }

    async fn look_for(&self, id: OrderId) -> Result<Option<Arc<Order>>, HistoryError> {
        if let Some(order) = self.read_model.order(id) {
            return Ok(Some(order));
        }
        let row = self.read(move |tables| tables.order(id)).await?;
        row.map(|row| decode(&row)).transpose()
    }

    /// Up to `limit` orders of an account with numbers below `before`, newest first, open ones
    /// and closed ones.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub async fn orders_of(
        &self,
        account: AccountId,
        before: Option<OrderNumber>,
        limit: usize,
    ) -> Result<Vec<Arc<Order>>, HistoryError> {
        // Open ones first: one that closes meanwhile is then in both, never in neither.
        let view = self.read_model.account(account);
        let below = before.unwrap_or(OrderNumber(u64::MAX));
        let open = view.map_or_else(Vec::new, |view| view.open_orders(below, limit));
        self.hold_everything().await?;
        let closed = self.read(move |tables| tables.orders_of(account, before, limit)).await?;
        let mut page = BTreeMap::new();
        for (number, row) in closed {
            page.insert(number, decode(&row)?);
        }
        // What is in memory is newer than any row.
        let ids: Vec<OrderId> = page.values().map(|order| order.id).chain(open).collect();
        let in_memory = ids.iter().filter_map(|id| self.read_model.order(*id));
        page.extend(in_memory.map(|order| (order.number, order)));
        Ok(page.into_values().rev().take(limit).collect())
    }

    /// Up to `limit` transactions of an account's wallet with ids below `before`, newest
    /// first.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub async fn transactions(
        &self,
        account: AccountId,
        before: Option<TransactionId>,
        limit: usize,
    ) -> Result<Vec<WalletTransaction>, HistoryError> {
        self.hold_everything().await?;
        let rows = self.read(move |tables| tables.transactions_of(account, before, limit)).await?;
        let decoded = |(id, row): (TransactionId, Vec<u8>)| {
            let row = record::decode_wallet_row(&row)
                .map_err(|e| HistoryError::Unreadable(e.to_string()))?;
            let record::WalletRow { kind, amount, order, at } = row;
            Ok(WalletTransaction { id, kind, amount, order, at })
        };
        rows.into_iter().map(decoded).collect()
    }

    /// What `look` finds in the tables, which hold everything that is published.
    ///
    /// # Errors
    /// The tables cannot be read, or are behind.
    pub async fn with_tables<T: Send + 'static>(
        &self,
        look: impl FnOnce(&HistoryTables) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, HistoryError> {
        self.hold_everything().await?;
        self.read(look).await
    }

    /// Reads off the runtime's threads: a page that is not cached waits for the disk.
    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&HistoryTables) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, HistoryError> {
        let tables = self.tables.clone();
        let read = tokio::task::spawn_blocking(move || look(&tables)).await;
        Ok(read.map_err(|error| HistoryError::Unreadable(error.to_string()))??)
    }
}

fn decode(row: &[u8]) -> Result<Arc<Order>, HistoryError> {
    record::decode_order(row)
        .map(Arc::new)
        .map_err(|error| HistoryError::Unreadable(error.to_string()))
}
