//! Rows → state: each row is held against those before it, and what follows from rows is built.
//!
//! Rows that do not fit each other are refused with the first that does not, whatever they hold.

use std::collections::BTreeMap;

use super::row::Row;
use crate::activation::StockNumber;
use crate::addresses::AccountAddresses;
use crate::book::Book;
use crate::callback::Callback;
use crate::event::{ProviderKind, ProviderWord, Scope};
use crate::group::{KeyUse, Made};
use crate::ids::{
    AccountId, CallbackId, KeyId, LoadId, OfferId, OrderId, ProviderId, RailId, Seq, SourceId,
    Token, VariantId,
};
use crate::limits::SEEN_MAX;
use crate::loads::LoadPlace;
use crate::money::Micros;
use crate::order::Order;
use crate::replies::{ShortReply, StoredReplies, StoredReply};
use crate::sealed::KeyOwner;
use crate::state::{
    Counters, GivenUp, Key, Lost, NamedPurchase, Offer, Orphan, Paid, PaidTo, Quarantined, Seen,
    State, StockTerms, WriteOff,
};
use crate::time::Time;

fn is_closed(state: &State, id: OrderId) -> bool {
    state.order(id).is_some_and(|order| order.state.is_closed())
}

fn is_driven(state: &State, id: ProviderId) -> bool {
    state.provider(id).is_some_and(|provider| provider.kind == ProviderKind::Driven)
}
pub(super) fn check(holds: bool, complaint: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(complaint()) }
}

/// Checks that replies come by age, which is the order of their positions.
fn follows(replies: &StoredReplies, at: Time, seq: Seq) -> Result<(), String> {
    let (last_at, last) = replies.newest().unwrap_or((Time(0), Seq(0)));
    check(last < seq && last_at <= at, || format!("a reply at {seq} follows one at {last}"))
}

/// Checks that dense ids come without a gap: no row may make a table larger than the rows
/// that fill it.
fn dense(what: &str, id: u32, before: &mut u32) -> Result<(), String> {
    check(id.checked_sub(1) == Some(*before), || {
        format!("{what} {id} follows {what} {before}: ids are dense")
    })?;
    *before = id;
    Ok(())
}

/// A state on its way. What rows may name before they come is kept until the end.
#[derive(Default)]
pub(super) struct Rebuilt {
    state: State,
    books: BTreeMap<Book, Micros>,
    /// The last ids seen; `seq` and `message` are not rows.
    seen: Counters,
}

impl Rebuilt {
    pub(super) fn insert(&mut self, row: Row) -> Result<(), String> {
        let state = &mut self.state;
        match row {
            Row::Counters(_) | Row::Ledger(_) | Row::Epoch(_) | Row::ClosedDay(_) => {
                state.insert_ledger(row)?;
            }
            Row::Account(id, account) => {
                dense("account", id.0, &mut self.seen.account.0)?;
                let name = account.name.as_ref().map(|name| name.digest);
                let is_new = name.is_none_or(|name| state.account_names.insert(name));
                check(is_new, || format!("account {id} has the name of another"))?;
                state.books.open_account(id);
                state.accounts.insert(id, account);
            }
            Row::Book(book, amount) => {
                let before = self.books.insert(book, amount);
                check(before.is_none(), || format!("book {book:?} comes twice"))?;
            }
            Row::Key(id, key) => self.insert_key(id, key)?,
            Row::Rail(id, name) => self.insert_rail(id, name)?,
            Row::Payment(rail, reference, paid) => self.insert_payment(rail, reference, paid)?,
            Row::Provider(id, provider) => {
                let mut before = u32::from(self.seen.provider.0);
                dense("provider", id.0.into(), &mut before)?;
                self.seen.provider = id;
                state.books.open_provider(id);
                state.providers.insert(id, provider);
            }
            Row::Variant(id, parts) => {
                let mut before = u32::from(self.seen.variant.0);
                dense("variant", id.0.into(), &mut before)?;
                self.seen.variant = id;
                check(!parts.is_any(), || format!("variant {id} is any"))?;
                let before = state.variant_ids.insert(parts.clone(), id);
                check(before.is_none(), || format!("variant {id} is another once more"))?;
                state.variants.insert(id, parts);
            }
            Row::Offer(offer) => self.insert_offer(offer)?,
            Row::LoadKey(handle, last) => {
                let is_new = state.loads.insert_key(handle, last);
                check(is_new, || format!("the key {handle} of a load comes twice"))?;
            }
            Row::Load(id, place) => self.insert_load(id, place)?,
            Row::Pool(id, terms, numbers) => self.insert_pool(id, terms, numbers)?,
            Row::Order(order) => self.insert_order(*order)?,
            Row::GivenUp(given_up) => self.insert_given_up(given_up)?,
            Row::Quarantined(resting) => self.insert_quarantined(resting)?,
            Row::Seen(provider, number, seen) => self.insert_seen(provider, number, seen)?,
            Row::WrittenOff(id, attempt, written) => self.insert_write_off(id, attempt, written)?,
            Row::Orphan(provider, id, orphan) => self.insert_orphan(provider, id, orphan)?,
            Row::Named(id, attempt, named) => self.insert_named(id, attempt, named)?,
            Row::EndedUpstream(id) => self.insert_end(id)?,
            Row::EndedByProvider(id, word) => self.insert_word(id, word)?,
            Row::Callback(id, callback) => self.insert_callback(id, callback)?,
            Row::Callbacks(last, dropped, recent) => self.count_callbacks(last, dropped, recent)?,
            Row::SealKey(handle, owner) => state.insert_seal_key(handle, owner)?,
            Row::Reply(reply) => self.insert_reply(reply)?,
            Row::ShortReply(reply) => self.insert_short_reply(reply)?,
            Row::Addresses(id, of) => self.insert_addresses(id, of)?,
        }
        Ok(())
    }

