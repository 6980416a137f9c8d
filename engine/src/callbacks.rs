//! The table of callbacks: kept as they are until they are processed; those that could not be,
//! and those that were refused, within bounds of their own. Readers follow it as the state does.
//!
//! Leaves to others: which of them are dropped (`decide`).

use std::collections::{BTreeMap, BTreeSet};

use crate::callback::{Callback, CallbackFailure, CallbackOutcome};
use crate::event::CallbackEvent;
use crate::ids::CallbackId;
use crate::limits::{
    CALLBACK_BYTES_MAX, CALLBACK_KEYS_MAX, CALLBACKS_FAILED_MAX, CALLBACKS_REFUSED_MAX,
};
use crate::time::Time;

/// The callbacks that are kept, and which came lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callbacks {
    pub(crate) last: CallbackId,
    pub(crate) dropped: u64,
    pub(crate) kept: BTreeMap<CallbackId, Callback>,
    /// The keys of those that came last, and of those that came before and are kept.
    pub(crate) recent: BTreeMap<CallbackId, u128>,
    pub(crate) keys: BTreeMap<u128, CallbackId>,
    /// How many of those kept have failed, and the bytes of their bodies.
    pub(crate) failed: (usize, usize),
    /// Which of those kept were refused.
    pub(crate) refused: BTreeSet<CallbackId>,
}

impl Callbacks {
    /// How many failed or refused ones were dropped to make room.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The id of the one that came last.
    #[must_use]
    pub const fn last(&self) -> CallbackId {
        self.last
    }

    /// A callback that waits, has failed or was refused.
    #[must_use]
    pub fn get(&self, id: CallbackId) -> Option<&Callback> {
        self.kept.get(&id)
    }

    /// The callback that came with this key, if it came lately or is kept.
    #[must_use]
    pub fn with_key(&self, key: u128) -> Option<CallbackId> {
        self.keys.get(&key).copied()
    }

