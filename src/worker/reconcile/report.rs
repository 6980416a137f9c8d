//! What the operator is told of an account: activations that may be ours and may not, and that
//! others buy on it.

use std::collections::{BTreeMap, BTreeSet};

use nexnum_driver::{ActiveRow, Op};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::ids::{OrderId, Product};
use nexnum_engine::limits::CLOSED_KEPT_MS;
use nexnum_engine::time::Time;

use super::Reconciler;
use super::endings::Endings;
use crate::attention::AttentionKind;
use crate::order::doubt::{Call, Window};
use crate::order::matching::{Begun, Excess, Served, Unowned, excess, is_foreign};
use crate::provider::account::TOLD_BEFORE;
use crate::provider::connected::Failure;

/// Rows that are named one by one in a round.
const REPORTS_MAX: usize = 10;
/// How long an account counts as shared after another program's purchase. Each of ours of that
/// time is in memory, so that one that is not there is known to be another's.
const SHARED_MS: u64 = CLOSED_KEPT_MS;
/// Between two looks for another such purchase.
const SHARED_LOOK_MS: u64 = 60_000;

/// A purchase that may have been made, and when.
type Purchase = (Product, Window);
type ByOrder = BTreeMap<OrderId, Purchase>;

/// What shows that others buy on an account.
struct Foreign {
    /// In words.
    text: String,
    /// When the newest of it was made at the latest.
    made_at: Time,
}

impl Foreign {
    fn of(
        rows: &[&(ActiveRow, Unowned)],
        since: Time,
        begun: &Begun,
        served: &[Served],
    ) -> Option<Self> {
        let foreign = rows.iter().filter(|(_, says)| is_foreign(says, since, begun));
        if let Some((row, says)) = foreign.max_by_key(|(_, says)| says.made.before) {
            let text = format!("shows {}, which was", row.external_id);
            return Some(Self { text, made_at: says.made.before });
        }
        let says: Vec<_> = rows.iter().map(|(_, says)| *says).collect();
        let Excess { rows: shown, others } = excess(&says, since, begun, served)?;
        let made_at = shown.iter().map(|at| says[*at].made.before).max()?;
        let ids: Vec<_> =
            shown.iter().take(REPORTS_MAX).map(|at| rows[*at].0.external_id.as_str()).collect();
        let more = match shown.len() - ids.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let were = if others == 1 { "one was".to_owned() } else { format!("{others} were") };
        let text = format!("shows {}{more}, of which at least {were}", ids.join(", "));
        Some(Self { text, made_at })
    }
}

impl Reconciler {
    /// Whether others buy on the account, by the configuration or by what a list has shown.
    pub(super) fn is_shared(&self, now: Time) -> bool {
        self.connected.policy().shared_account || now < self.shared_until
    }

    /// Looks for purchases on the account that no order of ours can have made.
    pub(super) fn judge_account(&mut self, unowned: &[&(ActiveRow, Unowned)], now: Time) {
        let is_fresh = self.shared_until > now.plus_ms(SHARED_MS - SHARED_LOOK_MS);
        if self.connected.policy().shared_account || is_fresh {
            return;
        }
        let (attention, provider) = (&self.orders.market.attention, self.connected.name());
        if let Some(Foreign { text, made_at }) = self.foreign(unowned, now) {
            self.shared_until = self.shared_until.max(made_at.plus_ms(SHARED_MS));
            self.connected.is_shared_until(self.shared_until);
            if !self.connected.is_retired() {
                self.connected.tell_shared(&text);
            }
        } else if self.shared_until > Time(0) && now >= self.shared_until {
            self.shared_until = Time(0);
            self.connected.is_shared_until(self.shared_until);
            attention.clear(AttentionKind::SharedAccount, provider);
        }
    }

    /// What shows that others buy on the account: a row that no purchase of ours can have made, or
    /// more rows than purchases.
    fn foreign(&self, unowned: &[&(ActiveRow, Unowned)], now: Time) -> Option<Foreign> {
        if unowned.is_empty() {
            return None;
        }
        let since = Time(now.0.saturating_sub(SHARED_MS));
        let served: Vec<_> = self.served.iter().map(|(_, served)| *served).collect();
        let (mut bought, given_up) = self.bought(now);
        let proof = |rows: &[&(ActiveRow, Unowned)], bought: &ByOrder| {
            let begun = bought.values().chain(&given_up).copied().collect();
            Foreign::of(rows, since, &begun, &served)
        };
        proof(unowned, &bought)?;
        // An order that a start has not brought into doubt yet, an activation whose id has changed,
        // or one that an order has got meanwhile, is ours all the same.
        let (read_model, id) = (&self.orders.market.read_model, self.connected.id());
        let mut numbers = Endings::of(unowned.iter().filter_map(|(row, _)| row.number.read()));
        self.add_in_memory(&mut bought, &mut numbers);
        let (mut ids, mut numbered) = (BTreeSet::new(), BTreeSet::new());
        let is_ours = |row: &ActiveRow| {
            row.number.read().is_some_and(|listed| numbers.is_ours(listed))
                || read_model.purchase(id, &row.external_id).is_some()
                || self.orders.doubts.is_disowned(id, &row.external_id)
        };
        // One id is one purchase, and one number of a product is.
        let mut is_new = |row: &ActiveRow| {
            let of = (row.country.clone(), row.service.clone());
            let number = row.number.read().map(|number| (number.0, of));
            ids.insert(row.external_id.clone()) && number.is_none_or(|it| numbered.insert(it))
        };
        let others = unowned.iter().filter(|(row, _)| !is_ours(row) && is_new(row)).copied();
        proof(&others.collect::<Vec<_>>(), &bought)
    }

