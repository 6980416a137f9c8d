//! The only place that asks the time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use nexnum_engine::event::ClockJump;
use nexnum_engine::limits::BUY_TIME_MS;
use nexnum_engine::time::Time;
use parking_lot::Mutex;

mod kept;
mod source;
#[cfg(test)]
mod tests;

use self::kept::Anchor;
use self::source::{Machine, Reading, between};
pub use self::source::{TimeSource, monotonic_ns, wall};

/// The wall clock jumped if it is further than this from where the time that has passed would have
/// it. A leap second and the steps by which clocks are kept right are less.
const JUMP_MS: u64 = 2_000;
/// The slew: of so many milliseconds one is added or left out until the two agree, some 3,900 in a
/// million. It is little enough that what is dated within an order's time to buy is off by less
/// than a second, and enough that two seconds are made up for within nine minutes and an accepted
/// step back of an hour within eleven days; at the 500 in a million of NTP that would be 83 days.
const SLEW: u64 = 256;
const _: () = assert!(BUY_TIME_MS / SLEW < 1_000);
/// Time beyond this since the last look at the wall clock, as of a suspend, allows no more slew.
const LOOK_MAX_MS: u64 = 10_000;
/// Less than this between the two is how they were rounded.
const ROUNDING_MS: u64 = 1;
/// The longest time between a ledger's last event and a start in another boot that the wall clock
/// alone is believed.
const GAP_MAX_MS: u64 = 24 * 60 * 60 * 1000;
/// How far the file may be from what it keeps before it is written again: what a kill loses of it
/// is steered again.
const KEPT_WITHIN_MS: u64 = 250;
/// How old the file may be: a start in another boot counts from it how long the machine was off, also
/// if the ledger had no event for long.
const KEPT_FOR_MS: u64 = 60 * 60 * 1000;

/// The ledger's time: a clock that never runs back. It goes on as `CLOCK_BOOTTIME` does, which no
/// operator sets and which counts a suspend, and is slewed to the wall clock ([`Clock::follow`]). A
/// wall clock that jumps is not followed, and is reported, until it comes back or the operator
/// accepts it: deadlines, refunds and what is forgotten hang on this time.
#[derive(Debug)]
pub struct Clock {
    source: Box<dyn TimeSource>,
    boot_id: Option<Box<str>>,
    folder: Option<PathBuf>,
    /// How far it is ahead of the boot's.
    ahead_ms: AtomicI64,
    /// The latest answer.
    latest_ms: AtomicU64,
    course: Mutex<Course>,
    /// What the file keeps. It is locked while the file is written, so that no older one comes last.
    kept: Mutex<Option<Kept>>,
    /// How far the wall clock was from the ledger's last event at the start, if it alone says so
    /// and that is too far to be believed.
    gap: Option<ClockJump>,
}

/// What the file keeps.
#[derive(Clone, Copy, Debug)]
struct Kept {
    ahead_ms: i64,
    rest_ms: i64,
    /// When it was written, by the boot's clock.
    boot_ms: u64,
}

/// How the wall clock is followed.
#[derive(Clone, Copy, Debug)]
struct Course {
    /// When it was last steered, by the boot's clock.
    steered_ms: u64,
    /// What is left of an accepted step back, zero or negative: the wall clock may be so far behind.
    rest_ms: i64,
    /// How far the wall clock is off since it jumped.
    jump_ms: Option<i64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self::not_before(Time(0))
    }
}

impl Clock {
    /// A clock that begins with the machine's, and not before `floor`.
    #[must_use]
    pub fn not_before(floor: Time) -> Self {
        Self::over(Box::new(Machine), floor, None)
    }

    /// The clock of a data folder whose ledger's last event was at `last_at`.
    #[must_use]
    pub fn open(folder: &Path, last_at: Time) -> Self {
        Self::open_over(Box::new(Machine), folder, last_at)
    }

    /// As [`Clock::open`], over other clocks than the machine's.
    #[must_use]
    pub fn open_over(source: Box<dyn TimeSource>, folder: &Path, last_at: Time) -> Self {
        let clock = Self::over(source, last_at, Anchor::read(folder));
        Self { folder: Some(folder.to_owned()), ..clock }
    }

