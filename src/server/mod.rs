//! The running server, from an opened data folder to the last drained request.
//!
//! The order of starting is the order of trust: replayed state, sequencer, followers,
//! providers, workers, and last the listeners. Stopping goes the other way.

mod check;
pub mod config;
mod connect;
mod descriptors;
mod listener;
mod providers;
mod register;
mod start_error;

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nexnum_driver::Secret;
use nexnum_engine::event::ProviderKind;
use nexnum_engine::ids::ProviderId;
use nexnum_storage::StorageError;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use self::config::{Config, FaultyProvider};
use self::register::register;
use crate::access::Access;
use crate::access::callback::CallbackSecrets;
use crate::attention::{Attention, AttentionKind};
use crate::face::auth::Auth;
use crate::face::description::Description;
use crate::face::route::RouteTable;
use crate::face::{admin, hooks, ops, v1};
use crate::http::limit::Quota;
use crate::http::request_id::RequestIds;
use crate::http::{self, Server, ServerLimits};
use crate::keys::{self, NoRandomness};
use crate::market::folder::{self, Opened};
use crate::market::sealing::Sealing;
use crate::market::{self, Market, Started, Threads, index_key, seal_keys};
use crate::money::{Money, RECEIPTS_MAX};
use crate::order::{Orders, OwnStock};
use crate::provider::connected::Connected;
use crate::provider::cost_basis::CostBases;
use crate::provider::providers::Providers;
use crate::supervisor::Supervisor;
use crate::supply::Supply;
use crate::supply::config::{OWN_PROVIDER, hook_path};
use crate::worker::Workers;

pub use check::{ProviderProblems, check_addresses, check_clock, check_folder, provider_problems};
use connect::Prepared;
pub use connect::{ConnectError, ProviderSetup};
use listener::ReportingListener;
pub use providers::ProviderSet;
pub use start_error::StartError;

/// How long calls to providers may take after the listeners have closed.
const WORKERS_GRACE: Duration = Duration::from_secs(5);

/// A server that answers.
#[derive(Debug)]
pub struct Running {
    /// Where, with the real port.
    pub address: SocketAddr,
    /// Where metrics are served without a key, if anywhere.
    pub metrics_address: Option<SocketAddr>,
    /// What it works with: orders, stock, money, keys.
    pub rooms: Rooms,
    /// The path that messages for own stock are posted to; it holds the secret.
    pub hook_path: Secret,
    /// What it answers.
    pub routes: RouteTable,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<usize>>,
    /// The providers, to change them while the server runs.
    pub providers: ProviderSet,
    workers: Arc<Workers>,
    threads: Threads,
}

/// The operations of a server, room by room.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// The market they work on.
    pub market: Market,
    /// Numbers, from wish to refund.
    pub orders: Arc<Orders>,
    /// What is for sale.
    pub supply: Supply,
    /// Wallets.
    pub money: Money,
    /// Accounts and keys.
    pub access: Access,
}

impl Rooms {
    /// The rooms of the market whose money it is, with its connected providers.
    #[must_use]
    pub fn new(money: Money, providers: Providers, own: OwnStock) -> Self {
        let market = &money.market;
        Self {
            market: market.clone(),
            orders: Orders::new(market.clone(), providers, own),
            supply: Supply { market: market.clone(), own: own.provider },
            access: Access::new(market.clone()),
            money,
        }
    }
}

/// Starts a server on an opened folder.
///
/// # Errors
/// What was missing.
pub async fn start(
    opened: Opened,
    config: &Config,
    setups: Vec<ProviderSetup>,
) -> Result<Running, StartError> {
    // Before anything is written.
    let listeners = Listeners::bind(config).await?;
    start_on(listeners, opened, config, setups).await
}

/// The addresses of a server that is to be started: theirs already, and not answered yet.
#[derive(Debug)]
pub struct Listeners {
    main: (TcpListener, SocketAddr),
    metrics: Option<(TcpListener, SocketAddr)>,
}

impl Listeners {
    /// Listens where the configuration says.
    ///
    /// # Errors
    /// The first address that cannot be had.
    pub async fn bind(config: &Config) -> Result<Self, StartError> {
        let main = listen("listen", config.listen).await?;
        let metrics = match config.metrics_listen {
            Some(wanted) => Some(listen("metrics_listen", wanted).await?),
            None => None,
        };
        Ok(Self { main, metrics })
    }
}

