//! Threads and loops under one guard: what a panic does is stated for each, it is reported,
//! and how long ago each began its last round can be read.
//!
//! A supervisor belongs to one market. Threads whose state cannot be trusted after a panic
//! end the process: a restart is the recovery path. Loops that look at the durable world
//! in every round are restarted, and the operator is told until they have run for a while.

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

use crate::attention::{Attention, AttentionKind, AttentionSubject};
use crate::clock;

/// Pause before a loop that panicked is restarted.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// A loop that was restarted and has run for so long is well again.
const WELL_AGAIN: Duration = Duration::from_secs(600);

/// When a thread or loop began its last round.
#[derive(Debug)]
pub struct Beat {
    name: &'static str,
    /// Whose it is; empty where it is the market's.
    of: String,
    // Nanoseconds of the monotonic clock; each orders nothing but itself: relaxed.
    last_ns: AtomicU64,
    /// When it panicked last; 0 while it is well.
    panicked_ns: AtomicU64,
    attention: Attention,
}

impl Beat {
    fn new((name, of): (&'static str, String), attention: Attention) -> Self {
        let (last_ns, panicked_ns) = (clock::monotonic_ns().into(), AtomicU64::new(0));
        Self { name, of, last_ns, panicked_ns, attention }
    }

    /// Says that a round begins.
    pub fn round(&self) {
        self.round_at(clock::monotonic_ns());
    }

    fn round_at(&self, now: u64) {
        self.last_ns.store(now, Ordering::Relaxed);
        let panicked = self.panicked_ns.load(Ordering::Relaxed);
        if panicked != 0 && u128::from(now.saturating_sub(panicked)) >= WELL_AGAIN.as_nanos() {
            self.is_well();
        }
    }

    /// Where what runs in these rounds tells what needs attention.
    #[must_use]
    pub const fn attention(&self) -> &Attention {
        &self.attention
    }

    fn subject(&self) -> AttentionSubject {
        let provider = (!self.of.is_empty()).then(|| self.of.as_str().into());
        AttentionSubject { provider, order: None, part: self.name }
    }

    fn has_panicked(&self, pause: Duration) {
        self.panicked_ns.store(clock::monotonic_ns().max(1), Ordering::Relaxed);
        let (name, seconds) = (self.name, pause.as_secs());
        let text = format!(
            "the loop or thread {name:?} panicked, which is a defect of the program, and is \
             restarted after {seconds} s; standard error has the panic's own words"
        );
        self.attention.raise(AttentionKind::LoopPanicked, self.subject(), text);
    }

    fn is_well(&self) {
        if self.panicked_ns.swap(0, Ordering::Relaxed) != 0 {
            self.attention.clear(AttentionKind::LoopPanicked, self.subject());
        }
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
    attention: Attention,
    /// Those that run; bounded by providers and the threads of a market.
    beats: Mutex<Vec<Arc<Beat>>>,
    panics: Mutex<BTreeMap<&'static str, u64>>,
}

impl Supervisor {
    /// A supervisor of nothing yet, which tells what it restarts.
    #[must_use]
    pub fn new(attention: &Attention) -> Self {
        let shared = Shared { attention: attention.clone(), ..Shared::default() };
        Self { shared: Arc::new(shared) }
    }

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
        let beating = self.enter((name, String::new()));
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
        let beating = self.enter((name, String::new()));
        spawn(name, move || {
            while catch_unwind(AssertUnwindSafe(|| work(&beating.beat))).is_err() {
                beating.note_panic(pause);
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
        // A guard that looks whether its thread panics would take the panic of another part for
        // the task's: a runtime that is dropped in a panic drops its tasks on that thread.
        tokio::spawn(async move {
            match caught(work).await {
                Ok(done) => done,
                Err(_) => std::process::abort(),
            }
        })
    }

    /// Runs a loop in `set`; `begin` makes it, and makes another one after a panic of the loop
    /// or of its making. `of` says for the operator whose loop it is. Where the set is shut down,
    /// the loop has ended with it.
    pub fn restarting_loop<F>(
        &self,
        set: &mut JoinSet<()>,
        (name, of): (&'static str, String),
        mut begin: impl FnMut(Arc<Beat>) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let beating = self.enter((name, of));
        set.spawn(async move {
            while caught(async { begin(Arc::clone(&beating.beat)).await }).await.is_err() {
                beating.note_panic(RESTART_PAUSE);
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

    fn enter(&self, named: (&'static str, String)) -> Beating {
        let beat = Arc::new(Beat::new(named, self.shared.attention.clone()));
        self.shared.beats.lock().push(Arc::clone(&beat));
        Beating { supervisor: self.clone(), beat }
    }
}

fn spawn(name: &'static str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).expect("the system has threads")
}

/// A future's result, or what it panicked with. A future that panicked is not polled again.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> thread::Result<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// Ends the process if its thread's panic drops it.
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

impl Beating {
    fn note_panic(&self, pause: Duration) {
        *self.supervisor.shared.panics.lock().entry(self.beat.name).or_default() += 1;
        self.beat.has_panicked(pause);
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.beat.is_well();
        self.supervisor.shared.beats.lock().retain(|beat| !Arc::ptr_eq(beat, &self.beat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_is_begun_anew_and_counted() {
        let attention = Attention::default();
        let (supervisor, mut set) = (Supervisor::new(&attention), JoinSet::new());
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
        let (rows, _) = attention.rows(9);
        let [row] = &rows[..] else { panic!("one row for the loop: {rows:?}") };
        assert_eq!((row.kind, row.count), (AttentionKind::LoopPanicked, 2));
        assert_eq!(
            row.subject,
            AttentionSubject { part: "sync", ..AttentionSubject::from("kestrel") }
        );
        set.shutdown().await;
        assert_eq!(supervisor.ages(), [], "what has ended is not listed");
        assert_eq!(attention.rows(9).0, [], "nor does it need attention");
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

    #[test]
    fn a_loop_that_has_run_for_a_while_needs_no_attention() {
        let beat = Beat::new(("sync", String::new()), Attention::default());
        beat.has_panicked(RESTART_PAUSE);
        beat.round();
        assert_eq!(beat.attention.rows(9).0.len(), 1);
        beat.round_at(clock::monotonic_ns() + WELL_AGAIN.as_nanos() as u64);
        assert_eq!(beat.attention.rows(9).0, []);
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

    #[test]
    fn a_task_that_another_panic_cuts_ends_no_process() {
        let panicked = catch_unwind(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let _running = Supervisor::vital_task(std::future::pending::<()>());
                tokio::task::yield_now().await;
                panic!("a test that fails, and drops its runtime");
            });
        });
        assert!(panicked.is_err());
    }
}
