//! What calls of the whole account last said of our key.
//!
//! Promises: the key counts as accepted only by a call that was asked after the last one that
//! was refused it, in whatever order the two were answered. Leaves to others: what follows.

use nexnum_driver::{ErrorKind, Op, ProviderError};
use parking_lot::Mutex;

use super::consequence;
use crate::attention::AttentionKind;

/// Purchases in a row that are refused our key, from which on no other call says that purchases
/// are accepted.
const REFUSALS_MIN: u32 = 2;

/// The place of a call among those of its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked(u64);

/// What was said of our key.
#[derive(Debug, Default)]
pub(super) struct KeyWord {
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    /// The last call that was asked.
    last: Asked,
    /// The last that had been asked when a call was refused our key.
    refused: Option<Asked>,
    /// Purchases in a row that were refused it: a key may be good for everything else.
    purchases: u32,
    /// A later one was accepted.
    is_accepted: bool,
}

impl Heard {
    fn accept(&mut self, asked: Asked, op: Op) {
        if self.refused.is_none_or(|refused| asked <= refused) {
            return;
        }
        if op == Op::Buy {
            self.purchases = 0;
        }
        self.is_accepted = true;
    }

    const fn is_refused_to_buy(&self) -> bool {
        self.purchases >= REFUSALS_MIN
    }
}

impl KeyWord {
    /// Counts a call that is about to be made.
    pub(super) fn asked(&self) -> Asked {
        let mut heard = self.heard.lock();
        heard.last.0 += 1;
        heard.last
    }

    /// Takes in how a call ended.
    pub(super) fn note<T>(&self, op: Op, asked: Asked, outcome: Result<&T, &ProviderError>) {
        if is_of_one(op) {
            return;
        }
        let mut heard = self.heard.lock();
        match outcome {
            Err(error) if is_refused(error) => {
                // Purchases that were asked together are refused together.
                let is_another = heard.refused.is_none_or(|refused| asked > refused);
                heard.purchases += u32::from(op == Op::Buy && is_another);
                (heard.refused, heard.is_accepted) = (Some(heard.last), false);
            }
            // A purchase that is refused for another reason was asked with a good key.
            Err(error) if op == Op::Buy && error.certain && is_of_product(error.kind) => {
                heard.accept(asked, op);
            }
            Ok(_) if needs_key(op) => heard.accept(asked, op),
            Ok(_) | Err(_) => {}
        }
    }

    /// True if several purchases in a row were refused our key: other calls that are accepted say
    /// nothing of that.
    pub(super) fn is_refused_to_buy(&self) -> bool {
        self.heard.lock().is_refused_to_buy()
    }

    /// True if a purchase was refused our key since one was accepted.
    pub(super) fn has_refused_purchases(&self) -> bool {
        self.heard.lock().purchases > 0
    }

    /// Goes on after a start with a refusal before it, of purchases alone or of any call.
    pub(super) fn resume(&self, to_buy: bool) {
        let mut heard = self.heard.lock();
        heard.refused = Some(heard.last);
        heard.purchases = if to_buy { REFUSALS_MIN } else { 0 };
    }

    /// True if a call that was asked after the last refusal was accepted.
    pub(super) fn is_accepted(&self) -> bool {
        self.heard.lock().is_accepted
    }
}

/// Whether a purchase was refused for what an account asked for: a limit, a fault or a request that
/// is not understood may come before the key is looked at.
const fn is_of_product(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NoNumbers | ErrorKind::PriceTooLow | ErrorKind::NoBalance)
}

/// Whether an error says that our key is refused.
pub(super) fn is_refused(error: &ProviderError) -> bool {
    consequence::stops(error.kind) == Some(AttentionKind::KeyRefused)
}

/// Whether a call is about one activation that is there already.
pub(super) const fn is_of_one(op: Op) -> bool {
    match op {
        Op::Status | Op::Cancel | Op::Finish | Op::Resend => true,
        Op::Balance | Op::Prices | Op::Buy | Op::ListActive => false,
    }
}

/// Whether a call of the whole account is answered to a good key alone: a price list may come
/// without one.
const fn needs_key(op: Op) -> bool {
    match op {
        Op::Balance | Op::Buy | Op::ListActive => true,
        Op::Prices | Op::Status | Op::Cancel | Op::Finish | Op::Resend => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(word: &KeyWord, op: Op, asked: Asked, refused: Option<ErrorKind>) -> bool {
        let error = refused.map(|kind| ProviderError::new(kind, true, "NO"));
        word.note(op, asked, error.as_ref().map_or(Ok(&()), Err));
        word.is_accepted()
    }

    #[test]
    fn a_call_that_was_asked_after_the_refusal_says_that_the_key_is_accepted() {
        let word = KeyWord::default();
        let at_once = |op, refused| ended(&word, op, word.asked(), refused);
        assert!(!at_once(Op::Balance, None), "it was never refused");
        assert!(!at_once(Op::ListActive, Some(ErrorKind::BadKey)));
        for (op, refused) in [
            (Op::Status, None),
            (Op::Cancel, None),
            (Op::Prices, None),
            (Op::Balance, Some(ErrorKind::Temporary)),
        ] {
            assert!(!at_once(op, refused), "{op:?} proves nothing");
        }
        for op in [Op::Balance, Op::ListActive, Op::Buy] {
            assert!(at_once(op, None), "{op:?} proves it");
            assert!(at_once(Op::Status, Some(ErrorKind::BadKey)), "it is of one activation");
            assert!(!at_once(op, Some(ErrorKind::Banned)), "{op:?} is refused again");
        }
    }

    #[test]
    fn a_key_that_no_purchase_is_made_with_is_refused_to_buy_until_one_is() {
        let word = KeyWord::default();
        let at_once = |op, refused| {
            ended(&word, op, word.asked(), refused);
            word.is_refused_to_buy()
        };
        assert!(!at_once(Op::Buy, Some(ErrorKind::BadKey)), "it may be a fault of the moment");
        assert!(!at_once(Op::Balance, None));
        assert!(at_once(Op::Buy, Some(ErrorKind::BadKey)));
        assert!(at_once(Op::Balance, None) && at_once(Op::ListActive, None));
        for kind in [
            ErrorKind::NoTurn,
            ErrorKind::RateLimited,
            ErrorKind::Temporary,
            ErrorKind::BadService,
            ErrorKind::BadCountry,
        ] {
            assert!(at_once(Op::Buy, Some(kind)), "{kind:?} says nothing of the key");
        }
        assert!(!at_once(Op::Buy, Some(ErrorKind::NoNumbers)));
        assert!(!at_once(Op::Buy, Some(ErrorKind::BadKey)), "the first one again");
        assert!(!at_once(Op::Buy, None));
        let together = [(); 9].map(|()| word.asked());
        for asked in together {
            ended(&word, Op::Buy, asked, Some(ErrorKind::BadKey));
        }
        assert!(!word.is_refused_to_buy(), "they are one fault");
    }

    #[test]
    fn a_call_that_was_asked_before_the_refusal_says_nothing() {
        let word = KeyWord::default();
        let (early, refused) = (word.asked(), word.asked());
        let between = word.asked();
        assert!(!ended(&word, Op::Balance, refused, Some(ErrorKind::BadKey)));
        let late = word.asked();
        assert!(!ended(&word, Op::ListActive, early, None));
        assert!(!ended(&word, Op::Buy, between, None), "it was asked before the answer");
        assert!(ended(&word, Op::ListActive, late, None));
    }
}