    fn insert_addresses(&mut self, id: AccountId, of: AccountAddresses) -> Result<(), String> {
        let is_known = id == AccountId(0) || self.state.accounts.contains(id);
        check(is_known, || format!("addresses are of account {id}, which is unknown"))?;
        self.state.addresses.insert_row(id, of)
    }

    fn insert_reply(&mut self, reply: StoredReply) -> Result<(), String> {
        let state = &mut self.state;
        let KeyUse { account: id, made: Made::Order(order), .. } = reply.key_use;
        let was_made = order <= state.counters.order && reply.seq <= state.counters.seq;
        let fits = state.accounts.contains(id) && was_made;
        check(fits, || format!("a reply to account {id} is for no account or of no order"))?;
        follows(&state.replies, reply.at, reply.seq)?;
        check(state.replies.insert(reply), || format!("a reply to account {id} comes twice"))
    }

    fn insert_short_reply(&mut self, reply: ShortReply) -> Result<(), String> {
        let state = &mut self.state;
        let seq = reply.seq;
        check(seq <= state.counters.seq, || format!("a reply at {seq} is of no group"))?;
        follows(&state.replies, reply.at, seq)?;
        check(state.replies.insert_short(reply), || {
            format!("a reply at {seq} is short, and older ones are whole")
        })
    }

    fn insert_rail(&mut self, id: RailId, name: Box<str>) -> Result<(), String> {
        let mut before = u32::from(self.seen.rail.0);
        dense("rail", id.0.into(), &mut before)?;
        self.seen.rail = id;
        self.state.books.open_rail(id);
        let before = self.state.rail_ids.insert(name.clone(), id);
        check(before.is_none(), || format!("rail {id} has the name of another"))?;
        self.state.rails.insert(id, name);
        Ok(())
    }

    fn insert_payment(&mut self, rail: RailId, reference: u128, paid: Paid) -> Result<(), String> {
        let state = &mut self.state;
        let has_receiver = match paid.to {
            PaidTo::Account(id) => state.accounts.contains(id),
            PaidTo::Provider(id) => state.providers.contains(id),
        };
        let fits = has_receiver && state.rails.contains(rail) && paid.amount.is_positive();
        check(fits, || format!("a payment over rail {rail} is for none, or of nothing"))?;
        let before = state.payments.insert((rail, reference), paid);
        check(before.is_none(), || format!("a payment over rail {rail} comes twice"))
    }

    fn insert_key(&mut self, id: KeyId, key: Key) -> Result<(), String> {
        dense("key", id.0, &mut self.seen.key.0)?;
        let belongs = match key.scope {
            Scope::Trade => self.state.accounts.contains(key.account),
            Scope::Admin => key.account == AccountId(0),
        };
        let account = key.account;
        check(belongs, || format!("key {id} is for account {account}, which is unknown"))?;
        self.state.key_hashes.insert(key.hash);
        self.state.keys.insert(id, key);
        Ok(())
    }

