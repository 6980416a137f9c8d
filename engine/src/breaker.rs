//! The breaker of one provider: when to leave it alone, and when to try it again.
//!
//! A pure machine with the time as an argument. Promises: after a run of failures no call
//! goes there until a pause has passed, which doubles while the failures go on; then
//! one probe decides; a provider that is back is on trial: its next failure closes the
//! way again at once. Leaves to others: what counts as a failure, and how to probe.

use crate::time::Time;

/// Failures in a row that open a breaker: fewer may be chance, more cost buyers time.
pub const FAILURES_MAX: u8 = 5;
/// The first pause.
pub const PAUSE_MIN_MS: u64 = 5_000;
/// The longest pause: a provider that is back is in use within this.
pub const PAUSE_MAX_MS: u64 = 5 * 60_000;
/// The pause after a failure that only the operator or time can cure.
pub const HARD_PAUSE_MS: u64 = 60_000;

/// Where a breaker stands. `level` is how often in a row it has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// In use.
    Closed {
        /// Failures in a row.
        failures: u8,
        /// How long the next pause will be.
        level: u8,
    },
    /// Left alone.
    Open {
        /// Until then.
        until: Time,
        /// How long the next pause will be.
        level: u8,
    },
    /// Being probed, once.
    HalfOpen {
        /// How long the next pause will be.
        level: u8,
    },
}

/// What a breaker counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerInput {
    /// A purchase or a probe went well.
    Good,
    /// One went wrong, the next may not.
    Bad,
    /// Our key, our standing or our balance is refused: the next would go wrong too.
    Hard,
    /// Time has passed: a call could probe.
    Probe,
    /// A call has shown that what opened it is over.
    Mended,
}

/// Every input, for tables and tests.
pub const INPUTS: [BreakerInput; 5] = [
    BreakerInput::Good,
    BreakerInput::Bad,
    BreakerInput::Hard,
    BreakerInput::Probe,
    BreakerInput::Mended,
];

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0, level: 0 }
    }
}

impl Breaker {
    /// Where it stands after `input` at `now`. A [`BreakerInput::Probe`] that leads to
    /// [`Breaker::HalfOpen`] is the one probe: the call that caused it makes it.
    #[must_use]
    pub fn after(self, input: BreakerInput, now: Time) -> Self {
        match (self, input) {
            (Self::Closed { .. }, BreakerInput::Good) => Self::default(),
            (Self::Closed { failures, level }, BreakerInput::Bad) => {
                let failures = failures.saturating_add(1);
                if failures >= FAILURES_MAX {
                    opened(level, now)
                } else {
                    Self::Closed { failures, level }
                }
            }
            (Self::HalfOpen { .. }, BreakerInput::Good)
            | (Self::Open { .. } | Self::HalfOpen { .. }, BreakerInput::Mended) => self.on_trial(),
            (Self::HalfOpen { level }, BreakerInput::Bad) => opened(level, now),
            (Self::Closed { level, .. } | Self::HalfOpen { level }, BreakerInput::Hard) => {
                Self::Open { until: now.plus_ms(HARD_PAUSE_MS), level }
            }
            (Self::Open { until, level }, BreakerInput::Probe) if until <= now => {
                Self::HalfOpen { level }
            }
            // A call sent before it opened tells nothing new, except that a
            // hard failure outlasts a short pause.
            (Self::Open { until, level }, BreakerInput::Hard) => {
                Self::Open { until: until.max(now.plus_ms(HARD_PAUSE_MS)), level }
            }
            (Self::Open { .. }, BreakerInput::Good | BreakerInput::Bad | BreakerInput::Probe)
            | (Self::Closed { .. } | Self::HalfOpen { .. }, BreakerInput::Probe)
            | (Self::Closed { .. }, BreakerInput::Mended) => self,
        }
    }

    /// True while orders may be sent there.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        match self {
            Self::Closed { .. } => true,
            Self::Open { .. } | Self::HalfOpen { .. } => false,
        }
    }

    /// The stable word for where it stands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }

    const fn on_trial(self) -> Self {
        match self {
            Self::Closed { level, .. } | Self::Open { level, .. } | Self::HalfOpen { level } => {
                Self::Closed { failures: FAILURES_MAX - 1, level }
            }
        }
    }
}

fn opened(level: u8, now: Time) -> Breaker {
    // 2⁶ pauses of 5 s are above the longest one.
    let pause = (PAUSE_MIN_MS << level.min(6)).min(PAUSE_MAX_MS);
    Breaker::Open { until: now.plus_ms(pause), level: level.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_total() {
        let now = Time(1_000_000);
        let states = [
            Breaker::default(),
            Breaker::Closed { failures: FAILURES_MAX - 1, level: 2 },
            Breaker::Open { until: Time(1_000_001), level: 1 },
            Breaker::Open { until: now, level: 1 },
            Breaker::HalfOpen { level: 9 },
        ];
        let mut table = String::new();
        for state in states {
            for input in INPUTS {
                let after = state.after(input, now);
                table.push_str(&format!("{} + {input:?} -> {}\n", show(state), show(after)));
            }
        }
        let expected = "\
closed 0/0 + Good -> closed 0/0
closed 0/0 + Bad -> closed 1/0
closed 0/0 + Hard -> open until 1060000/0
closed 0/0 + Probe -> closed 0/0
closed 0/0 + Mended -> closed 0/0
closed 4/2 + Good -> closed 0/0
closed 4/2 + Bad -> open until 1020000/3
closed 4/2 + Hard -> open until 1060000/2
closed 4/2 + Probe -> closed 4/2
closed 4/2 + Mended -> closed 4/2
open until 1000001/1 + Good -> open until 1000001/1
open until 1000001/1 + Bad -> open until 1000001/1
open until 1000001/1 + Hard -> open until 1060000/1
open until 1000001/1 + Probe -> open until 1000001/1
open until 1000001/1 + Mended -> closed 4/1
open until 1000000/1 + Good -> open until 1000000/1
open until 1000000/1 + Bad -> open until 1000000/1
open until 1000000/1 + Hard -> open until 1060000/1
open until 1000000/1 + Probe -> half open/9"
            .replace("half open/9", "half open/1")
            + "
open until 1000000/1 + Mended -> closed 4/1
half open/9 + Good -> closed 4/9
half open/9 + Bad -> open until 1300000/10
half open/9 + Hard -> open until 1060000/9
half open/9 + Probe -> half open/9
half open/9 + Mended -> closed 4/9
";
        assert_eq!(table, expected, "{table}");
    }

    fn show(breaker: Breaker) -> String {
        match breaker {
            Breaker::Closed { failures, level } => format!("closed {failures}/{level}"),
            Breaker::Open { until, level } => format!("open until {until}/{level}"),
            Breaker::HalfOpen { level } => format!("half open/{level}"),
        }
    }

    #[test]
    fn pauses_double_while_failures_go_on_and_start_over_after_a_purchase() {
        let (mut breaker, mut now) = (Breaker::default(), Time(0));
        let mut pauses = Vec::new();
        for _ in 0..8 {
            while breaker.is_closed() {
                breaker = breaker.after(BreakerInput::Bad, now);
            }
            let Breaker::Open { until, .. } = breaker else { unreachable!("it has opened") };
            pauses.push(until.ms_since(now) / 1000);
            now = until;
            breaker = breaker.after(BreakerInput::Probe, now).after(BreakerInput::Good, now);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(breaker.after(BreakerInput::Good, now), Breaker::default());
    }
}
