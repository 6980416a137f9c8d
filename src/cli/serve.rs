//! `nexnum serve`: the server on a data folder that `init` made.

use std::path::PathBuf;

use nexnum_storage::Folder;

use super::CliError;
use crate::boot::{self, BootError};
use crate::config::{Config, ProviderConfig};

/// What `serve` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "config.toml")]
    pub config: PathBuf,
    /// Print the configuration as it holds, keys masked, and end.
    #[arg(long)]
    pub check_config: bool,
}

/// Runs the server until it is stopped.
///
/// # Errors
/// What kept it from running.
pub fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.config)?;
    if args.check_config {
        return check(&config);
    }
    Err(CliError::Refused("the server is not part of this build".to_owned()))
}

/// Prints the effective configuration and whether each key was found.
fn check(config: &Config) -> Result<(), CliError> {
    let stored = stored_names(config)?;
    let is_set = |provider: &ProviderConfig| match (&provider.key_secret, &provider.key_env) {
        (Some(name), _) => stored.contains(name),
        (None, Some(variable)) => std::env::var_os(variable).is_some_and(|key| !key.is_empty()),
        (None, None) => true,
    };
    print!("{}", config.effective(is_set));
    Ok(())
}

/// The names in the secret store; it is not opened for a configuration that needs none.
fn stored_names(config: &Config) -> Result<Vec<String>, CliError> {
    if config.providers.iter().all(|provider| provider.key_secret.is_none()) {
        return Ok(Vec::new());
    }
    let secrets = boot::secrets(&Folder::at(&config.data_dir))?;
    Ok(secrets.names().map_err(BootError::from)?)
}
