//! An open activation that its provider does not know: whether it is gone.
//!
//! Promises the same judgement to polls, to cancels and to purchases that no order has. Leaves
//! to others: what follows from it.

use nexnum_driver::{ErrorKind, Op};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::EndByProvider;
use nexnum_engine::event::ProviderWord;
use nexnum_engine::ids::{OrderId, ProviderId};
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use super::Orders;
use super::missing::{Judgement, LIST_PAUSE_MS, Missing, Witness};
use crate::attention::AttentionKind;
use crate::provider::connected::{Connected, Failure};
use crate::provider::sightings::Shown;

/// How long an end waits for a full inbox.
const END_MS: u64 = 5_000;

impl Orders {
    /// Notes that the provider knows an activation.
    pub(crate) fn is_known(&self, connected: &Connected, order: &Order) {
        let now = self.market.clock.now();
        let has_recovered = {
            let mut missing = self.missing.lock();
            missing.get_mut(&order.provider).is_some_and(|missing| {
                missing.forget(order.id);
                missing.has_recovered(now)
            })
        };
        if has_recovered {
            self.market.attention.clear(AttentionKind::ActivationsMissing, connected.name());
        }
    }

    /// True if many activations of a provider were missing at once lately.
    pub(crate) fn were_many_missing(&self, provider: ProviderId) -> bool {
        let now = self.market.clock.now();
        self.missing.lock().get(&provider).is_some_and(|missing| missing.were_many(now))
    }

    /// True if an activation that the provider does not know, once more, is believed to be gone.
    pub(crate) async fn is_gone(&self, connected: &Connected, order: &Order) -> bool {
        // 1. One that has ended here may be unknown there.
        let Some(assignment) = &order.assignment else { return false };
        let now = self.market.clock.now();
        let current = self.market.read_model.order(order.id);
        if current.is_none_or(|order| order.state.is_closed()) {
            self.is_known(connected, order);
            return false;
        }
        // 2. The answer, with what the list says.
        let open = self.market.read_model.open_len(order.provider);
        self.missing.lock().entry(order.provider).or_default().note(order.id, now, open);
        let bought = (&*assignment.external_id, order.placed_at);
        let judge = |witness| self.judge(connected, order, witness);
        self.is_believed(connected, bought, judge).await
    }

    /// True if a "not found" is believed, by the last list or, if one would tell, by a list of
    /// this moment.
    async fn is_believed(
        &self,
        connected: &Connected,
        bought: (&str, Time),
        mut judge: impl FnMut(Witness) -> Judgement,
    ) -> bool {
        let now = self.market.clock.now();
        let mut judgement = judge(self.witness(connected, bought, now));
        if judgement == Judgement::AskList {
            let asked = connected.list_active(&self.market.clock, bought.1).await;
            let witness = match asked {
                Ok(_) => self.witness(connected, bought, now),
                Err(error) => {
                    connected.note_error(self.market.clock.now(), Op::ListActive, None, &error);
                    if error.kind != ErrorKind::Unsupported {
                        return false;
                    }
                    // As where the driver knows of no list.
                    Witness::Unsupported
                }
            };
            judgement = judge(witness);
        }
        judgement == Judgement::Gone
    }

    /// Ends an open activation that has ended at its provider. What is said to be missing there
    /// is ended there all the same once it is known again.
    pub(crate) async fn end_by_provider(&self, id: OrderId, word: ProviderWord) {
        let order = self.market.read_model.order(id);
        let Some(order) = order.filter(|order| !order.state.is_closed()) else { return };
        let until = self.market.clock.now().plus_ms(END_MS);
        // A refusal says that something else came first; the next look draws it again.
        let _answer = self.record(&order, &EndByProvider { order: id, word }, until).await;
    }

    /// True if an end is believed that the provider tells of an open activation. One that brings
    /// no refund, as with a message there or its time over, is believed at once.
    pub(crate) fn has_ended(&self, connected: &Connected, order: &Order) -> bool {
        let now = self.market.clock.now();
        let current = self.market.read_model.order(order.id);
        let refunds = |order: &Order| {
            let is_over = order.assignment.as_ref().is_none_or(|it| it.expires_at <= now);
            order.state == ActivationState::Active && !is_over
        };
        if current.is_none_or(|order| !refunds(&order)) {
            self.is_known(connected, order);
            return true;
        }
        let open = self.market.read_model.open_len(order.provider);
        let judgement = {
            let mut all = self.missing.lock();
            let missing = all.entry(order.provider).or_default();
            missing.note(order.id, now, open);
            missing.judge_end(order.id, now)
        };
        self.report_absence(connected, order, judgement);
        judgement == Judgement::Gone
    }

    /// As [`Self::is_gone`], of a purchase that no order has and that only `missing` is about.
    pub(super) async fn is_lost(
        &self,
        connected: &Connected,
        (external_id, order): (&str, OrderId),
        missing: &mut Missing,
    ) -> bool {
        let now = self.market.clock.now();
        let placed = self.market.read_model.order(order).map(|order| order.placed_at);
        let since = placed.unwrap_or_default();
        // How many others are missing is not known here.
        missing.note(order, now, usize::MAX);
        let judge = |witness| missing.judge(order, now, witness);
        self.is_believed(connected, (external_id, since), judge).await
    }

    /// What the last list says of an activation that was bought at or after a moment.
    fn witness(
        &self,
        connected: &Connected,
        (external_id, since): (&str, Time),
        now: Time,
    ) -> Witness {
        if connected.has_none_to_list(now) {
            return Witness::Unsupported;
        }
        let fresh = Time(now.0.saturating_sub(LIST_PAUSE_MS));
        // A list without any of ours may be that of another shard, or of a database that is gone.
        let purchases = &self.market.read_model;
        let is_ours = |id: &str| purchases.purchase(connected.id(), id).is_some();
        let shows_any = || connected.shows_any(is_ours);
        match connected.shown(external_id, since, fresh) {
            None => Witness::Unasked,
            Some(Shown::Open) => Witness::Open,
            Some(Shown::Absent) if shows_any() => Witness::Absent,
            Some(Shown::Absent) => Witness::Bare,
            Some(Shown::Cut) => Witness::Cut,
        }
    }

    fn judge(&self, connected: &Connected, order: &Order, witness: Witness) -> Judgement {
        let now = self.market.clock.now();
        let judgement = {
            let mut missing = self.missing.lock();
            missing.entry(order.provider).or_default().judge(order.id, now, witness)
        };
        self.report_absence(connected, order, judgement);
        judgement
    }

    fn report_absence(&self, connected: &Connected, order: &Order, judgement: Judgement) {
        let (now, provider) = (self.market.clock.now(), connected.name());
        match judgement {
            Judgement::Many { first: true } => {
                let text =
                    "many open activations, or all, are unknown or ended at once: none of them is ended"
                        .to_owned();
                let kind = AttentionKind::ActivationsMissing;
                self.market.attention.raise(kind, provider, text.clone());
                connected.note_failure(Failure { at: now, op: Op::Status, order: None, text });
            }
            Judgement::Open => {
                let text = "unknown by its id, and in the list of open ones".to_owned();
                let (at, op, order) = (now, Op::Status, Some(order.id));
                connected.note_failure(Failure { at, op, order, text });
            }
            Judgement::Gone => {
                let order = order.id.0;
                tracing::warn!(provider, order, "an open activation is gone at its provider");
            }
            Judgement::Wait | Judgement::AskList | Judgement::Many { first: false } => {}
        }
    }
}
