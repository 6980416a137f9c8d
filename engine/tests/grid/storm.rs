//! Many threads at once: no unit is sold twice, none is lost, no terms are torn.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use nexnum_engine::grid::Coverage;
use nexnum_engine::ids::OfferId;
use nexnum_engine::money::Micros;

use super::{ANY_PRICE, grid_of, product, publish, row, stock};

const OFFER: OfferId = OfferId(1);

#[test]
fn of_64_threads_that_race_for_one_unit_one_wins() {
    for _ in 0..50 {
        let grid = grid_of(&[row(1, 10, 1)]);
        let (start, winners) = (Barrier::new(64), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    start.wait();
                    if let Ok(claim) = grid.claim(OFFER, ANY_PRICE) {
                        claim.book();
                        winners.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!((winners.into_inner(), stock(&grid, 1)), (1, 0));
    }
}

#[test]
fn no_more_is_sold_than_was_offered_while_claims_drop_and_stock_is_loaded() {
    let grid = grid_of(&[row(1, 10, 100)]);
    let (loaded, sold) = (AtomicU32::new(100), AtomicU32::new(0));
    thread::scope(|scope| {
        for thread in 0..4 {
            let (grid, loaded, sold) = (&grid, &loaded, &sold);
            scope.spawn(move || {
                for turn in 0..5_000u32 {
                    let claim = grid.claim(OFFER, ANY_PRICE);
                    match turn.wrapping_mul(2_654_435_761).wrapping_add(thread) >> 29 {
                        0 | 1 => {
                            if let Ok(claim) = claim {
                                claim.book();
                                let sold = sold.fetch_add(1, Ordering::SeqCst) + 1;
                                assert!(sold <= loaded.load(Ordering::SeqCst));
                            }
                        }
                        2 => {
                            loaded.fetch_add(1, Ordering::SeqCst);
                            grid.add_stock(OFFER, 1).unwrap();
                        }
                        _ => drop(claim),
                    }
                }
            });
        }
    });
    assert_eq!(stock(&grid, 1), loaded.into_inner() - sold.into_inner());
}

#[test]
fn price_and_cost_are_of_one_publish_however_often_they_change() {
    let grid = grid_of(&[row(1, 1, 1_000), row(2, 1, 1_000)]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for ask in grid.asks(product(1, 2)) {
                        assert_eq!(ask.price.0, ask.cost.0 * 2);
                    }
                    if let Ok(claim) = grid.claim(OFFER, Micros(100)) {
                        assert_eq!(claim.price().0, claim.cost().0 * 2);
                        assert!(claim.price() <= Micros(100));
                    }
                }
            });
        }
        for turn in 0..20_000 {
            let rows = [row(1, 1 + turn % 97, 1_000), row(2, 1 + turn % 89, 1_000)];
            publish(&grid, 1, &rows, Coverage::Whole);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(stock(&grid, 1), 1_000);
}
