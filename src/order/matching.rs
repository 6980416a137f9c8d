//! Whose is a purchase that a provider shows and the ledger does not know.
//!
//! Pure. Promises: a row goes to at most one order in doubt, of its own product and made
//! within the moments in which that order's purchase may have been made, the oldest order
//! first; then to a purchase that was given up. A row that is not proven to be new, that a
//! call under way may have made, that says too little to choose, or that is one of more than
//! were bought, goes to none in this round. On an account that others buy on, none goes to any.
//! One that was made after those moments is no purchase's, and is told of: it may be late. The work
//! grows with rows and orders, not with their product.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use nexnum_engine::ids::{CountryId, OrderId, Product, ServiceId};
use nexnum_engine::time::Time;

use super::doubt::{Call, PurchaseGivenUp, Window};
use crate::provider::sightings::Made;

/// How a row names a country or service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<T> {
    /// The row does not name it, and no other row of its list does.
    Absent,
    /// A code that the crosswalk does not know, or none where other rows have one.
    Unknown,
    /// A code that the crosswalk knows.
    Known(T),
}

impl<T: PartialEq> Named<T> {
    fn may_be(&self, wanted: &T) -> bool {
        match self {
            Self::Absent => true,
            Self::Unknown => false,
            Self::Known(named) => named == wanted,
        }
    }
}

/// A purchase at the provider that no order has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unowned {
    pub(crate) country: Named<CountryId>,
    pub(crate) service: Named<ServiceId>,
    /// When it was made.
    pub(crate) made: Made,
}

/// An order in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seeker {
    pub(crate) order: OrderId,
    pub(crate) product: Product,
    /// When its purchase may have been made.
    pub(crate) window: Window,
}

/// Whose the rows are, by their place in the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Matched {
    /// Rows that are an order's.
    pub(crate) adopted: Vec<(usize, OrderId)>,
    /// Rows of purchases that were given up.
    pub(crate) returned: Vec<(usize, PurchaseGivenUp)>,
    /// Orders that may yet turn out to have one of the rows.
    pub(crate) unclear: BTreeSet<OrderId>,
    /// Rows that may be what is looked for and may be a stranger's, late ones included.
    pub(crate) unattributed: Vec<usize>,
    /// How many comparisons it took.
    pub(crate) steps: usize,
}

impl Matched {
    /// Takes every row from those that would get one: on an account that others buy on, none
    /// is known to be ours.
    pub(crate) fn withhold(&mut self) {
        self.unclear.extend(self.adopted.iter().map(|(_, order)| *order));
        let adopted = self.adopted.drain(..).map(|(at, _)| at);
        let returned = self.returned.drain(..).map(|(at, _)| at);
        self.unattributed.extend(adopted.chain(returned));
        self.unattributed.sort_unstable();
    }
}

/// Since when purchases that are not settled may have been made, by product.
pub(crate) type Begun = BTreeMap<Product, Time>;

/// Whether a row was made since a moment, and by no purchase of ours: none of its product had
/// begun that is not known by now.
pub(crate) fn is_foreign(row: &Unowned, since: Time, begun: &Begun) -> bool {
    let is_new = row.made.after.is_some_and(|after| after >= since);
    is_new && products(begun, row, |began| *began <= row.made.before).is_empty()
}

