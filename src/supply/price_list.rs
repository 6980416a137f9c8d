//! A provider's price list in our words: products, carriers, costs, prices, stock.
//!
//! Pure. Promises: each product and carrier once, at its cheapest; nothing with a price
//! that cannot be sold at; every row left out is counted. What one provider may bring in is
//! bounded, since ids are for good: one that makes names up must not use up all.

use std::collections::{BTreeMap, BTreeSet};

use nexnum_driver::{Crosswalk, PriceList};
use nexnum_engine::ids::{OfferId, Product, VariantId};
use nexnum_engine::limits::NAME_LEN_MAX;
use nexnum_engine::money::{COST_MAX, Micros};
use nexnum_engine::pricing::{Margin, sell_price};
use nexnum_engine::product::OfferKey;

/// Carriers that one provider may have: twice the highest partner number known, and a
/// sixteenth of the ids that there are.
pub(super) const CARRIERS_MAX: usize = 4_096;
/// New carriers' names that one sync brings in; more come with the next.
const CARRIERS_PER_SYNC: usize = 1_000;
/// Offers that one provider may ever have: four of the largest known lists, and an eighth
/// of what the engine keeps.
pub(super) const OFFERS_MAX: usize = 500_000;
const _: () = assert!(8 * OFFERS_MAX <= nexnum_engine::limits::OFFERS_MAX);

/// A row whose product is known, its carrier still by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Translated {
    pub(super) product: Product,
    pub(super) carrier: Option<Box<str>>,
    pub(super) cost: Micros,
    pub(super) stock: u32,
}

/// A row that can be sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) key: OfferKey,
    pub(super) cost: Micros,
    pub(super) price: Micros,
    pub(super) stock: u32,
}

/// Translates a list; gives the number of rows of unknown countries and services.
///
/// A row counts as known only if its codes are those that we would buy with: a provider
/// may have several for one country, and only one of them is sure to be what is meant.
pub(super) fn translate(list: PriceList, crosswalk: &Crosswalk) -> (Vec<Translated>, usize) {
    let len = list.rows.len();
    let known = |row: nexnum_driver::PriceRow| {
        let country = crosswalk.country(&row.country)?;
        let service = crosswalk.service(&row.service)?;
        let ours = crosswalk.country_ext(country) == Some(&*row.country)
            && crosswalk.service_ext(service) == Some(&*row.service);
        ours.then_some(Translated {
            product: Product::activation(country, service),
            carrier: row.operator,
            cost: row.cost,
            stock: row.stock,
        })
    };
    let translated: Vec<_> = list.rows.into_iter().filter_map(known).collect();
    let unknown = len - translated.len();
    (translated, unknown)
}

/// The carriers' names in a list; those that the engine takes.
pub(super) fn carriers(rows: &[Translated]) -> BTreeSet<Box<str>> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let named = rows.iter().filter_map(|row| row.carrier.as_deref());
    names.extend(named.filter(|name| (1..=NAME_LEN_MAX).contains(&name.len())));
    names.into_iter().map(Box::from).collect()
}

/// What becomes of the carriers' names in a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Naming {
    /// Those that have an id.
    pub(super) known: BTreeMap<Box<str>, VariantId>,
    /// Those that get one now.
    pub(super) new: Vec<Box<str>>,
    /// How many get none: the provider has brought in too many.
    pub(super) refused: usize,
}

/// Sorts a list's names; `room` is how many the provider may still bring in.
pub(super) fn naming(
    names: BTreeSet<Box<str>>,
    id: impl Fn(&str) -> Option<VariantId>,
    room: usize,
) -> Naming {
    let mut naming = Naming::default();
    for name in names {
        match id(&name) {
            Some(id) => {
                naming.known.insert(name, id);
            }
            None => naming.new.push(name),
        }
    }
    naming.refused = naming.new.len().saturating_sub(room);
    naming.new.truncate(room.min(CARRIERS_PER_SYNC));
    naming
}

/// What becomes of a list's rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Priced {
    /// Rows that can be sold, each key once, in order.
    pub(super) rows: Vec<Row>,
    /// Those in stock that cost nothing, and no row of whose key can be sold.
    pub(super) free: BTreeSet<OfferKey>,
    /// How many rows have a carrier without id or a price out of range.
    pub(super) misfits: usize,
}

/// Prices rows with the margin.
pub(super) fn price(
    rows: Vec<Translated>,
    carriers: &BTreeMap<Box<str>, VariantId>,
    margin: Margin,
) -> Priced {
    let len = rows.len();
    let mut free = BTreeSet::new();
    let priced = |row: Translated| {
        let variant = match &row.carrier {
            None => VariantId::ANY,
            Some(name) => *carriers.get(name)?,
        };
        let (key, cost, stock) = (OfferKey::of(row.product, variant), row.cost, row.stock);
        if !cost.is_positive() && stock > 0 {
            free.insert(key);
        }
        let price = sell_price(cost, margin).filter(|price| *price <= COST_MAX)?;
        let sold = cost.is_positive() && price.is_positive();
        sold.then_some(Row { key, cost, price, stock })
    };
    let mut priced: Vec<Row> = rows.into_iter().filter_map(priced).collect();
    let misfits = len - priced.len();
    // A cheaper row without stock must not hide a dearer one with it.
    priced.sort_unstable_by_key(|row| (row.key, row.stock == 0, row.cost, row.stock));
    priced.dedup_by_key(|row| row.key);
    free.retain(|key| priced.binary_search_by_key(key, |row| row.key).is_err());
    Priced { rows: priced, free, misfits }
}

