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

impl PauseOf {
    /// All of them.
    const ALL: [Self; 7] = [
        Self::All,
        Self::One(Lane::Buy),
        Self::One(Lane::Change),
        Self::One(Lane::Poll),
        Self::One(Lane::List),
        Self::One(Lane::End),
        Self::One(Lane::Sync),
    ];

    /// The stable word for it.
    pub(in crate::provider) const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::One(Lane::Buy) => "buy",
            Self::One(Lane::Change) => "change",
            Self::One(Lane::Poll) => "poll",
            Self::One(Lane::List) => "list",
            Self::One(Lane::End) => "end",
            Self::One(Lane::Sync) => "sync",
        }
    }

    /// What a word stands for.
    pub(in crate::provider) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

/// In a pause one call of a lane that messages come by is made each time that this is over: the
/// provider may be well again long before it said, and numbers live no longer than their time.
pub(super) const PROBE: Duration = Duration::from_secs(30);

/// Whether messages come by a lane.
const fn is_probed(lane: Lane) -> bool {
    match lane {
        Lane::Poll | Lane::List => true,
        Lane::Buy | Lane::Change | Lane::End | Lane::Sync => false,
    }
}

/// The one call that a lane is allowed in a pause now and then.
#[derive(Clone, Copy, Default)]
struct Probe {
    /// When the next one may be made.
    at: Option<Instant>,
    /// One was made, and its answer is not known.
    is_made: bool,
    /// One was answered well: the pause of all calls is over for this lane.
    lifted: bool,
}

/// The pauses of one provider, those that are over among them.
#[derive(Default)]
pub(super) struct Pauses {
    probes: [Probe; LANES.len()],
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
    /// Lets a pause last so long, or as long as it lasts already.
    pub(super) fn begin(&mut self, of: PauseOf, now: Instant, length: Duration) {
        let until = Some(now + length);
        match of {
            PauseOf::All => self.all = self.all.max(until),
            PauseOf::One(lane) => {
                self.lanes[lane as usize] = self.lanes[lane as usize].max(until);
            }
        }
        for lane in LANES.into_iter().filter(|lane| is_probed(*lane)) {
            if of == PauseOf::All || of == PauseOf::One(lane) {
                let at = Some(now + PROBE);
                self.probes[lane as usize] = Probe { at, ..Probe::default() };
            }
        }
    }

    /// Notes that a call of a lane was answered with the wish for a pause.
    pub(super) fn note_asked(&mut self, lane: Lane, now: Instant, length: Duration) {
        let asked = &mut self.asked[lane as usize];
        *asked = asked.saturating_add(1);
        if *asked >= answers_until_pause(lane) {
            self.begin(PauseOf::One(lane), now, length);
        }
    }

    /// Notes that one was answered without it.
    pub(super) fn note_answered(&mut self, lane: Lane) {
        self.asked[lane as usize] = 0;
    }

    /// Notes that a call of a lane was answered as by a provider that is well: if it was made in
    /// a pause, that is over for the lane.
    pub(super) fn note_well(&mut self, lane: Lane) {
        self.note_answered(lane);
        let probe = &mut self.probes[lane as usize];
        if probe.is_made {
            *probe = Probe { lifted: true, ..Probe::default() };
            self.lanes[lane as usize] = None;
        }
    }

    /// Notes that a call of a lane is made.
    pub(super) fn note_made(&mut self, lane: Lane, now: Instant) {
        if is_probed(lane) && self.lasts_until(lane, now).is_some() {
            let probe = &mut self.probes[lane as usize];
            (probe.at, probe.is_made) = (Some(now + PROBE), true);
        }
    }

    /// Until when a lane makes no call because of a pause; `None` if it may make one.
    pub(super) fn until(&self, lane: Lane, now: Instant) -> Option<Instant> {
        let lasts = self.lasts_until(lane, now)?;
        let probe = self.probes[lane as usize].at.unwrap_or(lasts);
        Some(lasts.min(probe)).filter(|until| *until > now)
    }

    /// Until when a lane pauses, whatever it may make meanwhile; `None` if it does not.
    pub(super) fn lasts_until(&self, lane: Lane, now: Instant) -> Option<Instant> {
        let all = self.all.filter(|_| !self.probes[lane as usize].lifted);
        all.max(self.lanes[lane as usize]).filter(|until| *until > now)
    }

    /// What pauses, and for how long; of equal ones the pause of all calls comes last.
    pub(super) fn lasting(&self, now: Instant) -> Vec<(PauseOf, Duration)> {
        let lanes = LANES.map(|lane| (PauseOf::One(lane), self.lanes[lane as usize]));
        let all = lanes.into_iter().chain([(PauseOf::All, self.all)]);
        let lasting = all.filter_map(|(of, until)| Some((of, until.filter(|until| *until > now)?)));
        lasting.map(|(of, until)| (of, until - now)).collect()
    }
}
