//! Whose rows are, by windows, products and what a list tells.

use super::*;
use crate::provider::sightings::Dating;
use nexnum_engine::ids::{CountryId, ProviderId, ServiceId};

const SECOND: u64 = 1_000;

fn product(country: u16, service: u16) -> Product {
    Product::activation(CountryId(country), ServiceId(service))
}

/// A row that was made between these seconds.
fn row(country: u16, service: u16, after_s: u64, before_s: u64) -> Unowned {
    let after = Some(Time(after_s * SECOND));
    Unowned {
        country: Named::Known(CountryId(country)),
        service: Named::Known(ServiceId(service)),
        made: Made { after, before: Time(before_s * SECOND), dating: Dating::Sure },
    }
}

/// A row that nothing proves to be new.
fn unproven(country: u16, service: u16, before_s: u64) -> Unowned {
    let whole = row(country, service, 0, before_s);
    Unowned { made: Made { after: None, ..whole.made }, ..whole }
}

fn window(since_s: u64) -> Window {
    let since = Time(since_s * SECOND);
    Window { since, until: since.plus_ms(60 * SECOND) }
}

fn seeker(order: u64, country: u16, service: u16, since_s: u64) -> Seeker {
    let product = product(country, service);
    Seeker { order: OrderId(order), product, window: window(since_s) }
}

fn given_up(country: u16, service: u16, since_s: u64) -> PurchaseGivenUp {
    PurchaseGivenUp {
        order: OrderId(9),
        attempt: 1,
        provider: ProviderId(1),
        product: product(country, service),
        cost: None,
        window: window(since_s),
        until: Time(u64::MAX),
    }
}

fn call(country: u16, service: u16, since_s: u64) -> Call {
    let (provider, product) = (ProviderId(1), product(country, service));
    Call { order: OrderId(8), provider, product, since: Time(since_s * SECOND) }
}

/// An order that got a row.
fn served(country: u16, service: u16, since_s: u64, row: Unowned) -> Served {
    Served { product: product(country, service), window: window(since_s), row }
}

/// Who gets which row, which go back, who waits, and which rows are not known to be ours.
type Expected<'a> = (&'a [(usize, u64)], &'a [usize], &'a [u64], &'a [usize]);

#[track_caller]
fn check(
    rows: &[Unowned],
    seekers: &[Seeker],
    given_up: &[PurchaseGivenUp],
    calls: &[Call],
    expected: Expected<'_>,
) {
    let matched = match_rows(rows, seekers, given_up, &[], calls);
    let adopted: Vec<_> = matched.adopted.iter().map(|(at, id)| (*at, id.0)).collect();
    let returned: Vec<_> = matched.returned.iter().map(|(at, _)| *at).collect();
    let unclear: Vec<_> = matched.unclear.iter().map(|id| id.0).collect();
    assert_eq!((&*adopted, &*returned, &*unclear, &*matched.unattributed), expected);
}

#[test]
fn a_row_goes_to_the_oldest_order_of_its_product() {
    let seekers = [seeker(1, 7, 3, 600), seeker(2, 7, 3, 600), seeker(3, 7, 4, 600)];
    check(&[row(7, 3, 600, 602)], &seekers, &[], &[], (&[(0, 1)], &[], &[], &[]));
    let both = [row(7, 3, 600, 602), row(7, 3, 600, 602)];
    check(&both, &seekers, &[], &[], (&[(0, 1), (1, 2)], &[], &[], &[]));
    check(&[row(8, 3, 600, 602)], &seekers, &[], &[], (&[], &[], &[], &[]));
}

#[test]
fn a_row_made_before_the_call_or_long_after_it_is_a_stranger_s() {
    let seekers = [seeker(1, 7, 3, 600)];
    check(&[row(7, 3, 500, 599)], &seekers, &[], &[], (&[], &[], &[], &[]));
    check(&[row(7, 3, 598, 600)], &seekers, &[], &[], (&[(0, 1)], &[], &[], &[]));
    check(&[row(7, 3, 660, 662)], &seekers, &[], &[], (&[(0, 1)], &[], &[], &[]));
    // One that was made later may be ours all the same: it is told of.
    check(&[row(7, 3, 661, 664)], &seekers, &[], &[], (&[], &[], &[], &[0]));
    let (late, gone) = ([row(7, 3, 661, 664)], [given_up(7, 3, 600)]);
    check(&late, &[], &gone, &[], (&[], &[], &[], &[0]));
    check(&late, &[], &gone, &[call(7, 3, 650)], (&[], &[], &[], &[]));
    check(&[row(7, 4, 661, 664)], &seekers, &gone, &[], (&[], &[], &[], &[]));
}

