//! A place in the ledger.

use nexnum_engine::ids::Seq;

use crate::format::Hash;

/// Where a ledger stands: the last sequence number, and the hash of the last row,
/// which stands for all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last event's sequence number, 0 before the first.
    pub seq: Seq,
    /// The last row's hash, the genesis hash before the first.
    pub hash: Hash,
}
