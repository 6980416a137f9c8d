//! A provider's clock beside ours: its rows are dated by its own, and either may be wrong.
//!
//! Each reply that is dated says how the two stand to each other, to the length of its exchange
//! and a second. What all of them allow is known far better: to a fraction of a second after
//! some replies, also where lists are slow.

use nexnum_driver::ActiveList;
use nexnum_engine::time::Time;
use parking_lot::Mutex;
use tokio::time::Instant;

/// What rounding takes from a provider's moments: its clock's and a purchase's may be cut to
/// whole seconds.
pub(crate) const ROUNDING_MS: u64 = 1_000;
/// How long a reply counts, at least; at most twice as long. Clocks drift apart by less than a
/// tenth of a second in that time.
const TOLD_MS: i64 = 5 * 60 * 1000;

/// When a list was asked for and when its last page was there, by our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) asked: Time,
    pub(crate) answered: Time,
}

/// What has to be added to what a provider's clock shows to get ours: something between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockOffset {
    least_ms: i64,
    most_ms: i64,
}

impl ClockOffset {
    /// Of a provider that dated its reply so, or a purchase that was made in that time: by what
    /// its clock showed, cut to seconds.
    pub(crate) fn of(look: Look, server_now: Time) -> Self {
        let from = |ours: Time| ours.0 as i64 - server_now.0 as i64;
        Self { least_ms: from(look.asked) - ROUNDING_MS as i64, most_ms: from(look.answered) }
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

    /// What both allow; `None` where they contradict each other.
    pub(crate) fn and(self, other: Self) -> Option<Self> {
        let (least_ms, most_ms) =
            (self.least_ms.max(other.least_ms), self.most_ms.min(other.most_ms));
        (least_ms <= most_ms).then_some(Self { least_ms, most_ms })
    }

    /// The same to a clock that is ahead of ours by so much.
    const fn to_clock_ahead(self, ms: i64) -> Self {
        Self { least_ms: self.least_ms + ms, most_ms: self.most_ms + ms }
    }

    /// By how much it is not known when something was made that it dates.
    pub(crate) const fn width_ms(self) -> u64 {
        self.most_ms.abs_diff(self.least_ms) + ROUNDING_MS
    }

    /// The earliest and the latest that theirs may have shown, cut to seconds, at a moment of
    /// our clock.
    pub(crate) fn theirs(self, ours: Time) -> (Time, Time) {
        let moved = |ms: i64| Time(ours.0.saturating_add_signed(ms.saturating_neg()));
        (moved(self.most_ms + ROUNDING_MS as i64), moved(self.least_ms))
    }

    /// The earliest and the latest moment of our clock at which theirs may have shown this, cut
    /// to seconds.
    pub(crate) fn ours(self, theirs: Time) -> (Time, Time) {
        let moved = |ms| Time(theirs.0.saturating_add_signed(ms));
        (moved(self.least_ms), moved(self.most_ms + ROUNDING_MS as i64))
    }
}

/// How a provider's clock stands to the monotonic one, as all its replies tell it.
#[derive(Debug)]
pub(crate) struct ServerClock {
    start: Instant,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// Since when replies are taken into the one below, in milliseconds since the start.
    since_ms: i64,
    /// What the replies since then allow.
    now: Option<ClockOffset>,
    /// What those of as long before allow.
    before: Option<ClockOffset>,
}

impl Default for ServerClock {
    fn default() -> Self {
        Self { start: Instant::now(), told: Mutex::default() }
    }
}

impl ServerClock {
    /// Takes in what a reply says that was asked for at `asked` and began to come now. One that
    /// contradicts the others is of a clock that was set, or of another server: it counts alone.
    pub(crate) fn note(&self, asked: Instant, server_now: Time) {
        let ms = |at: Instant| u64::try_from((at - self.start).as_millis()).unwrap_or(u64::MAX);
        let answered = ms(Instant::now());
        let look = Look { asked: Time(ms(asked)), answered: Time(answered.saturating_add(1)) };
        self.told.lock().take_in(ClockOffset::of(look, server_now), answered as i64);
    }

