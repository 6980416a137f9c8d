use super::*;

const NOW: Time = Time(100_000);

fn put(schedule: &mut Schedule, id: u64, want: Want, due: u64) {
    schedule.put(OrderId(id), want, 0, Time(due), Time(due - 1));
}

#[test]
fn two_that_are_due_are_asked_about_by_one_list() {
    let mut schedule = Schedule::new(true);
    put(&mut schedule, 1, Want::Message, 50_000);
    assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(1))), "a list is no cheaper");
    put(&mut schedule, 1, Want::Message, 50_000);
    put(&mut schedule, 2, Want::Message, 60_000);
    put(&mut schedule, 3, Want::Message, 200_000);
    put(&mut schedule, 4, Want::Answer, 70_000);
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Near)));
    assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(4))), "no list can tell");
    assert_eq!(schedule.next(NOW), None, "the others wait for the list");
    let load = PollLoad { waiting: 3, late_ms: 50_000 };
    assert_eq!(schedule.load(NOW), load, "one list for the two that are due");
}

#[test]
fn one_whose_own_call_told_nothing_is_asked_about_by_a_list() {
    let mut schedule = Schedule::new(true);
    put(&mut schedule, 1, Want::Message, 50_000);
    schedule.prefer_list(OrderId(1));
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Near)));
    assert_eq!(schedule.next(NOW), None);
    schedule.has_listed(Depth::Near, NOW);
    assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(1))), "it is not in the list");
    put(&mut schedule, 1, Want::Message, 50_000);
    assert_eq!(schedule.next(NOW.plus_ms(1_000)), Some(Step::One(OrderId(1))), "it was told");
    put(&mut schedule, 1, Want::Message, 50_000);
    schedule.prefer_list(OrderId(1));
    schedule.has_no_list(Depth::Near, NOW);
    assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(1))), "no list can be had");
    // Where a list shows no messages a call of its own is all there is.
    let mut single = Schedule::new(false);
    put(&mut single, 1, Want::Message, 50_000);
    single.prefer_list(OrderId(1));
    assert_eq!(single.next(NOW), Some(Step::One(OrderId(1))));
}

#[test]
fn what_a_list_did_not_show_is_asked_about_alone() {
    let mut schedule = Schedule::new(true);
    for id in 1..=3 {
        put(&mut schedule, id, Want::Message, 50_000);
    }
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Near)));
    let later = NOW.plus_ms(1_000);
    schedule.put(OrderId(2), Want::Message, 0, later.plus_ms(5_000), later);
    schedule.put(OrderId(4), Want::Message, 0, later, later);
    schedule.has_listed(Depth::Near, NOW);
    assert_eq!(schedule.next(later), Some(Step::One(OrderId(1))));
    assert_eq!(schedule.next(later), Some(Step::One(OrderId(3))));
    assert_eq!(schedule.next(later), Some(Step::One(OrderId(4))), "alone, it needs no list");
    assert_eq!(schedule.next(later), None);
}

#[test]
fn while_no_list_can_be_had_each_is_asked_about_alone() {
    let mut schedule = Schedule::new(true);
    for id in 1..=2 {
        put(&mut schedule, id, Want::Message, 50_000);
    }
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Near)));
    let mut now = NOW;
    for pause in [10_000, 20_000, 40_000, 60_000, 60_000] {
        schedule.has_no_list(Depth::Near, now);
        now = now.plus_ms(pause - 1);
        assert_eq!(schedule.next(now), Some(Step::One(OrderId(1))));
        put(&mut schedule, 1, Want::Message, 50_000);
        now = now.plus_ms(1);
        assert_eq!(schedule.next(now), Some(Step::List(Depth::Near)));
    }
}

#[test]
fn a_list_that_had_no_turn_is_asked_for_again() {
    let mut schedule = Schedule::new(true);
    for id in 1..=2 {
        put(&mut schedule, id, Want::Message, 50_000);
    }
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Near)));
    let later = NOW.plus_ms(10_000);
    schedule.had_no_turn(Depth::Near);
    assert_eq!(schedule.next(later), Some(Step::List(Depth::Near)));
    assert_eq!(schedule.next(later), None);
}

