//! A cancel that a caller waits for: tried again while the provider is unwell.
//!
//! Promises: an answer within ten seconds, and no try where another one cannot help. Leaves
//! each try to the client.

use std::time::Duration;

use nexnum_driver::{ErrorKind, Op, ProviderError};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::client::ProviderClient;
use super::consequence::{self, Retry};
use super::dispatch::Lane;
use super::way::Way;

/// Tries of a cancel that a caller waits for, and how long all of them may take: most
/// hiccups are over by then. A try that is not answered has all of it, and is not sent again.
const CANCEL_TRIES_MAX: u32 = 3;
const CANCEL_TIME: Duration = Duration::from_secs(10);
/// Before the next of them, unless the provider asks for more.
const CANCEL_PAUSE: Duration = Duration::from_millis(500);

impl ProviderClient {
    /// As [`Self::cancel`], for a caller who waits: tried again while the provider is
    /// unwell, for ten seconds at most. The second of two that both arrived may be refused.
    /// Where the provider's limits allow no call soon, it is refused at once, and its turn
    /// is kept under `key` for when the caller comes back.
    ///
    /// # Errors
    /// As for [`Self::cancel`], of the last try.
    pub async fn cancel_with_retries(
        &self,
        external_id: &str,
        key: u64,
    ) -> Result<(), ProviderError> {
        let deadline = Instant::now() + CANCEL_TIME;
        let mut tries = 1;
        loop {
            let way = Way::Promised(Lane::Change, key);
            let tried = self.change(Op::Cancel, external_id, way);
            let error = match timeout_at(deadline, tried).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => ProviderError::new(ErrorKind::Temporary, false, "no answer in time"),
            };
            let asked = Duration::from_millis(error.retry_after_ms.unwrap_or(0));
            let next = Instant::now() + asked.max(CANCEL_PAUSE);
            let retry = consequence::of(error.kind).retry;
            if tries == CANCEL_TRIES_MAX || next >= deadline || retry == Retry::Never {
                return Err(error);
            }
            tries += 1;
            sleep_until(next).await;
        }
    }
}
