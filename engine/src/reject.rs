//! Every refusal the engine can give: the rules say no, nothing changed.
//!
//! Where several hold, the first of this order is given: existence, permission,
//! shape, state, stock, funds.

use crate::activation::state::ActivationState;
use crate::ids::OrderId;
use crate::money::Micros;
use crate::replies::KeyUseRefusal;
use crate::time::Time;

/// A refusal. `code` is stable; faces translate it in one table each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// No such account.
    UnknownAccount,
    /// No such key.
    UnknownKey,
    /// No such provider.
    UnknownProvider,
    /// No such offer, or not this provider's.
    UnknownOffer,
    /// No such order or activation, or another account's.
    UnknownOrder,
    /// No such callback.
    UnknownCallback,
    /// What is sealed names a key that does not live, or that does not seal such values.
    UnknownSealKey,
    /// The name is taken.
    NameTaken,
    /// A name, text or list is empty or above its bound.
    OutOfBounds(&'static str),
    /// An amount is not positive, or a price is outside its range.
    AmountOutOfRange(&'static str),
    /// The idempotency key, or the deposit's reference, was used with another content.
    IdempotencyMismatch,
    /// The idempotency key may be that of an old command: what the ledger says of it was not brought.
    IdempotencyUnread,
    /// The offer's price is above what the buyer allows.
    PriceAboveMax {
        /// What the offer asks.
        price: Micros,
    },
    /// The activation waits for its number.
    NoNumberYet,
    /// The activation has its number.
    AlreadyAssigned,
    /// No message has come yet.
    NoMessageYet,
    /// A message was readable: no cancel, no refund.
    AlreadyReceived,
    /// The activation has ended.
    ActivationClosed(ActivationState),
    /// Not yet: the provider's minimum age has not passed.
    TooEarlyToCancel {
        /// From when on it may be cancelled.
        from: Time,
    },
    /// The outcome belongs to an attempt that is over.
    StaleAttempt,
    /// The order's number may have been bought: it waits for the reconciler.
    InDoubt,
    /// The provider's id of this purchase belongs to another order.
    DuplicatePurchase(OrderId),
    /// The message is known.
    DuplicateMessage,
    /// The number with this index, from 0, is in stock, at rest or in use for this service at this provider already,
    /// or stands twice in the load.
    DuplicateNumber(u32),
    /// A key with this hash was issued before.
    DuplicateKey,
    /// The offer is listed already.
    DuplicateOffer,
    /// The operation is not for this kind of provider.
    WrongProviderKind,
    /// No number is left.
    NoNumbers,
    /// The wallet cannot pay.
    InsufficientFunds {
        /// The order's price.
        needed: Micros,
        /// What the wallet can spend.
        available: Micros,
    },
    /// A counter or table is at its bound.
    Exhausted(&'static str),
    /// It cannot follow what has happened; in words, what it has to follow.
    OutOfOrder(&'static str),
}

impl From<KeyUseRefusal> for Reject {
    fn from(refusal: KeyUseRefusal) -> Self {
        match refusal {
            KeyUseRefusal::Unread(_) => Self::IdempotencyUnread,
            KeyUseRefusal::Mismatch => Self::IdempotencyMismatch,
        }
    }
}

impl Reject {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown_account",
            Self::UnknownKey => "unknown_key",
            Self::UnknownProvider => "unknown_provider",
            Self::UnknownOffer => "unknown_offer",
            Self::UnknownOrder => "not_found",
            Self::UnknownCallback => "unknown_callback",
            Self::UnknownSealKey => "unknown_sealing_key",
            Self::NameTaken => "name_taken",
            Self::OutOfBounds(_) => "invalid_field",
            Self::AmountOutOfRange(_) => "amount_out_of_range",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::IdempotencyUnread => "idempotency_unread",
            Self::PriceAboveMax { .. } => "price_above_max",
            Self::NoNumberYet => "no_number_yet",
            Self::AlreadyAssigned => "already_assigned",
            Self::NoMessageYet => "no_message_yet",
            Self::AlreadyReceived => "already_received",
            Self::ActivationClosed(_) => "activation_closed",
            Self::TooEarlyToCancel { .. } => "too_early_to_cancel",
            Self::StaleAttempt => "stale_attempt",
            Self::InDoubt => "in_doubt",
            Self::DuplicatePurchase(_) => "duplicate_purchase",
            Self::DuplicateMessage => "duplicate_message",
            Self::DuplicateNumber(_) => "duplicate_number",
            Self::DuplicateKey => "duplicate_key",
            Self::DuplicateOffer => "duplicate_offer",
            Self::WrongProviderKind => "wrong_provider_kind",
            Self::NoNumbers => "no_numbers",
            Self::InsufficientFunds { .. } => "insufficient_funds",
            Self::Exhausted(_) => "exhausted",
            Self::OutOfOrder(_) => "out_of_order",
        }
    }
}
