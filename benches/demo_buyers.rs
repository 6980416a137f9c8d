//! What the demo promises: 32 buyers that buy as fast as they can for a minute, at the demo's three
//! simulated providers with the limits that their drivers are shipped with, have 99 of a hundred
//! codes within five seconds of their being due.
//!
//! In real time: `cargo bench --bench demo_buyers -- [SECONDS] [BUYERS]`. A code is due half a
//! second to a second and a half after its purchase; when, the provider says. If the figure is
//! missed, the exit code is 1.

mod server;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexnum::market::folder;
use nexnum::server::config::ProviderConfig;
use nexnum::server::{ProviderSetup, Running};
use nexnum_driver::Secret;
use nexnum_sandbox::{Sandbox, SandboxConfig};
use parking_lot::Mutex;
use serde_json::json;

use self::server::Client;

/// The seed of the demo, its message delay on the command line and its interval of price lists.
const SEED: u64 = 1;
const SMS_DELAY_MS: std::ops::RangeInclusive<u64> = 500..=1_500;
const SYNC_INTERVAL_S: u64 = 30;
/// What is promised: so many of a hundred codes are so late at most.
const CODES_IN_TIME: f64 = 99.0;
const CODE_LATE_MS: u64 = 5_000;
/// After the buying: what is due by its end has come by then, or is too late.
const REST: Duration = Duration::from_secs(9);

async fn start(dir: &std::path::Path) -> (Sandbox, Running, String) {
    let sandbox = Sandbox::start(SandboxConfig {
        seed: SEED,
        sms_delay_ms: SMS_DELAY_MS,
        silent: 0.0,
        ..SandboxConfig::default()
    });
    let sandbox = sandbox.await.expect("ports are free");
    let setups = sandbox.providers().iter().map(|provider| {
        let config = ProviderConfig {
            base_url: Some(provider.base_url.clone()),
            sync_interval_s: SYNC_INTERVAL_S,
            ..ProviderConfig::new(provider.name.to_lowercase(), provider.driver)
        };
        ProviderSetup::new(config, Secret::new(provider.key.clone()))
    });
    let admin_key = folder::init(dir).expect("the folder is new").admin_key.reveal().to_owned();
    let running = server::start(dir, setups.collect()).await;
    (sandbox, running, admin_key)
}

/// Buys without a pause until the end; counts the answers.
async fn buy(client: Client, answers: Arc<Mutex<BTreeMap<String, usize>>>, end: Instant) {
    while Instant::now() < end {
        let wish = json!({"country": "ID", "service": "telegram"});
        let (status, body) = client.post("/api/v1/orders", wish).await;
        let word = body["code"].as_str().or(body["status"].as_str()).unwrap_or("");
        *answers.lock().entry(format!("{status} {word}")).or_default() += 1;
    }
}

/// How late the codes of each provider came that were due by a moment, in milliseconds, by the
/// provider's word of when they were due; `None` for one that did not come.
fn lateness(sandbox: &Sandbox, running: &Running) -> BTreeMap<&'static str, Vec<Option<u64>>> {
    let (market, providers) = (&running.rooms.market, &running.rooms.orders.providers);
    let now = market.clock.now();
    let mut late = BTreeMap::new();
    for (at, simulated) in sandbox.providers().iter().enumerate() {
        let connected = providers.by_name(&simulated.name.to_lowercase()).expect("it is connected");
        let of_provider: &mut Vec<_> = late.entry(simulated.name).or_default();
        for number in sandbox.bought(at) {
            let Some((due_ms, _)) = number.codes.first() else { continue };
            // One that is due just now may be in time still.
            if due_ms + CODE_LATE_MS > now.0 {
                continue;
            }
            let order = market.read_model.purchase(connected.id(), &number.external_id);
            let order = order.and_then(|id| market.read_model.order(id));
            let came = order.and_then(|order| Some(order.messages.first()?.received_at));
            of_provider.push(came.map(|came| came.0.saturating_sub(*due_ms)));
        }
    }
    late
}

/// Prints how late they came; gives the share that came in time, of a hundred.
fn report(who: &str, mut late: Vec<Option<u64>>) -> f64 {
    // What never came is the latest.
    late.sort_unstable_by_key(|late| late.unwrap_or(u64::MAX));
    let in_time = late.iter().filter(|late| late.is_some_and(|late| late <= CODE_LATE_MS)).count();
    let share = 100.0 * in_time as f64 / late.len().max(1) as f64;
    let at = |part: f64| match late.get((late.len() as f64 * part) as usize) {
        Some(Some(late)) => format!("{late} ms"),
        Some(None) => "never".to_owned(),
        None => "-".to_owned(),
    };
    println!(
        "{who:<10} {:>6} codes  {share:>6.2} % within {CODE_LATE_MS} ms, p50 {}, p99 {}",
        late.len(),
        at(0.5),
        at(0.99)
    );
    share
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |at: usize, default: u64| {
        words.get(at).map_or(default, |word| word.parse().expect("a number"))
    };
    let (seconds, buyers) = (number(0, 60), number(1, 32));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (sandbox, running, admin_key) = start(&dir.path().join("market")).await;
        let client = Client::of(&running, admin_key).customer().await;
        let (answers, end) = (
            Arc::<Mutex<BTreeMap<_, _>>>::default(),
            Instant::now() + Duration::from_secs(seconds),
        );
        let mut buying = tokio::task::JoinSet::new();
        for _ in 0..buyers {
            buying.spawn(buy(client.clone(), Arc::clone(&answers), end));
        }
        while buying.join_next().await.is_some() {}
        tokio::time::sleep(REST).await;
        answers.lock().iter().for_each(|(answer, count)| println!("{count:>8}  {answer}"));
        let late = lateness(&sandbox, &running);
        let all: Vec<_> = late.values().flatten().copied().collect();
        for (who, late) in late {
            report(who, late);
        }
        assert!(!all.is_empty(), "codes were due");
        let share = report("all", all);
        running.stop().await.expect("it stops");
        sandbox.stop().await;
        if share >= CODES_IN_TIME {
            return ExitCode::SUCCESS;
        }
        println!("MISSED     {share:.2} % of the codes in time, not {CODES_IN_TIME} %");
        ExitCode::FAILURE
    })
}
