//! What offers cost at least, whatever their lists say, across starts.
//!
//! Promises: what is noted here is known to the next start, however long ago it was. A file that is
//! missing, or cannot be read or written, knows of nothing: the ledger's last days still tell what
//! was charged. Leaves to others: what is sold at which cost, and until when.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nexnum_engine::ids::{OfferId, OrderId, ProviderId};
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use parking_lot::Mutex;

use crate::kept_file;

/// The file's name in the data folder: a line an offer, with its provider, its cost, how that is
/// known, and what stands behind that.
const FILE: &str = "least-costs";
/// Offers that are kept.
const OFFERS_MAX: usize = 100_000;

/// How a cost is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was charged for an order whose customer paid less.
    Charged { order: OrderId, price: Micros },
    /// A refusal named it, which is believed until then; before it, the offer cost so much.
    Named { until: Time, before: Micros },
    /// A purchase at it was refused as too cheap: it is out until then, for so long.
    Refused { until: Time, pause_ms: u64 },
}

/// What an offer costs at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptCost {
    pub(crate) cost: Micros,
    pub(crate) known: Known,
}

type Costs = BTreeMap<OfferId, (ProviderId, KeptCost)>;

/// The costs of all providers' offers, also of those that are not set up.
#[derive(Debug)]
pub struct KeptCosts {
    path: PathBuf,
    costs: Mutex<Costs>,
}

impl KeptCosts {
    /// Those that a data folder keeps.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let costs = text.lines().filter_map(parse).take(OFFERS_MAX).collect();
        Self { path, costs: Mutex::new(costs) }
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<(OfferId, KeptCost)> {
        self.costs.lock().iter().map(|(offer, (_, kept))| (*offer, *kept)).collect()
    }

    /// Notes what a provider's offers cost at least now. It waits for the disk if that has changed.
    pub(crate) fn note(&self, provider: ProviderId, now: &BTreeMap<OfferId, KeptCost>) {
        let mut costs = self.costs.lock();
        let of_it = |(by, _): &(ProviderId, KeptCost)| *by == provider;
        let before = costs.iter().filter(|(_, row)| of_it(row)).map(|(offer, (_, it))| (offer, it));
        if before.eq(now) {
            return;
        }
        costs.retain(|_, row| !of_it(row));
        let room = OFFERS_MAX.saturating_sub(costs.len());
        costs.extend(now.iter().take(room).map(|(offer, kept)| (*offer, (provider, *kept))));
        kept_file::write(&self.path, &text(&costs));
    }
}

fn parse(line: &str) -> Option<(OfferId, (ProviderId, KeptCost))> {
    let columns: Vec<_> = line.split('\t').collect();
    let [offer, provider, cost, word, first, second] = columns[..] else { return None };
    let (offer, provider) = (OfferId(offer.parse().ok()?), ProviderId(provider.parse().ok()?));
    let cost = Micros(cost.parse().ok()?);
    let known = match word {
        "charged" => {
            let (order, price) = (OrderId(first.parse().ok()?), Micros(second.parse().ok()?));
            Known::Charged { order, price }
        }
        "named" => {
            let (until, before) = (Time(first.parse().ok()?), Micros(second.parse().ok()?));
            Known::Named { until, before }
        }
        "refused" => {
            let (until, pause_ms) = (Time(first.parse().ok()?), second.parse().ok()?);
            Known::Refused { until, pause_ms }
        }
        _ => return None,
    };
    Some((offer, (provider, KeptCost { cost, known })))
}

fn text(costs: &Costs) -> String {
    let line = |(offer, (provider, kept)): (&OfferId, &(ProviderId, KeptCost))| {
        let known = match kept.known {
            Known::Charged { order, price } => format!("charged\t{}\t{}", order.0, price.0),
            Known::Named { until, before } => format!("named\t{}\t{}", until.0, before.0),
            Known::Refused { until, pause_ms } => format!("refused\t{}\t{pause_ms}", until.0),
        };
        format!("{}\t{}\t{}\t{known}\n", offer.0, provider.0, kept.cost.0)
    };
    costs.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ProviderId = ProviderId(1);
    const TWO: ProviderId = ProviderId(2);

    fn costs(offers: &[u32]) -> BTreeMap<OfferId, KeptCost> {
        let known = |offer: u32| match offer % 3 {
            0 => Known::Charged { order: OrderId(offer), price: Micros(100) },
            1 => Known::Named { until: Time(9_000), before: Micros(50) },
            _ => Known::Refused { until: Time(9_000), pause_ms: 600_000 },
        };
        let kept = |offer: u32| KeptCost { cost: Micros(200), known: known(offer) };
        offers.iter().map(|offer| (OfferId(*offer), kept(*offer))).collect()
    }

    #[test]
    fn what_is_known_is_known_after_a_restart_until_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeptCosts::open(folder.path());
        let known = || open().all().into_iter().collect::<BTreeMap<_, _>>();
        assert!(known().is_empty());
        let kept = open();
        kept.note(ONE, &costs(&[1, 5]));
        kept.note(TWO, &costs(&[3]));
        assert_eq!(known(), costs(&[1, 3, 5]));
        kept.note(ONE, &costs(&[5]));
        assert_eq!(known(), costs(&[3, 5]));
        let later = open();
        later.note(TWO, &costs(&[]));
        assert_eq!(known(), costs(&[5]), "of a provider that is not set up they stay");
    }

    #[test]
    fn nothing_is_written_where_nothing_changed_or_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptCosts::open(folder.path());
        kept.note(ONE, &costs(&[]));
        let file = folder.path().join(FILE);
        assert!(!file.exists());
        fs::write(&file, b"1\t2\n1\t1\t1\tpaid\t1\t1\n1\t1\tx\tnamed\t1\t1\n").unwrap();
        assert!(KeptCosts::open(folder.path()).all().is_empty());
    }
}
