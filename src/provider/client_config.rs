//! What a provider's client is set up with, and why it could not be.

use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{Credentials, Currency, RequestError, Secret};
use rust_decimal::Decimal;

use super::cause;
use super::dispatch::Dispatcher;
use crate::metrics::Metrics;

/// How long a call may take, from its turn at the dispatcher on.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To reach the provider, its TLS included; at most `call`, and better shorter, so that a provider that cannot be
    /// reached is told apart from one that does not answer.
    pub connect: Duration,
    /// For everything but price lists.
    pub call: Duration,
    /// For price lists.
    pub prices: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            call: Duration::from_secs(15),
            prices: Duration::from_secs(60),
        }
    }
}

/// What an operator sets for a provider.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The operator's name for the provider.
    pub provider: String,
    /// Where the provider lives, if not where its driver says.
    pub base_url: Option<String>,
    /// What the provider knows us by: a key, and a login and a password where its driver
    /// needs them.
    pub credentials: Credentials,
    /// Ledger units for one unit of the provider's currency.
    pub rate: Decimal,
    /// That currency, where the operator names it.
    pub currency: Option<Currency>,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// `none`, or the `http://host:port` through which all calls go; the environment's
    /// proxy, if it has one, where nothing is said. It may hold a name and a password.
    pub proxy: Option<Secret>,
    /// Where its calls are counted.
    pub metrics: Metrics,
    /// The dispatcher of the connection that this one replaces: the provider counts the calls
    /// of both together.
    pub dispatcher: Option<Arc<Dispatcher>>,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither the driver nor the operator says where the provider lives.
    #[error("no base address is set")]
    NoBase,
    /// The base address is none.
    #[error(transparent)]
    BadBase(RequestError),
    /// The driver's requests need a credential beside the key.
    #[error("its driver needs a {0}, and none is set")]
    MissingCredential(&'static str),
    /// The rate is not above zero.
    #[error("the currency rate is not above zero")]
    BadRate,
    /// The proxy is none.
    #[error("the proxy is neither `none` nor http://host:port")]
    BadProxy,
    /// The provider speaks TLS, and there is nothing to check its certificate with.
    #[error("no CA certificates were found: set SSL_CERT_FILE or install ca-certificates")]
    NoCertificates,
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {}", cause::of_setup(.0))]
    Http(reqwest::Error),
}
