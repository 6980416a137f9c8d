//! What may be asked for callbacks.

use std::sync::Arc;

use crate::callback::{CallbackFailure, CallbackOutcome};
use crate::ids::{CallbackId, ProviderId};

/// A callback came in; one whose key came lately is known.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiveCallback {
    /// For which provider.
    pub provider: ProviderId,
    /// What makes it the same when it comes again.
    pub key: u128,
    /// What its sender says that the body is; may be empty.
    pub content_type: Box<str>,
    /// The body.
    pub body: Arc<[u8]>,
    /// Why it is kept for the operator alone, and never processed by itself.
    pub failure: Option<CallbackFailure>,
}

/// Prints no body: messages stay out of logs.
impl std::fmt::Debug for ReceiveCallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReceiveCallback({:x}, {} bytes)", self.key, self.body.len())
    }
}

/// A callback was processed without a new message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettleCallback {
    /// Which.
    pub callback: CallbackId,
    /// What became of it.
    pub outcome: CallbackOutcome,
}
