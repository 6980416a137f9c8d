//! What a publish changes, and what it refuses.

use nexnum_engine::grid::{Ask, Coverage, Grid, Listing, OFFERS_MAX, PublishError, Published};
use nexnum_engine::ids::{OfferId, Product, ProviderId, VariantId};
use nexnum_engine::money::{AMOUNT_MAX, Micros};

use super::{COUNTRIES, SERVICES, grid_of, ladder, product, publish, row, stock};

#[test]
fn asks_stand_by_price_then_priority_then_offer() {
    let grid = grid_of(&[row(5, 10, 1), row(2, 20, 2)]);
    publish(&grid, 2, &[row(3, 10, 3), row(4, 5, 0)], Coverage::Whole);
    assert_eq!(ladder(&grid, product(1, 2)), "4@10 x0, 3@20 x3, 5@20 x1, 2@40 x2");
    grid.set_priority(ProviderId(1), 9);
    assert_eq!(ladder(&grid, product(1, 2)), "4@10 x0, 5@20 x1, 3@20 x3, 2@40 x2");
    grid.set_priority(ProviderId(u16::MAX), 9);
    grid.set_priority(ProviderId(7), 9);
    assert_eq!(ladder(&grid, product(1, 1)), "");
    assert_eq!(ladder(&grid, product(COUNTRIES, 0)), "");
    assert_eq!(ladder(&grid, product(1, SERVICES)), "");
    assert_eq!(ladder(&grid, product(1, u16::MAX)), "");
}

#[test]
fn an_ask_says_its_provider_s_rank_and_whether_its_account_can_pay() {
    let grid = grid_of(&[row(1, 10, 1), row(2, 20, 2)]);
    let seen = |offer| {
        let ask = grid.ask(OfferId(offer)).unwrap();
        (ask.funded, ask.is_claimable(), ask.priority, ask.weight)
    };
    assert_eq!(seen(1), (true, true, 0, 1));
    grid.set_priority(ProviderId(1), 7);
    grid.set_weight(ProviderId(1), 3);
    grid.set_funds(ProviderId(1), Some(Micros(19)));
    assert_eq!((seen(1), seen(2)), ((true, true, 7, 3), (false, false, 7, 3)));
    assert_eq!(grid.on_sale(product(1, 2)).stock, 1);
    grid.set_weight(ProviderId(1), 0);
    grid.set_funds(ProviderId(1), None);
    assert_eq!(seen(2), (true, true, 7, 1));
    grid.set_funds(ProviderId(u16::MAX), None);
    grid.set_weight(ProviderId(u16::MAX), 2);
}

#[test]
fn a_new_price_moves_an_offer_in_its_ladder() {
    let grid = grid_of(&[row(1, 10, 1), row(2, 20, 1), row(3, 30, 1)]);
    publish(&grid, 1, &[row(3, 15, 7)], Coverage::Delta);
    assert_eq!(ladder(&grid, product(1, 2)), "1@20 x1, 3@30 x7, 2@40 x1");
}

#[test]
fn a_margin_moves_an_offer_in_its_ladder_and_leaves_its_stock_and_claims() {
    let grid = grid_of(&[row(1, 10, 5), row(2, 20, 1)]);
    let claim = grid.claim(OfferId(1), AMOUNT_MAX).unwrap();
    assert_eq!(grid.reprice(OfferId(1), Micros(10), Micros(50)), Some(()));
    assert_eq!(ladder(&grid, product(1, 2)), "2@40 x1, 1@50 x4");
    drop(claim);
    assert_eq!(grid.reprice(OfferId(1), Micros(10), Micros(50)), Some(()));
    assert_eq!(ladder(&grid, product(1, 2)), "2@40 x1, 1@50 x5");
    assert_eq!(grid.reprice(OfferId(3), Micros(10), Micros(50)), None);
}

