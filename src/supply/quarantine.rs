//! What is kept out until it is confirmed: a price that jumps, a list that shrinks.
//!
//! Both wait until they have been seen a few times.

use std::collections::BTreeMap;

use nexnum_engine::money::Micros;

use super::price_list::{Key, Row};

/// A cost this many times the last known one is a mistake until it has been confirmed.
const JUMP: i64 = 10;
/// Lists in a row that confirm a jump or a shrunken list.
const CONFIRMATIONS: u8 = 10;
/// Lists shorter than this shrink by chance.
const SHRINKABLE_MIN: usize = 20;

/// What is kept out until it is confirmed. Bounded by the provider's own rows.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    len: usize,
    shrunken: u8,
    jumped: BTreeMap<Key, u8>,
}

impl Quarantine {
    /// As after a trusted list of so many rows.
    pub(super) fn after(len: usize) -> Self {
        Self { len, ..Self::default() }
    }

    /// True if a list of so many rows is to be trusted.
    pub(super) fn admits_list(&mut self, len: usize) -> bool {
        if len == 0 {
            return false;
        }
        let shrank = self.len >= SHRINKABLE_MIN && len < self.len / 2;
        self.shrunken = if shrank { self.shrunken + 1 } else { 0 };
        // Half a list that keeps coming is the list.
        if shrank && self.shrunken < CONFIRMATIONS {
            return false;
        }
        (self.len, self.shrunken) = (len, 0);
        true
    }

    /// Takes out the rows whose cost has jumped from the one in `known`; gives how many.
    pub(super) fn hold_jumps(
        &mut self,
        rows: &mut Vec<Row>,
        known: impl Fn(Key) -> Option<Micros>,
    ) -> usize {
        let mut jumped = BTreeMap::new();
        rows.retain(|row| {
            let known = known(row.key).filter(|cost| cost.is_positive());
            let jumps = known.is_some_and(|cost| row.cost.0 / JUMP > cost.0);
            if !jumps {
                return true;
            }
            let seen = self.jumped.get(&row.key).map_or(1, |seen| seen + 1);
            if seen < CONFIRMATIONS {
                jumped.insert(row.key, seen);
            }
            seen >= CONFIRMATIONS
        });
        self.jumped = jumped;
        self.jumped.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_engine::ids::{CarrierId, CountryId, Product, ServiceId};

    fn row(country: u16, cost: i64) -> Row {
        let product = Product { country: CountryId(country), service: ServiceId(1) };
        let key = (product, CarrierId(0));
        Row { key, cost: Micros(cost), price: Micros(cost), stock: 5 }
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
        assert!(!Quarantine::after(100).admits_list(49), "what was sold before a restart");
    }

    #[test]
    fn a_cost_that_jumps_is_kept_out_until_it_stays() {
        let mut quarantine = Quarantine::default();
        let known = |_| Some(Micros(1_000));
        for _ in 0..9 {
            let mut rows = vec![row(1, 9_999), row(2, 11_000), row(3, 100)];
            assert_eq!(quarantine.hold_jumps(&mut rows, known), 1);
            assert_eq!(rows, [row(1, 9_999), row(3, 100)]);
        }
        let mut rows = vec![row(2, 11_000)];
        assert_eq!(quarantine.hold_jumps(&mut rows, known), 0);
        assert_eq!(rows, [row(2, 11_000)]);
        let mut rows = vec![row(2, 11_000)];
        assert_eq!(quarantine.hold_jumps(&mut rows, |_| None), 0, "a first price is no jump");
    }
}
