//! What may be asked for the keys that values are sealed under.

use crate::event::DestroyReason;
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