    /// Goes on from an anchor of the same boot; else begins with the wall clock, unless that is
    /// before `floor`.
    fn over(source: Box<dyn TimeSource>, floor: Time, anchor: Option<Anchor>) -> Self {
        let reading = Reading::of(&*source);
        let boot_id = source.boot_id();
        let rest_ms = anchor.as_ref().map_or(0, |anchor| anchor.rest_ms);
        let is_same = |anchor: &Anchor| {
            Some(&anchor.boot_id) == boot_id.as_ref() && anchor.boot_ms <= reading.boot_ms
        };
        // When it was last known to go, whatever the boot.
        let known_at = anchor.as_ref().map_or(floor, |anchor| floor.max(anchor.at));
        let anchor = anchor.filter(is_same);
        let floor_ms = between(floor.0, reading.boot_ms);
        let wall_ms = reading.ahead_ms();
        let (began_ms, gap) = match anchor {
            Some(anchor) => (between(anchor.at.0, anchor.boot_ms), None),
            None => (wall_ms, gap(known_at, rest_ms, Time(reading.wall_ms))),
        };
        let ahead_ms = began_ms.max(floor_ms);
        // It was accepted that the wall clock is behind by the rest; more than that is a jump.
        let rest_ms = wall_ms.saturating_sub(ahead_ms).max(rest_ms).min(0);
        let course = Course { steered_ms: reading.boot_ms, rest_ms, jump_ms: None };
        Self {
            source,
            boot_id,
            folder: None,
            ahead_ms: AtomicI64::new(ahead_ms),
            latest_ms: AtomicU64::new(0),
            course: Mutex::new(course),
            kept: Mutex::default(),
            gap,
        }
    }

    /// Now; at least as late as any answer before.
    pub fn now(&self) -> Time {
        // Each atomic is a counter of its own: none orders anything but itself, and an answer that
        // is late is made good by the latest one.
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let now_ms = self.source.boot_ms().saturating_add_signed(ahead_ms);
        let before_ms = self.latest_ms.fetch_max(now_ms, Ordering::Relaxed);
        Time(before_ms.max(now_ms))
    }

    /// Goes on from `floor`, if that is later: an event of the ledger is.
    pub fn advance_to(&self, floor: Time) {
        let ahead_ms = between(floor.0, self.source.boot_ms());
        self.ahead_ms.fetch_max(ahead_ms, Ordering::Relaxed);
    }

    /// Looks at the wall clock: slews to it, or sees that it jumped. Gives each jump once; one that
    /// is seen still is none. Called every second.
    pub fn follow(&self) -> Option<ClockJump> {
        let reading = Reading::of(&*self.source);
        if !reading.is_exact {
            return None;
        }
        let mut course = self.course.lock();
        let since_ms = reading.boot_ms.saturating_sub(course.steered_ms);
        course.steered_ms = reading.boot_ms - since_ms % SLEW;
        let allowed_ms = since_ms.min(LOOK_MAX_MS) / SLEW;
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let off_ms = reading.ahead_ms().saturating_sub(ahead_ms);
        if off_ms.unsigned_abs() <= JUMP_MS {
            // It is right again, whatever was accepted before.
            course.rest_ms = course.rest_ms.max(off_ms.min(0));
        }
        if off_ms.abs_diff(course.rest_ms) > JUMP_MS {
            let known = course.jump_ms.filter(|known| known.abs_diff(off_ms) <= JUMP_MS);
            course.jump_ms = Some(known.unwrap_or(off_ms));
            return known.is_none().then(|| jump(&reading, ahead_ms));
        }
        course.jump_ms = None;
        if off_ms.unsigned_abs() > ROUNDING_MS {
            let most = i64::try_from(allowed_ms).unwrap_or(i64::MAX);
            let by_ms = off_ms.clamp(-most, most);
            // Others only raise it, to the time of an event.
            self.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
            let left_ms = (course.rest_ms - by_ms).max(off_ms - by_ms);
            course.rest_ms = left_ms.min(0);
        }
        None
    }

