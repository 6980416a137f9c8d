//! Whether a provider has room for one more purchase.
//!
//! A purchase is admitted before it is paid for: its call gets its turn soon, nothing that
//! was bought before waits for long, and the new activation can be asked about often enough
//! to deliver its code. What cannot be asked about is not sold, nor what could not be ended in
//! its time: all that is open may run out together, and much of it be cancelled at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use nexnum_engine::time::Time;
use parking_lot::Mutex;

use super::dispatch::{Admission, Dispatcher, Limited, Pace, Selling};
use super::telling::Told;

/// Within how long every waiting activation has to be asked about once.
const ROUND: Duration = Duration::from_secs(8);
/// Within how long there has to be a call for a list, where one call shows many: a code may be as
/// late.
const LIST_ROUND_MAX: Duration = Duration::from_secs(15);
/// The share of the provider's calls that polls have for sure while changes and price lists
/// wait as well.
const POLL_SHARE: f64 = 0.4;
/// The share of the time for which the places in flight of polls are taken: their calls do not
/// follow one another without a gap, nor take equally long.
const PLACES_SHARE: f64 = 0.7;
/// How late polls may be before purchases give way to them.
const LATE_MAX_MS: u64 = 2_500;
/// Open activations that one list shows before it is known: the smallest page of a provider
/// that lists messages.
const LISTED_FIRST: usize = 50;
/// Between two activations that are asked about alone although a list shows them, while lists are
/// believed: soon after one whose code a list had left out.
const CONFIRM_GAP: Duration = Duration::from_secs(5);
const CONFIRM_DOUBTED_GAP: Duration = Duration::from_secs(1);
/// Between two lists while they are not believed: each is a call that brings nothing else, so that
/// at most one call in so many is one.
const CHECK_GAP: Duration = Duration::from_secs(3);
const CHECK_ONE_IN: f64 = 10.0;
/// Twice as long for each few codes that no list showed.
const CHECK_UNTOLD: u32 = 3;
const CHECK_DOUBLED_MAX: u32 = 4;
/// The part of their lifetime in which all open activations can be ended, should they run out
/// together, and the share of the provider's calls that their ends have in it.
const ENDS_PART: f64 = 0.5;
const ENDS_SHARE: f64 = 0.5;
/// So many open activations may all be cancelled at once, as by one customer who stops; of more,
/// which many customers have, one in so many beside them.
const CANCELLED_FIRST: f64 = 64.0;
const CANCELLED_ONE_IN: f64 = 8.0;
/// The share of the provider's calls that cancels have while all of them come back as they were
/// told to.
const CANCEL_SHARE: f64 = 0.5;
/// How long the last of them waits at most, as a part of the lifetime: its number can still be
/// given back for most of it, and the customer is charged for nothing meanwhile. A minute is no
/// long wait either, if it is not the better part of a short life.
const CANCEL_PART: f64 = 0.1;
const CANCEL_WAIT_S: f64 = 60.0;
const CANCEL_PART_MAX: f64 = 0.25;
/// When to ask again where there are too many open activations: some of them end meanwhile.
const FULL_PAUSE: Duration = Duration::from_secs(5);
/// From the end of a pause to the first polls after it, and the most that all of them may take.
const RESUME: Duration = Duration::from_secs(1);
const CATCH_UP_MAX_S: f64 = 60.0;

/// What the poller has to do at one provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollLoad {
    /// Activations that wait for a message.
    pub waiting: usize,
    /// How late the poll is that is due longest, in milliseconds.
    pub late_ms: u64,
}

/// The room of one provider: its dispatcher, and what its open activations need of it.
#[derive(Debug)]
pub struct Room {
    dispatcher: Arc<Dispatcher>,
    waiting: AtomicUsize,
    late_ms: AtomicU64,
    /// Open activations that one call shows; 1 where they are asked about one by one.
    shown: AtomicUsize,
    /// Whether there are lists, and whether they show messages.
    lists: bool,
    told: Mutex<Told>,
    /// How long numbers live, in seconds.
    lifetime_s: f64,
}

impl Room {
    /// The room of a provider without open activations, whose numbers live so long; `lists` if
    /// one call shows the messages of many.
    #[must_use]
    pub fn new(dispatcher: Arc<Dispatcher>, lists: bool, lifetime_ms: u64) -> Self {
        Self {
            dispatcher,
            waiting: AtomicUsize::new(0),
            late_ms: AtomicU64::new(0),
            shown: AtomicUsize::new(if lists { LISTED_FIRST } else { 1 }),
            lists,
            told: Mutex::default(),
            lifetime_s: lifetime_ms as f64 / 1_000.0,
        }
    }

