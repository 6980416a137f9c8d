//! The ways in which a provider misbehaves, and which calls can show each.

use serde::{Deserialize, Serialize};

/// What a call asks for, as far as faults tell calls apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Purchase,
    /// The state of one number.
    Status,
    Cancel,
    /// The open numbers.
    OpenList,
    Prices,
    Balance,
    Other,
}

/// A way in which a provider misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The call is not answered and does nothing; the connection stays open.
    TimeOut,
    /// The connection closes without an answer; the call does nothing.
    ConnectionLost,
    /// HTTP 500 with an HTML page; the call does nothing.
    Http500,
    /// HTTP 502, 503 or 504 with an HTML page; the call does nothing. `Retry-After` is absent,
    /// in seconds, a fraction, or a date.
    Gateway,
    /// HTTP 429 with `Retry-After: 1` and a line of text; the call does nothing.
    Http429RetryAfter,
    /// The key is refused, in the protocol's words or as HTTP 401 or 403; the call does nothing.
    KeyRefused,
    /// HTTP 301 to another place; the call does nothing.
    Redirect,
    /// HTTP 200 with something that is not the protocol; the call does nothing.
    Garbage,
    /// The call is done, its reply comes some seconds later.
    SlowReply,
    /// The call is done, its reply comes after any client has stopped waiting.
    LateReply,
    /// The call is done, the connection closes without an answer.
    ReplyLost,
    /// The call is done, the reply's head comes and then nothing.
    HangsAfterHead,
    /// The call is done, and answered with HTTP 502 or 504 and an HTML page.
    GatewayAfterwards,
    /// The call is done, its reply ends halfway: JSON sometimes with a
    /// `Content-Length` that fits the part, everything else by a lost connection.
    TruncatedBody,
    /// The call is done, its reply is said to be compressed and is not.
    FalseGzip,
    /// The call is done, its reply has another `Content-Type`, or none, and sometimes a byte
    /// order mark before it.
    WrongContentType,
    /// A JSON reply has its ids as numbers where they are texts, and the other way round.
    IdsOfAnotherType,
    /// A JSON reply has its phone numbers with a plus and spaces.
    NumbersSpelled,
    /// A JSON reply has its moments in Moscow's time, without a zone.
    LocalDates,
    /// A number is bought, the reply never comes: the connection closes or hangs. Purchases only.
    BoughtButReplyLost,
    /// The same, and the list of open numbers shows it 5 to 40 seconds later. Purchases only.
    ListedLate,
    /// The protocol's word for "no numbers", whatever the list says. Purchases only.
    NoNumbers,
    /// The price has risen by a third above the limit, and the protocol's refusal names it.
    /// Purchases only.
    PriceRefused,
    /// The account is charged half as much again as the limit. Purchases only.
    Overcharged,
    /// The account is empty. Purchases and balances only.
    EmptyAccount,
    /// Another program buys the same on the account, a moment before. Purchases only.
    ForeignPurchase,
    /// The bought number lists its messages twice. Purchases only.
    DuplicateMessage,
    /// The bought number gets its first message again some seconds later, with another id.
    /// Purchases only.
    RepeatedMessage,
    /// The bought number gets two messages with two codes in the same moment. Purchases only.
    TwoMessages,
    /// The bought number receives a message after it was cancelled. Purchases only.
    MessageAfterCancel,
    /// A number is said to be unknown. States only.
    NotFound,
    /// A cancel comes too early, however old the number is.
    CancelTooEarly,
    /// A cancel is done, and its reply never comes.
    CancelReplyLost,
    /// The list of open numbers lacks some.
    ListLacksRows,
    /// The list of open numbers is empty.
    ListEmpty,
    /// The price list is twenty times as dear.
    PricesJump,
    /// The price list is at a twentieth.
    PricesFall,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 37] = [
        Self::TimeOut,
        Self::ConnectionLost,
        Self::Http500,
        Self::Gateway,
        Self::Http429RetryAfter,
        Self::KeyRefused,
        Self::Redirect,
        Self::Garbage,
        Self::SlowReply,
        Self::LateReply,
        Self::ReplyLost,
        Self::HangsAfterHead,
        Self::GatewayAfterwards,
        Self::TruncatedBody,
        Self::FalseGzip,
        Self::WrongContentType,
        Self::IdsOfAnotherType,
        Self::NumbersSpelled,
        Self::LocalDates,
        Self::BoughtButReplyLost,
        Self::ListedLate,
        Self::NoNumbers,
        Self::PriceRefused,
        Self::Overcharged,
        Self::EmptyAccount,
        Self::ForeignPurchase,
        Self::DuplicateMessage,
        Self::RepeatedMessage,
        Self::TwoMessages,
        Self::MessageAfterCancel,
        Self::NotFound,
        Self::CancelTooEarly,
        Self::CancelReplyLost,
        Self::ListLacksRows,
        Self::ListEmpty,
        Self::PricesJump,
        Self::PricesFall,
    ];

    /// Whether a call that asks for this can show it.
    pub(crate) const fn shows_in(self, ask: Ask) -> bool {
        match self {
            Self::TimeOut
            | Self::ConnectionLost
            | Self::Http500
            | Self::Gateway
            | Self::Http429RetryAfter
            | Self::KeyRefused
            | Self::Redirect
            | Self::Garbage
            | Self::SlowReply
            | Self::LateReply
            | Self::ReplyLost
            | Self::HangsAfterHead
            | Self::GatewayAfterwards
            | Self::TruncatedBody
            | Self::FalseGzip
            | Self::WrongContentType
            | Self::IdsOfAnotherType
            | Self::NumbersSpelled
            | Self::LocalDates => true,
            Self::BoughtButReplyLost
            | Self::ListedLate
            | Self::NoNumbers
            | Self::PriceRefused
            | Self::Overcharged
            | Self::ForeignPurchase
            | Self::DuplicateMessage
            | Self::RepeatedMessage
            | Self::TwoMessages
            | Self::MessageAfterCancel => matches!(ask, Ask::Purchase),
            Self::EmptyAccount => matches!(ask, Ask::Purchase | Ask::Balance),
            Self::NotFound => matches!(ask, Ask::Status),
            Self::CancelTooEarly | Self::CancelReplyLost => matches!(ask, Ask::Cancel),
            Self::ListLacksRows | Self::ListEmpty => matches!(ask, Ask::OpenList),
            Self::PricesJump | Self::PricesFall => matches!(ask, Ask::Prices),
        }
    }

    /// What a table has for it.
    pub(crate) fn among<T, const LEN: usize>(self, table: [(Self, T); LEN]) -> Option<T> {
        table.into_iter().find(|(kind, _)| *kind == self).map(|(_, value)| value)
    }

    /// Whether it says something of the whole account, or of all prices, that lasts at a real
    /// provider: shown in a few calls among many it would stop all the others for long.
    pub(crate) const fn is_standing(self) -> bool {
        matches!(self, Self::KeyRefused | Self::EmptyAccount | Self::PricesJump | Self::PricesFall)
    }
}
