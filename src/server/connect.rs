//! From a provider's configuration to a connected provider.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use nexnum_driver::{Credentials, Crosswalk, Driver, DriverError, Secret};
use nexnum_engine::ids::ProviderId;

use crate::metrics::Metrics;
use crate::provider::client::ProviderClient;
use crate::provider::client_config::{ClientConfig, ClientError, Timeouts};
use crate::provider::connected::{Connected, ProviderPolicy};
use crate::server::config::{PROVIDERS_MAX, ProviderConfig};
use crate::supply::config::MarginConfig;

/// Bytes of a driver's document: the longest shipped one fits thirty times.
const DOCUMENT_LEN_MAX: u64 = 1 << 20;

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
        source: io::Error,
    },
    /// As many as a market may have are connected.
    #[error("there are {PROVIDERS_MAX} providers, as many as there may be: remove one first")]
    TooMany,
    /// The provider's section breaks a rule of the configuration.
    #[error("{reason}")]
    Rule {
        /// Which provider, which rule.
        reason: String,
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

/// A provider that is set up, before it has its id.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The operator's name for it.
    pub(super) name: String,
    driver: Arc<Driver>,
    client: ProviderClient,
    crosswalk: Crosswalk,
    policy: ProviderPolicy,
}

impl Prepared {
    /// Reads the driver's document and sets the client up. Nothing is asked of the provider,
    /// and nothing is written.
    pub(super) fn new(
        setup: ProviderSetup,
        margin_default: MarginConfig,
        metrics: Metrics,
    ) -> Result<Self, ConnectError> {
        let ProviderSetup { config, key, min_cancel_age_ms } = setup;
        let provider = || config.name.clone();
        if let Some(reason) = config.broken_rule() {
            return Err(ConnectError::Rule { reason });
        }
        // 1. The driver, and the table that translates its ids.
        let text = document(&config)?;
        let driver = Driver::parse(&text)
            .map_err(|source| ConnectError::Driver { provider: provider(), source })?;
        let dialect = driver.dialect();
        let crosswalk = Crosswalk::load(dialect).ok_or_else(|| ConnectError::NoCrosswalk {
            provider: provider(),
            dialect: dialect.to_owned(),
        })?;
        let driver = Arc::new(driver);
        // 2. The client that carries its requests.
        let client = ClientConfig {
            provider: config.name.clone(),
            base_url: config.base_url,
            credentials: Credentials { key, login: None, password: None },
            rate: config.rate.0,
            timeouts: Timeouts::default(),
            proxy: None,
            metrics,
        };
        let client = ProviderClient::new(Arc::clone(&driver), client).map_err(|source| {
            ConnectError::ProviderClient { provider: config.name.clone(), source }
        })?;
        // 3. What the operator chose.
        let policy = ProviderPolicy {
            margin: config.margin.unwrap_or(margin_default).margin(),
            enabled: config.enabled,
            priority: config.priority,
            sync_interval_ms: 1000 * config.sync_interval_s,
            min_cancel_age_ms,
        };
        Ok(Self { name: config.name, driver, client, crosswalk, policy })
    }

    /// The connection, once the ledger knows the provider.
    pub(super) fn connected(self, id: ProviderId) -> Connected {
        Connected::new(id, self.driver, self.client, self.crosswalk, self.policy)
    }
}

/// The text of a shipped driver, or of the file at that path.
fn document(config: &ProviderConfig) -> Result<String, ConnectError> {
    let shipped = Driver::shipped().iter().find(|(name, _)| *name == config.driver);
    if let Some((_, text)) = shipped {
        return Ok((*text).to_owned());
    }
    read_bounded(Path::new(&config.driver)).map_err(|source| ConnectError::NoDriver {
        provider: config.name.clone(),
        driver: config.driver.clone(),
        source,
    })
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let len = File::open(path)?.take(DOCUMENT_LEN_MAX + 1).read_to_string(&mut text)? as u64;
    if len > DOCUMENT_LEN_MAX {
        let reason = format!("it is above {DOCUMENT_LEN_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}