    /// How it stands to our clock, which shows `now`.
    pub(crate) fn offset(&self, now: Time) -> Option<ClockOffset> {
        let monotonic_ms = (Instant::now() - self.start).as_millis() as i64;
        let offset = self.told.lock().all()?;
        Some(offset.to_clock_ahead(now.0 as i64 - monotonic_ms))
    }
}

impl Told {
    fn take_in(&mut self, told: ClockOffset, now_ms: i64) {
        if now_ms - self.since_ms >= TOLD_MS {
            (self.since_ms, self.before) = (now_ms, self.now.take());
        }
        let all = self.all().map_or(Some(told), |all| all.and(told));
        if all.is_none() {
            *self = Self { since_ms: now_ms, ..Self::default() };
        }
        self.now = Some(self.now.and_then(|now| now.and(told)).unwrap_or(told));
    }

    fn all(&self) -> Option<ClockOffset> {
        match (self.now, self.before) {
            (Some(now), Some(before)) => now.and(before).or(Some(now)),
            (now, before) => now.or(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reply says, by the monotonic clock: theirs is ahead by `ahead_ms`, and it was asked
    /// for so long before it was dated, which was so long before it came.
    fn reply(at_ms: u64, (before_ms, after_ms): (u64, u64), ahead_ms: u64) -> ClockOffset {
        let shown = (at_ms + ahead_ms) / 1_000 * 1_000;
        let look = Look { asked: Time(at_ms - before_ms), answered: Time(at_ms + after_ms) };
        ClockOffset::of(look, Time(shown))
    }

    #[test]
    fn many_replies_tell_a_clock_better_than_a_slow_list() {
        let mut told = Told::default();
        let list = reply(60_000, (9_000, 100), 600_000);
        assert_eq!(list.width_ms(), 9_100 + 2 * ROUNDING_MS);
        for n in 0..20 {
            let at = 20_000 + n * 1_050;
            told.take_in(reply(at, (30, 20), 600_000), at as i64);
        }
        let known = told.all().and_then(|all| all.and(list)).unwrap();
        assert!(known.width_ms() < ROUNDING_MS + 150, "{known:?}");
        // What was made at 61.3 s was not made before, and not seconds later.
        let (after, before) = known.ours(Time(661_000));
        assert!((60_850..=61_300).contains(&after.0), "{after:?}");
        assert!((61_300..=62_200).contains(&before.0), "{before:?}");
    }

    #[test]
    fn a_clock_that_is_set_counts_from_then_on() {
        let mut told = Told::default();
        for at in [10_000, 11_300, 12_600] {
            told.take_in(reply(at, (20, 20), 600_000), at as i64);
        }
        let set = reply(13_000, (20, 20), 0);
        told.take_in(set, 13_000);
        assert_eq!(told.all(), Some(set));
        told.take_in(reply(14_500, (20, 20), 0), 14_500);
        assert!(told.all().is_some_and(|all| all.width_ms() < set.width_ms()));
    }

    #[test]
    fn a_reply_counts_for_some_minutes() {
        let mut told = Told::default();
        let wide = |at: i64| reply(at as u64, (500, 500), 0);
        told.take_in(reply(10_000, (1, 1), 0), 10_000);
        told.take_in(reply(10_990, (1, 1), 0), 10_990);
        let narrow = told.all();
        told.take_in(wide(TOLD_MS), TOLD_MS);
        assert_eq!(told.all(), narrow);
        told.take_in(wide(2 * TOLD_MS), 2 * TOLD_MS);
        assert!(told.all() != narrow && told.all().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn replies_are_told_by_the_clock_of_the_market() {
        let clock = ServerClock::default();
        assert_eq!(clock.offset(Time(5)), None);
        tokio::time::advance(std::time::Duration::from_secs(7)).await;
        let asked = Instant::now();
        tokio::time::advance(std::time::Duration::from_millis(400)).await;
        clock.note(asked, Time(1_000_000));
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
        // The market's clock showed 2,000,000 when the reply came.
        let offset = clock.offset(Time(2_060_000)).unwrap();
        assert_eq!(offset, ClockOffset { least_ms: 998_600, most_ms: 1_000_001 });
    }
}
