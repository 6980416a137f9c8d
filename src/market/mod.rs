//! One market: a ledger with its sequencer and the followers that readers use.
//!
//! A market is a value: two of them run in one process and share the shipped catalogue
//! alone. Everything that speaks of "the" ledger, time or stock takes a [`Market`].

mod addresses;
pub mod attempts;
mod boot_error;
pub mod change;
mod clock_jumps;
mod day_check;
mod day_closing;
pub mod folder;
pub mod grid_follower;
pub mod history;
pub mod index_key;
mod keep_terms;
pub mod key_uses;
pub mod last_terms;
mod loads;
pub mod lookups;
pub mod master_key;
mod numbered;
pub mod numbers;
pub mod read_model;
pub mod receipt;
pub mod recent;
mod refused;
pub mod replay;
pub mod retention;
mod rotation;
mod seal;
pub mod seal_keys;
pub mod sealing;
pub mod search;
pub mod send;
pub mod sequencer;
pub mod snapshot;
mod stopping;
#[cfg(test)]
mod testing;
mod threads;
pub mod verify;

use std::sync::Arc;

use nexnum_engine::catalog::Catalog;
use nexnum_engine::grid::Grid;

use crate::attention::Attention;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::public_id::PublicIds;
use crate::supervisor::Supervisor;

use self::addresses::CallerAddresses;
use self::history::History;
use self::key_uses::KeyUses;
use self::last_terms::LastTerms;
use self::numbers::Numbers;
use self::read_model::ReadModel;
use self::sealing::Sealing;
use self::search::Search;
use self::sequencer::Handle;

pub use day_closing::DayCloseError;
pub use refused::Refused;
pub use stopping::Stopping;
pub use threads::{Started, Threads, UnderWay, start};

/// What a request or a worker needs of a market. Cheap to clone; nothing in it is locked
/// across an `.await`.
#[derive(Clone, Debug)]
pub struct Market {
    /// Countries and services.
    pub catalog: &'static Catalog,
    /// The time.
    pub clock: Arc<Clock>,
    /// Ids as customers see them.
    pub ids: Arc<PublicIds>,
    /// The way to the engine.
    pub handle: Handle,
    /// What is durable.
    pub read_model: Arc<ReadModel>,
    /// What seals and opens what can be forgotten.
    pub sealing: Sealing,
    /// What finds and opens the numbers of activations.
    pub numbers: Numbers,
    /// What idempotency keys were used for.
    pub key_uses: KeyUses,
    /// From which addresses callers have come.
    pub addresses: Arc<CallerAddresses>,
    /// Prices and live stock.
    pub grid: Arc<Grid>,
    /// The prices and the stock of driven offers, for the next start.
    pub last_terms: Arc<LastTerms>,
    /// The catalogue by its words, with what is on sale.
    pub search: Search,
    /// What has left memory.
    pub history: Arc<History>,
    /// What is counted.
    pub metrics: Metrics,
    /// What needs the operator's attention.
    pub attention: Attention,
    /// Its threads and loops.
    pub supervisor: Supervisor,
    /// Whether its server is stopping.
    pub stopping: Stopping,
}
