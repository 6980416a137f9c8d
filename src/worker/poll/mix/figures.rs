//! What a run came to, and what it has to come to.

use std::time::Duration;

use nexnum_driver::Window;
use tokio::time::Instant;

use super::world::{Bought, End, World};

/// How late a code may be, and how long a doubt may take.
pub(super) const CODE_LATE: Duration = Duration::from_secs(15);
const DOUBT_TIME: Duration = Duration::from_secs(30);

/// Where a provider allows a call in some seconds, so many calls' time has to do for what the
/// issue gives a time of its own: the other lanes have their calls between.
fn at_least(world: &World, time: Duration, calls: u32) -> Duration {
    time.max(world.slowness() * calls)
}

pub(super) fn check(world: &World, seed: u64) {
    let told = told(world, seed);
    check_codes(world, &told);
    check_calls(world, &told);
    let (mix, figures, bought) = (&world.mix, world.figures.lock(), world.bought.lock());
    assert_eq!((figures.slow_cancels, figures.broken_promises), (0, 0), "{told}");
    assert!(figures.turned_away <= 1 + bought.len() / 100, "admitted and turned away: {told}");
    let end = world.began + mix.run;
    // With a call in more than 20 s nothing is promised of price lists.
    let is_asked = world.slowness() <= Duration::from_secs(20);
    for (what, came) in [("price list", &figures.syncs), ("balance", &figures.balances)] {
        let mut last = world.began;
        for at in came.iter().copied().chain([end]) {
            let age = at - last;
            let is_late = age > 2 * mix.sync + world.slowness();
            assert!(!is_late || !is_asked, "the {what} is {age:?} old: {told}");
            last = at;
        }
    }
    let most = at_least(world, DOUBT_TIME, 5) + Duration::from_millis(mix.call.end);
    for doubt in world.doubts.lock().iter() {
        let took = doubt.settled.map_or(end, |(at, _)| at) - doubt.at;
        assert!(took <= most, "a doubt took {took:?}: {told}");
    }
    // A cancel that is told to wait is told a sane time, within which it can be made.
    let most = (mix.lifetime / 10).max(Duration::from_secs(60)) + at_least(world, CODE_LATE, 3);
    assert!(figures.longest_told <= most, "{told}");
    let most = (mix.lifetime / 2).max(Duration::from_secs(60)) + at_least(world, CODE_LATE, 3);
    for took in bought.values().filter_map(|bought| end_took(bought, end)) {
        assert!(took <= most, "an end took {took:?}: {told}");
    }
}

/// How long the provider was not told of an end; one that it does not know yet counts to `now`.
fn end_took(bought: &Bought, now: Instant) -> Option<Duration> {
    match bought.end {
        End::No => None,
        End::Due(since) => Some(now - since.min(now)),
        End::Told(took) => Some(took),
    }
}

/// Nearly all that run out have their last look, though many do at once, and the provider is
/// told of them about as fast as it can be called: purchases give way.
pub(super) fn check_last_looks(world: &World, seed: u64) {
    let told = told(world, seed);
    let (unlooked, bought) = (world.figures.lock().unlooked, world.bought.lock());
    assert!(!bought.is_empty() && unlooked * 100 <= bought.len(), "without a last look: {told}");
    // What runs out together is at most what is open at a time.
    let calls = world.room.capacity() as f64 / world.room.dispatcher().pace().calls;
    let most = Duration::from_secs(30) + Duration::from_secs_f64(calls).mul_f64(1.3);
    let end = world.began + world.mix.run;
    let longest = bought.values().filter_map(|bought| end_took(bought, end)).max();
    assert!(longest <= Some(most), "an end took {longest:?}, {most:?} is enough: {told}");
}

fn told(world: &World, seed: u64) -> String {
    let (mix, figures, bought) = (&world.mix, world.figures.lock(), world.bought.lock());
    let doubts = world.doubts.lock().len();
    format!(
        "seed {seed}: {} bought, {doubts} in doubt, {} calls, room for {}, {} refused, {} turned away, \
         {} cancels, {} told to wait, {:?} at most, {} slow, {} promises broken, {} syncs, {} without a last look\n{mix:?}",
        bought.len(),
        figures.calls.len(),
        world.room.capacity(),
        figures.refused,
        figures.turned_away,
        figures.cancels,
        figures.told_to_wait,
        figures.longest_told,
        figures.slow_cancels,
        figures.broken_promises,
        figures.syncs.len(),
        figures.unlooked,
    )
}

/// Codes that were due long enough before the end, of activations that were open then.
fn check_codes(world: &World, told: &str) {
    let most = at_least(world, world.mix.late, 5);
    let (end, bought) = (world.began + world.mix.run, world.bought.lock());
    let due: Vec<&Bought> = bought
        .values()
        .filter(|b| b.code_at >= world.began + world.mix.settled && b.code_at + most <= end)
        .filter(|b| b.gone.is_none_or(|gone| gone > b.code_at + most))
        .collect();
    let in_time = |b: &&&Bought| b.delivered.is_some_and(|at| at <= b.code_at + most);
    let timely = due.iter().filter(in_time).count();
    let late = due.len() - timely;
    assert!(late <= 1 + due.len() / 100, "{timely} of {} codes in time: {told}", due.len());
}

/// Never too many calls in a window, and no purchase kept back for nothing.
fn check_calls(world: &World, told: &str) {
    let (mix, figures, bought) = (&world.mix, world.figures.lock(), world.bought.lock());
    for Window { calls, per_ms } in &mix.limits.windows {
        // Calls arrive a little sooner or later than they are sent.
        let per = Duration::from_millis(*per_ms);
        let per = per + (per / 50).min(Duration::from_millis(50));
        let most = *calls as usize;
        let too_many = figures.calls.windows(most + 1).any(|some| some[most] - some[0] < per);
        assert!(!too_many, "more than {calls} calls in {per:?}: {told}");
    }
    let allowed = mix.limits.windows.iter().map(|it| f64::from(it.calls) * 1e3 / it.per_ms as f64);
    let in_flight =
        f64::from(mix.limits.concurrency) * 2e3 / (mix.call.start + mix.call.end) as f64;
    let used =
        figures.calls.len() as f64 / mix.run.as_secs_f64() / allowed.fold(in_flight, f64::min);
    let is_full = figures.open_shares * 3.0 >= figures.refused as f64;
    let is_asked = figures.refused > bought.len();
    // Where calls are seconds apart, purchases are turned away while a poll waits; where few can
    // be under way, each lane leaves places to the others.
    let is_held = world.slowness() > Duration::from_secs(1) || mix.limits.concurrency < 4;
    let enough = if is_held { 0.7 } else { 0.8 };
    assert!(used >= enough || is_full || !is_asked, "{used:.2} of the rate is used: {told}");
}
