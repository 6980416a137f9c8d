//! The clock over a machine whose clocks a test sets.

use std::path::Path;
use std::sync::Arc;

use super::*;

const START: u64 = 1_800_000_000_000;
const HOUR: i64 = 60 * 60 * 1000;
const NONE: [i64; 0] = [];

/// What the machine's clocks show. A clone is the same machine.
#[derive(Clone, Debug)]
struct Shown(Arc<Mutex<(u64, u64, &'static str)>>);

impl Shown {
    /// A machine of a boot that began ten seconds ago.
    fn new() -> Self {
        Self(Arc::new(Mutex::new((10_000, START, "first"))))
    }

    fn clock(&self) -> Clock {
        Clock::over(Box::new(self.clone()), Time(0), None)
    }

    /// A start on a folder.
    fn start(&self, folder: &Path, last_at: Time) -> Clock {
        let clock = Clock::open_over(Box::new(self.clone()), folder, last_at);
        assert!(clock.now() >= last_at, "it runs back");
        clock
    }

    /// Time passes, also while the machine is suspended.
    fn pass(&self, ms: u64) {
        let mut shown = self.0.lock();
        shown.0 += ms;
        shown.1 += ms;
    }

    fn set_wall(&self, by_ms: i64) {
        let mut shown = self.0.lock();
        shown.1 = shown.1.saturating_add_signed(by_ms);
    }

    fn boot_again(&self) {
        let mut shown = self.0.lock();
        (shown.0, shown.2) = (1_000, "second");
    }

    fn wall(&self) -> u64 {
        self.0.lock().1
    }
}

impl TimeSource for Shown {
    fn boot_ms(&self) -> u64 {
        self.0.lock().0
    }

    fn wall_ms(&self) -> u64 {
        self.wall()
    }

    fn boot_id(&self) -> Option<Box<str>> {
        Some(self.0.lock().2.into())
    }
}

/// Looks at the wall clock every second; gives the jumps that were told, in milliseconds.
fn follow(shown: &Shown, clock: &Clock, seconds: u64) -> Vec<i64> {
    let mut told = Vec::new();
    let mut before = clock.now();
    for _ in 0..seconds {
        shown.pass(1_000);
        told.extend(clock.follow().map(|ClockJump { from, to }| between(to.0, from.0)));
        let now = clock.now();
        let passed = now.ms_since(before);
        assert!((1_000 - 4..=1_000 + 4).contains(&passed), "{passed} ms in a second");
        before = now;
    }
    told
}

#[test]
fn a_clock_behind_its_floor_goes_on_from_there() {
    let far = Time(u64::MAX / 2);
    let clock = Clock::not_before(far);
    let first = clock.now();
    assert!(first >= far && first < far.plus_ms(60_000));
    std::thread::sleep(Duration::from_millis(3));
    assert!(clock.now() >= first.plus_ms(2));
    let clock = Clock::default();
    assert!(clock.now() > Time(1_600_000_000_000));
    clock.advance_to(far);
    assert!(clock.now() >= far);
}

#[test]
fn an_hour_by_which_the_wall_clock_jumps_is_told_once_and_not_followed() {
    for hour in [HOUR, -HOUR] {
        let shown = Shown::new();
        let clock = shown.clock();
        assert_eq!(follow(&shown, &clock, 100), NONE);
        shown.set_wall(hour);
        assert_eq!(follow(&shown, &clock, 10_000), [hour]);
        assert_eq!(clock.now(), Time(START + 10_100_000));
        let ClockJump { from, to } = clock.jump().unwrap();
        assert_eq!((from, to), (clock.now(), Time(shown.wall())));
        // Ten seconds further it is another jump; back again it is none.
        shown.set_wall(10_000);
        assert_eq!(follow(&shown, &clock, 10), [hour + 10_000]);
        shown.set_wall(-hour - 10_000);
        assert_eq!(follow(&shown, &clock, 10), NONE);
        assert_eq!((clock.jump(), clock.off_ms()), (None, 0));
    }
}

#[test]
fn a_suspend_is_no_jump() {
    let shown = Shown::new();
    let clock = shown.clock();
    follow(&shown, &clock, 10);
    shown.pass(8 * HOUR as u64);
    assert_eq!(clock.now(), Time(START + 10_000 + 8 * HOUR as u64));
    assert_eq!((clock.follow(), clock.jump()), (None, None));
    // It allows no slew beyond that of ten seconds.
    shown.pass(8 * HOUR as u64);
    shown.set_wall(1_000);
    assert_eq!((clock.follow(), clock.off_ms()), (None, 1_000 - 39));
}

#[test]
fn two_seconds_are_made_up_for_at_the_rate_of_the_slew() {
    for off in [2_000, -2_000, 700, -700] {
        let shown = Shown::new();
        let clock = shown.clock();
        shown.set_wall(off);
        let takes_s = slewed_for(off).as_secs();
        assert_eq!(takes_s, off.unsigned_abs() * 256 / 1_000);
        // It is neither faster nor slower than stated.
        assert_eq!(follow(&shown, &clock, takes_s / 2), NONE);
        assert!((clock.off_ms() - off / 2).abs() <= 4, "{}", clock.off_ms());
        assert_eq!(follow(&shown, &clock, takes_s.div_ceil(2) + 2), NONE);
        assert!(clock.off_ms().abs() <= 1, "{}", clock.off_ms());
    }
    let shown = Shown::new();
    let clock = shown.clock();
    shown.set_wall(2_001);
    assert_eq!(follow(&shown, &clock, 5), [2_001]);
}

#[test]
fn what_comes_in_pieces_is_told_when_it_is_far() {
    let shown = Shown::new();
    let clock = shown.clock();
    let told: Vec<i64> = (0..10)
        .flat_map(|_| {
            shown.set_wall(1_500);
            follow(&shown, &clock, 1)
        })
        .collect();
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told[0] <= 3_000 && clock.now() <= Time(START + 10_000 + 40), "{told:?}");
}

#[test]
fn an_accepted_step_forward_is_taken_at_once() {
    let shown = Shown::new();
    let clock = shown.clock();
    shown.set_wall(HOUR);
    assert_eq!(follow(&shown, &clock, 1), [HOUR]);
    let seen = clock.jump().unwrap();
    // What was accepted is not what the clock shows by now.
    shown.set_wall(HOUR);
    assert!(!clock.accept(seen));
    assert_eq!(clock.now(), Time(START + 1_000));
    shown.set_wall(-HOUR);
    assert!(clock.accept(seen));
    assert_eq!((clock.now(), clock.jump()), (Time(shown.wall()), None));
    assert_eq!(follow(&shown, &clock, 100), NONE);
    assert_eq!(clock.off_ms(), 0);
}

#[test]
fn an_accepted_step_back_is_made_up_for_by_the_slew() {
    let shown = Shown::new();
    let clock = shown.clock();
    follow(&shown, &clock, 100);
    shown.set_wall(-HOUR);
    assert_eq!(follow(&shown, &clock, 1), [-HOUR]);
    let before = clock.now();
    assert!(clock.accept(clock.jump().unwrap()));
    assert_eq!((clock.now(), clock.jump()), (before, None));
    let takes_s = slewed_for(HOUR).as_secs();
    assert_eq!(follow(&shown, &clock, takes_s / 2), NONE);
    assert!((clock.off_ms() + HOUR / 2).abs() < 5, "{}", clock.off_ms());
    // Another step on the way is a jump: from where the clock would be.
    shown.set_wall(-3_000);
    assert_eq!(follow(&shown, &clock, 1).len(), 1);
    shown.set_wall(3_000);
    assert_eq!(follow(&shown, &clock, takes_s / 2 + 10), NONE);
    assert!(clock.off_ms().abs() <= 1, "{}", clock.off_ms());
}

#[test]
fn a_start_in_the_same_boot_goes_on_as_if_the_server_had_run() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::new();
    let clock = shown.start(folder.path(), Time(START - 5));
    assert_eq!(clock.gap(), None);
    clock.keep();
    follow(&shown, &clock, 10);
    let last_at = clock.now();
    // Three days pass; meanwhile the wall clock is set.
    for set in [0, HOUR, -2 * HOUR] {
        shown.pass(3 * 24 * HOUR as u64);
        shown.set_wall(set);
        let passed = 10_000 + 3 * 24 * HOUR as u64;
        let again = shown.start(folder.path(), last_at);
        assert_eq!((again.now(), again.gap()), (Time(START + passed), None));
        let told = again.follow();
        assert_eq!(told.map(|told| between(told.to.0, told.from.0)), (set != 0).then_some(set));
        assert_eq!(again.jump().is_some(), set != 0);
        // As it was before.
        shown.set_wall(-set);
        shown.0.lock().0 -= 3 * 24 * HOUR as u64;
        shown.0.lock().1 -= 3 * 24 * HOUR as u64;
    }
}

