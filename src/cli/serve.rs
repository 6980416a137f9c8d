//! `nexnum serve`: the server on a data folder that `init` made.

use std::path::PathBuf;

use super::CliError;
use crate::boot::Folder;
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
    let folder = Folder::at(&config.data_dir);
    let secrets = folder.secrets_if_there()?;
    let is_set = |provider: &ProviderConfig| match (&provider.key_secret, &provider.key_env) {
        (Some(name), _) => secrets.as_ref().is_some_and(|store| store.contains(name)),
        (None, Some(variable)) => std::env::var_os(variable).is_some_and(|key| !key.is_empty()),
        (None, None) => true,
    };
    print!("{}", config.effective(is_set));
    Ok(())
}
