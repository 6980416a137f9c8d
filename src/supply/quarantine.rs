//! What is kept out until it is confirmed: a price that jumps up or down, a list that shrinks,
//! whose prices fall, or that has nothing to sell any more.
//!
//! All wait until they have been seen a few times. A fall is as suspect as a rise: a decimal
//! point in another place, or a list in another currency, is sold below its cost; a list without
//! prices or stock is a fault of the provider's more often than the end of its stock. A single cost
//! must fall further than most of several: a sale is no mistake.

use std::collections::{BTreeMap, BTreeSet};

use nexnum_engine::money::Micros;
use nexnum_engine::product::OfferKey;

use super::price_list::Row;
use crate::provider::least_cost::JUMP;

/// A list is suspect if more than half of its costs are below this part of the last known
/// ones.
const FALL: i64 = 3;
/// A list with a single known cost is suspect if that is below this part of it: no sale goes so
/// far, and the currencies that lists are mistaken in are further apart.
const SINGLE_FALL: i64 = 5;
/// Lists in a row that confirm a jump, a shrunken list or a fallen one.
const CONFIRMATIONS: u8 = 10;
/// Lists shorter than this shrink by chance.
const SHRINKABLE_MIN: usize = 20;

/// What a row's cost is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KnownCost {
    /// The last one of its offer.
    OfOffer(Micros),
    /// Its offer is new, and this is the least one of its product's others: variants that get
    /// other names must not be a way around a fall. A dearer one is no mistake.
    OfProduct(Micros),
}

impl KnownCost {
    /// Nothing was sold for less than nothing.
    fn positive(self) -> Option<Self> {
        let (Self::OfOffer(cost) | Self::OfProduct(cost)) = self;
        cost.is_positive().then_some(self)
    }

    fn has_fallen(self, cost: Micros, fall: i64) -> bool {
        let (Self::OfOffer(known) | Self::OfProduct(known)) = self;
        cost.0.saturating_mul(fall) < known.0
    }

    fn has_jumped(self, cost: Micros) -> bool {
        match self {
            Self::OfOffer(known) => {
                cost.0 >= known.0.saturating_mul(JUMP) || cost.0.saturating_mul(JUMP) <= known.0
            }
            Self::OfProduct(known) => cost.0.saturating_mul(JUMP) <= known.0,
        }
    }
}

/// What is kept out until it is confirmed. Bounded by the provider's own rows.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    len: usize,
    shrunken: u8,
    /// Rows of the last trusted list that could be sold.
    sellable: usize,
    emptied: u8,
    fallen: u8,
    jumped: BTreeMap<OfferKey, u8>,
}

impl Quarantine {
    /// As after a trusted list of so many rows.
    pub(super) fn after(len: usize) -> Self {
        Self { len, sellable: len, ..Self::default() }
    }

    /// True if a list of so many rows is to be trusted. An empty one is, once it has come as
    /// often as any other that shrank, and if there was one before.
    pub(super) fn admits_list(&mut self, len: usize) -> bool {
        if len == 0 && self.len == 0 {
            return false;
        }
        let shrank = len == 0 || self.len >= SHRINKABLE_MIN && len < self.len / 2;
        self.shrunken = if shrank { self.shrunken + 1 } else { 0 };
        // Half a list that keeps coming is the list.
        if shrank && self.shrunken < CONFIRMATIONS {
            return false;
        }
        (self.len, self.shrunken) = (len, 0);
        true
    }

    /// True if a list is to be trusted of which so many rows can be sold: they have a price and
    /// stock.
    ///
    /// # Errors
    /// How many could be sold before.
    pub(super) fn admits_stock(&mut self, sellable: usize) -> Result<(), usize> {
        let before = self.sellable;
        let is_emptied = before >= SHRINKABLE_MIN && sellable < before / 2;
        self.emptied = if is_emptied { self.emptied + 1 } else { 0 };
        if is_emptied && self.emptied < CONFIRMATIONS {
            return Err(before);
        }
        (self.sellable, self.emptied) = (sellable, 0);
        Ok(())
    }

