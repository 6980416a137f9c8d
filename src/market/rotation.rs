//! The keys of tokens and digests, one after the other: the next one is made in time, numbers get
//! tokens under it, and the one before is destroyed.
//!
//! Promises: a key is destroyed only once no number that is here has a token under it, and once no
//! idempotency key that was used under it stands for an answer. What a crash cuts off, the next look
//! goes on with. Leaves to others: which key is in use ([`super::lookups`]).

use std::sync::Arc;

use nexnum_engine::command::Retoken;
use nexnum_engine::event::{DestroyReason, OrderToken, Renamed};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::Number;
use nexnum_engine::sealed::KeyOwner;
use nexnum_engine::time::Time;
use nexnum_storage::lookup_key::LookupKey;

use super::lookups::{LivingLookup, Lookups};
use super::numbers::{NumberUnread, Numbers};
use super::read_model::ReadModel;
use super::sealing::SealingError;
use super::{Market, Refused};
use crate::attention::{AttentionKind, AttentionSubject};

/// Days that a key lives on at least after the next one was made: one until that is in use, and those
/// for which an idempotency key stands for its answer.
const OVERLAP_MIN: u32 = 4;
/// Days after a key's end after which the operator is told that it lives on.
const OVERDUE: u32 = 3;

/// No key is made so shortly before midnight: it is in use from the day after, when no command is under
/// way any more that was given the keys without it.
const QUIET_MS: u64 = 10 * 60_000;
/// Tokens in a command: each takes some microseconds of the engine's time.
const CHUNK: usize = 4_096;
/// How long a command waits for a full inbox.
const SEND_MS: u64 = 60_000;

/// On which day a key is due to be destroyed; `None` while it is the newest.
fn end_of(keys: &[LivingLookup], index: usize, life: u32) -> Option<u32> {
    let next = keys.get(index + 1)?;
    Some((keys[index].day.saturating_add(life)).max(next.day.saturating_add(OVERLAP_MIN)))
}

/// On which day the one after the newest is due to be made.
fn next_of(keys: &[LivingLookup], life: u32) -> u32 {
    keys.last().map_or(0, |newest| newest.day.saturating_add((life / 2).max(1)))
}

/// Whether the next key is made now.
fn is_due(keys: &[LivingLookup], life: u32, now: Time) -> bool {
    next_of(keys, life) <= now.day() && now.plus_ms(QUIET_MS).day() == now.day()
}

/// The keys that are due to be destroyed.
fn over(keys: &[LivingLookup], life: u32, today: u32) -> Vec<usize> {
    let is_over = |index: &usize| end_of(keys, *index, life).is_some_and(|end| end <= today);
    (0..keys.len()).filter(is_over).collect()
}

impl Market {
    /// Makes the next key of tokens and digests in time, and ends those that have lived for `life` days:
    /// numbers under them get tokens under the one in use, and where none is left they are destroyed.
    ///
    /// # Errors
    /// [`SealingError`], the first: the next look goes on.
    pub async fn rotate_lookups(&self, life: u32) -> Result<(), SealingError> {
        let now = self.clock.now();
        let made = self.make_lookup(life, now).await;
        let ended = self.end_lookups(life, now.day()).await;
        // What a stop cuts off, the next start goes on with.
        if self.stopping.is_raised() {
            return Ok(());
        }
        self.note_overdue(life, now, made.is_err());
        made.and(ended)
    }

    async fn make_lookup(&self, life: u32, now: Time) -> Result<(), SealingError> {
        let today = now.day();
        if !is_due(self.sealing.lookups().all(), life, now) {
            return Ok(());
        }
        self.prepare_lookup(today).await?;
        self.addresses.begin_anew();
        tracing::info!(day = today, "the next key of tokens and digests was made");
        Ok(())
    }

    async fn end_lookups(&self, life: u32, today: u32) -> Result<(), SealingError> {
        let mut ended = Ok(());
        // 1. Files that could not be destroyed before, of any key.
        for handle in self.sealing.ended() {
            let destroyed = self.sealing.destroy(handle).await;
            if destroyed.is_ok() {
                tracing::info!(key = %handle, "the file of a key that had ended was destroyed");
            }
            ended = ended.and(destroyed);
        }
        // 2. Numbers with tokens under keys that end.
        let lookups = self.sealing.lookups();
        let over = over(lookups.all(), life, today);
        if over.is_empty() {
            return ended;
        }
        let known = self.retoken(&lookups, &over, today).await?;
        if known > 0 {
            tracing::info!(known, "numbers get tokens under the key in use");
            // Only a look that finds none says that all have new ones.
            if self.retoken(&lookups, &over, today).await? > 0 {
                return ended;
            }
        }
        // 3. The keys, under which nothing is left.
        for index in over {
            let LivingLookup { handle, day, .. } = lookups.all()[index];
            let destroyed =
                self.destroy_key((handle, KeyOwner::Lookup(day)), DestroyReason::Retention).await;
            if destroyed.is_ok() {
                tracing::info!(day, key = %handle, "a key of tokens and digests was destroyed");
            }
            ended = ended.and(destroyed);
        }
        ended
    }

    /// Tells the operator of a key that a look has left although its end is past, and of one that should
    /// have been followed by another.
    fn note_overdue(&self, life: u32, now: Time, has_failed: bool) {
        let (lookups, subject) = (self.sealing.lookups(), AttentionSubject::default);
        let since = now.day().saturating_sub(OVERDUE);
        let is_left = !over(lookups.all(), life, since).is_empty();
        let is_sole = has_failed && next_of(lookups.all(), life) <= since;
        if !is_left && !is_sole && self.sealing.ended().is_empty() {
            self.attention.clear(AttentionKind::LookupKeyOverdue, subject());
            return;
        }
        let text = if is_sole {
            "the next key of tokens and digests could not be made for days: the log says why"
        } else {
            "a key should have been destroyed and is there still: the log says what keeps it"
        };
        self.attention.raise(AttentionKind::LookupKeyOverdue, subject(), text);
    }

