//! The sections of the configuration that this room owns: own stock, margins, rates.

use std::fmt;

use nexnum_driver::Secret;
use nexnum_engine::command::Timings;
use nexnum_engine::money::Micros;
use nexnum_engine::policy::Policy;
use nexnum_engine::pricing;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config_value;

/// Longest life of a number: providers sell an activation for minutes, a rental is another thing.
const LIFETIME_S_MAX: u64 = 24 * 60 * 60;
/// The largest margin in percent: more is a typing error.
const PERCENT_MAX: u32 = 1_000;
/// Places of a percentage.
const PERCENT_SCALE_MAX: u32 = 4;
/// The largest rate of exchange: no currency is worth more of any other.
const RATE_MAX: u32 = 1_000_000;

/// The name of own stock among the providers.
pub const OWN_PROVIDER: &str = "own";

/// The path that messages for own stock are posted to.
#[must_use]
pub fn hook_path(token: &Secret) -> Secret {
    Secret::new(format!("/hooks/providers/{OWN_PROVIDER}/{}", token.expose()))
}

/// How numbers of own stock live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnStockConfig {
    /// From the sale to the end by itself, in seconds.
    pub lifetime_s: u64,
    /// From the sale to the first allowed cancel, in seconds.
    pub min_cancel_age_s: u64,
    /// From a refund to the next sale of the number, in seconds; 0 sells it at once. The default
    /// is as long as an order is one that a message may be for.
    pub quarantine_s: u64,
    /// Whether a callback has to be signed.
    pub callback_signature: bool,
}

impl Default for OwnStockConfig {
    fn default() -> Self {
        Self {
            lifetime_s: 1200,
            min_cancel_age_s: 120,
            quarantine_s: 3600,
            callback_signature: false,
        }
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

    /// The rule that the section breaks, if any.
    #[must_use]
    pub fn broken_rule(&self) -> Option<String> {
        let Self { lifetime_s, min_cancel_age_s, quarantine_s, callback_signature: _ } = *self;
        if !(1..=LIFETIME_S_MAX).contains(&lifetime_s) {
            return Some(format!(
                "own_stock.lifetime_s is {lifetime_s}: it must be from 1 to {LIFETIME_S_MAX}"
            ));
        }
        if min_cancel_age_s > lifetime_s {
            return Some(format!(
                "own_stock.min_cancel_age_s is {min_cancel_age_s}: it must be at most \
                 own_stock.lifetime_s, which is {lifetime_s}"
            ));
        }
        let is_long = quarantine_s > LIFETIME_S_MAX;
        is_long.then(|| {
            format!("own_stock.quarantine_s is {quarantine_s}: it must be at most {LIFETIME_S_MAX}")
        })
    }
}

/// What we add to a provider's price: a percentage, and at least the floor. What a section leaves
/// out is as without the section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MarginConfig {
    /// Percent of the cost, exact.
    pub percent: Percent,
    /// The least that is added.
    #[serde(
        deserialize_with = "config_value::amount",
        serialize_with = "config_value::serialize_amount"
    )]
    pub floor: Micros,
}

impl Default for MarginConfig {
    fn default() -> Self {
        Self { percent: Percent(Decimal::from(20)), floor: Micros(10_000) }
    }
}

impl MarginConfig {
    /// The same as prices are computed with.
    #[must_use]
    pub fn margin(self) -> pricing::Margin {
        // Percent with four places is parts per million with none: the conversion is exact.
        let ppm = self.percent.0 * Decimal::from(10_000);
        let share_ppm = ppm.to_u32().expect("the configuration bounds a percentage to 1000");
        pricing::Margin { share_ppm, floor: self.floor }
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
        let text = config_value::decimal(deserializer)?;
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
        let text = config_value::decimal(deserializer)?;
        match Decimal::from_str_exact(&text) {
            Ok(rate) if rate > Decimal::ZERO && rate <= Decimal::from(RATE_MAX) => Ok(Self(rate)),
            Ok(_) | Err(_) => Err(serde::de::Error::custom(format!(
                "{text:?} is not a rate above 0, at most {RATE_MAX}"
            ))),
        }
    }
}
