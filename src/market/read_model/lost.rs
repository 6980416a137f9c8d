//! Callbacks that are kept no longer though they were not processed.
//!
//! Promises: one that was processed is never among them. Those of before a start are known once
//! the ledger's last days have been read; until then it is not known that one was processed.
//! Refused ones that made room are counted from the start on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nexnum_engine::callback::CallbackOutcome;
use nexnum_engine::callbacks::Callbacks;
use nexnum_engine::event::CallbackEvent;
use nexnum_engine::ids::{CallbackId, ProviderId};
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
    /// How many of those that were refused made room for newer ones since the start.
    refused: Mutex<BTreeMap<ProviderId, u64>>,
}

impl LostCallbacks {
    pub(super) fn from_callbacks(callbacks: &Callbacks) -> Self {
        let kept = callbacks.before(CallbackId(u64::MAX)).map(|(id, _)| id).collect();
        let (came, is_read) = (Mutex::default(), watch::Sender::new(false));
        let before = (callbacks.last(), kept);
        Self { came, before, is_read, refused: Mutex::default() }
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

    /// How many refused callbacks of a provider made room for newer ones since the start.
    #[must_use]
    pub fn refused_of(&self, provider: ProviderId) -> u64 {
        self.refused.lock().get(&provider).copied().unwrap_or(0)
    }

    /// Follows an event together with the callbacks that are kept.
    pub(super) fn follow(&self, callbacks: &mut Callbacks, at: Time, event: &CallbackEvent) {
        if let CallbackEvent::CallbackProcessed { outcome, dropped, .. } = event
            && let CallbackOutcome::Failed(failure) = outcome
            && failure.is_refusal()
        {
            // The oldest go.
            let mut refused = self.refused.lock();
            for (_, oldest) in callbacks.refused().take(*dropped as usize) {
                *refused.entry(oldest.provider).or_default() += 1;
            }
        }
        self.add(callbacks.follow(at, event));
    }

    fn add(&self, lost: impl IntoIterator<Item = (CallbackId, Time)>) {
        let mut came = self.came.lock();
        came.extend(lost);
        while came.len() > CALLBACK_KEYS_MAX {
            came.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use nexnum_engine::callback::CallbackFailure;
    use nexnum_engine::limits::CALLBACKS_REFUSED_MAX;

    use nexnum_engine::sealed::{KeyHandle, SealedValue};

    use super::*;

    #[test]
    fn a_refused_callback_that_makes_room_is_counted_for_its_provider() {
        let mut callbacks = Callbacks::default();
        let lost = LostCallbacks::from_callbacks(&callbacks);
        let mut refuse = |id: u64, provider: u16, failure, dropped| {
            let (callback, provider) = (CallbackId(id), ProviderId(provider));
            let content_type = "".into();
            let (handle, nonce, commitment) = (KeyHandle(1), [0; 24], [0; 32]);
            let ciphertext = b"ping"[..].into();
            let sealed = SealedValue { handle, nonce, commitment, ciphertext };
            let key = u128::from(id);
            for event in [
                CallbackEvent::CallbackReceived { callback, provider, key, content_type, sealed },
                CallbackEvent::CallbackProcessed {
                    callback,
                    outcome: CallbackOutcome::Failed(failure),
                    dropped,
                },
            ] {
                lost.follow(&mut callbacks, Time(id), &event);
            }
        };
        let refused = CallbackFailure::InvalidSignature;
        let max = CALLBACKS_REFUSED_MAX as u64;
        for id in 1..=max {
            refuse(id, if id <= 2 { 1 } else { 2 }, refused, 0);
        }
        for id in max + 1..=max + 3 {
            refuse(id, 1, refused, 1);
        }
        refuse(max + 4, 1, CallbackFailure::Unreadable, 0);
        let counts = [1, 2, 3].map(|provider| lost.refused_of(ProviderId(provider)));
        assert_eq!((counts, callbacks.refused_len()), ([2, 1, 0], CALLBACKS_REFUSED_MAX));
        assert_eq!(lost.came(CallbackId(3)), Some(Time(3)));
    }
}
