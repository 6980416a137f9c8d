//! `nexnum serve`: the server on a data folder that `init` made.

use std::fs;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::task::Poll;

use nexnum_driver::Secret;
use nexnum_engine::sealed::KeyHandle;
use nexnum_storage::secrets::{SecretBytes, Secrets};
use nexnum_storage::{Folder, StorageError};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::CliError;
use super::print::{note, say, show};
use super::values;
use crate::market::folder::{self, AcceptedKeys, BootError};
use crate::server::config::{Config, ProviderConfig};
use crate::server::{self, ProviderSetup, StartError};

/// What `serve` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// The configuration file; `nexnum init DIR` makes one.
    #[arg(long, value_name = "FILE", default_value = "config.toml")]
    pub config: PathBuf,
    /// Print the configuration with its defaults filled in and keys masked, then exit: 1 if the
    /// server would not start with it, 2 if it would start without a provider, which is named.
    #[arg(long)]
    pub check_config: bool,
    /// Accept what the machine's clock shows: after more than 24 hours in which the server did not
    /// run and the machine was booted, or after the clock jumped.
    #[arg(long)]
    pub accept_clock: bool,
    /// Accept that a sealing key is lost, by its handle as the refused start names it; may be given
    /// more than once. What is sealed under it is forgotten for good, and numbers of own stock that
    /// are sealed under it are taken off sale.
    #[arg(long, value_name = "HANDLE", value_parser = values::key_handle)]
    pub accept_missing_key: Vec<KeyHandle>,
    /// Accept that so many sealing keys are lost, all of those that the refused start counts. If they
    /// are more or fewer by now, it is refused again.
    #[arg(long, value_name = "COUNT")]
    pub accept_missing_keys: Option<NonZeroUsize>,
}

/// Runs the server until it is stopped.
///
/// # Errors
/// What kept it from running.
pub fn run(args: &ServeArgs) -> Result<(), CliError> {
    let config = Config::load(&args.config)?;
    if args.check_config {
        return check(&config, args.accept_clock);
    }
    block_on(serve(config, args))
}

async fn serve(config: Config, args: &ServeArgs) -> Result<(), CliError> {
    // 1. The data folder, and the keys of the providers. A terminal may close from now on.
    outlive_hangups();
    let mut opened = folder::open(&config.data_dir, |_| {})?;
    opened.accepts_clock = args.accept_clock;
    opened.accepted_keys = AcceptedKeys {
        named: args.accept_missing_key.iter().copied().collect(),
        count: args.accept_missing_keys,
    };
    opened.folder = config.master_key.keyed(opened.folder)?;
    let providers = setups(&config, &opened.folder)?;
    // 2. The server, until a signal.
    let running = server::start(opened, &config, providers).await.map_err(not_started)?;
    let stopped = stop_signal();
    say(format_args!("listening on http://{}", running.address));
    if let Some(address) = running.metrics_address {
        say(format_args!("metrics on http://{address}/metrics"));
    }
    stopped.await;
    // 3. An orderly stop.
    note("stopping");
    running.stop().await.map_err(BootError::from)?;
    Ok(())
}

/// The exit code of damage in the folder is kept; an address that cannot be had is named with
/// its field of the configuration.
pub(super) fn not_started(error: StartError) -> CliError {
    match error {
        StartError::Boot(error) => error.into(),
        StartError::Listen { setting, .. } => CliError::Refused(format!(
            "{error}: choose another address with `{setting}` in the configuration"
        )),
        StartError::Connect(_) | StartError::NoRandomness(_) | StartError::Register { .. } => {
            CliError::Refused(error.to_string())
        }
    }
}

