//! What calls of the whole account last said of our key.
//!
//! Promises: the key counts as accepted only by a call that was asked after the last one that
//! was refused it, in whatever order the two were answered. Leaves to others: what follows.

use nexnum_driver::{Op, ProviderError};
use parking_lot::Mutex;

use super::consequence;
use crate::attention::AttentionKind;

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
    /// A later one was accepted.
    is_accepted: bool,
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
                (heard.refused, heard.is_accepted) = (Some(heard.last), false);
            }
            Ok(_) if needs_key(op) && heard.refused.is_some_and(|refused| refused < asked) => {
                heard.is_accepted = true;
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// True if a call that was asked after the last refusal was accepted.
    pub(super) fn is_accepted(&self) -> bool {
        self.heard.lock().is_accepted
    }
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
    use nexnum_driver::ErrorKind;

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