    fn insert_offer(&mut self, offer: Offer) -> Result<(), String> {
        let state = &mut self.state;
        let id = OfferId(state.offers.len() as u32 + 1);
        let (provider, variant) = (offer.provider, offer.variant);
        check(state.providers.contains(provider), || {
            format!("offer {id} is of provider {provider}, which is unknown")
        })?;
        check(variant == VariantId::ANY || state.variants.contains(variant), || {
            format!("offer {id} is for variant {variant}, which is unknown")
        })?;
        let source = offer.source;
        check(source == SourceId::ANY, || {
            format!("offer {id} is from source {source}, which is unknown")
        })?;
        let key = (provider, offer.key());
        let before = state.offer_ids.insert(key, id);
        check(before.is_none(), || format!("offer {id} is listed twice"))?;
        state.offers.push(offer);
        Ok(())
    }

    fn insert_pool(
        &mut self,
        id: OfferId,
        terms: StockTerms,
        numbers: Vec<StockNumber>,
    ) -> Result<(), String> {
        let own = self.state.offer(id).map(|offer| self.state.providers[offer.provider].kind);
        check(own == Some(ProviderKind::Own), || format!("the pool of offer {id} has no offer"))?;
        let is_loaded = |number: &StockNumber| self.state.loads.is_for_sale(number.load);
        check(numbers.iter().all(is_loaded), || {
            format!("the pool of offer {id} has a number of no load")
        })?;
        let first_held = self.state.held.len();
        self.state.held.extend(numbers.iter().map(|number| (number.token, id)));
        let is_new = self.state.held.len() == first_held + numbers.len();
        let before = self.state.stock(id).map(|(terms, _)| terms);
        let fits = terms.are_sound() && before.is_none_or(|before| before == terms);
        check(fits, || format!("the pool of offer {id} has other terms"))?;
        let pool = self.state.pool_mut(id);
        pool.terms = terms;
        pool.next.extend(numbers);
        check(is_new, || format!("the pool of offer {id} has a number twice"))
    }

    fn insert_load(&mut self, id: LoadId, place: LoadPlace) -> Result<(), String> {
        let Counters { load: last, seq, .. } = self.state.counters;
        let fits = self.seen.load < id && id <= last && place.at > Seq(0) && place.at <= seq;
        check(fits, || format!("load {id} is out of place, or beyond the counters"))?;
        self.seen.load = id;
        let is_new = self.state.loads.insert(id, place);
        check(is_new, || format!("load {id} is under a key that is unknown"))
    }

    fn insert_order(&mut self, order: Order) -> Result<(), String> {
        let (id, state) = (order.id, &mut self.state);
        let ascends = self.seen.order < id && id <= state.counters.order;
        check(ascends, || format!("order {id} is out of place, or beyond the counters"))?;
        check(state.orders.has_room_for(id), || {
            format!("order {id} is too far behind the oldest order")
        })?;
        self.seen.order = id;
        let (account, number) = (order.account, order.number);
        let last = state.accounts.get(account).map(|buyer| buyer.orders);
        let last =
            last.ok_or_else(|| format!("order {id} is of account {account}, which is unknown"))?;
        check(number.0 > 0 && number <= last, || {
            format!("order {id} is number {number} of account {account}, which has {last} orders")
        })?;
        let offered = state.offer(order.offer).map(|offer| offer.provider);
        check(offered == Some(order.provider), || {
            format!("order {id} is on offer {}, which is not its provider's", order.offer)
        })?;
        let closed = order.closed_at.is_some();
        check(closed == order.state.is_closed(), || format!("order {id} is half closed"))?;
        let newest = order.messages.iter().map(|message| message.id).max();
        check(newest <= Some(state.counters.message), || {
            format!("order {id} has a message beyond the counters")
        })?;
        if !closed {
            state.deadlines.insert((state.ends_at(&order), id));
        }
        self.insert_assignment(&order)?;
        self.state.orders.insert(id, order);
        Ok(())
    }