/// Matches rows with orders in doubt and with purchases given up.
pub(crate) fn match_rows(
    rows: &[Unowned],
    seekers: &[Seeker],
    given_up: &[PurchaseGivenUp],
    calls: &[Call],
) -> Matched {
    // 1. What is looked for, by product.
    let mut wanted: BTreeMap<Product, Wanted> = BTreeMap::new();
    for seeker in seekers {
        wanted.entry(seeker.product).or_default().seekers.push(*seeker);
    }
    for purchase in given_up {
        wanted.entry(purchase.product).or_default().given_up.push(*purchase);
    }
    let mut in_work: BTreeMap<Product, Spans> = BTreeMap::new();
    for call in calls {
        let since = in_work.entry(call.product).or_default();
        since.push(call.since, Time(u64::MAX));
    }
    wanted.values_mut().for_each(Wanted::sort);
    in_work.values_mut().for_each(Spans::sort);
    // 2. Each row is of one product that is looked for, or of none, or unclear.
    let mut matched = Matched::default();
    let steps = Cell::new(0);
    for (at, row) in rows.iter().enumerate() {
        let fits = |spans: &Spans| {
            steps.update(|steps| steps + 1);
            spans.touch(row.made.after.unwrap_or_default(), row.made.before)
        };
        let products = products(&wanted, row, |product| fits(&product.spans));
        let is_in_work = !self::products(&in_work, row, fits).is_empty();
        let proven = row.made.after.is_some();
        if proven && !is_in_work && products.len() == 1 {
            let only = wanted.get_mut(&products[0]).expect("it was found there");
            only.rows.push((row.made, at));
            continue;
        }
        for product in &products {
            let unclear = wanted.get_mut(product).expect("it was found there");
            unclear.unclear.push(row.made.after.unwrap_or_default(), row.made.before);
        }
        let is_over = |wanted: &Wanted| wanted.first_over < row.made.before;
        let is_late = || !self::products(&wanted, row, is_over).is_empty();
        // The answer of a call under way may say whose it is.
        if !is_in_work && (!products.is_empty() || is_late()) {
            matched.unattributed.push(at);
        }
    }
    // 3. Within a product, the oldest goes first.
    for product in wanted.into_values() {
        product.share_out(&mut matched);
    }
    matched.unattributed.sort_unstable();
    matched.steps += steps.get();
    matched
}

/// The products that a row may be of, as far as `fits` goes.
fn products<T>(
    of: &BTreeMap<Product, T>,
    row: &Unowned,
    fits: impl Fn(&T) -> bool,
) -> Vec<Product> {
    if let (Named::Known(country), Named::Known(service)) = (row.country, row.service) {
        let product = Product { country, service };
        return of.get(&product).filter(|it| fits(it)).map(|_| product).into_iter().collect();
    }
    let may_be = |product: &Product| {
        row.country.may_be(&product.country) && row.service.may_be(&product.service)
    };
    let all = of.iter().filter(|(product, it)| may_be(product) && fits(it));
    all.map(|(product, _)| *product).collect()
}

/// What is looked for of one product, and the rows that may be it.
#[derive(Default)]
struct Wanted {
    seekers: Vec<Seeker>,
    given_up: Vec<PurchaseGivenUp>,
    /// The windows of both.
    spans: Spans,
    /// When the first of them is over.
    first_over: Time,
    rows: Vec<(Made, usize)>,
    /// When the rows that cannot be chosen were made.
    unclear: Spans,
}

impl Wanted {
    fn sort(&mut self) {
        self.seekers.sort_by_key(|seeker| (seeker.window.since, seeker.order));
        self.given_up.sort_by_key(|it| (it.window.since, it.order, it.attempt));
        let windows = self.seekers.iter().map(|seeker| seeker.window);
        for window in windows.chain(self.given_up.iter().map(|it| it.window)) {
            self.spans.push(window.since, window.until);
        }
        let first_over = self.spans.spans.iter().map(|(_, until)| *until).min();
        self.first_over = first_over.unwrap_or_default();
        self.spans.sort();
    }

