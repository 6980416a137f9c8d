//! What idempotency keys stand for, as readers see it.

use nexnum_engine::event::{Event, MemoryEvent};
use nexnum_engine::group::Made;
use nexnum_engine::ids::AccountId;
use nexnum_engine::replies::{AskedKey, KeyUseRefusal, StoredReplies, StoredReply};
use nexnum_engine::state::State;
use parking_lot::RwLock;

use crate::market::change::Change;

/// The engine's stored replies once more, for those who ask before they claim.
#[derive(Debug)]
pub(super) struct RepliesView(RwLock<StoredReplies>);

impl RepliesView {
    pub(super) fn from_state(state: &State) -> Self {
        Self(RwLock::new(state.replies().clone()))
    }

    /// Shows those of a change, and forgets what it retires, group by group: after a long pause one
    /// may be its own, and a key that is forgotten may be used again at once.
    pub(super) fn publish(&self, change: &Change) {
        let heads = change.groups.heads(change.first);
        for ((seq, head), (_, events)) in heads.zip(change.groups.iter()) {
            for event in events {
                let Event::Memory(MemoryEvent::Retired { replies_before, short_before, .. }) =
                    event
                else {
                    continue;
                };
                // Locked for each: there may be thousands, and readers are on the runtime's threads.
                while self.0.write().forget_first(*replies_before) {}
                while self.0.write().shorten_first(*short_before) {}
            }
            if let Some(reply) = StoredReply::of(head, seq) {
                self.0.write().insert(reply);
            }
        }
    }

    pub(super) fn made_for(
        &self,
        account: AccountId,
        asked: &AskedKey,
    ) -> Result<Option<Made>, KeyUseRefusal> {
        self.0.read().made_for(account, asked)
    }

    /// How many there are, and how many of them are known whole.
    pub(super) fn counts(&self) -> [usize; 2] {
        self.0.read().counts()
    }
}
