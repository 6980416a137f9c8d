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
use nexnum_engine::limits::ROWS_MAX;
use nexnum_engine::sealed::KeyHandle;
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

/// On which day a key is due to be destroyed; `None` while it is the newest.
fn end_of(keys: &[LivingLookup], index: usize, life: u32) -> Option<u32> {
    let next = keys.get(index + 1)?;
    Some((keys[index].day + life).max(next.day + OVERLAP_MIN))
}

impl Market {
    /// Makes the next key of tokens and digests in time, moves numbers to the one in use, and destroys
    /// those that have lived for `life` days. `settled` is the key that all numbers were moved to since
    /// the start.
    ///
    /// # Errors
    /// [`SealingError`]: the next look goes on.
    pub async fn rotate_lookups(
        &self,
        life: u32,
        settled: &mut Option<KeyHandle>,
    ) -> Result<(), SealingError> {
        let today = self.clock.now().day();
        // 1. The next key: in use from tomorrow on, when every command brings what is under it.
        let newest = self.sealing.lookups().all().last().map_or(today, |newest| newest.day);
        if today >= newest + (life / 2).max(1) {
            self.prepare_lookup(today).await?;
            self.addresses.begin_anew();
            tracing::info!(day = today, "the next key of tokens and digests was made");
        }
        // 2. Numbers with tokens under an older key, once after a change, and before one is destroyed.
        let lookups = self.sealing.lookups();
        let keys = lookups.all();
        let used = lookups.living_on(today);
        let is_over = |index: &usize| end_of(keys, *index, life).is_some_and(|end| end <= today);
        let over: Vec<usize> = (0..keys.len()).filter(is_over).collect();
        self.note_overdue(keys, (life, today));
        let is_settled = *settled == Some(used.handle) && over.is_empty();
        if keys[0].handle != used.handle && !is_settled {
            let moved = self.retoken(&lookups, today).await?;
            *settled = Some(used.handle);
            if moved > 0 {
                // Whether there are others is for the next look to say.
                tracing::info!(moved, "numbers have tokens under the key in use");
                return Ok(());
            }
        }
        // 3. Keys at their end, under which nothing is left.
        for index in over {
            let LivingLookup { handle, day, .. } = keys[index];
            self.destroy_key(handle, DestroyReason::Retention).await?;
            tracing::info!(day, key = %handle, "a key of tokens and digests was destroyed");
        }
        Ok(())
    }

    /// Tells the operator of a key that lives although its end is past.
    fn note_overdue(&self, keys: &[LivingLookup], (life, today): (u32, u32)) {
        let overdue = (0..keys.len())
            .find(|index| end_of(keys, *index, life).is_some_and(|end| today >= end + OVERDUE));
        let subject = AttentionSubject::default;
        let Some(index) = overdue else {
            self.attention.clear(AttentionKind::LookupKeyOverdue, subject());
            return;
        };
        let text = format!(
            "the key of tokens and digests of day {} should have been destroyed: the log says what \
             keeps it",
            keys[index].day
        );
        self.attention.raise(AttentionKind::LookupKeyOverdue, subject(), text);
    }

    /// Puts tokens under the key in use in place of those under others; gives how many.
    async fn retoken(&self, lookups: &Arc<Lookups>, today: u32) -> Result<u32, SealingError> {
        let mut moved = 0;
        // 1. Own stock, a load after the other.
        for load in self.read_model.load_ids() {
            let (numbers, lookups) = (self.numbers.clone(), Arc::clone(lookups));
            let read = move || Ok(renamed(&lookups, today, &numbers.of_load(load)?));
            for stock in blocking(read).await?.chunks(ROWS_MAX) {
                moved += self.rename(Retoken { stock: stock.to_vec(), orders: Vec::new() }).await?;
            }
        }
        // 2. Numbers that providers gave.
        let (numbers, read_model) = (self.numbers.clone(), Arc::clone(&self.read_model));
        let lookups = Arc::clone(lookups);
        let read = move || given(&read_model, &numbers, lookups.on(today));
        for orders in blocking(read).await?.chunks(ROWS_MAX) {
            moved += self.rename(Retoken { stock: Vec::new(), orders: orders.to_vec() }).await?;
        }
        Ok(moved)
    }

    async fn rename(&self, command: Retoken) -> Result<u32, SealingError> {
        let renamed: Result<u32, Refused> = self.execute(Origin::SYSTEM, command).await;
        let count = renamed.map_err(SealingError::Refused)?;
        self.metrics.retokened(count);
        Ok(count)
    }
}

/// Reads on a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<Vec<T>, NumberUnread> + Send + 'static,
) -> Result<Vec<T>, SealingError> {
    let read = tokio::task::spawn_blocking(read).await.map_err(|_| SealingError::CutOff)?;
    read.map_err(|NumberUnread| SealingError::NumberUnread)
}

/// The tokens of numbers under the key in use on a day, in place of those under each other one.
fn renamed(lookups: &Lookups, today: u32, numbers: &[Number]) -> Vec<Renamed> {
    let all = numbers.iter().flat_map(|number| {
        let tokens = lookups.each(today, |key| key.token(*number));
        let new = tokens.current;
        tokens.others.into_iter().map(move |old| Renamed { old, new })
    });
    all.collect()
}

/// The orders on providers' numbers whose tokens are under another key.
fn given(
    read_model: &ReadModel,
    numbers: &Numbers,
    used: &LookupKey,
) -> Result<Vec<OrderToken>, NumberUnread> {
    let mut orders = Vec::new();
    for order in read_model.on_given_numbers() {
        let Some(assignment) = &order.assignment else { continue };
        // One that is forgotten is found no more.
        let Some(number) = numbers.read(order.id, assignment)? else { continue };
        let new = used.token(number);
        if new != assignment.token {
            orders.push(OrderToken { order: order.id, new });
        }
    }
    Ok(orders)
}

#[cfg(test)]
mod tests {
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
    }
}