    fn share_out(mut self, matched: &mut Matched) {
        self.rows.sort_unstable_by_key(|(made, at)| (made.after, made.before, *at));
        // 1. To orders first: one purchase of a product is as good as another.
        let mut orders = Queue::of(self.seekers.iter().map(|seeker| seeker.window));
        let mut gone = Queue::of(self.given_up.iter().map(|it| it.window));
        let mut taken = Vec::with_capacity(self.rows.len());
        let mut left = Spans::default();
        for (made, at) in &self.rows {
            let taker = orders.take(*made).map(Taker::Order);
            match taker.or_else(|| gone.take(*made).map(Taker::GivenUp)) {
                Some(taker) => taken.push((*made, *at, taker)),
                None => {
                    left.push(made.after.unwrap_or_default(), made.before);
                    matched.unattributed.push(*at);
                }
            }
        }
        left.sort();
        // 2. Where there are more rows than were bought, none of them is known to be ours.
        for (made, at, taker) in taken {
            let window = match taker {
                Taker::Order(seeker) => self.seekers[seeker].window,
                Taker::GivenUp(purchase) => self.given_up[purchase].window,
            };
            if left.touch(window.since, window.until) {
                self.unclear.push(made.after.unwrap_or_default(), made.before);
                matched.unattributed.push(at);
                continue;
            }
            match taker {
                Taker::Order(seeker) => {
                    let order = self.seekers[seeker].order;
                    matched.adopted.push((at, order));
                    orders.served.insert(seeker);
                }
                Taker::GivenUp(purchase) => matched.returned.push((at, self.given_up[purchase])),
            }
        }
        // 3. Who gets none and may yet have one of those that could not be chosen.
        self.unclear.sort();
        matched.steps += orders.steps + gone.steps + self.seekers.len();
        let waits = self.seekers.iter().enumerate().filter(|(at, seeker)| {
            let Window { since, until } = seeker.window;
            !orders.served.contains(at) && self.unclear.touch(since, until)
        });
        matched.unclear.extend(waits.map(|(_, seeker)| seeker.order));
    }
}

/// Who takes a row, by its place.
#[derive(Clone, Copy)]
enum Taker {
    Order(usize),
    GivenUp(usize),
}

/// Windows that are given rows in the order in which the rows were made.
struct Queue {
    /// Open windows by their begin, and by their end.
    begins: BTreeSet<(Time, usize)>,
    ends: BTreeSet<(Time, Time, usize)>,
    /// Those whose rows are theirs for good.
    served: BTreeSet<usize>,
    steps: usize,
}

impl Queue {
    fn of(windows: impl Iterator<Item = Window> + Clone) -> Self {
        let begins = windows.clone().enumerate().map(|(at, window)| (window.since, at));
        let ends = windows.enumerate().map(|(at, window)| (window.until, window.since, at));
        Self { begins: begins.collect(), ends: ends.collect(), served: BTreeSet::new(), steps: 0 }
    }

    /// The oldest window that a row may be of; later rows were not made earlier.
    fn take(&mut self, made: Made) -> Option<usize> {
        let after = made.after.unwrap_or_default();
        self.steps += 1;
        while let Some((until, since, at)) = self.ends.first().copied()
            && until < after
        {
            self.steps += 1;
            self.ends.pop_first();
            self.begins.remove(&(since, at));
        }
        let oldest = self.begins.first().copied();
        let (_, at) = oldest.filter(|(since, _)| *since <= made.before)?;
        self.begins.pop_first();
        Some(at)
    }
}

/// Spans of time, to be asked whether one of them touches another.
#[derive(Debug, Default)]
struct Spans {
    /// Begin and end; once sorted, the end is the latest up to here.
    spans: Vec<(Time, Time)>,
}

impl Spans {
    fn push(&mut self, from: Time, to: Time) {
        self.spans.push((from, to));
    }

    fn sort(&mut self) {
        self.spans.sort_unstable();
        let mut latest = Time(0);
        for (_, to) in &mut self.spans {
            latest = latest.max(*to);
            *to = latest;
        }
    }

