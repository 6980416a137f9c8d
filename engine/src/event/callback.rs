//! What happens to callbacks.

use super::bulk::Bulk;
use crate::callback::CallbackOutcome;
use crate::ids::{CallbackId, ProviderId};
use crate::sealed::SealedValue;

/// An event of callbacks. None moves money.
#[derive(Clone, PartialEq, Eq)]
pub enum CallbackEvent {
    /// A callback came in and is kept as it is, before it is processed.
    CallbackReceived {
        /// Dense id.
        callback: CallbackId,
        /// For which provider.
        provider: ProviderId,
        /// What makes it the same when it comes again.
        key: u128,
        /// What its sender says that the body is.
        content_type: Box<str>,
        /// The body, sealed.
        sealed: SealedValue,
    },
    /// A callback was processed, or could not be.
    CallbackProcessed {
        /// Which.
        callback: CallbackId,
        /// What became of it.
        outcome: CallbackOutcome,
        /// How many of those that had failed, the oldest, make room for it.
        dropped: u32,
    },
}

impl CallbackEvent {
    /// What makes it long.
    #[must_use]
    pub fn bulk(&self) -> Bulk {
        match self {
            Self::CallbackReceived { content_type, sealed, .. } => {
                let text_len = content_type.len() + sealed.ciphertext.len();
                Bulk { rows: 0, text_len }
            }
            Self::CallbackProcessed { .. } => Bulk::NONE,
        }
    }

    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::CallbackReceived { .. } => "CallbackReceived",
            Self::CallbackProcessed { .. } => "CallbackProcessed",
        }
    }
}
