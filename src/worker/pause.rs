//! The pause of a loop, which ends when the loop is to stop.

use std::time::Duration;

use tokio::sync::watch;

/// Sleeps, or returns at once and for good when the workers are to stop.
pub(super) async fn stopped_within(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    let stopping = stop.wait_for(|stop| *stop);
    // An error says that no more work can be asked for.
    tokio::time::timeout(pause, stopping).await.is_ok()
}
