//! Numbers that were bought and belong to nobody go back to their provider.

use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::time::Time;

use crate::app::App;
use crate::provider::connected::Connected;
use crate::provider::driver::Op;
use crate::provider::outcome::ErrorKind;

/// Tries to give a number back: with the pauses, half an hour, after which it has run out.
const TRIES_MAX: u32 = 10;
/// Before the next try, times the number of tries so far.
const PAUSE_MS: u64 = 30_000;

/// Gives a number back in the background, not before `from`; once, however often it is seen.
pub(super) fn give_back(app: &Arc<App>, connected: &Arc<Connected>, external_id: &str, from: Time) {
    let doubts = &app.doubts;
    if !doubts.disown(connected.id(), external_id, app.clock.now()) {
        return;
    }
    tracing::warn!(provider = connected.name(), external_id, "an orphan is given back");
    let (app, connected) = (Arc::clone(app), Arc::clone(connected));
    let (worker, external_id) = (Arc::clone(&app), external_id.to_owned());
    app.tasks.spawn(async move {
        cancel(&worker, &connected, &external_id, from).await;
    });
}

async fn cancel(app: &App, connected: &Connected, external_id: &str, from: Time) {
    let mut next = from;
    for tries in 1..=TRIES_MAX {
        let now = app.clock.now();
        tokio::time::sleep(Duration::from_millis(next.ms_since(now))).await;
        let Err(error) = connected.client().cancel(external_id).await else { return };
        let now = app.clock.now();
        connected.note_error(now, Op::Cancel, None, &error);
        if is_final(error.kind) {
            return;
        }
        next = now.plus_ms(PAUSE_MS * u64::from(tries));
    }
    tracing::error!(provider = connected.name(), external_id, "an orphan could not be given back");
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
