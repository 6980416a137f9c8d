//! What leaves the engine's memory.

use crate::ids::OrderId;
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
        /// Of replies given at or before this moment the positions stay, and 64 bits of their keys.
        short_before: Time,
    },
    /// What a number of own stock received is remembered beyond the order that it came for,
    /// which leaves memory: a source may repeat a message days later.
    MessagesRemembered {
        /// The order.
        order: OrderId,
    },
}

impl MemoryEvent {
    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Retired { .. } => "Retired",
            Self::MessagesRemembered { .. } => "MessagesRemembered",
        }
    }
}