    /// Takes out the rows whose cost has jumped from the one in `known`; gives how many, those
    /// among them that cost nothing any more and are in `free` alone.
    ///
    /// # Errors
    /// If most costs have fallen: how many of how many. No row is to be believed then.
    pub(super) fn hold_jumps(
        &mut self,
        rows: &mut Vec<Row>,
        free: &BTreeSet<OfferKey>,
        known: impl Fn(OfferKey) -> Option<KnownCost>,
    ) -> Result<usize, Fallen> {
        let known = |key| known(key).and_then(KnownCost::positive);
        let mut jumped = BTreeMap::new();
        let fell = |key: &&OfferKey| known(**key).is_some();
        for key in free.iter().filter(fell) {
            // It is never sold, and said until it has been seen often enough.
            let seen = self.jumped.get(key).map_or(1, |seen| seen.saturating_add(1));
            jumped.insert(*key, seen.min(CONFIRMATIONS));
        }
        let free = jumped.len();
        let mut fallen = Fallen { fallen: free, of: free };
        let mut fell_far = false;
        rows.retain(|row| {
            let Some(known) = known(row.key) else { return true };
            fallen.of += 1;
            fallen.fallen += usize::from(known.has_fallen(row.cost, FALL));
            fell_far |= known.has_fallen(row.cost, SINGLE_FALL);
            if !known.has_jumped(row.cost) {
                return true;
            }
            let seen = self.jumped.get(&row.key).map_or(1, |seen| seen + 1);
            if seen < CONFIRMATIONS {
                jumped.insert(row.key, seen);
            }
            seen >= CONFIRMATIONS
        });
        self.jumped = jumped;
        let fell = match fallen.of {
            // What costs nothing is not sold in any case.
            short if short < SHRINKABLE_MIN && short == free => false,
            1 => fell_far,
            of => fallen.fallen * 2 > of,
        };
        self.fallen = if fell { self.fallen + 1 } else { 0 };
        if fell && self.fallen < CONFIRMATIONS {
            return Err(fallen);
        }
        self.fallen = 0;
        Ok(self.jumped.values().filter(|seen| **seen < CONFIRMATIONS).count())
    }
}

