//! What purchases, probes and other calls do to a provider's breaker.

use nexnum_driver::{Op, ProviderError};
use nexnum_engine::breaker::{BreakerInput, HARD_PAUSE_MS};
use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;

use super::refusals::RefusedFor;
use super::{Connected, Failure, Guarded};
use crate::attention::AttentionKind;

/// Why the breaker is to change.
#[derive(Clone, Copy)]
pub(super) enum Cause<'a> {
    /// Nothing failed.
    None,
    /// A call failed.
    Of { failure: &'a Failure, why: RefusedFor },
}

impl Connected {
    /// Records in the breaker that a purchase or a probe went well. When the breaker changes, the
    /// provider's asks in the grid are opened or closed, here and below.
    pub(crate) fn record_success(&self, now: Time) {
        self.change(&mut self.breaker.lock(), BreakerInput::Good, now, Cause::None);
    }

    /// Records what a purchase or a probe that failed counts as. If the breaker opens, the operator
    /// is told of this failure: others may have been noted since, of calls that it does not count.
    pub(crate) fn record_failure(&self, input: BreakerInput, failure: &Failure) {
        let cause = Cause::Of { failure, why: RefusedFor::Other };
        self.change(&mut self.breaker.lock(), input, failure.at, cause);
    }

    /// The same of an error.
    pub(crate) fn record_error(
        &self,
        input: BreakerInput,
        (now, op, order): (Time, Op, Option<OrderId>),
        error: &ProviderError,
    ) {
        let failure = &Failure::of(now, op, order, error);
        let cause = Cause::Of { failure, why: RefusedFor::of(error.kind) };
        let mut guarded = self.breaker.lock();
        if op == Op::Buy && input == BreakerInput::Good {
            self.was_refused_a_product(&mut guarded);
        }
        self.change(&mut guarded, input, now, cause);
    }

    pub(super) fn change(
        &self,
        guarded: &mut Guarded,
        input: BreakerInput,
        now: Time,
        cause: Cause<'_>,
    ) {
        let before = guarded.breaker;
        guarded.breaker = before.after(input, now);
        if let Cause::Of { why, .. } = cause {
            let of_key = why == RefusedFor::Key;
            let is_calm = || now.ms_since(guarded.closed_at) >= HARD_PAUSE_MS;
            guarded.ends_early = of_key
                && !guarded.breaker.is_closed()
                && (guarded.ends_early || before.is_closed() && is_calm());
        }
        if before.is_closed() == guarded.breaker.is_closed() {
            return;
        }
        let (provider, breaker) = (self.name(), guarded.breaker.word());
        tracing::debug!(provider, breaker, "the circuit breaker of a provider changed");
        if guarded.breaker.is_closed() {
            (guarded.closed_at, guarded.ends_early) = (now, false);
        } else if !self.is_retired() {
            self.has_closed(guarded, input, cause);
            guarded.is_told = true;
            let last = match cause {
                Cause::None => String::new(),
                Cause::Of { failure, .. } => format!("; the last failure: {failure}"),
            };
            let text = format!("its circuit breaker opened: nothing is bought from it{last}");
            self.attention.raise(AttentionKind::BreakerOpen, provider, text);
        }
        self.show(guarded);
    }

    /// True if a probe is due, for the one caller who is to make it.
    pub(crate) fn may_probe(&self, now: Time) -> bool {
        if self.key_problem.is_some() {
            return false;
        }
        let mut guarded = self.breaker.lock();
        let before = guarded.breaker;
        guarded.breaker = before.after(BreakerInput::Probe, now);
        guarded.breaker != before
    }
}
