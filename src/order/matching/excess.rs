//! Whether others buy on an account, by counting: a purchase of ours is one row at most.
//!
//! Promises: of rows that are all ours none is too many, however late they were made or are shown
//! within minutes of their purchases. Work: sorting rows and purchases, and once through them.

use std::collections::BTreeMap;

use nexnum_engine::time::Time;

use super::naming::{Begun, Naming, naming_of, namings};
use super::spans::Spans;
use super::unowned::Unowned;
use super::{Served, within};
use crate::order::doubt::Window;
use crate::provider::sightings::Made;

/// How late a purchase may be made, or shown, after the moments in which it is looked for: what
/// may be so is another's or not, and proves nothing.
const LATE_MS: u64 = 5 * 60_000;

/// Rows of which some can only be another program's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    /// By their place.
    pub(crate) rows: Vec<usize>,
    /// How many of them are another's at least.
    pub(crate) others: usize,
}

/// The rows that are more than the purchases which can have made them, of those that were made
/// since a moment and within what is looked for. What orders got from lists counts on both sides:
/// it may have been another order's, or another program's.
pub(crate) fn excess(
    rows: &[Unowned],
    since: Time,
    begun: &Begun,
    served: &[Served],
) -> Option<Excess> {
    let is_new = |row: &Unowned| row.made.after.is_some_and(|after| after >= since);
    // 1. Rows are counted with those that name as much, against all purchases they may be of.
    let mut counts: BTreeMap<Naming, Count> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| is_new(row)) {
        if let Some(naming) = naming_of(row) {
            counts.entry(naming).or_default().rows.push((row.made, at));
        }
    }
    for Served { product, window, row } in served {
        for naming in namings(*product) {
            counts.entry(naming).and_modify(|count| count.purchases.push(*window));
        }
        if let Some(naming) = naming_of(row).filter(|_| is_new(row)) {
            counts.entry(naming).and_modify(|count| count.got.push(row.made));
        }
    }
    // 2. Where there are most too many.
    let counted = counts.into_iter().filter_map(|(naming, count)| count.excess(begun.of(naming)));
    counted.max_by_key(|excess| excess.others)
}

/// Rows and purchases that may be each other's.
#[derive(Default)]
struct Count {
    rows: Vec<(Made, usize)>,
    purchases: Vec<Window>,
    /// Rows that orders got from lists.
    got: Vec<Made>,
}

impl Count {
    fn excess(mut self, begun: &[Window]) -> Option<Excess> {
        self.purchases.extend(begun);
        let mut windows = Spans::default();
        self.purchases.iter().for_each(|it| windows.push(it.since, it.until));
        windows.sort();
        let is_sought = |made: Made| {
            let (from, to) = within(made);
            windows.touch(from, to)
        };
        let rows = self.rows.iter().filter(|(made, _)| is_sought(*made));
        let rows = rows.map(|(made, at)| Counted::row(*made, Some(*at)));
        let got = self.got.iter().map(|made| Counted::row(*made, None));
        let mut all: Vec<_> = rows.chain(got).collect();
        all.extend(self.purchases.iter().map(Counted::purchase));
        // What is apart in time is counted apart.
        all.sort_unstable_by_key(|it| it.from);
        let mut over = Time(0);
        let parts = all.chunk_by(|one, next| {
            over = over.max(one.to);
            next.from <= over
        });
        parts.filter_map(surplus).max_by_key(|excess| excess.others)
    }
}

/// A row or a purchase, and the moments that can be those of its purchase or row.
#[derive(Clone, Copy)]
struct Counted {
    from: Time,
    to: Time,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Purchase,
    /// One that no order has, by its place, or one that an order got.
    Row(Option<usize>),
}

impl Counted {
    const fn purchase(window: &Window) -> Self {
        Self { from: window.since, to: window.until, what: What::Purchase }
    }

    fn row(made: Made, at: Option<usize>) -> Self {
        let (after, before) = made.with_skew();
        let from = Time(after.0.saturating_sub(LATE_MS));
        Self { from, to: before, what: What::Row(at) }
    }
}

/// The first rows that are too many by most: of those made by a moment, more than the purchases
/// that had begun by then. Purchases are in the order in which they began.
fn surplus(part: &[Counted]) -> Option<Excess> {
    let row = |it: &Counted| match it.what {
        What::Row(at) => Some((it.to, at)),
        What::Purchase => None,
    };
    let mut rows: Vec<_> = part.iter().filter_map(row).collect();
    rows.sort_unstable();
    let purchases = part.iter().filter(|it| matches!(it.what, What::Purchase));
    let mut purchases = purchases.map(|it| it.from).peekable();
    let (mut begun, mut others, mut counted) = (0, 0, 0);
    for (at, (made_by, _)) in rows.iter().enumerate() {
        while purchases.next_if(|since| since <= made_by).is_some() {
            begun += 1;
        }
        let too_many = (at + 1_usize).saturating_sub(begun);
        if too_many > others {
            (others, counted) = (too_many, at + 1);
        }
    }
    let rows = rows[..counted].iter().filter_map(|(_, at)| *at).collect();
    (others > 0).then_some(Excess { rows, others })
}
