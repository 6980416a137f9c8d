//! Time as the engine knows it: an argument, never a question.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z. The caller's clock gives it; it never runs back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// Milliseconds of a day of UTC.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Time {
    /// The day of UTC that the moment is of, counted from 1970-01-01.
    #[must_use]
    pub const fn day(self) -> u32 {
        let day = self.0 / DAY_MS;
        if day > u32::MAX as u64 { u32::MAX } else { day as u32 }
    }

    /// When a day begins.
    #[must_use]
    pub const fn of_day(day: u32) -> Self {
        Self(day as u64 * DAY_MS)
    }

    /// The moment `ms` milliseconds later; saturates at the end of the range.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment, 0 if it is not earlier.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Prints the milliseconds.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_its_first_millisecond() {
        let begin = Time::of_day(20_787);
        assert_eq!((begin.day(), Time(begin.0 - 1).day()), (20_787, 20_786));
        assert_eq!(begin.plus_ms(DAY_MS - 1).day(), 20_787);
        assert_eq!(Time(u64::MAX).day(), u32::MAX);
        assert_eq!(Time::of_day(0), Time(0));
    }
}
