//! What idempotency keys stand for, and which of them are the oldest.
//!
//! Promises: a key of the last hour is known whole; of an older one the position in the ledger and 64
//! bits are kept, since millions of them wait for a repetition that seldom comes. A caller that asks for
//! such a key reads what the ledger says there, and brings it along.

use std::hash::{Hash, Hasher};

use crate::by_bits::ByBits;
use crate::group::{Head, Idempotency, KeyUse, Made};
use crate::ids::{AccountId, Seq};
use crate::limits::{REPLIES_KEPT_MS, REPLIES_WHOLE_MAX_MS};
use crate::table::Aged;
use crate::time::Time;
use crate::under_keys::UnderKeys;

/// What the head of a group says of its idempotency key, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    pub bits: u64,
}

/// A request's idempotency, and what the ledger says of keys that it may have been used as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedKey {
    /// The digests, by the keys that they are made under.
    pub used: UnderKeys<Idempotency>,
    /// What stands at the positions that [`StoredReplies::made_for`] asked for.
    pub read: Vec<(Seq, KeyUse)>,
}

/// One that no position was read for yet.
impl From<UnderKeys<Idempotency>> for AskedKey {
    fn from(used: UnderKeys<Idempotency>) -> Self {
        Self { used, read: Vec::new() }
    }
}

/// The same where one key lives.
impl From<Idempotency> for AskedKey {
    fn from(used: Idempotency) -> Self {
        UnderKeys::from(used).into()
    }
}

/// Why a request with an idempotency key is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUseRefusal {
    /// The key may be the one that stands at a position: what the ledger says there has to be
    /// brought.
    Unread(Seq),
    /// It was used with another request.
    Mismatch,
}

/// 64 bits of a key and its account. Keys of equal digests, which two accounts may have, differ in
/// them, so that no account makes another's keys slow to look up.
const fn bits(account: AccountId, key: u128) -> u64 {
    // An odd factor: no two accounts have the same product.
    (key >> u64::BITS) as u64 ^ (account.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

const fn bits_of(known: &KeyUse) -> u64 {
    bits(known.account, known.used.key)
}

/// The stored replies: by key, and by age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredReplies {
    /// Where all of them stand, by their bits.
    positions: ByBits,
    /// All, by age. The position makes it the order in which they were given.
    ages: Aged<ShortReply>,
    /// The youngest, which are known whole.
    whole: Aged<StoredReply>,
}

impl StoredReplies {
    /// What an account's request with this key made before, if it did.
    ///
    /// # Errors
    /// [`KeyUseRefusal`]: `Unread` where `asked` lacks a position, or has another key's use there.
    pub fn made_for(
        &self,
        account: AccountId,
        asked: &AskedKey,
    ) -> Result<Option<Made>, KeyUseRefusal> {
        for used in asked.used.iter() {
            let bits = bits(account, used.key);
            for seq in self.positions.of(bits) {
                let brought = || asked.read.iter().find(|(at, _)| *at == seq).map(|(_, it)| it);
                let known = self.whole_at(seq).or_else(brought);
                // What has other bits stands elsewhere: taken for this, a key would work twice.
                let known = known.filter(|known| bits_of(known) == bits);
                let known = known.ok_or(KeyUseRefusal::Unread(seq))?;
                if (known.account, known.used.key) != (account, used.key) {
                    continue;
                }
                let is_same = known.used.fingerprint == used.fingerprint;
                return if is_same { Ok(Some(known.made)) } else { Err(KeyUseRefusal::Mismatch) };
            }
        }
        Ok(None)
    }

    fn whole_at(&self, seq: Seq) -> Option<&KeyUse> {
        self.whole.find(seq, |reply| reply.seq).map(|reply| &reply.key_use)
    }

    /// Stores a reply, whole; false if its key is known whole, which then stands for what it did.
    pub fn insert(&mut self, reply: StoredReply) -> bool {
        let StoredReply { at, seq, key_use } = reply;
        let bits = bits_of(&key_use);
        let key = |known: &KeyUse| (known.account, known.used.key);
        let alike = self.positions.of(bits);
        let mut whole = alike.into_iter().filter_map(|seq| self.whole_at(seq));
        let is_known = whole.any(|known| key(known) == key(&key_use));
        let is_new = !is_known && self.put(ShortReply { at, seq, bits });
        if is_new {
            self.whole.insert(reply);
        }
        is_new
    }

    /// Stores what is kept of an old one; false if it is stored, or one is known whole: those are
    /// younger.
    pub(crate) fn insert_short(&mut self, row: ShortReply) -> bool {
        self.whole.first().is_none() && self.put(row)
    }

    fn put(&mut self, row: ShortReply) -> bool {
        let is_new = self.positions.insert(row.bits, row.seq);
        if is_new {
            self.ages.insert(row);
        }
        is_new
    }

    /// How many there are, and how many of them are known whole.
    #[must_use]
    pub fn counts(&self) -> [usize; 2] {
        [self.ages.len(), self.whole.len()]
    }

    /// Those that are kept short, oldest first.
    pub fn short(&self) -> impl Iterator<Item = ShortReply> + '_ {
        let [all, whole] = self.counts();
        self.ages.iter().take(all - whole).copied()
    }

    /// Those that are known whole, oldest first.
    pub fn whole(&self) -> impl Iterator<Item = StoredReply> + '_ {
        self.whole.iter().copied()
    }

    /// When the oldest one has to be forgotten, and when the oldest whole one has to be kept short.
    pub(crate) fn due(&self) -> [Option<Time>; 2] {
        let (oldest, whole) = (self.ages.first(), self.whole.first());
        [
            oldest.map(|row| row.at.plus_ms(REPLIES_KEPT_MS)),
            whole.map(|reply| reply.at.plus_ms(REPLIES_WHOLE_MAX_MS)),
        ]
    }

    /// When the newest one was given, and where it stands.
    pub(crate) fn newest(&self) -> Option<(Time, Seq)> {
        self.ages.last().map(|row| (row.at, row.seq))
    }

    /// The latest moment up to `limit` at or before which at most `most` were given, or
    /// those of the first moment of all.
    pub(crate) fn cut(&self, limit: Time, most: usize) -> Time {
        self.ages.cut(limit, most, |row| row.at)
    }

    /// The same of those that are known whole.
    pub(crate) fn cut_whole(&self, limit: Time, most: usize) -> Time {
        self.whole.cut(limit, most, |reply| reply.at)
    }

    /// Keeps the oldest whole one short, if it was given at or before that moment.
    pub fn shorten_first(&mut self, before: Time) -> bool {
        self.whole.pop_first_if(|reply| reply.at <= before).is_some()
    }

    /// Forgets the oldest one, if it was given at or before that moment.
    pub fn forget_first(&mut self, before: Time) -> bool {
        let Some(row) = self.ages.pop_first_if(|row| row.at <= before) else { return false };
        self.whole.pop_first_if(|reply| reply.seq == row.seq);
        assert!(self.positions.remove(row.bits, row.seq), "an aged reply is stored");
        true
    }
}

