//! Refusals as problem documents: the one table of our own JSON faces.

use std::time::Duration;

use hyper::StatusCode;
use nexnum_engine::limits::{NAME_LEN_MAX, ROWS_MAX, TEXT_LEN_MAX};
use nexnum_engine::money::{AMOUNT_MAX, COST_MAX};
use nexnum_engine::reject::Reject;

use super::parse;
use crate::access::KeyRefusal;
use crate::clock::rfc3339;
use crate::http::Problem;
use crate::market::Refused;
use crate::market::history::HistoryError;
use crate::money::ReceiptError;
use crate::order::{CallbackRefusal, Refusal, UpstreamError};
use crate::public_id::ShownId;

/// An engine's refusal.
pub(super) fn of_reject(reject: Reject) -> Problem {
    use StatusCode as S;
    let code = reject.code();
    let plain = |status, title| Problem::new(status, code, title);
    match reject {
        Reject::UnknownAccount => plain(S::NOT_FOUND, "There is no such account"),
        Reject::UnknownKey => plain(S::NOT_FOUND, "There is no such key"),
        Reject::UnknownProvider => plain(S::NOT_FOUND, "There is no such provider"),
        Reject::UnknownOffer => plain(S::NOT_FOUND, "There is no such offer"),
        Reject::UnknownOrder => plain(S::NOT_FOUND, "There is no such order"),
        Reject::UnknownCallback => plain(S::NOT_FOUND, "There is no such callback"),
        // Its key was destroyed between the sealing and the engine's look.
        Reject::UnknownSealKey => {
            plain(S::SERVICE_UNAVAILABLE, "What was sealed cannot be kept").retry_after(1)
        }
        Reject::NameTaken => plain(S::CONFLICT, "Another account has this name"),
        Reject::OutOfBounds(field) => {
            plain(S::BAD_REQUEST, "A field has an invalid value").param(field).detail(length(field))
        }
        Reject::AmountOutOfRange(field) => {
            plain(S::UNPROCESSABLE_ENTITY, "An amount is out of range")
                .param(field)
                .detail(range(field))
        }
        Reject::IdempotencyMismatch => {
            plain(S::UNPROCESSABLE_ENTITY, "The key was used with another request")
        }
        Reject::IdempotencyUnread => Problem::internal(
            "the engine asks for what an idempotency key was used for, and readers do not know it",
        )
        .retryable(),
        Reject::PriceAboveMax { price } => price_above_max(price),
        Reject::NoNumberYet => plain(S::CONFLICT, "The number is not there yet").retry_after(1),
        Reject::AlreadyAssigned => plain(S::CONFLICT, "The activation has its number"),
        Reject::NoMessageYet => plain(S::CONFLICT, "No message has come yet").retryable(),
        Reject::AlreadyReceived => plain(S::CONFLICT, "A message has been received"),
        Reject::ActivationClosed(_) => plain(S::CONFLICT, "The activation has ended"),
        Reject::TooEarlyToCancel { from } => plain(S::CONFLICT, "It is too early to cancel")
            .detail(format!("the activation can be cancelled from {} on", rfc3339(from)))
            .retryable(),
        Reject::StaleAttempt | Reject::InDoubt | Reject::DuplicatePurchase(_) => {
            plain(S::CONFLICT, "The order is being reconciled").retryable()
        }
        Reject::DuplicateMessage => plain(S::CONFLICT, "The message is known"),
        Reject::DuplicateNumber(index) => duplicate_number(&format!("numbers[{index}]")),
        Reject::DuplicateKey => plain(S::CONFLICT, "The key is issued already"),
        Reject::DuplicateOffer => plain(S::CONFLICT, "The offer is listed already").retryable(),
        Reject::WrongProviderKind => plain(S::CONFLICT, "The provider is of another kind"),
        Reject::NoNumbers => no_numbers().retryable(),
        Reject::InsufficientFunds { needed, available } => {
            plain(S::PAYMENT_REQUIRED, "The wallet cannot pay")
                .detail(format!("the price is {needed}, the balance {available}"))
        }
        Reject::OutOfOrder(rule) => {
            plain(S::CONFLICT, "It cannot follow what has happened").detail(rule)
        }
        Reject::Exhausted(what) => {
            plain(S::INSUFFICIENT_STORAGE, "A limit of this server is reached")
                .param(what)
                .detail(format!("this market holds no more {what}: ask its operator"))
        }
    }
}

