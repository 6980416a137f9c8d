//! `nexnum demo`: a whole market on this machine.

mod api;
mod buyers;
mod figures;
mod folder;
mod follow;
mod happening;
mod screen;
mod seed;
mod steps;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use nexnum_driver::Secret;
use nexnum_engine::ids::OrderId;
use nexnum_sandbox::{Sandbox, SandboxConfig, SandboxProvider};
use nexnum_storage::Reader;

use self::follow::{FollowSetup, Following};
use self::screen::Form;
use self::steps::{Steps, Telling};

use super::error::CliError;
use super::print::note;
use super::values;
use crate::market::folder::{BootError, open};
use crate::server::config::{Config, LimitsConfig, ProviderConfig};
use crate::server::{self, Listeners, ProviderSetup, Running, StartError};
use crate::supply::config::OwnStockConfig;

/// Arguments of `nexnum demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Where the server listens; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = values::address)]
    pub listen: SocketAddr,
    /// The data folder; created if there is none.
    #[arg(long, value_name = "DIR", default_value = "./nexnum-demo")]
    pub data: PathBuf,
    /// The seed of the simulated market: the same seed gives the same prices and numbers.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = values::whole::<u64>(0..=u64::MAX))]
    pub seed: u64,
    /// How long a simulated message takes to arrive, in milliseconds.
    #[arg(long, value_name = "MIN..MAX", default_value = "2000..20000", value_parser = delays)]
    pub sms_delay_ms: RangeInclusive<u64>,
    /// How old a number must be before it may be cancelled, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = values::whole::<u64>(0..=86_400))]
    pub min_cancel_age: u64,
    /// The share of calls to the simulated providers that misbehave, 0 to 1.
    ///
    /// Any call: no answer, or a lost connection; HTTP 301, 429, 500, or 502 to 504 with
    /// Retry-After in any form; something that is not the protocol. Done, and the reply is slow,
    /// late, lost, cut, stuck after its head, a 502 or 504, falsely compressed, of another
    /// content type, or has ids of another type, spelled numbers, local dates. Purchases: bought
    /// and the reply lost, listed late, no numbers, the price has risen, overcharged, a stranger
    /// buys the same; messages twice, again with another id, two at once, after a cancel. Numbers:
    /// not found, too early to cancel, cancelled and the reply lost. Lists of open numbers: rows
    /// missing, or all.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub faults: f64,
    /// How many buyers trade by themselves, 0 to 256, so that the market is under load.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = values::whole::<u16>(0..=256))]
    pub buyers: u16,
    /// Print the addresses and the lines to copy, and nothing of what happens.
    #[arg(long)]
    pub quiet: bool,
    /// Print JSON on a terminal too, and nothing for people: a line for the addresses, one for
    /// the lines to copy, and one for each event.
    #[arg(long)]
    pub json: bool,
}

/// A day: numbers live for twenty minutes.
const DELAY_MS_MAX: u64 = 24 * 60 * 60 * 1000;

