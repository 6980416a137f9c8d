//! Background work for single orders, so that it can be awaited and cut at the end.
//!
//! How much there may be: each task belongs to an order that was paid for, or to a number
//! that was bought, and ends with the deadline of a call or of the order.

use parking_lot::Mutex;
use tokio::task::{JoinError, JoinSet};

/// The tasks that run.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    set: Mutex<JoinSet<()>>,
}

impl Tasks {
    /// Runs a task beside its caller, whose own end does not touch it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock();
        while let Some(ended) = set.try_join_next() {
            report(&ended);
        }
        set.spawn(task);
    }

    /// Waits for all that run now and what they start.
    pub(crate) async fn ended(&self) {
        loop {
            let mut running = std::mem::take(&mut *self.set.lock());
            if running.is_empty() {
                return;
            }
            while let Some(ended) = running.join_next().await {
                report(&ended);
            }
        }
    }

    /// Cuts all that run.
    pub(crate) async fn abort(&self) {
        let mut running = std::mem::take(&mut *self.set.lock());
        running.shutdown().await;
    }
}

/// A task that panicked left its order to the workers: the poller, the reconciler, the
/// deadline.
fn report(ended: &Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "the background task of an order panicked");
    }
}