/// As [`start`], where the addresses were had before the folder was made.
///
/// # Errors
/// As [`start`].
pub async fn start_on(
    listeners: Listeners,
    mut opened: Opened,
    config: &Config,
    setups: Vec<ProviderSetup>,
) -> Result<Running, StartError> {
    // 1. The master key, and whether each sealing key is there. The ledger says that a writer begins,
    // and which keys are lost. The secrets of callbacks.
    opened.folder = config.master_key.keyed(opened.folder)?;
    let lost = seal_keys::look(&opened)?;
    if opened.engine.state().ledger().is_some() {
        let secrets = folder::secrets(&opened.folder)?;
        let _known = index_key::of(&secrets, &opened.folder, opened.engine.state())?;
    }
    let at = folder::begin_epoch(&mut opened)?;
    seal_keys::settle(&mut opened, &lost, at)?;
    let sealing = Sealing::open(&opened)?;
    let Listeners { main: (listener, address), metrics: metrics_listener } = listeners;
    let callback = Arc::new(CallbackSecrets::open(&opened.folder)?);
    let seeds = [request_id_seed()?, request_id_seed()?];
    // 2. The market: the engine's threads and what follows the ledger.
    let every = u64::from(config.limits.snapshot_every_events.get());
    let Started { market, under_way, threads } =
        market::start(opened, sealing, config.own_stock.policy(), every);
    // 3. Providers, own stock among them: one that cannot be set up is told to the operator,
    // and the others do without it. Nothing is asked of them yet.
    let bases = Arc::new(CostBases::open(&config.data_dir));
    let (own, connected) = match attach(&market, config, setups, &bases).await {
        Ok(attached) => attached,
        Err(error) => {
            // The folder's files are free again when the caller learns it.
            let _error_of_its_own = tokio::task::spawn_blocking(move || threads.stop()).await;
            return Err(error);
        }
    };
    // 4. The rooms, and the workers before an order can be placed.
    let receipts = Arc::new(Semaphore::new(RECEIPTS_MAX));
    let money = Money { market, ledger: under_way.ledger.clone(), receipts };
    let rooms = Rooms::new(money, connected, own);
    let workers = Arc::new(Workers::start(&rooms.orders, under_way, config.retention));
    let provider_set = ProviderSet::new(&rooms.orders, &workers, config.margin, bases);
    // 5. Last the faces and the listeners.
    let hook_path = hook_path(&callback.token());
    let callback = HookGuard { secrets: callback, signed: config.own_stock.callback_signature };
    let quota = Quota::new(config.limits.requests_per_minute.get(), 60);
    let Tables { routes, metrics } = tables(&rooms, own.provider, callback, quota);
    let (stop, stopped) = watch::channel(false);
    let limits = server_limits(config, &rooms.market.attention);
    let attention = &rooms.market.attention;
    let listener = ReportingListener::new(listener, "listen", attention);
    let mut listeners = vec![open_listener(&routes, limits, listener, stopped.clone(), seeds[0])];
    let metrics_address = metrics_listener.as_ref().map(|(_, address)| *address);
    if let Some((listener, _)) = metrics_listener {
        let listener = ReportingListener::new(listener, "metrics_listen", attention);
        listeners.push(open_listener(&metrics, limits, listener, stopped, seeds[1]));
    }
    Ok(Running {
        address,
        metrics_address,
        rooms,
        hook_path,
        routes,
        stop,
        listeners,
        providers: provider_set,
        workers,
        threads,
    })
}

async fn listen(
    setting: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    http::bind(address).await.map_err(|source| StartError::Listen { setting, address, source })
}

fn request_id_seed() -> Result<u64, NoRandomness> {
    Ok(u64::from_le_bytes(keys::random_bytes()?))
}

/// Own stock and the configured providers, connected.
async fn attach(
    market: &Market,
    config: &Config,
    setups: Vec<ProviderSetup>,
    bases: &Arc<CostBases>,
) -> Result<(OwnStock, Providers), StartError> {
    let provider = register(market, OWN_PROVIDER, ProviderKind::Own).await?;
    let own = OwnStock { provider, timings: config.own_stock.timings() };
    Ok((own, connect_all(market, config, setups, bases).await))
}

/// Sets the configured providers up and registers them. One that cannot be is left out and
/// told to the operator; a driver that cannot be read leaves no name in the ledger.
async fn connect_all(
    market: &Market,
    config: &Config,
    setups: Vec<ProviderSetup>,
    bases: &Arc<CostBases>,
) -> Providers {
    let grid = &market.grid;
    let without = |why: &dyn Display| format!("the server runs without this provider: {why}");
    for FaultyProvider { name, reason } in &config.faulty_providers {
        market.attention.raise(AttentionKind::ProviderNotSetUp, &**name, without(reason));
    }
    let mut connected = Vec::with_capacity(setups.len());
    for setup in setups {
        let name = setup.config.name.clone();
        match connect_one(market, config, setup, bases).await {
            Ok(each) => connected.push(each),
            Err(error) => {
                let lacks_credential =
                    matches!(&error, StartError::Connect(ConnectError::NoCredential { .. }));
                let kind = if lacks_credential {
                    AttentionKind::KeyMissing
                } else {
                    AttentionKind::ProviderNotSetUp
                };
                market.attention.raise(kind, &*name, without(&error));
            }
        }
    }
    // Offers of a provider that was taken out of the configuration stand in the ledger
    // still, and nothing can be bought of it.
    for (id, known) in market.read_model.directory().providers() {
        if known.kind == ProviderKind::Driven && connected.iter().all(|each| each.id() != id) {
            grid.close_provider(id);
        }
    }
    for each in &connected {
        let known = market.read_model.directory().offers_of(each.id());
        let has_stock = |offer| grid.ask(offer).is_some_and(|ask| ask.stock > 0);
        each.has_known(known.into_iter().filter(|(_, offer)| has_stock(*offer)).count());
    }
    Providers::new(grid, connected)
}

