//! From a provider's configuration to a connected provider.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexnum_driver::{
    Credentials, Crosswalk, CrosswalkError, Driver, DriverError, Op, RequestError, Secret, Slots,
};
use nexnum_engine::ids::ProviderId;

use crate::market::Market;
use crate::metrics::Metrics;
use crate::provider::client::ProviderClient;
use crate::provider::client_config::{ClientConfig, ClientError, Timeouts};
use crate::provider::connected::{Connected, ConnectedParts, ProviderPolicy};
use crate::provider::dispatch::Dispatcher;
use crate::server::config::{PROVIDERS_MAX, ProviderConfig};
use crate::supply::config::MarginConfig;

/// Bytes of a driver's document: the longest shipped one fits thirty times.
const DOCUMENT_LEN_MAX: u64 = 1 << 20;
/// Bytes of a table of codes: the most rows that one may have, at their longest.
const CODES_LEN_MAX: u64 = 4 << 20;

/// A provider to connect, with its key.
#[derive(Clone, Debug)]
pub struct ProviderSetup {
    /// What the operator configured.
    pub config: ProviderConfig,
    /// What the provider knows us by; empty if it is missing. A provider whose driver needs a
    /// key is connected without one, to be told to the operator, and not bought from.
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
    #[error(
        "provider {provider:?}: no codes of countries and services are shipped for the dialect \
         {dialect:?}: name a table of them with `codes`, or put one beside the driver document \
         (NAME.csv beside NAME.toml)"
    )]
    NoCodes {
        /// Which provider.
        provider: String,
        /// What its driver names.
        dialect: String,
    },
    /// The table of codes cannot be read.
    #[error("provider {provider:?}: cannot read the codes in {}: {source}", path.display())]
    CodesFile {
        /// Which provider.
        provider: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The table of codes is wrong.
    #[error("provider {provider:?}: the codes in {}: {source}", path.display())]
    Codes {
        /// Which provider.
        provider: String,
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: CrosswalkError,
    },
    /// The table of codes is another dialect's.
    #[error("provider {provider:?}: no row of {} is of the dialect {dialect:?}", path.display())]
    OtherCodes {
        /// Which provider.
        provider: String,
        /// Which file.
        path: PathBuf,
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
    parts: ConnectedParts,
}

impl Prepared {
    /// Reads the driver's document and sets the client up, with the `dispatcher` of the
    /// connection that it is to replace. Nothing is asked of the provider, and nothing is
    /// written.
    pub(super) fn new(
        setup: ProviderSetup,
        margin_default: MarginConfig,
        metrics: Metrics,
        dispatcher: Option<Arc<Dispatcher>>,
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
        let crosswalk = crosswalk(&config, driver.dialect())?;
        let driver = Arc::new(driver);
        // 2. The client that carries its requests, and whether it has what they need.
        let credentials = Credentials { key, login: None, password: None };
        let key_problem = key_problem(&driver, &credentials, &config);
        let client = ClientConfig {
            provider: config.name.clone(),
            base_url: config.base_url,
            credentials,
            rate: config.rate.0,
            timeouts: Timeouts::default(),
            proxy: None,
            metrics,
            dispatcher,
        };
        let client = ProviderClient::new(Arc::clone(&driver), client).map_err(|source| {
            ConnectError::ProviderClient { provider: config.name.clone(), source }
        })?;
        // 3. What the operator chose.
        let policy = ProviderPolicy {
            margin: config.margin.unwrap_or(margin_default).margin(),
            enabled: config.enabled,
            priority: config.priority,
            weight: config.weight,
            low_balance: config.low_balance,
            sync_interval_ms: 1000 * config.sync_interval_s,
            min_cancel_age_ms,
        };
        let parts = ConnectedParts { driver, client, crosswalk, policy, key_problem };
        Ok(Self { name: config.name, parts })
    }

    /// Why its calls cannot be made, as where its key is missing.
    pub(super) fn key_problem(&self) -> Option<&str> {
        self.parts.key_problem.as_deref()
    }

    /// The connection, once the ledger knows the provider.
    pub(super) fn connected(self, id: ProviderId, market: &Market) -> Connected {
        Connected::new(id, self.parts, &market.grid, &market.attention)
    }
}

/// Why the driver's calls cannot be made with these credentials.
fn key_problem(
    driver: &Driver,
    credentials: &Credentials,
    config: &ProviderConfig,
) -> Option<String> {
    // What calls bring besides is there, and is text that can be sent.
    let word = Some("0");
    let slots = Slots {
        country: word,
        service: word,
        operator: word,
        max_price: word,
        external_id: word,
        offset: word,
    };
    let base = "http://127.0.0.1";
    let plan = |op: &Op| driver.plan(*op, &slots, credentials, base).err();
    let what = match Op::ALL.iter().find_map(plan)? {
        RequestError::Missing(what) => format!("its driver needs a {what}"),
        RequestError::Unsendable(what) => format!("its {what} has characters that cannot be sent"),
        error @ RequestError::BadBase => error.to_string(),
    };
    let way_out = match (&config.key_secret, &config.key_env) {
        (Some(name), _) => format!(
            "store the key as {name:?} with `nexnum provider set-key {name:?} --data DIR`, then \
             start the server again"
        ),
        (None, Some(variable)) => {
            format!("set the variable {variable} of `key_env` in the environment of `nexnum serve`")
        }
        (None, None) => {
            "name its key in the configuration with `key_secret` or `key_env`".to_owned()
        }
    };
    Some(format!("provider {:?} is not bought from: {what}; {way_out}", config.name))
}

/// The text of a shipped driver, or of the file at that path.
fn document(config: &ProviderConfig) -> Result<String, ConnectError> {
    let shipped = Driver::shipped().iter().find(|(name, _)| *name == config.driver);
    if let Some((_, text)) = shipped {
        return Ok((*text).to_owned());
    }
    let bytes = read_bounded(Path::new(&config.driver), DOCUMENT_LEN_MAX);
    let text = bytes.and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    });
    text.map_err(|source| ConnectError::NoDriver {
        provider: config.name.clone(),
        driver: config.driver.clone(),
        source,
    })
}

/// The table that the configuration names; else the shipped one; else the one beside the
/// driver's document.
fn crosswalk(config: &ProviderConfig, dialect: &str) -> Result<Crosswalk, ConnectError> {
    let (provider, dialect) = (config.name.clone(), dialect.to_owned());
    let path = match &config.codes {
        Some(path) => PathBuf::from(path),
        None => match Crosswalk::load(&dialect) {
            Some(shipped) => return Ok(shipped),
            None => Path::new(&config.driver).with_extension("csv"),
        },
    };
    let table = match read_bounded(&path, CODES_LEN_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && config.codes.is_none() => {
            return Err(ConnectError::NoCodes { provider, dialect });
        }
        Err(source) => return Err(ConnectError::CodesFile { provider, path, source }),
        Ok(table) => table,
    };
    match Crosswalk::read(&table, &dialect) {
        Ok(Some(crosswalk)) => Ok(crosswalk),
        Ok(None) => Err(ConnectError::OtherCodes { provider, path, dialect }),
        Err(source) => Err(ConnectError::Codes { provider, path, source }),
    }
}

fn read_bounded(path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let len = File::open(path)?.take(len_max + 1).read_to_end(&mut bytes)? as u64;
    if len > len_max {
        let reason = format!("it is above {len_max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}
