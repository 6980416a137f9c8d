//! Changes of a number at its provider: one call for each at a time, for all requests.
//!
//! A change runs in the background, so that its buyer is answered in time: a request waits for
//! it some seconds, and is told when to come back if the provider has not answered by then. The
//! change goes on; requests for the same one share it, and one that comes back gets its answer.
//! So a customer who repeats a request uses one call of the rate that the provider allows all
//! customers, and no call is sent twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::Op;
use nexnum_engine::ids::OrderId;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::refusal::UpstreamError;
use super::tasks::Tasks;

/// How long a request waits for its change: with what stands around it, a buyer is answered
/// within three seconds.
const ANSWER_TIME: Duration = Duration::from_millis(2_700);
/// How much of a change may be left when a request comes back that was told to: it waits for it.
const REST_TIME: Duration = Duration::from_secs(2);
/// How long a change may take: a turn, a call and a look at what became of it.
const CHANGE_TIME: Duration = Duration::from_secs(15);
/// How long an answer that no request waited for is kept for one that comes back.
const KEPT: Duration = Duration::from_secs(60);

/// How a change ended.
pub(super) type Answer = Result<(), UpstreamError>;

type Change = (OrderId, Op);

/// The changes under way. Bounded by those that were begun within the last minute, each of
/// which had a call of the provider's rate.
#[derive(Debug, Default)]
pub(super) struct SingleFlight {
    flights: Arc<Mutex<Flights>>,
}

#[derive(Debug, Default)]
struct Flights {
    open: HashMap<Change, Flight>,
    kept: HashMap<Change, (Instant, Answer)>,
}

/// A change under way, as a request for it finds it.
#[derive(Clone, Debug)]
struct Flight {
    answer: watch::Receiver<Option<Answer>>,
    ends_by: Instant,
}

impl SingleFlight {
    /// Takes the answer of a change that ended while no request waited for it.
    pub(super) fn kept(&self, order: OrderId, op: Op) -> Option<Answer> {
        let kept = self.flights.lock().kept.remove(&(order, op));
        kept.filter(|(ended, _)| ended.elapsed() < KEPT).map(|(_, answer)| answer)
    }

    /// Runs `change` in the background, or joins the same one if it is under way, and waits for
    /// its answer.
    ///
    /// # Errors
    /// Those of `change`; [`UpstreamError::UnderWay`] if it goes on;
    /// [`UpstreamError::Unavailable`] if it took too long or was cut.
    pub(super) async fn once(
        &self,
        tasks: &Tasks,
        (order, op): Change,
        change: impl Future<Output = Answer> + Send + 'static,
    ) -> Answer {
        let (flight, begun) = self.enter((order, op));
        if let Some(begun) = begun {
            tasks.spawn(async move {
                let answer = timeout(CHANGE_TIME, change).await;
                begun.land(answer.unwrap_or(Err(UpstreamError::Unavailable)));
            });
        }
        self.answer(flight).await
    }

    /// Under one lock: no two begin at once, and no answer comes between the look and the wait
    /// for it.
    fn enter(&self, change: Change) -> (Flight, Option<Begun>) {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.open.get(&change) {
            return (flight.clone(), None);
        }
        let (sender, answer) = watch::channel(None);
        let flight = Flight { answer, ends_by: Instant::now() + CHANGE_TIME };
        flights.open.insert(change, flight.clone());
        (flight, Some(Begun { flights: Arc::clone(&self.flights), change, sender }))
    }

    async fn answer(&self, mut flight: Flight) -> Answer {
        let came = flight.answer.wait_for(Option::is_some);
        let answered = timeout_at(Instant::now() + ANSWER_TIME, came).await.map(drop);
        // Under the lock: a change that ends now is seen here, or sees that this request is gone.
        let _flights = self.flights.lock();
        let answer = *flight.answer.borrow();
        let ends_by = flight.ends_by;
        drop(flight);
        match (answer, answered) {
            (Some(answer), _) => answer,
            // It was cut, or panicked.
            (None, Ok(())) => Err(UpstreamError::Unavailable),
            (None, Err(_)) => {
                let retry_after = ends_by.saturating_duration_since(Instant::now() + REST_TIME);
                Err(UpstreamError::UnderWay { retry_after })
            }
        }
    }
}

/// A change that runs; dropped, it wakes those who wait for its answer.
struct Begun {
    flights: Arc<Mutex<Flights>>,
    change: Change,
    sender: watch::Sender<Option<Answer>>,
}

impl Begun {
    fn land(self, answer: Answer) {
        let mut flights = self.flights.lock();
        flights.open.remove(&self.change);
        flights.kept.retain(|_, (ended, _)| ended.elapsed() < KEPT);
        if self.sender.receiver_count() == 0 && is_lasting(answer) {
            flights.kept.insert(self.change, (Instant::now(), answer));
        }
        self.sender.send_replace(Some(answer));
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.flights.lock().open.remove(&self.change);
    }
}

