//! Whose is a purchase that a provider shows and the ledger does not know.
//!
//! Pure. Promises: a row goes to at most one order in doubt, of its own product and made
//! within the moments in which that order's purchase may have been made, as far as seconds
//! tell, the oldest order first; then to a purchase that was given up. A row that is not proven
//! to be new, whose date leaves open by seconds that it is older, that a call under way may have
//! made, that says too little to choose, or that is one of more than were bought, goes to none in
//! this round. On an account that others buy on, none goes to any.
//! One that was made after those moments is no purchase's, and is told of: it may be late. The work
//! grows with rows and orders, not with their product.

mod excess;
mod naming;
mod spans;
mod unowned;

use std::collections::{BTreeMap, BTreeSet};

use nexnum_engine::ids::{OrderId, Product};
use nexnum_engine::time::Time;

use self::naming::ByNaming;
use self::spans::{Spans, Touching};
use super::doubt::{Call, PurchaseGivenUp, SHOWN_MS, Window};
use crate::provider::server_clock::ROUNDING_MS;
use crate::provider::sightings::{Dating, Made};

/// By how much a date may leave open that its row was made before a purchase began, or after it:
/// what cutting to seconds takes from it and from the clock that it is read by. A row of which
/// less is known waits for a list that dates it better.
const OPEN_MS: u64 = 2 * ROUNDING_MS;
/// The same where lists alone place it: a list may show a purchase late, and the last one
/// without it was asked for some seconds before the purchase began.
const OPEN_BY_LISTS_MS: u64 = SHOWN_MS + FRESH_MS;
/// How old a list may be that proves what is new since.
const FRESH_MS: u64 = 15_000;

pub(crate) use self::excess::{Excess, excess};
pub(crate) use self::naming::Begun;
pub(crate) use self::unowned::{Named, Unowned};

/// An order in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seeker {
    pub(crate) order: OrderId,
    pub(crate) product: Product,
    /// When its purchase may have been made.
    pub(crate) window: Window,
}

/// An order that got a purchase from a list: if it was another order's, its own may turn up yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) product: Product,
    pub(crate) window: Window,
    /// What it got.
    pub(crate) row: Unowned,
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

/// Whether a row was made since a moment, and by no purchase of ours: none of its product had
/// begun that is not known by now.
pub(crate) fn is_foreign(row: &Unowned, since: Time, begun: &Begun) -> bool {
    let is_new = row.made.after.is_some_and(|after| after >= since);
    let latest = row.made.with_skew().1;
    is_new && begun.first_of(row).is_none_or(|began| began > latest)
}

/// Matches rows with orders in doubt and with purchases given up.
pub(crate) fn match_rows(
    rows: &[Unowned],
    seekers: &[Seeker],
    given_up: &[PurchaseGivenUp],
    served: &[Served],
    calls: &[Call],
) -> Matched {
    // 1. What is looked for: by product, and by what rows name of products.
    let mut products = Wanted::by_product(seekers, given_up);
    let mut sought = ByNaming::new(rows, products.keys().copied());
    push_all(&mut sought, &products, served, calls);
    // 2. Each row is of one product that is looked for, or of none, or unclear.
    let mut matched = Matched::default();
    for (at, row) in rows.iter().enumerate() {
        matched.steps += 1;
        let Some(together) = sought.of_row(row) else { continue };
        let (after, before) = row.made.with_skew();
        let touching = together.windows.touching(after, before);
        let is_in_work = together.in_work.touch(after, before);
        if let Touching::One(product) = touching
            && !is_in_work
            && row.made.after.is_some()
            && sought.of(product).holds(within(row.made))
        {
            products.get_mut(&product).expect("it is looked for").rows.push((row.made, at));
            continue;
        }
        let fits = touching != Touching::None;
        // The answer of a call under way may say whose it is. A purchase may be shown late, and
        // one that an order got may have been another's.
        let is_late = together.is_late((after, before), row.made.before);
        if !is_in_work && (fits || is_late) {
            matched.unattributed.push(at);
        }
        if fits {
            sought.note_unclear(row, (after, before));
        }
    }
    // 3. Within a product, the oldest goes first.
    sought.sort_unclear();
    for (product, wanted) in products {
        wanted.share_out(product, &sought, &mut matched);
    }
    matched.unattributed.sort_unstable();
    matched
}

/// Holds ready what rows are held against.
fn push_all(
    sought: &mut ByNaming,
    products: &BTreeMap<Product, Wanted>,
    served: &[Served],
    calls: &[Call],
) {
    for (product, wanted) in products {
        for Window { since, until } in wanted.windows() {
            sought.with(*product, |all| all.push_window(since, until, *product));
        }
    }
    for Served { product, window, .. } in served {
        sought.with(*product, |all| all.served.push(window.since, window.until));
    }
    for Call { product, since, .. } in calls {
        sought.with(*product, |all| all.in_work.push(*since, Time(u64::MAX)));
    }
    sought.sort();
}