#[test]
fn a_list_that_hangs_keeps_no_activation_from_being_asked_about() {
    let mut schedule = Schedule::new(true);
    for id in 1..=2 {
        put(&mut schedule, id, Want::Message, 50_000);
    }
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Near)));
    assert_eq!(schedule.next(NOW.plus_ms(LIST_PATIENCE_MS - 1)), None, "it may still come");
    let now = NOW.plus_ms(LIST_PATIENCE_MS);
    assert_eq!(schedule.next(now), Some(Step::One(OrderId(1))));
    assert_eq!(schedule.next(now), Some(Step::One(OrderId(2))));
    // The pause is counted from when it is known that no list comes.
    for id in 1..=2 {
        put(&mut schedule, id, Want::Message, 50_000);
    }
    let failed = NOW.plus_ms(15_000);
    schedule.has_no_list(Depth::Near, failed);
    assert_eq!(schedule.next(failed), Some(Step::One(OrderId(1))));
    assert_eq!(schedule.next(failed), Some(Step::One(OrderId(2))));
}

#[test]
fn without_lists_the_longest_due_goes_first_and_what_is_at_rest_apart() {
    let mut schedule = Schedule::new(false);
    put(&mut schedule, 1, Want::Message, 60_000);
    put(&mut schedule, 2, Want::Message, 50_000);
    put(&mut schedule, 3, Want::Rest, 10_000);
    assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(2))));
    assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(1))));
    assert_eq!((schedule.next(NOW), schedule.waiting()), (None, 0));
    assert_eq!(schedule.next_to_spare(NOW), Some(OrderId(3)));
    assert_eq!(schedule.next_to_spare(NOW), None);
    for id in 1..=3 {
        schedule.remove(OrderId(id));
    }
    assert!(schedule.is_empty());
}

#[test]
fn what_a_list_may_not_show_whole_is_asked_about_alone_if_a_call_is_to_spare() {
    let mut schedule = Schedule::new(true);
    for id in 1..=2 {
        put(&mut schedule, id, Want::Message, 200_000);
        schedule.confirm_at(OrderId(id), NOW.plus_ms(id));
    }
    assert_eq!((schedule.next(NOW), schedule.next_to_spare(NOW)), (None, None));
    let later = NOW.plus_ms(5);
    put(&mut schedule, 1, Want::Message, 200_000);
    assert_eq!(schedule.next_to_spare(later), Some(OrderId(2)), "the first has been asked");
    assert_eq!(schedule.next_to_spare(later), None);
    put(&mut schedule, 2, Want::Answer, 200_000);
    schedule.confirm_at(OrderId(2), later);
    assert_eq!(schedule.next_to_spare(later), None, "it is asked about alone as it is");
}

#[test]
fn one_that_is_due_has_a_list_if_another_is_due_soon() {
    let mut schedule = Schedule::new(true);
    put(&mut schedule, 1, Want::Message, 50_000);
    put(&mut schedule, 2, Want::Message, NOW.0 + SOON_MS + 1);
    assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(1))));
    put(&mut schedule, 1, Want::Message, 50_000);
    assert_eq!(schedule.next(NOW.plus_ms(1)), Some(Step::List(Depth::Near)));
}

#[test]
fn of_two_lists_that_are_due_the_one_goes_first_that_is_due_longest() {
    let mut schedule = Schedule::new(true);
    for (id, age_ms, due) in [(1, 60_000, 50_000), (2, 60_000, 50_000), (3, 0, 60_000)] {
        schedule.put(OrderId(id), Want::Message, age_ms, Time(due), Time(40_000));
    }
    put(&mut schedule, 4, Want::Message, 60_000);
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Far)));
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Near)));
}

