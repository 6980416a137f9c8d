//! Callbacks that wait: those that a crash left, and those that the engine had no room for.

use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::time::Time;
use tokio::sync::watch;

use super::pause::stopped_within;
use crate::order::{DroppedCallbacks, Orders};
use crate::supervisor::Beat;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// How old a callback is that no request processes any more.
const OLD_MS: u64 = 60_000;

/// Looks again and again, first at all that the last process left.
pub(super) async fn run(orders: Arc<Orders>, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
    let mut until = orders.market.clock.now();
    let mut dropped = DroppedCallbacks::since(&orders);
    loop {
        beat.round();
        orders.process_waiting(until).await;
        orders.report_failed();
        orders.report_none_refused();
        dropped.tell(&orders);
        if stopped_within(&mut stop, LOOK).await {
            return;
        }
        until = Time(orders.market.clock.now().0.saturating_sub(OLD_MS));
    }
}
