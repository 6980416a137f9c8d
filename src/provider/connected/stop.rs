//! What takes a provider off sale whatever its prices are.
//!
//! Our key refused: a call of the whole account stops it until a probe goes well, or another such
//! call has been accepted; a call about one activation has a sync look. Replies that name another currency than it is set up for: off
//! sale at once, also after a restart, and on sale again as soon as one names the right one,
//! without a breaker or a probe.

use std::sync::Arc;

use nexnum_driver::ErrorKind;
use nexnum_engine::breaker::BreakerInput;
use nexnum_engine::time::Time;

use super::outcome::Cause;
use super::refusals::RefusedFor;
use super::{Connected, Failure, Guarded};
use crate::attention::AttentionKind;
use crate::provider::consequence;
use crate::provider::cost_basis::CostBases;
use crate::provider::key_word::is_of_one;
use crate::provider::reported_rows::ReportedRows;
use crate::provider::shared_accounts::SharedAccounts;

/// Between two syncs that such answers ask for.
const WORD_MS: u64 = 60_000;

impl Connected {
    /// Has its costs' currency and rate kept, and what its replies name.
    pub(crate) fn keep_basis(&mut self, bases: &Arc<CostBases>) {
        self.client.remember_currency(bases, self.document);
        self.bases = Some(Arc::clone(bases));
        self.began_void = self.costs_are_void();
    }

    /// Whether its known costs were void when it was connected: what was charged before then was
    /// reckoned in another way.
    pub(crate) const fn began_void(&self) -> bool {
        self.began_void
    }

    /// Which providers' accounts are known to be shared.
    pub(in crate::provider) fn accounts(&self) -> Option<&SharedAccounts> {
        self.bases.as_deref().map(CostBases::accounts)
    }

    /// What lists showed that was reported as not attributable.
    pub(in crate::provider) fn reported(&self) -> Option<&ReportedRows> {
        self.bases.as_deref().map(CostBases::reported)
    }

    fn basis(&self) -> String {
        format!("{} {}", self.client.rate(), self.driver.currency())
    }

    /// Whether its known costs were reckoned in another currency or at another rate: nothing is
    /// held against them, and nothing is sold at them.
    pub(crate) fn costs_are_void(&self) -> bool {
        let differs = |bases: &Arc<CostBases>| bases.differs(self.name(), &self.basis());
        self.bases.as_ref().is_some_and(differs)
    }

    /// A list has brought its costs.
    pub(crate) fn has_costs(&self) {
        if let Some(bases) = self.bases.as_ref().filter(|_| !self.is_retired()) {
            bases.set(self.name(), &self.basis());
        }
    }

    /// A call was answered with what no other escapes: it takes the offers off sale, or has a
    /// sync find out.
    pub(super) fn is_refused(&self, kind: AttentionKind, failure: &Failure) {
        if is_of_one(failure.op) && kind == AttentionKind::KeyRefused {
            self.wants_word(failure.at);
        } else {
            self.is_stopped(kind, failure);
        }
    }

    /// A call about one activation was answered as with a refused key: a sync, whose calls are of
    /// the whole account, says whether that is so. Its list is not asked for at each such answer.
    fn wants_word(&self, now: Time) {
        let mut guarded = self.breaker.lock();
        let is_due = guarded.asked_at.is_none_or(|at| now.ms_since(at) >= WORD_MS);
        if is_due && guarded.breaker.is_closed() && !self.is_retired() {
            guarded.asked_at = Some(now);
            drop(guarded);
            self.sync_now();
        }
    }

    /// Opens the breaker: nothing is bought until a probe goes well.
    fn is_stopped(&self, kind: AttentionKind, failure: &Failure) {
        if self.is_retired() {
            return;
        }
        let Failure { at: now, op, text, .. } = failure;
        let text = format!(
            "{} was answered with {text}: nothing is bought until it is accepted; it is tried \
             again, from time to time",
            op.name()
        );
        self.attention.raise(kind, self.name(), text);
        let mut guarded = self.breaker.lock();
        guarded.is_told = true;
        // An open breaker's pause is not begun anew by each poll, or no probe would ever be due.
        if guarded.breaker.is_closed() {
            let why = match kind {
                AttentionKind::KeyRefused => RefusedFor::Key,
                _ => RefusedFor::Other,
            };
            self.change(&mut guarded, BreakerInput::Hard, *now, Cause::Of { failure, why });
        }
    }

    /// Ends a stop for our key once a call that was asked after the refusal was accepted: the key
    /// was mended, and no probe has to be waited for.
    pub(super) fn heed_key(&self, guarded: &mut Guarded, now: Time) {
        if guarded.ends_early && self.client.key_word.is_accepted() {
            self.change(guarded, BreakerInput::Mended, now, Cause::None);
        }
    }

    /// Closes the offers and tells the operator once a reply has named another currency than
    /// the provider is set up for; opens them once a reply has named the right one.
    pub(crate) fn heed_currency(&self) {
        let mut guarded = self.breaker.lock();
        let problem = self.client.currency_problem();
        if problem.is_some() == guarded.is_currency_told || self.is_retired() {
            return;
        }
        guarded.is_currency_told = problem.is_some();
        let text = problem.map(|problem| {
            format!(
                "{problem}, or set `currency` to the one that the rate is of. Nothing is bought until \
                 a reply names that one, or the provider's section or driver is changed"
            )
        });
        self.attention.report(AttentionKind::WrongCurrency, self.name(), text);
        self.show(&guarded);
    }

    /// Whether an error follows from the currency of an earlier reply: it says nothing of the
    /// call, and its end needs no probe.
    pub(super) fn is_stopped_by_currency(&self, kind: ErrorKind) -> bool {
        kind == ErrorKind::WrongCurrency && self.client.currency_problem().is_some()
    }

    /// What the breaker counts for a purchase that was refused so.
    pub(crate) fn refusal_counts(&self, kind: ErrorKind) -> Option<BreakerInput> {
        consequence::of(kind).breaker.filter(|_| !self.is_stopped_by_currency(kind))
    }
}
