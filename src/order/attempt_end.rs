//! What a provider says of an attempt, as the ledger keeps it: a stable error, its own words.

use nexnum_driver::{ErrorKind, ProviderError};
use nexnum_engine::event::{AttemptEnd, AttemptError, WORD_LEN_MAX};
use nexnum_engine::limits::NAME_LEN_MAX;

use super::doubt::Numberless;
use crate::provider::buying::{BuyOutcome, RefusedBy, UnknownPurchase};

/// Figures of a word that are kept: a status and a price have fewer, a number has more.
const FIGURES_MAX: usize = 6;

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
        BuyOutcome::Refused(said, RefusedBy::Provider) => Some(of_reply(said)),
        BuyOutcome::Refused(_, RefusedBy::Us) => Some(of(AttemptError::NotSent)),
        BuyOutcome::InDoubt(UnknownPurchase { said, .. }) => {
            Some(said.as_ref().map_or_else(|| of(AttemptError::NoAnswer), of_reply))
        }
    }
}

fn of_reply(said: &ProviderError) -> AttemptEnd {
    AttemptEnd { error: error(said.kind), word: word(&said.excerpt) }
}

/// The beginning of an excerpt, which has no long words and figures. Figures that make a number or
/// an address in groups, and addresses of mail, are masked here.
fn word(excerpt: &str) -> Box<str> {
    let is_mail = |word: &str| word.contains('@');
    let words = excerpt.split(' ').map(|word| if is_mail(word) { "***" } else { word });
    let mut kept = words.collect::<Vec<_>>().join(" ");
    kept.truncate(kept.floor_char_boundary(WORD_LEN_MAX));
    if kept.chars().filter(|c| c.is_numeric()).count() > FIGURES_MAX {
        kept = kept.chars().map(|c| if c.is_numeric() { '*' } else { c }).collect();
    }
    kept.trim_end().into()
}

/// A provider's word for a carrier or pool, as far as the ledger keeps it.
pub(super) fn carrier_word(operator: Option<&str>) -> Option<Box<str>> {
    let word: String = operator?.chars().filter(|c| !c.is_control()).collect();
    let word = word[..word.floor_char_boundary(NAME_LEN_MAX)].trim();
    (!word.is_empty()).then(|| word.into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_no_number_and_no_address() {
        for (excerpt, expected) in [
            ("NO_NUMBERS", "NO_NUMBERS"),
            ("HTTP 404: no such 0.12", "HTTP 404: no such 0.12"),
            ("taken: +49 151 234 567 89", "taken: +** *** *** *** **"),
            ("IP 203.0.113.7 not allowed", "IP ***.*.***.* not allowed"),
            ("ask a@b.example now", "ask *** now"),
            ("", ""),
        ] {
            assert_eq!(&*word(excerpt), expected);
        }
        assert_eq!(word(&"é".repeat(200)).len(), WORD_LEN_MAX);
    }

    #[test]
    fn an_end_without_a_reply_has_no_word() {
        let refused = |by| {
            let error = ProviderError::new(ErrorKind::NoNumbers, true, "NO_NUMBERS");
            of_outcome(&BuyOutcome::Refused(error, by)).unwrap()
        };
        assert_eq!(refused(RefusedBy::Us), of(AttemptError::NotSent));
        let said = refused(RefusedBy::Provider);
        assert_eq!((said.error, &*said.word), (AttemptError::NoNumbers, "NO_NUMBERS"));
    }

    #[test]
    fn a_carrier_is_a_short_word() {
        assert_eq!(carrier_word(Some(" \u{7}\n ")), None);
        assert_eq!(carrier_word(Some("telkom\tsel")).as_deref(), Some("telkomsel"));
        assert_eq!(carrier_word(Some(&"x".repeat(200))).map(|it| it.len()), Some(NAME_LEN_MAX));
    }
}