    /// Its dispatcher.
    #[must_use]
    pub const fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.dispatcher
    }

    /// Notes what the poller has to do. Readers may see it a moment late.
    pub fn note_load(&self, load: PollLoad) {
        self.waiting.store(load.waiting, Ordering::Relaxed);
        self.late_ms.store(load.late_ms, Ordering::Relaxed);
    }

    /// Notes how many open activations a list of several pages showed.
    pub fn note_list(&self, rows: usize, pages: u32) {
        if pages > 1 {
            self.shown.store((rows / pages as usize).max(1), Ordering::Relaxed);
        }
    }

    /// Notes that a list showed a message.
    pub fn note_told(&self, now: Time) {
        self.told.lock().shows(now);
    }

    /// Notes that lists left so many codes out that calls for one activation brought.
    pub fn note_left_out(&self, codes: usize, now: Time) {
        self.told.lock().leaves_out(u32::try_from(codes).unwrap_or(u32::MAX), now);
    }

    /// Notes that a call for one activation brought no code either.
    pub fn note_right(&self) {
        self.told.lock().is_right();
    }

    /// Whether one call shows the messages of many, as far as is known.
    #[must_use]
    pub fn tells(&self) -> bool {
        self.lists && self.told.lock().is_believed
    }

    /// How long after one activation that a list shows the next is asked about alone whatever else is
    /// to be done.
    #[must_use]
    pub fn confirm_gap(&self) -> Duration {
        if self.told.lock().is_doubted() { CONFIRM_DOUBTED_GAP } else { CONFIRM_GAP }
    }

    /// Whether there are lists that leave codes out.
    #[must_use]
    pub fn leaves_out(&self) -> bool {
        self.lists && self.told.lock().is_told()
    }

    /// How long after one list the next is asked for while they are not believed; `None` if they
    /// are, or there are none.
    #[must_use]
    pub fn check_gap(&self) -> Option<Duration> {
        let told = *self.told.lock();
        if !self.lists || told.is_believed {
            return None;
        }
        let calls = Duration::from_secs_f64(CHECK_ONE_IN / self.dispatcher.pace().calls);
        let doubled = (told.untold / CHECK_UNTOLD).min(CHECK_DOUBLED_MAX);
        Some(CHECK_GAP.max(calls) * (1 << doubled))
    }

    /// Activations that can be asked about once a round, and ended in time; one can always be
    /// sold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity_at(self.dispatcher.pace())
    }

    fn capacity_at(&self, pace: Pace) -> usize {
        let rate = pace.calls;
        let polls = (rate * POLL_SHARE).min(pace.polls * PLACES_SHARE);
        // A list is a whole call: what shows it too seldom to be in time shows nothing.
        let is_in_time = polls * LIST_ROUND_MAX.as_secs_f64() >= 1.0;
        let shown = if is_in_time && self.tells() { self.shown() } else { 1.0 };
        let asked = polls * shown * ROUND.as_secs_f64();
        let ended = rate * ENDS_SHARE * self.lifetime_s * ENDS_PART;
        let activations = asked.min(ended).min(self.cancelled_in_time(rate));
        // A provider without bounds has a rate beyond all numbers.
        (activations.min(1e9) as usize).max(1)
    }

    /// Of how many activations those can be cancelled soon enough that may be at once.
    fn cancelled_in_time(&self, rate: f64) -> f64 {
        let short = CANCEL_WAIT_S.min(self.lifetime_s * CANCEL_PART_MAX);
        let wait_s = short.max(self.lifetime_s * CANCEL_PART);
        let at_once = rate * CANCEL_SHARE * wait_s;
        at_once.min(CANCELLED_FIRST) + (at_once - CANCELLED_FIRST).max(0.0) * CANCELLED_ONE_IN
    }

    fn shown(&self) -> f64 {
        self.shown.load(Ordering::Relaxed) as f64
    }

    /// Admits one more purchase.
    ///
    /// # Errors
    /// When asking again may be worth it.
    pub fn admit(&self) -> Result<Admission, Limited> {
        self.dispatcher.admit(|selling| self.waits(selling))
    }

    /// Whether a purchase would be admitted now.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.dispatcher.look(|selling| self.waits(selling)).is_ok()
    }

    /// How long a purchase waits for the open activations to be asked about.
    fn waits(&self, selling: Selling) -> Option<Duration> {
        let waiting = self.waiting.load(Ordering::Relaxed);
        if let Some(pause) = selling.pauses_for {
            // What became due meanwhile is asked about first.
            let calls = waiting as f64 / self.shown();
            let catch_up =
                Duration::from_secs_f64((calls / selling.pace.calls).min(CATCH_UP_MAX_S));
            return Some(pause + if waiting > 0 { RESUME + catch_up } else { Duration::ZERO });
        }
        let late_ms = self.late_ms.load(Ordering::Relaxed);
        if late_ms > LATE_MAX_MS {
            return Some(Duration::from_millis(late_ms).min(FULL_PAUSE));
        }
        let is_full = waiting + selling.purchases >= self.capacity_at(selling.pace);
        is_full.then_some(FULL_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::dispatch::PauseOf;
    use nexnum_driver::{CallLimits, Window};

    const LIFETIME_MS: u64 = 1_200_000;

    fn room_of(windows: &[(u32, u64)], lists: bool, lifetime_ms: u64) -> Room {
        let windows = windows.iter().map(|&(calls, per_ms)| Window { calls, per_ms }).collect();
        let limits = CallLimits { concurrency: 16, penalty_ms: 1, windows };
        let room = Room::new(Arc::new(Dispatcher::new(&limits)), lists, lifetime_ms);
        room.note_told(Time(0));
        room
    }

    fn room(calls: u32, lists: bool) -> Room {
        room_of(&[(calls, 1_000)], lists, LIFETIME_MS)
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_asked_about_in_time_is_not_sold() {
        // Ten calls in 1.02 s, two fifths of them for polls, a round of eight seconds.
        let (singly, lists) = (room(10, false), room(10, true));
        assert_eq!((singly.capacity(), lists.capacity()), (31, 1_568));
        singly.note_load(PollLoad { waiting: 30, late_ms: 0 });
        let last = singly.admit().unwrap();
        assert_eq!(singly.admit().unwrap_err().retry_after, FULL_PAUSE, "the last one is taken");
        drop(last);
        singly.note_load(PollLoad { waiting: 20, late_ms: LATE_MAX_MS + 1 });
        assert!(!singly.is_free(), "polls are late");
        singly.note_load(PollLoad { waiting: 3, late_ms: LATE_MAX_MS });
        assert!(singly.is_free());
        // A list may turn out to show fewer open activations: most of it are closed ones.
        lists.note_list(60, 6);
        assert_eq!(lists.capacity(), 313);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_counts_from_its_first_message_on_and_is_asked_for_seldom_before() {
        let limits = CallLimits { concurrency: 16, penalty_ms: 1, windows: Vec::new() };
        let window = |calls| Window { calls, per_ms: 1_000 };
        let of = |calls| CallLimits { windows: vec![window(calls)], ..limits.clone() };
        let new = |calls| Room::new(Arc::new(Dispatcher::new(&of(calls))), true, LIFETIME_MS);
        let room = new(10);
        assert_eq!((room.capacity(), room.check_gap()), (31, Some(CHECK_GAP)), "as one by one");
        assert!(new(1).check_gap().is_some_and(|gap| gap > 3 * CHECK_GAP), "few calls");
        room.note_left_out(6, Time(0));
        assert_eq!((room.check_gap(), room.leaves_out()), (Some(4 * CHECK_GAP), true));
        room.note_told(Time(0));
        assert_eq!((room.capacity(), room.check_gap(), room.leaves_out()), (1_568, None, false));
        let without = Room::new(Arc::new(Dispatcher::new(&of(10))), false, LIFETIME_MS);
        assert_eq!((without.check_gap(), without.tells()), (None, false));
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_pause_a_purchase_is_told_when_what_is_due_has_been_asked_about() {
        let room = room(10, false);
        let pause = Duration::from_secs(20);
        room.dispatcher().pause(PauseOf::All, pause);
        assert_eq!(room.admit().unwrap_err().retry_after, pause);
        room.note_load(PollLoad { waiting: 20, late_ms: 15_000 });
        let told = room.admit().unwrap_err().retry_after;
        assert!((pause..pause + FULL_PAUSE).contains(&told), "{told:?}");
        room.note_load(PollLoad { waiting: 20, late_ms: 0 });
        tokio::time::sleep(pause).await;
        assert!(room.is_free());
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_allows_little_still_sells_one_number_at_a_time() {
        let room = room_of(&[(2, 60_000)], false, LIFETIME_MS);
        assert_eq!(room.capacity(), 1);
        assert!(room.is_free());
        room.note_load(PollLoad { waiting: 1, late_ms: 0 });
        assert!(!room.is_free());
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_cancelled_or_ended_in_time_is_not_sold() {
        // Fifteen a minute: fourteen cancels have their turns within two minutes, of 20.
        let few = [(15, 60_000)];
        assert_eq!(room_of(&few, true, LIFETIME_MS).capacity(), 13);
        // Of nine a minute too few are lists to bring codes in their time.
        assert_eq!(room_of(&[(9, 60_000)], true, LIFETIME_MS).capacity(), 1);
        // A short life: within a minute, a quarter of the life at most.
        let of = |life_s: u64| room_of(&few, true, 1_000 * life_s).capacity();
        assert_eq!([600, 240, 120, 40].map(of), [6, 6, 3, 1]);
        // The shipped limits keep what polls allow, for sixty-four clients and many more.
        let handler = [(10, 1_000), (200, 60_000)];
        let room = room_of(&handler, true, LIFETIME_MS);
        assert_eq!(room.capacity(), 508);
        room.note_list(200, 2);
        assert_eq!(room.capacity(), 954, "those run out within half of their life");
        assert_eq!(room_of(&handler, false, LIFETIME_MS).capacity(), 10);
        assert_eq!(room_of(&[(10, 1_000)], false, 600_000).capacity(), 31);
        assert_eq!(room_of(&[(50, 1_000)], true, 900_000).capacity(), 7_686);
        assert_eq!(room_of(&handler, true, 60_000).capacity(), 23, "of a minute's life");
    }
}
