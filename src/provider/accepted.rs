//! The operator's word that a provider's next price list is right, whatever it says.

use nexnum_engine::time::Time;
use parking_lot::Mutex;

/// How long it waits for a list: the prices that the operator looked at are older then.
const KEPT_MS: u64 = 10 * 60 * 1000;

/// Whether the next list is accepted.
#[derive(Debug, Default)]
pub(crate) struct AcceptedPrices {
    at: Mutex<Option<Time>>,
}

/// An acceptance of the list that is asked for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acceptance(Time);

impl AcceptedPrices {
    pub(super) fn accept(&self, now: Time) {
        *self.at.lock() = Some(now);
    }

    /// Whether the list that is asked for now is accepted. One that is on its way already is not.
    pub(crate) fn of_next(&self, now: Time) -> Option<Acceptance> {
        self.at.lock().filter(|at| now.ms_since(*at) < KEPT_MS).map(Acceptance)
    }

    /// Notes that an accepted list was taken in; what was accepted since holds for the next one.
    pub(crate) fn taken_in(&self, Acceptance(at): Acceptance) {
        self.at.lock().take_if(|known| *known == at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acceptance_holds_for_ten_minutes_until_a_list_is_taken_in() {
        let accepted = AcceptedPrices::default();
        assert_eq!(accepted.of_next(Time(1)), None);
        accepted.accept(Time(1));
        let first = accepted.of_next(Time(KEPT_MS)).unwrap();
        assert_eq!(accepted.of_next(Time(1 + KEPT_MS)), None);
        accepted.accept(Time(9));
        accepted.taken_in(first);
        let second = accepted.of_next(Time(10)).unwrap();
        accepted.taken_in(second);
        assert_eq!(accepted.of_next(Time(10)), None);
    }
}