#[test]
fn a_row_whose_date_leaves_open_that_it_is_older_waits_for_a_better_one() {
    let (seekers, gone) = ([seeker(1, 7, 3, 600)], [given_up(7, 3, 600)]);
    // A list that took long: a stranger's of three seconds before would look the same.
    let open = [row(7, 3, 596, 606)];
    check(&open, &seekers, &[], &[], (&[], &[], &[1], &[0]));
    check(&open, &[], &gone, &[], (&[], &[], &[], &[0]));
    let after_it = [row(7, 3, 658, 664)];
    check(&after_it, &seekers, &[], &[], (&[], &[], &[1], &[0]));
    check(&[row(7, 3, 599, 606)], &seekers, &[], &[], (&[(0, 1)], &[], &[], &[]));
    // What a narrow date places after a window, or before it, is not within it.
    check(&[row(7, 3, 661, 662)], &seekers, &[], &[], (&[], &[], &[], &[0]));
    check(&[row(7, 3, 598, 599)], &seekers, &[], &[], (&[], &[], &[], &[]));
    // It may be this order's, and it is not known not to be the next one's.
    let next = [seeker(1, 7, 3, 590), seeker(2, 7, 3, 600)];
    let both = [row(7, 3, 595, 597), row(7, 3, 596, 606)];
    check(&both, &next, &[], &[], (&[], &[], &[1, 2], &[0, 1]));
    // An order whose time is over by less than the date leaves open gives way to the next.
    let over = [seeker(1, 7, 3, 600), seeker(2, 7, 3, 650)];
    check(&[row(7, 3, 659, 664)], &over, &[], &[], (&[(0, 2)], &[], &[], &[]));
}

#[test]
fn on_a_shared_account_no_row_goes_to_any_purchase() {
    let (seekers, gone) = ([seeker(1, 7, 3, 600)], [given_up(7, 3, 590)]);
    let rows = [row(7, 3, 600, 602), row(7, 3, 610, 612)];
    let mut matched = match_rows(&rows, &seekers, &gone, &[], &[]);
    assert_eq!((matched.adopted.len(), matched.returned.len()), (1, 1));
    matched.withhold();
    assert!(matched.adopted.is_empty() && matched.returned.is_empty());
    assert_eq!(matched.unattributed, [0, 1]);
    assert_eq!(matched.unclear, BTreeSet::from([OrderId(1)]), "it is not bought again");
}

#[test]
fn a_row_that_no_purchase_of_ours_can_have_made_is_another_program_s() {
    let begun: Begun = [(product(7, 3), window(600))].into_iter().collect();
    let is_foreign = |row: &Unowned| is_foreign(row, Time(300 * SECOND), &begun);
    assert!(is_foreign(&row(7, 4, 600, 602)), "nothing of that product was bought");
    assert!(is_foreign(&row(7, 3, 590, 592)), "it was made before");
    assert!(!is_foreign(&row(7, 3, 599, 601)));
    assert!(!is_foreign(&row(7, 3, 900, 902)), "ours may be late");
    assert!(!is_foreign(&row(7, 4, 200, 202)), "a purchase of ours that is forgotten by now");
    assert!(!is_foreign(&unproven(7, 4, 602)));
    let vague = Unowned { service: Named::Absent, ..row(7, 0, 600, 602) };
    assert!(!is_foreign(&vague));
    assert!(is_foreign(&Unowned { service: Named::Unknown, ..vague }));
}

#[test]
fn a_row_of_an_order_that_took_another_s_is_told() {
    let served = [served(7, 3, 600, row(7, 3, 600, 602))];
    let told = |row: Unowned| match_rows(&[row], &[], &[], &served, &[]).unattributed;
    assert_eq!(told(row(7, 3, 610, 612)), [0]);
    assert_eq!(told(row(7, 3, 661, 664)), [0; 0]);
    assert_eq!(told(row(7, 4, 610, 612)), [0; 0]);
}