#[test]
fn a_young_one_is_shown_with_an_old_one_by_one_list() {
    let mut schedule = Schedule::new(true);
    let put = |schedule: &mut Schedule, id, age_ms, due| {
        schedule.put(OrderId(id), Want::Message, age_ms, Time(due), Time(40_000));
    };
    put(&mut schedule, 1, 60_000, 50_000);
    put(&mut schedule, 2, 0, NOW.0 + SOON_MS);
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Far)));
    assert_eq!(schedule.next(NOW), None, "both wait for it");
    put(&mut schedule, 1, 60_000, NOW.0 + 60_000);
    schedule.has_listed(Depth::Far, NOW);
    let later = NOW.plus_ms(SOON_MS);
    assert_eq!(schedule.next(later), Some(Step::One(OrderId(2))), "it was not shown");
    put(&mut schedule, 1, 60_000, 50_000);
    put(&mut schedule, 2, 0, NOW.0 + SOON_MS + 1);
    assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(1))));
}

#[test]
fn young_ones_do_not_wait_for_the_list_of_the_old() {
    let mut schedule = Schedule::new(true);
    for (id, age_ms) in [(1, 60_000), (2, 60_000), (3, 0), (4, 0)] {
        schedule.put(OrderId(id), Want::Message, age_ms, Time(50_000), Time(40_000));
    }
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Near)));
    assert_eq!(schedule.next(NOW), Some(Step::List(Depth::Far)));
    let soon = NOW.plus_ms(100);
    for id in [3, 4] {
        schedule.put(OrderId(id), Want::Message, 0, soon, soon);
    }
    schedule.has_listed(Depth::Near, NOW);
    assert_eq!(schedule.next(soon), None, "the next list waits, and they for it");
    let later = NOW.plus_ms(LIST_GAP_MS);
    assert_eq!(schedule.next(later), Some(Step::List(Depth::Near)));
    schedule.has_listed(Depth::Far, NOW);
    assert_eq!(schedule.next(later), Some(Step::One(OrderId(1))), "no list showed it");
}

#[test]
fn where_lists_are_not_believed_each_is_asked_about_alone_and_a_list_beside_it() {
    let (mut schedule, gap) = (Schedule::new(true), Duration::from_secs(3));
    for id in 1..=3 {
        put(&mut schedule, id, Want::Message, 50_000);
    }
    schedule.set_lists(false);
    assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(1))), "it waited for a list");
    assert_eq!(schedule.next_check(gap, NOW), Some(Step::List(Depth::Far)));
    assert_eq!(schedule.next(NOW), Some(Step::One(OrderId(2))), "and waits for none");
    let later = NOW.plus_ms(3_000);
    assert_eq!(schedule.next_check(gap, later), None, "one is under way");
    schedule.has_listed(Depth::Far, NOW);
    assert_eq!(schedule.next_check(gap, Time(later.0 - 1)), None);
    assert_eq!(schedule.next_check(gap, later), Some(Step::List(Depth::Far)));
    schedule.has_no_list(Depth::Far, later);
    assert_eq!(schedule.next(later), Some(Step::One(OrderId(3))));
    assert_eq!(schedule.next_check(gap, later.plus_ms(9_000)), None, "none waits");
    schedule.set_lists(true);
    for id in 1..=2 {
        schedule.put(OrderId(id), Want::Message, 60_000, later, later);
    }
    assert_eq!(schedule.next(later), Some(Step::List(Depth::Far)));
}

#[test]
fn one_in_a_while_is_asked_about_alone_although_a_list_shows_it() {
    let mut schedule = Schedule::new(true);
    for id in 1..=2 {
        put(&mut schedule, id, Want::Message, 200_000);
        schedule.confirm_at(OrderId(id), NOW);
    }
    let (gap, later) = (Duration::from_secs(5), NOW.plus_ms(5_000));
    assert!(!schedule.take_listed());
    schedule.has_listed(Depth::Far, NOW);
    assert!(schedule.take_listed() && !schedule.take_listed(), "once for each list");
    assert_eq!(schedule.next_to_confirm(gap, NOW), Some(OrderId(1)));
    assert_eq!(schedule.next_to_confirm(gap, Time(later.0 - 1)), None);
    assert_eq!(schedule.next_to_confirm(gap, later), Some(OrderId(2)));
    assert_eq!(schedule.next_to_confirm(gap, later.plus_ms(5_000)), None);
}
