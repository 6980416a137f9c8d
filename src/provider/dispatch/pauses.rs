//! Pauses that a provider asked for: of all its calls, or of one lane's.

use std::time::Duration;

use tokio::time::Instant;

use super::lane::{LANES, Lane};

/// What a pause is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseOf {
    /// All calls: the account has made too many.
    All,
    /// The calls of one lane: what they ask for cannot be had for a while.
    One(Lane),
}

/// The pauses of one provider, those that are over among them.
#[derive(Default)]
pub(super) struct Pauses {
    all: Option<Instant>,
    lanes: [Option<Instant>; LANES.len()],
}

impl Pauses {
    /// Lets a pause last until then, or as long as it lasts already.
    pub(super) fn begin(&mut self, of: PauseOf, until: Instant) {
        let pause = match of {
            PauseOf::All => &mut self.all,
            PauseOf::One(lane) => &mut self.lanes[lane as usize],
        };
        *pause = (*pause).max(Some(until));
    }

    /// Until when a lane pauses; `None` if it does not.
    pub(super) fn until(&self, lane: Lane, now: Instant) -> Option<Instant> {
        self.all.max(self.lanes[lane as usize]).filter(|until| *until > now)
    }

    /// What pauses longest, and for how long.
    pub(super) fn longest(&self, now: Instant) -> Option<(PauseOf, Duration)> {
        let lanes = LANES.map(|lane| (self.lanes[lane as usize], PauseOf::One(lane)));
        let all = lanes.into_iter().chain([(self.all, PauseOf::All)]);
        let last = all.max_by_key(|(until, _)| *until);
        let (until, of) = last.and_then(|(until, of)| Some((until?, of)))?;
        (until > now).then(|| (of, until - now))
    }
}
