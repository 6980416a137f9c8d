//! Rows that do not name their product whole: what is looked for of all products that such a row
//! may be of, put together once, so that a row is not held against each of them.

use std::collections::BTreeMap;

use nexnum_engine::ids::{CountryId, Product, ServiceId};
use nexnum_engine::time::Time;

use super::spans::{Spans, SpansOfProducts};
use super::unowned::{Named, Unowned};

/// What a row names of its product; what no row of its list names is absent.
pub(super) type Part = (Option<CountryId>, Option<ServiceId>);

/// How a row names its product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    Whole(Product),
    Partly(Part),
    /// It is of no product that is known.
    Unknown,
}

impl Naming {
    pub(super) const fn of(row: &Unowned) -> Self {
        match (row.country, row.service) {
            (Named::Known(country), Named::Known(service)) => {
                Self::Whole(Product { country, service })
            }
            (Named::Known(country), Named::Absent) => Self::Partly((Some(country), None)),
            (Named::Absent, Named::Known(service)) => Self::Partly((None, Some(service))),
            (Named::Absent, Named::Absent) => Self::Partly((None, None)),
            (Named::Unknown, _) | (_, Named::Unknown) => Self::Unknown,
        }
    }
}

/// What rows may name of a product without naming it whole.
pub(super) const fn parts(of: Product) -> [Part; 3] {
    [(Some(of.country), None), (None, Some(of.service)), (None, None)]
}

/// Of all products that rows may be of that name this part of them.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// The windows of orders in doubt and of purchases given up.
    pub(super) windows: SpansOfProducts,
    /// When the first of them is over.
    pub(super) first_over: Option<Time>,
    /// Those of orders that have got theirs.
    pub(super) served: Spans,
    /// Calls under way.
    pub(super) in_work: Spans,
    /// When the rows that cannot be chosen were made.
    pub(super) unclear: Spans,
}

impl Together {
    pub(super) fn push_window(&mut self, from: Time, to: Time, of: Product) {
        self.windows.push(from, to, of);
        self.first_over = Some(self.first_over.map_or(to, |first| first.min(to)));
    }

    /// Makes all but what is unclear ready to be asked.
    pub(super) fn sort(&mut self) {
        self.windows.sort();
        self.served.sort();
        self.in_work.sort();
    }
}

/// By what rows of a list name.
pub(super) type Parts = BTreeMap<Part, Together>;

/// Those that rows name, with nothing looked for yet.
pub(super) fn named(rows: &[Unowned]) -> Parts {
    let partly = rows.iter().filter_map(|row| match Naming::of(row) {
        Naming::Partly(part) => Some((part, Together::default())),
        Naming::Whole(_) | Naming::Unknown => None,
    });
    partly.collect()
}

/// Does something to what rows name of a product.
pub(super) fn with(parts: &mut Parts, of: Product, mut with: impl FnMut(&mut Together)) {
    // Most lists name all: then there is nothing.
    if parts.is_empty() {
        return;
    }
    for part in self::parts(of) {
        if let Some(together) = parts.get_mut(&part) {
            with(together);
        }
    }
}

/// Since when purchases that are not settled may have been made, by product.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    whole: BTreeMap<Product, Time>,
    partly: BTreeMap<Part, Time>,
}

impl Begun {
    /// The first one that a row may be of.
    pub(super) fn first_of(&self, row: &Unowned) -> Option<Time> {
        match Naming::of(row) {
            Naming::Whole(product) => self.whole.get(&product).copied(),
            Naming::Partly(part) => self.partly.get(&part).copied(),
            Naming::Unknown => None,
        }
    }
}

impl FromIterator<(Product, Time)> for Begun {
    fn from_iter<T: IntoIterator<Item = (Product, Time)>>(all: T) -> Self {
        let mut begun = Self::default();
        for (product, since) in all {
            let whole = begun.whole.entry(product).or_insert(since);
            *whole = since.min(*whole);
            for part in parts(product) {
                let first = begun.partly.entry(part).or_insert(since);
                *first = since.min(*first);
            }
        }
        begun
    }
}
