//! Purchases beside the one that an order has, charges in vain, ends at providers, and the
//! grace that a provider has for its last answer.

use nexnum_engine::activation::ActivationState as S;
use nexnum_engine::command::{
    Effect, EndByProvider, EndUpstream, FindOrphan, NamePurchase, Reply, SettleOrphan,
};
use nexnum_engine::event::{MoveReason, OrphanEnd, ProviderKind, ProviderWord, UpstreamEnd};
use nexnum_engine::ids::{OrderId, ProviderId};
use nexnum_engine::limits::LAST_LOOK_MS;
use nexnum_engine::money::COST_MAX;
use nexnum_engine::order::FailReason;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

use super::{Answer, Charge, Model, Named, Orphan, name_fits, need, same};

const DONE: Answer = Ok(Reply::Effect(Effect::Done));
const UNCHANGED: Answer = Ok(Reply::Effect(Effect::Unchanged));

impl Model {
    pub(super) fn is_driven(&self, index: usize) -> bool {
        self.kind(self.orders[index].terms.provider) == Ok(ProviderKind::Driven)
    }

    pub(super) fn has_last_look(&self, index: usize) -> bool {
        let order = &self.orders[index];
        let waits = order.state == S::Active || order.state == S::Received && order.waiting;
        waits && self.is_driven(index)
    }

    /// A provider gets a moment more to bring a message that is waited for.
    pub(super) fn ends_at(&self, index: usize) -> Time {
        let grace = if self.has_last_look(index) { LAST_LOOK_MS } else { 0 };
        self.orders[index].deadline.plus_ms(grace)
    }

    pub(super) fn run_out(&mut self, now: Time, index: usize) {
        match self.orders[index].state {
            S::Init => self.fail(now, index, FailReason::InDoubt),
            S::Active => self.end(now, index, S::TimedOut),
            S::Received => self.end(now, index, S::Completed),
            S::Completed | S::Cancelled | S::TimedOut | S::Failed => unreachable!("it is open"),
        }
    }

    pub(super) fn expire(&mut self, now: Time, id: OrderId) -> Answer {
        let index = self.find(id)?;
        let order = &self.orders[index];
        need(order.closed_at.is_none(), "activation_closed")?;
        need(order.state != S::Init, "no_number_yet")?;
        if now < order.deadline {
            return UNCHANGED;
        }
        self.run_out(now, index);
        DONE
    }

    pub(super) fn is_charged(&self, order: OrderId, attempt: u8, is_number: bool) -> bool {
        let mut charges = self.charges.iter();
        charges.any(|it| (it.order, it.attempt, it.is_number) == (order, attempt, is_number))
    }

    /// Books a purchase without an order as a loss, once for each attempt.
    fn charge_orphan(&mut self, order: OrderId, attempt: u8, provider: ProviderId, amount: i64) {
        let bought = &self.orders[order.0 as usize - 1];
        let written_off = bought.attempt == attempt && bought.loss > 0;
        if amount > 0 && !written_off && !self.is_charged(order, attempt, false) {
            let (reversed, is_number, is_outlay) = (false, false, false);
            self.charges.push(Charge {
                order,
                attempt,
                provider,
                amount,
                reversed,
                is_number,
                is_outlay,
            });
        }
    }

    /// The provider takes a number back, and its charge with it.
    pub(super) fn return_number(&mut self, index: usize) {
        let order = &mut self.orders[index];
        if std::mem::take(&mut order.outlay_stands) {
            order.returned = true;
        }
    }

    /// What a provider delivers or finishes after the refund is charged all the same.
    pub(super) fn charge_in_vain(&mut self, index: usize) {
        let (order, id) = (&self.orders[index], OrderId(index as u64 + 1));
        let (attempt, terms) = (order.attempt, order.terms);
        let is_lost = order.refunded() && order.purchase.is_some() && terms.cost.0 > 0;
        if is_lost && !self.is_charged(id, attempt, true) {
            let is_outlay = std::mem::take(&mut self.orders[index].outlay_stands);
            let (provider, amount) = (terms.provider, terms.cost.0);
            let (order, reversed, is_number) = (id, false, true);
            self.charges.push(Charge {
                order,
                attempt,
                provider,
                amount,
                reversed,
                is_number,
                is_outlay,
            });
        }
    }

