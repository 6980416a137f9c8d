//! What a provider says of an attempt, as the ledger keeps it: a stable error, its own words.

use nexnum_driver::ErrorKind;
use nexnum_engine::event::{AttemptEnd, AttemptError, WORD_LEN_MAX};
use nexnum_engine::limits::NAME_LEN_MAX;

use super::doubt::Numberless;
use crate::provider::buying::BuyOutcome;

/// An end of which the provider has said nothing.
pub(super) fn of(error: AttemptError) -> AttemptEnd {
    AttemptEnd { error, word: "".into() }
}

/// The end of an attempt whose answer has no number that can be sold: with an id alone it may get
/// one yet.
pub(super) fn of_answered(numberless: &Option<Numberless>) -> AttemptEnd {
    let is_named = numberless.is_some();
    of(if is_named { AttemptError::NoNumberYet } else { AttemptError::UnfitNumber })
}

/// The end of an attempt by what its call came to; `None` if it brought a purchase.
pub(super) fn of_outcome(outcome: &BuyOutcome) -> Option<AttemptEnd> {
    match outcome {
        BuyOutcome::Assigned(_) => None,
        BuyOutcome::Refused(refusal) => {
            // The excerpt has no more than a reply's first words, with keys and numbers masked.
            let excerpt = &*refusal.excerpt;
            let word = excerpt[..excerpt.floor_char_boundary(WORD_LEN_MAX)].trim_end().into();
            Some(AttemptEnd { error: error(refusal.kind), word })
        }
        BuyOutcome::InDoubt(_) => Some(of(AttemptError::NoAnswer)),
    }
}

/// A provider's word for a carrier, as far as the ledger keeps it.
pub(super) fn carrier_word(operator: Option<&str>) -> Option<Box<str>> {
    let word = operator.filter(|word| !word.is_empty())?;
    Some(word[..word.floor_char_boundary(NAME_LEN_MAX)].into())
}

const fn error(kind: ErrorKind) -> AttemptError {
    match kind {
        ErrorKind::NoNumbers => AttemptError::NoNumbers,
        ErrorKind::NoBalance => AttemptError::NoBalance,
        ErrorKind::BadKey => AttemptError::BadKey,
        ErrorKind::BadService => AttemptError::BadService,
        ErrorKind::BadCountry => AttemptError::BadCountry,
        ErrorKind::PriceTooLow => AttemptError::PriceTooLow,
        ErrorKind::Banned => AttemptError::Banned,
        ErrorKind::WrongCurrency => AttemptError::WrongCurrency,
        ErrorKind::RateLimited => AttemptError::RateLimited,
        ErrorKind::Temporary => AttemptError::Temporary,
        ErrorKind::Unsupported => AttemptError::Unsupported,
        ErrorKind::Unmapped => AttemptError::Unmapped,
        ErrorKind::NoTurn | ErrorKind::NotSent => AttemptError::NotSent,
        // No answers to a purchase.
        ErrorKind::TooEarly | ErrorKind::NotFound | ErrorKind::HasCode | ErrorKind::TooLate => {
            AttemptError::Other
        }
    }
}