    /// Puts tokens under the key in use in place of those under keys that end; gives how many numbers had
    /// such. One that cannot be read keeps none of the others.
    async fn retoken(
        &self,
        lookups: &Arc<Lookups>,
        over: &[usize],
        today: u32,
    ) -> Result<u32, SealingError> {
        let (mut known, mut is_whole, mut stock) = (0, true, Vec::new());
        // 1. Own stock, a load after the other.
        for load in self.read_model.load_ids() {
            let (numbers, lookups) = (self.numbers.clone(), Arc::clone(lookups));
            let over = over.to_vec();
            let read = move || {
                let (numbers, is_whole) = numbers.of_load(load);
                (renamed(&lookups, &over, today, &numbers), is_whole)
            };
            let (read, is_read) = blocking(read).await?;
            stock.extend(read);
            is_whole &= is_read;
            while stock.len() >= CHUNK {
                let rest = stock.split_off(CHUNK);
                let full = std::mem::replace(&mut stock, rest);
                known += self.rename(Retoken { stock: full, orders: Vec::new() }).await?;
            }
        }
        if !stock.is_empty() {
            known += self.rename(Retoken { stock, orders: Vec::new() }).await?;
        }
        // 2. Numbers that providers gave.
        let (numbers, read_model) = (self.numbers.clone(), Arc::clone(&self.read_model));
        let lookups = Arc::clone(lookups);
        let read = move || given(&read_model, &numbers, lookups.on(today));
        let (orders, is_read) = blocking(read).await?;
        for orders in orders.chunks(CHUNK) {
            known += self.rename(Retoken { stock: Vec::new(), orders: orders.to_vec() }).await?;
        }
        if is_whole && is_read { Ok(known) } else { Err(SealingError::NumberUnread) }
    }

    async fn rename(&self, command: Retoken) -> Result<u32, SealingError> {
        if self.stopping.is_raised() {
            return Err(SealingError::Refused(Refused::Stopped));
        }
        let until = self.clock.now().plus_ms(SEND_MS);
        let renamed = self.send_whole_until(Origin::SYSTEM, command, until).await;
        let renamed = renamed.map_err(Refused::from).and_then(|renamed| Ok(renamed?));
        let count = renamed.map_err(SealingError::Refused)?;
        self.metrics.retokened(count);
        Ok(count)
    }
}

/// Reads on a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SealingError> {
    tokio::task::spawn_blocking(read).await.map_err(|_| SealingError::CutOff)
}

/// The tokens of numbers under the key in use on a day, in place of those under each key that ends.
fn renamed(lookups: &Lookups, over: &[usize], today: u32, numbers: &[Number]) -> Vec<Renamed> {
    let all = numbers.iter().flat_map(|number| {
        let new = lookups.on(today).token(*number);
        over.iter().map(move |index| {
            let old = lookups.all()[*index].key.token(*number);
            Renamed { old, new }
        })
    });
    all.collect()
}

/// The orders on providers' numbers whose tokens are under another key, and whether all could be read.
fn given(read_model: &ReadModel, numbers: &Numbers, used: &LookupKey) -> (Vec<OrderToken>, bool) {
    let (mut orders, mut is_whole) = (Vec::new(), true);
    for order in read_model.on_given_numbers() {
        let Some(assignment) = &order.assignment else { continue };
        match numbers.read(order.id, assignment) {
            Ok(Some(number)) => {
                let new = used.token(number);
                if new != assignment.token {
                    orders.push(OrderToken { order: order.id, new });
                }
            }
            // It is forgotten, and found no more.
            Ok(None) => {}
            Err(NumberUnread) => is_whole = false,
        }
    }
    (orders, is_whole)
}

#[cfg(test)]
mod tests {
    use nexnum_engine::sealed::KeyHandle;
    use nexnum_storage::sealed::SealingKey;

    use super::*;

    #[test]
    fn a_key_lives_its_time_and_until_the_next_one_has_taken_over() {
        let living = |day: u32| {
            let handle = KeyHandle(u128::from(day));
            let key = LookupKey::of(&SealingKey::new(handle, [day as u8; 32].into()));
            LivingLookup { day, handle, key }
        };
        let keys = [living(100), living(145), living(190)];
        let ends = |life| [0, 1, 2].map(|index| end_of(&keys, index, life));
        assert_eq!(ends(90), [Some(190), Some(235), None]);
        // Whatever the retention says, the next key is in use before.
        assert_eq!(ends(1), [Some(149), Some(194), None]);
        assert_eq!([90, 30, 1].map(|life| next_of(&keys, life)), [235, 205, 191]);
        assert_eq!([189, 190, 235].map(|today| over(&keys, 90, today).len()), [0, 1, 2]);
        let due = |day, ms: u64| is_due(&keys, 90, Time(Time::of_day(day).0 + ms));
        assert_eq!([due(234, 0), due(235, 0), due(300, 0)], [false, true, true]);
        // Not shortly before midnight.
        let midnight = 24 * 60 * 60_000;
        let near = [QUIET_MS + 1, QUIET_MS, 1].map(|ms| due(235, midnight - ms));
        assert_eq!(near, [true, false, false]);
    }
}
