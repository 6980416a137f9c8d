//! Why a command failed, and the exit code of each reason.

use super::load::BenchError;
use super::remote::RemoteError;
use crate::market::folder::BootError;
use crate::server::config::ConfigError;

const EXIT_WITHOUT_PROVIDERS: u8 = 2;
const EXIT_DAMAGED: u8 = 3;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Refused, or failed, in words.
    #[error("{0}")]
    Refused(String),
    /// The data folder could not be made or opened.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The configuration is not one.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The running server refused or was not reached.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A bench could not be run.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// A configuration that is served without some of its providers; each has been named.
    #[error("the server would start without {0} of its providers")]
    WithoutProviders(usize),
    /// Damage was found and has been reported.
    #[error("the data folder is damaged")]
    Damaged,
}

impl CliError {
    /// What could not be done, and why.
    pub(super) fn failed(what: &str, error: &impl std::fmt::Display) -> Self {
        Self::Refused(format!("{what}: {error}"))
    }

    /// A refusal in the words of what refused.
    pub(super) fn refused(error: impl std::fmt::Display) -> Self {
        Self::Refused(error.to_string())
    }

    /// As the help of every command says.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Boot(error) if error.is_damage() => EXIT_DAMAGED,
            Self::Refused(_)
            | Self::Boot(_)
            | Self::Config(_)
            | Self::Remote(_)
            | Self::Bench(_) => 1,
            Self::WithoutProviders(_) => EXIT_WITHOUT_PROVIDERS,
            Self::Damaged => EXIT_DAMAGED,
        }
    }
}
