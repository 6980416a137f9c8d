//! Background work for single orders, so that it can be awaited and cut at the end.
//!
//! How much there may be: each task belongs to an order that was paid for, or to a number
//! that was bought, and ends with the deadline of a call or of the order.

use std::any::Any;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::attention::{Attention, AttentionKind, AttentionSubject};
use crate::supervisor::caught;

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

    /// Runs a task beside its caller, whose own end does not touch it. One that panics leaves its
    /// order to the workers: the poller, the reconciler, the deadline.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock();
        while set.try_join_next().is_some() {}
        let attention = self.attention.clone();
        set.spawn(async move {
            if let Err(panic) = caught(task).await {
                report(&attention, &words(&*panic));
            }
        });
    }

    /// Waits for all that run now and what they start.
    pub(crate) async fn ended(&self) {
        loop {
            let mut running = std::mem::take(&mut *self.set.lock());
            if running.is_empty() {
                return;
            }
            while running.join_next().await.is_some() {}
        }
    }

    /// Cuts all that run.
    pub(crate) async fn abort(&self) {
        let mut running = std::mem::take(&mut *self.set.lock());
        running.shutdown().await;
    }
}

fn report(attention: &Attention, words: &str) {
    let text = format!(
        "the background task of an order panicked, which is a defect of the program: {words}"
    );
    attention.raise(AttentionKind::TaskPanicked, AttentionSubject::default(), text);
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without words").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_told_to_the_operator() {
        let attention = Attention::default();
        let tasks = Tasks::new(&attention);
        tasks.spawn(async { panic!("the number is odd") });
        tokio::task::yield_now().await;
        // At once: nothing else is spawned, and nothing waits for it.
        let (rows, _) = attention.rows(9);
        let [row] = &rows[..] else { panic!("one row: {rows:?}") };
        assert_eq!(row.kind, AttentionKind::TaskPanicked);
        assert!(row.text.contains("the number is odd"), "{row:?}");
    }
}
