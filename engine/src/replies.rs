//! What idempotency keys stand for, and which of them are the oldest.
//!
//! Promises: a key of the last hour is known whole; of an older one the position in the ledger and 64
//! bits are kept, since millions of them wait for a repetition that seldom comes. A caller that asks for
//! such a key reads what the ledger says there, and brings it along.
//!
//! Keys are digests, so they fall anywhere: one tree of a day's keys misses the cache at
//! each of its levels. Their first bits choose one of many small trees instead, which stay
//! in order and have no worst case that a client could provoke by choosing keys.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use crate::group::{Head, KeyUse};
use crate::ids::{AccountId, Seq};
use crate::table::Aged;
use crate::time::Time;

/// What the head of a group says of its idempotency key, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoredReply {
    /// When the answer was given.
    pub at: Time,
    /// Where the head stands.
    pub seq: Seq,
    /// Whose key it is, and what it stands for.
    pub key_use: KeyUse,
}

impl StoredReply {
    /// What the head of a group, which stands at `seq`, says of its command's idempotency key.
    #[must_use]
    pub fn of(head: &Head, seq: Seq) -> Option<Self> {
        Some(Self { at: head.at, seq, key_use: head.key_use? })
    }
}

/// What is kept of an idempotency key after its first hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortReply {
    /// When the answer was given.
    pub at: Time,
    /// Where the head stands that says the rest.
    pub seq: Seq,
    /// 64 bits of the key and its account.
    pub short: u64,
}

/// An idempotency key may be the one that stands at a position: what the ledger says there has
/// to be brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread(pub Seq);

/// 64 bits of a key and its account. Keys of equal digests, which two accounts may have, differ in
/// them, so that no account makes another's keys slow to look up.
const fn short(account: AccountId, key: u128) -> u64 {
    // An odd factor: no two accounts have the same product.
    (key >> u64::BITS) as u64 ^ (account.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Bits that choose a key's tree: with a million keys a tree has 240.
const SHARD_BITS: u32 = 12;

const fn shard(short: u64) -> usize {
    (short >> (u64::BITS - SHARD_BITS)) as usize
}

/// What keys stand for, by their bits and positions; `None` where it stands in the ledger alone.
type Shard = BTreeMap<(u64, Seq), Option<Box<KeyUse>>>;

/// The stored replies: by key, and by age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReplies {
    shards: Box<[Shard]>,
    /// All, by age. The position makes it the order in which they were given.
    ages: Aged<ShortReply>,
    /// Those that are known whole, by age.
    whole: Aged<ShortReply>,
}

impl Default for StoredReplies {
    fn default() -> Self {
        let shards = (0..1 << SHARD_BITS).map(|_| Shard::new()).collect();
        Self { shards, ages: Aged::default(), whole: Aged::default() }
    }
}

impl StoredReplies {
    /// What an account's key stands for, if it was used before. `read` is what the ledger says at the
    /// positions that this asked for before.
    ///
    /// # Errors
    /// [`Unread`] where `read` lacks a position.
    pub fn find(
        &self,
        account: AccountId,
        key: u128,
        read: &[(Seq, KeyUse)],
    ) -> Result<Option<KeyUse>, Unread> {
        for (seq, whole) in self.alike(short(account, key)) {
            let brought = || read.iter().find(|(at, _)| *at == seq).map(|(_, known)| known);
            let known = whole.or_else(brought).ok_or(Unread(seq))?;
            if (known.account, known.used.key) == (account, key) {
                return Ok(Some(*known));
            }
        }
        Ok(None)
    }

    /// Those with these bits, by their positions.
    fn alike(&self, short: u64) -> impl Iterator<Item = (Seq, Option<&KeyUse>)> {
        let range = (short, Seq(0))..=(short, Seq(u64::MAX));
        self.shards[shard(short)].range(range).map(|((_, seq), whole)| (*seq, whole.as_deref()))
    }

    /// Stores a reply, whole; false if its key is known whole, which then stands for what it did.
    pub fn insert(&mut self, StoredReply { at, seq, key_use }: StoredReply) -> bool {
        let (account, key) = (key_use.account, key_use.used.key);
        let row = ShortReply { at, seq, short: short(account, key) };
        let is_it = |known: &KeyUse| (known.account, known.used.key) == (account, key);
        let is_known = self.alike(row.short).any(|(_, known)| known.is_some_and(is_it));
        let is_new = !is_known && self.put(row, Some(Box::new(key_use)));
        if is_new {
            self.whole.insert(row);
        }
        is_new
    }

    /// Stores what is kept of an old one; false if it is stored.
    pub(crate) fn insert_short(&mut self, row: ShortReply) -> bool {
        self.put(row, None)
    }

    fn put(&mut self, row: ShortReply, key_use: Option<Box<KeyUse>>) -> bool {
        use std::collections::btree_map::Entry;
        let Entry::Vacant(free) = self.shards[shard(row.short)].entry((row.short, row.seq)) else {
            return false;
        };
        free.insert(key_use);
        self.ages.insert(row);
        true
    }

    /// How many there are, and how many of them are known whole.
    #[must_use]
    pub fn counts(&self) -> [usize; 2] {
        [self.ages.len(), self.whole.len()]
    }

    /// Those that are kept short, oldest first.
    pub fn short(&self) -> impl Iterator<Item = ShortReply> + '_ {
        let all = self.ages.iter().map(|row| (*row, self.whole_of(row)));
        all.filter_map(|(row, whole)| whole.is_none().then_some(row))
    }

    /// Those that are known whole, oldest first.
    pub fn whole(&self) -> impl Iterator<Item = StoredReply> + '_ {
        self.whole.iter().map(|row| {
            let key_use = *self.whole_of(row).expect("a whole reply has its key");
            StoredReply { at: row.at, seq: row.seq, key_use }
        })
    }

    fn whole_of(&self, row: &ShortReply) -> Option<&KeyUse> {
        let kept = self.shards[shard(row.short)].get(&(row.short, row.seq));
        kept.expect("an aged reply is stored").as_deref()
    }

    /// When the oldest one was given.
    pub(crate) fn oldest(&self) -> Option<Time> {
        self.ages.first().map(|row| row.at)
    }

    /// The latest moment up to `limit` at or before which at most `most` were given, or
    /// those of the first moment of all.
    pub(crate) fn cut(&self, limit: Time, most: usize) -> Time {
        self.ages.cut(limit, most, |row| row.at)
    }

    /// The same of those that are known whole.
    pub(crate) fn cut_whole(&self, limit: Time, most: usize) -> Time {
        self.whole.cut(limit, most, |row| row.at)
    }

    /// Keeps the oldest whole one short, if it was given at or before that moment.
    pub fn shorten_first(&mut self, before: Time) -> bool {
        let Some(row) = self.whole.pop_first_if(|row| row.at <= before) else { return false };
        let kept = self.shards[shard(row.short)].get_mut(&(row.short, row.seq));
        *kept.expect("an aged reply is stored") = None;
        true
    }

    /// Forgets the oldest one, if it was given at or before that moment.
    pub fn forget_first(&mut self, before: Time) -> bool {
        let Some(row) = self.ages.pop_first_if(|row| row.at <= before) else { return false };
        self.whole.pop_first_if(|whole| *whole == row);
        let kept = self.shards[shard(row.short)].remove(&(row.short, row.seq));
        kept.expect("an aged reply is stored");
        true
    }
}

