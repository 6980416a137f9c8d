//! The configuration: a TOML file, every field of which is known, bounded and explained by
//! its error. Secrets are not in it: it names where they are, in the data folder's secret
//! store or in an environment variable.

mod values;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use nexnum_engine::command::Timings;
use nexnum_engine::money::Micros;
use nexnum_engine::policy::Policy;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a configuration: a hundred providers fit many times over.
const LEN_MAX: u64 = 1 << 20;
/// Providers in one configuration; the grid holds some more.
const PROVIDERS_MAX: usize = 1_000;
/// Bytes of a name in the configuration, as in the engine.
const NAME_LEN_MAX: usize = 100;
/// Longest life of a number: providers sell an activation for minutes, a rental is another thing.
const LIFETIME_S_MAX: u64 = 24 * 60 * 60;
/// Longest wait for requests at the end: a service manager kills after 90 s.
const DRAIN_S_MAX: u64 = 80;
/// Bounds of the pause between two syncs: providers ban a faster one, stock is stale after more.
const SYNC_S: std::ops::RangeInclusive<u64> = 5..=24 * 60 * 60;
/// The largest margin in percent: more is a typing error.
const PERCENT_MAX: u32 = 1_000;
/// The largest rate of exchange: no currency is worth more of any other.
const RATE_MAX: u32 = 1_000_000;
/// Places of a percentage.
const PERCENT_SCALE_MAX: u32 = 4;

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
    #[error("the configuration {} is wrong: {source}", path.display())]
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

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the server listens; port 0 lets the system choose.
    #[serde(deserialize_with = "values::address")]
    pub listen: SocketAddr,
    /// Where metrics are served without a key, if anywhere: an address that only the
    /// operator's monitoring reaches. On `listen` they need an admin key.
    #[serde(
        deserialize_with = "values::optional_address",
        skip_serializing_if = "Option::is_none"
    )]
    pub metrics_listen: Option<SocketAddr>,
    /// The data folder; relative to the configuration's own folder, which is the default.
    pub data_dir: PathBuf,
    /// How long requests in work may take after a stop was asked for.
    pub drain_seconds: u64,
    /// How numbers of own stock live.
    pub own_stock: OwnStockConfig,
    /// What we add to a provider's price, unless the provider says otherwise.
    pub margin: MarginConfig,
    /// Bounds of the server.
    pub limits: LimitsConfig,
    /// The connected providers.
    pub providers: Vec<ProviderConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            metrics_listen: None,
            data_dir: PathBuf::from("."),
            drain_seconds: 10,
            own_stock: OwnStockConfig::default(),
            margin: MarginConfig::default(),
            limits: LimitsConfig::default(),
            providers: Vec::new(),
        }
    }
}

/// How numbers of own stock live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnStockConfig {
    /// From the sale to the end by itself, in seconds.
    pub lifetime_s: u64,
    /// From the sale to the first allowed cancel, in seconds.
    pub min_cancel_age_s: u64,
    /// From a refund to the next sale of the number, in seconds; 0 sells it at once.
    pub quarantine_s: u64,
}

impl Default for OwnStockConfig {
    fn default() -> Self {
        Self { lifetime_s: 1200, min_cancel_age_s: 120, quarantine_s: 600 }
    }
}

impl OwnStockConfig {
    /// The same as commands carry it.
    #[must_use]
    pub const fn timings(&self) -> Timings {
        let (lifetime, age) = (self.lifetime_s, self.min_cancel_age_s);
        Timings { lifetime_ms: 1000 * lifetime, min_cancel_age_ms: 1000 * age }
    }

    /// What of it the engine decides by.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        Policy { quarantine_ms: 1000 * self.quarantine_s }
    }
}

/// What we add to a provider's price: a percentage, and at least the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MarginConfig {
    /// Percent of the cost, exact.
    pub percent: Percent,
    /// The least that is added.
    #[serde(deserialize_with = "money", serialize_with = "print")]
    pub floor: Micros,
}

impl Default for MarginConfig {
    fn default() -> Self {
        Self { percent: Percent(Decimal::from(20)), floor: Micros(10_000) }
    }
}

/// A percentage from 0 to 1000 with at most four places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(pub Decimal);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = values::quoted(deserializer)?;
        let parsed = Decimal::from_str_exact(&text).map(|percent| percent.normalize());
        let range = Decimal::ZERO..=Decimal::from(PERCENT_MAX);
        match parsed {
            Ok(percent) if range.contains(&percent) && percent.scale() <= PERCENT_SCALE_MAX => {
                Ok(Self(percent))
            }
            Ok(_) | Err(_) => Err(serde::de::Error::custom(format!(
                "{text:?} is not a percentage from 0 to {PERCENT_MAX} with at most \
                 {PERCENT_SCALE_MAX} places"
            ))),
        }
    }
}

