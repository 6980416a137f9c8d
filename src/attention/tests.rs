//! The attention list: rows, their ends, and what is told of them.

use super::*;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Kind, what it is about, count and text of each row.
fn shown(attention: &Attention) -> Vec<String> {
    let (rows, _) = attention.rows(usize::MAX);
    let line = |row: &AttentionRow| {
        let AttentionSubject { provider, order, part } = &row.subject;
        let order = order.map(|order| order.0.to_string()).unwrap_or_default();
        let provider = provider.as_deref().unwrap_or_default();
        let (kind, count, text) = (row.kind.word(), row.count, &row.text);
        format!("{kind} {provider}/{order}/{part} x{count}: {text}")
    };
    // Rows of one millisecond have no order of their own.
    let mut lines: Vec<_> = rows.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn a_condition_is_one_row_until_it_is_cleared() {
    let attention = Attention::default();
    attention.raise(AttentionKind::KeyMissing, "a", "no key");
    attention.raise(AttentionKind::Overcharge, ("a", OrderId(7)), "charged 2");
    attention.raise(AttentionKind::KeyMissing, "b", "no key");
    attention.raise(AttentionKind::KeyMissing, "a", "still no key");
    let one = "key_missing a// x2: still no key";
    let (charged, other) = ("overcharge a/7/ x1: charged 2", "key_missing b// x1: no key");
    assert_eq!(shown(&attention), [one, other, charged]);
    attention.clear(AttentionKind::KeyMissing, "a");
    attention.clear(AttentionKind::KeyRefused, "a");
    assert_eq!(shown(&attention), [other, charged]);
    attention.report(AttentionKind::KeyMissing, "b", None::<String>);
    attention.report(AttentionKind::KeyRefused, AttentionSubject::default(), Some("refused"));
    assert_eq!(shown(&attention), ["key_refused // x1: refused", charged]);
    attention.forget_provider("a");
    assert_eq!(shown(&attention), ["key_refused // x1: refused"]);
}

#[test]
fn a_row_that_the_operator_has_dealt_with_goes_until_it_is_noticed_again() {
    let attention = Attention::default();
    for order in [7, 8] {
        attention.raise(AttentionKind::EndLeft, ("a", OrderId(order)), "left");
    }
    attention.raise(AttentionKind::EndLeft, "a", "left");
    let settle = |order| attention.settle(AttentionKind::EndLeft, Some("a"), order);
    assert_eq!((settle(Some(OrderId(9))), settle(Some(OrderId(7)))), (Ok(0), Ok(1)));
    assert_eq!(attention.settle(AttentionKind::EndLeft, Some("b"), Some(OrderId(8))), Ok(0));
    assert_eq!(shown(&attention), ["end_left a// x1: left", "end_left a/8/ x1: left"]);
    assert_eq!(settle(None), Ok(2), "of any order");
    attention.raise(AttentionKind::EndLeft, "a", "left");
    attention.raise(AttentionKind::EndLeft, ("b", OrderId(8)), "left");
    assert_eq!(attention.settle(AttentionKind::EndLeft, None, None), Ok(2), "of any provider");
    assert_eq!(attention.settle(AttentionKind::EndLeft, None, None), Ok(0));
    // What the server sees for itself stays as long as it sees it.
    attention.raise(AttentionKind::KeyMissing, "a", "no key");
    let settle = |provider| attention.settle(AttentionKind::KeyMissing, Some(provider), None);
    assert_eq!((settle("a"), settle("b")), (Err(CauseLasts), Ok(0)));
    assert_eq!(shown(&attention), ["key_missing a// x1: no key"]);
}

#[test]
fn a_row_tells_when_it_began_and_when_it_was_noticed_last() {
    let attention = Attention::default();
    attention.raise(AttentionKind::BreakerOpen, "a", "open");
    let first = attention.rows(1).0.remove(0);
    std::thread::sleep(std::time::Duration::from_millis(5));
    attention.raise(AttentionKind::BreakerOpen, "a", "open");
    let again = attention.rows(1).0.remove(0);
    assert_eq!((first.since, first.count), (again.since, 1));
    assert!(again.last_at > first.last_at && again.count == 2, "{again:?}");
}

#[test]
fn the_list_is_bounded_and_tells_what_it_leaves_out() {
    let attention = Attention::default();
    for at in 0..OF_KIND_MAX + 3 {
        attention.raise(AttentionKind::PriceListLate, &*at.to_string(), "x".repeat(9_999));
    }
    attention.raise(AttentionKind::KeyMissing, "a", "é".repeat(400));
    let (rows, left_out) = attention.rows(10);
    assert_eq!((rows.len(), left_out), (10, OF_KIND_MAX as u64 - 9 + 3));
    assert!(rows.iter().all(|row| row.text.len() == TEXT_LEN_MAX));
    let counts = attention.counts();
    let count = |wanted| counts.iter().find(|(kind, _)| *kind == wanted).unwrap().1;
    assert_eq!(count(AttentionKind::PriceListLate), OF_KIND_MAX as u64 + 3);
    assert_eq!(count(AttentionKind::KeyMissing), 1);
    assert_eq!(count(AttentionKind::Overcharge), 0);
    attention.clear(AttentionKind::PriceListLate, "0");
    attention.raise(AttentionKind::PriceListLate, "new", "late");
    assert_eq!(attention.rows(usize::MAX).1, 0, "there was room again");
}

#[test]
fn what_happened_is_shown_for_a_day_and_a_condition_until_it_ends() {
    let attention = Attention::default();
    attention.raise(AttentionKind::Overcharge, ("a", OrderId(7)), "charged 2");
    attention.raise(AttentionKind::KeyMissing, "a", "no key");
    let now = attention.shared.clock.now();
    let mut list = attention.shared.list.lock();
    list.expire(now.plus_ms(DAY_MS - 1_000));
    assert_eq!(list.rows.len(), 2);
    list.expire(now.plus_ms(DAY_MS));
    assert_eq!(list.rows.len(), 1);
    drop(list);
    assert_eq!(shown(&attention), ["key_missing a// x1: no key"]);
    // What is held outlasts the others of its kind.
    attention.raise(AttentionKind::CallbacksRefused, "a", "refused");
    attention.raise(AttentionKind::CallbacksRefused, "b", "refused");
    attention.hold(AttentionKind::CallbacksRefused, "a", "kept");
    attention.shared.list.lock().expire(now.plus_ms(DAY_MS));
    assert_eq!(shown(&attention), ["callbacks_refused a// x2: kept", "key_missing a// x1: no key"]);
}

#[test]
fn rows_of_orders_last_as_long_as_they_are_held() {
    let attention = Attention::default();
    let held = |orders: &[u64]| {
        let texts = orders.iter().map(|order| (OrderId(*order), "charged 3: closed".to_owned()));
        let words = (": closed", ": open");
        attention.hold_orders(AttentionKind::Overcharge, "a", &texts.collect(), words);
    };
    let settle = || attention.settle(AttentionKind::Overcharge, None, None);
    for (provider, order) in [("a", 7), ("a", 8), ("b", 9)] {
        attention.raise(AttentionKind::Overcharge, (provider, OrderId(order)), "charged 2");
    }
    held(&[8, 10]);
    held(&[8, 10]);
    let (eight, ten) = ("overcharge a/8/ x1: charged 2", "overcharge a/10/ x1: charged 3: closed");
    let others = ["overcharge a/7/ x1: charged 2", "overcharge b/9/ x1: charged 2"];
    assert_eq!(shown(&attention), [ten, others[0], eight, others[1]]);
    let day = attention.shared.clock.now().plus_ms(DAY_MS);
    attention.shared.list.lock().expire(day);
    assert_eq!(shown(&attention), [ten, eight]);
    assert_eq!(settle(), Err(CauseLasts));
    attention.raise(AttentionKind::Overcharge, ("a", OrderId(7)), "charged 2");
    assert_eq!(settle(), Ok(1), "the others last");
    held(&[10]);
    assert_eq!(settle(), Ok(1));
    assert_eq!(shown(&attention), [ten]);
    held(&[]);
    assert_eq!(shown(&attention), ["overcharge a/10/ x1: charged 3: open"]);
    // A full list counts those that it has no room for once.
    held(&(0..OF_KIND_MAX as u64 + 2).collect::<Vec<_>>());
    held(&(0..OF_KIND_MAX as u64 + 2).collect::<Vec<_>>());
    assert_eq!(attention.rows(OF_KIND_MAX).1, 2);
}

#[test]
fn every_kind_has_a_word_of_its_own() {
    let words: std::collections::BTreeSet<_> =
        AttentionKind::ALL.iter().map(|kind| kind.word()).collect();
    assert_eq!(words.len(), AttentionKind::ALL.len());
}

/// The list of a data folder, as a start finds it.
fn opened(folder: &Path) -> Attention {
    Attention::open(&Arc::new(Clock::not_before(Time::default())), folder)
}

#[test]
fn what_happened_is_shown_again_after_a_start_and_no_condition_is() {
    let folder = tempfile::tempdir().unwrap();
    let attention = opened(folder.path());
    attention.raise(AttentionKind::WrongNumber, ("a", OrderId(7)), "of\nanother \"country\"");
    attention.raise(AttentionKind::TaskPanicked, AttentionSubject::default(), "panicked");
    attention.raise(AttentionKind::KeyMissing, "a", "no key");
    attention.keep();
    let kept = ["task_panicked // x1: panicked", "wrong_number a/7/ x1: of\nanother \"country\""];
    let again = opened(folder.path());
    assert_eq!(shown(&again), kept);
    let since = |list: &Attention| list.rows(1).0[0].since;
    assert_eq!(since(&again), since(&attention));
    // The ledger tells of it as well: it happened once.
    again.recall(AttentionKind::WrongNumber, ("a", OrderId(7)), "wrong");
    again.recall(AttentionKind::EndLeft, ("a", OrderId(8)), "left");
    assert_eq!(shown(&again), ["end_left a/8/ x1: left", kept[0], kept[1]]);
    again.clear(AttentionKind::WrongNumber, ("a", OrderId(7)));
    again.keep();
    assert_eq!(shown(&opened(folder.path())), ["end_left a/8/ x1: left", kept[0]]);
}

#[test]
fn what_an_answer_alone_can_end_is_shown_from_start_to_start() {
    let folder = tempfile::tempdir().unwrap();
    let attention = opened(folder.path());
    attention.raise(AttentionKind::KeyRefused, "a", "refused");
    attention.raise(AttentionKind::EndRefused, ("a", OrderId(7)), "not taken");
    attention.raise(AttentionKind::KeyMissing, "b", "no key");
    attention.keep();
    let kept = ["end_refused a/7/ x1: not taken", "key_refused a// x1: refused"];
    let again = opened(folder.path());
    let mut found = shown(&again);
    found.sort();
    assert_eq!(found, kept);
    assert_eq!(again.settle(AttentionKind::KeyRefused, None, None), Err(CauseLasts));
    let days = attention.shared.clock.now().plus_ms(9 * DAY_MS);
    assert_eq!(List::open(folder.path(), days).rows.len(), 2);
    again.clear(AttentionKind::EndRefused, ("a", OrderId(7)));
    again.keep();
    assert_eq!(shown(&opened(folder.path())), kept[1..]);
}

#[test]
fn what_the_operator_has_dealt_with_does_not_come_back_with_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let attention = opened(folder.path());
    attention.recall(AttentionKind::EndLeft, ("a", OrderId(8)), "left");
    attention.keep();
    let again = opened(folder.path());
    assert_eq!(again.settle(AttentionKind::EndLeft, None, None), Ok(1));
    again.keep();
    let later = opened(folder.path());
    later.recall(AttentionKind::EndLeft, ("a", OrderId(8)), "left");
    assert!(shown(&later).is_empty());
    // It happens again.
    later.raise(AttentionKind::EndLeft, ("a", OrderId(8)), "left");
    later.keep();
    assert_eq!(shown(&opened(folder.path())), ["end_left a/8/ x1: left"]);
}

#[test]
fn what_happened_is_kept_for_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let attention = opened(folder.path());
    attention.raise(AttentionKind::WrongNumber, ("a", OrderId(7)), "wrong");
    attention.raise(AttentionKind::EndLeft, ("a", OrderId(8)), "left");
    attention.settle(AttentionKind::EndLeft, None, None).unwrap();
    attention.keep();
    let now = attention.shared.clock.now();
    let of = |now: Time| {
        let list = List::open(folder.path(), now);
        (list.rows.len(), list.settled.len())
    };
    assert_eq!((of(now), of(now.plus_ms(DAY_MS + 1_000))), ((1, 1), (0, 0)));
    std::fs::write(folder.path().join("attention"), b"{\"kind\":\n\xff\0").unwrap();
    assert!(shown(&opened(folder.path())).is_empty(), "a file that cannot be read has none");
}