#[test]
fn a_reader_keeps_the_ladder_it_took() {
    let grid = grid_of(&[row(1, 10, 1), row(2, 20, 1)]);
    let mut asks = grid.asks(product(1, 2));
    publish(&grid, 1, &[row(1, 50, 1), row(3, 1, 1)], Coverage::Delta);
    assert_eq!(asks.next().map(|ask| (ask.offer, ask.price)), Some((OfferId(1), Micros(100))));
    assert_eq!(asks.next().map(|ask| ask.offer), Some(OfferId(2)));
    assert_eq!(asks.next(), None);
    assert_eq!(ladder(&grid, product(1, 2)), "3@2 x1, 2@40 x1, 1@100 x1");
}

#[test]
fn a_whole_list_withdraws_what_it_does_not_name_and_a_delta_does_not() {
    let grid = grid_of(&[row(1, 10, 5), row(2, 20, 5)]);
    publish(&grid, 2, &[row(3, 30, 5)], Coverage::Whole);
    let done = grid.publish(ProviderId(1), &[row(2, 20, 4), row(4, 1, 1)], Coverage::Delta);
    assert_eq!(done, Ok(Published { listed: 1, repriced: 0, withdrawn: 0 }));
    assert_eq!(ladder(&grid, product(1, 2)), "4@2 x1, 1@20 x5, 2@40 x4, 3@60 x5");
    let done = grid.publish(ProviderId(1), &[row(2, 21, 4)], Coverage::Whole);
    assert_eq!(done, Ok(Published { listed: 0, repriced: 1, withdrawn: 2 }));
    assert_eq!(ladder(&grid, product(1, 2)), "4@2 x0, 1@20 x0, 2@42 x4, 3@60 x5");
    publish(&grid, 1, &[], Coverage::Whole);
    publish(&grid, 1, &[row(1, 10, 1)], Coverage::Whole);
    assert_eq!(ladder(&grid, product(1, 2)), "4@2 x0, 1@20 x1, 2@42 x0, 3@60 x5");
}

#[test]
fn the_best_ask_is_claimable_and_of_the_carrier_named() {
    let named = Listing { variant: VariantId(7), ..row(4, 40, 1) };
    let grid = grid_of(&[row(1, 10, 0), row(3, 30, 1), named]);
    publish(&grid, 2, &[row(2, 20, 1)], Coverage::Whole);
    let best = |variant| {
        let fits = |ask: &Ask| variant == 0 || ask.variant == VariantId(variant);
        let mut asks = grid.asks(product(1, 2));
        asks.find(|ask| ask.is_claimable() && fits(ask)).map(|ask| ask.offer.0)
    };
    assert_eq!(best(0), Some(2));
    grid.close_provider(ProviderId(2));
    assert_eq!(ladder(&grid, product(1, 2)), "1@20 x0, 2@40 x1 closed, 3@60 x1, 4@80 x1");
    assert_eq!(best(0), Some(3));
    assert_eq!(best(7), Some(4));
    assert_eq!(best(8), None);
    grid.open_provider(ProviderId(2));
    assert_eq!(best(0), Some(2));
}

#[test]
fn stock_is_added_to_and_exhausted() {
    let grid = grid_of(&[row(1, 10, 2)]);
    assert_eq!(grid.add_stock(OfferId(1), 3), Some(5));
    grid.exhaust(OfferId(1));
    assert_eq!(stock(&grid, 1), 0);
    assert_eq!(grid.add_stock(OfferId(1), 1), Some(1));
    assert_eq!(grid.add_stock(OfferId(1), u32::MAX), Some((1 << 24) - 1));
    publish(&grid, 1, &[row(1, 10, u32::MAX)], Coverage::Whole);
    assert_eq!(stock(&grid, 1), (1 << 24) - 1);
    for unlisted in [0, 2, OFFERS_MAX, u32::MAX].map(OfferId) {
        assert_eq!(grid.add_stock(unlisted, 1), None);
        assert_eq!(grid.ask(unlisted), None);
        grid.exhaust(unlisted);
    }
}

