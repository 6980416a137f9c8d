//! Threads and loops under one guard: what a panic does is stated for each, it is reported,
//! and how long ago each began its last round can be read.
//!
//! A supervisor belongs to one market. Threads whose state cannot be trusted after a panic
//! end the process: a restart is the recovery path. Loops that look at the durable world
//! in every round are restarted.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::clock;

/// Pause before a loop that panicked is restarted.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// When a thread or loop began its last round.
#[derive(Debug)]
pub struct Beat {
    name: &'static str,
    // Nanoseconds of the monotonic clock; orders nothing but itself: relaxed.
    last_ns: AtomicU64,
}

impl Beat {
    fn new(name: &'static str) -> Self {
        Self { name, last_ns: AtomicU64::new(clock::monotonic_ns()) }
    }

    /// Says that a round begins.
    pub fn round(&self) {
        self.last_ns.store(clock::monotonic_ns(), Ordering::Relaxed);
    }
}

/// How a kind of threads or loops stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopAge {
    /// The kind.
    pub name: &'static str,
    /// How long ago the one that waits longest began its last round, in milliseconds.
    pub age_ms: u64,
    /// Panics since the start.
    pub panics: u64,
}

/// All threads and loops of a market.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Those that run; bounded by providers and the threads of a market.
    beats: Mutex<Vec<Arc<Beat>>>,
    panics: Mutex<BTreeMap<&'static str, u64>>,
}

impl Supervisor {
    /// Runs `work` on a thread whose panic ends the process: what it left behind cannot be
    /// trusted. `work` returns when the thread is to end.
    ///
    /// # Panics
    /// If the system has no thread left.
    pub fn vital_thread(
        &self,
        name: &'static str,
        work: impl FnOnce(&Beat) + Send + 'static,
    ) -> JoinHandle<()> {
        let beating = self.enter(name);
        spawn(name, move || {
            let _abort = AbortOnPanic;
            work(&beating.beat);
        })
    }

    /// Runs `work` on a thread, and restarts it `pause` after a panic. `work` returns when the
    /// thread is to end; so does a panic of it once `stop` is set. Unparking the thread ends
    /// the pause.
    ///
    /// # Panics
    /// If the system has no thread left.
    pub fn restarting_thread(
        &self,
        name: &'static str,
        pause: Duration,
        stop: Arc<AtomicBool>,
        mut work: impl FnMut(&Beat) + Send + 'static,
    ) -> JoinHandle<()> {
        let beating = self.enter(name);
        spawn(name, move || {
            while catch_unwind(AssertUnwindSafe(|| work(&beating.beat))).is_err() {
                beating.supervisor.note_panic(name, "", pause);
                if stop.load(Ordering::Acquire) {
                    return;
                }
                thread::park_timeout(pause);
            }
        })
    }

    /// Runs a task whose panic ends the process: without it the server would look alive and
    /// answer no call.
    pub fn vital_task<T: Send + 'static>(
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        tokio::spawn(async move {
            let _abort = AbortOnPanic;
            work.await
        })
    }

    /// Runs a loop in `set`; `begin` makes it, and makes another one after a panic of the loop
    /// or of its making. `of` says for the log whose loop it is. Where the set is shut down,
    /// the loop has ended with it.
    pub fn restarting_loop<F>(
        &self,
        set: &mut JoinSet<()>,
        (name, of): (&'static str, String),
        mut begin: impl FnMut(Arc<Beat>) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let beating = self.enter(name);
        set.spawn(async move {
            while caught(async { begin(Arc::clone(&beating.beat)).await }).await.is_err() {
                beating.supervisor.note_panic(name, &of, RESTART_PAUSE);
                tokio::time::sleep(RESTART_PAUSE).await;
            }
        });
    }

    /// How each kind stands, by name.
    #[must_use]
    pub fn ages(&self) -> Vec<LoopAge> {
        let (now, panics) = (clock::monotonic_ns(), self.shared.panics.lock());
        let mut ages: BTreeMap<&'static str, LoopAge> = BTreeMap::new();
        for beat in self.shared.beats.lock().iter() {
            let age_ms = now.saturating_sub(beat.last_ns.load(Ordering::Relaxed)) / 1_000_000;
            let panics = panics.get(beat.name).copied().unwrap_or(0);
            let age = LoopAge { name: beat.name, age_ms, panics };
            let known = ages.entry(beat.name).or_insert(age);
            known.age_ms = known.age_ms.max(age_ms);
        }
        ages.into_values().collect()
    }

    fn enter(&self, name: &'static str) -> Beating {
        let beat = Arc::new(Beat::new(name));
        self.shared.beats.lock().push(Arc::clone(&beat));
        Beating { supervisor: self.clone(), beat }
    }

    fn note_panic(&self, name: &'static str, of: &str, pause: Duration) {
        *self.shared.panics.lock().entry(name).or_default() += 1;
        let restarted_in_s = pause.as_secs();
        tracing::error!(name, of, restarted_in_s, "a thread or loop panicked");
    }
}

