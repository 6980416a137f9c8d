//! What leaves the engine's memory.

use crate::time::Time;

/// An event of the engine's memory. None moves money.
#[derive(Clone, PartialEq, Eq)]
pub enum MemoryEvent {
    /// Old orders and replies left memory.
    Retired {
        /// Orders closed at or before this moment.
        orders_before: Time,
        /// Replies given at or before this moment.
        replies_before: Time,
    },
}

impl MemoryEvent {
    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Retired { .. } => "Retired",
        }
    }
}
