//! The keys that values are sealed under, as a list of those that live.

use nexnum_engine::activation::StockNumber;
use nexnum_engine::command::{DestroySealKey, Effect, MakeSealKey, Reply, Retoken};
use nexnum_engine::event::{DestroyReason, OrderToken, Renamed};
use nexnum_engine::ids::{LoadId, Token};
use nexnum_engine::limits::ROWS_MAX;
use nexnum_engine::sealed::{KeyHandle, KeyOwner, SealedValue};
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

use super::{Answer, Model, Order, need, same};

impl Model {
    pub(super) fn make_seal_key(&mut self, now: Time, key: &MakeSealKey) -> Answer {
        let made = (key.handle, key.owner);
        if self.seal_keys.contains(&made) {
            return Ok(Reply::Effect(Effect::Unchanged));
        }
        let taken = |known: &(_, KeyOwner)| {
            known.0 == key.handle || known.1 == key.owner && !matches!(key.owner, KeyOwner::Load(_))
        };
        need(!self.seal_keys.iter().any(taken), "out_of_order")?;
        self.seal_keys.push(made);
        self.made.push((key.handle, now));
        if let KeyOwner::Lookup(_) = key.owner {
            self.forget_addresses();
        }
        Ok(Reply::Effect(Effect::Done))
    }

    pub(super) fn destroy_seal_key(&mut self, key: DestroySealKey) -> Answer {
        let lookups =
            self.seal_keys.iter().filter(|(_, owner)| matches!(owner, KeyOwner::Lookup(_)));
        let newest = lookups.max_by_key(|(_, owner)| *owner);
        need(newest.is_none_or(|(handle, _)| *handle != key.handle), "out_of_order")?;
        let lives = self.seal_keys.iter().any(|(handle, _)| *handle == key.handle);
        need(
            !lives || key.why == DestroyReason::Lost || !self.is_used(key.handle),
            "out_of_order",
        )?;
        self.end_key(key.handle);
        Ok(Reply::Effect(if lives { Effect::Done } else { Effect::Unchanged }))
    }

    /// Of the keys of loads whose numbers nothing uses, that which has been so for the longest time.
    pub(super) fn end_load_key(&mut self, before: Time) -> Reply {
        let of_loads =
            self.seal_keys.iter().filter(|(_, owner)| matches!(owner, KeyOwner::Load(_)));
        let over = of_loads.filter(|(handle, _)| !self.is_used(*handle));
        let over = over.map(|(handle, _)| (self.last_use(*handle), *handle)).min();
        let over = over.filter(|(since, _)| *since < before).map(|(_, handle)| handle);
        over.into_iter().for_each(|handle| self.end_key(handle));
        Reply::KeyEnded(over)
    }

    fn is_under(&self, load: LoadId, handle: KeyHandle) -> bool {
        self.loads[load.0 as usize - 1] == Some(handle)
    }

    /// Whether a number under a key is in stock, at rest, or of an order in memory.
    fn is_used(&self, handle: KeyHandle) -> bool {
        let stock = self.offers.iter().flat_map(|offer| offer.pool.iter().copied());
        let sold = self.orders.iter().filter(|order| !order.retired).filter_map(Order::stock);
        let mut used = stock.chain(self.resting.iter().map(|it| it.2)).chain(sold);
        used.any(|number| self.is_under(number.load, handle))
    }

    /// When the key was made, or the last order on a number under it ended that is not in memory.
    fn last_use(&self, handle: KeyHandle) -> Time {
        let made = self.made.iter().filter(|(known, _)| *known == handle).map(|(_, at)| *at);
        let retired = self.orders.iter().filter(|order| order.retired);
        let ends = retired.filter(|it| it.stock().is_some_and(|it| self.is_under(it.load, handle)));
        made.chain(ends.filter_map(|order| order.closed_at)).max().expect("it was made")
    }

