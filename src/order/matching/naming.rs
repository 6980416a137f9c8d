//! What rows name of their products, whole or in part: what is looked for of all products that
//! such a row may be of, put together once, so that a row is not held against each of them.

use std::collections::BTreeMap;

use nexnum_engine::ids::{CountryId, Product, ServiceId};
use nexnum_engine::time::Time;

use super::spans::{Spans, SpansOfProducts, Touching};
use super::unowned::{Named, Unowned};
use crate::order::doubt::Window;

/// What a row names of its product; what no row of its list names is absent.
pub(super) type Naming = (Option<CountryId>, Option<ServiceId>);

/// What a row names; none if it is of no product that is known.
pub(super) const fn naming_of(row: &Unowned) -> Option<Naming> {
    let country = match row.country {
        Named::Known(country) => Some(country),
        Named::Absent => None,
        Named::Unknown => return None,
    };
    let service = match row.service {
        Named::Known(service) => Some(service),
        Named::Absent => None,
        Named::Unknown => return None,
    };
    Some((country, service))
}

/// That of a row which names its product whole.
const fn whole(of: Product) -> Naming {
    (Some(of.country), Some(of.service))
}

/// Those of all rows that may be of a product.
pub(super) const fn namings(of: Product) -> [Naming; 4] {
    [whole(of), (Some(of.country), None), (None, Some(of.service)), (None, None)]
}

/// What is looked for of all products that rows with one naming may be of.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// The windows of orders in doubt and of purchases given up.
    pub(super) windows: SpansOfProducts,
    /// When the first of them is over.
    first_over: Option<Time>,
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

    /// Whether a window holds these moments.
    pub(super) fn holds(&self, (from, to): (Time, Time)) -> bool {
        self.windows.touching(from, to) != Touching::None
    }

    /// Whether a row that was made between these moments may be a purchase that is shown late, or
    /// that of an order which got another's. It was made before `latest` by the provider's clock.
    pub(super) fn is_late(&self, (after, before): (Time, Time), latest: Time) -> bool {
        self.first_over.is_some_and(|over| over < latest) || self.served.touch(after, before)
    }
}

/// What is looked for, by the naming of the rows that it may be, and by each product that is.
#[derive(Debug)]
pub(super) struct ByNaming(BTreeMap<Naming, Together>);

impl ByNaming {
    /// With nothing looked for yet.
    pub(super) fn new(rows: &[Unowned], products: impl Iterator<Item = Product>) -> Self {
        let namings = rows.iter().filter_map(naming_of).chain(products.map(whole));
        Self(namings.map(|naming| (naming, Together::default())).collect())
    }

    /// Does something to all that rows of a product are held against.
    pub(super) fn with(&mut self, of: Product, mut with: impl FnMut(&mut Together)) {
        for naming in namings(of) {
            if let Some(together) = self.0.get_mut(&naming) {
                with(together);
            }
        }
    }

    /// Makes all but what is unclear ready to be asked.
    pub(super) fn sort(&mut self) {
        for together in self.0.values_mut() {
            together.windows.sort();
            together.served.sort();
            together.in_work.sort();
        }
    }

    /// What a row is held against; none if it is of no product that is known.
    pub(super) fn of_row(&self, row: &Unowned) -> Option<&Together> {
        self.0.get(&naming_of(row)?)
    }

    /// What is looked for of one product.
    pub(super) fn of(&self, product: Product) -> &Together {
        &self.0[&whole(product)]
    }

    /// Notes that a row which was made between these moments cannot be chosen.
    pub(super) fn note_unclear(&mut self, row: &Unowned, (after, before): (Time, Time)) {
        let together = naming_of(row).and_then(|naming| self.0.get_mut(&naming));
        if let Some(together) = together {
            together.unclear.push(after, before);
        }
    }

    /// Makes what is unclear ready to be asked.
    pub(super) fn sort_unclear(&mut self) {
        self.0.values_mut().for_each(|together| together.unclear.sort());
    }

    /// Whether a row that cannot be chosen may be of a product, and was made within a window.
    pub(super) fn is_unclear(&self, of: Product, window: Window) -> bool {
        let all = namings(of).into_iter().filter_map(|naming| self.0.get(&naming));
        all.map(|it| &it.unclear).any(|it| it.touch(window.since, window.until))
    }
}

/// When purchases that are not settled may have been made, the first to begin first, by the naming
/// of the rows that they may be.
#[derive(Debug, Default)]
pub(crate) struct Begun(BTreeMap<Naming, Vec<Window>>);

impl Begun {
    /// When the first one began that a row may be of.
    pub(super) fn first_of(&self, row: &Unowned) -> Option<Time> {
        self.of(naming_of(row)?).first().map(|window| window.since)
    }

    /// Those that a row with a naming may be of.
    pub(super) fn of(&self, naming: Naming) -> &[Window] {
        self.0.get(&naming).map_or(&[], Vec::as_slice)
    }
}

impl FromIterator<(Product, Window)> for Begun {
    fn from_iter<T: IntoIterator<Item = (Product, Window)>>(all: T) -> Self {
        let mut begun: BTreeMap<Naming, Vec<Window>> = BTreeMap::new();
        for (product, window) in all {
            for naming in namings(product) {
                begun.entry(naming).or_default().push(window);
            }
        }
        begun.values_mut().for_each(|windows| windows.sort_unstable_by_key(|it| it.since));
        Self(begun)
    }
}