#[test]
fn an_accepted_step_back_lasts_across_starts() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::new();
    let clock = shown.start(folder.path(), Time(0));
    shown.set_wall(-HOUR);
    clock.follow();
    assert!(clock.accept(clock.jump().unwrap()));
    clock.keep();
    follow(&shown, &clock, 1_000);
    clock.keep();
    let last_at = clock.now();
    let again = shown.start(folder.path(), last_at);
    assert_eq!(follow(&shown, &again, 1_000), NONE);
    assert!((again.off_ms() - (2_000 * 1_000 / 256 - HOUR)).abs() < 5, "{}", again.off_ms());
    shown.boot_again();
    let again = shown.start(folder.path(), again.now());
    assert_eq!((follow(&shown, &again, 10), again.gap()), (vec![], None));
}

#[test]
fn an_accepted_step_back_of_days_is_accepted_once() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::new();
    let clock = shown.start(folder.path(), Time(START));
    shown.set_wall(-50 * HOUR);
    clock.follow();
    assert!(clock.accept(clock.jump().unwrap()));
    clock.keep();
    for _ in 0..2 {
        shown.boot_again();
        let again = shown.start(folder.path(), clock.now());
        assert_eq!((follow(&shown, &again, 10), again.gap()), (vec![], None));
        again.keep();
    }
}