#[test]
fn stock_that_is_taken_out_is_not_sold_and_claims_stay() {
    let grid = grid_of(&[row(1, 10, 3)]);
    let claim = grid.claim(OfferId(1), Micros(1_000)).unwrap();
    assert_eq!(grid.remove_stock(OfferId(1), 1), Some(1));
    assert_eq!(grid.remove_stock(OfferId(1), 1), Some(0));
    assert!(grid.claim(OfferId(1), Micros(1_000)).is_err());
    // The claim's own unit is taken out: what it gives back is not on sale.
    assert_eq!(grid.remove_stock(OfferId(1), 1), Some(0));
    drop(claim);
    assert_eq!(stock(&grid, 1), 0);
    assert_eq!(grid.add_stock(OfferId(1), 1), Some(1));
    assert_eq!(grid.remove_stock(OfferId(1), 9), Some(0));
    assert_eq!(grid.remove_stock(OfferId(2), 1), None);
}

#[test]
fn products_with_offers_are_counted() {
    let elsewhere = Listing { product: product(2, 0), ..row(9, 1, 0) };
    let grid = grid_of(&[row(1, 10, 1), row(2, 10, 1), elsewhere]);
    let products: Vec<(Product, usize)> = grid.products().collect();
    assert_eq!(products, [(product(1, 2), 2), (product(2, 0), 1)]);
    assert_eq!(grid.offers_len(), 3);
}

#[test]
fn a_list_that_cannot_be_changes_nothing() {
    let grid = grid_of(&[row(1, 10, 5)]);
    let check = |provider, bad: Listing, expected: PublishError| {
        let rows = [row(1, 11, 6), row(2, 20, 1), bad];
        for coverage in [Coverage::Whole, Coverage::Delta] {
            assert_eq!(grid.publish(ProviderId(provider), &rows, coverage), Err(expected));
        }
        assert_eq!(ladder(&grid, product(1, 2)), "1@20 x5", "{expected}");
    };
    check(0, row(3, 1, 1), PublishError::UnknownProvider(ProviderId(0)));
    check(1025, row(3, 1, 1), PublishError::UnknownProvider(ProviderId(1025)));
    check(1, row(0, 1, 1), PublishError::OfferOutOfRange(OfferId(0)));
    check(1, row(OFFERS_MAX, 1, 1), PublishError::OfferOutOfRange(OfferId(OFFERS_MAX)));
    let unknown = PublishError::UnknownProduct(OfferId(3));
    check(1, Listing { product: product(COUNTRIES, 0), ..row(3, 1, 1) }, unknown);
    check(1, Listing { product: product(0, SERVICES), ..row(3, 1, 1) }, unknown);
    let bad_price = PublishError::BadPrice(OfferId(3));
    check(1, Listing { price: Micros(-1), ..row(3, 1, 1) }, bad_price);
    check(1, Listing { cost: Micros(AMOUNT_MAX.0 + 1), ..row(3, 1, 1) }, bad_price);
    check(1, row(1, 1, 1), PublishError::Twice(OfferId(1)));
    let other = PublishError::OtherPlace(OfferId(1));
    check(1, Listing { variant: VariantId(3), ..row(1, 1, 1) }, other);
    check(1, Listing { product: product(1, 1), ..row(1, 1, 1) }, other);
    check(2, row(3, 1, 1), other);
}

#[test]
fn an_empty_grid_answers_and_a_full_one_says_what_it_weighs() {
    let grid = Grid::new(0, 0);
    assert_eq!((grid.products().count(), grid.offers_len()), (0, 0));
    assert_eq!(grid.asks(product(0, 0)).count(), 0);
    let empty = grid.bytes();
    let grid = Grid::new(1, 1);
    let rows: Vec<Listing> =
        (1..=8000).map(|offer| Listing { product: product(0, 0), ..row(offer, 1, 1) }).collect();
    publish(&grid, 1, &rows, Coverage::Whole);
    let per_offer = (grid.bytes() - empty) as f64 / 8000.0;
    assert!((40.0..46.0).contains(&per_offer), "{per_offer} bytes an offer");
}
