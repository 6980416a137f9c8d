//! `nexnum serve`: the server on a data folder that `init` made.

use std::path::PathBuf;

use nexnum_driver::Secret;
use nexnum_storage::Folder;

use super::error::CliError;
use super::print::{note, say, show};
use super::values;
use crate::market::folder::{self, BootError};
use crate::server::config::{Config, ProviderConfig};
use crate::server::{self, ProviderSetup, StartError};

/// What `serve` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// The configuration file; `nexnum init DIR` makes one.
    #[arg(long, value_name = "FILE", default_value = "config.toml")]
    pub config: PathBuf,
    /// Print the configuration with its defaults filled in and keys masked, then exit.
    #[arg(long)]
    pub check_config: bool,
}

/// Runs the server until it is stopped.
///
/// # Errors
/// What kept it from running.
pub fn run(args: &ServeArgs) -> Result<(), CliError> {
    let config = Config::load(&args.config)?;
    if args.check_config {
        return check(&config);
    }
    block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), CliError> {
    // 1. The data folder, and the keys of the providers.
    let opened = folder::open(&config.data_dir, |_| {})?;
    let providers = setups(&config)?;
    // 2. The server, until a signal.
    let running = server::start(opened, &config, providers)
        .await
        .map_err(|error| not_started(error, "`listen` in the configuration"))?;
    say(format_args!("listening on http://{}", running.address));
    if let Some(address) = running.metrics_address {
        say(format_args!("metrics on http://{address}/metrics"));
    }
    stop_signal().await;
    // 3. An orderly stop.
    note("stopping");
    running.stop().await.map_err(BootError::from)?;
    Ok(())
}

/// The exit code of damage in the folder is kept. `listen` names where the address of a
/// listener is set.
pub(super) fn not_started(error: StartError, listen: &str) -> CliError {
    match error {
        StartError::Boot(error) => error.into(),
        StartError::Listen { setting: "listen", .. } => {
            CliError::Refused(format!("{error}: choose another address with {listen}"))
        }
        StartError::Listen { .. } => CliError::Refused(format!("{error}: choose another address")),
        StartError::Connect(_) | StartError::NoRandomness(_) | StartError::Register { .. } => {
            CliError::Refused(error.to_string())
        }
    }
}

/// The configured providers with their keys; one that is missing is empty, and keeps its own
/// provider alone from being bought from.
fn setups(config: &Config) -> Result<Vec<ProviderSetup>, CliError> {
    let secrets = folder::secrets(&Folder::at(&config.data_dir))?;
    let setup = |provider: &ProviderConfig| {
        let key = match (&provider.key_secret, &provider.key_env) {
            (Some(name), _) => {
                let stored = secrets.get(name).map_err(BootError::from)?;
                stored.map(|stored| String::from_utf8_lossy(stored.expose()).into_owned())
            }
            (None, Some(variable)) => values::variable(variable),
            (None, None) => None,
        };
        let key = Secret::new(key.unwrap_or_default());
        Ok(ProviderSetup { config: provider.clone(), key, min_cancel_age_ms: None })
    };
    config.providers.iter().map(setup).collect()
}

/// Runs a server's future on a runtime of its own, with logs.
pub(super) fn block_on(work: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    crate::logs::install();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime
        .map_err(|error| {
            CliError::Refused(format!("cannot start the threads of the server: {error}"))
        })?
        .block_on(work)
}

/// Resolves when the process is asked to stop: Ctrl-C or SIGTERM.
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!(%error, "no handler for SIGTERM could be installed: the signal will end the process at once");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Prints the effective configuration and whether each key was found.
fn check(config: &Config) -> Result<(), CliError> {
    let stored = stored_names(config)?;
    let is_set = |provider: &ProviderConfig| match (&provider.key_secret, &provider.key_env) {
        (Some(name), _) => stored.contains(name),
        (None, Some(variable)) => values::variable(variable).is_some(),
        (None, None) => true,
    };
    show(config.effective(is_set));
    Ok(())
}

/// The names in the secret store; it is not opened for a configuration that needs none.
fn stored_names(config: &Config) -> Result<Vec<String>, CliError> {
    if config.providers.iter().all(|provider| provider.key_secret.is_none()) {
        return Ok(Vec::new());
    }
    let secrets = folder::secrets(&Folder::at(&config.data_dir))?;
    Ok(secrets.names().map_err(BootError::from)?)
}