/// The moments that a window has to hold for a purchase that was made at such a time: its begin
/// not after the second, its end not before the first.
fn within(made: Made) -> (Time, Time) {
    let open_ms = match made.dating {
        Dating::Sure | Dating::Likely => OPEN_MS,
        Dating::Lists => OPEN_BY_LISTS_MS,
    };
    let after = made.after.unwrap_or_default();
    let latest = Time(made.before.0.saturating_sub(open_ms));
    (latest.max(after), after.plus_ms(open_ms).min(made.before))
}

/// What is looked for of one product, and the rows that may be it.
#[derive(Default)]
struct Wanted {
    seekers: Vec<Seeker>,
    given_up: Vec<PurchaseGivenUp>,
    rows: Vec<(Made, usize)>,
}

impl Wanted {
    /// By product, the oldest first.
    fn by_product(seekers: &[Seeker], given_up: &[PurchaseGivenUp]) -> BTreeMap<Product, Self> {
        let mut products: BTreeMap<Product, Self> = BTreeMap::new();
        for seeker in seekers {
            products.entry(seeker.product).or_default().seekers.push(*seeker);
        }
        for purchase in given_up {
            products.entry(purchase.product).or_default().given_up.push(*purchase);
        }
        for wanted in products.values_mut() {
            wanted.seekers.sort_by_key(|seeker| (seeker.window.since, seeker.order));
            wanted.given_up.sort_by_key(|it| (it.window.since, it.order, it.attempt));
        }
        products
    }

    fn windows(&self) -> impl Iterator<Item = Window> + '_ {
        let seekers = self.seekers.iter().map(|seeker| seeker.window);
        seekers.chain(self.given_up.iter().map(|it| it.window))
    }

    fn share_out(mut self, of: Product, sought: &ByNaming, matched: &mut Matched) {
        self.rows.sort_unstable_by_key(|(made, at)| (made.after, made.before, *at));
        // 1. To orders first: one purchase of a product is as good as another.
        let mut orders = Queue::of(self.seekers.iter().map(|seeker| seeker.window));
        let mut gone = Queue::of(self.given_up.iter().map(|it| it.window));
        let mut taken = Vec::with_capacity(self.rows.len());
        let mut left = Spans::default();
        let mut unclear = Spans::default();
        for (made, at) in &self.rows {
            let taker = orders.take(*made).map(Taker::Order);
            match taker.or_else(|| gone.take(*made).map(Taker::GivenUp)) {
                Some(taker) => taken.push((*made, *at, taker)),
                None => {
                    left.push(made.after.unwrap_or_default(), made.before);
                    unclear.push(made.after.unwrap_or_default(), made.before);
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
                unclear.push(made.after.unwrap_or_default(), made.before);
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
        unclear.sort();
        matched.steps += orders.steps + gone.steps + self.seekers.len();
        let waits = self.seekers.iter().enumerate().filter(|(at, Seeker { window, .. })| {
            !orders.served.contains(at)
                && (unclear.touch(window.since, window.until) || sought.is_unclear(of, *window))
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
    windows: Vec<Window>,
    /// The places of open windows by their begin, and by their end.
    begins: BTreeSet<(Time, usize)>,
    ends: BTreeSet<(Time, usize)>,
    /// Those whose rows are theirs for good.
    served: BTreeSet<usize>,
    steps: usize,
}

impl Queue {
    fn of(windows: impl Iterator<Item = Window>) -> Self {
        let windows: Vec<_> = windows.collect();
        let begins = windows.iter().enumerate().map(|(at, window)| (window.since, at)).collect();
        let ends = windows.iter().enumerate().map(|(at, window)| (window.until, at)).collect();
        Self { windows, begins, ends, served: BTreeSet::new(), steps: 0 }
    }

    /// The oldest window that a row may be of; later rows were not made earlier.
    fn take(&mut self, made: Made) -> Option<usize> {
        let after = made.after.unwrap_or_default();
        self.steps += 1;
        while let Some((until, at)) = self.ends.first().copied()
            && until < after
        {
            self.steps += 1;
            self.ends.pop_first();
            self.begins.remove(&(self.windows[at].since, at));
        }
        let (from, to) = within(made);
        let mut begun = self.begins.range(..=(to, usize::MAX));
        // What is over since is over by less than the date leaves open: few of them.
        let oldest = begun.find(|(_, at)| self.windows[*at].until >= from).copied();
        self.begins.remove(&oldest?);
        oldest.map(|(_, at)| at)
    }
}

#[cfg(test)]
mod tests;