/// By age.
impl Hash for StoredReplies {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.counts().hash(state);
        for row in self.short() {
            row.hash(state);
        }
        for reply in self.whole() {
            reply.hash(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::OrderId;

    const A: AccountId = AccountId(1);

    /// The order that a key's request made.
    type Answer = Result<Option<u64>, KeyUseRefusal>;

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

    fn made(replies: &StoredReplies, key: u128, read: &[StoredReply]) -> Answer {
        let used = Idempotency { key, fingerprint: key };
        let read = read.iter().map(|reply| (reply.seq, reply.key_use)).collect();
        let made = replies.made_for(A, &AskedKey { used: used.into(), read })?;
        Ok(made.map(|Made::Order(order)| order.0))
    }

    #[test]
    fn an_old_key_is_known_by_what_the_ledger_says_at_its_position() {
        let mut replies = StoredReplies::default();
        let (first, second) = (reply(A, 1, 1), reply(A, 2, 2));
        assert!(replies.insert(first) && replies.insert(second) && !replies.insert(first));
        assert_eq!((made(&replies, 1, &[]), made(&replies, 3, &[])), (Ok(Some(1)), Ok(None)));
        shorten(&mut replies, 10);
        assert_eq!(replies.counts(), [2, 1]);
        // Each key that has the same bits asks for the position, and no other does.
        for key in [1, 2, 3] {
            assert_eq!(made(&replies, key, &[]), Err(KeyUseRefusal::Unread(Seq(1))));
        }
        assert_eq!(made(&replies, 1 << 64, &[]), Ok(None));
        let asked = [1, 2, 3].map(|key| made(&replies, key, &[first]));
        assert_eq!(asked, [Ok(Some(1)), Ok(Some(2)), Ok(None)]);
        shorten(&mut replies, 20);
        for key in [2, 3] {
            assert_eq!(made(&replies, key, &[first]), Err(KeyUseRefusal::Unread(Seq(2))));
        }
        assert_eq!(made(&replies, 2, &[second, first]), Ok(Some(2)));
    }

    #[test]
    fn another_key_s_use_does_not_stand_for_a_position() {
        let mut replies = StoredReplies::default();
        assert!(replies.insert(reply(A, 1, 1)));
        shorten(&mut replies, 10);
        let other = StoredReply { seq: Seq(1), ..reply(A, 1 << 64, 2) };
        assert_eq!(made(&replies, 1, &[other]), Err(KeyUseRefusal::Unread(Seq(1))));
        let wrong = StoredReply { seq: Seq(1), ..reply(AccountId(2), 1, 2) };
        assert_eq!(made(&replies, 1, &[wrong]), Err(KeyUseRefusal::Unread(Seq(1))));
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
        let due = [Time(30).plus_ms(REPLIES_KEPT_MS), Time(40).plus_ms(REPLIES_WHOLE_MAX_MS)];
        assert_eq!((replies.counts(), replies.due()), ([4, 3], due.map(Some)));
        assert!(replies.short().map(|row| row.seq.0).eq([3]));
        assert!(replies.whole().map(|reply| reply.seq.0).eq([4, 5, 6]));
        forget(&mut replies, 50);
        assert_eq!(replies.counts(), [1, 1]);
        forget(&mut replies, 60);
        assert_eq!(replies, StoredReplies::default());
        assert_eq!(made(&replies, 6, &[]), Ok(None));
    }
}
