//! The life of an order, its money, its messages; the pulse.

use std::sync::Arc;

use nexnum_engine::activation::{
    ActivationState as S, Message, MessageParts, NumberPlace, StockNumber,
};
use nexnum_engine::command::{
    AssignNumber, Caller, CompleteMessage, Effect, Incoming, PlaceOrder, Placed, Pulse, Reply,
    ShowMessages, Timings,
};
use nexnum_engine::event::{ProviderKind, Terms};
use nexnum_engine::ids::{AccountId, MessageId, OfferId, OrderId, Token, VariantId};
use nexnum_engine::limits::{
    ATTEMPTS_MAX, BUY_TIME_MS, CLOSED_KEPT_MS, MESSAGES_MAX, NAME_LEN_MAX, PULSE_MAX,
    REPLIES_KEPT_MS, REPLIES_WHOLE_MAX_MS, REPLIES_WHOLE_MS, TEXT_LEN_MAX,
};
use nexnum_engine::money::{COST_MAX, Micros};
use nexnum_engine::order::FailReason;
use nexnum_engine::state::PaidTo;
use nexnum_engine::time::Time;
use nexnum_engine::under_keys::UnderKeys;

use super::{Answer, Model, Named, Order, at, name_fits, need, oldest, placed};

impl Model {
    /// Everything ever credited, less what orders hold or took.
    pub(super) fn wallet(&self, account: AccountId) -> i128 {
        let credited = self.payments.iter().filter(|known| known.2 == PaidTo::Account(account));
        let kept =
            self.orders.iter().filter(|order| order.asked.account == account && !order.refunded());
        credited.map(|known| i128::from(known.3.0.0)).sum::<i128>()
            - kept.map(|order| i128::from(order.terms.price.0)).sum::<i128>()
    }

    /// Whether what is given has each part that is asked for.
    fn narrows(&self, given: VariantId, asked: VariantId) -> bool {
        let parts = |id: VariantId| at(&self.variants, id.0 as usize);
        let (Some(given), Some(asked)) = (parts(given), parts(asked)) else {
            return asked == VariantId(0) || given == asked;
        };
        let text = |asked: &Option<Box<str>>, given| asked.is_none() || asked == given;
        text(&asked.carrier, &given.carrier)
            && text(&asked.area, &given.area)
            && (asked.line.is_none() || asked.line == given.line)
    }

