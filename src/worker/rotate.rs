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
/// After one that failed: a look at all numbers is long, and keys have days.
const PAUSE: Duration = Duration::from_secs(15 * 60);

/// Looks again and again, at first at once.
pub(super) async fn run(
    orders: Arc<Orders>,
    retention: RetentionConfig,
    mut stop: watch::Receiver<bool>,
    beat: Arc<Beat>,
) {
    let mut failing: Option<String> = None;
    loop {
        beat.round();
        let rotated = orders.market.rotate_lookups(retention.lookup_life()).await;
        // The next look goes on; a lasting failure is said once, and at its end.
        let error = rotated.err().map(|error| error.to_string());
        match &error {
            Some(error) if failing.as_ref() != Some(error) => {
                tracing::warn!(%error, "the keys of tokens and digests could not be changed");
            }
            None if failing.is_some() => {
                tracing::info!("the keys of tokens and digests are changed again");
            }
            Some(_) | None => {}
        }
        let pause = if error.is_some() { PAUSE } else { LOOK };
        failing = error;
        if stopped_within(&mut stop, pause).await {
            return;
        }
    }
}
