//! Sends a load and measures it.
//!
//! One thread a core with a runtime of its own, connections dealt out among them: no request
//! crosses threads. A connection that breaks counts one error and is made again.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use super::client::{BaseUrl, LoadClient};
use super::template::{Template, Verdict};
use super::{BenchError, Histogram, Load, LoadTarget, Report};

/// How long a reply may be late at the end of a run before it counts as an error.
const GRACE: Duration = Duration::from_secs(5);
/// Pause before a broken connection is made again, so that errors do not become the load.
const RECONNECT_PAUSE: Duration = Duration::from_millis(10);

/// What to send, over what, for how long.
#[derive(Clone, Copy, Debug)]
pub struct LoadPlan {
    /// The load.
    pub load: Load,
    /// Connections, at least 1.
    pub connections: u32,
    /// Seconds.
    pub seconds: u32,
    /// Differs from every other run against the same server: idempotency keys begin with it.
    pub run_id: u64,
}

/// What the threads share.
struct Shared {
    plan: LoadPlan,
    base: BaseUrl,
    templates: Vec<Template>,
    /// Numbers the requests of all connections; relaxed, only uniqueness counts.
    next: AtomicU64,
    start: Barrier,
}

/// What one thread counts.
#[derive(Debug, Default)]
struct Tally {
    latencies: Histogram,
    refused: u64,
    errors: u64,
    first_error: Option<String>,
    /// From the common start to the last reply.
    elapsed: Duration,
}

/// Runs a plan against a prepared target. Blocks for as long as it takes.
///
/// # Errors
/// Where the target lacks what the load needs, cannot be reached at all, or the machine gives
/// no threads. What goes wrong after the start is counted in the report.
pub fn run(plan: LoadPlan, target: &LoadTarget) -> Result<Report, BenchError> {
    // 1. The requests, rendered beforehand, and how busy the machine is before they are sent.
    let base = BaseUrl::parse(&target.base_url)?;
    let templates = plan.load.templates(target, base.authority(), plan.run_id)?;
    let load_average = load_average();
    // 2. A thread a core, but none without a connection; all begin at one barrier.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let connections = plan.connections.max(1);
    let threads = u32::try_from(cores).unwrap_or(u32::MAX).min(connections);
    let start = Barrier::new(threads as usize);
    let shared = Arc::new(Shared { plan, base, templates, next: AtomicU64::new(0), start });
    // 3. The connections are dealt out; the first threads take one more where some are over.
    let running: Vec<_> = (0..threads)
        .map(|thread| {
            let share = connections / threads + u32::from(thread < connections % threads);
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || drive_thread(&shared, share))
        })
        .collect();
    // 4. All threads are waited for, also after one failed; then what they counted is summed up.
    let mut whole = Tally::default();
    let mut failure = None;
    for thread in running {
        match thread.join().expect("a load thread does not panic") {
            Ok(tally) => whole.add(tally),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(whole.into_report(plan, load_average)),
    }
}

/// Connects this thread's share, waits for the others, sends.
fn drive_thread(shared: &Arc<Shared>, share: u32) -> io::Result<Tally> {
    // 1. This thread's connections.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let connected = runtime.and_then(|runtime| {
        let clients = runtime.block_on(connect(&shared.base, share))?;
        Ok((runtime, clients))
    });
    // 2. The common start. Every thread comes to the barrier, whatever happened to it.
    shared.start.wait();
    let (runtime, clients) = connected?;
    // 3. The load, until its end.
    let tally = Rc::new(RefCell::new(Tally::default()));
    let local = LocalSet::new();
    let begun = Instant::now();
    for client in clients {
        local.spawn_local(drive_connection(Arc::clone(shared), client, begun, Rc::clone(&tally)));
    }
    runtime.block_on(local);
    Ok(tally.take())
}

async fn connect(base: &BaseUrl, count: u32) -> io::Result<Vec<LoadClient>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(LoadClient::connect(base).await?);
    }
    Ok(clients)
}

async fn drive_connection(
    shared: Arc<Shared>,
    client: LoadClient,
    begun: Instant,
    tally: Rc<RefCell<Tally>>,
) {
    let end = begun + Duration::from_secs(shared.plan.seconds.into());
    let sending = send(&shared, client, begun, end, &tally);
    if tokio::time::timeout_at((end + GRACE).into(), sending).await.is_err() {
        tally.borrow_mut().fail("a reply did not come at all");
    }
}

async fn send(
    shared: &Shared,
    client: LoadClient,
    begun: Instant,
    end: Instant,
    tally: &RefCell<Tally>,
) {
    let mut client = Some(client);
    let mut request = Vec::new();
    let mut now = Instant::now();
    while now < end {
        let Some(connection) = &mut client else {
            client = reconnect(&shared.base, tally).await;
            now = Instant::now();
            continue;
        };
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let template = &shared.templates[(number % shared.templates.len() as u64) as usize];
        template.render(number, &mut request);
        let sent = Instant::now();
        let replied = connection.exchange(&request).await;
        now = Instant::now();
        let mut tally = tally.borrow_mut();
        tally.elapsed = now - begun;
        let keeps = match replied {
            Ok(reply) => {
                let latency = u64::try_from((now - sent).as_nanos()).unwrap_or(u64::MAX);
                tally.count(shared.plan.load, reply.status, reply.body, latency);
                !reply.closes
            }
            Err(error) => {
                tally.fail(&error.to_string());
                false
            }
        };
        if !keeps {
            client = None;
        }
    }
}

/// A new connection, or an error counted and a pause.
async fn reconnect(base: &BaseUrl, tally: &RefCell<Tally>) -> Option<LoadClient> {
    match LoadClient::connect(base).await {
        Ok(client) => Some(client),
        Err(error) => {
            tally.borrow_mut().fail(&format!("cannot connect again: {error}"));
            tokio::time::sleep(RECONNECT_PAUSE).await;
            None
        }
    }
}

impl Tally {
    fn count(&mut self, load: Load, status: u16, body: &[u8], latency_ns: u64) {
        match load.judge(status, body) {
            Verdict::Done => self.latencies.record(latency_ns),
            Verdict::Refused => {
                self.latencies.record(latency_ns);
                self.refused += 1;
            }
            Verdict::Wrong => {
                let shown = String::from_utf8_lossy(&body[..body.len().min(300)]);
                self.fail(&format!("answered {status}: {shown}"));
            }
        }
    }

    fn fail(&mut self, reason: &str) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| reason.to_owned());
    }

    fn add(&mut self, other: Self) {
        self.latencies.add(&other.latencies);
        self.refused += other.refused;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.elapsed = self.elapsed.max(other.elapsed);
    }

    fn into_report(self, plan: LoadPlan, load_average: f64) -> Report {
        let seconds = self.elapsed.as_secs_f64();
        let replies = self.latencies.total();
        let rate = if seconds > 0.0 { replies as f64 / seconds } else { 0.0 };
        let micros = |share| self.latencies.per_mille(share) as f64 / 1_000.0;
        Report {
            load: plan.load,
            connections: plan.connections,
            seconds,
            requests: replies + self.errors,
            errors: self.errors,
            rate,
            p50_us: micros(500),
            p90_us: micros(900),
            p99_us: micros(990),
            p999_us: micros(999),
            load_average,
            refused: self.refused,
            first_error: self.first_error,
        }
    }
}

/// The first figure of `/proc/loadavg`; 0 where there is none.
fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}