/// How a list differs from the offers that a provider has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Differences {
    /// Keys of rows that get an offer.
    pub(super) unseen: Vec<OfferKey>,
    /// How many rows get none: the provider may have no more.
    pub(super) refused: usize,
}

/// Compares rows and offers, both sorted by key; the provider may have `offers_max` offers.
pub(super) fn differences(
    rows: &[Row],
    offers: &[(OfferKey, OfferId)],
    offers_max: usize,
) -> Differences {
    let has_offer = |key: &OfferKey| offers.binary_search_by_key(key, |(known, _)| *known).is_ok();
    let mut unseen: Vec<OfferKey> =
        rows.iter().map(|row| row.key).filter(|key| !has_offer(key)).collect();
    let room = offers_max.saturating_sub(offers.len());
    let refused = unseen.len().saturating_sub(room);
    unseen.truncate(room);
    Differences { unseen, refused }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_driver::PriceRow;
    use nexnum_engine::ids::{CountryId, ServiceId};

    fn key(country: u16, service: u16, carrier: u16) -> OfferKey {
        let product = Product::activation(CountryId(country), ServiceId(service));
        OfferKey::of(product, VariantId(carrier))
    }

    fn translated(country: u16, carrier: Option<&str>, cost: i64, stock: u32) -> Translated {
        let product = key(country, 1, 0).product;
        Translated { product, carrier: carrier.map(Box::from), cost: Micros(cost), stock }
    }

    fn row(country: u16, cost: i64) -> Row {
        Row { key: key(country, 1, 0), cost: Micros(cost), price: Micros(cost), stock: 5 }
    }

    #[test]
    fn a_row_is_known_by_the_codes_that_we_buy_with() {
        let crosswalk = Crosswalk::load("handler_api").unwrap();
        let row = |country: &str, service: &str| PriceRow {
            country: country.into(),
            service: service.into(),
            operator: None,
            cost: Micros(1),
            stock: 1,
        };
        let rows = vec![row("6", "tg"), row("6", "no such"), row("99999", "tg")];
        let (rows, unknown) = translate(PriceList { rows, ..PriceList::default() }, &crosswalk);
        assert_eq!((rows.len(), unknown), (1, 2));
        assert_eq!(crosswalk.country_ext(rows[0].product.country), Some("6"));
    }

    #[test]
    fn each_product_and_carrier_is_sold_once_at_its_cheapest_that_has_stock() {
        let margin = Margin { share_ppm: 200_000, floor: Micros::ZERO };
        let carriers = BTreeMap::from([(Box::from("mts"), VariantId(4))]);
        let rows = vec![
            translated(2, None, 300_000, 7),
            translated(1, Some("mts"), 50_000, 0),
            translated(1, Some("mts"), 100_000, 3),
            translated(1, Some("mts"), 200_000, 9),
            translated(1, Some("unnamed"), 100_000, 3),
            translated(3, None, 0, 3),
            translated(4, None, COST_MAX.0, 3),
        ];
        let Priced { rows, free, misfits } = price(rows, &carriers, margin);
        let sold = |key, cost, price, stock| {
            let (cost, price) = (Micros(cost), Micros(price));
            Row { key, cost, price, stock }
        };
        let expected =
            [sold(key(1, 1, 4), 100_000, 120_000, 3), sold(key(2, 1, 0), 300_000, 360_000, 7)];
        assert_eq!((&*rows, misfits), (&expected[..], 3));
        assert_eq!(free, BTreeSet::from([key(3, 1, 0)]));
    }

    #[test]
    fn rows_without_an_offer_are_found() {
        let rows = [row(1, 5), row(3, 5)];
        let offers = [(key(1, 1, 0), OfferId(7)), (key(2, 1, 0), OfferId(8))];
        let unseen = vec![key(3, 1, 0)];
        assert_eq!(differences(&rows, &offers, 3), Differences { unseen, refused: 0 });
    }

    #[test]
    fn a_provider_that_has_too_many_offers_gets_no_more_and_keeps_those() {
        let rows = [row(1, 5), row(3, 5), row(4, 5), row(5, 5)];
        let offers = [(key(1, 1, 0), OfferId(7)), (key(2, 1, 0), OfferId(8))];
        let unseen = vec![key(3, 1, 0)];
        assert_eq!(differences(&rows, &offers, 3), Differences { unseen, refused: 2 });
        let refused = differences(&rows, &offers, 1).refused;
        assert_eq!(refused, 3, "a bound that was lowered");
    }

    #[test]
    fn a_provider_that_makes_up_carriers_names_runs_out_of_them() {
        let names = |from: usize, len: usize| (from..from + len).map(|n| format!("{n:05}").into());
        let id = |name: &str| name.parse().ok().filter(|id| *id < 10).map(VariantId);
        let of = |room| naming(names(8, 2_000).collect(), id, room);
        let first = of(CARRIERS_MAX);
        assert_eq!((first.known.len(), first.refused), (2, 0));
        assert_eq!(first.new, names(10, CARRIERS_PER_SYNC).collect::<Vec<_>>());
        let last = of(3);
        assert_eq!((last.known.len(), last.refused), (2, 1_995));
        assert_eq!(last.new, names(10, 3).collect::<Vec<_>>());
    }
}
