//! Records what buyers were shown, in the order of the notes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::market::sequencer::SendError;
use crate::order::Orders;
use crate::order::shown::{Asker, ShownNote};
use crate::supervisor::Beat;

/// Notes that are recorded at a time: they share commits.
const BATCH_MAX: usize = 256;
/// How long the loop waits for a note before it shows that it lives.
const IDLE: Duration = Duration::from_secs(1);
/// Pauses before a note is sent again to a full inbox.
const PAUSES: usize = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// Takes up notes until the workers are stopped, and then what waits.
pub(super) async fn run(orders: Arc<Orders>, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
    let mut notes = orders.shown_notes.receiver.lock().await;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        beat.round();
        let is_stopped = *stop.borrow();
        if is_stopped {
            let room = BATCH_MAX.saturating_sub(batch.len());
            batch.extend(std::iter::from_fn(|| notes.try_recv().ok()).take(room));
            if batch.is_empty() {
                return;
            }
        } else if batch.is_empty() {
            tokio::select! {
                _ = notes.recv_many(&mut batch, BATCH_MAX) => {}
                _ = stop.wait_for(|is_stopped| *is_stopped) => {}
                () = tokio::time::sleep(IDLE) => {}
            }
        }
        // One of each order at a time, so that the first to see a message is recorded.
        let mut orders_seen = BTreeSet::new();
        let (now, later): (Vec<_>, Vec<_>) =
            batch.drain(..).partition(|note| orders_seen.insert(note.shown.order));
        batch = later;
        let mut recorded = JoinSet::new();
        for note in now {
            recorded.spawn(record(Arc::clone(&orders), note));
        }
        recorded.join_all().await;
    }
}

async fn record(orders: Arc<Orders>, ShownNote { asker, shown }: ShownNote) {
    let Asker { mut origin, account, address } = asker;
    if origin.address.is_none() {
        origin.address = orders.market.number_address(account, address).await;
    }
    let mut left = PAUSES;
    let pause = || {
        left = left.checked_sub(1)?;
        Some(PAUSE)
    };
    // An order that has left memory, and an engine that has stopped, are the end of it.
    if let Err(SendError::Busy) = orders.market.handle.ask_again(origin, shown, pause).await {
        orders.market.metrics.shown_unnoted();
    }
}
