//! Concurrent requests for the same change of the same number share one call to the
//! provider: the first makes it, the others wait and get its answer. So a customer who
//! repeats a request uses one call of the rate that the provider allows all customers.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use nexnum_driver::Op;
use nexnum_engine::ids::OrderId;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::refusal::UpstreamError;

type Answer = Result<(), UpstreamError>;

/// The questions under way. Bounded by the requests in work.
#[derive(Debug, Default)]
pub(super) struct SingleFlight {
    open: Mutex<HashMap<(OrderId, Op), Arc<Ask>>>,
}

#[derive(Debug, Default)]
struct Ask {
    answer: OnceLock<Answer>,
    answered: Arc<Notify>,
}

impl SingleFlight {
    /// Runs `ask`, or waits for the answer of the same call if it is under way.
    ///
    /// # Errors
    /// Those of `ask`; [`UpstreamError::Unavailable`] if the call under way was dropped.
    pub(super) async fn once(
        &self,
        order: OrderId,
        op: Op,
        ask: impl Future<Output = Answer>,
    ) -> Answer {
        let own = Arc::<Ask>::default();
        // Under one lock: no two enter at once, and no answer comes between the look and the
        // wait for it.
        let asked = {
            let mut open = self.open.lock();
            let asked = open.get(&(order, op)).map(Arc::clone);
            if asked.is_none() {
                open.insert((order, op), Arc::clone(&own));
            }
            asked.map(|asked| (Arc::clone(&asked.answered).notified_owned(), asked))
        };
        if let Some((answered, asked)) = asked {
            answered.await;
            return asked.answer.get().copied().unwrap_or(Err(UpstreamError::Unavailable));
        }
        let open = Open { flights: self, question: (order, op), ask: &own };
        let answer = ask.await;
        own.answer.get_or_init(|| answer);
        drop(open);
        answer
    }
}

/// A question under way; dropped, it wakes those who wait for its answer.
struct Open<'a> {
    flights: &'a SingleFlight,
    question: (OrderId, Op),
    ask: &'a Ask,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.flights.open.lock().remove(&self.question);
        self.ask.answered.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    #[tokio::test]
    async fn the_same_question_is_asked_once_at_a_time() {
        let (asks, calls) = (SingleFlight::default(), AtomicU32::new(0));
        let call = async |answer: Answer| {
            calls.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer
        };
        let failed = Err(UpstreamError::Unavailable);
        let one = OrderId(1);
        let together = tokio::join!(
            asks.once(one, Op::Cancel, call(failed)),
            asks.once(one, Op::Cancel, call(Ok(()))),
            asks.once(one, Op::Resend, call(Ok(()))),
            asks.once(OrderId(2), Op::Cancel, call(Ok(()))),
        );
        assert_eq!(together, (failed, failed, Ok(()), Ok(())));
        assert_eq!(calls.load(Ordering::Relaxed), 3);
        assert_eq!(asks.once(one, Op::Cancel, call(Ok(()))).await, Ok(()), "asked again");
        assert_eq!(calls.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn a_caller_that_is_dropped_while_asking_leaves_no_other_waiting() {
        let asks = SingleFlight::default();
        let asking = asks.once(OrderId(1), Op::Cancel, std::future::pending());
        let waiting = asks.once(OrderId(1), Op::Cancel, async { Ok(()) });
        let gives_up = async {
            let _gone = tokio::time::timeout(Duration::from_millis(10), asking).await;
        };
        let (waited, ()) = tokio::join!(
            async {
                tokio::task::yield_now().await;
                waiting.await
            },
            gives_up
        );
        assert_eq!(waited, Err(UpstreamError::Unavailable));
    }
}
