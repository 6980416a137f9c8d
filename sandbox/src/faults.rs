//! Misbehaviour on demand: what a call does instead of what it should.
//!
//! Promises: one call shows at most one fault; a queued fault comes before the
//! dice; the dice follow from the seed and the number of the call.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::fault_kind::{Ask, FaultKind};
use crate::random::{chance, mix};

/// Faults that may wait in line; a test that queues more has lost count.
const QUEUE_LEN_MAX: usize = 1_024;

/// The faults of one simulated provider; switched while it runs.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    calls: u64,
    any: f64,
    rates: [f64; FaultKind::ALL.len()],
    /// Each with the one call that shows it, where not all may that can.
    queue: VecDeque<(FaultKind, Option<Ask>)>,
}

impl Faults {
    pub(crate) fn new(seed: u64, any: f64) -> Self {
        let rates = [0.0; FaultKind::ALL.len()];
        Self { seed, state: Mutex::new(State { calls: 0, any, rates, queue: VecDeque::new() }) }
    }

    /// The share of calls, 0 to 1, that show a fault of whichever kind the call allows, but for
    /// those that last: a refused key, an empty account, price lists that jump or fall.
    pub fn set_any(&self, rate: f64) {
        self.state.lock().any = rate;
    }

    /// The share of calls, 0 to 1, that show this kind, among those that can.
    pub fn set(&self, kind: FaultKind, rate: f64) {
        self.state.lock().rates[kind as usize] = rate;
    }

    /// The next call that can shows this kind, once; several wait in line. Beyond 1,024 they are dropped.
    pub fn next(&self, kind: FaultKind) {
        self.queue(kind, None);
    }

    /// The same of the next purchase: another call, such as one for prices, may come before it.
    pub fn next_purchase(&self, kind: FaultKind) {
        self.queue(kind, Some(Ask::Purchase));
    }

    fn queue(&self, kind: FaultKind, only: Option<Ask>) {
        let mut state = self.state.lock();
        if state.queue.len() < QUEUE_LEN_MAX {
            state.queue.push_back((kind, only));
        }
    }

    /// All rates to zero and the line emptied.
    pub fn clear(&self) {
        let mut state = self.state.lock();
        state.any = 0.0;
        state.rates = [0.0; FaultKind::ALL.len()];
        state.queue.clear();
    }

    /// What the next call shows, and a word to vary it by.
    pub(crate) fn draw(&self, ask: Ask) -> (Option<FaultKind>, u64) {
        let mut state = self.state.lock();
        state.calls += 1;
        let word = mix(self.seed, &[0xfa, state.calls]);
        let shows = |(kind, only): &(FaultKind, Option<Ask>)| {
            kind.shows_in(ask) && only.is_none_or(|only| only == ask)
        };
        if let Some(at) = state.queue.iter().position(shows) {
            return (state.queue.remove(at).map(|(kind, _)| kind), word);
        }
        let kinds = || FaultKind::ALL.into_iter().filter(|kind| kind.shows_in(ask));
        let rolled =
            kinds().find(|&kind| chance(mix(word, &[kind as u64]), state.rates[kind as usize]));
        let any = || {
            let kinds: Vec<FaultKind> = kinds().filter(|kind| !kind.is_standing()).collect();
            kinds[mix(word, &[99]) as usize % kinds.len()]
        };
        (rolled.or_else(|| chance(word, state.any).then(any)), word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queued_fault_waits_for_a_call_that_can_show_it() {
        let faults = Faults::new(1, 0.0);
        faults.next(FaultKind::NoNumbers);
        faults.next(FaultKind::Http500);
        assert_eq!(faults.draw(Ask::Status).0, Some(FaultKind::Http500));
        assert_eq!(faults.draw(Ask::Status).0, None);
        assert_eq!(faults.draw(Ask::Purchase).0, Some(FaultKind::NoNumbers));
        assert_eq!(faults.draw(Ask::Purchase).0, None);
        faults.next_purchase(FaultKind::Garbage);
        assert_eq!(faults.draw(Ask::Prices).0, None);
        assert_eq!(faults.draw(Ask::Purchase).0, Some(FaultKind::Garbage));
    }

    #[test]
    fn rates_are_shares_of_the_calls_that_can_show_the_kind() {
        let faults = Faults::new(2, 0.0);
        assert!(FaultKind::ALL.iter().enumerate().all(|(at, kind)| at == *kind as usize));
        faults.set(FaultKind::NoNumbers, 1.0);
        assert_eq!(
            (faults.draw(Ask::Status).0, faults.draw(Ask::Purchase).0),
            (None, Some(FaultKind::NoNumbers))
        );
        faults.clear();
        faults.set_any(0.3);
        let shown = (0..2_000).filter(|_| faults.draw(Ask::Status).0.is_some()).count();
        assert!((500..700).contains(&shown), "{shown}");
    }
}