#[test]
fn a_row_that_is_not_proven_to_be_new_is_taken_by_no_order() {
    let (seekers, gone) = ([seeker(1, 7, 3, 600)], [given_up(7, 3, 600)]);
    check(&[unproven(7, 3, 700)], &seekers, &[], &[], (&[], &[], &[1], &[0]));
    check(&[unproven(7, 3, 700)], &[], &gone, &[], (&[], &[], &[], &[0]));
    check(&[unproven(7, 3, 599)], &seekers, &gone, &[], (&[], &[], &[], &[]));
}

#[test]
fn a_row_without_a_date_is_new_if_a_list_from_just_before_does_not_show_it() {
    // Between a list without it, which may be late by ten seconds, and the first with it.
    let of = |absent_s: u64, seen_s| {
        let dated = row(7, 3, absent_s - 10, seen_s);
        Unowned { made: Made { dating: Dating::Lists, ..dated.made }, ..dated }
    };
    let (seekers, gone) = ([seeker(1, 7, 3, 600)], [given_up(7, 3, 600)]);
    check(&[of(590, 604)], &seekers, &[], &[], (&[(0, 1)], &[], &[], &[]));
    check(&[of(610, 630)], &[], &gone, &[], (&[], &[0], &[], &[]));
    // A minute before, or long after: it may be any program's.
    check(&[of(580, 604)], &seekers, &[], &[], (&[], &[], &[1], &[0]));
    check(&[of(655, 715)], &[], &gone, &[], (&[], &[], &[], &[0]));
    check(&[of(672, 674)], &[], &gone, &[], (&[], &[], &[], &[0]));
    check(&[of(530, 590)], &seekers, &gone, &[], (&[], &[], &[], &[]));
}

#[test]
fn a_row_whose_clock_may_be_another_is_not_lost_for_ten_minutes() {
    let of = |after_s, before_s| {
        let dated = row(7, 3, after_s, before_s);
        Unowned { made: Made { dating: Dating::Likely, ..dated.made }, ..dated }
    };
    let (seekers, gone) = ([seeker(1, 7, 3, 600)], [given_up(7, 3, 600)]);
    check(&[of(600, 602)], &seekers, &[], &[], (&[(0, 1)], &[], &[], &[]));
    // It is neither taken nor given back, and its order is not bought again.
    check(&[of(597, 599)], &seekers, &[], &[], (&[], &[], &[1], &[0]));
    check(&[of(597, 599)], &[], &gone, &[], (&[], &[], &[], &[0]));
    let seekers = [seeker(1, 7, 3, 2_000)];
    check(&[of(1_400, 1_402)], &seekers, &[], &[], (&[], &[], &[1], &[0]));
    check(&[of(1_300, 1_302)], &seekers, &[], &[], (&[], &[], &[], &[]));
}

#[test]
fn of_more_rows_than_were_bought_none_is_taken() {
    let rows = [row(7, 3, 600, 602), row(7, 3, 610, 612)];
    check(&rows, &[seeker(1, 7, 3, 600)], &[], &[], (&[], &[], &[1], &[0, 1]));
    let gone = [given_up(7, 3, 590)];
    check(&rows, &[seeker(1, 7, 3, 600)], &gone, &[], (&[(0, 1)], &[1], &[], &[]));
    // An order of another time is not concerned.
    let seekers = [seeker(1, 7, 3, 600), seeker(2, 7, 3, 800)];
    let with_its_own = [rows[0], rows[1], row(7, 3, 801, 803)];
    check(&with_its_own, &seekers, &[], &[], (&[(2, 2)], &[], &[1], &[0, 1]));
}

#[test]
fn a_row_that_a_call_under_way_may_have_made_waits() {
    let seekers = [seeker(1, 7, 3, 600)];
    check(&[row(7, 3, 610, 612)], &seekers, &[], &[call(7, 3, 611)], (&[], &[], &[1], &[]));
    let later = [call(7, 3, 613)];
    check(&[row(7, 3, 610, 612)], &seekers, &[], &later, (&[(0, 1)], &[], &[], &[]));
    let other = [call(7, 4, 611)];
    check(&[row(7, 3, 610, 612)], &seekers, &[], &other, (&[(0, 1)], &[], &[], &[]));
}