fn delays(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |part: &str| part.trim_start_matches('=').parse::<u64>().ok();
    let (least, most) = text.split_once("..").ok_or("is not MIN..MAX")?;
    match (number(least), number(most)) {
        (Some(_), Some(most)) if most > DELAY_MS_MAX => Err("ends beyond a day".to_owned()),
        (Some(least), Some(most)) if least <= most => Ok(least..=most),
        (Some(_), Some(_)) => Err("begins after its end".to_owned()),
        (None, _) | (_, None) => Err("is not MIN..MAX in whole milliseconds".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("is not a share from 0 to 1".to_owned()),
    }
}

/// Runs the demo until it is stopped, or its terminal is closed.
///
/// # Errors
/// What kept it from running.
pub fn run(args: DemoArgs) -> Result<(), CliError> {
    let form = if args.json { Form::Json } else { Form::of_stdout() };
    // On a terminal what needs attention is among the lines that are printed.
    if !args.quiet && form != Form::Json && std::io::stderr().is_terminal() {
        crate::logs::install_for_errors();
    }
    super::serve::block_on(demo(args, form))
}

async fn demo(args: DemoArgs, form: Form) -> Result<(), CliError> {
    // 1. The address, before anything is made.
    let config = config(&args);
    let listeners = Listeners::bind(&config).await.map_err(not_started)?;
    // 2. The data folder: a new one, or that of an earlier demo.
    let admin_key = folder::claim(&args.data)?;
    let fresh = admin_key.is_some();
    let mut opened = open(&args.data, |_| {})?;
    // A demo is played days apart, and no business hangs on its time.
    opened.accepts_clock = true;
    let reader = opened.reader.clone();
    let last = opened.engine.state().counters().order.0;
    // 3. The simulated providers, and the server connected to them.
    let sandbox = Sandbox::start(sandbox_config(&args)).await;
    let sandbox = sandbox
        .map_err(|error| CliError::failed("the simulated providers did not start", &error))?;
    let providers = sandbox.providers().iter().map(|provider| setup(provider, &args)).collect();
    let running =
        server::start_on(listeners, opened, &config, providers).await.map_err(not_started)?;
    // 4. Customers, money and own stock, once for a folder; then what a reader needs of them.
    let stopped = super::serve::stop_or_hangup_signal();
    let simulated = sandbox.providers();
    let seeded = seed::prepare(&running, &args.data, admin_key, simulated, args.buyers).await?;
    seeded.write(&args.data)?;
    let telling = match form {
        Form::Text | Form::Coloured => Telling::Text,
        Form::Json if args.json => Telling::Json,
        Form::Json => Telling::JsonBesideText,
    };
    let next = [1, 2].map(|more| running.rooms.market.ids.activation(OrderId(last + more)));
    let steps = Steps { telling, seeded: &seeded, next, has_buyers: args.buyers > 0 };
    steps.print_addresses();
    // 5. The lines to paste, only when they work; then what happens, until a signal.
    let market = async {
        if fresh {
            note("waiting for the first price lists of the simulated providers");
            wait_for_market(&running).await;
        }
        steps.print();
        let busy = Arc::<AtomicU64>::default();
        let _following = (!args.quiet)
            .then(|| follow(&running, reader, form, (args.buyers > 0).then_some(&busy)))
            .transpose()?;
        let rooms = &running.rooms;
        let _buyers = buyers::start(rooms, &seeded, args.buyers, args.seed, &busy)?;
        std::future::pending().await
    };
    let ended = tokio::select! {
        () = stopped => Ok(()),
        failed = market => failed,
    };
    // 6. An orderly stop: first the server, which still asks the providers.
    note("stopping");
    running.stop().await.map_err(BootError::from)?;
    sandbox.stop().await;
    ended
}

/// Shows what happens from now on; with buyers also how they do.
fn follow(
    running: &Running,
    reader: Reader,
    form: Form,
    busy: Option<&Arc<AtomicU64>>,
) -> Result<Following, CliError> {
    let (rooms, busy) = (running.rooms.clone(), busy.cloned());
    Following::start(FollowSetup { rooms, reader, form, busy })
        .map_err(|error| CliError::failed("what happens cannot be shown", &error))
}

/// In the demo the address is an argument.
fn not_started(error: StartError) -> CliError {
    match error {
        StartError::Listen { .. } => CliError::Refused(format!(
            "{error}: choose another address with --listen, e.g. --listen 127.0.0.1:0"
        )),
        StartError::Boot(_)
        | StartError::Connect(_)
        | StartError::NoRandomness(_)
        | StartError::Register { .. } => super::serve::not_started(error),
    }
}

/// Numbers without faults always get their message, so that the printed lines work.
const SILENT_AMONG_FAULTS: f64 = 0.03;

fn sandbox_config(args: &DemoArgs) -> SandboxConfig {
    SandboxConfig {
        seed: args.seed,
        sms_delay_ms: args.sms_delay_ms.clone(),
        min_cancel_age_ms: 1000 * args.min_cancel_age,
        faults: args.faults,
        silent: if args.faults > 0.0 { SILENT_AMONG_FAULTS } else { 0.0 },
        journal_dir: Some(args.data.join("providers")),
        ..SandboxConfig::default()
    }
}

fn config(args: &DemoArgs) -> Config {
    Config {
        listen: args.listen,
        data_dir: args.data.clone(),
        // Own stock has no provider that refuses an early cancel, and in the demo a refunded
        // number can be sold again at once.
        own_stock: OwnStockConfig {
            min_cancel_age_s: 0,
            quarantine_s: 0,
            ..OwnStockConfig::default()
        },
        limits: LimitsConfig {
            // The buyers are on this machine too.
            connections_per_address_max: CONNECTIONS_OF_BUYERS,
            ..LimitsConfig::default()
        },
        ..Config::default()
    }
}

/// Connections of this machine: all buyers, each with a long poll and one more request, and as
/// many clients beside them as without buyers.
const CONNECTIONS_OF_BUYERS: NonZeroU32 = NonZeroU32::new(256 + 2 * 256).expect("it is above 0");

fn setup(provider: &SandboxProvider, args: &DemoArgs) -> ProviderSetup {
    let config = ProviderConfig {
        base_url: Some(provider.base_url.clone()),
        sync_interval_s: SYNC_INTERVAL_S,
        ..ProviderConfig::new(provider.name.to_lowercase(), provider.driver)
    };
    ProviderSetup {
        min_cancel_age_ms: Some(1000 * args.min_cancel_age),
        ..ProviderSetup::new(config, Secret::new(provider.key.clone()))
    }
}

/// Often enough that prices are seen to move.
const SYNC_INTERVAL_S: u64 = 30;
/// The providers' first lists take a few seconds; a market without one of them still sells.
const MARKET_WAIT: Duration = Duration::from_secs(45);

/// Waits until every provider's offers are there.
async fn wait_for_market(running: &Running) {
    let deadline = tokio::time::Instant::now() + MARKET_WAIT;
    let providers = &running.rooms.orders.providers;
    let synced =
        || providers.list().iter().all(|provider| provider.health().last_sync_at.is_some());
    while !synced() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
