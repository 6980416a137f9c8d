//! Starting and stopping a market: the engine's threads, and what follows the ledger.

use std::sync::Arc;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::OrderId;
use nexnum_engine::policy::Policy;
use nexnum_engine::state::State;
use nexnum_storage::{Folder, Reader, StorageError};

use super::attempts::Attempts;
use super::change::Change;
use super::folder::{self, Opened};
use super::grid_follower::{GridFollower, OpenClaim};
use super::history::{Follower, History};
use super::key_uses::KeyUses;
use super::last_terms::LastTerms;
use super::loads::HeldLoads;
use super::numbers::Numbers;
use super::read_model::ReadModel;
use super::sealing::Sealing;
use super::search::Search;
use super::sequencer::{Sequencer, SequencerSetup};
use super::snapshot::Snapshots;
use super::{Market, Stopping};
use crate::attention::Attention;
use crate::metrics::Metrics;
use crate::public_id::PublicIds;
use crate::supervisor::Supervisor;

/// The exit code of a process whose ledger failed.
const EXIT_STORAGE: i32 = 74;

/// A market that runs.
#[derive(Debug)]
pub struct Started {
    /// What it offers to rooms, workers and faces.
    pub market: Market,
    /// What was under way when the last process ended.
    pub under_way: UnderWay,
    /// Its threads.
    pub threads: Threads,
}

/// What the last process left under way.
#[derive(Debug)]
pub struct UnderWay {
    /// Units that were claimed for orders.
    pub claims: Vec<OpenClaim>,
    /// Orders that had no number from a provider yet. One of them may be over before it is
    /// taken up.
    pub without_number: Vec<OrderId>,
    /// When the attempts were made whose outcome is not known.
    pub attempts: Attempts,
    /// The ledger, for what is looked up in it once.
    pub ledger: Reader,
}

/// The threads of a running market.
#[derive(Debug)]
pub struct Threads {
    folder: Folder,
    reader: Reader,
    follower: Follower,
    sequencer: Sequencer,
    snapshots: Snapshots,
}

/// Starts a market on an opened folder: a snapshot is written every `snapshot_every` events.
#[must_use]
pub fn start(opened: Opened, sealing: Sealing, policy: Policy, snapshot_every: u64) -> Started {
    // 1. What readers see of the replayed state, all of which is durable.
    let state = opened.engine.state();
    let catalog = Catalog::load();
    let (ids, read_model) = (public_ids(state), Arc::new(ReadModel::from_state(state)));
    let (last_terms, rows) = LastTerms::open(opened.folder.path(), opened.reader.id(), state);
    let (grid_follower, claims) = GridFollower::from_state(catalog, state, rows);
    let (attempts, ledger) = (Attempts::of(&opened.reader, state), opened.reader.clone());
    let under_way = UnderWay { claims, without_number: without_number(state), attempts, ledger };
    let grid = Arc::clone(grid_follower.grid());
    let (search, loads) = (Search::new(catalog, Arc::clone(&grid)), Arc::<HeldLoads>::default());
    // 2. The threads that decide and commit. The grid comes first: what the read model shows
    // can be bought.
    let (clock, archived, metrics) = (opened.clock, Arc::default(), Metrics::default());
    clock.advance_to(opened.last_at);
    let publish = publisher(grid_follower, &loads, &read_model);
    let attention = Attention::open(&clock, opened.folder.path());
    let supervisor = Supervisor::new(&attention);
    let setup = SequencerSetup {
        engine: opened.engine.with_policy(policy),
        clock: Arc::clone(&clock),
        archived: Arc::clone(&archived),
        ledger: opened.ledger,
        metrics: metrics.clone(),
        supervisor: supervisor.clone(),
    };
    let (handle, sequencer) = Sequencer::start(setup, publish, end_process);
    // 3. What follows the ledger on threads of its own.
    let (folder, reader) = (opened.folder, opened.reader);
    let (history, follower) = History::start(
        opened.history,
        reader.clone(),
        Arc::clone(&read_model),
        archived,
        &supervisor,
        end_without_history,
    );
    let snapshots = Snapshots::start(
        folder.clone(),
        reader.clone(),
        read_model.published(),
        opened.snapshot,
        snapshot_every,
        &supervisor,
    );
    let market = Market {
        addresses: Arc::default(),
        key_uses: KeyUses::new(Arc::clone(&read_model), reader.clone()),
        numbers: Numbers::new(sealing.clone(), Arc::clone(&read_model), reader.clone(), loads),
        catalog,
        clock,
        ids,
        handle,
        read_model,
        sealing,
        grid,
        last_terms: Arc::new(last_terms),
        search,
        history,
        metrics,
        attention,
        supervisor,
        stopping: Stopping::default(),
    };
    let threads = Threads { folder, reader, follower, sequencer, snapshots };
    Started { market, under_way, threads }
}

/// What shows a commit to readers.
fn publisher(
    grid_follower: GridFollower,
    loads: &Arc<HeldLoads>,
    read_model: &Arc<ReadModel>,
) -> impl FnMut(Change) + Send + 'static {
    let (loads, read_model) = (Arc::clone(loads), Arc::clone(read_model));
    move |change: Change| {
        grid_follower.publish(&change);
        loads.publish(&change);
        read_model.publish(&change);
    }
}

fn public_ids(state: &State) -> Arc<PublicIds> {
    let ledger = state.ledger().expect("the first row of a folder says what its ledger is");
    Arc::new(PublicIds::new(ledger.permutation))
}

fn without_number(state: &State) -> Vec<OrderId> {
    let orders = state.orders().filter(|order| order.state == ActivationState::Init);
    orders.map(|order| order.id).collect()
}

impl Threads {
    /// Commits what was sent before, ends the threads, and brings the manifest up to date.
    /// Blocks; no worker may send commands any more.
    ///
    /// # Errors
    /// The manifest could not be written; the ledger is whole all the same.
    pub fn stop(self) -> Result<(), StorageError> {
        self.sequencer.stop();
        self.follower.stop();
        self.snapshots.stop();
        folder::close(&self.folder, &self.reader)
    }
}

/// A failed commit leaves memory ahead of the disk: nothing may be answered from it. The
/// next start finds what is durable.
fn end_process(error: StorageError) {
    tracing::error!(%error, "the ledger cannot be written: the process ends");
    eprintln!("nexnum: the ledger cannot be written, the process ends: {error}");
    std::process::exit(EXIT_STORAGE);
}

/// Memory would fill with what history does not take; the next start opens or rebuilds it.
fn end_without_history() {
    eprintln!("nexnum: history cannot be written, the process ends");
    std::process::exit(EXIT_STORAGE);
}
