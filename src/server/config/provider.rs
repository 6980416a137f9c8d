//! The section of one provider, and the rules between its fields.

use std::path::Path;

use nexnum_driver::Driver;
use nexnum_engine::money::Micros;
use serde::{Deserialize, Serialize};

use crate::config_value;
use crate::supply::config::{MarginConfig, OWN_PROVIDER, Rate};

/// Bounds of the pause between two syncs: providers ban a faster one, stock is stale after more.
const SYNC_S: std::ops::RangeInclusive<u64> = 5..=24 * 60 * 60;
/// Bounds of a provider's weight: shares of a hundredth are as fine as orders show.
const WEIGHTS: std::ops::RangeInclusive<u8> = 1..=100;
/// Seconds between two syncs unless the configuration says otherwise.
const SYNC_INTERVAL_S: u64 = 60;

/// A connected provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Unique; the ledger knows the provider by it.
    #[serde(deserialize_with = "config_value::name")]
    pub name: String,
    /// A shipped driver's name, or the path of a driver document: relative to the
    /// configuration's own folder.
    #[serde(deserialize_with = "config_value::path")]
    pub driver: String,
    /// The path of a table of the driver's codes of countries and services, relative to the
    /// configuration's own folder; without it the shipped table, or for a dialect that is not
    /// shipped the file beside the driver document that ends in `.csv`.
    #[serde(
        default,
        deserialize_with = "config_value::optional_path",
        skip_serializing_if = "Option::is_none"
    )]
    pub codes: Option<String>,
    /// Instead of the driver's own address.
    #[serde(
        default,
        deserialize_with = "config_value::base_url",
        skip_serializing_if = "Option::is_none"
    )]
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
    /// How often it goes first among equal prices of one priority, beside the others' weights.
    #[serde(default = "one")]
    pub weight: u8,
    /// The operator is told when our account there holds less.
    #[serde(
        default,
        deserialize_with = "config_value::amount",
        serialize_with = "config_value::serialize_amount"
    )]
    pub low_balance: Micros,
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

const fn one() -> u8 {
    1
}

const fn sync_interval_s() -> u64 {
    SYNC_INTERVAL_S
}

impl ProviderConfig {
    /// A provider with a driver and no key, and all else as it is in a file that leaves it out.
    #[must_use]
    pub fn new(name: impl Into<String>, driver: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            driver: driver.into(),
            codes: None,
            base_url: None,
            key_secret: None,
            key_env: None,
            enabled: yes(),
            priority: 0,
            weight: one(),
            low_balance: Micros::ZERO,
            margin: None,
            rate: Rate::default(),
            sync_interval_s: SYNC_INTERVAL_S,
        }
    }

    /// Finds its files from the folder of the configuration on.
    pub(super) fn resolve(&mut self, folder: &Path) {
        let is_shipped = Driver::shipped().iter().any(|(name, _)| *name == self.driver);
        if !is_shipped {
            self.driver = folder.join(&self.driver).display().to_string();
        }
        let beside = |path: &String| folder.join(path).display().to_string();
        self.codes = self.codes.as_ref().map(beside);
    }

    /// The rule that the section breaks, if any.
    pub(in crate::server) fn broken_rule(&self) -> Option<String> {
        let name = &self.name;
        if name == OWN_PROVIDER {
            return Some(format!(
                "a provider is named {name:?}, which is own stock's name: choose another"
            ));
        }
        if !SYNC_S.contains(&self.sync_interval_s) {
            let (least, most) = (SYNC_S.start(), SYNC_S.end());
            return Some(format!(
                "sync_interval_s of provider {name:?} is {}: it must be from {least} to {most}",
                self.sync_interval_s
            ));
        }
        if !WEIGHTS.contains(&self.weight) {
            let (least, most) = (WEIGHTS.start(), WEIGHTS.end());
            return Some(format!(
                "weight of provider {name:?} is {}: it must be from {least} to {most}",
                self.weight
            ));
        }
        if self.low_balance < Micros::ZERO {
            return Some(format!(
                "low_balance of provider {name:?} is {}: it must not be below 0",
                self.low_balance
            ));
        }
        let two_keys = self.key_secret.is_some() && self.key_env.is_some();
        two_keys
            .then(|| format!("provider {name:?} has both key_secret and key_env: name one of them"))
    }
}
