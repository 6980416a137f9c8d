//! The last terms of driven offers, written into the data folder each minute. The
//! workers' stop writes them once more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::pause::stopped_within;
use crate::market::Market;
use crate::supervisor::Beat;

/// Between two writings.
const EVERY: Duration = Duration::from_secs(60);
/// Between two looks whether it is time for one, and after one that failed.
const LOOK: Duration = Duration::from_secs(10);

/// Writes again and again.
pub(super) async fn run(market: Market, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
    let mut next = Instant::now() + EVERY;
    loop {
        beat.round();
        if stopped_within(&mut stop, LOOK).await {
            return;
        }
        if Instant::now() < next {
            continue;
        }
        let writer = market.clone();
        // A panic in there ends this loop, which is restarted.
        let written = tokio::task::spawn_blocking(move || writer.keep_terms()).await;
        if written.expect("the last terms are written") {
            next = Instant::now() + EVERY;
        }
    }
}
