//! Why history does not follow the ledger.

use nexnum_engine::ids::OrderId;
use nexnum_storage::StorageError;

/// Why rows could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The tables or the ledger failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An order that the ledger speaks of after the cursor is no longer in memory: the tables
    /// have lost more than memory can give back.
    #[error("order {0} changed after history's cursor and has left memory")]
    Gone(OrderId),
}