    /// Those that wait for being processed, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = (CallbackId, &Callback)> {
        let kept = self.kept.iter().filter(|(_, callback)| callback.failure.is_none());
        kept.map(|(id, callback)| (*id, callback))
    }

    /// Those kept with ids below `before`, newest first.
    pub fn before(&self, before: CallbackId) -> impl Iterator<Item = (CallbackId, &Callback)> {
        self.kept.range(..before).rev().map(|(id, callback)| (*id, callback))
    }

    /// How many could not be processed and are kept.
    #[must_use]
    pub const fn failed_len(&self) -> usize {
        self.failed.0
    }

    /// How many wait.
    #[must_use]
    pub fn waiting_len(&self) -> usize {
        self.kept.len() - self.failed.0 - self.refused.len()
    }

    /// How many were refused and are kept.
    #[must_use]
    pub fn refused_len(&self) -> usize {
        self.refused.len()
    }

    /// Those that were refused and are kept, oldest first.
    pub fn refused(&self) -> impl Iterator<Item = (CallbackId, &Callback)> {
        self.refused.iter().filter_map(|id| Some((*id, self.kept.get(id)?)))
    }

    /// How many of those that were refused and are kept came after a moment.
    pub(crate) fn refused_since(&self, moment: Time) -> usize {
        let newest = self.refused.iter().rev().filter_map(|id| self.kept.get(id));
        newest.take_while(|callback| callback.received_at > moment).count()
    }

    /// How many of those that failed, or were refused as this one, the oldest, have to go so
    /// that one more with such a body fits.
    pub(crate) fn over(&self, failure: CallbackFailure, body_len: usize) -> u32 {
        if failure.is_refusal() {
            return u32::from(self.refused.len() >= CALLBACKS_REFUSED_MAX);
        }
        let (mut count, mut bytes) = (self.failed.0 + 1, self.failed.1 + body_len);
        let mut over = 0;
        for (_, callback) in self.of_kind(failure) {
            if count <= CALLBACKS_FAILED_MAX && bytes <= CALLBACK_BYTES_MAX {
                break;
            }
            count -= 1;
            bytes -= callback.sealed.clear_len();
            over += 1;
        }
        over
    }

    /// Those that failed, or were refused, as this one; oldest first.
    fn of_kind(&self, failure: CallbackFailure) -> impl Iterator<Item = (CallbackId, &Callback)> {
        let is_alike = move |known: CallbackFailure| known.is_refusal() == failure.is_refusal();
        let alike = self.kept.iter().filter(move |(_, kept)| kept.failure.is_some_and(is_alike));
        alike.map(|(id, kept)| (*id, kept))
    }

    /// Follows an event. Gives those that are kept no longer though they were not processed,
    /// dropped to make room or thrown away, each with when it came.
    ///
    /// # Panics
    /// If it does not fit.
    pub fn follow(&mut self, at: Time, event: &CallbackEvent) -> Vec<(CallbackId, Time)> {
        match event {
            CallbackEvent::CallbackReceived { callback, provider, key, content_type, sealed } => {
                let received = Callback {
                    provider: *provider,
                    received_at: at,
                    content_type: content_type.clone(),
                    sealed: sealed.clone(),
                    failure: None,
                };
                self.receive(*callback, *key, received);
                Vec::new()
            }
            CallbackEvent::CallbackProcessed { callback, outcome, dropped } => {
                self.process(*callback, *outcome, *dropped)
            }
        }
    }

    fn receive(&mut self, id: CallbackId, key: u128, callback: Callback) {
        assert_eq!(id.0, self.last.0 + 1, "ids are dense");
        self.last = id;
        // A ledger may have the key of one that is kept and old a second time: keys were known
        // for so many callbacks alone.
        if let Some(same) = self.keys.insert(key, id) {
            assert!(self.is_old(same), "a key comes once");
            self.recent.remove(&same);
        }
        self.recent.insert(id, key);
        if let Some(oldest) = id.0.checked_sub(CALLBACK_KEYS_MAX as u64).map(CallbackId) {
            self.forget(oldest);
        }
        self.kept.insert(id, callback);
    }

    /// Whether so many came after one that its key is known only while it is kept.
    const fn is_old(&self, id: CallbackId) -> bool {
        self.last.0 - id.0 >= CALLBACK_KEYS_MAX as u64
    }

    /// Forgets the key of a callback that is old and kept no longer.
    fn forget(&mut self, id: CallbackId) {
        if self.is_old(id)
            && !self.kept.contains_key(&id)
            && let Some(key) = self.recent.remove(&id)
        {
            self.keys.remove(&key);
        }
    }

    /// Takes a callback out; it is kept again if it failed. `dropped` others of its kind, the
    /// oldest, go. Gives which were lost.
    fn process(
        &mut self,
        id: CallbackId,
        outcome: CallbackOutcome,
        dropped: u32,
    ) -> Vec<(CallbackId, Time)> {
        let callback = self.kept.remove(&id).expect("what is processed is kept");
        if let Some(failure) = callback.failure {
            assert_ne!(outcome, CallbackOutcome::Failed(failure), "a failure is told once");
            self.count_out(id, failure, callback.sealed.clear_len());
        }
        let CallbackOutcome::Failed(failure) = outcome else {
            assert_eq!(dropped, 0, "what leaves needs no room");
            self.forget(id);
            let is_lost = outcome == CallbackOutcome::Discarded;
            return is_lost.then_some((id, callback.received_at)).into_iter().collect();
        };
        let mut lost = Vec::new();
        for _ in 0..dropped {
            let oldest = self.of_kind(failure).next();
            let oldest = oldest.map(|(id, kept)| (id, kept.received_at, kept.sealed.clear_len()));
            let (oldest, received_at, len) = oldest.expect("so many are kept");
            self.kept.remove(&oldest);
            self.forget(oldest);
            self.count_out(oldest, failure, len);
            self.dropped += 1;
            lost.push((oldest, received_at));
        }
        self.keep(id, Callback { failure: Some(failure), ..callback });
        lost
    }

    fn count_out(&mut self, id: CallbackId, failure: CallbackFailure, body_len: usize) {
        if failure.is_refusal() {
            assert!(self.refused.remove(&id), "what was refused is counted");
        } else {
            self.failed = (self.failed.0 - 1, self.failed.1 - body_len);
        }
    }

    /// Keeps a callback that waits, has failed or was refused.
    pub(crate) fn keep(&mut self, id: CallbackId, callback: Callback) {
        match callback.failure {
            Some(failure) if failure.is_refusal() => {
                self.refused.insert(id);
            }
            Some(_) => {
                self.failed = (self.failed.0 + 1, self.failed.1 + callback.sealed.clear_len())
            }
            None => {}
        }
        self.kept.insert(id, callback);
    }
}