    /// The purchases at this provider that are not settled, of orders and given up, with when they
    /// may have been made.
    fn bought(&self, now: Time) -> (ByOrder, Vec<Purchase>) {
        let (doubts, id) = (&self.orders.doubts, self.connected.id());
        // In the order in which a purchase goes from one to the next.
        let of_call = |call: Call| {
            let window = Window { since: call.since, until: Time(u64::MAX) };
            (call.order, (call.product, window))
        };
        let mut bought: BTreeMap<_, _> = doubts.calls(id).into_iter().map(of_call).collect();
        let of_doubt = |(id, window): (OrderId, Window)| {
            let order = self.orders.market.read_model.order(id)?;
            (order.provider == self.connected.id()).then_some((id, (order.product, window)))
        };
        bought.extend(doubts.all().into_iter().filter_map(of_doubt));
        let given_up = doubts.given_up(id, now).into_iter().map(|it| (it.product, it.window));
        (bought, given_up.collect())
    }

    /// Adds the orders that have no number yet; notes the numbers of the others.
    fn add_in_memory(&self, bought: &mut ByOrder, numbers: &mut Endings) {
        let (read_model, id) = (&self.orders.market.read_model, self.connected.id());
        for order in read_model.driven().into_iter().filter_map(|order| read_model.order(order)) {
            if order.provider != id {
                continue;
            }
            if order.state == ActivationState::Init {
                let window = Window { since: order.placed_at, until: Time(u64::MAX) };
                bought.entry(order.id).or_insert((order.product, window));
            }
            if let Ok(Some(number)) = self.orders.number_of(&order) {
                numbers.note(number);
            }
        }
    }

    /// Reports rows that fit what is looked for and are not proven to be ours: each once, and
    /// their number until they are gone.
    pub(super) fn report<'a>(
        &mut self,
        rows: impl Iterator<Item = &'a ActiveRow> + Clone,
        unowned: &[(ActiveRow, Unowned)],
        is_cut: bool,
    ) {
        // 1. What is there, and what was and is not known to be gone or to be an order's.
        let (provider, read_model) = (self.connected.name(), &self.orders.market.read_model);
        let before = std::mem::take(&mut self.unattributed);
        let shown: BTreeSet<&str> = unowned.iter().map(|(row, _)| &*row.external_id).collect();
        let now = self.orders.market.clock.now();
        if !self.connected.is_reported(rows.clone(), &shown, is_cut, now) {
            // What is not remembered is a stranger's after a restart: so is all of the account.
            self.shared_until = self.shared_until.max(now.plus_ms(SHARED_MS));
            self.connected.is_shared_until(self.shared_until);
            self.connected.tell_shared(TOLD_BEFORE);
        }
        let is_left = |id: &&String| {
            shown.contains(id.as_str())
                || is_cut && read_model.purchase(self.connected.id(), id).is_none()
        };
        self.unattributed = before.iter().filter(is_left).cloned().collect();
        self.unattributed.extend(rows.map(|row| row.external_id.clone()));
        let count = self.unattributed.len();
        self.connected.note(|health| health.unattributed = count);
        // 2. New ones by their names.
        let has_new = self.unattributed.difference(&before).next().is_some();
        self.named.retain(|id| self.unattributed.contains(id));
        let unnamed = self.unattributed.difference(&self.named);
        let unnamed: Vec<_> = unnamed.take(REPORTS_MAX).cloned().collect();
        for external_id in &unnamed {
            tracing::warn!(
                provider,
                external_id,
                "unattributed purchase: the provider shows an activation that may be one of ours \
                 or another program's; it is left alone"
            );
        }
        self.named.extend(unnamed);
        if count == 0 {
            if !before.is_empty() {
                self.orders.market.attention.clear(AttentionKind::UnattributedPurchase, provider);
            }
            return;
        }
        // 3. All of them, until they are gone.
        let listed: Vec<_> =
            self.unattributed.iter().take(REPORTS_MAX).map(String::as_str).collect();
        let (s, are) = if count == 1 { ("", "it is") } else { ("s", "they are") };
        let others = match count - listed.len() {
            0 => String::new(),
            more => format!(" and {more} more, which the log names"),
        };
        let text =
            format!("unattributed purchase{s} {}{others}: {are} left alone", listed.join(", "));
        if has_new {
            let (at, op) = (self.orders.market.clock.now(), Op::ListActive);
            self.connected.note_failure(Failure { at, op, order: None, text: text.clone() });
        }
        self.orders.market.attention.raise(AttentionKind::UnattributedPurchase, provider, text);
    }
}