    /// With its loads' numbers, where they are for sale or will be.
    fn end_key(&mut self, handle: KeyHandle) {
        self.seal_keys.retain(|(known, _)| *known != handle);
        self.made.retain(|(known, _)| *known != handle);
        for load in self.loads.iter_mut().filter(|load| **load == Some(handle)) {
            *load = None;
        }
        let loads = &self.loads;
        let is_here = |number: &StockNumber| loads[number.load.0 as usize - 1].is_some();
        self.offers.iter_mut().for_each(|offer| offer.pool.retain(is_here));
        self.resting.retain(|(.., number)| is_here(number));
    }

    /// Whether a number of own stock has this token: in stock, at rest, of an order in memory, or of one
    /// before with a message.
    pub(super) fn has_token(&self, token: Token) -> bool {
        let of_order = |order: &Order| {
            let is_own = order.number == Some(token) && order.stock().is_some();
            is_own && (!order.retired || !order.messages.is_empty())
        };
        self.is_held(token) || self.orders.iter().any(of_order)
    }

    /// Whether an offer has it in stock or at rest.
    fn is_held(&self, token: Token) -> bool {
        let stock = self.offers.iter().flat_map(|offer| &offer.pool);
        let mut held = stock.chain(self.resting.iter().map(|resting| &resting.2));
        held.any(|number| number.token == token)
    }

    pub(super) fn retoken(&mut self, Retoken { stock, orders }: &Retoken) -> Answer {
        need((1..=ROWS_MAX).contains(&(stock.len() + orders.len())), "invalid_field")?;
        // 1. Which of them, by what is there before the first is renamed.
        let mut met = Vec::new();
        let mut moved = Vec::new();
        let mut count = 0;
        for Renamed { old, new } in stock {
            count += u32::from(self.has_token(*old));
            if !self.has_token(*old) || self.has_token(*new) || met.contains(old) {
                continue;
            }
            met.push(*old);
            if met.contains(new) {
                continue;
            }
            met.push(*new);
            moved.push((*old, *new));
        }
        // 2. All their places.
        for (old, new) in &moved {
            let pools = self.offers.iter_mut().flat_map(|offer| &mut offer.pool);
            let resting = self.resting.iter_mut().map(|it| &mut it.2);
            for number in pools.chain(resting).filter(|number| number.token == *old) {
                number.token = *new;
            }
            for order in self.orders.iter_mut().filter(|order| order.stock().is_some()) {
                order.number = order.number.map(|it| if it == *old { *new } else { it });
            }
        }
        // 3. Orders on providers' numbers.
        let mut named = Vec::new();
        for OrderToken { order, new } in orders {
            let Ok(index) = self.find(*order) else { continue };
            let order = &mut self.orders[index];
            let is_old = order.number.is_some_and(|number| number != *new);
            if order.stock().is_none() && is_old && !named.contains(&index) {
                named.push(index);
                order.number = Some(*new);
                count += 1;
            }
        }
        Ok(Reply::Changed(count))
    }

    /// Whether a value is under a day's key that lives.
    pub(super) fn seals_days(&self, value: &SealedValue) -> bool {
        let is_it = |(handle, owner): &(KeyHandle, KeyOwner)| {
            *handle == value.handle && matches!(owner, KeyOwner::Day(_))
        };
        self.seal_keys.iter().any(is_it)
    }

    pub(super) fn compare_seal_keys(&self, state: &State) -> Result<(), String> {
        let mut expected = self.seal_keys.clone();
        expected.sort();
        let loads = (1..).map(LoadId).zip(&self.loads);
        let loads: Vec<_> = loads.filter_map(|(id, key)| Some((id, (*key)?))).collect();
        let known = state.loads().iter().map(|(id, place)| (id, place.key)).collect();
        same("loads whose keys live", known, loads)?;
        same("sealing keys", state.seal_keys().iter().collect(), expected)?;
        for (handle, owner) in &self.seal_keys {
            let found = state.seal_keys().of(*owner).any(|key| key == *handle);
            same(&format!("the key {handle} is its owner's"), found, true)?;
        }
        Ok(())
    }
}