    fn insert_given_up(&mut self, given_up: GivenUp) -> Result<(), String> {
        let (state, GivenUp { order, provider, .. }) = (&mut self.state, given_up);
        let driven = state.provider(provider).is_some_and(|p| p.kind == ProviderKind::Driven);
        check(order <= state.counters.order, || {
            format!("a purchase given up is of order {order}, which is unknown")
        })?;
        check(driven, || {
            format!(
                "a purchase given up of order {order} is at provider {provider}, which is not driven"
            )
        })?;
        let before = state.given_up.insert(given_up.key(), given_up);
        check(before.is_none(), || format!("a purchase given up of order {order} comes twice"))
    }

    fn insert_quarantined(&mut self, resting: Quarantined) -> Result<(), String> {
        let (state, id) = (&mut self.state, resting.offer);
        let own = state.offer(id).map(|offer| state.providers[offer.provider].kind);
        check(own == Some(ProviderKind::Own), || {
            format!("a number at rest is of offer {id}, which is not of own stock")
        })?;
        let is_new = state.held.insert((resting.number.token, id));
        check(is_new, || format!("a number at rest of offer {id} is held already"))?;
        let is_loaded = state.loads.is_for_sale(resting.number.load);
        check(is_loaded, || format!("a number at rest of offer {id} is of no load"))?;
        check(state.pools.contains(id), || format!("a number at rest of offer {id} has no pool"))?;
        state.quarantine.insert(resting);
        state.resting.insert((resting.number.token, id), (resting.until, resting.number));
        Ok(())
    }

    fn count_callbacks(
        &mut self,
        last: CallbackId,
        dropped: u64,
        recent: Vec<(CallbackId, u128)>,
    ) -> Result<(), String> {
        let callbacks = &mut self.state.callbacks;
        let ascend = recent.iter().is_sorted_by(|one, other| one.0 < other.0);
        let fits = last.0 > 0 && recent.last().is_none_or(|(id, _)| *id <= last);
        check(callbacks.last.0 == 0 && ascend && fits, || {
            "the callbacks' counter comes twice or does not fit".to_owned()
        })?;
        callbacks.keys = recent.iter().map(|(id, key)| (*key, *id)).collect();
        let distinct = callbacks.keys.len() == recent.len();
        check(distinct, || "two callbacks have one key".to_owned())?;
        (callbacks.last, callbacks.dropped) = (last, dropped);
        callbacks.recent = recent.into_iter().collect();
        Ok(())
    }

    fn insert_callback(&mut self, id: CallbackId, callback: Callback) -> Result<(), String> {
        let (state, provider) = (&mut self.state, callback.provider);
        check(state.providers.contains(provider), || {
            format!("callback {id} is for provider {provider}, which is unknown")
        })?;
        let fits = id.0 > 0 && id <= state.callbacks.last && state.callbacks.get(id).is_none();
        check(fits, || format!("callback {id} comes twice, or is beyond the last one"))?;
        state.callbacks.keep(id, callback);
        Ok(())
    }

    fn insert_seen(
        &mut self,
        provider: ProviderId,
        number: Token,
        seen: Seen,
    ) -> Result<(), String> {
        let own = self.state.provider(provider).map(|known| known.kind);
        let fits = (1..=SEEN_MAX).contains(&seen.digests.len());
        check(own == Some(ProviderKind::Own) && fits, || {
            format!("what a number received is of provider {provider}, which has none")
        })?;
        self.state.seen_ages.insert((seen.last, provider, number));
        let before = self.state.seen.insert((provider, number), seen);
        check(before.is_none(), || "what a number received comes twice".to_owned())
    }

    fn insert_end(&mut self, id: OrderId) -> Result<(), String> {
        let is_closed = is_closed(&self.state, id);
        check(is_closed, || format!("order {id} ended upstream and not here"))?;
        let is_new = self.state.ended_upstream.insert(id);
        check(is_new, || format!("order {id} ended upstream twice"))
    }

    fn insert_word(&mut self, id: OrderId, word: ProviderWord) -> Result<(), String> {
        let is_closed = is_closed(&self.state, id);
        check(is_closed, || format!("order {id} was ended by its provider and is open"))?;
        let before = self.state.provider_words.insert(id, word);
        check(before.is_none(), || format!("order {id} was ended by its provider twice"))
    }