#[test]
fn a_clock_that_is_right_again_after_an_accepted_step_back_is_no_jump() {
    let shown = Shown::new();
    let clock = shown.clock();
    follow(&shown, &clock, 10);
    shown.set_wall(-HOUR);
    clock.follow();
    assert!(clock.accept(clock.jump().unwrap()));
    assert_eq!(follow(&shown, &clock, 10), NONE);
    shown.set_wall(HOUR);
    assert_eq!((follow(&shown, &clock, 600), clock.jump()), (NONE.to_vec(), None));
    assert!(clock.off_ms().abs() <= 2, "{}", clock.off_ms());
}

#[test]
fn a_start_in_another_boot_believes_the_wall_clock_for_a_day() {
    let day = 24 * HOUR;
    for (off, is_gap) in [(day, false), (-day, false), (day + 1, true), (-day - 1, true)] {
        let folder = tempfile::tempdir().unwrap();
        let shown = Shown::new();
        shown.start(folder.path(), Time(0)).keep();
        shown.boot_again();
        shown.set_wall(off);
        let clock = shown.start(folder.path(), Time(START));
        let gap = ClockJump { from: Time(START), to: Time(shown.wall()) };
        assert_eq!(clock.gap(), is_gap.then_some(gap), "{off}");
        assert_eq!(clock.now(), Time(START.max(shown.wall())));
        // A wall clock that is behind is a jump, until it is accepted.
        assert_eq!(clock.follow().is_some(), off < 0);
        clock.accept(gap);
        assert_eq!((clock.follow(), clock.jump()), (None, None));
    }
    // A market that ran for a week without an event was not off for a week.
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::new();
    let clock = shown.start(folder.path(), Time(START));
    for _ in 0..7 * 24 {
        shown.pass(HOUR as u64);
        clock.follow();
        clock.keep();
    }
    shown.boot_again();
    shown.set_wall(day - HOUR);
    assert_eq!(shown.start(folder.path(), Time(START)).gap(), None);
    // A ledger without events, and a folder without the file.
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::new();
    assert_eq!(shown.start(folder.path(), Time(0)).gap(), None);
    assert!(shown.start(folder.path(), Time(START + 2 * day as u64)).gap().is_some());
}

#[test]
fn the_file_is_written_when_the_two_clocks_have_moved_against_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::new();
    let clock = shown.start(folder.path(), Time(0));
    let writes = |clock: &Clock| {
        let [_, file] = files(folder.path());
        let _none_yet = std::fs::remove_file(&file);
        clock.keep();
        file.exists()
    };
    assert!(writes(&clock));
    follow(&shown, &clock, 100);
    assert!(!writes(&clock), "they go at one pace");
    shown.set_wall(1_500);
    follow(&shown, &clock, 50);
    assert!(!writes(&clock));
    follow(&shown, &clock, 50);
    assert!(writes(&clock));
}

#[test]
fn a_moment_prints_with_milliseconds() {
    assert_eq!(rfc3339(Time(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
    assert_eq!(rfc3339(Time(0)), "1970-01-01T00:00:00.000Z");
    assert_eq!(rfc3339(Time(u64::MAX)), "9999-12-31T23:59:59.999Z");
}