/// A number of a load that is there already, as it is named.
pub(super) fn duplicate_number(named: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "duplicate_number", "A number is in stock already")
        .param("numbers")
        .detail(format!(
            "{named} stands twice in the load, or is in stock, at rest or in use for this service, \
             whatever its carrier: leave it out; nothing was loaded"
        ))
}

/// How long the engine lets a field be.
fn length(field: &str) -> String {
    match field {
        "numbers" | "offers" | "terms" => format!("must have 1 to {ROWS_MAX} entries"),
        "message" => format!("must have a text of at most {TEXT_LEN_MAX} bytes, or a code"),
        _ => format!("must be 1 to {NAME_LEN_MAX} bytes without control characters"),
    }
}

/// How large the engine lets an amount be.
fn range(field: &str) -> String {
    match field {
        "price" => format!("must be above 0, at most {COST_MAX}, and not below the cost"),
        "cost" => format!("must be from 0 to {COST_MAX}"),
        "credit_limit" => format!("must be from 0 to {AMOUNT_MAX}"),
        _ => format!("must be above 0 and at most {AMOUNT_MAX}"),
    }
}

/// A refusal of an operation on orders.
pub(super) fn of_refusal(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NotFound => Problem::not_found("there is no such order of this account"),
        Refusal::NoNumbers { order: Some(_) } => no_numbers().detail("the order was refunded"),
        Refusal::NoNumbers { order: None } => no_numbers().retryable(),
        Refusal::ProvidersBusy { retry_after } => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "providers_busy",
            "The providers have no room for one more purchase now",
        )
        .detail("nothing was ordered: ask again after the seconds of Retry-After")
        .retry_after(seconds(retry_after)),
        Refusal::PriceAboveMax { price } => price_above_max(price),
        Refusal::Rejected(reject) => of_reject(reject),
        Refusal::InFlight => Problem::new(
            StatusCode::CONFLICT,
            "request_in_flight",
            "The first request with this key is being decided",
        )
        .retry_after(1),
        Refusal::NoHolder => Problem::not_found("no activation holds this number"),
        Refusal::Ambiguous => Problem::new(
            StatusCode::CONFLICT,
            "ambiguous_message",
            "Several activations hold this number",
        )
        .detail("name the service that the message is for")
        .param("service"),
        Refusal::OtherService => {
            Problem::new(StatusCode::CONFLICT, "other_service", "The message is of another service")
                .detail(
                    "the number is open for another service: name the one that the message is for",
                )
                .param("service")
        }
        Refusal::Upstream(error) => of_upstream(error),
        Refusal::History(error) => of_history(error),
        Refusal::KeyUnread(error) => Problem::internal(format_args!(
            "what an idempotency key was used for could not be read: {error}"
        ))
        .retryable(),
        Refusal::Busy => of_refused(Refused::Busy),
        Refusal::Stopped => of_refused(Refused::Stopped),
    }
}

/// A callback that was not processed.
pub(super) fn of_callback(refusal: CallbackRefusal) -> Problem {
    match refusal {
        CallbackRefusal::Fault(fault) => fault.into(),
        CallbackRefusal::InvalidNumber => parse::invalid_number("number"),
        CallbackRefusal::UnknownService => parse::unknown_service(),
        CallbackRefusal::NamesOther => of_refusal(Refusal::OtherService)
            .detail("the callback names another service itself: process it without one"),
        CallbackRefusal::Forgotten => Problem::not_found(
            "the callback is past its time: what it says is forgotten; discard it",
        ),
        CallbackRefusal::Refused(Refusal::NotFound) => {
            Problem::not_found("no callback of this id is kept: it may have been processed")
        }
        CallbackRefusal::Refused(refusal) => of_refusal(refusal),
    }
}

/// A refusal of a command.
pub(super) fn of_refused(refused: Refused) -> Problem {
    match refused {
        Refused::Rejected(reject) => of_reject(reject),
        Refused::Busy => Problem::overloaded(1),
        Refused::Stopped => outcome_unknown(),
    }
}

/// A key that was not issued or revoked.
pub(super) fn of_key(refusal: KeyRefusal) -> Problem {
    match refusal {
        KeyRefusal::Refused(refused) => of_refused(refused),
        KeyRefusal::NoRandomness(error) => {
            Problem::internal(format_args!("an API key could not be created: {error}"))
        }
        KeyRefusal::LastAdminKey => Problem::new(
            StatusCode::CONFLICT,
            "last_admin_key",
            "This is the last admin key that is not revoked",
        )
        .detail("issue another one first: `nexnum key create --admin` on the stopped folder"),
    }
}

