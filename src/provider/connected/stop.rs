//! A provider whose replies name another currency than it is set up for: off sale at once, and
//! on sale again as soon as one names the right one. No breaker and no probe has a part in it.

use nexnum_driver::ErrorKind;
use nexnum_engine::breaker::BreakerInput;

use super::Connected;
use crate::attention::AttentionKind;
use crate::provider::consequence;

impl Connected {
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
                "{problem}. Nothing is bought until a reply names the right currency, or the \
                 provider is set up anew"
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