/// A rate of exchange above 0, at most a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub Decimal);

impl Default for Rate {
    fn default() -> Self {
        Self(Decimal::ONE)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = values::quoted(deserializer)?;
        match Decimal::from_str_exact(&text) {
            Ok(rate) if rate > Decimal::ZERO && rate <= Decimal::from(RATE_MAX) => Ok(Self(rate)),
            Ok(_) | Err(_) => Err(serde::de::Error::custom(format!(
                "{text:?} is not a rate above 0, at most {RATE_MAX}"
            ))),
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

/// A connected provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Unique; the ledger knows the provider by it.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// A shipped driver's name, or the path of a driver document.
    #[serde(deserialize_with = "name")]
    pub driver: String,
    /// Instead of the driver's own address.
    #[serde(default, deserialize_with = "base_url", skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The name of the key in the secret store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_secret: Option<String>,
    /// The environment variable that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// Whether it is bought from.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Who goes first among equal prices: the higher.
    #[serde(default)]
    pub priority: u8,
    /// Instead of the common margin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<MarginConfig>,
    /// Ledger units for one unit of the provider's currency.
    #[serde(default)]
    pub rate: Rate,
    /// Seconds between two syncs of its offers.
    #[serde(default = "sync_interval_s")]
    pub sync_interval_s: u64,
}

const fn yes() -> bool {
    true
}

const fn sync_interval_s() -> u64 {
    60
}

fn money<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Micros, D::Error> {
    let text = values::quoted(deserializer)?;
    Micros::parse(&text).map_err(|e| serde::de::Error::custom(format!("{text:?} {e}")))
}

fn print<S: Serializer>(amount: &Micros, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if (1..=NAME_LEN_MAX).contains(&text.len()) {
        return Ok(text);
    }
    Err(serde::de::Error::custom(format!("a name has 1 to {NAME_LEN_MAX} bytes")))
}

fn base_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        None | Some("") => Err(serde::de::Error::custom("an address begins with http(s)://")),
        Some(rest) if rest.contains(['@', '?', '#', ' ']) => {
            Err(serde::de::Error::custom("an address has no user, query, fragment or space"))
        }
        Some(_) => Ok(Some(text)),
    }
}

impl Config {
    /// Reads the configuration at `path`; `data_dir` comes out relative to where we are.
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
        Ok(config)
    }

    /// Parses a configuration; `path` names it in errors.
    ///
    /// # Errors
    /// Which line, which field, and why.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        match config.broken_rule() {
            Some(reason) => Err(ConfigError::Rule { path: path.to_owned(), reason }),
            None => Ok(config),
        }
    }

    fn broken_rule(&self) -> Option<String> {
        let own = self.own_stock;
        let rules = [
            (self.drain_seconds > DRAIN_S_MAX, format!("drain_seconds is above {DRAIN_S_MAX}")),
            (
                !(1..=LIFETIME_S_MAX).contains(&own.lifetime_s),
                format!("own_stock.lifetime_s is not from 1 to {LIFETIME_S_MAX}"),
            ),
            (
                own.min_cancel_age_s > own.lifetime_s,
                "own_stock.min_cancel_age_s is above own_stock.lifetime_s".to_owned(),
            ),
            (
                own.quarantine_s > LIFETIME_S_MAX,
                format!("own_stock.quarantine_s is above {LIFETIME_S_MAX}"),
            ),
            (
                self.providers.len() > PROVIDERS_MAX,
                format!("there are more than {PROVIDERS_MAX} providers"),
            ),
        ];
        let broken = rules.into_iter().find_map(|(broken, reason)| broken.then_some(reason));
        broken.or_else(|| self.broken_provider())
    }

    fn broken_provider(&self) -> Option<String> {
        let mut names = BTreeSet::new();
        for provider in &self.providers {
            let name = &provider.name;
            if !names.insert(name) {
                return Some(format!("two providers are named {name:?}"));
            }
            if !SYNC_S.contains(&provider.sync_interval_s) {
                let (least, most) = (SYNC_S.start(), SYNC_S.end());
                return Some(format!(
                    "sync_interval_s of provider {name:?} is not from {least} to {most}"
                ));
            }
            if provider.key_secret.is_some() && provider.key_env.is_some() {
                return Some(format!("provider {name:?} has both key_secret and key_env"));
            }
        }
        None
    }

    /// The configuration as it holds, defaults included, as TOML. Secrets are not in it;
    /// `is_set` says of a provider whether its key was found, and that is printed beside it.
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
        text
    }
}

#[cfg(test)]
mod tests;
