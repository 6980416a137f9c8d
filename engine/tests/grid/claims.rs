//! What a claim takes, gives back and sells, and when it is refused.

use nexnum_engine::grid::Coverage;
use nexnum_engine::ids::{OfferId, ProviderId, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::reservation::{Claim, ClaimRefusal};

use super::{ANY_PRICE, grid_of, product, publish, row, stock};

const OFFER: OfferId = OfferId(1);

#[test]
fn a_claim_dropped_is_stock_again_and_a_claim_booked_is_sold() {
    let grid = grid_of(&[row(1, 10, 2)]);
    let first = grid.claim(OFFER, ANY_PRICE).unwrap();
    let second = grid.claim(OFFER, ANY_PRICE).unwrap();
    assert_eq!(grid.claim(OFFER, ANY_PRICE).unwrap_err(), ClaimRefusal::SoldOut);
    drop(first);
    assert_eq!(stock(&grid, 1), 1);
    second.book();
    assert_eq!(stock(&grid, 1), 1);
    grid.claim(OFFER, ANY_PRICE).unwrap().book();
    assert_eq!(grid.claim(OFFER, ANY_PRICE).unwrap_err(), ClaimRefusal::SoldOut);
}

#[test]
fn a_claim_says_what_it_took() {
    let grid = grid_of(&[row(1, 10, 2)]);
    let claim = grid.claim(OFFER, Micros(20)).unwrap();
    publish(&grid, 1, &[row(1, 30, 2)], Coverage::Whole);
    assert_eq!((claim.offer(), claim.product()), (OFFER, product(1, 2)));
    assert_eq!((claim.provider(), claim.variant()), (ProviderId(1), VariantId::ANY));
    assert_eq!((claim.price(), claim.cost()), (Micros(20), Micros(10)));
}

#[test]
fn a_claim_is_refused_by_name_and_takes_nothing() {
    let grid = grid_of(&[row(1, 10, 1)]);
    let check = |offer, price_max, expected| {
        assert_eq!(grid.claim(OfferId(offer), Micros(price_max)).unwrap_err(), expected);
    };
    check(0, 20, ClaimRefusal::UnknownOffer);
    check(2, 20, ClaimRefusal::UnknownOffer);
    check(u32::MAX, 20, ClaimRefusal::UnknownOffer);
    check(1, 19, ClaimRefusal::PriceMoved(Micros(20)));
    grid.close_provider(ProviderId(1));
    check(1, 19, ClaimRefusal::Closed);
    grid.open_provider(ProviderId(1));
    assert_eq!(stock(&grid, 1), 1);
    grid.exhaust(OFFER);
    check(1, 19, ClaimRefusal::SoldOut);
}

#[test]
fn a_sync_keeps_claims_in_flight_and_counts_them_against_the_new_stock() {
    let grid = grid_of(&[row(1, 10, 5)]);
    let claims: Vec<Claim> = (0..3).map(|_| grid.claim(OFFER, ANY_PRICE).unwrap()).collect();
    publish(&grid, 1, &[row(1, 10, 4)], Coverage::Whole);
    assert_eq!(stock(&grid, 1), 1);
    publish(&grid, 1, &[row(1, 12, 2)], Coverage::Whole);
    assert_eq!(stock(&grid, 1), 0);
    drop(claims);
    assert_eq!(stock(&grid, 1), 2);
}

#[test]
fn what_a_claim_gives_back_of_an_exhausted_offer_is_not_sold_again() {
    let grid = grid_of(&[row(1, 10, 5)]);
    let dropped = grid.claim(OFFER, ANY_PRICE).unwrap();
    let booked = grid.claim(OFFER, ANY_PRICE).unwrap();
    grid.exhaust(OFFER);
    drop(dropped);
    booked.book();
    assert_eq!(grid.claim(OFFER, ANY_PRICE).unwrap_err(), ClaimRefusal::SoldOut);
    publish(&grid, 1, &[row(1, 10, 5)], Coverage::Whole);
    assert_eq!(stock(&grid, 1), 5);
}

#[test]
fn a_reservation_open_at_a_crash_is_claimed_again_beyond_the_stock() {
    let grid = grid_of(&[row(1, 10, 1)]);
    grid.close_provider(ProviderId(1));
    let claims: Vec<Claim> = (0..3).map(|_| grid.claim_open(OFFER).unwrap()).collect();
    grid.open_provider(ProviderId(1));
    assert_eq!(grid.claim(OFFER, ANY_PRICE).unwrap_err(), ClaimRefusal::SoldOut);
    drop(claims);
    assert_eq!(stock(&grid, 1), 1);
    assert_eq!(grid.claim_open(OfferId(2)).unwrap_err(), ClaimRefusal::UnknownOffer);
}

#[test]
fn a_cell_full_of_claims_says_busy() {
    let grid = grid_of(&[row(1, 10, u32::MAX)]);
    let full = (1 << 20) - 1;
    let claims: Vec<Claim> = (0..full).map(|_| grid.claim(OFFER, ANY_PRICE).unwrap()).collect();
    assert_eq!(grid.claim(OFFER, ANY_PRICE).unwrap_err(), ClaimRefusal::Busy);
    assert_eq!(grid.claim_open(OFFER).unwrap_err(), ClaimRefusal::Busy);
    drop(claims);
    assert_eq!(stock(&grid, 1), (1 << 24) - 1);
}

#[test]
fn a_claim_may_end_on_another_thread_and_after_the_last_other_handle_of_the_grid() {
    let grid = grid_of(&[row(1, 10, 1)]);
    let claim = grid.claim(OFFER, ANY_PRICE).unwrap();
    drop(grid);
    std::thread::scope(|scope| {
        scope.spawn(move || drop(claim));
    });
}
