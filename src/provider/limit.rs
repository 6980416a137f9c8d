//! How fast a provider may be asked: token buckets with lanes, and pauses it asks for.
//!
//! Every window of a driver is a bucket of half its calls that refills with the other
//! half, so that no interval of the window's length ever sees more than the window
//! allows. Buying goes before polling, polling before syncing: a lower lane leaves a
//! reserve in each bucket, and waits while a higher lane is waiting. Waiting is bounded
//! by the caller; within a lane it is not in order.

use std::time::Duration;

use nexnum_driver::{CallLimits, Op};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// Who asks, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A customer waits for the number.
    Buy,
    /// Polls and changes of running activations.
    Status,
    /// Price lists, balances, lists of activations.
    Sync,
}

impl Lane {
    /// The lane of an operation.
    #[must_use]
    pub fn of(op: Op) -> Self {
        match op {
            Op::Buy => Self::Buy,
            Op::Status | Op::Cancel | Op::Finish | Op::Resend => Self::Status,
            Op::Balance | Op::Prices | Op::ListActive => Self::Sync,
        }
    }

    /// The part of a bucket the lane leaves to the lanes above it.
    fn reserve(self, capacity: u64) -> u64 {
        match self {
            Self::Buy => 0,
            Self::Status => capacity / 8,
            Self::Sync => capacity / 4,
        }
    }
}

/// The longest a provider can make us pause with one answer.
pub const PAUSE_MAX: Duration = Duration::from_secs(600);
/// How soon a lane that is held back by a higher one looks again.
const RECHECK: Duration = Duration::from_millis(5);

/// No call was allowed within the time the caller had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no call to the provider was allowed in time")]
pub struct Limited {
    /// When asking again may be worth it.
    pub retry_after: Duration,
}

/// Calls are counted in shares of this, so that refills need no fractions.
struct Bucket {
    /// Calls it holds when full.
    capacity: u64,
    /// Calls that flow in per window.
    refill: u64,
    window_us: u64,
    /// Level in calls × `window_us`.
    level: u64,
    filled: Instant,
}

impl Bucket {
    fn new(calls: u32, per_ms: u64, now: Instant) -> Self {
        let capacity = u64::from(calls / 2).max(1);
        let refill = u64::from(calls).saturating_sub(capacity).max(1);
        let window_us = per_ms.saturating_mul(1000).max(1);
        let level = capacity.saturating_mul(window_us);
        Self { capacity, refill, window_us, level, filled: now }
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).as_micros();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let full = self.capacity.saturating_mul(self.window_us);
        self.level = self.level.saturating_add(elapsed.saturating_mul(self.refill)).min(full);
        self.filled = now;
    }

    /// How long until the lane may take a call; nothing if it may now.
    fn wait(&self, lane: Lane) -> Duration {
        let needed = (1 + lane.reserve(self.capacity)).min(self.capacity) * self.window_us;
        let missing = needed.saturating_sub(self.level);
        Duration::from_micros(missing.div_ceil(self.refill))
    }
}

struct State {
    buckets: Vec<Bucket>,
    waiting: [u32; 3],
    paused_until: Option<Instant>,
}

impl State {
    /// Takes a call, or says how long to wait.
    fn take(&mut self, lane: Lane, now: Instant) -> Result<(), Duration> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(until - now);
        }
        for bucket in &mut self.buckets {
            bucket.fill(now);
        }
        let wait = self.buckets.iter().map(|bucket| bucket.wait(lane)).max();
        let wait = wait.unwrap_or(Duration::ZERO);
        if !wait.is_zero() {
            return Err(wait);
        }
        if self.waiting[..lane as usize].iter().any(|waiting| *waiting > 0) {
            return Err(RECHECK);
        }
        for bucket in &mut self.buckets {
            bucket.level -= bucket.window_us;
        }
        Ok(())
    }
}

/// The limits of one provider, shared by all who call it.
pub struct CallLimiter {
    state: Mutex<State>,
}

impl CallLimiter {
    /// A limiter with full buckets.
    #[must_use]
    pub fn new(limits: &CallLimits) -> Self {
        let now = Instant::now();
        let windows = limits.windows.iter();
        let buckets = windows.map(|w| Bucket::new(w.calls, w.per_ms, now)).collect();
        Self { state: Mutex::new(State { buckets, waiting: [0; 3], paused_until: None }) }
    }

    /// Waits until a call may be made, and counts it.
    ///
    /// # Errors
    /// If that would be after `deadline`; nothing is counted then.
    pub async fn acquire(&self, lane: Lane, deadline: Instant) -> Result<(), Limited> {
        let mut queued = None;
        loop {
            let now = Instant::now();
            let Err(wait) = self.state.lock().take(lane, now) else {
                return Ok(());
            };
            let wake = now + wait;
            if wake > deadline {
                return Err(Limited { retry_after: wait });
            }
            queued.get_or_insert_with(|| Queued::join(self, lane));
            sleep_until(wake).await;
        }
    }

