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
use crate::provider::client_config::{ClientConfig, ClientError};
use crate::provider::connected::{Connected, ConnectedParts, ProviderPolicy};
use crate::provider::cost_basis::CostBases;
use crate::provider::dispatch::Dispatcher;
use crate::provider::too_slow::too_slow;
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
    /// Why the key could not be read where it is kept; none is there then.
    pub key_damage: Option<String>,
    /// The password of our account, where `password_env` names one and it is there.
    pub password: Option<Secret>,
    /// The address of the proxy, where `proxy_env` names one and it is there.
    pub proxy: Option<Secret>,
    /// Instead of the driver's minimum age of a cancel, in milliseconds.
    pub min_cancel_age_ms: Option<u64>,
}

impl ProviderSetup {
    /// A provider with its key, and no other secret.
    #[must_use]
    pub const fn new(config: ProviderConfig, key: Secret) -> Self {
        Self { config, key, key_damage: None, password: None, proxy: None, min_cancel_age_ms: None }
    }
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
    #[error("provider {provider:?}: the driver {driver:?}: {source}")]
    Driver {
        /// Which provider.
        provider: String,
        /// Its driver: a shipped one, or the path of a document.
        driver: String,
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
    /// A login or a password is missing.
    #[error("{reason}")]
    NoCredential {
        /// Which provider, what is missing, what to do.
        reason: String,
    },
    /// The variable that should hold the proxy's address does not: without the proxy the
    /// provider would see another address of ours.
    #[error(
        "provider {provider:?}: the variable {variable} of `proxy_env` is not set, or empty: set \
         it to the proxy's address, as http://name:password@host:port"
    )]
    NoProxy {
        /// Which provider.
        provider: String,
        /// What `proxy_env` names.
        variable: String,
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
        let ProviderSetup { config, key, key_damage, password, proxy, min_cancel_age_ms } = setup;
        let provider = || config.name.clone();
        if let Some(reason) = config.broken_rule() {
            return Err(ConnectError::Rule { reason });
        }
        // 1. The driver, and the table that translates its ids.
        let text = document(&config)?;
        let driver = Driver::parse(&text).map_err(|source| {
            let driver = config.driver.clone();
            ConnectError::Driver { provider: provider(), driver, source }
        })?;
        let crosswalk = crosswalk(&config, driver.dialect())?;
        let driver = Arc::new(driver);
        // 2. The client that carries its requests, and whether it has what they need.
        let login = config.login.clone().map(Secret::new);
        let credentials = Credentials { key, login, password };
        let key_problem = key_problem(&driver, &credentials, &config, key_damage.as_deref());
        let proxy = chosen_proxy(&config, proxy)?;
        let client = ClientConfig {
            provider: config.name.clone(),
            base_url: config.base_url.clone(),
            credentials,
            rate: config.rate.0,
            currency: config.currency,
            timeouts: config.timeouts(),
            proxy,
            metrics,
            dispatcher,
        };
        let client = ProviderClient::new(Arc::clone(&driver), client);
        let client = client.map_err(|source| match (source, &key_problem) {
            (ClientError::MissingCredential(_), Some(reason)) => {
                ConnectError::NoCredential { reason: reason.clone() }
            }
            (source, _) => ConnectError::ProviderClient { provider: config.name.clone(), source },
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
            shared_account: config.shared_account,
        };
        let document = document_id(&text);
        let parts = ConnectedParts { driver, document, client, crosswalk, policy, key_problem };
        Ok(Self { name: config.name, parts })
    }

    /// Why its calls cannot be made, as where its key is missing.
    pub(super) fn key_problem(&self) -> Option<&str> {
        self.parts.key_problem.as_deref()
    }

    /// What its limits are too low for.
    pub(super) fn too_slow(&self) -> Option<String> {
        let ConnectedParts { driver, policy, .. } = &self.parts;
        too_slow(driver.limits(), policy.sync_interval_ms)
    }

    /// The connection, once the ledger knows the provider.
    pub(super) fn connected(
        self,
        id: ProviderId,
        market: &Market,
        bases: &Arc<CostBases>,
    ) -> Connected {
        if let Some(late) = self.too_slow() {
            tracing::warn!(provider = self.name, "{late}");
        }
        let mut connected = Connected::new(id, self.parts, &market.grid, &market.attention);
        connected.keep_basis(bases);
        connected
    }
}

/// The proxy that the configuration names: its address, or that in the variable.
fn chosen_proxy(
    config: &ProviderConfig,
    from_variable: Option<Secret>,
) -> Result<Option<Secret>, ConnectError> {
    match &config.proxy_env {
        None => Ok(config.proxy.clone().map(Secret::new)),
        Some(_) if from_variable.is_some() => Ok(from_variable),
        Some(variable) => {
            let (provider, variable) = (config.name.clone(), variable.clone());
            Err(ConnectError::NoProxy { provider, variable })
        }
    }
}

/// Why the driver's calls cannot be made with these credentials.
fn key_problem(
    driver: &Driver,
    credentials: &Credentials,
    config: &ProviderConfig,
    key_damage: Option<&str>,
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
    let (slot, what) = match Op::ALL.iter().find_map(plan)? {
        RequestError::Missing(slot @ "key") if let Some(damage) = key_damage => {
            (slot, damage.to_owned())
        }
        RequestError::Missing(slot) => (slot, format!("its driver needs a {slot}")),
        RequestError::Unsendable(slot) => {
            let rule = "a header takes printable ASCII characters, and no line break";
            (slot, format!("its {slot} has characters that cannot be sent ({rule})"))
        }
        error @ RequestError::BadBase => ("base_url", error.to_string()),
    };
    let set = |field: &str, variable: &str| {
        format!("set the variable {variable} of `{field}` in the environment of `nexnum serve`")
    };
    let way_out = match (slot, &config.key_secret, &config.key_env, &config.password_env) {
        ("key", Some(name), _, _) => format!(
            "store the key as {name:?} with `nexnum provider set-key {name:?} --data DIR`, then \
             start the server again"
        ),
        ("key", None, Some(variable), _) => set("key_env", variable),
        ("key", None, None, _) => {
            "name its key in the configuration with `key_secret` or `key_env`".to_owned()
        }
        ("password", _, _, Some(variable)) => set("password_env", variable),
        ("password", _, _, None) => {
            "name its password in the configuration with `password_env`".to_owned()
        }
        (field, _, _, _) => format!("set `{field}` in its section of the configuration"),
    };
    Some(format!("provider {:?} is not bought from: {what}; {way_out}", config.name))
}

/// What tells a driver's document from others: the first bytes of its hash.
fn document_id(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
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
