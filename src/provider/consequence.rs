//! What follows from each kind of provider error: one table, a row a kind.
//!
//! Callers read a column of the row; which kinds mean what is decided here alone. A new
//! kind does not compile until it has its row. The table says what a kind means, not what
//! was asked: where an error came from a purchase, a poll or a cancel is the caller's.

use nexnum_driver::ErrorKind;
use nexnum_engine::breaker::BreakerInput;

use crate::attention::AttentionKind;

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// Which calls are tried again.
    pub retry: Retry,
    /// Which calls of the provider pause, and for how long.
    pub pause: Pause,
    /// What the breaker counts for a purchase or a probe that ended so.
    pub breaker: Option<BreakerInput>,
    /// The offer that was to be bought sells nothing before the next sync.
    pub ends_offer: bool,
    /// A purchase that was refused so is kept among the provider's failures.
    pub is_noted: bool,
    /// Another try to give the number back would end the same way.
    pub is_final: bool,
    /// What the answer to a cancel or a poll says of the activation.
    pub standing: Standing,
    /// The refusal that a customer gets for a cancel or another change that ended so.
    pub answer: CustomerAnswer,
}

/// Which calls are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// None.
    Never,
    /// A cancel that a caller waits for.
    Cancels,
    /// Such a cancel, and a call that only reads if its reply is in doubt.
    All,
}

/// Which calls of a provider pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// None: a wish to come back later is about this product or this activation.
    None,
    /// Calls of its lane, as long as the provider asks for, if it does.
    Asked,
    /// All, as long as the provider asks for, or else the driver's penalty.
    Penalty,
}

/// What an error says of the activation that was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Unknown,
    /// The provider does not know it, or holds it no longer.
    Missing,
    /// It has a message.
    HasCode,
    /// It cannot be given back any more.
    TooLate,
}

/// The refusal that a customer gets for a change that the provider refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerAnswer {
    /// Not yet.
    NotYet,
    /// The provider cannot do this.
    Unsupported,
    /// The provider cannot be asked now.
    Unavailable,
    /// The provider's limits allow no more calls for a while.
    Busy,
}

const GOOD: Option<BreakerInput> = Some(BreakerInput::Good);
const BAD: Option<BreakerInput> = Some(BreakerInput::Bad);
const HARD: Option<BreakerInput> = Some(BreakerInput::Hard);
/// Our rate limit, a call that could not be made or an operation that the driver lacks: says
/// nothing about the provider.
const NONE: Option<BreakerInput> = None;

macro_rules! table {
    ($($kind:ident | $retry:ident | $pause:ident | $breaker:ident | $ends_offer:literal
        | $is_noted:literal | $is_final:literal | $standing:ident | $answer:ident)*) => {
        /// The row of a kind.
        #[must_use]
        pub const fn of(kind: ErrorKind) -> Consequence {
            match kind {
                $(ErrorKind::$kind => Consequence {
                    retry: Retry::$retry,
                    pause: Pause::$pause,
                    breaker: $breaker,
                    ends_offer: $ends_offer,
                    is_noted: $is_noted,
                    is_final: $is_final,
                    standing: Standing::$standing,
                    answer: CustomerAnswer::$answer,
                },)*
            }
        }

        #[cfg(test)]
        const KINDS: &[ErrorKind] = &[$(ErrorKind::$kind),*];
    };
}

// A provider that refuses for a reason that lies in the product is well: GOOD.
table! {
    // kind       | retry   | pause   | breaker | ends_offer | is_noted | is_final | standing | answer
    NoNumbers     | Never   | None    | GOOD    | true       | false    | false    | Unknown  | Unavailable
    NoBalance     | Never   | Asked   | HARD    | false      | true     | false    | Unknown  | Unavailable
    BadKey        | Never   | Asked   | HARD    | false      | true     | false    | Unknown  | Unavailable
    BadService    | Never   | None    | GOOD    | true       | true     | false    | Unknown  | Unavailable
    BadCountry    | Never   | None    | GOOD    | true       | true     | false    | Unknown  | Unavailable
    PriceTooLow   | Never   | None    | GOOD    | true       | true     | false    | Unknown  | Unavailable
    TooEarly      | Never   | None    | BAD     | false      | true     | false    | Unknown  | NotYet
    NotFound      | Never   | None    | BAD     | false      | true     | true     | Missing  | Unavailable
    HasCode       | Never   | None    | BAD     | false      | true     | true     | HasCode  | Unavailable
    TooLate       | Never   | None    | BAD     | false      | true     | true     | TooLate  | Unavailable
    Banned        | Never   | Asked   | HARD    | false      | true     | false    | Unknown  | Unavailable
    WrongCurrency | Never   | Asked   | HARD    | false      | true     | false    | Unknown  | Unavailable
    RateLimited   | Cancels | Penalty | NONE    | false      | true     | false    | Unknown  | Busy
    NoTurn        | Never   | None    | NONE    | false      | false    | false    | Unknown  | Busy
    Temporary     | All     | Asked   | BAD     | false      | true     | false    | Unknown  | Unavailable
    Unsupported   | Never   | None    | NONE    | true       | true     | true     | Unknown  | Unsupported
    NotSent       | Never   | None    | NONE    | true       | true     | false    | Unknown  | Unavailable
    Unmapped      | Cancels | Asked   | BAD     | false      | true     | false    | Unknown  | Unavailable
}