/// The configured providers with their keys; one that is missing is empty, and keeps its own
/// provider alone from being bought from.
fn setups(config: &Config, folder: &Folder) -> Result<Vec<ProviderSetup>, CliError> {
    let secrets = folder::secrets(folder)?;
    let setup = |provider: &ProviderConfig| {
        let stored = match &provider.key_secret {
            Some(name) => stored_key(&secrets, name)?,
            None => Ok(provider.key_env.as_deref().and_then(values::variable)),
        };
        let (key, key_damage) = match stored {
            Ok(key) => (Secret::new(key.unwrap_or_default()), None),
            Err(damage) => (Secret::new(String::new()), Some(damage)),
        };
        let secret = |variable: &Option<String>| {
            variable.as_deref().and_then(values::variable).map(Secret::new)
        };
        Ok(ProviderSetup {
            key_damage,
            password: secret(&provider.password_env),
            proxy: secret(&provider.proxy_env),
            ..ProviderSetup::new(provider.clone(), key)
        })
    };
    config.providers.iter().map(setup).collect()
}

/// A key in the store of secrets; the inner error says that it alone is damaged there.
fn stored_key(secrets: &Secrets, name: &str) -> Result<Result<Option<String>, String>, BootError> {
    let text = |stored: SecretBytes| String::from_utf8_lossy(stored.expose()).into_owned();
    match secrets.get(name) {
        Ok(stored) => Ok(Ok(stored.map(text))),
        Err(error @ StorageError::Tampered { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
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

/// From now on Ctrl-C and SIGTERM do not end the process at once: what is returned resolves when
/// one of them has come.
pub(super) fn stop_signal() -> impl Future<Output = ()> {
    first_of(&[SignalKind::interrupt(), SignalKind::terminate()])
}

/// The same, and of the end of the terminal that the process was started in, unless it was
/// started to outlive that.
pub(super) fn stop_or_hangup_signal() -> impl Future<Output = ()> {
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !ignores_hangups() {
        kinds.push(SignalKind::hangup());
    }
    first_of(&kinds)
}

/// Resolves when a signal of one of these kinds has come since this call.
fn first_of(kinds: &[SignalKind]) -> impl Future<Output = ()> + use<> {
    let listen = |kind: &SignalKind| match signal(*kind) {
        Ok(signals) => Some(signals),
        Err(error) => {
            tracing::warn!(%error, ?kind, "no handler for a signal could be installed: it will end the process at once");
            None
        }
    };
    let mut all: Vec<Signal> = kinds.iter().filter_map(listen).collect();
    poll_fn(move |cx| {
        if all.iter_mut().any(|signals| signals.poll_recv(cx).is_ready()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
}

/// Whether the process was started with SIGHUP ignored, as by `nohup`. Where the system does not
/// say, it counts as started in a terminal.
fn ignores_hangups() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Its lowest bit is signal 1.
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// From now on a SIGHUP does not end the process; each is answered with a line in the log.
fn outlive_hangups() {
    match signal(SignalKind::hangup()) {
        Ok(mut hangups) => {
            tokio::spawn(async move {
                while hangups.recv().await.is_some() {
                    tracing::warn!(
                        "SIGHUP changes nothing: a changed configuration is used after a restart"
                    );
                }
            });
        }
        Err(error) => {
            tracing::warn!(%error, "no handler for SIGHUP could be installed: the signal will end the process at once");
        }
    }
}

/// Prints the effective configuration and whether each key was found, then what is wrong.
fn check(config: &Config, accepts_clock: bool) -> Result<(), CliError> {
    // 1. What `serve` would refuse.
    let setups = setups(config, &config.master_key.keyed(Folder::at(&config.data_dir))?)?;
    server::check_addresses(config).map_err(not_started)?;
    server::check_folder(config).map_err(CliError::refused)?;
    if !accepts_clock {
        server::check_clock(config).map_err(CliError::refused)?;
    }
    // 2. The configuration as it holds.
    let has_key = |name: &String| {
        let of_it = |setup: &&ProviderSetup| setup.config.name == *name;
        setups.iter().find(of_it).is_some_and(|setup| !setup.key.expose().is_empty())
    };
    show(config.effective(|provider| has_key(&provider.name)));
    // 3. Providers that it would start without, and those that it could not ask often enough.
    let problems = server::provider_problems(config, setups);
    for late in &problems.late {
        note(format_args!("nexnum: warning: {late}"));
    }
    for problem in &problems.without {
        note(format_args!("nexnum: {problem}"));
    }
    let without = problems.without.len();
    if without == 0 { Ok(()) } else { Err(CliError::WithoutProviders(without)) }
}
