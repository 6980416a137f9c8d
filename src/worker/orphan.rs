//! Numbers that were bought and belong to nobody go back to their provider, and what was
//! written off for them comes back into the books.

use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Effect, RecoverLoss};
use nexnum_engine::ids::OrderId;
use nexnum_engine::limits::BUY_TIME_MS;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use super::insist;
use crate::app::App;
use crate::provider::connected::Connected;
use crate::provider::driver::Op;
use crate::provider::outcome::ErrorKind;

/// Tries to give a number back: with the pauses, half an hour, after which it has run out.
const TRIES_MAX: u32 = 10;
/// Before the next try, times the number of tries so far.
const PAUSE_MS: u64 = 30_000;

/// For how long a reversal is brought to a full inbox: it drains in milliseconds.
const RECOVERY_MS: u64 = 60_000;

/// A purchase that belongs to nobody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Orphan<'a> {
    /// The provider's id of it.
    pub(super) external_id: &'a str,
    /// When the provider takes it back first.
    pub(super) from: Time,
    /// The order and the attempt that it was bought for.
    pub(super) bought_for: (OrderId, u8),
}

impl Orphan<'_> {
    /// Gives the number back in the background; once, however often it is seen.
    pub(super) fn give_back(self, app: &Arc<App>, connected: &Arc<Connected>) {
        let Self { external_id, from, bought_for: (order, attempt) } = self;
        let doubts = &app.doubts;
        if !doubts.disown(connected.id(), external_id, app.clock.now()) {
            return;
        }
        tracing::warn!(provider = connected.name(), external_id, "an orphan is given back");
        let (app, connected) = (Arc::clone(app), Arc::clone(connected));
        let (worker, external_id) = (Arc::clone(&app), external_id.to_owned());
        app.tasks.spawn(async move {
            let taken = cancel(&worker, &connected, &external_id, from).await;
            if taken && connected.driver().calls(Op::Cancel) {
                recover(&worker, order, attempt).await;
            }
        });
    }
}

/// Reverses what was written off for the purchase, if anything was.
async fn recover(app: &App, order: OrderId, attempt: u8) {
    let command = RecoverLoss { order, attempt };
    // Before its order has ended nothing can have been written off.
    let patience = Duration::from_millis(BUY_TIME_MS);
    let ended = |order: &Order| order.state != ActivationState::Init;
    app.read_model.await_order(order, patience, ended).await;
    let until = app.clock.now().plus_ms(RECOVERY_MS);
    match insist(app, &command, until).await {
        Ok(Ok(Effect::Done)) => {
            tracing::info!(order = order.0, "a write-off is reversed");
        }
        // Nothing was written off, or it was for another attempt, or so long ago that the
        // order has left memory: the loss stands.
        Ok(Ok(Effect::Unchanged) | Err(_)) | Err(_) => {}
    }
}

/// True once the provider has taken the number back.
async fn cancel(app: &App, connected: &Connected, external_id: &str, from: Time) -> bool {
    let mut next = from;
    for tries in 1..=TRIES_MAX {
        let now = app.clock.now();
        tokio::time::sleep(Duration::from_millis(next.ms_since(now))).await;
        let Err(error) = connected.client().cancel(external_id).await else { return true };
        let now = app.clock.now();
        connected.note_error(now, Op::Cancel, None, &error);
        if is_final(error.kind) {
            return false;
        }
        next = now.plus_ms(PAUSE_MS * u64::from(tries));
    }
    tracing::error!(provider = connected.name(), external_id, "an orphan could not be given back");
    false
}

/// True if another try would end the same way.
pub(super) const fn is_final(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::NotFound | ErrorKind::HasCode | ErrorKind::TooLate | ErrorKind::Unsupported => {
            true
        }
        ErrorKind::NoNumbers
        | ErrorKind::NoBalance
        | ErrorKind::BadKey
        | ErrorKind::BadService
        | ErrorKind::BadCountry
        | ErrorKind::PriceTooLow
        | ErrorKind::TooEarly
        | ErrorKind::Banned
        | ErrorKind::RateLimited
        | ErrorKind::Temporary
        | ErrorKind::Unmapped => false,
    }
}
