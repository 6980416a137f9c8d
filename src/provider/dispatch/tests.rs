//! The dispatcher under a clock that stands still between events.

mod few_calls;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::lane::LANES;
use super::pauses::PROBE;
use super::*;
use nexnum_driver::Window;
use tokio::task::{JoinHandle, JoinSet};

const LONG: Duration = Duration::from_secs(24 * 60 * 60);

fn dispatcher(concurrency: u32, windows: &[(u32, u64)]) -> Arc<Dispatcher> {
    let windows = windows.iter().map(|&(calls, per_ms)| Window { calls, per_ms }).collect();
    Arc::new(Dispatcher::new(&CallLimits { concurrency, penalty_ms: 1, windows }))
}

/// What no interval may be as long as that has a call more than the window allows: calls arrive a
/// little sooner or later than they are given.
fn lengthened(per_ms: u64) -> Duration {
    let per = Duration::from_millis(per_ms);
    per + (per / 50).min(Duration::from_millis(50))
}

/// Callers of one lane that ask again as soon as their call is over; gives when each went.
async fn saturate(
    dispatcher: &Arc<Dispatcher>,
    callers: &[(Lane, usize)],
    call: Duration,
    time: Duration,
) -> Vec<(Lane, Instant)> {
    let (end, gone) = (Instant::now() + time, Arc::new(Mutex::new(Vec::new())));
    let mut all = JoinSet::new();
    for &(lane, count) in callers {
        for _ in 0..count {
            let (dispatcher, gone) = (Arc::clone(dispatcher), Arc::clone(&gone));
            all.spawn(async move {
                while let Ok(turn) = dispatcher.turn(lane, Instant::now() + LONG).await {
                    gone.lock().push((lane, Instant::now()));
                    sleep_until(Instant::now() + call).await;
                    drop(turn);
                }
            });
        }
    }
    sleep_until(end).await;
    all.shutdown().await;
    std::mem::take(&mut *gone.lock())
}

#[tokio::test(start_paused = true)]
async fn no_interval_of_a_window_has_more_calls_than_it_allows_and_nine_tenths_are_used() {
    for windows in [
        &[(1u32, 700u64)][..],
        &[(3, 1_000)],
        &[(10, 1_000)],
        &[(20, 1_000)],
        &[(50, 1_000)],
        &[(10, 1_000), (200, 60_000)],
        &[(5, 1_000), (30, 60_000), (1_000, 3_600_000)],
    ] {
        let dispatcher = dispatcher(100, windows);
        let time = Duration::from_secs(600);
        let gone = saturate(&dispatcher, &[(Lane::Poll, 20)], Duration::ZERO, time).await;
        for &(calls, per_ms) in windows {
            let per = lengthened(per_ms);
            let mut inside = VecDeque::new();
            for (_, at) in &gone {
                inside.push_back(*at);
                while inside[0] + per <= *at {
                    inside.pop_front();
                }
                assert!(inside.len() <= calls as usize, "{} of {calls} in {per:?}", inside.len());
            }
        }
        let allowed = windows
            .iter()
            .map(|&(calls, per_ms)| f64::from(calls) * time.as_millis() as f64 / per_ms as f64)
            .fold(f64::INFINITY, f64::min);
        let used = gone.len() as f64 / allowed;
        assert!(used >= 0.9, "{windows:?}: {used}");
    }
}