/// Most costs of a list have fallen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fallen {
    /// Rows that cost less than a third of what they did.
    pub(super) fallen: usize,
    /// Rows whose cost was known.
    pub(super) of: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_engine::ids::{CountryId, Product, ServiceId, VariantId};

    fn row(country: u16, cost: i64) -> Row {
        let product = Product::activation(CountryId(country), ServiceId(1));
        let key = OfferKey::of(product, VariantId(0));
        Row { key, cost: Micros(cost), price: Micros(cost), stock: 5 }
    }

    fn of_offer(cost: i64) -> KnownCost {
        KnownCost::OfOffer(Micros(cost))
    }

    #[test]
    fn a_list_that_shrank_by_half_is_believed_when_it_stays_so() {
        let mut quarantine = Quarantine::default();
        assert!(!quarantine.admits_list(0));
        assert!(quarantine.admits_list(100));
        assert!(quarantine.admits_list(50));
        assert!(!quarantine.admits_list(0));
        assert!(!quarantine.admits_list(24));
        assert!(quarantine.admits_list(40), "a whole list in between");
        let admitted: Vec<bool> = (0..11).map(|_| quarantine.admits_list(10)).collect();
        assert_eq!(admitted.iter().position(|admitted| *admitted), Some(9));
        assert!(quarantine.admits_list(1), "a short list shrinks by chance");
        let admitted: Vec<bool> = (0..11).map(|_| quarantine.admits_list(0)).collect();
        assert_eq!(admitted.iter().position(|admitted| *admitted), Some(9));
        assert!(!admitted[10], "there is nothing before it");
        assert!(!Quarantine::after(100).admits_list(49), "what was sold before a restart");
    }

    #[test]
    fn a_cost_that_jumps_is_kept_out_until_it_stays() {
        let mut quarantine = Quarantine::default();
        let known = |_| Some(of_offer(1_000));
        // Most of the list is as before.
        let steady = || (6..=9).map(|at| row(at, 1_000));
        let costs = [(1, 9_999), (2, 10_000), (3, 101), (4, 100), (5, 0)];
        let list = || -> Vec<Row> {
            costs.iter().map(|(at, cost)| row(*at, *cost)).chain(steady()).collect()
        };
        for _ in 0..9 {
            let mut rows = list();
            assert_eq!(quarantine.hold_jumps(&mut rows, &BTreeSet::new(), known), Ok(3));
            let kept: Vec<_> = [row(1, 9_999), row(3, 101)].into_iter().chain(steady()).collect();
            assert_eq!(rows, kept);
        }
        let mut rows = list();
        assert_eq!(quarantine.hold_jumps(&mut rows, &BTreeSet::new(), known), Ok(0));
        assert_eq!(rows, list());
        let mut rows = list();
        assert_eq!(
            quarantine.hold_jumps(&mut rows, &BTreeSet::new(), |_| None),
            Ok(0),
            "a first price is no jump"
        );
        assert_eq!(rows, list());
    }

    #[test]
    fn a_list_that_has_little_to_sell_is_believed_when_it_stays_so() {
        let mut quarantine = Quarantine::after(40);
        assert_eq!(quarantine.admits_stock(20), Ok(()));
        let judged: Vec<_> = (0..11).map(|_| quarantine.admits_stock(0)).collect();
        assert_eq!(judged[..9], [Err(20); 9]);
        assert_eq!(judged[9..], [Ok(()); 2], "the provider is sold out");
        assert_eq!(quarantine.admits_stock(19), Ok(()));
        assert_eq!(quarantine.admits_stock(0), Ok(()), "a short list is sold out by chance");
    }

    #[test]
    fn a_row_that_costs_nothing_any_more_is_told_until_it_stays_so() {
        let mut quarantine = Quarantine::default();
        let known = |_| Some(of_offer(1_000));
        let free = BTreeSet::from([row(1, 0).key, row(2, 0).key]);
        let mut judge = |free: &BTreeSet<OfferKey>| {
            let mut rows: Vec<Row> = (3..=5).map(|at| row(at, 1_000)).collect();
            let held = quarantine.hold_jumps(&mut rows, free, known);
            assert_eq!(rows.len(), 3);
            held
        };
        (0..9).for_each(|_| assert_eq!(judge(&free), Ok(2)));
        (0..9).for_each(|_| assert_eq!(judge(&free), Ok(0)));
        assert_eq!(judge(&BTreeSet::new()), Ok(0));
        assert_eq!(judge(&free), Ok(2), "it cost something meanwhile");
        let free = (10..30).map(|at| row(at, 0).key).collect();
        assert_eq!(judge(&free), Err(Fallen { fallen: 20, of: 23 }), "most of a list");
        let mut unknown = vec![row(3, 1_000)];
        let held = Quarantine::default().hold_jumps(&mut unknown, &free, |_| None);
        assert_eq!(held, Ok(0), "it never had a price");
    }

    #[test]
    fn a_list_whose_costs_fall_is_believed_when_it_stays_so() {
        let mut quarantine = Quarantine::default();
        let known = |_| Some(of_offer(9_000));
        // Eleven of twenty rows are at `cost`, the others as before.
        let list = |cost| (1..=20).map(|at| row(at, if at <= 11 { cost } else { 9_000 })).collect();
        let judge = |quarantine: &mut Quarantine, mut rows: Vec<Row>| {
            quarantine.hold_jumps(&mut rows, &BTreeSet::new(), known)
        };
        assert_eq!(judge(&mut quarantine, list(3_000)), Ok(0));
        let fallen = Err(Fallen { fallen: 11, of: 20 });
        assert_eq!(judge(&mut quarantine, list(2_999)), fallen);
        assert_eq!(judge(&mut quarantine, list(9_000)), Ok(0), "a whole list in between");
        for _ in 0..9 {
            assert_eq!(judge(&mut quarantine, list(80)), fallen);
        }
        assert_eq!(judge(&mut quarantine, list(80)), Ok(0), "its jumps were seen as often");
    }

    #[test]
    fn a_short_list_of_which_most_falls_is_believed_when_it_stays_so() {
        let judge = |quarantine: &mut Quarantine, costs: &[i64]| {
            let mut rows: Vec<Row> = (1..).zip(costs).map(|(at, cost)| row(at, *cost)).collect();
            quarantine.hold_jumps(&mut rows, &BTreeSet::new(), |_| Some(of_offer(9_000)))
        };
        let once = |costs: &[i64]| judge(&mut Quarantine::default(), costs);
        let fell = |fallen, of| Err(Fallen { fallen, of });
        // Another currency, seven times as much worth.
        assert_eq!(once(&[1_285]), fell(1, 1));
        assert_eq!(once(&[1_285, 1_290]), fell(2, 2));
        assert_eq!(once(&[2_999; 19]), fell(19, 19));
        // Most of it, as of any list.
        assert_eq!(once(&[9_000, 2_999]), Ok(0));
        assert_eq!(once(&[9_000, 9_000, 2_999, 2_999]), Ok(0));
        assert_eq!(once(&[9_000, 9_000, 2_999, 2_999, 2_999]), fell(3, 5));
        assert_eq!(once(&[9_000, 9_000, 9_000, 1_800, 1_800, 1_800, 1_800]), fell(4, 7));
        // Sales.
        assert_eq!(
            (once(&[1_800]), once(&[3_000, 3_000]), once(&[1_800, 4_500])),
            (Ok(0), Ok(0), Ok(0))
        );
        let mut quarantine = Quarantine::default();
        let judged: Vec<_> = (0..10).map(|_| judge(&mut quarantine, &[2_300, 1_000])).collect();
        assert_eq!((&judged[..9], judged[9]), (&[fell(2, 2); 9][..], Ok(0)));
        // Beside what costs nothing and is never sold.
        let free = BTreeSet::from([row(1, 0).key]);
        let mut none = Vec::new();
        let known = |_| Some(of_offer(9_000));
        assert_eq!(Quarantine::default().hold_jumps(&mut none, &free, known), Ok(1));
        let mut rows = vec![row(2, 2_300)];
        assert_eq!(Quarantine::default().hold_jumps(&mut rows, &free, known), fell(2, 2));
    }

    #[test]
    fn a_new_carrier_s_cost_is_held_against_the_least_of_its_product() {
        let mut quarantine = Quarantine::default();
        let known = |_| Some(KnownCost::OfProduct(Micros(1_000_000)));
        let (dearer, steady) = (row(3, 30_000_000), row(4, 1_000_000));
        let mut rows = vec![row(1, 100_000), row(2, 100_001), dearer, steady];
        assert_eq!(quarantine.hold_jumps(&mut rows, &BTreeSet::new(), known), Ok(1));
        assert_eq!(rows, [row(2, 100_001), dearer, steady], "a dearer variant is none");
        let mut renamed: Vec<Row> = (1..=20).map(|at| row(at, 10_000)).collect();
        let fallen = quarantine.hold_jumps(&mut renamed, &BTreeSet::new(), known);
        assert_eq!(fallen, Err(Fallen { fallen: 20, of: 20 }));
    }
}
