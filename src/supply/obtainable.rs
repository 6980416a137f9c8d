//! Rows of a list held against what its offers are known to cost: what cannot be had at the
//! listed cost is not sold at it.

use nexnum_engine::grid::Grid;
use nexnum_engine::money::{COST_MAX, Micros};
use nexnum_engine::pricing::{Margin, sell_price};
use nexnum_engine::product::OfferKey;
use nexnum_engine::time::Time;

use super::price_list::Row;
use crate::provider::least_cost::{CostSource, LeastCost, LeastCosts};

/// The price of an offer at a cost that is known from elsewhere than its list.
pub(super) fn price_at(cost: Micros, margin: Margin) -> Option<Micros> {
    sell_price(cost, margin).filter(|price| *price <= COST_MAX)
}

/// Corrects rows, sorted by key, that say less than is known: what was charged above its price,
/// refused as too cheap, or refused again though it was listed, has no stock; what a refusal named
/// costs that. Gives those whose rows say as much, for [`believe`] once the rows are trusted.
pub(super) fn correct(
    rows: &mut [Row],
    known: &LeastCosts,
    margin: Margin,
    now: Time,
) -> Vec<(OfferKey, LeastCost)> {
    let mut caught_up = Vec::new();
    for (key, least) in known.believed(now) {
        let Ok(at) = rows.binary_search_by_key(&key, |row| row.key) else { continue };
        let row = &mut rows[at];
        if least.allows(row.cost) {
            caught_up.push((key, least));
            continue;
        }
        match (least.source, price_at(least.cost, margin)) {
            (CostSource::Named { .. }, Some(price)) => (row.cost, row.price) = (least.cost, price),
            (CostSource::Named { .. }, None)
            | (CostSource::Charged { .. } | CostSource::Refused { .. }, _) => row.stock = 0,
        }
    }
    for (key, refused) in known.stock().held(now) {
        let Ok(at) = rows.binary_search_by_key(&key, |row| row.key) else { continue };
        if !refused.allows(rows[at].cost) {
            rows[at].stock = 0;
        }
    }
    caught_up
}

/// Believes the list again for offers that it has caught up with, unless their rows are held
/// back as a mistake.
pub(super) fn believe(rows: &[Row], known: &LeastCosts, caught_up: Vec<(OfferKey, LeastCost)>) {
    for (key, least) in caught_up {
        if rows.binary_search_by_key(&key, |row| row.key).is_ok() {
            known.forget(key, least);
        }
    }
}

