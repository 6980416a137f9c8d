//! The running server, from an opened data folder to the last drained request.
//!
//! The order of starting is the order of trust: replayed state, sequencer, followers,
//! providers, workers, and last of all the door. Stopping goes the other way.

mod connect;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use nexnum_engine::catalog::Catalog;
use nexnum_engine::command::{Command, Reply};
use nexnum_engine::decide::Policy;
use nexnum_engine::event::ProviderKind;
use nexnum_engine::ids::ProviderId;
use nexnum_storage::{Folder, Reader, StorageError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::{App, OwnStock};
use crate::boot::{self, BootError, Opened};
use crate::clock::Clock;
use crate::config::Config;
use crate::history::{Follower, History};
use crate::http::auth::Limiter;
use crate::http::limit::Quota;
use crate::http::request_id::RequestIds;
use crate::http::{self, Limits, Router, Server};
use crate::keys::{self, NoRandomness};
use crate::market::{Market, OpenClaim};
use crate::metrics::Metrics;
use crate::provider::connected::Providers;
use crate::provider::template::Secret;
use crate::read_model::ReadModel;
use crate::sequencer::core::Change;
use crate::sequencer::{Handle, Sequencer};
use crate::trade::InFlight;
use crate::worker::Workers;
use crate::worker::asks::Asks;
use crate::worker::doubt::Doubts;
use crate::worker::snapshot::Snapshots;
use crate::worker::tasks::Tasks;

pub use connect::{ConnectError, ProviderSetup};

/// The name of own stock among the providers.
pub const OWN_PROVIDER: &str = "own";
/// Where the token of own stock's callback is kept among the secrets.
const HOOK_SECRET: &str = "hook.own";
/// How long work under way upstream may take after the door has closed.
const WORKERS_GRACE: Duration = Duration::from_secs(5);
/// The exit code of a process whose ledger failed.
const EXIT_STORAGE: i32 = 74;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address could not be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the data folder.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// A provider could not be set up.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The engine refused to register a provider.
    #[error("cannot register the provider {name:?}: {reason}")]
    Register {
        /// Which.
        name: String,
        /// Why.
        reason: String,
    },
}

impl From<StorageError> for StartError {
    fn from(error: StorageError) -> Self {
        Self::Boot(BootError::Storage(error))
    }
}

/// A server that answers.
#[derive(Debug)]
pub struct Running {
    /// Where, with the real port.
    pub address: SocketAddr,
    /// Where the measures are served without a key, if anywhere.
    pub metrics_address: Option<SocketAddr>,
    /// What it shares.
    pub app: Arc<App>,
    /// The path that messages for own stock are posted to; it holds the secret.
    pub hook_path: Secret,
    folder: Folder,
    reader: Reader,
    stop: watch::Sender<bool>,
    doors: Vec<JoinHandle<usize>>,
    workers: Workers,
    follower: Follower,
    sequencer: Sequencer,
    snapshots: Snapshots,
}

/// The engine's threads and the followers they publish to.
struct Spine {
    read_model: Arc<ReadModel>,
    market: Arc<Market>,
    open_claims: Vec<OpenClaim>,
    clock: Arc<Clock>,
    handle: Handle,
    sequencer: Sequencer,
    history: Arc<History>,
    follower: Follower,
    metrics: Metrics,
}

