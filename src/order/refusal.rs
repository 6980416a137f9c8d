//! Why an operation on orders was not carried out.

use std::time::Duration;

use nexnum_engine::ids::OrderId;
use nexnum_engine::money::Micros;
use nexnum_engine::reject::Reject;
use nexnum_engine::time::Time;

use crate::market::Refused;
use crate::market::history::HistoryError;
use crate::market::key_uses::KeyUseError;
use crate::market::sequencer::SendError;

/// A refusal, or a failure that the caller can do something about.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The account has no such order.
    NotFound,
    /// No ask within the wish has stock.
    NoNumbers {
        /// The order that was tried and refunded, where it came so far.
        order: Option<OrderId>,
    },
    /// The providers that have stock have no room for one more purchase now.
    ProvidersBusy {
        /// When asking again may be worth it.
        retry_after: Duration,
    },
    /// There is stock, but only above the buyer's limit.
    PriceAboveMax {
        /// The cheapest price.
        price: Micros,
    },
    /// The engine refused.
    Rejected(Reject),
    /// The first request with this idempotency key is being decided.
    InFlight,
    /// No order in memory holds the number.
    NoHolder,
    /// The number is open for several services, and the message names none of them.
    Ambiguous,
    /// The message is clearly of another service than the number is open for.
    OtherService,
    /// The provider did not do it.
    Upstream(UpstreamError),
    /// Orders that have left memory could not be read.
    History(HistoryError),
    /// What the ledger says of the request's idempotency key could not be read: nothing happened.
    KeyUnread(String),
    /// Too many commands are waiting: nothing happened.
    Busy,
    /// The engine has stopped: the outcome is unknown.
    Stopped,
}

/// Why a provider did not do what a buyer asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamError {
    /// A cancel is not taken yet.
    TooEarly {
        /// When it may be tried again.
        from: Time,
    },
    /// The wish for another message is not taken yet, or not as the activation stands there.
    NotReady {
        /// When it may be worth repeating.
        retry_after: Duration,
    },
    /// A message is there: it has been brought in.
    HasCode,
    /// The provider takes the number back no more, though no message came.
    TooLate,
    /// The provider cannot do this.
    Unsupported,
    /// It could not be reached, or could not say.
    Unavailable,
    /// Its limits allow no such call now, or it asked for a pause: nothing was done.
    Limited {
        /// When the call may be made; it goes first then.
        retry_after: Duration,
    },
    /// It has not answered yet: the request goes on.
    UnderWay {
        /// When a request that comes back gets the answer.
        retry_after: Duration,
    },
    /// A message is there that the engine had no room for yet.
    Busy,
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        Refused::from(error).into()
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Rejected(reject) => Self::Rejected(reject),
            Refused::Busy => Self::Busy,
            Refused::Stopped => Self::Stopped,
        }
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self::Rejected(reject)
    }
}

impl From<UpstreamError> for Refusal {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

impl From<KeyUseError> for Refusal {
    fn from(error: KeyUseError) -> Self {
        match error {
            KeyUseError::Mismatch => Self::Rejected(Reject::IdempotencyMismatch),
            KeyUseError::Busy => Self::Busy,
            unread => Self::KeyUnread(unread.to_string()),
        }
    }
}

impl From<HistoryError> for Refusal {
    fn from(error: HistoryError) -> Self {
        Self::History(error)
    }
}
