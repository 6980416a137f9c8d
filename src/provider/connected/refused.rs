//! Purchases that a provider refuses again and again while its other calls are answered.
//!
//! Promises: the operator is told from the first purchase on that was refused for want of money, and
//! else from the second one on that closed the offers after another call had opened them, until a
//! purchase proves that they are made again, also after a restart. A try costs a buyer an order, so
//! that the offers stay off sale for twice as long each time, [`HELD_MAX_MS`] at most: less if our
//! account holds more, or the operator enables the provider again.

use std::sync::atomic::Ordering;

use nexnum_driver::Op;
use nexnum_engine::breaker::{BreakerInput, HARD_PAUSE_MS};
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;

use super::outcome::Cause;
use super::refusals::{RefusedFor, RefusedPurchases};
use super::{Connected, Guarded};
use crate::attention::AttentionKind;

/// The longest that nothing is bought before the next try.
const HELD_MAX_MS: u64 = 15 * 60 * 1000;

impl Connected {
    /// A purchase was made.
    pub(crate) fn record_bought(&self, now: Time) {
        self.forget_refused(&mut self.breaker.lock());
        self.record_success(now);
    }

    /// A purchase was refused for what was asked for: it was asked with a good key, and says nothing
    /// of our money.
    pub(super) fn was_refused_a_product(&self, guarded: &mut Guarded) {
        let is_over = match guarded.refused.last {
            Some((_, RefusedFor::Key)) => !self.client.key_word.has_refused_purchases(),
            Some((_, RefusedFor::Other)) => true,
            Some((_, RefusedFor::Money)) | None => false,
        };
        if is_over {
            self.forget_refused(guarded);
        }
    }

    /// A purchase has closed the offers.
    pub(super) fn has_closed(&self, guarded: &mut Guarded, input: BreakerInput, cause: Cause<'_>) {
        let Cause::Of { failure, why } = cause else { return };
        if failure.op != Op::Buy || self.is_retired() {
            return;
        }
        let times = guarded.refused.last.map_or(1, |(times, _)| times.saturating_add(1));
        guarded.refused.last = Some((times, why));
        if why == RefusedFor::Money {
            guarded.refused.balance = self.health.lock().balance;
        }
        if times < 2 && why != RefusedFor::Money {
            return;
        }
        if times >= 2 && input == BreakerInput::Hard {
            // 2⁴ minutes are above the longest time.
            let held_ms = (HARD_PAUSE_MS << (times - 1).min(4)).min(HELD_MAX_MS);
            guarded.refused.held_until = Some(failure.at.plus_ms(held_ms));
            self.held.store(true, Ordering::Relaxed);
        }
        guarded.refused.is_told = true;
        let text = format!(
            "purchases are refused, {times} times in a row by now, whatever its other calls say; the \
             last one: {failure}. They are tried at growing intervals until one is made"
        );
        self.attention.raise(AttentionKind::PurchasesRefused, self.name(), text);
    }

    /// Ends the time without purchases once it is over.
    pub(super) fn heed_refused(&self, guarded: &mut Guarded, now: Time) {
        if guarded.refused.held_until.is_some_and(|until| until <= now) {
            self.release(guarded);
        }
    }

    /// Lets the next purchase try.
    pub(super) fn release(&self, guarded: &mut Guarded) {
        guarded.refused.held_until = None;
        self.held.store(false, Ordering::Relaxed);
    }

    /// Its balance came: if it is more than when a purchase was refused for want of money, the next
    /// one may be made.
    pub(crate) fn heed_balance(&self, balance: Micros) {
        let mut guarded = self.breaker.lock();
        let Some((times, RefusedFor::Money)) = guarded.refused.last else { return };
        if guarded.refused.balance.is_none_or(|least| balance <= least) {
            guarded.refused.balance = Some(balance);
            return;
        }
        if times == 1 {
            self.forget_refused(&mut guarded);
        } else {
            self.release(&mut guarded);
        }
        self.show(&guarded);
    }

    /// Goes on after a start with what the operator was told before it.
    pub(crate) fn resume_refused(&self, now: Time) {
        let mut guarded = self.breaker.lock();
        let is_told = |kind| self.attention.has(kind, self.name());
        let is_key = is_told(AttentionKind::KeyRefused);
        if is_told(AttentionKind::PurchasesRefused) {
            let why = if is_key { RefusedFor::Key } else { RefusedFor::Money };
            guarded.refused.last = Some((1, why));
            guarded.refused.is_told = true;
        }
        if !is_key {
            return;
        }
        let to_buy = guarded.refused.is_told;
        self.client.key_word.resume(to_buy);
        guarded.is_told = true;
        if !to_buy {
            // Nothing is bought until a call shows that the key is accepted by now.
            guarded.breaker = guarded.breaker.after(BreakerInput::Hard, now);
            guarded.ends_early = true;
            self.show(&guarded);
        }
    }

    fn forget_refused(&self, guarded: &mut Guarded) {
        if guarded.refused.is_told && !self.is_retired() {
            self.attention.clear(AttentionKind::PurchasesRefused, self.name());
        }
        guarded.refused = RefusedPurchases::default();
        self.held.store(false, Ordering::Relaxed);
        self.show(guarded);
    }
}