/// By age, those that are known whole last.
impl Hash for StoredReplies {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.counts().hash(state);
        for row in self.short() {
            row.hash(state);
        }
        for row in self.whole() {
            row.hash(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::{Idempotency, Made};
    use crate::ids::OrderId;

    const A: AccountId = AccountId(1);

    fn shorten(replies: &mut StoredReplies, before: u64) {
        while replies.shorten_first(Time(before)) {}
    }

    fn forget(replies: &mut StoredReplies, before: u64) {
        while replies.forget_first(Time(before)) {}
    }

    /// Keys differ in the bits that are not kept.
    fn reply(account: AccountId, key: u128, seq: u64) -> StoredReply {
        let used = Idempotency { key, fingerprint: key };
        let key_use = KeyUse { account, used, made: Made::Order(OrderId(seq)) };
        StoredReply { at: Time(seq * 10), seq: Seq(seq), key_use }
    }

    #[test]
    fn an_old_key_is_known_by_what_the_ledger_says_at_its_position() {
        let mut replies = StoredReplies::default();
        let (first, second) = (reply(A, 1, 1), reply(A, 2, 2));
        assert!(replies.insert(first) && replies.insert(second) && !replies.insert(first));
        let known = |replies: &StoredReplies, key, read: &[_]| replies.find(A, key, read);
        assert_eq!(known(&replies, 1, &[]), Ok(Some(first.key_use)));
        assert_eq!(known(&replies, 3, &[]), Ok(None));
        shorten(&mut replies, 10);
        assert_eq!(replies.counts(), [2, 1]);
        // Each key that has the same bits asks for the position, and no other does.
        for key in [1, 2, 3] {
            assert_eq!(known(&replies, key, &[]), Err(Unread(Seq(1))));
        }
        assert_eq!(known(&replies, 1 << 64, &[]), Ok(None));
        assert_eq!(replies.find(AccountId(2), 1, &[]), Ok(None));
        let read = [(Seq(1), first.key_use)];
        assert_eq!(known(&replies, 1, &read), Ok(Some(first.key_use)));
        assert_eq!(known(&replies, 2, &read), Ok(Some(second.key_use)));
        assert_eq!(known(&replies, 3, &read), Ok(None));
        shorten(&mut replies, 20);
        assert_eq!(known(&replies, 2, &read), Err(Unread(Seq(2))));
        assert_eq!(known(&replies, 3, &read), Err(Unread(Seq(2))));
    }

    #[test]
    fn what_is_old_is_forgotten_whether_it_is_whole_or_short() {
        let mut replies = StoredReplies::default();
        for seq in 1..=6 {
            assert!(replies.insert(reply(A, seq.into(), seq)));
        }
        assert_eq!(
            (replies.cut(Time(50), 2), replies.cut_whole(Time(50), 9)),
            (Time(20), Time(50))
        );
        shorten(&mut replies, 30);
        assert_eq!(replies.cut_whole(Time(60), 1), Time(40));
        forget(&mut replies, 20);
        assert_eq!((replies.counts(), replies.oldest()), ([4, 3], Some(Time(30))));
        assert!(replies.short().map(|row| row.seq.0).eq([3]));
        assert!(replies.whole().map(|reply| reply.seq.0).eq([4, 5, 6]));
        forget(&mut replies, 50);
        assert_eq!(replies.counts(), [1, 1]);
        forget(&mut replies, 60);
        assert_eq!(replies, StoredReplies::default());
        assert_eq!(replies.find(A, 6, &[]), Ok(None));
    }

    #[test]
    fn two_accounts_with_one_digest_are_kept_apart() {
        let mut replies = StoredReplies::default();
        let (mine, theirs) = (reply(A, 7, 1), reply(AccountId(2), 7, 2));
        assert!(replies.insert(mine) && replies.insert(theirs));
        shorten(&mut replies, 20);
        assert_eq!(replies.find(A, 7, &[]), Err(Unread(Seq(1))));
        assert_eq!(replies.find(AccountId(2), 7, &[]), Err(Unread(Seq(2))));
    }
}
