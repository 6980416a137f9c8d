//! The section of one provider, and the rules between its fields.

use std::path::Path;
use std::time::Duration;

use nexnum_driver::{Currency, Driver};
use nexnum_engine::money::Micros;
use nexnum_storage::secrets::NAME_LEN_MAX as SECRET_NAME_LEN_MAX;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config_value;
use crate::provider::client_config::Timeouts;
use crate::supply::config::{MarginConfig, OWN_PROVIDER, Rate};

/// Bounds of the pause between two syncs: providers ban a faster one, stock is stale after more.
const SYNC_S: std::ops::RangeInclusive<u64> = 5..=24 * 60 * 60;
/// Bounds of a provider's weight: shares of a hundredth are as fine as orders show.
const WEIGHTS: std::ops::RangeInclusive<u64> = 1..=100;
/// Bounds of a call's time. With the wait for its turn a purchase must be over before the order
/// tries no other offer any more.
const CALL_S: std::ops::RangeInclusive<u64> = 1..=20;
/// Bounds of the time in which a provider must be reached.
const CONNECT_S: std::ops::RangeInclusive<u64> = 1..=20;
/// Bounds of a price list's time: a longer one would hold up the balance and probes.
const PRICES_S: std::ops::RangeInclusive<u64> = 1..=300;
/// Bounds of the name of a key in the secret store, in bytes.
const SECRET_NAME_LEN: std::ops::RangeInclusive<usize> = 1..=SECRET_NAME_LEN_MAX;
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
    /// The name of our account there, where the driver asks for one beside the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The environment variable that holds the account's password, where the driver asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// `none`, or the `http://host:port` of a proxy for all calls; without it the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The environment variable that holds the proxy's address with a name and a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_env: Option<String>,
    /// Seconds in which it must be reached.
    #[serde(default, deserialize_with = "connect_s", skip_serializing_if = "Option::is_none")]
    pub connect_timeout_s: Option<u64>,
    /// Seconds that a call may take from its turn on, but for price lists.
    #[serde(default, deserialize_with = "call_s", skip_serializing_if = "Option::is_none")]
    pub call_timeout_s: Option<u64>,
    /// Seconds that a price list may take from its turn on.
    #[serde(default, deserialize_with = "prices_s", skip_serializing_if = "Option::is_none")]
    pub prices_timeout_s: Option<u64>,
    /// Whether it is bought from.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Who goes first among equal prices: the higher.
    #[serde(default)]
    pub priority: u8,
    /// How often it goes first among equal prices of one priority, beside the others' weights.
    #[serde(default = "one", deserialize_with = "weight")]
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
    /// That currency; without it the driver's, or where the rate is not 1, the one that replies
    /// name first.
    #[serde(
        default,
        deserialize_with = "config_value::optional_currency",
        serialize_with = "config_value::serialize_optional_currency",
        skip_serializing_if = "Option::is_none"
    )]
    pub currency: Option<Currency>,
    /// Other programs or people buy on the account as well.
    #[serde(default)]
    pub shared_account: bool,
    /// Seconds between two syncs of its offers.
    #[serde(default = "sync_interval_s", deserialize_with = "sync_s")]
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

fn sync_s<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    config_value::within(deserializer, SYNC_S)
}

fn weight<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let weight = config_value::within(deserializer, WEIGHTS)?;
    u8::try_from(weight).map_err(D::Error::custom)
}

fn connect_s<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    config_value::within(deserializer, CONNECT_S).map(Some)
}

fn call_s<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    config_value::within(deserializer, CALL_S).map(Some)
}

fn prices_s<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    config_value::within(deserializer, PRICES_S).map(Some)
}

/// The rule that a provider's name breaks, if any.
pub(super) fn broken_name(name: &str) -> Option<String> {
    (name == OWN_PROVIDER)
        .then(|| format!("a provider is named {name:?}, which is own stock's name: choose another"))
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
            login: None,
            password_env: None,
            proxy: None,
            proxy_env: None,
            connect_timeout_s: None,
            call_timeout_s: None,
            prices_timeout_s: None,
            enabled: yes(),
            priority: 0,
            weight: one(),
            low_balance: Micros::ZERO,
            margin: None,
            rate: Rate::default(),
            currency: None,
            shared_account: false,
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
    pub(crate) fn broken_rule(&self) -> Option<String> {
        let name = &self.name;
        if let Some(reason) = broken_name(name) {
            return Some(reason);
        }
        if let Some(secret) = &self.key_secret
            && !SECRET_NAME_LEN.contains(&secret.len())
        {
            let (least, most) = (SECRET_NAME_LEN.start(), SECRET_NAME_LEN.end());
            return Some(format!(
                "key_secret of provider {name:?} is {} bytes long: a key's name has {least} to \
                 {most} bytes",
                secret.len()
            ));
        }
        // A section that is read names the place as well; one that a program builds is checked here.
        let bounded = [
            ("sync_interval_s", Some(self.sync_interval_s), SYNC_S),
            ("weight", Some(self.weight.into()), WEIGHTS),
            ("connect_timeout_s", self.connect_timeout_s, CONNECT_S),
            ("call_timeout_s", self.call_timeout_s, CALL_S),
            ("prices_timeout_s", self.prices_timeout_s, PRICES_S),
        ];
        for (field, value, bounds) in bounded {
            if let Some(value) = value.filter(|value| !bounds.contains(value)) {
                let (least, most) = (bounds.start(), bounds.end());
                return Some(format!(
                    "{field} of provider {name:?} is {value}: it must be from {least} to {most}"
                ));
            }
        }
        if self.low_balance < Micros::ZERO {
            return Some(format!(
                "low_balance of provider {name:?} is {}: it must not be below 0",
                self.low_balance
            ));
        }
        if let Some(currency) = self.currency.filter(|currency| *currency != Currency::USD)
            && self.rate == Rate::default()
        {
            return Some(format!(
                "currency of provider {name:?} is {currency}: set rate too, the US dollars for one \
                 {currency}, and not to 1"
            ));
        }
        if self.proxy.as_ref().is_some_and(|proxy| proxy.contains('@')) {
            return Some(format!(
                "proxy of provider {name:?} has a name or a password: put the address into an \
                 environment variable, and name that with proxy_env"
            ));
        }
        let both = [
            ("key_secret", &self.key_secret, "key_env", &self.key_env),
            ("proxy", &self.proxy, "proxy_env", &self.proxy_env),
        ];
        let twice = both.iter().find(|(_, one, _, other)| one.is_some() && other.is_some());
        twice.map(|(one, _, other, _)| {
            format!("provider {name:?} has both {one} and {other}: name one of them")
        })
    }

    /// How long its calls may take.
    pub(crate) fn timeouts(&self) -> Timeouts {
        let Timeouts { connect, call, prices } = Timeouts::default();
        let or = |seconds: Option<u64>, default| seconds.map_or(default, Duration::from_secs);
        Timeouts {
            connect: or(self.connect_timeout_s, connect),
            call: or(self.call_timeout_s, call),
            prices: or(self.prices_timeout_s, prices),
        }
    }
}
