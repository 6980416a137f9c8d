//! What offers cost at least, whatever their lists say, across starts.
//!
//! Promises: what is noted here is known to the next start, however long ago it was, and until when
//! it is all that was known: what a list has lifted before then stays lifted, whatever the ledger
//! tells. Leaves to others: what is sold at which cost, and until when.

use std::collections::BTreeMap;
use std::path::Path;

use nexnum_engine::ids::{OfferId, OrderId, ProviderId};
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use parking_lot::Mutex;

use super::least_cost::{CostSource, LeastCost};
use crate::kept_file::KeptFile;

/// The file's name in the data folder: a line a provider, with the moment until which it is known;
/// and a line an offer, with its provider, its cost, how that is known, and what stands behind that.
const FILE: &str = "least-costs";
/// What a provider's line has in the place of a cost.
const UNTIL: &str = "until";
/// Offers that are kept of all providers.
const OFFERS_MAX: usize = 100_000;

/// What is known of one provider's offers.
#[derive(Debug, Default)]
struct OfOne {
    until: Time,
    /// The same at the start of this process.
    found_until: Time,
    costs: Vec<LeastCost>,
}

/// The costs of all providers' offers, also of those that are not set up.
#[derive(Debug)]
pub(super) struct KeptCosts {
    file: KeptFile,
    known: Mutex<BTreeMap<ProviderId, OfOne>>,
}

impl KeptCosts {
    /// Those that a data folder keeps.
    pub(super) fn open(folder: &Path) -> Self {
        let file = KeptFile::new(folder, FILE);
        let mut known = BTreeMap::<_, OfOne>::new();
        for (provider, row) in file.rows(parse).into_iter().take(OFFERS_MAX) {
            let known = known.entry(provider).or_default();
            match row {
                Row::Until(until) => (known.until, known.found_until) = (until, until),
                Row::Cost(least) => known.costs.push(least),
            }
        }
        Self { file, known: Mutex::new(known) }
    }

    /// Those of a provider.
    pub(super) fn of(&self, provider: ProviderId) -> Vec<LeastCost> {
        self.known.lock().get(&provider).map(|known| known.costs.clone()).unwrap_or_default()
    }

    /// Until when those that the start found were all that was known of it.
    pub(super) fn found_until(&self, provider: ProviderId) -> Time {
        self.known.lock().get(&provider).map(|known| known.found_until).unwrap_or_default()
    }

    /// Notes all that is known of a provider's offers at a moment. It waits for the disk.
    pub(super) fn note(&self, provider: ProviderId, mut costs: Vec<LeastCost>, now: Time) {
        let mut known = self.known.lock();
        let found_until = known.remove(&provider).unwrap_or_default().found_until;
        let others: usize = known.values().map(|known| known.costs.len()).sum();
        costs.truncate(OFFERS_MAX.saturating_sub(others));
        known.insert(provider, OfOne { until: now, found_until, costs });
        self.file.write(known.iter().flat_map(|(provider, known)| lines(*provider, known)));
    }
}

enum Row {
    Until(Time),
    Cost(LeastCost),
}

fn parse(line: &str) -> Option<(ProviderId, Row)> {
    let columns: Vec<_> = line.split('\t').collect();
    if let [UNTIL, provider, until] = columns[..] {
        return Some((ProviderId(provider.parse().ok()?), Row::Until(Time(until.parse().ok()?))));
    }
    let [offer, provider, cost, word, first, second] = columns[..] else { return None };
    let (offer, provider) = (OfferId(offer.parse().ok()?), ProviderId(provider.parse().ok()?));
    let cost = Micros(cost.parse().ok()?);
    let source = match word {
        "charged" => {
            let (order, price) = (OrderId(first.parse().ok()?), Micros(second.parse().ok()?));
            CostSource::Charged { order, price }
        }
        "named" => {
            let (until, before) = (Time(first.parse().ok()?), Micros(second.parse().ok()?));
            CostSource::Named { until, before }
        }
        "refused" => {
            let (until, pause_ms) = (Time(first.parse().ok()?), second.parse().ok()?);
            CostSource::Refused { until, pause_ms }
        }
        _ => return None,
    };
    Some((provider, Row::Cost(LeastCost { offer, cost, source })))
}

fn lines(provider: ProviderId, known: &OfOne) -> Vec<String> {
    let id = provider.0;
    let line = |LeastCost { offer, cost, source }: &LeastCost| {
        let source = match source {
            CostSource::Charged { order, price } => format!("charged\t{}\t{}", order.0, price.0),
            CostSource::Named { until, before } => format!("named\t{}\t{}", until.0, before.0),
            CostSource::Refused { until, pause_ms } => format!("refused\t{}\t{pause_ms}", until.0),
        };
        format!("{}\t{id}\t{}\t{source}", offer.0, cost.0)
    };
    let until = format!("{UNTIL}\t{id}\t{}", known.until.0);
    [until].into_iter().chain(known.costs.iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const ONE: ProviderId = ProviderId(1);
    const TWO: ProviderId = ProviderId(2);

    fn costs(offers: &[u32]) -> Vec<LeastCost> {
        let source = |offer: u32| match offer % 3 {
            0 => CostSource::Charged { order: OrderId(offer.into()), price: Micros(100) },
            1 => CostSource::Named { until: Time(9_000), before: Micros(50) },
            _ => CostSource::Refused { until: Time(9_000), pause_ms: 600_000 },
        };
        let least = |offer: &u32| LeastCost {
            offer: OfferId(*offer),
            cost: Micros(200),
            source: source(*offer),
        };
        offers.iter().map(least).collect()
    }

    #[test]
    fn what_is_known_is_known_after_a_restart_until_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeptCosts::open(folder.path());
        assert!(open().of(ONE).is_empty() && open().found_until(ONE) == Time(0));
        let kept = open();
        kept.note(ONE, costs(&[1, 5]), Time(10));
        kept.note(TWO, costs(&[3]), Time(20));
        assert_eq!(kept.found_until(ONE), Time(0), "the start found nothing");
        assert_eq!((open().of(ONE), open().of(TWO)), (costs(&[1, 5]), costs(&[3])));
        assert_eq!((open().found_until(ONE), open().found_until(TWO)), (Time(10), Time(20)));
        kept.note(ONE, costs(&[5]), Time(30));
        assert_eq!((open().of(ONE), open().found_until(ONE)), (costs(&[5]), Time(30)));
        let later = open();
        later.note(TWO, Vec::new(), Time(40));
        assert!(open().of(TWO).is_empty() && open().found_until(TWO) == Time(40));
        assert_eq!(open().of(ONE), costs(&[5]), "of a provider that is not set up they stay");
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let text = "1\t2\n1\t1\t1\tpaid\t1\t1\n1\t1\tx\tnamed\t1\t1\nuntil\t1\tsoon\n";
        fs::write(folder.path().join(FILE), text).unwrap();
        let kept = KeptCosts::open(folder.path());
        assert!(kept.of(ONE).is_empty() && kept.found_until(ONE) == Time(0));
    }
}
