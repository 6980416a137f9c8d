//! The problem codes of our JSON faces: what each means, and its status.

use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// A stable word for one kind of refusal or failure; programs branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The message is not valid HTTP, or its body broke off.
    MalformedRequest,
    /// A header has a value that cannot be used; `param` names the header.
    InvalidHeader,
    /// The route has no such query parameter; `param` names it.
    UnknownParameter,
    /// A path or query parameter is missing or has a value that cannot be used; `param` names it.
    InvalidParameter,
    /// A query parameter is given twice; `param` names it.
    RepeatedParameter,
    /// The body is not valid JSON; `detail` has the line and the column.
    MalformedJson,
    /// The body has a field that the route does not know; `param` names it.
    UnknownField,
    /// A field of the body is missing or has a value that cannot be used; `param` names it.
    InvalidField,
    /// The request has no API key, or one that does not exist or was revoked.
    Unauthorized,
    /// The account's balance and credit do not cover the price.
    InsufficientFunds,
    /// The key is valid and does not open this route: a customer's key on an operator's route,
    /// or an operator's key on a customer's route.
    Forbidden,
    /// The callback's signature is missing or wrong.
    InvalidSignature,
    /// The path does not exist, or nothing with this id exists for the caller.
    NotFound,
    /// No account has this id.
    UnknownAccount,
    /// No key has this id.
    UnknownKey,
    /// The path exists and does not take this method; the header `Allow` lists those it takes.
    MethodNotAllowed,
    /// The body did not arrive within the time limit.
    BodyTimeout,
    /// No offer within the wish has stock, or every provider refused; nothing was charged, or
    /// the order named in `detail` was refunded.
    NoNumbers,
    /// The cheapest offer costs more than `max_price`; `detail` has its price.
    PriceAboveMax,
    /// The first request with this `Idempotency-Key` has not been answered yet.
    RequestInFlight,
    /// The order does not have its number yet.
    NoNumberYet,
    /// The activation has not received a message yet.
    NoMessageYet,
    /// The condition's row goes by itself, when its cause is gone.
    CauseLasts,
    /// The activation cannot be cancelled before `cancel_from`, or the provider accepts the
    /// request only later; `detail` has the moment.
    TooEarlyToCancel,
    /// The provider does not take the request for another message yet; `retry_after` says when to
    /// repeat it.
    TooEarlyToResend,
    /// The provider no longer accepts a cancellation. The activation stays open and is refunded
    /// when it expires without a message.
    TooLateToCancel,
    /// The activation has received a message, so it cannot be cancelled.
    AlreadyReceived,
    /// The activation has ended.
    ActivationClosed,
    /// The provider of this number does not offer the operation.
    NotSupported,
    /// Another account has this name.
    NameTaken,
    /// The key that was drawn exists already; the same request draws another one.
    DuplicateKey,
    /// The key is the last admin key that works, so it cannot be revoked.
    LastAdminKey,
    /// The provider is disabled, or has no key; `detail` says what to do.
    ProviderDisabled,
    /// A number of the load is in stock already.
    DuplicateNumber,
    /// Another load has just listed the same offer; the same request succeeds now.
    DuplicateOffer,
    /// Activations for several services hold the number, and the message does not say which
    /// service it is for.
    AmbiguousMessage,
    /// The message names another service than the one that its number was bought for.
    OtherService,
    /// The body is longer than the route allows; `detail` has the limit.
    BodyTooLarge,
    /// The request's path and query are too long.
    UriTooLong,
    /// No country has this code.
    UnknownCountry,
    /// No service has this slug or code.
    UnknownService,
    /// No phone company has this name.
    UnknownCarrier,
    /// An amount is not a decimal number, or is negative, zero, too large or too precise;
    /// `param` names the field.
    InvalidAmount,
    /// An amount is valid and not allowed for this field; `param` names the field.
    AmountOutOfRange,
    /// A phone number is not in the form of E.164.
    InvalidNumber,
    /// A number of the load is of another country than the one that it is loaded for; `detail`
    /// names both.
    OtherCountry,
    /// The `Idempotency-Key` or the `reference` was used with another request.
    IdempotencyMismatch,
    /// The key has used up its quota; `retry_after` says when the next request is accepted.
    RateLimited,
    /// The request's headers are too long.
    HeadersTooLarge,
    /// The server failed; its log has the reason under this `request_id`.
    InternalError,
    /// The provider of this number did not answer.
    ProviderUnavailable,
    /// The provider of this number takes no more requests now; nothing changed. The same request
    /// after `retry_after` seconds goes first.
    ProviderBusy,
    /// Offers within the wish have stock, but no provider of them has room for one more purchase
    /// now; nothing was ordered or charged.
    ProvidersBusy,
    /// A bounded queue of the server is full, the server is stopping, or its history is being
    /// rebuilt; nothing was done.
    Overloaded,
    /// The server stopped before it knew the outcome. An order that is repeated with its
    /// `Idempotency-Key` is placed once; before anything else is repeated, read whether it was
    /// done.
    OutcomeUnknown,
    /// The client began with HTTP/2, and this server speaks HTTP/1.1.
    HttpVersionNotSupported,
    /// A limit of this server is reached; `param` names it.
    Exhausted,
}

impl ProblemCode {
    /// The status that it comes with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MalformedRequest
            | Self::InvalidHeader
            | Self::UnknownParameter
            | Self::InvalidParameter
            | Self::RepeatedParameter
            | Self::MalformedJson
            | Self::UnknownField
            | Self::InvalidField => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::InsufficientFunds => StatusCode::PAYMENT_REQUIRED,
            Self::Forbidden | Self::InvalidSignature => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UnknownAccount | Self::UnknownKey => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NoNumbers
            | Self::PriceAboveMax
            | Self::RequestInFlight
            | Self::NoNumberYet
            | Self::NoMessageYet
            | Self::CauseLasts
            | Self::TooEarlyToCancel
            | Self::TooEarlyToResend
            | Self::TooLateToCancel
            | Self::AlreadyReceived
            | Self::ActivationClosed
            | Self::NotSupported
            | Self::NameTaken
            | Self::DuplicateKey
            | Self::LastAdminKey
            | Self::ProviderDisabled
            | Self::DuplicateNumber
            | Self::DuplicateOffer
            | Self::AmbiguousMessage
            | Self::OtherService => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::UnknownCountry
            | Self::UnknownService
            | Self::UnknownCarrier
            | Self::InvalidAmount
            | Self::AmountOutOfRange
            | Self::InvalidNumber
            | Self::OtherCountry
            | Self::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ProviderUnavailable => StatusCode::BAD_GATEWAY,
            Self::Overloaded | Self::OutcomeUnknown | Self::ProviderBusy | Self::ProvidersBusy => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::HttpVersionNotSupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Exhausted => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}
