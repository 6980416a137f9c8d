//! Closing the days that are over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::pause::stopped_within;
use crate::market::history::HistoryError;
use crate::market::{DayCloseError, Market};
use crate::supervisor::Beat;

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_secs(1);

/// Closes days until the workers are stopped.
pub(super) async fn run(market: Market, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
    // The day whose days before are closed: there is nothing to do in it.
    let mut done = None;
    while !stopped_within(&mut stop, LOOK).await {
        beat.round();
        let now = market.clock.now();
        if done == Some(now.day()) {
            continue;
        }
        match market.close_days(now).await {
            Ok(last) => {
                done = Some(now.day());
                last.iter().for_each(|last| market.metrics.day_closed(last.over_at()));
            }
            // History is on its way, or built anew.
            Err(DayCloseError::History(HistoryError::Behind)) => {}
            Err(error) => tracing::warn!(%error, "days are not closed yet"),
        }
    }
}