    /// The jump of the wall clock that is not followed, as it stands now.
    #[must_use]
    pub fn jump(&self) -> Option<ClockJump> {
        self.course.lock().jump_ms?;
        Some(jump(&Reading::of(&*self.source), self.ahead_ms.load(Ordering::Relaxed)))
    }

    /// Why a start has to be accepted before it writes: from when its time was last known to the wall
    /// clock, which is more than a day away and has nothing to confirm it.
    #[must_use]
    pub const fn gap(&self) -> Option<ClockJump> {
        self.gap
    }

    /// Follows the wall clock after a jump that was accepted: at once if it is ahead, by the slew if
    /// it is behind, since time does not run back. False if it is elsewhere by now, and nothing was
    /// done.
    pub fn accept(&self, accepted: ClockJump) -> bool {
        let reading = Reading::of(&*self.source);
        let mut course = self.course.lock();
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let off_ms = reading.ahead_ms().saturating_sub(ahead_ms);
        if off_ms.abs_diff(between(accepted.to.0, accepted.from.0)) > JUMP_MS {
            return false;
        }
        self.ahead_ms.fetch_add(off_ms.max(0), Ordering::Relaxed);
        course.rest_ms = off_ms.min(0);
        course.jump_ms = None;
        true
    }

    /// Has the data folder keep how this time stands to the boot's, where that has changed. It
    /// waits for the disk.
    pub fn keep(&self) {
        let (Some(folder), Some(boot_id)) = (&self.folder, &self.boot_id) else { return };
        let mut kept = self.kept.lock();
        let rest_ms = self.course.lock().rest_ms;
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let boot_ms = self.source.boot_ms();
        let is_near = |kept: Kept| {
            kept.ahead_ms.abs_diff(ahead_ms).max(kept.rest_ms.abs_diff(rest_ms)) <= KEPT_WITHIN_MS
                && boot_ms.saturating_sub(kept.boot_ms) < KEPT_FOR_MS
        };
        if kept.is_some_and(is_near) {
            return;
        }
        let at = Time(boot_ms.saturating_add_signed(ahead_ms));
        Anchor { boot_id: boot_id.clone(), boot_ms, at, rest_ms }.write(folder);
        *kept = Some(Kept { ahead_ms, rest_ms, boot_ms });
    }

    /// How far the machine's clock is ahead of this one, or behind it where that is negative.
    #[must_use]
    pub fn off_ms(&self) -> i64 {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        Reading::of(&*self.source).ahead_ms().saturating_sub(ahead_ms)
    }
}

/// How far the wall clock is from when the ledger's time was last known, if that is too far to be
/// believed. It was accepted that it is behind by the rest. A ledger without events has no time.
fn gap(known_at: Time, rest_ms: i64, wall: Time) -> Option<ClockJump> {
    let shown = known_at.0.saturating_add_signed(rest_ms);
    let is_wide = known_at.0 > 0 && shown.abs_diff(wall.0) > GAP_MAX_MS;
    is_wide.then_some(ClockJump { from: known_at, to: wall })
}

/// From this clock's time to the wall clock's.
fn jump(reading: &Reading, ahead_ms: i64) -> ClockJump {
    let from = Time(reading.boot_ms.saturating_add_signed(ahead_ms));
    ClockJump { from, to: Time(reading.wall_ms) }
}

/// The files of a data folder that a clock keeps.
pub fn files(folder: &Path) -> [PathBuf; 2] {
    kept::files(folder)
}

/// How long the clock is slewed until it has made up for so much.
#[must_use]
pub fn slewed_for(off_ms: i64) -> Duration {
    Duration::from_millis(off_ms.unsigned_abs().saturating_mul(SLEW))
}

/// A moment as our JSON prints it: RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339(pub Time);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(ms) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

/// The same as text.
#[must_use]
pub fn rfc3339(at: Time) -> String {
    Rfc3339(at).to_string()
}