#[tokio::test(start_paused = true)]
async fn lanes_that_all_wait_go_by_their_weights() {
    let dispatcher = dispatcher(8, &[(10, 1_000), (200, 60_000)]);
    let callers = LANES.map(|lane| (lane, 16));
    let time = Duration::from_secs(600);
    let gone = saturate(&dispatcher, &callers, Duration::from_millis(100), time).await;
    let weights: u64 = LANES.iter().map(|lane| lane.weight()).sum();
    for lane in LANES {
        let had = gone.iter().filter(|(other, _)| *other == lane).count() as f64;
        let due = gone.len() as f64 * lane.weight() as f64 / weights as f64;
        assert!((had - due).abs() <= 2.0 + due / 50.0, "{lane:?}: {had} of {due}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_lane_does_not_use_goes_to_the_others_and_is_no_claim() {
    let dispatcher = dispatcher(4, &[(10, 1_000)]);
    let alone = Duration::from_secs(100);
    let gone = saturate(&dispatcher, &[(Lane::Sync, 8)], Duration::ZERO, alone).await;
    assert!(gone.len() >= 900, "the least of the lanes alone has all: {}", gone.len());
    // Buying was silent for long. It does not make up for it now, nor is it made to wait.
    let callers = [(Lane::Sync, 8), (Lane::Buy, 8)];
    let gone = saturate(&dispatcher, &callers, Duration::ZERO, Duration::from_secs(8)).await;
    let bought = gone.iter().filter(|(lane, _)| *lane == Lane::Buy).count();
    assert!((bought * 3).abs_diff(gone.len() * 2) <= 20, "{bought} of {}", gone.len());
}

#[tokio::test(start_paused = true)]
async fn a_lane_goes_in_the_order_of_arrival() {
    let dispatcher = dispatcher(1, &[(2, 1_000)]);
    let gone = Arc::new(Mutex::new(Vec::new()));
    let mut all = JoinSet::new();
    for n in 0..20 {
        let (dispatcher, gone) = (Arc::clone(&dispatcher), Arc::clone(&gone));
        all.spawn(async move {
            let turn = dispatcher.turn(Lane::Poll, Instant::now() + LONG).await.unwrap();
            gone.lock().push(n);
            drop(turn);
        });
        tokio::task::yield_now().await;
    }
    while all.join_next().await.is_some() {}
    assert_eq!(*gone.lock(), (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_place_in_flight_is_not_held_by_a_call_that_waits() {
    // Two places, calls of 600 ms, cancels that wait for them: a purchase goes by its share.
    let dispatcher = dispatcher(2, &[(100, 1_000)]);
    let busy = {
        let dispatcher = Arc::clone(&dispatcher);
        tokio::spawn(async move {
            let callers = [(Lane::Change, 32)];
            let call = Duration::from_millis(600);
            saturate(&dispatcher, &callers, call, Duration::from_secs(60)).await
        })
    };
    tokio::time::sleep(Duration::from_secs(5)).await;
    let asked = Instant::now();
    let turn = dispatcher.turn(Lane::Buy, asked + LONG).await.unwrap();
    assert!(asked.elapsed() <= Duration::from_millis(1_200), "{:?}", asked.elapsed());
    drop(turn);
    busy.abort();
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_turn_cannot_come_in_time_is_refused_at_once() {
    let dispatcher = dispatcher(8, &[(1, 60_000)]);
    drop(dispatcher.turn(Lane::Buy, Instant::now()).await.unwrap());
    let asked = Instant::now();
    let refused = dispatcher.turn(Lane::Buy, asked + Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(asked.elapsed(), Duration::ZERO, "nothing was waited for");
    assert_eq!(refused.retry_after, Duration::from_millis(60_050));
    // And one whose turn came after the time that it was given leaves the queue.
    let waits = dispatcher.turn(Lane::Buy, asked + Duration::from_secs(90)).await;
    assert!(waits.is_ok());
    assert_eq!(asked.elapsed(), Duration::from_millis(60_050));
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_for_all_lanes_and_is_bounded() {
    let dispatcher = dispatcher(8, &[(100, 1_000)]);
    dispatcher.pause(PauseOf::All, Duration::from_secs(1_000_000));
    let asked = Instant::now();
    for lane in LANES {
        let refused = dispatcher.turn(lane, asked + Duration::from_secs(29)).await.unwrap_err();
        let is_probed = matches!(lane, Lane::Poll | Lane::List);
        assert_eq!(refused.retry_after, if is_probed { PROBE } else { PAUSE_MAX });
    }
    assert_eq!(dispatcher.selling_pauses_for(), Some(PAUSE_MAX));
    dispatcher.turn(Lane::Sync, asked + LONG).await.map(drop).unwrap();
    assert_eq!(asked.elapsed(), PAUSE_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_one_lane_leaves_the_others_their_turns() {
    let dispatcher = dispatcher(8, &[(100, 1_000)]);
    let (asked, pause) = (Instant::now(), Duration::from_secs(20));
    dispatcher.pause(PauseOf::One(Lane::Sync), pause);
    let refused = dispatcher.turn(Lane::Sync, asked + Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(refused.retry_after, pause);
    let waits = Arc::clone(&dispatcher);
    let waits = tokio::spawn(async move {
        let turn = waits.turn(Lane::Sync, asked + LONG).await;
        turn.map(|_| asked.elapsed())
    });
    tokio::task::yield_now().await;
    for lane in LANES.into_iter().filter(|lane| *lane != Lane::Sync) {
        drop(dispatcher.turn(lane, asked + LONG).await.unwrap());
    }
    assert!(dispatcher.look(|_| None).is_ok(), "no purchase waits for a price list");
    assert_eq!(asked.elapsed(), Duration::ZERO);
    assert_eq!(waits.await.unwrap(), Ok(pause), "woken when the pause ends");
    for lane in [Lane::Buy, Lane::Poll] {
        dispatcher.pause(PauseOf::One(lane), pause);
        assert_eq!(dispatcher.look(|_| None).unwrap_err().retry_after, pause, "{lane:?}");
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_polls_is_over_when_one_that_is_made_in_it_is_answered_well() {
    for of in [PauseOf::All, PauseOf::One(Lane::Poll)] {
        let dispatcher = dispatcher(8, &[(100, 1_000)]);
        let asked = Instant::now();
        let before = dispatcher.turn(Lane::Poll, asked + LONG).await.unwrap();
        dispatcher.pause(of, PAUSE_MAX);
        drop(before);
        dispatcher.note_well(Lane::Poll);
        let poll = async |patience| {
            dispatcher.turn(Lane::Poll, Instant::now() + Duration::from_secs(patience)).await
        };
        assert!(poll(29).await.is_err(), "the answer is of a call from before the pause");
        drop(poll(31).await.unwrap());
        assert_eq!(asked.elapsed(), PROBE);
        assert!(poll(29).await.is_err(), "one call at a time");
        // It was answered badly; the next one well.
        drop(poll(31).await.unwrap());
        assert_eq!(asked.elapsed(), 2 * PROBE);
        dispatcher.note_well(Lane::Poll);
        drop(poll(1).await.unwrap());
        drop(poll(1).await.unwrap());
        assert_eq!(asked.elapsed(), 2 * PROBE);
        // Purchases are another matter.
        let sells = of != PauseOf::All;
        assert_eq!(dispatcher.selling_pauses_for().is_none(), sells);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_its_queue_and_its_turn() {
    let dispatcher = dispatcher(1, &[(1, 1_000)]);
    let first = dispatcher.turn(Lane::Buy, Instant::now() + LONG).await.unwrap();
    let (left, stayed) = (Arc::clone(&dispatcher), Arc::clone(&dispatcher));
    let leaves = tokio::spawn(async move { left.turn(Lane::Buy, Instant::now() + LONG).await });
    let stays = tokio::spawn(async move { stayed.turn(Lane::Buy, Instant::now() + LONG).await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    leaves.abort();
    drop(first);
    let asked = Instant::now();
    let turn = stays.await.unwrap().unwrap();
    assert!(asked.elapsed() <= Duration::from_millis(1_020));
    drop(turn);
    let state = dispatcher.shared.state.lock();
    assert_eq!(state.purchases(), 0);
    assert!(state.next_lane(Instant::now()).is_none() && state.has_place(Lane::Buy));
}

/// The mix that starved the first version: the shipped limits of the handler protocol, buyers
/// that never stop, and open activations that are polled as often as they may.
#[tokio::test(start_paused = true)]
async fn under_the_shipped_limits_no_lane_starves_another() {
    let dispatcher = dispatcher(16, &[(10, 1_000), (200, 60_000)]);
    let busy = {
        let dispatcher = Arc::clone(&dispatcher);
        tokio::spawn(async move {
            let callers = [(Lane::Buy, 32), (Lane::Poll, 60), (Lane::Change, 8)];
            let call = Duration::from_millis(50);
            saturate(&dispatcher, &callers, call, Duration::from_secs(400)).await
        })
    };
    let slowest = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(15)).await;
        for lane in [Lane::Sync, Lane::List] {
            let asked = Instant::now();
            let turn = dispatcher.turn(lane, asked + lane.patience()).await;
            drop(turn.unwrap_or_else(|_| panic!("{lane:?} was refused")));
            slowest.fetch_max(asked.elapsed().as_millis() as usize, Ordering::Relaxed);
        }
    }
    let slowest_ms = slowest.load(Ordering::Relaxed);
    assert!(slowest_ms <= 6_000, "{slowest_ms} ms");
    let gone = busy.await.unwrap();
    assert!(gone.len() >= 1_100, "{} calls in 400 s", gone.len());
}

#[tokio::test(start_paused = true)]
async fn where_few_calls_are_allowed_price_lists_and_doubts_have_their_turns_in_time() {
    let dispatcher = dispatcher(4, &[(5, 60_000)]);
    let busy = {
        let dispatcher = Arc::clone(&dispatcher);
        tokio::spawn(async move {
            let callers = [(Lane::Buy, 2), (Lane::Poll, 4), (Lane::Change, 2)];
            saturate(&dispatcher, &callers, Duration::ZERO, Duration::from_secs(1_300)).await
        })
    };
    for _ in 0..10 {
        let begins = Instant::now() + Duration::from_secs(60);
        for lane in [Lane::Sync, Lane::Sync, Lane::List] {
            let asked = Instant::now();
            let turn = dispatcher.turn(lane, asked + lane.patience()).await;
            drop(turn.unwrap_or_else(|_| panic!("{lane:?} had no turn")));
            assert!(asked.elapsed() <= Duration::from_secs(28), "{lane:?}: {:?}", asked.elapsed());
        }
        sleep_until(begins).await;
    }
    let polls = busy.await.unwrap().iter().filter(|(lane, _)| *lane == Lane::Poll).count();
    assert!(polls >= 15, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_refused_is_told_when_to_come_back_and_goes_first_then() {
    let dispatcher = dispatcher(16, &[(10, 1_000), (200, 60_000)]);
    let (mut told, mut answered) = (Vec::new(), 0);
    let began = Instant::now();
    let mut waiting = JoinSet::new();
    for key in 0..64 {
        let dispatcher = Arc::clone(&dispatcher);
        let until = Instant::now() + Lane::Change.patience();
        waiting.spawn(async move {
            (key, dispatcher.promised_turn(Lane::Change, until, key).await.map(drop))
        });
    }
    while let Some(ended) = waiting.join_next().await {
        let (key, turn) = ended.unwrap();
        match turn {
            Ok(()) => answered += 1,
            Err(limited) => told.push((began + limited.retry_after, key)),
        }
    }
    assert!(began.elapsed() <= Lane::Change.patience());
    assert!((12..=20).contains(&answered), "{answered} at once, the burst among them");
    // Others come all the time, and each that comes back on time is answered.
    told.sort_unstable();
    assert!(told.iter().all(|(at, _)| *at <= began + Duration::from_secs(35)), "{told:?}");
    let others = {
        let dispatcher = Arc::clone(&dispatcher);
        tokio::spawn(async move {
            let callers = [(Lane::Poll, 60), (Lane::Sync, 2)];
            saturate(&dispatcher, &callers, Duration::ZERO, Duration::from_secs(120)).await
        })
    };
    for (at, key) in told {
        sleep_until(at).await;
        let asked = Instant::now();
        let turn = dispatcher.promised_turn(Lane::Change, asked + Lane::Change.patience(), key);
        assert!(turn.await.is_ok(), "{key} came back and was refused");
        assert!(asked.elapsed() <= Lane::Change.patience());
    }
    others.abort();
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_too_early_is_told_the_same_moment_and_keeps_it() {
    let dispatcher = dispatcher(16, &[(1, 60_000)]);
    drop(dispatcher.turn(Lane::Change, Instant::now()).await.unwrap());
    let ask = |key| {
        let dispatcher = Arc::clone(&dispatcher);
        async move {
            let until = Instant::now() + Lane::Change.patience();
            dispatcher.promised_turn(Lane::Change, until, key).await.map(drop)
        }
    };
    let (turn, soon) = (Duration::from_millis(60_050), Duration::from_secs(20));
    assert_eq!(ask(7).await.unwrap_err().retry_after, turn);
    assert_eq!(ask(8).await.unwrap_err().retry_after, 3 * turn, "behind the first");
    tokio::time::sleep(soon).await;
    assert_eq!(ask(7).await.unwrap_err().retry_after, turn - soon);
    tokio::time::sleep(turn - soon).await;
    assert!(ask(7).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn purchases_are_admitted_while_nothing_else_waits_for_long() {
    let dispatcher = dispatcher(16, &[(10, 1_000), (200, 60_000)]);
    // A part of the burst, and what flows in within the wait.
    let admitted: Vec<_> = std::iter::from_fn(|| dispatcher.admit(|_| None).ok()).collect();
    assert!((3..=8).contains(&admitted.len()), "{}", admitted.len());
    let mut turns = JoinSet::new();
    for admission in admitted {
        let dispatcher = Arc::clone(&dispatcher);
        turns.spawn(async move {
            let asked = Instant::now();
            let until = asked + Lane::Buy.patience();
            dispatcher.admitted_turn(admission, until).await.map(drop).map(|()| asked.elapsed())
        });
    }
    while let Some(ended) = turns.join_next().await {
        assert!(ended.unwrap().unwrap() <= Duration::from_secs(4), "admitted is as good as sent");
    }
    assert_eq!(dispatcher.shared.state.lock().purchases(), 0);
    // A cancel that waits goes before.
    let waits = Arc::clone(&dispatcher);
    let cancels: Vec<_> = (0..12)
        .map(|_| {
            let waits = Arc::clone(&waits);
            tokio::spawn(async move {
                let until = Instant::now() + Duration::from_secs(60);
                waits.turn(Lane::Change, until).await.map(drop)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(600)).await;
    let refused = dispatcher.admit(|_| None).unwrap_err();
    assert!(refused.retry_after >= Duration::from_secs(1));
    for cancel in cancels {
        cancel.await.unwrap().unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(dispatcher.admit(|_| None).is_ok());
}

#[tokio::test(start_paused = true)]
async fn slow_answers_in_one_lane_leave_places_for_the_others() {
    let dispatcher = dispatcher(16, &[(1_000, 1_000)]);
    let mut held = Vec::new();
    for lane in [Lane::Buy, Lane::Poll, Lane::List, Lane::End, Lane::Sync] {
        loop {
            let until = Instant::now() + Duration::from_millis(10);
            let Ok(turn) = dispatcher.turn(lane, until).await else { break };
            held.push(turn);
        }
    }
    assert_eq!(held.len(), 14, "all but what is kept for changes");
    let until = Instant::now() + Duration::from_millis(10);
    assert!(dispatcher.turn(Lane::Change, until).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_replaces_another_shares_its_calls() {
    let windows = vec![Window { calls: 5, per_ms: 1_000 }];
    let limits = CallLimits { concurrency: 16, penalty_ms: 1, windows };
    let first = Dispatcher::shared(None, &limits);
    let second = Dispatcher::shared(Some(Arc::clone(&first)), &limits);
    let soon = || Instant::now() + Duration::from_millis(10);
    for each in [&first, &second, &first, &second, &first] {
        drop(each.turn(Lane::Poll, soon()).await.unwrap());
    }
    assert!(second.turn(Lane::Poll, soon()).await.is_err(), "five in all");
    // Under other limits nothing is known of what was called before: they begin used up.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for calls in [3, 40] {
        let limits =
            CallLimits { windows: vec![Window { calls, per_ms: 1_000 }], ..limits.clone() };
        let other = Dispatcher::shared(Some(Arc::clone(&first)), &limits);
        assert!(first.turn(Lane::Poll, soon()).await.is_err());
        let asked = Instant::now();
        drop(other.turn(Lane::Poll, asked + LONG).await.unwrap());
        assert!(asked.elapsed() <= Duration::from_millis(1_020));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn purchases_of_slow_calls_are_not_admitted_beyond_their_places() {
    let dispatcher = dispatcher(4, &[(10, 1_000)]);
    let mut bought = JoinSet::new();
    for _ in 0..600 {
        if let Ok(admission) = dispatcher.admit(|_| None) {
            let dispatcher = Arc::clone(&dispatcher);
            bought.spawn(async move {
                let until = Instant::now() + Lane::Buy.patience();
                let _turn = dispatcher.admitted_turn(admission, until).await?;
                tokio::time::sleep(Duration::from_secs(3)).await;
                Ok::<_, Limited>(())
            });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let turns = bought.join_all().await;
    assert!(turns.iter().all(Result::is_ok), "admitted and turned away: {turns:?}");
    assert!(turns.len() >= 36, "two at a time, for a minute: {}", turns.len());
}

#[tokio::test(start_paused = true)]
async fn processes_after_one_another_keep_to_each_window_together() {
    let windows = vec![Window { calls: 10, per_ms: 1_000 }, Window { calls: 200, per_ms: 60_000 }];
    let limits = CallLimits { windows, concurrency: 64, penalty_ms: 1_000 };
    let mut given = Vec::new();
    for process in 0..4_u64 {
        let dispatcher = Dispatcher::new(&limits);
        if process > 0 {
            dispatcher.follow_another_process();
        }
        let ends = Instant::now() + Duration::from_secs(7 + 5 * process);
        while let Ok(turn) = dispatcher.turn(Lane::Poll, ends).await {
            given.push(Instant::now());
            drop(turn);
        }
        sleep_until(ends).await;
    }
    for window in &limits.windows {
        let per = lengthened(window.per_ms);
        let most = (0..given.len())
            .map(|first| given[first..].iter().take_while(|at| **at < given[first] + per).count());
        assert!(most.max().unwrap() <= window.calls as usize, "{window:?}");
    }
    assert!(given.len() > 150, "{}", given.len());
}
