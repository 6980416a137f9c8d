//! Whether a provider has room for one more purchase.
//!
//! A purchase is admitted before it is paid for: its call gets its turn soon, nothing that
//! was bought before waits for long, and the new activation can be asked about often enough
//! to deliver its code. What cannot be asked about is not sold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::dispatch::{Admission, Dispatcher, Limited, Selling};

/// Within how long every waiting activation has to be asked about once.
const ROUND: Duration = Duration::from_secs(8);
/// The share of the provider's calls that polls have for sure while changes and price lists
/// wait as well.
const POLL_SHARE: f64 = 0.4;
/// How late polls may be before purchases give way to them.
const LATE_MAX_MS: u64 = 2_500;
/// Open activations that one list shows before it is known: the smallest page of a provider
/// that lists messages.
const LISTED_FIRST: usize = 50;
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
}

impl Room {
    /// The room of a provider without open activations; `lists` if one call shows the
    /// messages of many.
    #[must_use]
    pub fn new(dispatcher: Arc<Dispatcher>, lists: bool) -> Self {
        let shown = AtomicUsize::new(if lists { LISTED_FIRST } else { 1 });
        Self { dispatcher, waiting: AtomicUsize::new(0), late_ms: AtomicU64::new(0), shown }
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

    /// Activations that can be asked about once a round; one can always be sold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity_at(self.dispatcher.rate())
    }

    fn capacity_at(&self, rate: f64) -> usize {
        let activations = rate * self.shown() * POLL_SHARE * ROUND.as_secs_f64();
        // A provider without bounds has a rate beyond all numbers.
        (activations.min(1e9) as usize).max(1)
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
            let catch_up = Duration::from_secs_f64((calls / selling.rate).min(CATCH_UP_MAX_S));
            return Some(pause + if waiting > 0 { RESUME + catch_up } else { Duration::ZERO });
        }
        let late_ms = self.late_ms.load(Ordering::Relaxed);
        if late_ms > LATE_MAX_MS {
            return Some(Duration::from_millis(late_ms).min(FULL_PAUSE));
        }
        let is_full = waiting + selling.purchases >= self.capacity_at(selling.rate);
        is_full.then_some(FULL_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::dispatch::PauseOf;
    use nexnum_driver::{CallLimits, Window};

    fn room(calls: u32, lists: bool) -> Room {
        let windows = vec![Window { calls, per_ms: 1_000 }];
        let limits = CallLimits { concurrency: 16, penalty_ms: 1, windows };
        Room::new(Arc::new(Dispatcher::new(&limits)), lists)
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
        singly.note_load(PollLoad { waiting: 3, late_ms: LATE_MAX_MS + 1 });
        assert!(!singly.is_free(), "polls are late");
        singly.note_load(PollLoad { waiting: 3, late_ms: LATE_MAX_MS });
        assert!(singly.is_free());
        // A list may turn out to show fewer open activations: most of it are closed ones.
        lists.note_list(60, 6);
        assert_eq!(lists.capacity(), 313);
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
        let windows = vec![Window { calls: 2, per_ms: 60_000 }];
        let limits = CallLimits { concurrency: 1, penalty_ms: 1, windows };
        let room = Room::new(Arc::new(Dispatcher::new(&limits)), false);
        assert_eq!(room.capacity(), 1);
        assert!(room.is_free());
        room.note_load(PollLoad { waiting: 1, late_ms: 0 });
        assert!(!room.is_free());
    }
}
