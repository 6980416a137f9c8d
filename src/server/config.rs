//! The configuration: a TOML file, every field of which is known, bounded and explained by
//! its error. A fault inside the section of one provider leaves that provider out alone. Secrets
//! are not in it: it names where they are, in the data folder's secret store or in an environment
//! variable.

mod provider;
mod sections;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::{fs, io};

use nexnum_driver::in_words;
use serde::{Deserialize, Serialize};
use toml::de::{DeTable, Deserializer};

pub use self::provider::ProviderConfig;
pub use self::sections::FaultyProvider;
use self::sections::{Sections, SectionsError};
use crate::config_value;
use crate::market::master_key::MasterKeyConfig;
use crate::market::retention::RetentionConfig;
use crate::supply::config::{MarginConfig, OwnStockConfig};

/// Bytes of a configuration: a hundred providers fit many times over.
const LEN_MAX: u64 = 1 << 20;
/// Providers in one configuration; the grid holds some more.
pub(super) const PROVIDERS_MAX: usize = 1_000;
/// Longest wait for requests at the end: a service manager kills after 90 s.
const DRAIN_S_MAX: u64 = 80;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file.
    #[error("there is no configuration {}: `nexnum init DIR` makes a data folder with one, and --config DIR/config.toml names it", path.display())]
    Missing {
        /// The path that was tried.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than any configuration.
    #[error("the configuration {} is above {LEN_MAX} bytes", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
    },
    /// The text is not a configuration; the message names line and field.
    #[error("the configuration {} is wrong: {}", path.display(), told(source))]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Fields that are well-formed and do not go together.
    #[error("the configuration {} is wrong: {reason}", path.display())]
    Rule {
        /// Which file.
        path: PathBuf,
        /// Which field, and why.
        reason: String,
    },
}

/// What is wrong with a text that is no configuration, with its place.
fn told(error: &toml::de::Error) -> String {
    error.to_string().replace(error.message(), &in_words(error.message(), "a table"))
}

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the server listens; port 0 lets the system choose.
    #[serde(deserialize_with = "config_value::address")]
    pub listen: SocketAddr,
    /// Where metrics are served without a key, if anywhere: an address that only the
    /// operator's monitoring reaches. On `listen` they need an admin key.
    #[serde(
        deserialize_with = "config_value::optional_address",
        skip_serializing_if = "Option::is_none"
    )]
    pub metrics_listen: Option<SocketAddr>,
    /// The data folder; relative to the configuration's own folder, which is the default.
    pub data_dir: PathBuf,
    /// How long requests in work may take after a stop was asked for.
    pub drain_seconds: u64,
    /// Where the master key comes from, if not from the data folder.
    #[serde(skip_serializing_if = "MasterKeyConfig::is_own_file")]
    pub master_key: MasterKeyConfig,
    /// How long messages can be read.
    #[serde(skip_serializing_if = "RetentionConfig::is_empty")]
    pub retention: RetentionConfig,
    /// How numbers of own stock live.
    pub own_stock: OwnStockConfig,
    /// What we add to a provider's price, unless the provider says otherwise.
    pub margin: MarginConfig,
    /// Bounds of the server.
    pub limits: LimitsConfig,
    /// The connected providers.
    pub providers: Vec<ProviderConfig>,
    /// Providers that are left out, since their sections break a rule.
    #[serde(skip)]
    pub faulty_providers: Vec<FaultyProvider>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            metrics_listen: None,
            data_dir: PathBuf::from("."),
            drain_seconds: 10,
            master_key: MasterKeyConfig::default(),
            retention: RetentionConfig::default(),
            own_stock: OwnStockConfig::default(),
            margin: MarginConfig::default(),
            limits: LimitsConfig::default(),
            providers: Vec::new(),
            faulty_providers: Vec::new(),
        }
    }
}

