//! What may be asked for the keys that values are sealed under.

use crate::event::{DestroyReason, OrderToken, Renamed};
use crate::sealed::{KeyHandle, KeyOwner};
use crate::time::Time;

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

/// Ends the key of loads of own stock that has been over for the longest time: none of the numbers under
/// it is in stock, at rest, or of an order in memory. Answered with the key, whose file is destroyed once
/// this is durable; with `None` if none is over for long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndLoadKey {
    /// The last order on its numbers ended before this moment; of a key that never had any, it was made
    /// before.
    pub before: Time,
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