/// History could not be read.
pub(super) fn of_history(error: HistoryError) -> Problem {
    match error {
        HistoryError::Behind => Problem::overloaded(1).detail(
            "history is behind the ledger: lists, and orders that closed more than an hour ago, \
             are shown again when it has caught up",
        ),
        HistoryError::Unreadable(_) => {
            Problem::internal(format_args!("a page of history could not be read: {error}"))
        }
    }
}

/// A receipt could not be made.
pub(super) fn of_receipt(error: ReceiptError) -> Problem {
    match error {
        ReceiptError::History(error) => of_history(error),
        ReceiptError::Sealing(error) => {
            Problem::internal(format_args!("a receipt could not be made: {error}"))
        }
    }
}

/// A provider could not be asked.
fn of_upstream(error: UpstreamError) -> Problem {
    match error {
        UpstreamError::TooEarly { from } => of_reject(Reject::TooEarlyToCancel { from }),
        UpstreamError::NotReady { retry_after } => Problem::new(
            StatusCode::CONFLICT,
            "too_early_to_resend",
            "The provider does not take the request for another message now",
        )
        .detail("nothing changed: ask again after the seconds of Retry-After")
        .retry_after(seconds(retry_after)),
        UpstreamError::HasCode => of_reject(Reject::AlreadyReceived),
        UpstreamError::TooLate => {
            Problem::new(StatusCode::CONFLICT, "too_late_to_cancel", "It is too late to cancel")
                .detail(
                    "the activation stays open; without a message it is refunded when it expires",
                )
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
        UpstreamError::Limited { retry_after } => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "provider_busy",
            "The provider of this number takes no more requests now",
        )
        .detail("nothing changed: ask again after the seconds of Retry-After, it goes first then")
        .retry_after(seconds(retry_after)),
        UpstreamError::UnderWay { retry_after } => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "provider_busy",
            "The provider of this number has not answered yet",
        )
        .detail("the request goes on: repeat it after the seconds of Retry-After for its outcome")
        .retry_after(seconds(retry_after)),
        UpstreamError::Busy => Problem::overloaded(1),
    }
}

/// A pause in whole seconds, at least one.
fn seconds(pause: Duration) -> u32 {
    let whole = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
    u32::try_from(whole).unwrap_or(u32::MAX).max(1)
}

/// No provider had a number for an order, which is refunded. Not to be repeated with the same key:
/// that order is over.
pub(super) fn refunded(order: ShownId) -> Problem {
    no_numbers().detail(format!("order {order} was refunded"))
}

fn no_numbers() -> Problem {
    Problem::new(StatusCode::CONFLICT, "no_numbers", "No number is available")
}

fn price_above_max(price: nexnum_engine::money::Micros) -> Problem {
    Problem::new(StatusCode::CONFLICT, "price_above_max", "The price is above your maximum")
        .param("max_price")
        .detail(format!("the cheapest ask is {price}: raise max_price, or wait for a lower one"))
}

fn outcome_unknown() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outcome_unknown", "The server is stopping")
        .detail(
            "read whether it was done before you repeat it; an order that is repeated with its \
             Idempotency-Key is placed once",
        )
        .retry_after(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_served_now_says_when_to_come_back() {
        let retry_after = Duration::from_millis(2_001);
        for (problem, code, seconds) in [
            (of_refused(Refused::Busy), "overloaded", "1"),
            (of_refused(Refused::Stopped), "outcome_unknown", "2"),
            (of_history(HistoryError::Behind), "overloaded", "1"),
            (of_upstream(UpstreamError::Unavailable), "provider_unavailable", "5"),
            (of_upstream(UpstreamError::Limited { retry_after }), "provider_busy", "3"),
            (of_upstream(UpstreamError::UnderWay { retry_after }), "provider_busy", "3"),
            (of_upstream(UpstreamError::NotReady { retry_after }), "too_early_to_resend", "3"),
            (of_refusal(Refusal::ProvidersBusy { retry_after }), "providers_busy", "3"),
        ] {
            assert_eq!(problem.code(), code);
            let response = problem.into_response("/", "r");
            assert_eq!(response.headers()["retry-after"], seconds, "{code}");
        }
    }
}
