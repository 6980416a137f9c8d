//! Where a provider allows a call in some seconds.

use super::*;

/// A call in 3.35 s, each at its time.
const WINDOWS: [(u32, u64); 1] = [(3, 10_000)];
const INTERVAL: Duration = Duration::from_millis(3_350);

/// When a call has its turn that is asked for now.
fn turn_at(dispatcher: &Arc<Dispatcher>, lane: Lane, key: u64) -> JoinHandle<Instant> {
    let dispatcher = Arc::clone(dispatcher);
    tokio::spawn(async move {
        let until = Instant::now() + LONG;
        drop(dispatcher.promised_turn(lane, until, key).await.unwrap());
        Instant::now()
    })
}

async fn told(dispatcher: &Dispatcher, key: u64) -> Duration {
    let until = Instant::now() + Lane::Change.patience();
    dispatcher.promised_turn(Lane::Change, until, key).await.unwrap_err().retry_after
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_several_turns_but_for_those_that_customers_wait_for() {
    let patience = |windows: &[(u32, u64)]| {
        let dispatcher = dispatcher(4, windows);
        LANES.map(|lane| dispatcher.patience(lane).as_millis())
    };
    assert_eq!(patience(&[(10, 1_000)]), [8_000, 2_000, 10_000, 25_000, 30_000, 55_000]);
    assert_eq!(patience(&WINDOWS), [8_000, 2_000, 20_100, 25_000, 30_000, 55_000]);
    assert_eq!(patience(&[(1, 19_950)]), [8_000, 2_000, 120_000, 120_000, 120_000, 120_000]);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_promised_its_call_after_one_for_those_that_wait() {
    let dispatcher = dispatcher(4, &WINDOWS);
    let began = Instant::now();
    drop(dispatcher.turn(Lane::Change, began).await.unwrap());
    assert_eq!(told(&dispatcher, 1).await, INTERVAL, "no other call waits");
    let poll = turn_at(&dispatcher, Lane::Poll, 7);
    sleep_until(began + Duration::from_secs(1)).await;
    assert_eq!(told(&dispatcher, 1).await, INTERVAL - Duration::from_secs(1), "it is kept");
    sleep_until(began + INTERVAL).await;
    let change = turn_at(&dispatcher, Lane::Change, 1).await.unwrap();
    assert_eq!(change - began, INTERVAL);
    // The poll still waits: the next call is its own.
    let wait = told(&dispatcher, 2).await;
    assert_eq!(wait, 2 * INTERVAL);
    assert_eq!(poll.await.unwrap() - change, INTERVAL);
    sleep_until(change + wait).await;
    assert_eq!(turn_at(&dispatcher, Lane::Change, 2).await.unwrap() - change, wait);
}

#[tokio::test(start_paused = true)]
async fn no_call_is_kept_for_a_change_that_hardly_waits_for_its_own() {
    let dispatcher = dispatcher(4, &WINDOWS);
    let began = Instant::now();
    drop(dispatcher.turn(Lane::Change, began).await.unwrap());
    let waits = [told(&dispatcher, 1).await, told(&dispatcher, 2).await];
    assert_eq!(waits, [INTERVAL, 3 * INTERVAL]);
    // The first comes back a second late, as clients do that count in whole ones.
    let late = Duration::from_secs(1);
    sleep_until(began + waits[0] + late).await;
    let first = turn_at(&dispatcher, Lane::Change, 1).await.unwrap();
    let poll = turn_at(&dispatcher, Lane::Poll, 7);
    sleep_until(began + waits[1]).await;
    assert!(poll.is_finished(), "the call between is the poll's");
    assert_eq!(poll.await.unwrap() - first, INTERVAL);
    let second = turn_at(&dispatcher, Lane::Change, 2).await.unwrap();
    assert_eq!(second - began, waits[1] + late);
}
