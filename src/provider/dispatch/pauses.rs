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
    /// How many calls in a row were answered with such a wish.
    asked: [u8; LANES.len()],
}

/// After how many answers in a row a lane pauses. A call for one activation says little of the
/// others, and their codes are waited for: a gateway that turns some calls away stops none of them.
const fn answers_until_pause(lane: Lane) -> u8 {
    match lane {
        Lane::Buy | Lane::List | Lane::Sync => 1,
        Lane::Change | Lane::Poll | Lane::End => 3,
    }
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

    /// Notes that a call of a lane was answered with the wish for a pause until then.
    pub(super) fn note_asked(&mut self, lane: Lane, until: Instant) {
        let asked = &mut self.asked[lane as usize];
        *asked = asked.saturating_add(1);
        if *asked >= answers_until_pause(lane) {
            self.begin(PauseOf::One(lane), until);
        }
    }

    /// Notes that one was answered without it.
    pub(super) fn note_answered(&mut self, lane: Lane) {
        self.asked[lane as usize] = 0;
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
