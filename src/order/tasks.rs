//! Background work for single orders, so that it can be awaited and cut at the end.
//!
//! How much there may be: each task belongs to an order that was paid for, or to a number
//! that was bought, and ends with the deadline of a call or of the order.

use parking_lot::Mutex;
use tokio::task::{JoinError, JoinSet};

use crate::attention::{Attention, AttentionKind, AttentionSubject};

/// The tasks that run.
#[derive(Debug)]
pub(crate) struct Tasks {
    set: Mutex<JoinSet<()>>,
    attention: Attention,
}

impl Tasks {
    /// None yet; the operator is told of those that panic.
    pub(crate) fn new(attention: &Attention) -> Self {
        Self { set: Mutex::default(), attention: attention.clone() }
    }

    /// Runs a task beside its caller, whose own end does not touch it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock();
        while let Some(ended) = set.try_join_next() {
            self.report(&ended);
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
                self.report(&ended);
            }
        }
    }

    /// Cuts all that run.
    pub(crate) async fn abort(&self) {
        let mut running = std::mem::take(&mut *self.set.lock());
        running.shutdown().await;
    }

    /// A task that panicked left its order to the workers: the poller, the reconciler, the
    /// deadline.
    fn report(&self, ended: &Result<(), JoinError>) {
        if let Err(error) = ended
            && error.is_panic()
        {
            let text = format!(
                "the background task of an order panicked, which is a defect of the program: {error}"
            );
            let subject = AttentionSubject::default();
            self.attention.raise(AttentionKind::TaskPanicked, subject, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_told_to_the_operator() {
        let attention = Attention::default();
        let tasks = Tasks::new(&attention);
        tasks.spawn(async { panic!("the number is odd") });
        tasks.spawn(async {});
        tasks.ended().await;
        let (rows, _) = attention.rows(9);
        let [row] = &rows[..] else { panic!("one row: {rows:?}") };
        assert_eq!(row.kind, AttentionKind::TaskPanicked);
        assert!(row.text.contains("the number is odd"), "{row:?}");
    }
}