/// Starts a server on an opened folder.
///
/// # Errors
/// What was missing; the folder is left as it is.
pub async fn start(
    opened: Opened,
    config: &Config,
    providers: Vec<ProviderSetup>,
) -> Result<Running, StartError> {
    let (listener, address) = listen(config.listen).await?;
    let metrics_listener = match config.metrics_listen {
        Some(wanted) => Some(listen(wanted).await?),
        None => None,
    };
    let hook_token = hook_token(&opened.folder)?;
    let (folder, reader, snapshot) =
        (opened.folder.clone(), opened.reader.clone(), opened.snapshot);
    let spine = start_spine(opened, config.own_stock.policy());
    let own = OwnStock {
        provider: register(&spine.handle, OWN_PROVIDER, ProviderKind::Own).await?,
        timings: config.own_stock.timings(),
        hook_digest: keys::sha256(hook_token.expose()),
    };
    let providers = connect_all(&spine, config, providers).await?;
    let app = Arc::new(App {
        catalog: Catalog::load(),
        clock: spine.clock,
        handle: spine.handle,
        providers,
        doubts: Doubts::default(),
        tasks: Tasks::default(),
        read_model: Arc::clone(&spine.read_model),
        market: spine.market,
        history: spine.history,
        metrics: spine.metrics,
        in_flight: InFlight::default(),
        asks: Asks::default(),
        own,
        limiter: Limiter::new(Quota::new(config.limits.requests_per_minute.get(), 60)),
        stopping: watch::Sender::new(false),
    });
    let every = u64::from(config.limits.snapshot_every_events.get());
    let published = spine.read_model.published();
    let snapshots = Snapshots::start(folder.clone(), reader.clone(), published, snapshot, every);
    let workers = Workers::start(&app, spine.open_claims);
    let (stop, stopped) = watch::channel(false);
    let routes = routes();
    let mut doors = vec![open_door(&app, Arc::clone(&routes), config, listener, stopped.clone())?];
    let metrics_address = metrics_listener.as_ref().map(|(_, address)| *address);
    if let Some((listener, _)) = metrics_listener {
        let routes = Arc::new(http::ops::unguarded(routes));
        doors.push(open_door(&app, routes, config, listener, stopped)?);
    }
    let hook_path = hook_path(&hook_token);
    let (follower, sequencer) = (spine.follower, spine.sequencer);
    Ok(Running {
        address,
        metrics_address,
        app,
        hook_path,
        folder,
        reader,
        stop,
        doors,
        workers,
        follower,
        sequencer,
        snapshots,
    })
}

/// Starts the engine's threads on a replayed state, and what follows them.
fn start_spine(opened: Opened, policy: Policy) -> Spine {
    let state = opened.engine.state();
    let read_model = Arc::new(ReadModel::from_state(state));
    let (market, open_claims) = Market::from_state(Catalog::load(), state);
    let market = Arc::new(market);
    let clock = Arc::new(Clock::not_before(opened.last_at));
    let archived = Arc::new(AtomicU64::new(0));
    let metrics = Metrics::default();
    let publish = {
        let (read_model, market) = (Arc::clone(&read_model), Arc::clone(&market));
        move |change: Change| {
            market.publish(&change);
            read_model.publish(&change);
        }
    };
    let (handle, sequencer) = Sequencer::start(
        opened.engine.with_policy(policy),
        Arc::clone(&clock),
        Arc::clone(&archived),
        opened.ledger,
        metrics.clone(),
        publish,
        end_process,
    );
    let (history, follower) = History::start(
        opened.history,
        opened.reader,
        Arc::clone(&read_model),
        archived,
        end_without_history,
    );
    Spine { read_model, market, open_claims, clock, handle, sequencer, history, follower, metrics }
}

/// Registers and connects the configured providers. Nothing is asked of them yet.
async fn connect_all(
    spine: &Spine,
    config: &Config,
    setups: Vec<ProviderSetup>,
) -> Result<Providers, StartError> {
    let grid = spine.market.grid();
    let mut connected = Vec::with_capacity(setups.len());
    for setup in setups {
        let id = register(&spine.handle, &setup.config.name, ProviderKind::Driven).await?;
        grid.set_priority(id, setup.config.priority);
        connected.push(connect::connect(id, setup, config, spine.metrics.clone())?);
    }
    // What nobody can buy is not for sale: offers of a provider that was taken out of the
    // configuration stand in the ledger still.
    for (id, known) in spine.read_model.directory().providers() {
        if known.kind == ProviderKind::Driven && connected.iter().all(|each| each.id() != id) {
            grid.close_provider(id);
        }
    }
    Ok(Providers::new(grid, connected))
}

/// A failed commit leaves memory ahead of the disk: nothing may be answered from it. The
/// next start finds what is durable.
fn end_process(error: StorageError) {
    tracing::error!(%error, "the ledger failed: the process ends");
    eprintln!("nexnum: the ledger failed, the process ends: {error}");
    std::process::exit(EXIT_STORAGE);
}

