//! What may be asked for the keys that values are sealed under.

use crate::event::{DestroyReason, OrderToken, Renamed};
use crate::sealed::{KeyHandle, KeyOwner};

/// Says that a key was made, which is durable: before anything is sealed under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MakeSealKey {
    /// Its name, random.
    pub handle: KeyHandle,
    /// Whose values it seals.
    pub owner: KeyOwner,
}

/// Ends a key: its file is destroyed once this is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestroySealKey {
    /// Which.
    pub handle: KeyHandle,
    /// Why.
    pub why: DestroyReason,
}

/// Puts new tokens in place of old ones, where the state has these; at least one is named. Answered with
/// how many old tokens it had: with zero it has none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retoken {
    /// Of own stock.
    pub stock: Vec<Renamed>,
    /// Of orders on providers' numbers; with those of stock at most
    /// [`ROWS_MAX`](crate::limits::ROWS_MAX).
    pub orders: Vec<OrderToken>,
}
