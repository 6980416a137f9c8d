//! Waiting for what comes to pass by itself.

use std::time::Duration;

use tokio::time::Instant;

/// Far longer than anything that is waited for takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until it is so.
pub(crate) async fn until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "it did not come to pass");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