    fn touch(&self, from: Time, to: Time) -> bool {
        let begun = self.spans.partition_point(|(begin, _)| *begin <= to);
        self.spans[..begun].last().is_some_and(|(_, latest)| *latest >= from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_engine::ids::ProviderId;

    const SECOND: u64 = 1_000;

    fn product(country: u16, service: u16) -> Product {
        Product { country: CountryId(country), service: ServiceId(service) }
    }

    /// A row that was made between these seconds.
    fn row(country: u16, service: u16, after_s: u64, before_s: u64) -> Unowned {
        let after = Some(Time(after_s * SECOND));
        Unowned {
            country: Named::Known(CountryId(country)),
            service: Named::Known(ServiceId(service)),
            made: Made { after, before: Time(before_s * SECOND) },
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

    fn seeker(order: u32, country: u16, service: u16, since_s: u64) -> Seeker {
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
        Call { provider, product, since: Time(since_s * SECOND) }
    }

    /// Who gets which row, which go back, who waits, and which rows are not known to be ours.
    type Expected<'a> = (&'a [(usize, u32)], &'a [usize], &'a [u32], &'a [usize]);

    #[track_caller]
    fn check(
        rows: &[Unowned],
        seekers: &[Seeker],
        given_up: &[PurchaseGivenUp],
        calls: &[Call],
        expected: Expected<'_>,
    ) {
        let matched = match_rows(rows, seekers, given_up, calls);
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
        check(&[row(7, 3, 660, 664)], &seekers, &[], &[], (&[(0, 1)], &[], &[], &[]));
        // One that was made later may be ours all the same: it is told of.
        check(&[row(7, 3, 661, 664)], &seekers, &[], &[], (&[], &[], &[], &[0]));
        let (late, gone) = ([row(7, 3, 661, 664)], [given_up(7, 3, 600)]);
        check(&late, &[], &gone, &[], (&[], &[], &[], &[0]));
        check(&late, &[], &gone, &[call(7, 3, 650)], (&[], &[], &[], &[]));
        check(&[row(7, 4, 661, 664)], &seekers, &gone, &[], (&[], &[], &[], &[]));
    }

    #[test]
    fn on_a_shared_account_no_row_goes_to_any_purchase() {
        let (seekers, gone) = ([seeker(1, 7, 3, 600)], [given_up(7, 3, 590)]);
        let rows = [row(7, 3, 600, 602), row(7, 3, 610, 612)];
        let mut matched = match_rows(&rows, &seekers, &gone, &[]);
        assert_eq!((matched.adopted.len(), matched.returned.len()), (1, 1));
        matched.withhold();
        assert!(matched.adopted.is_empty() && matched.returned.is_empty());
        assert_eq!(matched.unattributed, [0, 1]);
        assert_eq!(matched.unclear, BTreeSet::from([OrderId(1)]), "it is not bought again");
    }

    #[test]
    fn a_row_that_no_purchase_of_ours_can_have_made_is_another_program_s() {
        let begun: Begun = [(product(7, 3), Time(600 * SECOND))].into();
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
    fn a_row_that_is_not_proven_to_be_new_is_taken_by_no_order() {
        let (seekers, gone) = ([seeker(1, 7, 3, 600)], [given_up(7, 3, 600)]);
        check(&[unproven(7, 3, 700)], &seekers, &[], &[], (&[], &[], &[1], &[0]));
        check(&[unproven(7, 3, 700)], &[], &gone, &[], (&[], &[], &[], &[0]));
        check(&[unproven(7, 3, 599)], &seekers, &gone, &[], (&[], &[], &[], &[]));
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
        let all = |each: fn(u32) -> Seeker| (0..10_000).map(each).collect::<Vec<_>>();
        let one_product = all(|at| seeker(at, 7, 3, 600));
        let many = all(|at| seeker(at, (at / 100) as u16, (at % 100) as u16, u64::from(at)));
        for (seekers, country, service) in [(&one_product, 7, 3), (&many, 50, 3)] {
            let row = |at: u64| row(country, service, 600 + at % 2, 602);
            let rows: Vec<_> = (0..10_000).map(row).collect();
            let matched = match_rows(&rows, seekers, &[], &[call(7, 4, 1)]);
            assert!(matched.steps <= 60_000, "{} steps", matched.steps);
            let unproven = vec![unproven(country, service, 602); 10_000];
            let matched = match_rows(&unproven, seekers, &[], &[]);
            assert!(matched.adopted.is_empty() && matched.steps <= 60_000, "{}", matched.steps);
        }
        let rows = vec![row(7, 3, 600, 602); 10_000];
        assert_eq!(match_rows(&rows, &one_product, &[], &[]).adopted.len(), 10_000);
    }
}
