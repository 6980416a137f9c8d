//! A look at the schedules of polls by a whole server with 50,000 open activations of one provider,
//! which it finds as it starts: what the poller does five times a second.
//!
//! The activations are bought without limits, one message in a hundred comes meanwhile, and the server starts again with the limits that the
//! driver is shipped with: nearly all polls are due and late. `cargo bench --bench poll_look --
//! [OPEN] [SECONDS]`. What a look took, the server measures itself (`nexnum_poll_look_seconds`); if
//! one takes longer than a millisecond on average, the exit code is 1.

mod server;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nexnum::market::folder;
use nexnum::server::config::ProviderConfig;
use nexnum::server::{ProviderSetup, Running};
use nexnum_driver::{Driver, Secret};
use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::Product;
use nexnum_engine::money::Micros;
use nexnum_sandbox::{Sandbox, SandboxConfig};
use reqwest::Method;
use serde_json::json;

use self::server::Client;

/// Of the simulated providers, the one with the handler protocol.
const HANDLER: usize = 0;
const BUYERS: usize = 64;
/// More than a look may take on average.
const MOST: Duration = Duration::from_millis(1);
/// The name of what the server measures.
const LOOK: &str = "nexnum_poll_look_seconds";

/// The shipped driver; without limits to buy by.
fn driver(is_limited: bool) -> String {
    let shipped = Driver::shipped().iter().find(|(name, _)| *name == "handler");
    let (_, whole) = shipped.expect("it is shipped");
    if is_limited {
        return (*whole).to_owned();
    }
    let (head, limits) = whole.split_once("\n[limits]\n").expect("it has limits");
    let (_, rest) = limits.split_once("\n[").expect("more follows");
    // Nor is anything asked about meanwhile.
    let rest = rest.replace("poll_interval_ms = 5000", "poll_interval_ms = 86400000");
    format!(
        "{head}\n[limits]\nconcurrency = 64\npenalty_ms = 5000\n\
         windows = [{{ calls = 100000, per_ms = 1000 }}]\n\n[{rest}"
    )
}

async fn serve(dir: &Path, sandbox: &Sandbox, is_limited: bool) -> Running {
    let document = dir.join(format!("handler-{is_limited}.toml"));
    std::fs::write(&document, driver(is_limited)).expect("the folder can be written");
    let provider = &sandbox.providers()[HANDLER];
    let config = ProviderConfig {
        base_url: Some(provider.base_url.clone()),
        ..ProviderConfig::new(provider.name, document.to_str().expect("a plain path"))
    };
    let setup = ProviderSetup::new(config, Secret::new(provider.key.clone()));
    server::start(&dir.join("market"), vec![setup]).await
}

async fn buy(client: &Client, open: usize) {
    let (bought, mut buyers) = (Arc::new(AtomicUsize::new(0)), tokio::task::JoinSet::new());
    for _ in 0..BUYERS {
        let (client, bought) = (client.clone(), Arc::clone(&bought));
        buyers.spawn(async move {
            while bought.load(Ordering::Relaxed) < open {
                let wish = json!({"country": "ID", "service": "telegram"});
                if client.post("/api/v1/orders", wish).await.0 == 201 {
                    bought.fetch_add(1, Ordering::Relaxed);
                } else {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        });
    }
    buyers.join_all().await;
}

/// How many looks there were, how long all of them took, and how many took at most a millisecond.
async fn looks(admin: &Client) -> [f64; 3] {
    let (_, page) = server::sent(admin.request(Method::GET, "/metrics")).await;
    ["_count", "_sum", "_bucket{le=\"0.001\"}"].map(|part| {
        let name = format!("{LOOK}{part} ");
        let value = page.lines().find_map(|line| line.strip_prefix(&name));
        value.unwrap_or_else(|| panic!("{name}is not measured: {page}")).parse().expect("a number")
    })
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |at: usize, default: usize| {
        words.get(at).map_or(default, |word| word.parse().expect("a number"))
    };
    let (open, seconds) = (number(0, 50_000), number(1, 60) as u64);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let sandbox = Sandbox::start(SandboxConfig {
            sms_delay_ms: 1_000..=3_600_000,
            latency_ms: 0..=1,
            ..SandboxConfig::small(7)
        });
        let sandbox = sandbox.await.expect("ports are free");
        let catalog = Catalog::load();
        let country = catalog.find_country("ID").expect("it is listed");
        let service = catalog.find_service("telegram").expect("it is listed");
        let product = Product::activation(country, service);
        assert!(sandbox.pin(HANDLER, product, Micros(100_000), u32::MAX), "it is sold there");
        let made = folder::init(&dir.path().join("market")).expect("the folder is new");
        let admin = made.admin_key.reveal().to_owned();
        let began = Instant::now();
        let running = serve(dir.path(), &sandbox, false).await;
        let client = Client::of(&running, admin.clone()).customer().await;
        buy(&client, open).await;
        println!("bought     {open:>8}  in {:.1?}", began.elapsed());
        running.stop().await.expect("it stops");

        let running = serve(dir.path(), &sandbox, true).await;
        let admin = Client::of(&running, admin);
        // It takes them in as it starts.
        let before = looks(&admin).await;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let after = looks(&admin).await;
        let [count, sum, short] = [0, 1, 2].map(|at| after[at] - before[at]);
        let waiting = running.rooms.orders.market.read_model.driven().len();
        let mean = Duration::from_secs_f64(sum / count.max(1.0));
        println!(
            "looks      {count:>8}  {mean:.1?} on average, {:.2} % within a millisecond, with \
             {waiting} open activations",
            100.0 * short / count.max(1.0)
        );
        assert!(waiting >= open / 10 * 9, "they are open still");
        running.stop().await.expect("it stops");
        sandbox.stop().await;
        if count > 0.0 && mean < MOST { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    })
}