fn spawn(name: &'static str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).expect("the system has threads")
}

/// A future's result, or what it panicked with. A future that panicked is not polled again.
async fn caught<T>(work: impl Future<Output = T>) -> thread::Result<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// Ends the process if it is dropped by a panic; not if its task is cut.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}

/// A thread or loop that runs; dropped, it is listed no more.
#[derive(Debug)]
struct Beating {
    supervisor: Supervisor,
    beat: Arc<Beat>,
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.supervisor.shared.beats.lock().retain(|beat| !Arc::ptr_eq(beat, &self.beat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_is_begun_anew_and_counted() {
        let (supervisor, mut set) = (Supervisor::default(), JoinSet::new());
        let begun = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&begun);
        supervisor.restarting_loop(&mut set, ("sync", "kestrel".to_owned()), move |beat| {
            let nth = counted.fetch_add(1, Ordering::Relaxed);
            assert!(nth != 0, "the first is not even made");
            async move {
                beat.round();
                assert!(nth == 2, "the second panics in its round");
                std::future::pending::<()>().await;
            }
        });
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(begun.load(Ordering::Relaxed), 3);
        let ages = supervisor.ages();
        assert_eq!(
            ages.iter().map(|age| (age.name, age.panics)).collect::<Vec<_>>(),
            [("sync", 2)]
        );
        set.shutdown().await;
        assert_eq!(supervisor.ages(), [], "what has ended is not listed");
    }

    #[test]
    fn a_thread_that_may_restart_does() {
        let (supervisor, stop) = (Supervisor::default(), Arc::default());
        let mut rounds = 0;
        let thread = supervisor.restarting_thread("snapshot", Duration::ZERO, stop, move |beat| {
            beat.round();
            rounds += 1;
            assert!(rounds > 1, "the first round panics");
        });
        thread.join().unwrap();
        assert_eq!(supervisor.ages(), []);
    }

    #[test]
    fn a_thread_that_always_panics_ends_when_it_is_to_stop() {
        let (supervisor, stop) = (Supervisor::default(), Arc::new(AtomicBool::new(false)));
        let (pause, stopped) = (Duration::from_secs(3600), Arc::clone(&stop));
        let thread = supervisor.restarting_thread("snapshot", pause, stopped, |_| {
            panic!("always");
        });
        stop.store(true, Ordering::Release);
        thread.thread().unpark();
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn a_set_that_is_shut_down_has_no_loop_at_work() {
        let (supervisor, mut set) = (Supervisor::default(), JoinSet::new());
        let held = Arc::new(());
        let used = Arc::clone(&held);
        supervisor.restarting_loop(&mut set, ("sync", String::new()), move |_| {
            let used = Arc::clone(&used);
            async move {
                std::future::pending::<()>().await;
                drop(used);
            }
        });
        tokio::task::yield_now().await;
        set.shutdown().await;
        assert_eq!(Arc::strong_count(&held), 1, "what the loop held is dropped");
    }
}