#[test]
fn a_row_without_service_is_taken_only_if_one_product_wants_it() {
    let vague = Unowned { service: Named::Absent, ..row(7, 0, 600, 602) };
    check(&[vague], &[seeker(1, 7, 3, 600)], &[], &[], (&[(0, 1)], &[], &[], &[]));
    let three = [seeker(1, 7, 3, 600), seeker(2, 7, 4, 600), seeker(3, 7, 5, 600)];
    check(&[vague], &three, &[], &[], (&[], &[], &[1, 2, 3], &[0]));
    let gone = [given_up(7, 4, 600)];
    check(&[vague], &three[..1], &gone, &[], (&[], &[], &[1], &[0]));
    let unknown = Unowned { service: Named::Unknown, ..vague };
    check(&[unknown], &[seeker(1, 7, 3, 600)], &[], &[], (&[], &[], &[], &[]));
}

#[test]
fn the_work_grows_with_rows_and_orders_and_not_with_their_product() {
    let all = |each: fn(u64) -> Seeker| (0..10_000).map(each).collect::<Vec<_>>();
    let one_product = all(|at| seeker(at, 7, 3, 600));
    let many = all(|at| seeker(at, (at / 100) as u16, (at % 100) as u16, at));
    for (seekers, country, service) in [(&one_product, 7, 3), (&many, 50, 3)] {
        let row = |at: u64| row(country, service, 600 + at % 2, 602);
        let rows: Vec<_> = (0..10_000).map(row).collect();
        let matched = match_rows(&rows, seekers, &[], &[], &[call(7, 4, 1)]);
        assert!(matched.steps <= 60_000, "{} steps", matched.steps);
        let unproven = vec![unproven(country, service, 602); 10_000];
        let matched = match_rows(&unproven, seekers, &[], &[], &[]);
        assert!(matched.adopted.is_empty() && matched.steps <= 60_000, "{}", matched.steps);
    }
    let rows = vec![row(7, 3, 600, 602); 10_000];
    assert_eq!(match_rows(&rows, &one_product, &[], &[], &[]).adopted.len(), 10_000);
}

#[test]
fn twice_as_much_to_match_is_twice_the_work() {
    // As many doubts, purchases given up, orders served and calls under way as rows: of one
    // product, and of a product in a hundred.
    let steps = |count: u64, products: u64| {
        let of = |at: u64| (7, (at % products) as u16, 600 + at % 30);
        let all = || (0..count).map(of);
        let seekers: Vec<_> =
            (0..).zip(all()).map(|(at, (c, s, since))| seeker(at, c, s, since)).collect();
        let gone: Vec<_> = all().map(|(c, s, since)| given_up(c, s, since)).collect();
        let got = |(c, s, since)| served(c, s, since, row(c, s, since, since + 2));
        let served: Vec<_> = all().map(got).collect();
        let calls: Vec<_> = all().map(|(c, s, since)| call(c, s + 1, since + 100)).collect();
        // Whole, by its service alone, and by nothing.
        let rows = all().enumerate().map(|(at, (c, s, since))| {
            let whole = row(c, s, since, since + 2);
            let country = if at % 3 > 0 { Named::Absent } else { whole.country };
            let service = if at % 3 > 1 { Named::Absent } else { whole.service };
            Unowned { country, service, ..whole }
        });
        let rows: Vec<_> = rows.collect();
        let matched = match_rows(&rows, &seekers, &gone, &served, &calls);
        assert!(matched.steps >= rows.len(), "each row is looked at");
        matched.steps
    };
    for (once, twice) in [(1, 1), (100, 100), (2_000, 4_000)] {
        let (once, twice) = (steps(2_000, once), steps(4_000, twice));
        assert!(twice < 3 * once, "{once} steps, then {twice}");
    }
}

/// Which rows are too many, and by how many, for purchases of 7 3 that were made in windows since
/// these seconds and for those that orders got.
fn too_many(rows: &[Unowned], begun_s: &[u64], served: &[Served]) -> Option<(Vec<usize>, usize)> {
    let begun: Begun = begun_s.iter().map(|since| (product(7, 3), window(*since))).collect();
    excess(rows, Time(300 * SECOND), &begun, served).map(|it| (it.rows, it.others))
}

