//! What idempotency keys stand for, and which of them are the oldest.
//!
//! Keys are digests, so they fall anywhere: one tree of a day's keys misses the cache at
//! each of its levels. Their first bits choose one of many small trees instead, which stay
//! in order and have no worst case that a client could provoke by choosing keys.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use crate::group::{Head, KeyUse, Made};
use crate::ids::{AccountId, Seq};
use crate::table::Aged;
use crate::time::Time;

/// The answer that an idempotency key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoredReply {
    /// Digest of the request.
    pub fingerprint: u128,
    /// What the first request made.
    pub made: Made,
    /// When.
    pub at: Time,
    /// Where the head of its group stands, which says it too.
    pub seq: Seq,
}

impl StoredReply {
    /// What the head of a group, which stands at `seq`, says of its command's idempotency key:
    /// whose it is, its digest, and the answer.
    #[must_use]
    pub fn of(head: &Head, seq: Seq) -> Option<(AccountId, u128, Self)> {
        let KeyUse { account, used, made } = head.key_use?;
        Some((account, used.key, Self { fingerprint: used.fingerprint, made, at: head.at, seq }))
    }
}

/// Bits of a key that choose its tree: with a million keys a tree has 240.
const SHARD_BITS: u32 = 12;

type Shard = BTreeMap<(u128, AccountId), StoredReply>;

/// The stored replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replies {
    /// Together in the order of (key, account).
    shards: Box<[Shard]>,
    len: usize,
    /// By age. The position makes it the order in which they were given.
    ages: Aged<(Time, Seq, AccountId, u128)>,
}

impl Default for Replies {
    fn default() -> Self {
        let shards = (0..1 << SHARD_BITS).map(|_| Shard::new()).collect();
        Self { shards, len: 0, ages: Aged::default() }
    }
}

const fn shard(key: u128) -> usize {
    (key >> (u128::BITS - SHARD_BITS)) as usize
}

impl Replies {
    pub(crate) fn get(&self, account: AccountId, key: u128) -> Option<StoredReply> {
        self.shards[shard(key)].get(&(key, account)).copied()
    }

    /// Stores a reply; false if the key stands for one already, which then stays.
    pub(crate) fn insert(&mut self, account: AccountId, key: u128, reply: StoredReply) -> bool {
        let is_new = self.insert_ageless(account, key, reply);
        if is_new {
            self.ages.insert((reply.at, reply.seq, account, key));
        }
        is_new
    }

    /// The same for replies in any order; [`Replies::age`] must follow the last one.
    pub(crate) fn insert_ageless(
        &mut self,
        account: AccountId,
        key: u128,
        reply: StoredReply,
    ) -> bool {
        use std::collections::btree_map::Entry;
        let Entry::Vacant(free) = self.shards[shard(key)].entry((key, account)) else {
            return false;
        };
        free.insert(reply);
        self.len += 1;
        true
    }

    /// Brings all that came in without an age in order.
    pub(crate) fn age(&mut self) {
        let row = |(account, key, reply): (AccountId, u128, StoredReply)| {
            (reply.at, reply.seq, account, key)
        };
        let mut ages = Aged::default();
        ages.extend(self.iter().map(row));
        self.ages = ages;
    }

    /// All, in an order of their own: the same for equal replies.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (AccountId, u128, StoredReply)> + '_ {
        let all = self.shards.iter().flatten();
        all.map(|((key, account), reply)| (*account, *key, *reply))
    }

    /// When they were given, oldest first.
    pub(crate) fn ages(&self) -> impl Iterator<Item = Time> + '_ {
        self.ages.iter().map(|(at, ..)| *at)
    }

    /// The latest moment up to `limit` at or before which at most `most` were given, or
    /// those of the first moment of all.
    pub(crate) fn cut(&self, limit: Time, most: usize) -> Time {
        self.ages.cut(limit, most, |(at, ..)| *at)
    }

    /// Forgets the oldest one if it was given at or before that moment.
    pub(crate) fn forget_first(&mut self, before: Time) -> bool {
        let Some(&(at, _, account, key)) = self.ages.first() else { return false };
        if at > before {
            return false;
        }
        self.ages.pop_first();
        self.shards[shard(key)].remove(&(key, account)).expect("an aged reply is stored");
        self.len -= 1;
        true
    }
}

/// By account and key, as the state's hash has always had them.
impl Hash for Replies {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut all: Vec<_> = self.iter().collect();
        all.sort_unstable_by_key(|(account, key, _)| (*account, *key));
        state.write_usize(self.len);
        for (account, key, reply) in all {
            ((account, key), reply).hash(state);
        }
    }
}
