//! What may be asked for the messages of an activation.

use super::order::Caller;
use crate::activation::SealedParts;
use crate::event::{Arrival, ShownBy};
use crate::ids::{CallbackId, KeyId, MessageId, OrderId};
use crate::under_keys::UnderKeys;

/// A message as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Incoming {
    /// What makes it the same when it comes again.
    pub digest: UnderKeys<u128>,
    /// What it says, sealed under a day's key for its order; it has a text or a code.
    pub said: SealedParts,
}

/// Prints nothing that it says: messages stay out of logs.
impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({:x})", self.digest.current)
    }
}

/// A message came in for an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestMessage {
    /// Which.
    pub order: OrderId,
    /// What came.
    pub message: Incoming,
    /// How it came.
    pub arrival: Arrival,
    /// The callback that it came with: it is processed once the message is stored.
    pub callback: Option<CallbackId>,
}

/// The source of a message told more of it than it had before: what it lacks is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteMessage {
    /// Of which order.
    pub order: OrderId,
    /// The message, with a digest that it came in with.
    pub message: Incoming,
}

/// Asks for another message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestAnother {
    /// Which.
    pub order: OrderId,
    /// Who asks.
    pub caller: Caller,
}

/// The buyer has been shown an order's messages up to one: each is recorded the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShowMessages {
    /// Which order's.
    pub order: OrderId,
    /// The newest of them.
    pub up_to: MessageId,
    /// By which way.
    pub by: ShownBy,
    /// The key that asked, or whose webhook or stream it was.
    pub key: Option<KeyId>,
}
