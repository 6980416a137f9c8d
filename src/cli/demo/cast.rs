//! Who plays in the demo: two customers with money, an operator, some own stock. Every
//! step may be repeated, so a demo that was killed half-way goes on where it was.

use std::fs;
use std::path::{Path, PathBuf};

use nexnum_engine::command::{Deposit, IssueKey, ListOffers, LoadStock, OpenAccount, Request};
use nexnum_engine::event::Scope;
use nexnum_engine::ids::{AccountId, Number, OfferId, OperatorId, Product};
use nexnum_engine::money::Micros;
use nexnum_engine::reject::Reject;
use serde::{Deserialize, Serialize};

use super::{failed, refused};
use crate::cli::{CliError, say};
use crate::digest;
use crate::keys::{self, ApiKey, KeyKind};
use crate::provider::sandbox::SandboxProvider;
use crate::server::Running;

/// What each customer begins with.
const PURSE: Micros = Micros::units(1000);
/// Own stock: a product that hardly anybody else sells, so the lines below get it.
const OWN_COUNTRY: &str = "MC";
const OWN_SERVICE: &str = "signal";
const OWN_NUMBERS: u64 = 200;
const OWN_COST: Micros = Micros(10_000);
const OWN_PRICE: Micros = Micros(20_000);

/// What the demo says of itself, on the screen and in `demo.json`.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Cast {
    base_url: String,
    api_key: String,
    api_key_2: String,
    admin_key: String,
    data_dir: PathBuf,
    /// Where messages for own stock are posted.
    own_stock_hook: String,
    /// Where the simulated providers listen, for clients of theirs.
    #[serde(default)]
    providers: Vec<Simulated>,
}

/// A simulated provider.
#[derive(Clone, Deserialize, Serialize)]
struct Simulated {
    name: String,
    /// Its wire format.
    driver: String,
    base_url: String,
    key: String,
}

impl Simulated {
    fn of(provider: &SandboxProvider) -> Self {
        Self {
            name: provider.name.to_lowercase(),
            driver: provider.driver.to_owned(),
            base_url: provider.base_url.clone(),
            key: provider.key.clone(),
        }
    }
}

/// Gives the market its customers, keys and own stock.
pub(super) async fn prepare(
    running: &Running,
    data: &Path,
    made: Option<ApiKey>,
    simulated: &[SandboxProvider],
) -> Result<Cast, CliError> {
    let before = read(data);
    let old = |pick: fn(&Cast) -> &str| before.as_ref().map(|cast| pick(cast).to_owned());
    let admin = made.map(|key| key.reveal().to_owned()).or_else(|| old(|cast| &cast.admin_key));
    let admin_key = key(running, None, admin).await?;
    let (first, second) = (account(running, "demo").await?, account(running, "demo-2").await?);
    let api_key = key(running, Some(first), old(|cast| &cast.api_key)).await?;
    let api_key_2 = key(running, Some(second), old(|cast| &cast.api_key_2)).await?;
    for account in [first, second] {
        let reference = digest::of(&[b"demo purse"]);
        execute(running, Deposit { account, amount: PURSE, reference }).await?;
    }
    load_own_stock(running).await?;
    let base_url = format!("http://{}", running.address);
    let own_stock_hook = format!("{base_url}{}", running.hook_path.expose());
    let data_dir = fs::canonicalize(data).map_err(|error| failed("the data folder", &error))?;
    let providers = simulated.iter().map(Simulated::of).collect();
    Ok(Cast { base_url, api_key, api_key_2, admin_key, data_dir, own_stock_hook, providers })
}

async fn execute<R: Request>(running: &Running, request: R) -> Result<R::Answer, CliError> {
    let answer = running.app.handle.ask(request).await.map_err(refused)?;
    answer.map_err(|reject| refused(reject.code()))
}

async fn account(running: &Running, name: &str) -> Result<AccountId, CliError> {
    let known = running.app.read_model.accounts();
    if let Some((id, _)) = known.iter().find(|(_, account)| &*account.name == name) {
        return Ok(*id);
    }
    execute(running, OpenAccount { name: name.into(), credit_limit: Micros::ZERO }).await
}

