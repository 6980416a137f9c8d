//! What the operator is told of an account: activations that may be ours and may not, and that
//! others buy on it.

use std::collections::BTreeSet;

use nexnum_driver::{ActiveRow, Op};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::limits::CLOSED_KEPT_MS;
use nexnum_engine::time::Time;

use super::Reconciler;
use super::endings::Endings;
use crate::attention::AttentionKind;
use crate::order::doubt::Window;
use crate::order::matching::{Begun, Unowned, is_foreign};
use crate::provider::connected::Failure;

/// Rows that are named one by one in a round.
const REPORTS_MAX: usize = 10;
/// How long an account counts as shared after another program's purchase. Each of ours of that
/// time is in memory, so that one that is not there is known to be another's.
const SHARED_MS: u64 = CLOSED_KEPT_MS;
/// Between two looks for another such purchase.
const SHARED_LOOK_MS: u64 = 60_000;

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
        let latest = self.foreign(unowned, now);
        if let Some((external_id, made_at)) = latest {
            self.shared_until = self.shared_until.max(made_at.plus_ms(SHARED_MS));
            self.connected.is_shared_until(self.shared_until);
            if !self.connected.is_retired() {
                self.connected.tell_shared(Some(&external_id));
            }
        } else if self.shared_until > Time(0) && now >= self.shared_until {
            self.shared_until = Time(0);
            self.connected.is_shared_until(self.shared_until);
            attention.clear(AttentionKind::SharedAccount, provider);
        }
    }

    /// The newest row that no purchase of ours can have made, and when it was made at the latest.
    fn foreign(&self, unowned: &[&(ActiveRow, Unowned)], now: Time) -> Option<(String, Time)> {
        let since = Time(now.0.saturating_sub(SHARED_MS));
        let begun = self.begun(now);
        let mut rows: Vec<_> =
            unowned.iter().filter(|(_, says)| is_foreign(says, since, &begun)).collect();
        if rows.is_empty() {
            return None;
        }
        // An order that a start has not brought into doubt yet, or an activation whose id has
        // changed, is ours all the same.
        let mut numbers = Endings::of(rows.iter().filter_map(|(row, _)| row.number.read()));
        let begun = self.in_memory(&mut numbers);
        rows.retain(|(row, says)| {
            let is_ours = || row.number.read().is_some_and(|listed| numbers.is_ours(listed));
            is_foreign(says, since, &begun) && !is_ours()
        });
        let newest = rows.into_iter().max_by_key(|(_, says)| says.made.before)?;
        Some((newest.0.external_id.clone(), newest.1.made.before))
    }

    /// Since when purchases at this provider that are not settled may have been made.
    fn begun(&self, now: Time) -> Begun {
        let (doubts, id) = (&self.orders.doubts, self.connected.id());
        let of_order = |(order, window): (_, Window)| {
            let order = self.orders.market.read_model.order(order)?;
            (order.provider == id).then_some((order.product, window.since))
        };
        let doubted = doubts.all().into_iter().filter_map(of_order);
        let given_up = doubts.given_up(id, now).into_iter().map(|it| (it.product, it.window.since));
        let calls = doubts.calls(id).into_iter().map(|call| (call.product, call.since));
        doubted.chain(given_up).chain(calls).collect()
    }

    /// The same of the orders that have no number yet; notes the numbers of the others.
    fn in_memory(&self, numbers: &mut Endings) -> Begun {
        let (read_model, id) = (&self.orders.market.read_model, self.connected.id());
        let mut begun = Vec::new();
        for order in read_model.driven().into_iter().filter_map(|order| read_model.order(order)) {
            if order.provider != id {
                continue;
            }
            if order.state == ActivationState::Init {
                begun.push((order.product, order.placed_at));
            }
            if let Some(assignment) = &order.assignment {
                numbers.note(assignment.number);
            }
        }
        begun.into_iter().collect()
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
            self.connected.tell_shared(None);
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