    /// Own stock gives its next number.
    pub(super) fn claim(
        &self,
        asked: &PlaceOrder,
        terms: Terms,
    ) -> Result<Option<StockNumber>, &'static str> {
        let offer = self.offer(terms.offer)?;
        let suits = offer.provider == terms.provider
            && offer.key.product == asked.product
            && self.narrows(offer.key.variant, asked.variant);
        need(suits, "unknown_offer")?;
        let costs = Micros(0)..=COST_MAX;
        let sane = terms.price.0 > 0 && costs.contains(&terms.price) && costs.contains(&terms.cost);
        need(sane, "amount_out_of_range")?;
        need(terms.price <= asked.limit, "price_above_max")?;
        match self.kind(offer.provider)? {
            ProviderKind::Driven => Ok(None),
            ProviderKind::Own => offer.pool.first().map(|n| Some(*n)).ok_or("no_numbers"),
        }
    }

    pub(super) fn funded(&self, account: AccountId, needed: i64) -> Result<(), &'static str> {
        let limit = i128::from(self.account(account)?.1.0);
        need(self.wallet(account) - i128::from(needed) >= -limit, "insufficient_funds")
    }

    fn check_notes(&self, asked: &PlaceOrder) -> Result<(), &'static str> {
        let notes = asked.notes.iter().flat_map(|notes| [&notes.reference, &notes.end_user]);
        for value in notes.flatten() {
            need(value.ciphertext.len() <= 416, "invalid_field")?;
            need(self.seals_days(value), "unknown_sealing_key")?;
        }
        Ok(())
    }

    pub(super) fn place(&mut self, now: Time, asked: &PlaceOrder) -> Answer {
        self.account(asked.account)?;
        for new in asked.idempotency.iter().flat_map(|asked| asked.used.iter()) {
            let mut known = self.replies.iter();
            let known = known.find(|known| (known.0, known.1.key) == (asked.account, new.key));
            if let Some((_, known, order, _)) = known {
                need(known.fingerprint == new.fingerprint, "idempotency_mismatch")?;
                return Ok(Reply::Placed(Placed::Replayed(*order)));
            }
        }
        self.check_notes(asked)?;
        let number = self.claim(asked, asked.terms)?;
        self.funded(asked.account, asked.terms.price.0)?;
        let id = OrderId(self.orders.len() as u64 + 1);
        self.orders.push(Order {
            asked: asked.clone(),
            terms: asked.terms,
            attempt: 1,
            in_doubt: false,
            deadline: now.plus_ms(BUY_TIME_MS),
            state: S::Init,
            waiting: false,
            number: None,
            place: None,
            purchase: None,
            cancel_from: now,
            messages: Vec::new(),
            placed_at: now,
            delivered: false,
            loss: 0,
            outlay_stands: false,
            returned: false,
            word: None,
            ended_upstream: false,
            closed_at: None,
            retired: false,
        });
        if let Some(used) = &asked.idempotency {
            self.replies.push((asked.account, used.used.current, id, now));
        }
        if let Some(number) = number {
            self.sell_own(now, self.orders.len() - 1, number, asked.timings);
        }
        Ok(placed(id, number.is_some()))
    }

    pub(super) fn sell_own(
        &mut self,
        now: Time,
        index: usize,
        number: StockNumber,
        timings: Timings,
    ) {
        let offer = self.orders[index].terms.offer.0 as usize - 1;
        assert_eq!(self.offers[offer].pool.remove(0), number);
        let StockNumber { token, load, index: at } = number;
        self.activate(now, index, (token, NumberPlace::Load(load, at)), timings);
    }

    pub(super) fn activate(
        &mut self,
        now: Time,
        index: usize,
        (token, place): (Token, NumberPlace),
        timings: Timings,
    ) {
        let order = &mut self.orders[index];
        (order.state, order.in_doubt) = (S::Active, false);
        (order.number, order.place) = (Some(token), Some(place));
        order.cancel_from = now.plus_ms(timings.min_cancel_age_ms);
        order.deadline = now.plus_ms(timings.lifetime_ms);
    }

    pub(super) fn find(&self, id: OrderId) -> Result<usize, &'static str> {
        let order = at(&self.orders, id.0 as usize).filter(|order| !order.retired);
        order.map(|_| id.0 as usize - 1).ok_or("not_found")
    }

    pub(super) fn find_for(&self, id: OrderId, caller: Caller) -> Result<usize, &'static str> {
        let index = self.find(id)?;
        let owns = match caller {
            Caller::System => true,
            Caller::Account(account) => account == self.orders[index].asked.account,
        };
        need(owns, "not_found").map(|()| index)
    }

    /// The order whose attempt still waits for its outcome.
    pub(super) fn running(&self, id: OrderId, attempt: u8) -> Result<usize, &'static str> {
        let index = self.find(id)?;
        let order = &self.orders[index];
        need(order.closed_at.is_none(), "activation_closed")?;
        need(order.number.is_none(), "already_assigned")?;
        need(order.attempt == attempt, "stale_attempt")?;
        Ok(index)
    }

    pub(super) fn next_attempt(
        &mut self,
        now: Time,
        id: OrderId,
        refused: u8,
        terms: Terms,
        timings: Timings,
    ) -> Answer {
        let index = self.running(id, refused)?;
        let asked = self.orders[index].asked.clone();
        need(!self.orders[index].in_doubt, "in_doubt")?;
        need(refused < ATTEMPTS_MAX, "exhausted")?;
        let number = self.claim(&asked, terms)?;
        let more = terms.price.0 - self.orders[index].terms.price.0;
        if more > 0 {
            self.funded(asked.account, more)?;
        }
        let order = &mut self.orders[index];
        (order.terms, order.attempt) = (terms, refused + 1);
        if let Some(number) = number {
            self.sell_own(now, index, number, timings);
        }
        Ok(placed(id, number.is_some()))
    }

    pub(super) fn doubt(&mut self, id: OrderId, attempt: u8, doubted: bool) -> Answer {
        let index = self.running(id, attempt)?;
        let before = std::mem::replace(&mut self.orders[index].in_doubt, doubted);
        Ok(if before == doubted {
            Reply::Effect(Effect::Unchanged)
        } else {
            Reply::Effect(Effect::Done)
        })
    }

    pub(super) fn adopt(&mut self, now: Time, index: usize, given: &AssignNumber) -> Answer {
        let &AssignNumber { token, ref sealed, ref external_id, cost, timings, .. } = given;
        let (terms, purchase) = (self.orders[index].terms, &**external_id);
        need(self.kind(terms.provider)? == ProviderKind::Driven, "wrong_provider_kind")?;
        need(name_fits(purchase) && sealed.clear_len() <= 100, "invalid_field")?;
        need(self.seals_days(sealed), "unknown_sealing_key")?;
        need(given.carrier.as_ref().is_none_or(|word| word.len() <= 100), "invalid_field")?;
        let rate = given.charged.as_ref().and_then(|charged| charged.rate.as_ref());
        need(rate.is_none_or(|rate| rate.len() <= 32), "invalid_field")?;
        need(!self.is_taken(terms.provider, purchase), "duplicate_purchase")?;
        let cost = cost.unwrap_or(terms.cost);
        need(cost.0 >= 0 && cost <= COST_MAX, "amount_out_of_range")?;
        self.orders[index].terms.cost = cost;
        self.orders[index].purchase = Some(purchase.into());
        self.orders[index].outlay_stands = cost.0 > 0;
        let (id, attempt) = (OrderId(index as u64 + 1), self.orders[index].attempt);
        let is_its =
            |it: &Named| (it.order, it.attempt, &*it.external_id) == (id, attempt, purchase);
        self.named.retain(|it| !is_its(it));
        let place = NumberPlace::Here(Arc::new(sealed.clone()));
        self.activate(now, index, (token, place), timings);
        Ok(Reply::Placed(Placed::Filled(OrderId(index as u64 + 1))))
    }

    /// No number could be had; told after the deadline, it takes the loss back.
    pub(super) fn give_up(
        &mut self,
        now: Time,
        id: OrderId,
        attempt: u8,
        reason: FailReason,
    ) -> Answer {
        let late = self.find(id).is_ok_and(|index| {
            let order = &self.orders[index];
            order.state == S::Failed && order.attempt == attempt
        });
        if late && reason == FailReason::NoNumbers && self.take_back(id, attempt) {
            return Ok(Reply::Effect(Effect::Done));
        }
        let index = self.running(id, attempt)?;
        let doubted = self.orders[index].in_doubt;
        need(!doubted || reason == FailReason::InDoubt, "in_doubt")?;
        self.fail(now, index, if doubted { reason } else { FailReason::NoNumbers });
        Ok(Reply::Effect(Effect::Done))
    }

    /// A purchase that may have been charged is a loss, unless it is booked as one.
    pub(super) fn fail(&mut self, now: Time, index: usize, reason: FailReason) {
        let id = OrderId(index as u64 + 1);
        let charged = self.is_charged(id, self.orders[index].attempt, false);
        let order = &mut self.orders[index];
        if reason == FailReason::InDoubt && !charged {
            order.loss = order.terms.cost.0;
        }
        self.end(now, index, S::Failed);
    }

    pub(super) fn end(&mut self, now: Time, index: usize, state: S) {
        let order = &mut self.orders[index];
        (order.state, order.closed_at) = (state, Some(now));
        let (refunded, offer, number) = (order.refunded(), order.terms.offer, order.stock());
        let own = self.providers[order.terms.provider.0 as usize - 1].1 == ProviderKind::Own;
        let (true, true, Some(number)) = (refunded, own, number) else { return };
        let elsewhere = self.rests_until(number.token).unwrap_or(now);
        let until = now.plus_ms(self.policy.quarantine_ms).max(elsewhere);
        // One whose load's key was lost does not come back.
        let is_back = self.loads[number.load.0 as usize - 1].is_some();
        if until == now {
            self.offers[offer.0 as usize - 1].pool.extend(is_back.then_some(number));
            return;
        }
        // It rests for all offers that have it, and not shorter for one than for another.
        for (index, other) in self.offers.iter_mut().enumerate() {
            if let Some(at) = other.pool.iter().position(|held| held.token == number.token) {
                let held = other.pool.remove(at);
                self.resting.push((until, OfferId(index as u32 + 1), held));
            }
        }
        for rests in self.resting.iter_mut().filter(|rests| rests.2.token == number.token) {
            rests.0 = rests.0.max(until);
        }
        self.resting.extend(is_back.then_some((until, offer, number)));
    }

    /// The purchase of a written-off attempt went back.
    pub(super) fn recover(&mut self, id: OrderId, attempt: u8) -> Answer {
        let index = self.find(id)?;
        need((1..=self.orders[index].attempt).contains(&attempt), "stale_attempt")?;
        let done = self.take_back(id, attempt) || self.take_number_back(id, attempt);
        Ok(Reply::Effect(if done { Effect::Done } else { Effect::Unchanged }))
    }

    /// Whether the order, or another one on its number of own stock, has the message.
    pub(super) fn has_seen(&self, index: usize, digests: &UnderKeys<u128>) -> bool {
        let order = &self.orders[index];
        let own = |order: &Order| order.purchase.is_none() && order.number.is_some();
        self.orders.iter().enumerate().any(|(at, other)| {
            let provider = other.terms.provider == order.terms.provider;
            let shares = own(order) && own(other) && provider && other.number == order.number;
            (at == index || shares) && other.messages.iter().any(|it| digests.contains(&it.digest))
        })
    }

    pub(super) fn ingest(&mut self, now: Time, id: OrderId, message: &Incoming) -> Answer {
        let index = self.find(id)?;
        let known = self.has_seen(index, &message.digest);
        let is_readable = self.seals_days(&message.said.sealed);
        let order = &mut self.orders[index];
        need(is_takeable(message), "invalid_field")?;
        need(is_readable, "unknown_sealing_key")?;
        need(order.state != S::Init, "no_number_yet")?;
        need(!known, "duplicate_message")?;
        need(order.messages.len() < MESSAGES_MAX, "exhausted")?;
        self.messages += 1;
        order.messages.push(Message {
            id: MessageId(self.messages),
            digest: message.digest.current,
            said: vec![message.said.clone()],
            received_at: now,
            late: order.closed_at.is_some(),
            shown: false,
        });
        order.waiting = false;
        if order.state == S::Active {
            (order.state, order.delivered) = (S::Received, true);
            order.outlay_stands = false;
        }
        self.charge_in_vain(index);
        Ok(Reply::Effect(Effect::Done))
    }

    /// Late messages are kept from the buyer, but for those of a completed activation whose provider
    /// gave it an id.
    pub(super) fn show(&mut self, asked: ShowMessages) -> Answer {
        let index = self.find(asked.order)?;
        let order = &mut self.orders[index];
        let is_own = order.state == S::Completed && order.purchase.is_some();
        let mut changed = false;
        for message in &mut order.messages {
            if (!message.late || is_own) && message.id <= asked.up_to {
                changed |= !std::mem::replace(&mut message.shown, true);
            }
        }
        Ok(Reply::Effect(if changed { Effect::Done } else { Effect::Unchanged }))
    }

    pub(super) fn complete(&mut self, completed: &CompleteMessage) -> Answer {
        let CompleteMessage { order, message } = completed;
        let index = self.find(*order)?;
        need(is_takeable(message), "invalid_field")?;
        need(self.seals_days(&message.said.sealed), "unknown_sealing_key")?;
        let order = &mut self.orders[index];
        let known = order.messages.iter_mut().find(|known| message.digest.contains(&known.digest));
        let Some(known) = known.filter(|_| order.closed_at.is_none()) else {
            return Ok(Reply::Effect(Effect::Unchanged));
        };
        let had = |part: fn(&MessageParts) -> bool| known.said.iter().any(|it| part(&it.has));
        let adds = |part: fn(&MessageParts) -> bool| part(&message.said.has) && !had(part);
        let effect = if adds(|has| has.sender) || adds(|has| has.text) || adds(|has| has.code) {
            known.said.push(message.said.clone());
            known.shown = false;
            Effect::Done
        } else {
            Effect::Unchanged
        };
        Ok(Reply::Effect(effect))
    }

    pub(super) fn another(&mut self, id: OrderId, caller: Caller) -> Answer {
        let index = self.find_for(id, caller)?;
        let order = &mut self.orders[index];
        need(order.closed_at.is_none(), "activation_closed")?;
        need(order.state != S::Init, "no_number_yet")?;
        need(order.delivered, "no_message_yet")?;
        let before = std::mem::replace(&mut order.waiting, true);
        Ok(if before { Reply::Effect(Effect::Unchanged) } else { Reply::Effect(Effect::Done) })
    }

    pub(super) fn cancel(&mut self, now: Time, id: OrderId, caller: Caller) -> Answer {
        let index = self.find_for(id, caller)?;
        let order = &self.orders[index];
        if order.state == S::Cancelled {
            return Ok(Reply::Effect(Effect::Unchanged));
        }
        need(order.closed_at.is_none(), "activation_closed")?;
        need(order.state != S::Init, "no_number_yet")?;
        need(!order.delivered, "already_received")?;
        let early = now < order.cancel_from && caller != Caller::System;
        need(!early, "too_early_to_cancel")?;
        self.end(now, index, S::Cancelled);
        self.return_number(index);
        Ok(Reply::Effect(Effect::Done))
    }

    pub(super) fn finish(&mut self, now: Time, id: OrderId, caller: Caller) -> Answer {
        let index = self.find_for(id, caller)?;
        let order = &self.orders[index];
        if order.state == S::Completed {
            return Ok(Reply::Effect(Effect::Unchanged));
        }
        need(order.closed_at.is_none(), "activation_closed")?;
        need(order.state != S::Init, "no_number_yet")?;
        need(order.delivered, "no_message_yet")?;
        self.end(now, index, S::Completed);
        Ok(Reply::Effect(Effect::Done))
    }

    /// What history does not hold stays in memory.
    pub(super) fn pulse(&mut self, now: Time, Pulse { archived, unasked }: Pulse) -> Reply {
        let old = |moment: Time, kept| moment.0.checked_add(kept).is_some_and(|end| end <= now.0);
        let ends = self.orders.iter().filter(|order| !order.retired);
        let ends = ends.filter_map(|order| order.closed_at).filter(|end| *end <= archived);
        let ends = oldest(ends.filter(|end| old(*end, CLOSED_KEPT_MS)).collect());
        let given = self.replies.iter().map(|(.., given)| *given);
        let given = oldest(given.filter(|given| old(*given, REPLIES_KEPT_MS)).collect());
        let whole = self.replies.iter().map(|(.., given)| *given);
        let whole: Vec<_> = whole.filter(|given| *given > self.short_until).collect();
        let long = whole.iter().any(|given| old(*given, REPLIES_WHOLE_MAX_MS));
        let short = oldest(whole.into_iter().filter(|it| old(*it, REPLIES_WHOLE_MS)).collect());
        let forget = ends.is_some() || given.is_some() || long;
        self.short_until = short.filter(|_| forget).unwrap_or(self.short_until);
        let open = (0..self.orders.len()).filter(|index| {
            let order = &self.orders[*index];
            let ends = order.closed_at.is_none() && self.ends_at(*index) <= now;
            ends && !(order.deadline < unasked && self.has_last_look(*index))
        });
        let mut due: Vec<usize> = open.collect();
        due.sort_by_key(|index| (self.ends_at(*index), *index));
        due.truncate(PULSE_MAX);
        for &index in &due {
            self.run_out(now, index);
        }
        self.resting.sort();
        let rested = self.resting.iter().take_while(|rests| rests.0 <= now).count();
        let rested = rested.min(PULSE_MAX);
        for (_, offer, number) in self.resting.drain(..rested) {
            self.offers[offer.0 as usize - 1].pool.push(number);
        }
        for order in &mut self.orders {
            order.retired |= ends.is_some() && order.closed_at.is_some_and(|end| Some(end) <= ends);
        }
        self.replies.retain(|(.., at)| Some(*at) > given);
        let gone = |id: OrderId| self.orders[id.0 as usize - 1].retired;
        self.orphans.retain(|orphan| !gone(orphan.order));
        Reply::Changed((due.len() + rested) as u32 + u32::from(forget))
    }
}

/// A message that says something, within its bounds.
fn is_takeable(message: &Incoming) -> bool {
    let says = message.said.has.text || message.said.has.code;
    let fits = message.said.sealed.clear_len() <= TEXT_LEN_MAX + 2 * NAME_LEN_MAX + 6;
    says && fits
}
