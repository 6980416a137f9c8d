//! What a ledger says of the idempotency keys of its commands.
#![allow(unreachable_pub, reason = "a test binary may have it as a module of its own")]

use std::collections::BTreeMap;

use nexnum_engine::command::{Command, PlaceOrder};
use nexnum_engine::group::{Groups, KeyUse};
use nexnum_engine::ids::Seq;
use nexnum_engine::replies::{KeyUseRefusal, StoredReplies};

/// The uses of keys, by the positions of their heads.
#[derive(Default)]
pub struct KeyUses(BTreeMap<Seq, KeyUse>);

impl KeyUses {
    /// Takes those of groups whose first head is at `first`.
    pub fn follow(&mut self, groups: &Groups, first: Seq) {
        let uses = groups.heads(first).filter_map(|(seq, head)| Some((seq, head.key_use?)));
        self.0.extend(uses);
    }

    /// Brings what a command has to know of old keys, and no more.
    pub fn bring(&self, replies: &StoredReplies, command: &mut Command) {
        let Command::PlaceOrder(PlaceOrder { account, idempotency: Some(asked), .. }) = command
        else {
            return;
        };
        asked.read.clear();
        while let Err(KeyUseRefusal::Unread(at)) = replies.made_for(*account, asked) {
            asked.read.push((at, self.0[&at]));
        }
    }
}
