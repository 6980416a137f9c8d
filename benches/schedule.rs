//! A look at the schedule of polls with 50,000 open activations of one provider that are all
//! due, singly and by lists: what the poller does five times a second.
//!
//! Each look starts what a provider with ten calls a second has room for, and schedules anew
//! what it started.

use std::time::{Duration, Instant};

use nexnum::provider::active::Depth;
use nexnum::worker::schedule::{Schedule, Step, Want};
use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;

const OPEN: u32 = 50_000;
const LOOKS: u64 = 2_000;
const LOOK_MS: u64 = 200;
/// Calls that a look has room for.
const ROOM: usize = 3;
/// More than a look may take.
const MOST: Duration = Duration::from_millis(1);

fn filled(lists: bool) -> Schedule {
    let mut schedule = Schedule::new(lists);
    for id in 0..OPEN {
        let age_ms = u64::from(id % 2) * 60_000;
        let due = Time(50_000 + u64::from(id % 10_000));
        schedule.put(OrderId(id.into()), Want::Message, age_ms, due, Time(40_000));
        schedule.confirm_at(OrderId(id.into()), due);
    }
    schedule
}

fn look(schedule: &mut Schedule, now: Time) {
    assert_eq!(schedule.load(now).waiting, OPEN as usize, "none is lost");
    let steps: Vec<_> = std::iter::from_fn(|| schedule.next(now)).take(ROOM).collect();
    let spare = schedule.next_to_spare(now);
    let began = Time(now.0 - LOOK_MS);
    for step in steps {
        match step {
            Step::One(id) => schedule.put(id, Want::Message, 0, now.plus_ms(8_000), now),
            Step::List(depth @ (Depth::Near | Depth::Far)) => schedule.has_listed(depth, began),
        }
    }
    if let Some(id) = spare {
        schedule.put(id, Want::Message, 60_000, now.plus_ms(8_000), now);
    }
}

fn main() {
    for (lists, how) in [(false, "singly"), (true, "by lists")] {
        let mut schedule = filled(lists);
        let (mut whole, mut longest) = (Duration::ZERO, Duration::ZERO);
        for at in 0..LOOKS {
            let began = Instant::now();
            look(&mut schedule, Time(100_000 + at * LOOK_MS));
            whole += began.elapsed();
            longest = longest.max(began.elapsed());
        }
        let mean = whole / LOOKS as u32;
        println!("{how:<9} {mean:>10.1?} a look, longest {longest:.1?}, of {OPEN} open");
        assert!(mean < MOST, "a look takes too long");
    }
}
