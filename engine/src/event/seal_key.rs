//! What happens to the keys that values are sealed under. The keys themselves are not in the ledger.

use crate::sealed::{KeyHandle, KeyOwner};

/// Why a key was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DestroyReason {
    /// What is sealed under it was kept for as long as it is kept.
    Retention,
    /// Its account or person was erased.
    Erasure,
    /// Its file was missing or damaged at a start, and the operator accepted that.
    Lost,
    /// What it was made for was refused: nothing that is kept is sealed under it.
    Unused,
}

/// An event of a key that values are sealed under. None moves money.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SealKeyEvent {
    /// A key was made: it is durable already, and values may be sealed under it from now on.
    KeyMade {
        /// Its name.
        handle: KeyHandle,
        /// Whose values it seals.
        owner: KeyOwner,
    },
    /// A key is destroyed: its file goes after this event, and what is sealed under it is forgotten.
    KeyDestroyed {
        /// Which.
        handle: KeyHandle,
        /// Why.
        why: DestroyReason,
    },
}

impl SealKeyEvent {
    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::KeyMade { .. } => "KeyMade",
            Self::KeyDestroyed { .. } => "KeyDestroyed",
        }
    }
}