/// The key as it was, if it still opens the door; else a new one.
async fn key(
    running: &Running,
    account: Option<AccountId>,
    old: Option<String>,
) -> Result<String, CliError> {
    let scope = if account.is_some() { Scope::Trade } else { Scope::Admin };
    if let Some(old) = old
        && let Some(known) = running.app.read_model.key(&keys::sha256(&old))
        && known.scope == scope
        && account.is_none_or(|account| account == known.account)
    {
        return Ok(old);
    }
    let kind = if account.is_some() { KeyKind::Live } else { KeyKind::Admin };
    let key = keys::generate(kind).map_err(refused)?;
    let (hash, prefix) = (key.sha256(), key.shown().into());
    execute(running, IssueKey { account, hash, prefix }).await?;
    Ok(key.reveal().to_owned())
}

async fn load_own_stock(running: &Running) -> Result<(), CliError> {
    let (app, provider) = (&running.app, running.app.own.provider);
    let country = app.catalog.country_by_iso(OWN_COUNTRY);
    let service = app.catalog.service_by_slug(OWN_SERVICE);
    let (Some(country), Some(service)) = (country, service) else { return Ok(()) };
    let product = Product { country, service };
    let known = app.read_model.directory().offer(provider, product, OperatorId::ANY);
    if known.is_none() {
        let offers = vec![(product, OperatorId::ANY)];
        execute(running, ListOffers { provider, offers }).await?;
    }
    let listed = app.read_model.directory().offer(provider, product, OperatorId::ANY);
    let offer: OfferId = listed.ok_or_else(|| refused("own stock was not listed"))?;
    let numbers = (0..OWN_NUMBERS).map(|n| Number(377_640_000_000 + n)).collect();
    let load = LoadStock { offer, cost: OWN_COST, price: OWN_PRICE, numbers };
    let answer = app.handle.ask(load).await.map_err(refused)?;
    match answer {
        // Loaded by an earlier run.
        Ok(_) | Err(Reject::DuplicateNumber) => Ok(()),
        Err(reject) => Err(refused(reject.code())),
    }
}

pub(super) fn path(data: &Path) -> PathBuf {
    data.join("demo.json")
}

fn read(data: &Path) -> Option<Cast> {
    serde_json::from_slice(&fs::read(path(data)).ok()?).ok()
}

impl Cast {
    /// Writes `demo.json` whole or not at all. It holds keys: only its owner may read it.
    pub(super) fn write(&self, data: &Path) -> Result<(), CliError> {
        let text = serde_json::to_vec_pretty(self).expect("strings have a JSON form");
        let (path, new) = (path(data), data.join("demo.json.new"));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&new).and_then(|mut file| {
            std::io::Write::write_all(&mut file, &text)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        });
        written.map_err(|error| failed("demo.json", &error))
    }

    /// Prints the address, the keys and six lines to copy, each of which works by itself.
    pub(super) fn print(&self) {
        let Self { base_url, api_key, admin_key, data_dir, .. } = self;
        say(format_args!("The market is open at {base_url}"));
        say(format_args!("  account key  {api_key}"));
        say(format_args!("  admin key    {admin_key}"));
        say(format_args!(
            "  data folder  {} (all of this is in demo.json there)",
            data_dir.display()
        ));
        for (what, line) in self.lines() {
            say(format_args!("\n# {what}\n{line}"));
        }
        say("\nCtrl-C stops it; the same command starts it again with everything in place.");
    }

    fn lines(&self) -> [(&'static str, String); 6] {
        let curl = format!("curl -s -H 'Authorization: Bearer {}'", self.api_key);
        let api = format!("{}/api/v1", self.base_url);
        let telegram = r#"{"country":"ID","service":"telegram","max_price":"0.40"}"#;
        let own = format!(r#"{{"country":"{OWN_COUNTRY}","service":"{OWN_SERVICE}"}}"#);
        let first_id = r#"sed 's/[^0-9]*\([0-9]*\).*/\1/'"#;
        [
            ("Look at offers", format!("{curl} '{api}/offers?country=ID&service=telegram'")),
            ("Buy a number", format!("{curl} {api}/orders -d '{telegram}'")),
            (
                "Wait for the code of the newest number",
                format!(
                    "{curl} \"{api}/activations/$({curl} '{api}/activations?limit=1' | {first_id})?wait=30\""
                ),
            ),
            ("See the wallet", format!("{curl} {api}/wallet")),
            (
                "Buy another and cancel it",
                format!(
                    "{curl} -X POST {api}/activations/$({curl} {api}/orders -d '{own}' | {first_id})/cancel"
                ),
            ),
            ("See the money come back", format!("{curl} '{api}/wallet/transactions?limit=3'")),
        ]
    }
}