/// Whether an answer is one for a request that comes back. Where nothing was asked, it asks.
const fn is_lasting(answer: Answer) -> bool {
    match answer {
        Ok(())
        | Err(
            UpstreamError::TooEarly { .. }
            | UpstreamError::NotReady { .. }
            | UpstreamError::HasCode
            | UpstreamError::TooLate
            | UpstreamError::Unsupported
            | UpstreamError::Unavailable,
        ) => true,
        Err(
            UpstreamError::Limited { .. } | UpstreamError::UnderWay { .. } | UpstreamError::Busy,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Attention;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::time::sleep;

    const FAILED: Answer = Err(UpstreamError::TooLate);
    const ONE: Change = (OrderId(1), Op::Cancel);

    struct Rig {
        flights: SingleFlight,
        tasks: Tasks,
        calls: Arc<AtomicU32>,
    }

    impl Rig {
        fn new() -> Self {
            let tasks = Tasks::new(&Attention::default());
            Self { flights: SingleFlight::default(), tasks, calls: Arc::default() }
        }

        /// A change that takes so many seconds, asked for once.
        async fn ask(&self, change: Change, takes_s: u64, answer: Answer) -> Answer {
            let calls = Arc::clone(&self.calls);
            let call = async move {
                calls.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_secs(takes_s)).await;
                answer
            };
            self.flights.once(&self.tasks, change, call).await
        }

        fn calls(&self) -> u32 {
            self.calls.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_change_is_asked_for_once_at_a_time() {
        let rig = Rig::new();
        let together = tokio::join!(
            rig.ask(ONE, 1, FAILED),
            rig.ask(ONE, 1, Ok(())),
            rig.ask((OrderId(1), Op::Resend), 1, Ok(())),
            rig.ask((OrderId(2), Op::Cancel), 1, Ok(())),
        );
        assert_eq!((together, rig.calls()), ((FAILED, FAILED, Ok(()), Ok(())), 3));
        assert_eq!(rig.flights.kept(OrderId(1), Op::Cancel), None, "it was told");
        assert_eq!(rig.ask(ONE, 1, Ok(())).await, Ok(()));
        assert_eq!(rig.calls(), 4, "asked for again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_change_goes_on_and_a_request_that_comes_back_gets_its_answer() {
        for takes_s in [4, 14, 999] {
            let (rig, began) = (Rig::new(), Instant::now());
            let answer = if takes_s == 999 { Err(UpstreamError::Unavailable) } else { FAILED };
            let told = rig.ask(ONE, takes_s, FAILED).await;
            let Err(UpstreamError::UnderWay { retry_after }) = told else { panic!("{told:?}") };
            assert!(began.elapsed() < Duration::from_secs(3));
            let again = rig.ask(ONE, 1, Ok(())).await;
            assert_eq!(rig.calls(), 1, "it is not sent twice");
            sleep(retry_after.saturating_sub(ANSWER_TIME)).await;
            let (asked, kept) = (Instant::now(), rig.flights.kept(OrderId(1), Op::Cancel));
            let got = match (again, kept) {
                (Err(UpstreamError::UnderWay { .. }), Some(answer)) => answer,
                (Err(UpstreamError::UnderWay { .. }), None) => rig.ask(ONE, 1, Ok(())).await,
                (answer, None) => answer,
                (answer, Some(kept)) => panic!("{answer:?}, and {kept:?}"),
            };
            assert_eq!((got, rig.calls()), (answer, 1), "after {takes_s} s");
            assert!(asked.elapsed() < Duration::from_secs(3));
            assert_eq!(rig.flights.kept(OrderId(1), Op::Cancel), None, "told once");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_not_kept_for_ever_nor_one_that_was_none() {
        let rig = Rig::new();
        assert!(rig.ask(ONE, 5, FAILED).await.is_err());
        let limited = Err(UpstreamError::Limited { retry_after: KEPT });
        assert!(rig.ask((OrderId(2), Op::Cancel), 5, limited).await.is_err());
        sleep(Duration::from_secs(5)).await;
        assert_eq!(rig.flights.kept(OrderId(2), Op::Cancel), None);
        sleep(KEPT).await;
        assert_eq!(rig.flights.kept(OrderId(1), Op::Cancel), None);
        assert!(rig.flights.flights.lock().open.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_is_cut_leaves_no_request_waiting() {
        let rig = Rig::new();
        let cut = async {
            sleep(Duration::from_secs(1)).await;
            rig.tasks.abort().await;
        };
        let (told, ()) = tokio::join!(rig.ask(ONE, 5, Ok(())), cut);
        assert_eq!(told, Err(UpstreamError::Unavailable));
        assert!(rig.flights.flights.lock().open.is_empty());
    }
}