/// Bounds of the server; what is not named keeps its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Open connections.
    pub connections_max: NonZeroU32,
    /// Open connections of one address.
    pub connections_per_address_max: NonZeroU32,
    /// Requests that one key may make in a minute.
    pub requests_per_minute: NonZeroU32,
    /// Events between two snapshots: more start slower, fewer write more.
    pub snapshot_every_events: NonZeroU32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let bound = |n| NonZeroU32::new(n).expect("the defaults are not zero");
        Self {
            connections_max: bound(10_000),
            connections_per_address_max: bound(256),
            requests_per_minute: bound(6_000_000),
            snapshot_every_events: bound(500_000),
        }
    }
}

impl Config {
    /// Reads the configuration at `path`. Paths in it are relative to its own folder; they come
    /// out relative to where we are.
    ///
    /// # Errors
    /// Which file, which line, which field, and why.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ConfigError::Missing { path: path.to_owned() },
            _ => ConfigError::Io { path: path.to_owned(), source },
        };
        if fs::metadata(path).map_err(io)?.len() > LEN_MAX {
            return Err(ConfigError::TooLong { path: path.to_owned() });
        }
        let text = fs::read_to_string(path).map_err(io)?;
        let mut config = Self::parse(&text, path)?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        config.data_dir = folder.join(&config.data_dir);
        config.master_key.resolve(folder);
        config.providers.iter_mut().for_each(|provider| provider.resolve(folder));
        Ok(config)
    }

    /// Parses a configuration; `path` names it in errors.
    ///
    /// # Errors
    /// Which line, which field, and why.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let wrong = |mut error: toml::de::Error| {
            error.set_input(Some(text));
            ConfigError::Parse { path: path.to_owned(), source: Box::new(error) }
        };
        let rule = |reason| ConfigError::Rule { path: path.to_owned(), reason };
        // 1. The providers, each by itself.
        let mut document = DeTable::parse(text).map_err(wrong)?;
        let sections = Sections::take(document.get_mut(), text).map_err(|error| match error {
            SectionsError::At(error) => wrong(error),
            SectionsError::Rule(reason) => rule(reason),
        })?;
        if sections.len() > PROVIDERS_MAX {
            let len = sections.len();
            return Err(rule(format!("there are {len} providers: at most {PROVIDERS_MAX} may be")));
        }
        // 2. The rest.
        let rest = Self::deserialize(Deserializer::from(document)).map_err(wrong)?;
        let Sections { providers, faulty: faulty_providers } = sections;
        let config = Self { providers, faulty_providers, ..rest };
        match config.broken_rule() {
            Some(reason) => Err(rule(reason)),
            None => Ok(config),
        }
    }

    fn broken_rule(&self) -> Option<String> {
        if self.drain_seconds > DRAIN_S_MAX {
            let seconds = self.drain_seconds;
            return Some(format!("drain_seconds is {seconds}: it must be at most {DRAIN_S_MAX}"));
        }
        if self.metrics_listen == Some(self.listen) && self.listen.port() != 0 {
            let address = self.listen;
            return Some(format!(
                "listen and metrics_listen are both {address}: give metrics_listen another port"
            ));
        }
        self.master_key.broken_rule().or_else(|| self.own_stock.broken_rule())
    }

    /// The configuration as it holds, defaults included, as TOML. Secrets are not in it;
    /// `is_set` says of a provider whether its key was found, and that is printed beside it.
    /// Providers that are left out are named.
    #[must_use]
    pub fn effective(&self, is_set: impl Fn(&ProviderConfig) -> bool) -> String {
        let mut text = toml::to_string(self).expect("every field of ours is TOML");
        for provider in &self.providers {
            let place = match (&provider.key_secret, &provider.key_env) {
                (Some(name), _) => format!("********, the secret {name:?}"),
                (None, Some(variable)) => format!("********, the variable {variable}"),
                (None, None) => continue,
            };
            let found = if is_set(provider) { "set" } else { "NOT SET" };
            text.push_str(&format!("# key of {:?}: {place}: {found}\n", provider.name));
        }
        for FaultyProvider { name, .. } in &self.faulty_providers {
            text.push_str(&format!("# {name:?} is left out: its section breaks a rule\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests;