    /// What was booked for the order's number comes back; false if nothing was.
    pub(super) fn take_number_back(&mut self, order: OrderId, attempt: u8) -> bool {
        let is_it =
            |it: &&mut Charge| (it.order, it.attempt, it.is_number) == (order, attempt, true);
        let charge = self.charges.iter_mut().find(is_it);
        charge.is_some_and(|charge| !std::mem::replace(&mut charge.reversed, true))
    }

    /// What was booked for an attempt's purchase beside the number comes back; false if nothing was.
    pub(super) fn take_back(&mut self, order: OrderId, attempt: u8) -> bool {
        let mut charges = self.charges.iter_mut();
        let is_it =
            |it: &&mut Charge| (it.order, it.attempt, it.is_number) == (order, attempt, false);
        if let Some(charge) = charges.find(is_it) {
            return !std::mem::replace(&mut charge.reversed, true);
        }
        let bought = &mut self.orders[order.0 as usize - 1];
        bought.attempt == attempt && std::mem::take(&mut bought.loss) > 0
    }

    /// A purchase without an order goes back: what was booked for it, or for the doubt.
    fn take_orphan_back(&mut self, order: OrderId, attempt: u8, what: (ProviderId, i64)) {
        let other = self.charges.iter().any(|it| {
            let is_of = (it.order, it.attempt, it.is_number) == (order, attempt, false);
            is_of && (it.provider, it.amount) != what
        });
        if !other {
            self.take_back(order, attempt);
        }
    }

    pub(super) fn find_orphan(&mut self, found: &FindOrphan) -> Answer {
        let index = self.find(found.order)?;
        let kind = self.kind(found.provider)?;
        need(kind == ProviderKind::Driven, "wrong_provider_kind")?;
        need(name_fits(&found.external_id), "invalid_field")?;
        let order = &self.orders[index];
        let cost = found.cost.unwrap_or(order.terms.cost);
        need(cost.0 >= 0 && cost <= COST_MAX, "amount_out_of_range")?;
        need((1..=order.attempt).contains(&found.attempt), "stale_attempt")?;
        let taken = self.orders.iter().any(|order| {
            let same = order.purchase.as_deref() == Some(&*found.external_id);
            same && order.terms.provider == found.provider && !order.retired
        });
        need(!taken, "duplicate_purchase")?;
        if self.orphan(found.provider, &found.external_id).is_some() {
            return UNCHANGED;
        }
        for named in &mut self.named {
            let is_it = (named.order, named.attempt) == (found.order, found.attempt)
                && (named.provider, &named.external_id) == (found.provider, &found.external_id);
            named.is_orphan |= is_it;
        }
        self.orphans.push(Orphan {
            order: found.order,
            attempt: found.attempt,
            provider: found.provider,
            external_id: found.external_id.clone(),
            cost: cost.0,
        });
        DONE
    }

    pub(super) fn name_purchase(&mut self, named: &NamePurchase) -> Answer {
        let &NamePurchase { order: id, attempt, ref external_id, cost, .. } = named;
        let index = self.running(id, attempt)?;
        let terms = self.orders[index].terms;
        need(self.kind(terms.provider)? == ProviderKind::Driven, "wrong_provider_kind")?;
        need(name_fits(external_id), "invalid_field")?;
        need(!self.is_taken(terms.provider, external_id), "duplicate_purchase")?;
        let cost = cost.unwrap_or(terms.cost);
        need(cost.0 >= 0 && cost <= COST_MAX, "amount_out_of_range")?;
        let is_known = self.named.iter().any(|it| (it.order, it.attempt) == (id, attempt));
        if !is_known {
            let (provider, external_id) = (terms.provider, external_id.clone());
            let named = Named { order: id, attempt, provider, external_id, is_orphan: false };
            self.named.push(named);
        }
        let was_doubted = std::mem::replace(&mut self.orders[index].in_doubt, true);
        if is_known && was_doubted { UNCHANGED } else { DONE }
    }

    /// True of what is an order's purchase, or none's and goes back.
    pub(super) fn is_taken(&self, provider: ProviderId, purchase: &str) -> bool {
        let is_bought = self.orders.iter().any(|order| {
            let same = order.purchase.as_deref() == Some(purchase);
            same && order.terms.provider == provider && !order.retired
        });
        is_bought || self.orphan(provider, purchase).is_some()
    }

    fn orphan(&self, provider: ProviderId, external_id: &str) -> Option<usize> {
        let mut orphans = self.orphans.iter();
        orphans.position(|it| it.provider == provider && &*it.external_id == external_id)
    }

