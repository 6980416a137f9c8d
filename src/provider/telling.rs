//! Whether a provider's list of open activations tells of their messages, as its driver says: some
//! list the activation and leave the code out.
//!
//! Pure. Until a list has shown a message none is believed: each activation is asked about alone,
//! and lists beside it. One that tells shows most messages before any call for one activation does.

/// Codes in a row that calls for one activation brought, and no list, before a list that told is
/// believed no more: fewer are chance.
const UNTOLD_MAX: u32 = 3;
/// The same before the operator is told that lists leave codes out.
const LEFT_OUT_MIN: u32 = 5;

/// What lists and calls for one activation have shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// Lists show messages, as far as is known.
    pub(super) tells: bool,
    /// Codes in a row that no list showed.
    pub(super) untold: u32,
}

impl Told {
    /// A list showed a message.
    pub(super) const fn shows(&mut self) {
        *self = Self { tells: true, untold: 0 };
    }

    /// A call for one activation brought a code, although a list had come since it was bought.
    pub(super) const fn shows_not(&mut self) {
        self.untold = self.untold.saturating_add(1);
        self.tells &= self.untold < UNTOLD_MAX;
    }

    /// Whether lists leave codes out.
    pub(super) const fn leaves_out(self) -> bool {
        !self.tells && self.untold >= LEFT_OUT_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_believed_from_its_first_message_on_until_others_bring_them_all() {
        let mut told = Told::default();
        assert!(!told.tells, "none has come");
        for codes in 1..=9 {
            told.shows_not();
            assert_eq!((told.tells, told.leaves_out()), (false, codes >= LEFT_OUT_MIN));
        }
        told.shows();
        for _ in 0..9 {
            assert!(told.tells && !told.leaves_out());
            [(); 2].iter().for_each(|()| told.shows_not());
            assert!(told.tells, "they may have come since the last list");
            told.shows();
        }
        [(); 3].iter().for_each(|()| told.shows_not());
        assert!(!told.tells);
    }
}