/// The path that messages for own stock are posted to on a server of this folder.
///
/// # Errors
/// The secrets cannot be read, or there is no randomness to draw the first token.
pub fn own_stock_hook(folder: &Folder) -> Result<Secret, StartError> {
    hook_token(folder).map(|token| hook_path(&token))
}

fn hook_path(token: &Secret) -> Secret {
    Secret::new(format!("/hooks/providers/{OWN_PROVIDER}/{}", token.expose()))
}

/// Memory would fill with what history does not take; the next start opens or rebuilds it.
fn end_without_history() {
    eprintln!("nexnum: history cannot be written, the process ends");
    std::process::exit(EXIT_STORAGE);
}

/// The token of own stock's callback, drawn when it is asked for first.
fn hook_token(folder: &Folder) -> Result<Secret, StartError> {
    let secrets = boot::secrets(folder)?;
    if let Some(known) = secrets.get(HOOK_SECRET)? {
        return Ok(Secret::new(String::from_utf8_lossy(known.expose())));
    }
    let token: String =
        keys::random_bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    secrets.put(HOOK_SECRET, &nexnum_storage::secrets::Secret::new(token.clone().into_bytes()))?;
    Ok(Secret::new(token))
}

async fn register(
    handle: &Handle,
    name: &str,
    kind: ProviderKind,
) -> Result<ProviderId, StartError> {
    let failed = |reason: String| StartError::Register { name: name.to_owned(), reason };
    let command = Command::RegisterProvider { name: name.into(), kind };
    let answer = handle.send(command).await.map_err(|error| failed(error.to_string()))?;
    match answer.map_err(|reject| failed(reject.code().to_owned()))?.reply {
        Reply::Provider(id) => Ok(id),
        other => unreachable!("a provider is registered, not {other:?}"),
    }
}

/// All routes of the server.
#[must_use]
pub fn routes() -> Arc<Router<App>> {
    let table = Arc::new(OnceLock::new());
    let mut router = Router::new();
    http::health::add_routes(&mut router);
    http::ops::add_routes(&mut router, Arc::clone(&table));
    http::v1::add_routes(&mut router);
    http::admin::add_routes(&mut router);
    http::hooks::add_routes(&mut router);
    let router = Arc::new(router);
    table.set(Arc::downgrade(&router)).expect("it was made a few lines above");
    router
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    http::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

fn open_door(
    app: &Arc<App>,
    router: Arc<Router<App>>,
    config: &Config,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) -> Result<JoinHandle<usize>, StartError> {
    let limits = Limits {
        connections_max: config.limits.connections_max.get() as usize,
        connections_per_address_max: config.limits.connections_per_address_max.get(),
        drain_timeout: Duration::from_secs(config.drain_seconds),
        ..Limits::default()
    };
    let request_ids = RequestIds::new(u64::from_le_bytes(keys::random_bytes()?));
    let server = Server { router, state: Arc::clone(app), limits, request_ids };
    Ok(tokio::spawn(server.serve(listener, async move {
        // An error means that the other end is gone: stop as well.
        let _stop = stopped.wait_for(|stop| *stop).await;
    })))
}

impl Running {
    /// Stops: no new connections, requests in flight finished, everything sent committed, a
    /// last snapshot if it is worth it, the manifest brought up to date.
    ///
    /// # Errors
    /// The manifest could not be written; the ledger is whole all the same.
    pub async fn stop(self) -> Result<(), StorageError> {
        self.app.stopping.send_replace(true);
        self.stop.send_replace(true);
        for door in self.doors {
            if let Ok(cut) = door.await
                && cut > 0
            {
                tracing::warn!(cut, "connections did not finish in time");
            }
        }
        self.workers.stop(WORKERS_GRACE).await;
        let (sequencer, follower, snapshots) = (self.sequencer, self.follower, self.snapshots);
        let ended = tokio::task::spawn_blocking(move || {
            sequencer.stop();
            follower.stop();
            snapshots.stop();
            boot::close(&self.folder, &self.reader)
        });
        ended.await.expect("stopping does not panic")
    }
}
