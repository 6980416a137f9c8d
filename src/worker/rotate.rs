//! The keys of tokens and digests, looked at again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::pause::stopped_within;
use crate::market::retention::RetentionConfig;
use crate::order::Orders;
use crate::supervisor::Beat;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(60);

/// Looks again and again, at first at once.
pub(super) async fn run(
    orders: Arc<Orders>,
    retention: RetentionConfig,
    mut stop: watch::Receiver<bool>,
    beat: Arc<Beat>,
) {
    let (mut settled, mut is_failing) = (None, false);
    loop {
        beat.round();
        let rotated = orders.market.rotate_lookups(retention.lookup_life(), &mut settled).await;
        // The next look goes on; a lasting failure is said once, and at its end.
        match rotated {
            Err(error) if !is_failing => {
                tracing::warn!(%error, "the keys of tokens and digests could not be changed");
                is_failing = true;
            }
            Err(_) => {}
            Ok(()) if is_failing => {
                tracing::info!("the keys of tokens and digests are changed again");
                is_failing = false;
            }
            Ok(()) => {}
        }
        if stopped_within(&mut stop, LOOK).await {
            return;
        }
    }
}
