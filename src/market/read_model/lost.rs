//! Callbacks that are kept no longer though they were not processed.
//!
//! Promises: one that was processed is never among them. Those of before a start are known once
//! the ledger's last days have been read; until then it is not known that one was processed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nexnum_engine::callbacks::Callbacks;
use nexnum_engine::ids::CallbackId;
use nexnum_engine::limits::CALLBACK_KEYS_MAX;
use nexnum_engine::time::Time;
use parking_lot::Mutex;
use tokio::sync::watch;

/// Those that were dropped to make room, or thrown away; of the last ones.
#[derive(Debug)]
pub struct LostCallbacks {
    /// When each came.
    came: Mutex<BTreeMap<CallbackId, Time>>,
    /// The last one before the start, and those that were kept then.
    before: (CallbackId, BTreeSet<CallbackId>),
    is_read: watch::Sender<bool>,
}

impl LostCallbacks {
    pub(super) fn from_callbacks(callbacks: &Callbacks) -> Self {
        let kept = callbacks.before(CallbackId(u64::MAX)).map(|(id, _)| id).collect();
        let (came, is_read) = (Mutex::default(), watch::Sender::new(false));
        Self { came, before: (callbacks.last(), kept), is_read }
    }

    /// When a callback came that was lost.
    #[must_use]
    pub fn came(&self, id: CallbackId) -> Option<Time> {
        self.came.lock().get(&id).copied()
    }

    /// Waits until those of before the start are known; `false` if they are not by then.
    pub async fn are_known_within(&self, wait: Duration) -> bool {
        let mut is_read = self.is_read.subscribe();
        let known = tokio::time::timeout(wait, is_read.wait_for(|is_read| *is_read)).await;
        known.is_ok_and(|known| known.is_ok())
    }

    /// Those that the ledger's last days show unprocessed: what was not kept at the start was
    /// lost before it. What became of the others since is known.
    pub fn learn(&self, unprocessed: &BTreeMap<CallbackId, Time>) {
        let (last, kept) = &self.before;
        let is_lost = |id: &CallbackId| id <= last && !kept.contains(id);
        self.add(unprocessed.iter().filter(|(id, _)| is_lost(id)).map(|(id, at)| (*id, *at)));
        self.is_read.send_replace(true);
    }

    pub(super) fn add(&self, lost: impl IntoIterator<Item = (CallbackId, Time)>) {
        let mut came = self.came.lock();
        came.extend(lost);
        while came.len() > CALLBACK_KEYS_MAX {
            came.pop_first();
        }
    }
}
