//! Who plays in the demo: two customers with money, an operator, some own stock, and as many
//! buyers that trade by themselves as are wished. Every step may be repeated, so a demo that was killed half-way goes on where it
//! was.

use std::fs;
use std::path::{Path, PathBuf};

use nexnum_engine::event::Scope;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, Number, Product};
use nexnum_engine::money::Micros;
use nexnum_sandbox::SandboxProvider;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::access::KeyRefusal;
use crate::cli::error::CliError;
use crate::keys::ApiKey;
use crate::market::Refused;
use crate::server::{Rooms, Running};
use crate::supply::{LoadRefusal, StockLoad};

/// What each customer begins with.
pub(super) const PURSE: Micros = Micros::units(1000);
/// Own stock: a product that hardly any simulated provider sells, so the printed lines
/// buy from it.
pub(super) const OWN_COUNTRY: &str = "MC";
pub(super) const OWN_SERVICE: &str = "signal";
const OWN_NUMBERS: u64 = 200;
const OWN_COST: Micros = Micros(10_000);
const OWN_PRICE: Micros = Micros(20_000);

/// What the demo says of itself, on the screen and in `demo.json`.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Seeded {
    pub(super) base_url: String,
    pub(super) api_key: String,
    api_key_2: String,
    pub(super) admin_key: String,
    pub(super) data_dir: PathBuf,
    /// Where messages for own stock are posted.
    own_stock_hook: String,
    /// Where the simulated providers listen, for clients of theirs.
    #[serde(default)]
    providers: Vec<Simulated>,
    /// Keys of the buyers that trade by themselves, or did once.
    #[serde(default)]
    pub(super) buyers: Vec<String>,
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
    buyers: u16,
) -> Result<Seeded, CliError> {
    // 1. What an earlier run of the demo said of itself: its keys are kept where they are valid.
    let before = read(data);
    let old = |pick: fn(&Seeded) -> &str| before.as_ref().map(|seeded| pick(seeded).to_owned());
    // 2. The operator's key: of the folder just made, or as before.
    let admin = made.map(|key| key.reveal().to_owned()).or_else(|| old(|seeded| &seeded.admin_key));
    let rooms = &running.rooms;
    let admin_key = key(rooms, None, admin).await?;
    // 3. Two customers, each with a key and a purse.
    let api_key = customer(rooms, "demo", old(|seeded| &seeded.api_key)).await?;
    let api_key_2 = customer(rooms, "demo-2", old(|seeded| &seeded.api_key_2)).await?;
    // 4. Buyers that trade by themselves, those of an earlier run first.
    let before = before.map_or_else(Vec::new, |seeded| seeded.buyers);
    let buyers = prepare_buyers(rooms, usize::from(buyers), before).await?;
    // 5. Own stock.
    load_own_stock(running).await?;
    // 6. Where all of it is reached.
    let base_url = format!("http://{}", running.address);
    let own_stock_hook = format!("{base_url}{}", running.hook_path.expose());
    let data_dir =
        fs::canonicalize(data).map_err(|error| CliError::failed("the data folder", &error))?;
    let providers = simulated.iter().map(Simulated::of).collect();
    Ok(Seeded {
        base_url,
        api_key,
        api_key_2,
        admin_key,
        data_dir,
        own_stock_hook,
        providers,
        buyers,
    })
}

fn command_refused(refusal: Refused) -> CliError {
    CliError::refused(match refusal {
        Refused::Rejected(reject) => reject.code(),
        Refused::Busy => "the engine is busy",
        Refused::Stopped => "the engine has stopped",
    })
}

/// A customer with a purse; its key comes back.
async fn customer(rooms: &Rooms, name: &str, old: Option<String>) -> Result<String, CliError> {
    let account = account(rooms, name).await?;
    let key = key(rooms, Some(account), old).await?;
    let reference = format!("demo purse of account {account}");
    let paid = rooms.money.deposit_plain(&Origin::SYSTEM, account, PURSE, &reference).await;
    paid.map_err(|error| CliError::Refused(error.to_string()))?;
    Ok(key)
}

/// The keys of so many buyers. They are made at the same time: a commit for many of them.
async fn prepare_buyers(
    rooms: &Rooms,
    count: usize,
    mut keys: Vec<String>,
) -> Result<Vec<String>, CliError> {
    let mut made = JoinSet::new();
    for at in 0..count {
        let (rooms, old) = (rooms.clone(), keys.get(at).cloned());
        made.spawn(async move { (at, customer(&rooms, &format!("buyer-{}", at + 1), old).await) });
    }
    keys.resize(keys.len().max(count), String::new());
    while let Some(ended) = made.join_next().await {
        let (at, key) = ended.expect("no buyer's making panics, and none is cancelled");
        keys[at] = key?;
    }
    Ok(keys)
}

async fn account(rooms: &Rooms, name: &str) -> Result<AccountId, CliError> {
    let access = &rooms.access;
    if let Some(id) = access.account_named(name) {
        return Ok(id);
    }
    access.open_account(&Origin::SYSTEM, name, Micros::ZERO).await.map_err(command_refused)
}

/// The key as it was, if it is still valid; else a new one.
async fn key(
    rooms: &Rooms,
    account: Option<AccountId>,
    old: Option<String>,
) -> Result<String, CliError> {
    let access = &rooms.access;
    let scope = if account.is_some() { Scope::Trade } else { Scope::Admin };
    if let Some(old) = old
        && let Some(known) = access.find_key(&old)
        && known.scope == scope
        && account.is_none_or(|account| account == known.account)
    {
        return Ok(old);
    }
    let issued =
        access.issue_key(&Origin::SYSTEM, account).await.map_err(|refusal| match refusal {
            KeyRefusal::Refused(refused) => command_refused(refused),
            KeyRefusal::NoRandomness(error) => CliError::refused(error),
            KeyRefusal::LastAdminKey => CliError::refused("it is the last admin key"),
        })?;
    Ok(issued.key.reveal().to_owned())
}

async fn load_own_stock(running: &Running) -> Result<(), CliError> {
    let catalog = running.rooms.market.catalog;
    let country = catalog.country_by_iso(OWN_COUNTRY);
    let service = catalog.service_by_slug(OWN_SERVICE);
    let (Some(country), Some(service)) = (country, service) else { return Ok(()) };
    let load = StockLoad {
        product: Product::activation(country, service),
        carrier: None,
        cost: OWN_COST,
        price: OWN_PRICE,
        numbers: (0..OWN_NUMBERS).map(|n| Number(377_640_000_000 + n)).collect(),
    };
    match running.rooms.supply.load(&Origin::SYSTEM, load).await {
        // Loaded by an earlier run.
        Ok(_) | Err(LoadRefusal::Duplicate { .. }) => Ok(()),
        Err(LoadRefusal::Refused(refused)) => Err(command_refused(refused)),
        Err(LoadRefusal::OtherCountry { number, .. }) => {
            Err(CliError::refused(format!("+{number} is a number of another country")))
        }
    }
}

pub(super) fn path(data: &Path) -> PathBuf {
    data.join("demo.json")
}

fn read(data: &Path) -> Option<Seeded> {
    serde_json::from_slice(&fs::read(path(data)).ok()?).ok()
}

impl Seeded {
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
        written.map_err(|error| CliError::failed("demo.json", &error))
    }
}
