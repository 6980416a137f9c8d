//! The one table that turns refusals into problem documents for our own JSON faces.

use hyper::StatusCode;
use nexnum_engine::ids::OrderId;
use nexnum_engine::reject::Reject;

use super::Problem;
use crate::clock::rfc3339;
use crate::history::HistoryError;
use crate::sequencer::SendError;
use crate::trade::Refusal;
use crate::worker::upstream::UpstreamError;

/// An engine's refusal.
#[must_use]
pub fn of_reject(reject: Reject) -> Problem {
    use StatusCode as S;
    let code = reject.code();
    let plain = |status, title| Problem::new(status, code, title);
    match reject {
        Reject::UnknownAccount => plain(S::NOT_FOUND, "There is no such account"),
        Reject::UnknownKey => plain(S::NOT_FOUND, "There is no such key"),
        Reject::UnknownProvider => plain(S::NOT_FOUND, "There is no such provider"),
        Reject::UnknownOffer => plain(S::NOT_FOUND, "There is no such offer"),
        Reject::UnknownOrder => plain(S::NOT_FOUND, "There is nothing here"),
        Reject::NameTaken => plain(S::CONFLICT, "The name is taken"),
        Reject::OutOfBounds(field) => plain(S::BAD_REQUEST, "A field has an invalid value")
            .param(field)
            .detail("is empty or too long"),
        Reject::AmountOutOfRange(field) => {
            plain(S::UNPROCESSABLE_ENTITY, "An amount is out of range").param(field)
        }
        Reject::IdempotencyMismatch => {
            plain(S::UNPROCESSABLE_ENTITY, "The key was used with another request")
        }
        Reject::PriceAboveMax { price } => price_above_max(price),
        Reject::NoNumberYet => plain(S::CONFLICT, "The number is not there yet").retry_after(1),
        Reject::AlreadyAssigned => plain(S::CONFLICT, "The activation has its number"),
        Reject::NoMessageYet => plain(S::CONFLICT, "No message has come yet").retryable(),
        Reject::AlreadyReceived => plain(S::CONFLICT, "A message has been received"),
        Reject::ActivationClosed(_) => plain(S::CONFLICT, "The activation has ended"),
        Reject::TooEarlyToCancel { from } => plain(S::CONFLICT, "It is too early to cancel")
            .detail(format!("it can be cancelled from {} on", rfc3339(from)))
            .retryable(),
        Reject::StaleAttempt | Reject::InDoubt | Reject::DuplicatePurchase(_) => {
            plain(S::CONFLICT, "The order is being reconciled").retryable()
        }
        Reject::DuplicateMessage => plain(S::CONFLICT, "The message is known"),
        Reject::DuplicateNumber => plain(S::CONFLICT, "A number is in stock already"),
        Reject::DuplicateKey => plain(S::CONFLICT, "The key is issued already"),
        Reject::DuplicateOffer => plain(S::CONFLICT, "The offer is listed already").retryable(),
        Reject::WrongProviderKind => plain(S::CONFLICT, "The provider is of another kind"),
        Reject::NoNumbers => no_numbers(None),
        Reject::InsufficientFunds { needed, available } => {
            plain(S::PAYMENT_REQUIRED, "The wallet cannot pay")
                .detail(format!("the price is {needed}, the balance {available}"))
        }
        Reject::Exhausted(what) => {
            plain(S::INSUFFICIENT_STORAGE, "A limit of this server is reached").param(what)
        }
    }
}

/// A refusal on the way to an order.
#[must_use]
pub fn of_refusal(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NoNumbers { order } => no_numbers(order),
        Refusal::PriceAboveMax { price } => price_above_max(price),
        Refusal::Rejected(reject) => of_reject(reject),
        Refusal::InFlight => Problem::new(
            StatusCode::CONFLICT,
            "request_in_flight",
            "The first request with this key is being decided",
        )
        .retry_after(1),
        Refusal::Busy => Problem::overloaded(1),
        Refusal::Stopped => outcome_unknown(),
    }
}

/// The engine could not take a command.
#[must_use]
pub fn of_send(error: SendError) -> Problem {
    of_refusal(Refusal::from(error))
}

/// History could not be read: ours to repair, so the reason goes to the log.
#[must_use]
pub fn of_history(error: HistoryError) -> Problem {
    match error {
        HistoryError::Behind => Problem::overloaded(1).detail("the history is catching up"),
        HistoryError::Unreadable(_) => {
            tracing::error!(%error, "history was not read");
            Problem::internal()
        }
    }
}

/// A provider could not be asked.
#[must_use]
pub fn of_upstream(error: UpstreamError) -> Problem {
    match error {
        UpstreamError::TooEarly { from } => of_reject(Reject::TooEarlyToCancel { from }),
        UpstreamError::HasCode => of_reject(Reject::AlreadyReceived),
        UpstreamError::TooLate => {
            Problem::new(StatusCode::CONFLICT, "too_late_to_cancel", "It is too late to cancel")
                .detail("it stays open; without a message it is refunded when it expires")
        }
        UpstreamError::Unsupported => Problem::new(
            StatusCode::CONFLICT,
            "not_supported",
            "The provider of this number cannot do that",
        ),
        UpstreamError::Unavailable => Problem::new(
            StatusCode::BAD_GATEWAY,
            "provider_unavailable",
            "The provider of this number cannot be reached",
        )
        .retry_after(5),
        UpstreamError::Busy => Problem::overloaded(1),
    }
}

/// No ask within the wish has stock; where an order was tried, it is refunded.
#[must_use]
pub fn no_numbers(order: Option<OrderId>) -> Problem {
    let problem = Problem::new(StatusCode::CONFLICT, "no_numbers", "No number is available");
    match order {
        // Not with the same key: that order is over.
        Some(order) => problem.detail(format!("order {order} was refunded")),
        None => problem.retryable(),
    }
}

fn price_above_max(price: nexnum_engine::money::Micros) -> Problem {
    Problem::new(StatusCode::CONFLICT, "price_above_max", "The price is above your maximum")
        .param("max_price")
        .detail(format!("the cheapest is {price}"))
}

fn outcome_unknown() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outcome_unknown", "The server is stopping")
        .detail("repeat the request with the same Idempotency-Key to learn the outcome")
        .retry_after(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_served_now_says_when_to_come_back() {
        for (problem, code, seconds) in [
            (of_send(SendError::Busy), "overloaded", "1"),
            (of_send(SendError::Stopped), "outcome_unknown", "2"),
            (of_history(HistoryError::Behind), "overloaded", "1"),
            (of_upstream(UpstreamError::Unavailable), "provider_unavailable", "5"),
        ] {
            assert_eq!(problem.code(), code);
            let response = problem.into_response("/", "r");
            assert_eq!(response.headers()["retry-after"], seconds, "{code}");
        }
    }
}
