//! Misbehaviour on demand: what a call does instead of what it should.
//!
//! Promises: one call shows at most one fault; a queued fault comes before the
//! dice; the dice follow from the seed and the number of the call.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::random::{chance, mix};

/// A way in which a provider misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The call is not answered and does nothing; the connection stays open.
    TimeOut,
    /// HTTP 500 with an HTML page; the call does nothing.
    Http500,
    /// HTTP 429 with `Retry-After: 1` and a line of text; the call does nothing.
    Http429RetryAfter,
    /// HTTP 200 with something that is not the protocol; the call does nothing.
    Garbage,
    /// The call is done, its reply ends halfway: JSON sometimes with a
    /// `Content-Length` that fits the part, everything else by a lost connection.
    TruncatedBody,
    /// A number is bought, the reply never comes: the connection closes or hangs. Purchases only.
    BoughtButReplyLost,
    /// The protocol's word for "no numbers", whatever the list says. Purchases only.
    NoNumbers,
    /// The bought number lists its messages twice. Purchases only.
    DuplicateMessage,
    /// The bought number receives a message after it was cancelled. Purchases only.
    MessageAfterCancel,
}

impl FaultKind {
    /// All of them; those that only a purchase can show come last.
    pub const ALL: [Self; 9] = [
        Self::TimeOut,
        Self::Http500,
        Self::Http429RetryAfter,
        Self::Garbage,
        Self::TruncatedBody,
        Self::BoughtButReplyLost,
        Self::NoNumbers,
        Self::DuplicateMessage,
        Self::MessageAfterCancel,
    ];

    const fn needs_purchase(self) -> bool {
        match self {
            Self::TimeOut
            | Self::Http500
            | Self::Http429RetryAfter
            | Self::Garbage
            | Self::TruncatedBody => false,
            Self::BoughtButReplyLost
            | Self::NoNumbers
            | Self::DuplicateMessage
            | Self::MessageAfterCancel => true,
        }
    }
}

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
    queue: VecDeque<FaultKind>,
}

impl Faults {
    pub(crate) fn new(seed: u64, any: f64) -> Self {
        let rates = [0.0; FaultKind::ALL.len()];
        Self { seed, state: Mutex::new(State { calls: 0, any, rates, queue: VecDeque::new() }) }
    }

    /// The share of calls, 0 to 1, that show a fault of whichever kind the call allows.
    pub fn set_any(&self, rate: f64) {
        self.state.lock().any = rate;
    }

    /// The share of calls, 0 to 1, that show this kind; among purchases where it needs one.
    pub fn set(&self, kind: FaultKind, rate: f64) {
        self.state.lock().rates[kind as usize] = rate;
    }

    /// The next call that can shows this kind, once; several wait in line. Beyond 1,024 they are dropped.
    pub fn next(&self, kind: FaultKind) {
        let mut state = self.state.lock();
        if state.queue.len() < QUEUE_LEN_MAX {
            state.queue.push_back(kind);
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
    pub(crate) fn draw(&self, purchase: bool) -> (Option<FaultKind>, u64) {
        let mut state = self.state.lock();
        state.calls += 1;
        let word = mix(self.seed, &[0xfa, state.calls]);
        let allowed = |kind: &FaultKind| purchase || !kind.needs_purchase();
        if let Some(at) = state.queue.iter().position(allowed) {
            return (state.queue.remove(at), word);
        }
        let kinds: &[FaultKind] = if purchase { &FaultKind::ALL } else { &FaultKind::ALL[..5] };
        let rolled = kinds
            .iter()
            .find(|&&kind| chance(mix(word, &[kind as u64]), state.rates[kind as usize]));
        let any = chance(word, state.any).then(|| kinds[mix(word, &[99]) as usize % kinds.len()]);
        (rolled.copied().or(any), word)
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
        assert_eq!(faults.draw(false).0, Some(FaultKind::Http500));
        assert_eq!(faults.draw(false).0, None);
        assert_eq!(faults.draw(true).0, Some(FaultKind::NoNumbers));
        assert_eq!(faults.draw(true).0, None);
    }

    #[test]
    fn rates_are_shares_of_the_calls_that_can_show_the_kind() {
        let faults = Faults::new(2, 0.0);
        assert!(FaultKind::ALL.iter().skip(5).all(|kind| kind.needs_purchase()));
        faults.set(FaultKind::NoNumbers, 1.0);
        assert_eq!((faults.draw(false).0, faults.draw(true).0), (None, Some(FaultKind::NoNumbers)));
        faults.clear();
        faults.set_any(0.3);
        let shown = (0..2_000).filter(|_| faults.draw(false).0.is_some()).count();
        assert!((500..700).contains(&shown), "{shown}");
    }
}