    fn insert_write_off(
        &mut self,
        id: OrderId,
        attempt: u8,
        written: WriteOff,
    ) -> Result<(), String> {
        let state = &mut self.state;
        let bought = state.order(id).is_some_and(|o| o.has_attempt(attempt));
        let fits = bought && is_driven(state, written.provider) && written.amount.is_positive();
        check(fits, || format!("a write-off is for no attempt of order {id}, or of nothing"))?;
        let key = (id, attempt, Lost::of(written.reason));
        let before = state.write_offs.insert(key, written);
        check(before.is_none(), || format!("attempt {attempt} of order {id} is written off twice"))
    }

    fn insert_orphan(
        &mut self,
        provider: ProviderId,
        external_id: Box<str>,
        orphan: Orphan,
    ) -> Result<(), String> {
        let (state, Orphan { order: id, attempt, .. }) = (&mut self.state, orphan);
        let bought = state.order(id).is_some_and(|o| o.has_attempt(attempt));
        check(bought && is_driven(state, provider), || {
            format!("a purchase without an order is of no attempt of order {id}")
        })?;
        let before = state.orphans.insert((provider, external_id), orphan);
        check(before.is_none(), || "a purchase without an order comes twice".to_owned())
    }

    fn insert_named(
        &mut self,
        id: OrderId,
        attempt: u8,
        named: NamedPurchase,
    ) -> Result<(), String> {
        let state = &mut self.state;
        let bought = state.order(id).is_some_and(|o| o.has_attempt(attempt));
        check(bought && is_driven(state, named.provider), || {
            format!("a purchase without a number is of no attempt of order {id}")
        })?;
        let before = state.named.insert((id, attempt), named);
        check(before.is_none(), || format!("attempt {attempt} of order {id} has two ids"))
    }

    fn insert_assignment(&mut self, order: &Order) -> Result<(), String> {
        let (id, state) = (order.id, &mut self.state);
        let Some(assignment) = &order.assignment else { return Ok(()) };
        match state.providers[order.provider].kind {
            ProviderKind::Driven => {
                let is_given = assignment.stock().is_none();
                check(is_given, || format!("order {id} has a number of own stock"))?;
                let key = (order.provider, assignment.external_id.clone());
                let before = state.purchases.insert(key, id);
                check(before.is_none(), || format!("order {id} has the purchase of another"))
            }
            ProviderKind::Own => {
                let last = state.counters.load;
                let held = assignment.stock().is_some_and(|number| number.load <= last);
                check(held, || format!("order {id} has a number of no load"))?;
                state.holders.insert(assignment.token, order.provider, id);
                if order.closed_at.is_some() {
                    return Ok(());
                }
                let has_pool = state.pools.contains(order.offer);
                check(has_pool, || format!("order {id} has a number of no pool"))?;
                let is_new = state.held.insert((assignment.token, order.offer));
                check(is_new, || format!("order {id} has a number that is held already"))
            }
        }
    }

    /// Brings in what has waited for the last row.
    pub(super) fn finish(self) -> Result<State, String> {
        let Self { mut state, books, seen } = self;
        for (book, amount) in books {
            let stands = state.books.get_mut(book);
            *stands.ok_or_else(|| format!("book {book:?} has no owner"))? = amount;
        }
        let Counters { account, key, provider, variant, rail, .. } = state.counters;
        let counted = (account, key, provider, variant, rail);
        let rows = (seen.account, seen.key, seen.provider, seen.variant, seen.rail);
        check(counted == rows, || "the counters count rows that are not there".to_owned())?;
        for order in state.orders.values() {
            let complaint = state.money_complaint(order);
            check(complaint.is_none(), || {
                format!("order {} {}", order.id, complaint.unwrap_or_default())
            })?;
        }
        let closed = state.orders.values().filter_map(|order| Some((order.closed_at?, order.id)));
        state.closed.extend(closed);
        for load in state.used_loads().collect::<Vec<_>>() {
            state.loads.begin_uses(load, 1);
        }
        let of_loads =
            state.seal_keys.iter().filter(|(_, owner)| matches!(owner, KeyOwner::Load(_)));
        let keys = state.loads.keys().map(|(handle, _)| handle);
        check(keys.eq(of_loads.map(|(handle, _)| handle)), || {
            "the keys of loads are not those that live".to_owned()
        })?;
        Ok(state)
    }
}