/// The same for offers that a purchase has told of while their list was on its way into the
/// grid. Who notes a cost does so before the grid is changed for it, so that one of the two
/// comes last.
pub(super) fn correct_grid(grid: &Grid, known: &LeastCosts, margin: Margin, now: Time) {
    for (_, least) in known.believed(now) {
        if grid.ask(least.offer).is_none_or(|ask| least.allows(ask.cost)) {
            continue;
        }
        match (least.source, price_at(least.cost, margin)) {
            (CostSource::Named { .. }, Some(price)) => {
                grid.reprice(least.offer, least.cost, price);
            }
            (CostSource::Named { .. }, None)
            | (CostSource::Charged { .. } | CostSource::Refused { .. }, _) => {
                grid.exhaust(least.offer)
            }
        }
    }
    for (_, refused) in known.stock().held(now) {
        if grid.ask(refused.offer).is_some_and(|ask| !refused.allows(ask.cost)) {
            grid.exhaust(refused.offer);
        }
    }
    known.stock().note_back(|offer| grid.ask(offer).is_some_and(|ask| ask.stock > 0));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::provider::least_cost::{NAMED_MS, Overcharge, REFUSED_MAX_MS, REFUSED_MS};
    use crate::provider::refused_stock::PAUSE_MAX_MS;
    use nexnum_engine::grid::{Coverage, Listing};
    use nexnum_engine::ids::{
        CountryId, OfferId, OrderId, Product, ProviderId, ServiceId, VariantId,
    };
    use nexnum_engine::reservation::Claim;

    const MARGIN: Margin = Margin { share_ppm: 200_000, floor: Micros::ZERO };
    const PRODUCT: Product = Product::activation(CountryId(1), ServiceId(1));
    const NOW: Time = Time(1_000_000);

    fn row(cost: i64) -> Row {
        let price = price_at(Micros(cost), MARGIN).unwrap();
        Row { key: OfferKey::of(PRODUCT, VariantId::ANY), cost: Micros(cost), price, stock: 5 }
    }

    /// A grid with one offer at this cost, and a claim on it.
    fn claimed(cost: i64) -> (Arc<Grid>, Claim) {
        let grid = Arc::new(Grid::new(2, 2));
        let Row { key: OfferKey { product, variant, .. }, cost, price, stock } = row(cost);
        let listing = Listing { offer: OfferId(1), product, variant, cost, price, stock };
        grid.publish(ProviderId(1), &[listing], Coverage::Whole).unwrap();
        let claim = grid.claim(OfferId(1), price).unwrap();
        (grid, claim)
    }

    fn charge(known: &LeastCosts, claim: &Claim, cost: Micros) {
        let by = Overcharge { order: OrderId(7), price: claim.price(), cost };
        known.charged((claim.offer(), claim.key()), by);
    }

    fn corrected(known: &LeastCosts, listed: i64, now: Time) -> Row {
        let mut rows = [row(listed)];
        let caught_up = correct(&mut rows, known, MARGIN, now);
        believe(&rows, known, caught_up);
        rows[0]
    }

    #[test]
    fn an_overcharged_offer_stays_out_until_its_listed_cost_is_what_was_charged() {
        let (known, (_, claim)) = (LeastCosts::default(), claimed(100_000));
        charge(&known, &claim, Micros(500_000));
        let days = NOW.plus_ms(1_000_000_000);
        assert_eq!(corrected(&known, 100_000, days), Row { stock: 0, ..row(100_000) });
        charge(&known, &claim, Micros(400_000));
        assert_eq!(corrected(&known, 499_999, days).stock, 0, "the dearer of two");
        known.named(&claim, Micros(200_000), days);
        assert_eq!(corrected(&known, 300_000, days).stock, 0, "what was paid is surer");
        assert_eq!(known.kept_out(), 1);
        let caught_up = correct(&mut [row(5_000_000)], &known, MARGIN, days);
        believe(&[], &known, caught_up);
        assert_eq!(corrected(&known, 100_000, days).stock, 0, "that row was held back");
        assert_eq!(corrected(&known, 500_000, days), row(500_000));
        assert_eq!(known.kept_out(), 0);
        assert_eq!(corrected(&known, 100_000, days), row(100_000), "it is believed again");
    }

    #[test]
    fn an_offer_that_was_refused_as_too_cheap_is_listed_at_the_price_named_for_a_while() {
        let (known, (_, claim)) = (LeastCosts::default(), claimed(50_000));
        known.named(&claim, Micros(90_000), NOW);
        assert_eq!(corrected(&known, 50_000, NOW), row(90_000));
        assert_eq!(corrected(&known, 50_000, NOW.plus_ms(NAMED_MS - 1)), row(90_000));
        assert_eq!(corrected(&known, 50_000, NOW.plus_ms(NAMED_MS)), row(50_000));
        known.named(&claim, Micros(90_000), NOW);
        assert_eq!(corrected(&known, 95_000, NOW), row(95_000), "the list says as much");
        assert_eq!(corrected(&known, 50_000, NOW), row(50_000));
        assert_eq!(known.kept_out(), 0);
    }

    #[test]
    fn an_offer_that_was_refused_without_a_price_stays_out_for_longer_each_time() {
        let (known, (_, claim)) = (LeastCosts::default(), claimed(50_000));
        let out = |now: Time| corrected(&known, 50_000, now).stock == 0;
        let mut now = NOW;
        for pause_ms in [1, 2, 4, 6, 6].map(|times| times * REFUSED_MS) {
            known.refused(&claim, now);
            // Others that were under way.
            known.refused(&claim, now.plus_ms(5_000));
            assert!(out(now.plus_ms(pause_ms - 1)), "{pause_ms}");
            now = now.plus_ms(pause_ms);
            assert!(!out(now), "{pause_ms}");
        }
        assert_eq!(known.kept_out(), 0, "nothing was charged");
        now = now.plus_ms(REFUSED_MAX_MS);
        assert!(!out(now));
        known.refused(&claim, now);
        assert!(!out(now.plus_ms(REFUSED_MS)), "the times before are forgotten");
        known.refused(&claim, now.plus_ms(REFUSED_MS));
        known.bought(&claim);
        assert!(!out(now.plus_ms(REFUSED_MS)), "it was bought");
        // What a list says above the refused cost is believed at once.
        known.refused(&claim, now);
        assert_eq!(corrected(&known, 50_001, now), row(50_001));
        assert_eq!(corrected(&known, 50_000, now), row(50_000), "the list had caught up");
        // What is surer stays.
        known.refused(&claim, now);
        known.named(&claim, Micros(90_000), now);
        assert_eq!(corrected(&known, 50_000, now), row(90_000));
        charge(&known, &claim, Micros(100_000));
        known.refused(&claim, now);
        assert_eq!(corrected(&known, 60_000, now).stock, 0);
    }

    #[test]
    fn a_cost_that_a_purchase_shows_while_its_list_comes_in_holds_in_the_grid() {
        let (known, (grid, claim)) = (LeastCosts::default(), claimed(50_000));
        known.named(&claim, Micros(90_000), NOW);
        correct_grid(&grid, &known, MARGIN, NOW);
        let ask = grid.ask(OfferId(1)).unwrap();
        assert_eq!((ask.cost, ask.price, ask.stock), (Micros(90_000), row(90_000).price, 4));
        charge(&known, &claim, Micros(100_000));
        correct_grid(&grid, &known, MARGIN, NOW);
        assert_eq!(grid.ask(OfferId(1)).unwrap().stock, 0);
    }

    #[test]
    fn an_offer_whose_listed_stock_is_refused_again_stays_out_for_longer_each_time() {
        const EVERY_MS: u64 = 60_000;
        let (known, (grid, claim)) = (LeastCosts::default(), claimed(50_000));
        let offered = |now: Time, cost: i64| {
            let Row { key: OfferKey { product, variant, .. }, cost, price, stock } =
                corrected(&known, cost, now);
            let listing = Listing { offer: OfferId(1), product, variant, cost, price, stock };
            grid.publish(ProviderId(1), &[listing], Coverage::Whole).unwrap();
            correct_grid(&grid, &known, MARGIN, now);
            grid.ask(OfferId(1)).unwrap().stock > 0
        };
        let refused = |now: Time| {
            known.stock().refused(&claim, now, EVERY_MS);
            // Others that were under way.
            known.stock().refused(&claim, now.plus_ms(5_000), EVERY_MS);
        };
        refused(NOW);
        assert!(offered(NOW.plus_ms(5_000), 50_000), "once, it was sold out");
        let mut now = NOW.plus_ms(6_000);
        for minutes in [1, 2, 4, 8, 15, 15] {
            refused(now);
            let pause_ms = minutes * EVERY_MS;
            assert!(!offered(now.plus_ms(pause_ms - 1), 50_000), "{minutes}");
            assert_eq!(known.stock().kept_out(), 1);
            now = now.plus_ms(pause_ms);
            assert!(offered(now, 50_000), "{minutes}");
            assert_eq!(known.stock().kept_out(), 0);
        }
        refused(now);
        assert!(!offered(now, 49_000) && offered(now, 50_001), "it is listed dearer");
        refused(now);
        assert!(!offered(now, 50_000));
        known.bought(&claim);
        assert!(offered(now, 50_000), "a purchase was made");
        refused(now);
        assert!(offered(now.plus_ms(PAUSE_MAX_MS), 50_000));
        refused(now.plus_ms(PAUSE_MAX_MS));
        assert!(offered(now.plus_ms(PAUSE_MAX_MS), 50_000), "the refusal before is forgotten");
    }

    #[test]
    fn a_refusal_while_a_list_comes_in_holds_in_the_grid() {
        let (known, (grid, claim)) = (LeastCosts::default(), claimed(50_000));
        known.stock().refused(&claim, NOW, 60_000);
        correct_grid(&grid, &known, MARGIN, NOW);
        known.stock().refused(&claim, NOW, 60_000);
        assert!(grid.ask(OfferId(1)).unwrap().stock > 0);
        correct_grid(&grid, &known, MARGIN, NOW);
        assert_eq!(grid.ask(OfferId(1)).unwrap().stock, 0);
    }
}
