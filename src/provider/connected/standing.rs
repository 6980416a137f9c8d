//! Whether a provider's offers are for sale now, and the pauses that it asks for.
//!
//! During a pause the offers are closed in the grid, so that they are not shown as live; an
//! order that only they would serve is told when the pause is over.

use std::sync::atomic::Ordering;
use std::time::Duration;

use nexnum_engine::breaker::Breaker;
use nexnum_engine::time::Time;

use super::{CALM_MS, Connected, Guarded, Health, OF_BREAKER};
use crate::attention::AttentionKind;
use crate::provider::dispatch::{Lane, PauseOf};

/// A shorter pause is no reason to look: most providers ask for a second or two now and then.
pub(super) const PAUSE_TOLD: Duration = Duration::from_secs(5);

impl Connected {
    /// Whether the offers can be claimed under this breaker, a pause aside.
    fn sells(&self, breaker: Breaker) -> bool {
        let is_listed = self.listed.load(Ordering::Relaxed);
        let is_right_money = || self.client.currency_problem().is_none();
        let is_held = self.held.load(Ordering::Relaxed);
        self.is_enabled() && is_listed && !is_held && breaker.is_closed() && is_right_money()
    }

    /// Whether the offers can be claimed under this breaker.
    pub(super) fn is_on_sale(&self, breaker: Breaker) -> bool {
        self.sells(breaker) && self.client.room().dispatcher().selling_pauses_for().is_none()
    }

    /// Whether an order could be placed there, as far as its room allows: it has offers besides,
    /// and our account is not known to pay for none of them.
    pub(super) fn could_sell(&self, breaker: Breaker, health: &Health) -> bool {
        let known = || self.known.load(Ordering::Relaxed);
        let offers = health.last_sync_at.map_or_else(known, |_| health.offers);
        self.is_on_sale(breaker) && offers > 0 && self.funds.can_pay()
    }

    /// Opens or closes the offers in the grid. The end of a pause is looked for each second,
    /// and by each order that meets them closed.
    pub(super) fn show(&self, guarded: &Guarded) {
        if self.is_retired() {
            return;
        }
        if self.is_on_sale(guarded.breaker) {
            self.grid.open_provider(self.id);
        } else {
            self.grid.close_provider(self.id);
        }
    }

    /// True if nothing but a pause keeps its offers from being bought; once that is over they are
    /// opened by this.
    pub(crate) fn pauses_alone(&self) -> bool {
        let guarded = self.breaker.lock();
        let pauses_alone = !self.is_retired() && self.sells(guarded.breaker);
        if pauses_alone {
            self.show(&guarded);
        }
        pauses_alone
    }

    /// Looks whether a pause has begun or ended, and whether what the operator was told of the
    /// breaker is over.
    pub(crate) fn look(&self, now: Time) {
        self.heed_currency();
        let too_cheap = self.least_costs.too_cheap(now);
        self.note(|health| health.too_cheap = too_cheap);
        let mut guarded = self.breaker.lock();
        self.heed_key(&mut guarded, now);
        self.heed_refused(&mut guarded, now);
        self.show(&guarded);
        self.report_pause(&mut guarded);
        let is_calm = guarded.breaker.is_closed() && now.ms_since(guarded.closed_at) >= CALM_MS;
        if guarded.is_told && is_calm && !self.is_retired() {
            // On sale it is tried by the next purchase, which alone says that it is over.
            let is_refused = self.client.key_word.is_refused_to_buy();
            guarded.is_told = is_refused;
            for kind in OF_BREAKER {
                let lasts = match kind {
                    AttentionKind::KeyRefused => is_refused,
                    AttentionKind::WrongCurrency => guarded.is_currency_told,
                    _ => false,
                };
                if !lasts {
                    self.attention.clear(kind, self.name());
                }
            }
        }
    }

    /// Tells the operator of a pause that is not short, until it is over.
    pub(super) fn report_pause(&self, guarded: &mut Guarded) {
        if self.is_retired() {
            return;
        }
        let pause = self.client.room().dispatcher().longest_pause();
        let pause = pause.filter(|(_, left)| guarded.is_pause_told || *left > PAUSE_TOLD);
        guarded.is_pause_told = pause.is_some();
        let text = pause.map(|(of, left)| {
            let (what, left_s) = (paused(of), left.as_millis().div_ceil(1000));
            format!("it asked for a pause: {what} for {left_s} s more")
        });
        self.attention.report(AttentionKind::ProviderPaused, self.name(), text);
    }
}

/// What is not asked for in a pause.
const fn paused(of: PauseOf) -> &'static str {
    match of {
        PauseOf::All => "nothing is asked or bought",
        PauseOf::One(Lane::Buy) => "nothing is bought",
        PauseOf::One(Lane::Change) => "no cancels and no requests for another message are sent",
        PauseOf::One(Lane::Poll) => "single activations are not asked about, nothing is bought",
        PauseOf::One(Lane::List) => "the list of open activations is not asked for",
        PauseOf::One(Lane::End) => "numbers are not given back and activations not finished",
        PauseOf::One(Lane::Sync) => "price list and balance are not asked for",
    }
}
