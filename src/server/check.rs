//! What would keep a configuration from being served, found without serving it.

use std::net::{IpAddr, SocketAddr, TcpListener};

use nexnum_storage::{Folder, StorageError};

use super::config::Config;
use super::connect::{Prepared, ProviderSetup};
use super::start_error::StartError;
use crate::market::folder;
use crate::metrics::Metrics;

/// Tries whether this machine has the addresses that the configuration names. Their ports are
/// not tried: the server that is to be restarted may listen there.
///
/// # Errors
/// The first address that cannot be listened on.
pub fn check_addresses(config: &Config) -> Result<(), StartError> {
    let metrics = config.metrics_listen.map(|address| ("metrics_listen", address));
    for (setting, address) in [("listen", config.listen)].into_iter().chain(metrics) {
        let any_port = |ip: IpAddr| TcpListener::bind(SocketAddr::new(ip, 0));
        any_port(address.ip()).map_err(|source| StartError::Listen { setting, address, source })?;
    }
    Ok(())
}

/// Looks whether the data folder is whole, as far as its start would find at once: the rows of the
/// ledger are for `verify`. A server may run on it.
///
/// # Errors
/// What is missing, damaged or does not belong together.
pub fn check_folder(config: &Config) -> Result<(), StartError> {
    let folder = Folder::at(&config.data_dir);
    let manifest = folder::manifest(&folder)?;
    match folder::open_reader(&folder, &manifest) {
        Ok(reader) => Ok(reader.check_end(&manifest)?),
        Err(StorageError::InUse { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Looks whether a start would be refused for the machine's clock. A server that runs on the folder
/// follows the clock itself.
///
/// # Errors
/// The clock is too far from the ledger's last event, or that cannot be read.
pub fn check_clock(config: &Config) -> Result<(), StartError> {
    let folder = Folder::at(&config.data_dir);
    match folder::open_reader(&folder, &folder::manifest(&folder)?) {
        Ok(reader) => Ok(folder::check_clock(&folder, &reader)?),
        Err(StorageError::InUse { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What is wrong with the providers of a configuration, in a line each.
#[derive(Debug, Default)]
pub struct ProviderProblems {
    /// Those that the server would start without, or not buy from.
    pub without: Vec<String>,
    /// Those whose limits are too low for what is asked of them.
    pub late: Vec<String>,
}

/// Why the server would start without a provider, or without buying from it: one line for each
/// whose section breaks a rule; that cannot be set up, enabled or not, since its open activations
/// are asked about; or that is enabled and lacks its key. Documents are compiled and codes loaded;
/// nothing is asked of a provider.
#[must_use]
pub fn provider_problems(config: &Config, setups: Vec<ProviderSetup>) -> ProviderProblems {
    let without = config.faulty_providers.iter().map(|faulty| faulty.reason.clone()).collect();
    let mut problems = ProviderProblems { without, late: Vec::new() };
    for setup in setups {
        let is_enabled = setup.config.enabled;
        match Prepared::new(setup, config.margin, Metrics::default(), None) {
            Ok(prepared) => {
                let key_problem = prepared.key_problem().filter(|_| is_enabled);
                problems.without.extend(key_problem.map(str::to_owned));
                let late = prepared.too_slow();
                problems.late.extend(late.map(|it| format!("provider {:?}: {it}", prepared.name)));
            }
            Err(error) => problems.without.push(error.to_string()),
        }
    }
    problems
}