/// What the operator is told of an error that any other call would end with as well, until the
/// operator has done something: such an answer to any call takes the provider off sale.
#[must_use]
pub const fn stops(kind: ErrorKind) -> Option<AttentionKind> {
    match kind {
        ErrorKind::BadKey | ErrorKind::Banned => Some(AttentionKind::KeyRefused),
        ErrorKind::WrongCurrency => Some(AttentionKind::WrongCurrency),
        ErrorKind::NoNumbers
        | ErrorKind::NoBalance
        | ErrorKind::BadService
        | ErrorKind::BadCountry
        | ErrorKind::PriceTooLow
        | ErrorKind::TooEarly
        | ErrorKind::NotFound
        | ErrorKind::HasCode
        | ErrorKind::TooLate
        | ErrorKind::RateLimited
        | ErrorKind::NoTurn
        | ErrorKind::NotSent
        | ErrorKind::Temporary
        | ErrorKind::Unsupported
        | ErrorKind::Unmapped => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table, a line a kind: only what sets a kind apart is printed as a word.
    fn printed() -> String {
        let line = |kind: &ErrorKind| {
            let row = of(*kind);
            let breaker = row.breaker.map_or("-".to_owned(), |input| format!("{input:?}"));
            let word = |holds: bool, word: &'static str| if holds { word } else { "-" };
            let text = format!(
                "{:<14} {:<7} {:<7} {:<4} {:<10} {:<5} {:<5} {:<7} {:?}",
                kind.word(),
                format!("{:?}", row.retry),
                format!("{:?}", row.pause),
                breaker,
                word(row.ends_offer, "ends_offer"),
                word(row.is_noted, "noted"),
                word(row.is_final, "final"),
                format!("{:?}", row.standing),
                row.answer,
            );
            text + "\n"
        };
        KINDS.iter().map(line).collect()
    }

    #[test]
    fn every_kind_of_error_has_the_consequences_of_its_row() {
        let expected = "\
no_numbers     Never   None    Good ends_offer -     -     Unknown Unavailable
no_balance     Never   Asked   Hard -          noted -     Unknown Unavailable
bad_key        Never   Asked   Hard -          noted -     Unknown Unavailable
bad_service    Never   None    Good ends_offer noted -     Unknown Unavailable
bad_country    Never   None    Good ends_offer noted -     Unknown Unavailable
price_too_low  Never   None    Good ends_offer noted -     Unknown Unavailable
too_early      Never   None    Bad  -          noted -     Unknown NotYet
not_found      Never   None    Bad  -          noted final Missing Unavailable
has_code       Never   None    Bad  -          noted final HasCode Unavailable
too_late       Never   None    Bad  -          noted final TooLate Unavailable
banned         Never   Asked   Hard -          noted -     Unknown Unavailable
wrong_currency Never   Asked   Hard -          noted -     Unknown Unavailable
rate_limited   Cancels Penalty -    -          noted -     Unknown Busy
no_turn        Never   None    -    -          -     -     Unknown Busy
temporary      All     Asked   Bad  -          noted -     Unknown Unavailable
unsupported    Never   None    -    ends_offer noted final Unknown Unsupported
not_sent       Never   None    -    ends_offer noted -     Unknown Unavailable
unmapped       Cancels Asked   Bad  -          noted -     Unknown Unavailable
";
        assert_eq!(printed(), expected);
    }
}
