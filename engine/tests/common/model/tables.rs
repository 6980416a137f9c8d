//! Accounts, keys and payments; providers, offers and own stock.

use std::collections::BTreeSet;

use nexnum_engine::activation::StockNumber;
use nexnum_engine::command::{Effect, Listed, LoadStock, NewPayment, Reply};
use nexnum_engine::event::{
    AccountName, ClockJump, ClosedDay, ForeignAmount, LedgerTerms, LoadedNumber, ProviderKind,
    Scope,
};
use nexnum_engine::ids::{
    AccountId, KeyId, LoadId, OfferId, ProviderId, SourceId, Token, VariantId,
};
use nexnum_engine::limits::{NAME_LEN_MAX, OFFERS_MAX, ROWS_MAX};
use nexnum_engine::money::Micros;
use nexnum_engine::order::OrderStatus;
use nexnum_engine::product::{OfferKey, Variant};
use nexnum_engine::sealed::KeyOwner;
use nexnum_engine::state::{Key, PaidTo};
use nexnum_engine::time::Time;

use super::{Answer, Model, Offer, at, is_amount, name_fits, need, priced_well};

impl Model {
    pub(super) fn open_ledger(&mut self, terms: LedgerTerms) -> Answer {
        let is_first = self.accounts.is_empty() && self.providers.is_empty();
        let is_first = is_first && self.variants.is_empty() && self.keys.is_empty();
        need(is_first && self.callbacks.is_empty() && self.ledger.is_none(), "out_of_order")?;
        self.ledger = Some(terms);
        Ok(Reply::Effect(Effect::Done))
    }

    pub(super) fn begin_epoch(&mut self, epoch: u64) -> Answer {
        let follows = self.epoch.is_none_or(|last| last < epoch);
        need(self.ledger.is_some() && follows, "out_of_order")?;
        self.epoch = Some(epoch);
        Ok(Reply::Effect(Effect::Done))
    }

    pub(super) fn note_clock(&self, jump: ClockJump) -> Answer {
        need(self.ledger.is_some(), "out_of_order")?;
        need(jump.from != jump.to, "invalid_field")?;
        Ok(Reply::Effect(Effect::Done))
    }

    pub(super) fn close_day(&mut self, now: Time, closed: ClosedDay) -> Answer {
        need(self.ledger.is_some(), "out_of_order")?;
        need(closed.rows > 0, "invalid_field")?;
        let last = self.closed_day.map_or(0, |last| last.day);
        let is_over = now.0 / (24 * 3_600_000) > u64::from(closed.day);
        need(closed.day > last && is_over, "out_of_order")?;
        self.closed_day = Some(closed);
        Ok(Reply::Effect(Effect::Done))
    }

    pub(super) fn open(&mut self, name: Option<&AccountName>, credit_limit: Micros) -> Answer {
        let len = name.map_or(1, |name| name.sealed.clear_len());
        need((1..=NAME_LEN_MAX).contains(&len), "invalid_field")?;
        need(credit_limit.0 == 0 || is_amount(credit_limit), "amount_out_of_range")?;
        let digest = name.map(|name| name.digest);
        let is_taken = |(known, _): &(Option<u128>, Micros)| digest.is_some() && *known == digest;
        need(!self.accounts.iter().any(is_taken), "name_taken")?;
        let next = KeyOwner::Identity(AccountId(self.accounts.len() as u32 + 1));
        let is_its = |name: &AccountName| self.seal_keys.contains(&(name.sealed.handle, next));
        need(name.is_none_or(is_its), "unknown_sealing_key")?;
        self.accounts.push((digest, credit_limit));
        Ok(Reply::Account(AccountId(self.accounts.len() as u32)))
    }

