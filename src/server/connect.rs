//! From a provider's configuration to a connected provider.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexnum_driver::{Credentials, Crosswalk, Driver, DriverError, Secret};
use nexnum_engine::ids::ProviderId;

use crate::metrics::Metrics;
use crate::provider::client::ProviderClient;
use crate::provider::client_config::{ClientConfig, ClientError, Timeouts};
use crate::provider::connected::{Connected, ProviderPolicy};
use crate::server::config::ProviderConfig;
use crate::supply::config::MarginConfig;

/// A provider to connect, with its key.
#[derive(Clone, Debug)]
pub struct ProviderSetup {
    /// What the operator configured.
    pub config: ProviderConfig,
    /// What the provider knows us by.
    pub key: Secret,
    /// Instead of the driver's minimum age of a cancel, in milliseconds.
    pub min_cancel_age_ms: Option<u64>,
}

/// Why a provider could not be connected.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No shipped driver and no file has the name.
    #[error(
        "provider {provider:?}: no driver {driver:?} is shipped, and no file of that path can be read ({source}); shipped are {}",
        shipped_names()
    )]
    NoDriver {
        /// Which provider.
        provider: String,
        /// Its driver.
        driver: String,
        /// Why the file could not be read.
        source: std::io::Error,
    },
    /// The driver document is wrong.
    #[error("provider {provider:?}: the driver: {source}")]
    Driver {
        /// Which provider.
        provider: String,
        /// Where and why.
        source: DriverError,
    },
    /// No table translates the driver's ids.
    #[error("provider {provider:?}: there is no crosswalk for the dialect {dialect:?}")]
    NoCrosswalk {
        /// Which provider.
        provider: String,
        /// What its driver names.
        dialect: String,
    },
    /// The client could not be set up.
    #[error("provider {provider:?}: {source}")]
    ProviderClient {
        /// Which provider.
        provider: String,
        /// Why.
        source: ClientError,
    },
}

/// The names of the shipped drivers, for a message.
fn shipped_names() -> String {
    let names: Vec<_> = Driver::shipped().iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Connects a provider. Nothing is asked of it yet.
pub(super) fn connect(
    id: ProviderId,
    setup: ProviderSetup,
    margin_default: MarginConfig,
    metrics: Metrics,
) -> Result<Connected, ConnectError> {
    let ProviderSetup { config, key, min_cancel_age_ms } = setup;
    let provider = || config.name.clone();
    let text = document(&config)?;
    let driver = Driver::parse(&text)
        .map_err(|source| ConnectError::Driver { provider: provider(), source })?;
    let crosswalk = Crosswalk::load(driver.dialect()).ok_or_else(|| ConnectError::NoCrosswalk {
        provider: provider(),
        dialect: driver.dialect().to_owned(),
    })?;
    let driver = Arc::new(driver);
    let client = ClientConfig {
        provider: config.name.clone(),
        base_url: config.base_url.clone(),
        credentials: Credentials { key, login: None, password: None },
        rate: config.rate.0,
        timeouts: Timeouts::default(),
        metrics,
    };
    let client = ProviderClient::new(Arc::clone(&driver), client)
        .map_err(|source| ConnectError::ProviderClient { provider: provider(), source })?;
    let policy = ProviderPolicy {
        margin: config.margin.unwrap_or(margin_default).margin(),
        enabled: config.enabled,
        sync_interval_ms: 1000 * config.sync_interval_s,
        min_cancel_age_ms,
    };
    Ok(Connected::new(id, driver, client, crosswalk, policy))
}

/// The text of a shipped driver, or of the file at that path.
fn document(config: &ProviderConfig) -> Result<String, ConnectError> {
    let shipped = Driver::shipped().iter().find(|(name, _)| *name == config.driver);
    if let Some((_, text)) = shipped {
        return Ok((*text).to_owned());
    }
    let path: PathBuf = Path::new(&config.driver).to_owned();
    std::fs::read_to_string(path).map_err(|source| ConnectError::NoDriver {
        provider: config.name.clone(),
        driver: config.driver.clone(),
        source,
    })
}
