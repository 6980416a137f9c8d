//! A provider's clock beside ours: its rows are dated by its own, and either may be wrong.

use nexnum_driver::ActiveList;
use nexnum_engine::time::Time;

/// What rounding takes from a provider's moments: its clock's and a purchase's may be cut to
/// whole seconds, the one moving a purchase forward in time, the other back.
pub(crate) const ROUNDING_MS: u64 = 1_000;
/// When a list was asked for and when its last page was there, by our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) asked: Time,
    pub(crate) answered: Time,
}

/// What has to be added to a provider's moments to get ours: something between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockOffset {
    least_ms: i64,
    most_ms: i64,
}

impl ClockOffset {
    /// Of a provider that dated its reply so.
    pub(crate) fn of(look: Look, server_now: Time) -> Self {
        let from = |ours: Time| ours.0 as i64 - server_now.0 as i64;
        let rounding = ROUNDING_MS as i64;
        Self { least_ms: from(look.asked) - rounding, most_ms: from(look.answered) + rounding }
    }

    /// Of a list's provider: its rows are dated by its own clock, never by ours. `None` if its
    /// replies do not say what that shows.
    pub(crate) fn of_list(list: &ActiveList, look: Look) -> Option<Self> {
        list.server_now.map(|server_now| Self::of(look, server_now))
    }

    /// Either of the two.
    pub(crate) fn or_as(self, other: Self) -> Self {
        let (least_ms, most_ms) =
            (self.least_ms.min(other.least_ms), self.most_ms.max(other.most_ms));
        Self { least_ms, most_ms }
    }

    /// By how much it is not known.
    pub(crate) const fn width_ms(self) -> u64 {
        self.most_ms.abs_diff(self.least_ms)
    }

    /// The earliest and the latest moment of theirs that a moment of our clock may be.
    pub(crate) fn theirs(self, ours: Time) -> (Time, Time) {
        let moved = |ms: i64| Time(ours.0.saturating_add_signed(ms.saturating_neg()));
        (moved(self.most_ms), moved(self.least_ms))
    }

    /// The earliest and the latest moment of our clock that a moment of theirs may be.
    pub(crate) fn ours(self, theirs: Time) -> (Time, Time) {
        let moved = |ms| Time(theirs.0.saturating_add_signed(ms));
        (moved(self.least_ms), moved(self.most_ms))
    }
}
