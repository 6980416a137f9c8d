//! A command that comes as the day of the open batch ends.

use crate::clock::TimeSource;

use super::*;

/// A machine whose clocks are where the test has set them.
#[derive(Clone, Debug)]
struct Set(Arc<AtomicU64>);

impl TimeSource for Set {
    fn boot_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn wall_ms(&self) -> u64 {
        self.boot_ms()
    }

    fn boot_id(&self) -> Option<Box<str>> {
        None
    }
}

fn named(name: &str) -> Envelope {
    let command = NameVariant::of_carrier(name.into()).into();
    Envelope { origin: Origin::SYSTEM, command, claim: None, answer_to: None }
}

#[test]
fn what_comes_after_midnight_waits_for_the_batch_from_before() {
    let midnight = Time::of_day(20_787);
    let set = Set(Arc::new(AtomicU64::new(midnight.0 - 1_000)));
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::open_over(Box::new(set.clone()), folder.path(), Time(0));
    let (inbox, commands) = channel::bounded(INBOX_MAX);
    let (seals, sealed) = channel::bounded(1);
    let (frees, free) = channel::bounded(1);
    let mut deciding = Loop {
        core: Core::new(Engine::default()),
        clock: Arc::new(clock),
        archived: Arc::default(),
        started: Time(0),
        pulse_from: Time(0),
        stopped: Arc::default(),
        commands,
        held: None,
        seals,
        free,
        disk_free: false,
    };
    inbox.try_send(named("before")).unwrap();
    deciding.take_waiting();
    // 1. It is received, and the day is over: it is held, and the loop neither ends nor takes more.
    set.0.store(midnight.0 + 5_000, Ordering::Relaxed);
    deciding.take(named("after"));
    inbox.try_send(named("later")).unwrap();
    deciding.take_waiting();
    deciding.stopped.store(true, Ordering::Relaxed);
    assert!(deciding.held.is_some() && !deciding.is_over());
    // 2. The disk is free: the batch from before goes, and what waited is of the new day, in its order.
    frees.send(()).unwrap();
    assert!(deciding.wait() && deciding.disk_free);
    deciding.seals.send(deciding.core.seal()).unwrap();
    deciding.take_waiting();
    assert!(deciding.held.is_none() && deciding.is_over());
    assert_eq!(sealed.recv().unwrap().times(), [Time(midnight.0 - 1_000)]);
    let after = midnight.plus_ms(5_000);
    assert_eq!(deciding.core.seal().times(), [after, after]);
}
