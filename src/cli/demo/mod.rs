//! `nexnum demo`: a whole market on this machine.

mod seed;

use std::fs;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nexnum_driver::Secret;
use nexnum_sandbox::{Sandbox, SandboxConfig, SandboxProvider};
use nexnum_storage::Folder;

use super::error::CliError;
use super::print::note;
use super::values;
use crate::keys::ApiKey;
use crate::market::folder::{self, BootError};
use crate::server::config::{Config, ProviderConfig};
use crate::server::{self, ProviderSetup, Running};
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
    /// The share of calls to the simulated providers that fail, 0 to 1.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub faults: f64,
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

/// Runs the demo until it is stopped.
///
/// # Errors
/// What kept it from running.
pub fn run(args: DemoArgs) -> Result<(), CliError> {
    super::serve::block_on(demo(args))
}

async fn demo(args: DemoArgs) -> Result<(), CliError> {
    // 1. The data folder: a new one, or that of an earlier demo.
    let admin_key = claim(&args.data)?;
    let fresh = admin_key.is_some();
    let opened = folder::open(&args.data, |_| {})?;
    // 2. The simulated providers, and the server connected to them.
    let sandbox = Sandbox::start(sandbox_config(&args)).await;
    let sandbox = sandbox
        .map_err(|error| CliError::failed("the simulated providers did not start", &error))?;
    let config = config(&args);
    let providers = sandbox.providers().iter().map(|provider| setup(provider, &args)).collect();
    let running = server::start(opened, &config, providers)
        .await
        .map_err(|error| super::serve::not_started(error, "--listen"))?;
    // 3. Customers, money and own stock, once for a folder.
    let seeded = seed::prepare(&running, &args.data, admin_key, sandbox.providers()).await?;
    if fresh {
        note("waiting for the first price lists of the simulated providers");
        wait_for_market(&running).await;
    }
    // 4. The lines to paste, only when they work.
    let stopped = super::serve::stop_signal();
    seeded.write(&args.data)?;
    seeded.print();
    stopped.await;
    // 5. An orderly stop: first the server, which still asks the providers.
    note("stopping");
    running.stop().await.map_err(BootError::from)?;
    sandbox.stop().await;
    Ok(())
}

/// The mark of a folder that `demo` made, or began to make: it is there first, so that a
/// demo that was killed meanwhile leaves a folder that the next one knows.
const MARK: &str = "DEMO";
const MARK_TEXT: &str = "`nexnum demo` made this folder and plays its market in it.\n";
const MARK_BEGUN: &str = "`nexnum demo` is making this folder; nothing is in it yet.\n";

/// Makes the folder, or goes on with one that an earlier demo made; no other is touched.
fn claim(dir: &Path) -> Result<Option<ApiKey>, CliError> {
    let folder = Folder::at(dir);
    match fs::read_to_string(dir.join(MARK)) {
        // An empty mark: the kill came between its making and its writing.
        Ok(text) if text == MARK_BEGUN || text.is_empty() && !folder.is_initialised() => {
            clear(&folder)?;
            make(dir).map(Some)
        }
        Ok(_) => Ok(None),
        // Demos were marked by their `demo.json` alone once.
        Err(_) if folder.is_initialised() && seed::path(dir).exists() => Ok(None),
        Err(_) if folder.is_initialised() => {
            let dir = dir.display();
            Err(CliError::Refused(format!(
                "{dir} was not made by `nexnum demo`, which would put made-up customers and \
                 money into it: choose another folder with --data, or run it with `nexnum serve`"
            )))
        }
        Err(_) => {
            folder::make_private(dir)?;
            make(dir).map(Some)
        }
    }
}

/// Makes a folder that is there and empty, but for the mark of one begun before.
fn make(dir: &Path) -> Result<ApiKey, CliError> {
    let mark = |text| {
        fs::write(dir.join(MARK), text)
            .map_err(|error| CliError::failed("cannot write the file DEMO", &error))
    };
    let entries = fs::read_dir(dir)
        .map_err(|error| CliError::failed("cannot read the data folder", &error))?;
    if entries.flatten().any(|entry| entry.file_name() != MARK) {
        return Err(BootError::NotEmpty { dir: dir.to_owned() }.into());
    }
    mark(MARK_BEGUN)?;
    let admin_key = folder::init_beside(dir, &[MARK])?.admin_key;
    mark(MARK_TEXT)?;
    Ok(admin_key)
}

/// Removes the parts of a folder whose making was interrupted: no trade is in it yet.
/// Other files stay, and the folder is not made then.
fn clear(folder: &Folder) -> Result<(), CliError> {
    let made = [folder.ledger(), folder.secrets(), folder.master_key(), folder.tip()];
    let files = made.into_iter().chain([folder.manifest(), folder::config_path(folder)]);
    for file in files.flat_map(|file| [file.with_added_extension("tmp"), file]) {
        gone(fs::remove_file(file))?;
    }
    gone(fs::remove_dir(folder.snapshots()))
}

/// Removed, or not there at all.
fn gone(removed: std::io::Result<()>) -> Result<(), CliError> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CliError::failed("a demo that was cut off cannot be made again", &error))
        }
        Ok(()) | Err(_) => Ok(()),
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
        ..Config::default()
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_only_if_a_demo_made_it() {
        let temp = tempfile::tempdir().unwrap();
        let (own, business) = (temp.path().join("own"), temp.path().join("business"));
        assert!(claim(&own).unwrap().is_some());
        assert!(claim(&own).unwrap().is_none(), "again, without its demo.json");

        let strange = temp.path().join("strange");
        fs::create_dir(&strange).unwrap();
        fs::write(strange.join("letter.txt"), "dear").unwrap();
        assert!(claim(&strange).is_err());
        assert_eq!(fs::read_dir(&strange).unwrap().count(), 1);

        folder::init(&business).unwrap();
        let refusal = claim(&business).unwrap_err().to_string();
        assert!(refusal.contains("was not made by `nexnum demo`"), "{refusal}");
        assert!(!business.join(MARK).exists());
        fs::write(business.join("demo.json"), "{}").unwrap();
        assert!(claim(&business).unwrap().is_none(), "a demo of an earlier version");
    }

    #[test]
    fn a_demo_that_was_killed_while_it_made_its_folder_is_made_again() {
        let temp = tempfile::tempdir().unwrap();
        let steps: [fn(&Path); 4] = [
            |_| {},
            |dir| fs::write(Folder::at(dir).ledger(), "half").unwrap(),
            |dir| Folder::at(dir).init_beside(None, &[MARK]).unwrap(),
            |dir| drop(folder::init_beside(dir, &[MARK]).unwrap()),
        ];
        for (n, killed_after) in steps.iter().enumerate() {
            let dir = temp.path().join(n.to_string());
            fs::create_dir(&dir).unwrap();
            let text = if n == 0 { "" } else { MARK_BEGUN };
            fs::write(dir.join(MARK), text).unwrap();
            killed_after(&dir);
            assert!(claim(&dir).unwrap().is_some(), "step {n}");
            assert!(claim(&dir).unwrap().is_none(), "step {n}: it is made");
            folder::open(&dir, |_| {}).unwrap();
            fs::write(dir.join("letter.txt"), "dear").unwrap();
            fs::write(dir.join(MARK), MARK_BEGUN).unwrap();
            assert!(claim(&dir).is_err(), "step {n}: a file that the demo did not make is kept");
        }
    }
}
