//! Which offers are closed since they were charged above their prices, across starts.
//!
//! Promises: what is noted here holds until the offer's list has named as much, however long ago
//! it was. A file that is missing, or cannot be read or written, knows of none: the ledger's last
//! days still tell. Leaves to others: when an offer opens again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nexnum_engine::ids::{OfferId, OrderId, ProviderId};
use nexnum_engine::money::Micros;
use parking_lot::Mutex;

use super::recent::Overcharged;
use crate::kept_file;

/// The file's name in the data folder: a line an offer, with its provider, the order that was
/// charged, what its customer paid and what the provider charged, in micros.
const FILE: &str = "overcharges";
/// Offers that are kept: above what a provider overcharges before it is taken off sale.
const OFFERS_MAX: usize = 100_000;

type Known = BTreeMap<OfferId, (ProviderId, Overcharged)>;

/// The offers of all providers, also of those that are not set up.
#[derive(Debug)]
pub struct Overcharges {
    path: PathBuf,
    known: Mutex<Known>,
}

impl Overcharges {
    /// Those that a data folder keeps.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let known = text.lines().filter_map(parse).take(OFFERS_MAX).collect();
        Self { path, known: Mutex::new(known) }
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<(OfferId, Overcharged)> {
        self.known.lock().iter().map(|(offer, (_, by))| (*offer, *by)).collect()
    }

    /// Notes the offers of a provider that are closed now. It waits for the disk if others were
    /// before.
    pub(crate) fn note(&self, provider: ProviderId, closed: &BTreeMap<OfferId, Overcharged>) {
        let mut known = self.known.lock();
        let of_it = |(by, _): &(ProviderId, Overcharged)| *by == provider;
        let before = known.iter().filter(|(_, row)| of_it(row)).map(|(offer, (_, by))| (offer, by));
        if before.eq(closed) {
            return;
        }
        known.retain(|_, row| !of_it(row));
        let room = OFFERS_MAX.saturating_sub(known.len());
        known.extend(closed.iter().take(room).map(|(offer, by)| (*offer, (provider, *by))));
        kept_file::write(&self.path, &text(&known));
    }
}

fn parse(line: &str) -> Option<(OfferId, (ProviderId, Overcharged))> {
    let columns: Vec<_> = line.split('\t').collect();
    let [offer, provider, order, price, cost] = columns[..] else { return None };
    let (offer, provider) = (OfferId(offer.parse().ok()?), ProviderId(provider.parse().ok()?));
    let order = OrderId(order.parse().ok()?);
    let (price, cost) = (Micros(price.parse().ok()?), Micros(cost.parse().ok()?));
    Some((offer, (provider, Overcharged { order, price, cost })))
}

fn text(known: &Known) -> String {
    let line = |(offer, (provider, by)): (&OfferId, &(ProviderId, Overcharged))| {
        let Overcharged { order, price, cost } = by;
        format!("{}\t{}\t{}\t{}\t{}\n", offer.0, provider.0, order.0, price.0, cost.0)
    };
    known.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ProviderId = ProviderId(1);
    const TWO: ProviderId = ProviderId(2);

    fn closed(offers: &[u32]) -> BTreeMap<OfferId, Overcharged> {
        let by = |order| Overcharged {
            order: OrderId(order),
            price: Micros(100),
            cost: Micros(i64::from(order) + 100),
        };
        offers.iter().map(|offer| (OfferId(*offer), by(*offer))).collect()
    }

    #[test]
    fn what_is_closed_is_known_after_a_restart_until_it_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Overcharges::open(folder.path());
        let known = || open().all().into_iter().collect::<BTreeMap<_, _>>();
        assert!(known().is_empty());
        let kept = open();
        kept.note(ONE, &closed(&[1, 5]));
        kept.note(TWO, &closed(&[3]));
        assert_eq!(known(), closed(&[1, 3, 5]));
        kept.note(ONE, &closed(&[5]));
        assert_eq!(known(), closed(&[3, 5]));
        let later = open();
        later.note(TWO, &closed(&[]));
        assert_eq!(known(), closed(&[5]), "of a provider that is not set up they stay");
    }

    #[test]
    fn nothing_is_written_where_nothing_changed_or_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Overcharges::open(folder.path());
        kept.note(ONE, &closed(&[]));
        let file = folder.path().join(FILE);
        assert!(!file.exists());
        fs::write(&file, b"1\t2\n\xff\n1\t1\t1\tx\t1\n").unwrap();
        assert!(Overcharges::open(folder.path()).all().is_empty());
    }
}