    pub(super) fn settle_orphan(&mut self, settled: &SettleOrphan) -> Answer {
        let &SettleOrphan { provider, ref external_id, end } = settled;
        let Some(at) = self.orphan(provider, external_id) else { return UNCHANGED };
        let Orphan { order, attempt, cost, .. } = self.orphans.remove(at);
        match end {
            OrphanEnd::GivenBack => self.take_orphan_back(order, attempt, (provider, cost)),
            OrphanEnd::Stayed => {
                let bought = &mut self.orders[order.0 as usize - 1];
                if bought.attempt == attempt {
                    bought.loss = 0;
                }
                self.charge_orphan(order, attempt, provider, cost);
            }
            OrphanEnd::Gone => {}
        }
        DONE
    }

    fn has_to_end(&self, index: usize) -> bool {
        let order = &self.orders[index];
        let ends = match order.state {
            S::Completed | S::TimedOut => true,
            S::Cancelled => order.word.is_some(),
            S::Init | S::Active | S::Received | S::Failed => false,
        };
        ends && order.purchase.is_some() && !order.ended_upstream
    }

    pub(super) fn end_upstream(&mut self, ended: EndUpstream) -> Answer {
        let index = self.find(ended.order)?;
        if !self.has_to_end(index) {
            return UNCHANGED;
        }
        self.orders[index].ended_upstream = true;
        match ended.end {
            UpstreamEnd::Charged => self.charge_in_vain(index),
            UpstreamEnd::GivenBack if self.orders[index].refunded() => self.return_number(index),
            UpstreamEnd::GivenBack | UpstreamEnd::Unknown => {}
        }
        DONE
    }

    pub(super) fn end_by_provider(&mut self, now: Time, ended: &EndByProvider) -> Answer {
        let &EndByProvider { order: id, word } = ended;
        let index = self.find(id)?;
        need(self.is_driven(index), "wrong_provider_kind")?;
        need(self.orders[index].closed_at.is_none(), "activation_closed")?;
        need(self.orders[index].state != S::Init, "no_number_yet")?;
        let delivered = self.orders[index].delivered;
        self.end(now, index, if delivered { S::Completed } else { S::Cancelled });
        self.orders[index].word = Some(word);
        self.orders[index].ended_upstream = word != ProviderWord::Missing;
        match word {
            ProviderWord::Finished => self.charge_in_vain(index),
            ProviderWord::Cancelled | ProviderWord::Expired => self.return_number(index),
            ProviderWord::Missing => {}
        }
        DONE
    }

    pub(super) fn compare_upstream(&self, state: &State) -> Result<(), String> {
        let retired = |id: OrderId| self.orders[id.0 as usize - 1].retired;
        let mut charges: Vec<_> = self.charges.iter().filter(|it| !retired(it.order)).collect();
        charges.sort_by_key(|charge| (charge.order, charge.attempt, !charge.is_number));
        let charges = charges.iter().map(|it| (it.order, it.attempt, it.amount, it.reversed));
        let known = state.write_offs().filter(|(.., it)| it.reason != MoveReason::InDoubt);
        let known = known.map(|(order, attempt, it)| (order, attempt, it.amount.0, it.reversed));
        same("charges", known.collect::<Vec<_>>(), charges.collect())?;
        let orphans = self.orphans.iter().map(|it| (it.provider, &*it.external_id, it.order));
        let mut orphans: Vec<_> = orphans.collect();
        orphans.sort_unstable();
        let known = state.orphans().map(|(provider, id, orphan)| (provider, id, orphan.order));
        same("orphans", known.collect::<Vec<_>>(), orphans)?;
        let named = self.named.iter().filter(|it| !retired(it.order));
        let named = named.map(|it| (it.order, it.attempt, &*it.external_id, it.is_orphan));
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        let known = state.named();
        let known = known.map(|(id, attempt, it)| (id, attempt, &*it.external_id, it.is_orphan));
        same("purchases without a number", known.collect::<Vec<_>>(), named)?;
        for (index, order) in self.orders.iter().enumerate().filter(|(_, order)| !order.retired) {
            let id = OrderId(index as u64 + 1);
            let known = state.order(id).expect("compared before");
            let ends = state.has_to_end_upstream(known);
            same(&format!("end of {id}"), ends, self.has_to_end(index))?;
            same(&format!("word of {id}"), state.provider_word(id), order.word)?;
        }
        Ok(())
    }
}
