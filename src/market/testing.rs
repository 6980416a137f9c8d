//! A market on a new folder, for tests.

use nexnum_engine::policy::Policy;
use nexnum_engine::time::Time;
use tempfile::TempDir;

use super::sealing::Sealing;
use super::{Market, Threads, folder, seal_keys, start};

/// Starts it.
pub(super) fn started(folder: &TempDir) -> (Market, Threads) {
    folder::init(&folder.path().join("market")).unwrap();
    let mut opened = folder::open(&folder.path().join("market"), |_| {}).unwrap();
    seal_keys::settle(&mut opened, &[], Time(1)).unwrap();
    let sealing = Sealing::open(&opened).unwrap();
    let started = start(opened, sealing, Policy::default(), 1_000);
    (started.market, started.threads)
}