    /// Stops all calls for a while, because the provider asks for it.
    pub fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause.min(PAUSE_MAX);
        let mut state = self.state.lock();
        state.paused_until = Some(state.paused_until.map_or(until, |earlier| earlier.max(until)));
    }
}

/// A place among the waiting, given up when dropped, also by a caller who goes away.
struct Queued<'a> {
    limiter: &'a CallLimiter,
    lane: Lane,
}

impl<'a> Queued<'a> {
    fn join(limiter: &'a CallLimiter, lane: Lane) -> Self {
        limiter.state.lock().waiting[lane as usize] += 1;
        Self { limiter, lane }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.limiter.state.lock().waiting[self.lane as usize] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_driver::Window;

    fn limits(windows: &[(u32, u64)]) -> CallLimits {
        let windows = windows.iter().map(|&(calls, per_ms)| Window { calls, per_ms }).collect();
        CallLimits { concurrency: 1, penalty_ms: 1, windows }
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(test);
    }

    fn bucket(calls: u32, per_ms: u64) -> (State, Instant) {
        let now = Instant::now();
        let buckets = vec![Bucket::new(calls, per_ms, now)];
        (State { buckets, waiting: [0; 3], paused_until: None }, now)
    }

    #[test]
    fn no_interval_of_a_window_sees_more_calls_than_the_window_allows() {
        for calls in [2u32, 3, 10, 200] {
            let (mut state, start) = bucket(calls, 1000);
            let mut taken = Vec::new();
            for ms in 0..5000u64 {
                while state.take(Lane::Buy, start + Duration::from_millis(ms)).is_ok() {
                    taken.push(ms);
                }
            }
            for first in &taken {
                let inside = taken.iter().filter(|t| (*first..first + 1000).contains(*t)).count();
                assert!(inside <= calls as usize, "{inside} of {calls} from {first} ms");
            }
            assert!(taken.len() >= calls as usize * 2, "only {} calls of {calls}", taken.len());
        }
    }

    #[test]
    fn lower_lanes_leave_a_reserve_to_the_lanes_above() {
        let (mut state, now) = bucket(32, 1000);
        let count = |lane: Lane, state: &mut State| {
            let mut taken = 0;
            while state.take(lane, now).is_ok() {
                taken += 1;
            }
            taken
        };
        assert_eq!(count(Lane::Sync, &mut state), 12);
        assert_eq!(count(Lane::Status, &mut state), 2);
        assert_eq!(count(Lane::Buy, &mut state), 2);
    }

    #[test]
    fn a_lower_lane_waits_while_a_higher_one_is_waiting() {
        let (mut state, now) = bucket(32, 1000);
        state.waiting[Lane::Buy as usize] = 1;
        assert_eq!(state.take(Lane::Sync, now), Err(RECHECK));
        assert_eq!(state.take(Lane::Buy, now), Ok(()));
    }

    #[test]
    fn the_tightest_of_several_windows_decides() {
        run(async {
            let limiter = CallLimiter::new(&limits(&[(100, 1000), (2, 60_000)]));
            let soon = Instant::now() + Duration::from_millis(50);
            assert_eq!(limiter.acquire(Lane::Buy, soon).await, Ok(()));
            let refused = limiter.acquire(Lane::Buy, soon).await.unwrap_err();
            assert!(refused.retry_after > Duration::from_secs(50));
        });
    }

    #[test]
    fn a_call_waits_for_its_turn_within_its_deadline() {
        run(async {
            let limiter = CallLimiter::new(&limits(&[(2, 40)]));
            let deadline = Instant::now() + Duration::from_secs(20);
            let start = Instant::now();
            limiter.acquire(Lane::Buy, deadline).await.unwrap();
            limiter.acquire(Lane::Sync, deadline).await.unwrap();
            assert!(start.elapsed() >= Duration::from_millis(40));
            assert_eq!(limiter.state.lock().waiting, [0; 3]);
        });
    }

    #[test]
    fn a_pause_stops_every_lane_and_is_bounded() {
        run(async {
            let limiter = CallLimiter::new(&limits(&[(100, 1000)]));
            limiter.pause(Duration::from_secs(1_000_000));
            let refused = limiter.acquire(Lane::Buy, Instant::now()).await.unwrap_err();
            assert!(refused.retry_after <= PAUSE_MAX);
        });
    }

    #[test]
    fn a_caller_who_goes_away_leaves_the_queue() {
        run(async {
            let limiter = CallLimiter::new(&limits(&[(1, 60_000)]));
            let deadline = Instant::now() + Duration::from_secs(600);
            limiter.acquire(Lane::Buy, deadline).await.unwrap();
            let waiting = limiter.acquire(Lane::Buy, deadline);
            assert!(tokio::time::timeout(Duration::from_millis(10), waiting).await.is_err());
            assert_eq!(limiter.state.lock().waiting, [0; 3]);
        });
    }
}
