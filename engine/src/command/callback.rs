//! What may be asked for callbacks.

use crate::callback::{CallbackFailure, CallbackOutcome};
use crate::ids::{CallbackId, ProviderId};
use crate::sealed::SealedValue;

/// A callback came in; one whose key came lately is known.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiveCallback {
    /// For which provider.
    pub provider: ProviderId,
    /// What makes it the same when it comes again.
    pub key: u128,
    /// What its sender says that the body is; may be empty.
    pub content_type: Box<str>,
    /// The body, sealed under a day's key.
    pub sealed: SealedValue,
    /// Why it is kept for the operator alone, and never processed by itself.
    pub failure: Option<CallbackFailure>,
}

/// Prints no body: messages stay out of logs.
impl std::fmt::Debug for ReceiveCallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let len = self.sealed.clear_len();
        write!(f, "ReceiveCallback({:x}, {len} bytes)", self.key)
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