#[test]
fn more_rows_than_purchases_show_that_others_buy() {
    let rows = [row(7, 3, 601, 603), row(7, 3, 610, 612), row(7, 3, 620, 622)];
    assert_eq!(too_many(&rows, &[600], &[]), Some((vec![0, 1, 2], 2)));
    assert_eq!(too_many(&rows, &[600, 600], &[]), Some((vec![0, 1, 2], 1)));
    assert_eq!(too_many(&rows, &[600, 600, 605], &[]), None);
    // What began after a row was made has not made it.
    assert_eq!(too_many(&rows, &[600, 600, 640], &[]), Some((vec![0, 1, 2], 1)));
    assert_eq!(too_many(&rows, &[600, 615, 616], &[]), Some((vec![0, 1], 1)));
    assert_eq!(too_many(&rows[..1], &[600], &[]), None);
    // Purchases of long before have not made them either, those of minutes before may have.
    assert_eq!(too_many(&rows, &[600, 610, 230], &[]), Some((vec![0, 1, 2], 1)));
    assert_eq!(too_many(&rows, &[600, 610, 330], &[]), None);
}

#[test]
fn only_rows_that_are_known_to_be_new_and_may_be_looked_for_are_counted() {
    let ours = row(7, 3, 601, 603);
    let with = |row: Unowned| too_many(&[ours, row], &[600], &[]);
    assert_eq!(with(ours), Some((vec![0, 1], 1)));
    assert_eq!(with(unproven(7, 3, 603)), None);
    assert_eq!(with(row(7, 3, 596, 606)), None, "it may have been made before");
    assert_eq!(with(row(7, 3, 590, 592)), None, "it was made before");
    assert_eq!(with(row(7, 3, 664, 666)), None, "it is not looked for");
    assert_eq!(with(row(7, 4, 601, 603)), None);
    let vague = Unowned { service: Named::Absent, ..ours };
    assert_eq!(with(vague), None, "it may be of a product of which as much was bought");
    assert_eq!(too_many(&[vague, vague], &[600], &[]), Some((vec![0, 1], 1)));
    let old: Begun = [(product(7, 3), window(200))].into_iter().collect();
    let rows = [row(7, 3, 201, 203); 2];
    assert_eq!(excess(&rows, Time(300 * SECOND), &old, &[]), None, "ours of then is forgotten");
}

#[test]
fn a_purchase_that_is_made_or_shown_late_is_not_one_too_many() {
    // The first order's turns up within the moments of the second.
    let rows = [row(7, 3, 801, 803), row(7, 3, 802, 804)];
    assert_eq!(too_many(&rows, &[600, 800], &[]), None);
    // Its row has no date, and lists have not shown it for long.
    let undated = rows.map(|it| Unowned { made: Made { dating: Dating::Lists, ..it.made }, ..it });
    assert_eq!(too_many(&undated, &[600, 800], &[]), None);
    assert_eq!(too_many(&undated, &[800], &[]), Some((vec![0, 1], 1)));
    // The clock of its date may be another.
    let skewed = rows.map(|it| Unowned { made: Made { dating: Dating::Likely, ..it.made }, ..it });
    assert_eq!(too_many(&skewed, &[800, 1_400], &[]), None);
    assert_eq!(too_many(&skewed, &[800, 1_500], &[]), Some((vec![0, 1], 1)));
}

#[test]
fn what_an_order_got_counts_on_both_sides() {
    let (got, other) = (row(7, 3, 601, 603), row(7, 3, 610, 612));
    let served = [served(7, 3, 600, got)];
    assert_eq!(too_many(&[], &[], &served), None);
    // It may have been another order's, whose own is this one.
    assert_eq!(too_many(&[other], &[605], &served), None);
    assert_eq!(too_many(&[other], &[], &served), Some((vec![0], 1)), "one was bought");
    assert_eq!(too_many(&[row(7, 3, 800, 802)], &[], &served), None, "it is not looked for");
}

#[test]
fn of_thousands_of_rows_and_purchases_one_too_many_is_seen() {
    let begun: Vec<u64> = (0..10_000).map(|at| 600 + at / 10).collect();
    let row = |at: u64| row(7, 3, 600 + at / 10, 602 + at / 10);
    let rows: Vec<_> = (0..10_000).map(row).collect();
    assert_eq!(too_many(&rows, &begun, &[]), None);
    assert_eq!(too_many(&rows, &begun[..9_999], &[]).map(|it| it.1), Some(1));
}
