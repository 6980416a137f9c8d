//! A callback as it came in, and what may become of it.
//!
//! Leaves to others: what a body says, which is the rooms' concern.

use std::fmt;

use crate::ids::ProviderId;
use crate::sealed::SealedValue;
use crate::time::Time;

/// A callback as it came in.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Callback {
    /// For which provider.
    pub provider: ProviderId,
    /// When it came in first.
    pub received_at: Time,
    /// What the sender says that the body is; may be empty.
    pub content_type: Box<str>,
    /// The body, byte by byte, sealed.
    pub sealed: SealedValue,
    /// Why it could not be processed; `None` while it waits.
    pub failure: Option<CallbackFailure>,
}

/// Prints no body: messages stay out of logs.
impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, failure) = (self.sealed.clear_len(), self.failure);
        write!(f, "Callback({len} bytes, {failure:?})")
    }
}

/// Why a callback could not be processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallbackFailure {
    /// Its body is no document.
    Unreadable,
    /// A field is missing, unknown, or has a value that cannot be used.
    InvalidField,
    /// Its number is none.
    InvalidNumber,
    /// Its service is not in the catalogue.
    UnknownService,
    /// No order in memory has the number.
    UnknownNumber,
    /// The number is, or was within the hour, several orders'.
    Ambiguous,
    /// The order has all the messages that it may.
    TooManyMessages,
    /// Its signature is missing or wrong: it was refused.
    InvalidSignature,
    /// It came with the secrets that were replaced, after their time: it was refused.
    ExpiredToken,
    /// It is clearly of another service than the one that its number was bought for.
    OtherService,
}

impl CallbackFailure {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Unreadable,
        Self::InvalidField,
        Self::InvalidNumber,
        Self::UnknownService,
        Self::UnknownNumber,
        Self::Ambiguous,
        Self::TooManyMessages,
        Self::InvalidSignature,
        Self::ExpiredToken,
        Self::OtherService,
    ];

    /// The stable word for it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::InvalidField => "invalid_field",
            Self::InvalidNumber => "invalid_number",
            Self::UnknownService => "unknown_service",
            Self::UnknownNumber => "unknown_number",
            Self::Ambiguous => "ambiguous",
            Self::TooManyMessages => "too_many_messages",
            Self::InvalidSignature => "invalid_signature",
            Self::ExpiredToken => "expired_token",
            Self::OtherService => "other_service",
        }
    }

    /// True if the callback was refused for its missing proof: only an operator's word
    /// processes it.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::InvalidSignature | Self::ExpiredToken => true,
            Self::Unreadable
            | Self::InvalidField
            | Self::InvalidNumber
            | Self::UnknownService
            | Self::UnknownNumber
            | Self::Ambiguous
            | Self::TooManyMessages
            | Self::OtherService => false,
        }
    }
}

/// What became of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallbackOutcome {
    /// Its message is an order's.
    Accepted,
    /// Its message had come before.
    Duplicate,
    /// It is kept for the operator.
    Failed(CallbackFailure),
    /// It was kept, and an operator has thrown it away.
    Discarded,
}