async fn connect_one(
    market: &Market,
    config: &Config,
    setup: ProviderSetup,
    bases: &Arc<CostBases>,
) -> Result<Connected, StartError> {
    let prepared = Prepared::new(setup, config.margin, market.metrics.clone(), None)?;
    let known = market.read_model.directory().providers();
    let was_known = known.iter().any(|(_, known)| *known.name == *prepared.name);
    let id = register(market, &prepared.name, ProviderKind::Driven).await?;
    let connected = prepared.connected(id, market, bases);
    if was_known {
        connected.client().room().dispatcher().follow_another_process();
    }
    Ok(connected)
}

/// The routes of each listener.
struct Tables {
    routes: RouteTable,
    /// Those of a listener that strangers cannot reach.
    metrics: RouteTable,
}

/// How callbacks prove where they come from.
struct HookGuard {
    secrets: Arc<CallbackSecrets>,
    signed: bool,
}

fn tables(
    rooms: &Rooms,
    own_stock: ProviderId,
    callback: HookGuard,
    quota: Option<Quota>,
) -> Tables {
    let auth = Arc::new(Auth::new(rooms.access.clone(), quota, Arc::clone(&callback.secrets)));
    let router = Arc::new(OnceLock::new());
    let orders = || Arc::clone(&rooms.orders);
    let (mut routes, mut metrics) = (RouteTable::default(), RouteTable::default());
    let description = Arc::new(OnceLock::new());
    let (own, told) = (Arc::clone(&router), Arc::clone(&description));
    let ops = ops::State { orders: orders(), router: own, description: told };
    ops::metrics_routes(ops.clone(), &auth).add_to(&mut metrics);
    ops::routes(ops, &auth).add_to(&mut routes);
    v1::routes(v1::State::new(orders(), rooms.money.clone()), &auth).add_to(&mut routes);
    let admin = admin::State {
        access: rooms.access.clone(),
        money: rooms.money.clone(),
        supply: rooms.supply.clone(),
        orders: orders(),
        callback: Arc::clone(&callback.secrets),
        providers: rooms.orders.providers.clone(),
        market: rooms.market.clone(),
    };
    admin::routes(admin, &auth).add_to(&mut routes);
    let HookGuard { secrets: callback, signed } = callback;
    let hooks = hooks::State { orders: orders(), own: own_stock, callback, signed };
    hooks::routes(hooks, &auth).add_to(&mut routes);
    router.set(Arc::downgrade(&routes.router)).expect("it was made a few lines above");
    description.set(Description::of(&routes.specs)).expect("it was made a few lines above");
    Tables { routes, metrics }
}

/// The bounds of each listener, as far as the process may open files.
fn server_limits(config: &Config, attention: &Attention) -> ServerLimits {
    ServerLimits {
        connections_max: descriptors::connections(config, attention) as usize,
        connections_per_address_max: config.limits.connections_per_address_max.get(),
        drain_timeout: Duration::from_secs(config.drain_seconds),
        ..ServerLimits::default()
    }
}

fn open_listener(
    routes: &RouteTable,
    limits: ServerLimits,
    listener: ReportingListener<TcpListener>,
    mut stopped: watch::Receiver<bool>,
    request_id_seed: u64,
) -> JoinHandle<usize> {
    let request_ids = RequestIds::new(request_id_seed);
    let server = Server { router: Arc::clone(&routes.router), limits, request_ids };
    Supervisor::vital_task(server.serve(listener, async move {
        // An error means that the other end is gone: stop as well.
        let _stop = stopped.wait_for(|stop| *stop).await;
    }))
}

impl Running {
    /// Stops: no new connections, requests in flight finished, everything sent committed, a
    /// last snapshot if it is worth it, the manifest brought up to date.
    ///
    /// # Errors
    /// The manifest could not be written; the ledger is whole all the same.
    pub async fn stop(self) -> Result<(), StorageError> {
        // 1. Long polls return, and no listener accepts a connection any more.
        self.rooms.market.stopping.raise();
        self.stop.send_replace(true);
        // 2. Requests in flight end, or are cut off when the drain time is over.
        for listener in self.listeners {
            if let Ok(cut) = listener.await
                && cut > 0
            {
                tracing::warn!(cut, "connections were closed before their requests had finished");
            }
        }
        // 3. The workers finish their calls to providers.
        self.workers.stop(WORKERS_GRACE).await;
        // 4. The market's threads commit what was sent, and write snapshot and manifest.
        let threads = self.threads;
        let ended = tokio::task::spawn_blocking(move || threads.stop());
        ended.await.expect("stopping does not panic")
    }
}
