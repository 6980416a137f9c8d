//! Whether a provider's list of open activations tells of their messages, as its driver says: some
//! list the activation and leave the code out, always, for some services, or from some day on.
//!
//! Pure. Until a list has shown a message none is believed: each activation is asked about alone,
//! and lists beside it. Afterwards one is asked about alone now and then: a list that tells shows
//! most messages before such a call does.

use nexnum_engine::time::Time;

/// What a code weighs that lists had left out, beside an activation that they were right about, and
/// how much there is before they are believed no more. Fewer are chance.
const LEFT_OUT: u32 = 3;
const LEFT_OUT_MAX: u32 = 9;
/// For how long then, four times as long each time, since it may be mended.
const DISTRUSTED_MS: u64 = 10 * 60_000;
const DISTRUSTED_MAX_MS: u64 = 160 * 60_000;
/// Codes that calls for one activation brought, and lists not one, before the operator is told.
const UNTOLD_MIN: u32 = 5;

/// What lists and calls for one activation have shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// Lists show messages, as far as is known.
    pub(super) is_believed: bool,
    /// What weighs against it.
    against: u32,
    /// Codes in a row that no list showed.
    pub(super) untold: u32,
    /// They were believed, and are not before.
    distrusted_until: Option<Time>,
    /// How often they were believed and left codes out.
    times: u32,
}

impl Told {
    /// A list showed a message.
    pub(super) fn shows(&mut self, now: Time) {
        self.untold = 0;
        if !self.is_believed && self.distrusted_until.is_none_or(|until| now >= until) {
            (self.is_believed, self.against, self.distrusted_until) = (true, 0, None);
        }
    }

    /// Lists left so many codes out: calls for one activation brought them, or had before.
    pub(super) fn leaves_out(&mut self, codes: u32, now: Time) {
        self.untold = self.untold.saturating_add(codes);
        if !self.is_believed {
            return;
        }
        self.against = self.against.saturating_add(codes.saturating_mul(LEFT_OUT));
        if self.against >= LEFT_OUT_MAX {
            let length = DISTRUSTED_MS << (2 * self.times.min(2));
            self.distrusted_until = Some(now.plus_ms(length.min(DISTRUSTED_MAX_MS)));
            self.times = self.times.saturating_add(1);
            self.is_believed = false;
        }
    }

    /// Lists were right about an activation that has no code yet.
    pub(super) const fn is_right(&mut self) {
        self.against = self.against.saturating_sub(1);
    }

    /// Whether they are believed, and have left a code out lately.
    pub(super) const fn is_doubted(self) -> bool {
        self.is_believed && self.against > 0
    }

    /// Whether the operator is told that lists leave codes out.
    pub(super) const fn is_told(self) -> bool {
        !self.is_believed && (self.distrusted_until.is_some() || self.untold >= UNTOLD_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_000);

    #[test]
    fn a_list_is_believed_from_its_first_message_on() {
        let mut told = Told::default();
        for codes in 1..=9 {
            told.leaves_out(1, NOW);
            assert_eq!((told.is_believed, told.is_told()), (false, codes >= UNTOLD_MIN));
        }
        told.shows(NOW);
        assert!(told.is_believed && !told.is_told());
    }

    #[test]
    fn one_that_leaves_codes_out_is_believed_again_only_later() {
        let mut told = Told::default();
        told.shows(NOW);
        let mut now = NOW;
        for length in [DISTRUSTED_MS, 4 * DISTRUSTED_MS, DISTRUSTED_MAX_MS, DISTRUSTED_MAX_MS] {
            told.leaves_out(2, now);
            // It shows those of another service.
            told.shows(now);
            assert!(told.is_believed);
            told.leaves_out(1, now);
            assert!(!told.is_believed && told.is_told());
            now = now.plus_ms(length);
            told.shows(Time(now.0 - 1));
            assert!(!told.is_believed && told.is_told());
            told.shows(now);
            assert!(told.is_believed && !told.is_told());
        }
    }

    #[test]
    fn now_and_then_a_call_is_sooner_than_the_list() {
        let mut told = Told::default();
        told.shows(NOW);
        for _ in 0..99 {
            told.leaves_out(1, NOW);
            [(); 3].iter().for_each(|()| told.is_right());
            assert!(told.is_believed);
        }
    }
}