    pub(super) fn account(&self, id: AccountId) -> Result<&(Option<u128>, Micros), &'static str> {
        at(&self.accounts, id.0 as usize).ok_or("unknown_account")
    }

    pub(super) fn issue_key(
        &mut self,
        account: Option<AccountId>,
        hash: [u8; 32],
        prefix: &str,
    ) -> Answer {
        if let Some(account) = account {
            self.account(account)?;
        }
        need(name_fits(prefix), "invalid_field")?;
        need(self.keys.iter().all(|key| key.hash != hash), "duplicate_key")?;
        let scope = if account.is_some() { Scope::Trade } else { Scope::Admin };
        let (account, prefix) = (account.unwrap_or_default(), prefix.into());
        self.keys.push(Key { account, scope, hash, prefix, revoked: false });
        Ok(Reply::Key(KeyId(self.keys.len() as u32)))
    }

    pub(super) fn revoke_key(&mut self, key: KeyId) -> Answer {
        let known = at(&self.keys, key.0 as usize).ok_or("unknown_key")?;
        if known.revoked {
            return Ok(Reply::Effect(Effect::Unchanged));
        }
        self.keys[key.0 as usize - 1].revoked = true;
        Ok(Reply::Effect(Effect::Done))
    }

    /// The rails in use, in the order of their first payments.
    pub(super) fn rails(&self) -> Vec<Box<str>> {
        let mut rails = Vec::new();
        for (rail, ..) in &self.payments {
            if !rails.contains(rail) {
                rails.push(rail.clone());
            }
        }
        rails
    }

    pub(super) fn pay(&mut self, to: PaidTo, payment: &NewPayment) -> Answer {
        check_payment(payment)?;
        let NewPayment { rail, amount, foreign, reference } = payment;
        let what = (*amount, foreign.clone());
        let mut known = self.payments.iter();
        if let Some(known) = known.find(|known| (&known.0, known.1) == (rail, *reference)) {
            need((known.2, &known.3) == (to, &what), "idempotency_mismatch")?;
            return Ok(Reply::Effect(Effect::Unchanged));
        }
        self.payments.push((rail.clone(), *reference, to, what));
        Ok(Reply::Effect(Effect::Done))
    }

    pub(super) fn pay_provider(
        &mut self,
        provider: ProviderId,
        payment: &NewPayment,
        text: &str,
    ) -> Answer {
        check_payment(payment)?;
        need(name_fits(text), "invalid_field")?;
        self.pay(PaidTo::Provider(provider), payment)
    }

    pub(super) fn register(&mut self, name: &str, kind: ProviderKind) -> Answer {
        need(name_fits(name), "invalid_field")?;
        let known = self.providers.iter().position(|(known, _)| &**known == name);
        let index = match known {
            Some(index) => index,
            None => {
                self.providers.push((name.into(), kind));
                self.providers.len() - 1
            }
        };
        need(self.providers[index].1 == kind, "name_taken")?;
        Ok(Reply::Provider(ProviderId(index as u16 + 1)))
    }

    pub(super) fn kind(&self, id: ProviderId) -> Result<ProviderKind, &'static str> {
        at(&self.providers, id.0 as usize).map(|(_, kind)| *kind).ok_or("unknown_provider")
    }

    pub(super) fn name_variant(&mut self, parts: &Variant) -> Answer {
        let texts = [&parts.carrier, &parts.area].into_iter().flatten();
        need(texts.into_iter().all(|text| name_fits(text)), "invalid_field")?;
        need(*parts != Variant::default(), "invalid_field")?;
        let known = self.variants.iter().position(|known| known == parts);
        let index = known.unwrap_or(self.variants.len());
        if known.is_none() {
            self.variants.push(parts.clone());
        }
        Ok(Reply::Variant(VariantId(index as u16 + 1)))
    }

    pub(super) fn list(&mut self, provider: ProviderId, offers: &[OfferKey]) -> Answer {
        self.kind(provider)?;
        need((1..=ROWS_MAX).contains(&offers.len()), "invalid_field")?;
        need(self.offers.len() + offers.len() <= OFFERS_MAX, "exhausted")?;
        for (index, key) in offers.iter().enumerate() {
            let is_it = |offer: &Offer| (offer.provider, offer.key) == (provider, *key);
            let known = self.offers.iter().any(is_it);
            need(!known && !offers[..index].contains(key), "duplicate_offer")?;
            need(key.variant.0 as usize <= self.variants.len(), "invalid_field")?;
            need(key.source == SourceId(0), "invalid_field")?;
        }
        let first = OfferId(self.offers.len() as u32 + 1);
        for &key in offers {
            let (cost, price, pool) = (0, 0, Vec::new());
            self.offers.push(Offer { provider, key, cost, price, pool });
        }
        Ok(Reply::Listed(Listed { first, count: offers.len() as u32 }))
    }

    pub(super) fn offer(&self, id: OfferId) -> Result<&Offer, &'static str> {
        at(&self.offers, id.0 as usize).ok_or("unknown_offer")
    }

    pub(super) fn load(
        &mut self,
        now: Time,
        LoadStock { offer: id, cost, price, numbers, others }: &LoadStock,
    ) -> Answer {
        let (id, cost, price) = (*id, *cost, *price);
        let offer = self.offer(id)?;
        need(self.kind(offer.provider)? == ProviderKind::Own, "wrong_provider_kind")?;
        need(others.iter().all(|tokens| tokens.len() == numbers.len()), "invalid_field")?;
        need((1..=ROWS_MAX).contains(&numbers.len()), "invalid_field")?;
        need(priced_well(cost, price), "amount_out_of_range")?;
        // A number that is here goes on under the token that it has.
        let known = |(index, it): (usize, &LoadedNumber)| {
            let mut all = std::iter::once(it.token).chain(others.iter().map(|of| of[index]));
            all.find(|token| !others.is_empty() && self.has_token(*token)).unwrap_or(it.token)
        };
        let tokens: Vec<Token> = numbers.iter().enumerate().map(known).collect();
        let distinct: BTreeSet<_> = tokens.iter().collect();
        need(distinct.len() == tokens.len(), "duplicate_number")?;
        for LoadedNumber { token: _, sealed } in numbers {
            need(sealed.clear_len() <= 100, "invalid_field")?;
            need(sealed.handle == numbers[0].sealed.handle, "unknown_sealing_key")?;
            let key = (sealed.handle, KeyOwner::Load(id));
            need(self.seal_keys.contains(&key), "unknown_sealing_key")?;
        }
        for number in &tokens {
            let in_use = self.orders.iter().any(|order| {
                let open = order.closed_at.is_none();
                let service = order.asked.product.service == offer.key.product.service;
                let same = order.terms.provider == offer.provider && service;
                open && same && order.number == Some(*number)
            });
            let holds = |(index, other): (usize, &Offer)| {
                let id = OfferId(index as u32 + 1);
                let mut rests = self.resting.iter();
                let rests = rests.any(|rests| (rests.1, rests.2.token) == (id, *number));
                let service = other.key.product.service == offer.key.product.service;
                let same = other.provider == offer.provider && service;
                same && (rests || other.pool.iter().any(|held| held.token == *number))
            };
            let free = !in_use && !self.offers.iter().enumerate().any(holds);
            need(free, "duplicate_number")?;
        }
        let offer = &mut self.offers[id.0 as usize - 1];
        (offer.cost, offer.price) = (cost.0, price.0);
        let (provider, service) = (offer.provider, offer.key.product.service);
        self.loads.push(Some(numbers[0].sealed.handle));
        let load = LoadId(self.loads.len() as u32);
        for (index, number) in (0..).zip(&tokens) {
            let sold = self.orders.iter().filter(|order| {
                let is_its = order.terms.provider == provider && order.number == Some(*number);
                let refunded = order.status() == OrderStatus::Refunded;
                let counts = refunded || order.asked.product.service == service;
                !order.retired && is_its && counts
            });
            let ends = sold.filter_map(|order| order.closed_at);
            let rests = ends.map(|end| end.plus_ms(self.policy.quarantine_ms)).max();
            let held = StockNumber { token: *number, load, index };
            match rests.max(self.rests_until(*number)).filter(|until| *until > now) {
                Some(until) => self.resting.push((until, id, held)),
                None => self.offers[id.0 as usize - 1].pool.push(held),
            }
        }
        Ok(Reply::Changed(numbers.len() as u32))
    }

    /// Until when a number rests, for whichever offer.
    pub(super) fn rests_until(&self, number: Token) -> Option<Time> {
        self.resting.iter().filter(|rests| rests.2.token == number).map(|rests| rests.0).max()
    }
}

fn check_payment(payment: &NewPayment) -> Result<(), &'static str> {
    need(is_amount(payment.amount), "amount_out_of_range")?;
    need(!payment.rail.contains(|c: char| c.is_uppercase() || c == ' '), "invalid_field")?;
    let is_odd = |foreign: &ForeignAmount| foreign.amount.starts_with('-');
    need(!payment.foreign.as_ref().is_some_and(is_odd), "invalid_field")
}
