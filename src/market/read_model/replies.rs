//! What idempotency keys stand for, as readers see it.

use std::collections::VecDeque;

use nexnum_engine::event::{Event, MemoryEvent};
use nexnum_engine::ids::AccountId;
use nexnum_engine::replies::StoredReply;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use papaya::HashMap;
use parking_lot::Mutex;

use crate::market::change::Change;

/// Answers by their keys.
#[derive(Debug, Default)]
pub(super) struct RepliesView {
    by_key: HashMap<(AccountId, u128), StoredReply>,
    /// The keys by age, oldest first: what is forgotten is found without a look at the rest.
    aging: Mutex<VecDeque<(Time, AccountId, u128)>>,
}

impl RepliesView {
    pub(super) fn from_state(state: &State) -> Self {
        let (view, mut replies) = (Self::default(), state.replies().collect::<Vec<_>>());
        replies.sort_unstable_by_key(|(.., reply)| reply.at);
        for (account, key, reply) in replies {
            view.keep(account, key, reply);
        }
        view
    }

    /// Shows those of a change, and forgets what it retires, group by group: after a long pause one
    /// may be its own, and a key that is forgotten may be used again at once.
    pub(super) fn publish(&self, change: &Change) {
        let heads = change.groups.heads(change.first);
        for ((seq, head), (_, events)) in heads.zip(change.groups.iter()) {
            for event in events {
                if let Event::Memory(MemoryEvent::Retired { replies_before, .. }) = event {
                    self.forget(*replies_before);
                }
            }
            if let Some((account, key, reply)) = StoredReply::of(head, seq) {
                self.keep(account, key, reply);
            }
        }
    }

    fn keep(&self, account: AccountId, key: u128, reply: StoredReply) {
        self.by_key.pin().insert((account, key), reply);
        self.aging.lock().push_back((reply.at, account, key));
    }

    fn forget(&self, before: Time) {
        let (mut aging, by_key) = (self.aging.lock(), self.by_key.pin());
        while let Some((_, account, key)) = aging.pop_front_if(|(at, ..)| *at <= before) {
            by_key.remove(&(account, key));
        }
    }

    pub(super) fn get(&self, account: AccountId, key: u128) -> Option<StoredReply> {
        self.by_key.pin().get(&(account, key)).copied()
    }

    /// How many there are, by key and by age.
    pub(super) fn counts(&self) -> [usize; 2] {
        [self.by_key.len(), self.aging.lock().len()]
    }
}
