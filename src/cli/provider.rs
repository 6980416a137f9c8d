//! `nexnum provider`: connected providers, and their keys.

use std::io::{IsTerminal, Read};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use clap::Subcommand;
use nexnum_storage::Folder;
use nexnum_storage::secrets::{SECRET_LEN_MAX, SecretBytes};
use reqwest::Method;
use serde_json::json;

use super::error::CliError;
use super::print::{note, say};
use super::serve::not_started;
use super::{admin, drivers, remote, values};
use crate::access::callback::CallbackSecrets;
use crate::market::folder::{self, BootError};
use crate::server::config::{Config, ConfigError};
use crate::supply::config::hook_path;

/// Bytes read of a key: more than the store takes, so that a longer key is refused and not cut.
const INPUT_LEN_MAX: u64 = 2 * SECRET_LEN_MAX as u64;

/// How the names of secrets begin that the program keeps for itself.
const OWN_NAMES: [&str; 2] = ["index.", "hook."];

/// Providers.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: admin::Server,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the providers of a running server.
    List,
    /// List the drivers that come with the program: what `driver` in a provider's section of the
    /// configuration may name, beside the path of a driver document.
    Drivers,
    /// Fetch a provider's price list now.
    Sync {
        /// The provider's name in the configuration.
        #[arg(value_parser = values::provider_name)]
        name: String,
    },
    /// Fetch a provider's price list now and believe it, whatever it says, unless it is empty: for a
    /// list that is held back (`prices_lost`, `price_list_quarantined`) and whose prices were looked
    /// at.
    AcceptPrices {
        /// The provider's name in the configuration.
        #[arg(value_parser = values::provider_name)]
        name: String,
    },
    /// Record a payment that was made to a provider: it pays what the provider is owed, and the rest
    /// stands there for what it charges next. Of own stock it pays what its numbers cost.
    Pay {
        /// The provider's name.
        #[arg(value_parser = values::provider_name)]
        name: String,
        /// The amount, above zero, as 12.50.
        #[arg(allow_negative_numbers = true, value_parser = values::amount)]
        amount: String,
        #[command(flatten)]
        payment: admin::PaymentArgs,
    },
    /// Print the URL of the callback for own stock: messages are posted to it as JSON,
    /// `{"number","text","sender"?,"id"?,"service"?}`. The URL holds a secret. Its address is
    /// that of --url, or else the one that the folder's configuration listens on.
    Callback {
        /// The data folder.
        #[arg(long, value_name = "DIR", required_unless_present = "rotate")]
        data: Option<PathBuf>,
        /// Print the key that signs bodies instead.
        #[arg(long, requires = "data")]
        signing_key: bool,
        /// Change the secrets on the running server, and print the new ones.
        #[arg(long, conflicts_with = "data")]
        rotate: bool,
        /// How long the secrets before are taken: a day if left out.
        #[arg(long, value_name = "SECONDS", requires = "rotate")]
        grace_s: Option<u64>,
    },
    /// Store a provider's key, encrypted, in a data folder; the key is read from standard
    /// input. A running server uses it after its next start.
    SetKey {
        /// The key's name: `key_secret` in the configuration.
        name: String,
        /// The data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

pub(super) fn run(args: Args) -> Result<(), CliError> {
    let Args { server, action } = args;
    match action {
        Action::List => server.ask(Method::GET, "providers", None),
        Action::Drivers => {
            drivers::list(server.prints_json());
            Ok(())
        }
        Action::Sync { name } => {
            let segment = remote::percent_encoded(&name);
            server.ask(Method::POST, &format!("providers/{segment}/sync"), None)
        }
        Action::AcceptPrices { name } => {
            let segment = remote::percent_encoded(&name);
            server.ask(Method::POST, &format!("providers/{segment}/accept-prices"), None)
        }
        Action::Pay { name, amount, payment } => {
            let path = format!("providers/{}/payments", remote::percent_encoded(&name));
            server.ask(Method::POST, &path, Some(payment.body(amount)))
        }
        Action::Callback { data: None, grace_s, .. } => {
            let body = grace_s.map_or(json!({}), |grace_s| json!({ "grace_s": grace_s }));
            let mut answer = server.request(Method::POST, "callback/rotate", Some(body))?;
            let base = server.asked_address();
            let url = answer["path"].as_str().map(|path| format!("{base}{path}"));
            answer["url"] = url.into();
            server.print(&answer);
            Ok(())
        }
        Action::Callback { data: Some(data), signing_key, .. } => {
            let folder = keyed(Folder::at(data))?;
            let secrets = CallbackSecrets::open(&folder);
            let secrets = secrets.map_err(|error| not_started(error.into()))?;
            if signing_key {
                say(secrets.signing_key().expose());
                return Ok(());
            }
            let path = hook_path(&secrets.token());
            let base = server.address().unwrap_or_else(|| own_address(&folder));
            say(format_args!("{base}{}", path.expose()));
            Ok(())
        }
        Action::SetKey { name, data } => set_key(&keyed(Folder::at(data))?, &name),
    }
}

/// The folder with its master key from where its configuration says; without one there it is the
/// folder's own.
fn keyed(folder: Folder) -> Result<Folder, CliError> {
    match Config::load(&folder::config_path(&folder)) {
        Ok(config) => Ok(config.master_key.keyed(folder)?),
        Err(ConfigError::Missing { .. }) => Ok(folder),
        // What else is wrong with it does not matter where the key is at hand.
        Err(_) if folder.master_key().exists() => Ok(folder),
        Err(error) => Err(error.into()),
    }
}

/// Where the server of a folder listens, as this machine reaches it.
fn own_address(folder: &Folder) -> String {
    let config = Config::load(&folder::config_path(folder)).unwrap_or_default();
    let mut address = config.listen;
    if address.ip().is_unspecified() {
        let v4 = address.is_ipv4();
        address.set_ip(if v4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        note("nexnum: senders elsewhere reach another address: give it with --url");
    }
    format!("http://{address}")
}

fn set_key(folder: &Folder, name: &str) -> Result<(), CliError> {
    if OWN_NAMES.iter().any(|own| name.starts_with(own)) {
        return Err(CliError::Refused(format!(
            "secrets whose names begin with {} are the program's: choose another name",
            OWN_NAMES.join(" or ")
        )));
    }
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        note("Type or paste the key, then end the input (Ctrl-D):");
    }
    let mut key = String::new();
    let failed = |error| CliError::Refused(format!("cannot read the key: {error}"));
    stdin.by_ref().take(INPUT_LEN_MAX).read_to_string(&mut key).map_err(failed)?;
    let secret = SecretBytes::new(key.trim().as_bytes().to_vec());
    folder::secrets(folder)?.put(name, &secret).map_err(BootError::from)?;
    say(format_args!(
        "The key {name:?} is stored in {}; a running server uses it after its next start.",
        folder.secrets().display()
    ));
    Ok(())
}
