//! The grid against a book that a child could check.

use std::collections::BTreeMap;

use nexnum_engine::grid::{Coverage, Listing};
use nexnum_engine::ids::OfferId;
use nexnum_engine::money::Micros;
use nexnum_engine::reservation::{Claim, ClaimRefusal};
use proptest::prelude::*;

use super::{grid_of, publish, row, stock};

const OFFERS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Claim { offer: u32, price_max: i64 },
    ClaimOpen { offer: u32 },
    Book { which: usize },
    Release { which: usize },
    Add { offer: u32, units: u32 },
    Exhaust { offer: u32 },
    Sync { rows: BTreeMap<u32, (i64, u32)>, whole: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let offer = 1..=OFFERS;
    let rows = prop::collection::btree_map(1..=OFFERS, (1..5i64, 0..6u32), 0..=OFFERS as usize);
    prop_oneof![
        6 => (offer.clone(), 0..12i64)
            .prop_map(|(offer, price_max)| Step::Claim { offer, price_max }),
        1 => offer.clone().prop_map(|offer| Step::ClaimOpen { offer }),
        3 => any::<usize>().prop_map(|which| Step::Book { which }),
        3 => any::<usize>().prop_map(|which| Step::Release { which }),
        1 => (offer.clone(), 0..4u32).prop_map(|(offer, units)| Step::Add { offer, units }),
        1 => offer.prop_map(|offer| Step::Exhaust { offer }),
        2 => (rows, any::<bool>()).prop_map(|(rows, whole)| Step::Sync { rows, whole }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    price: i64,
    offered: u32,
    claimed: u32,
}

impl Line {
    fn refusal(&self, price_max: i64) -> Option<ClaimRefusal> {
        if self.offered <= self.claimed {
            Some(ClaimRefusal::SoldOut)
        } else if self.price * 2 > price_max {
            Some(ClaimRefusal::PriceMoved(Micros(self.price * 2)))
        } else {
            None
        }
    }
}

fn sync(book: &mut BTreeMap<u32, Line>, rows: &BTreeMap<u32, (i64, u32)>, whole: bool) {
    for (offer, line) in book {
        match rows.get(offer) {
            Some(&(price, units)) => (line.price, line.offered) = (price, units),
            None if whole => line.offered = 0,
            None => {}
        }
    }
}

fn run(steps: &[Step]) {
    let grid = grid_of(&[row(1, 1, 2), row(2, 2, 2), row(3, 3, 2)]);
    let mut book: BTreeMap<u32, Line> = (1..=OFFERS)
        .map(|offer| (offer, Line { price: i64::from(offer), offered: 2, claimed: 0 }))
        .collect();
    let mut claims: Vec<Claim> = Vec::new();
    for step in steps {
        match step {
            &Step::Claim { offer, price_max } => {
                let line = book.get_mut(&offer).unwrap();
                match grid.claim(OfferId(offer), Micros(price_max)) {
                    Ok(claim) => {
                        assert_eq!(line.refusal(price_max), None);
                        assert_eq!((claim.price().0, claim.cost().0), (line.price * 2, line.price));
                        line.claimed += 1;
                        assert!(line.claimed <= line.offered, "a unit was claimed twice");
                        claims.push(claim);
                    }
                    Err(refusal) => assert_eq!(line.refusal(price_max), Some(refusal)),
                }
            }
            &Step::ClaimOpen { offer } => {
                claims.push(grid.claim_open(OfferId(offer)).unwrap());
                book.get_mut(&offer).unwrap().claimed += 1;
            }
            &Step::Book { which } | &Step::Release { which } if !claims.is_empty() => {
                let claim = claims.swap_remove(which % claims.len());
                let line = book.get_mut(&claim.offer().0).unwrap();
                line.claimed -= 1;
                if matches!(step, Step::Book { .. }) {
                    line.offered = line.offered.saturating_sub(1);
                    claim.book();
                }
            }
            Step::Book { .. } | Step::Release { .. } => {}
            &Step::Add { offer, units } => {
                grid.add_stock(OfferId(offer), units).unwrap();
                book.get_mut(&offer).unwrap().offered += units;
            }
            &Step::Exhaust { offer } => {
                grid.exhaust(OfferId(offer));
                book.get_mut(&offer).unwrap().offered = 0;
            }
            Step::Sync { rows, whole } => {
                sync(&mut book, rows, *whole);
                let rows: Vec<Listing> =
                    rows.iter().map(|(&offer, &(price, units))| row(offer, price, units)).collect();
                let coverage = if *whole { Coverage::Whole } else { Coverage::Delta };
                publish(&grid, 1, &rows, coverage);
            }
        }
        for (&offer, line) in &book {
            assert_eq!(stock(&grid, offer), line.offered.saturating_sub(line.claimed), "{step:?}");
        }
        let prices: Vec<i64> = grid.asks(super::product(1, 2)).map(|ask| ask.price.0).collect();
        assert!(prices.is_sorted() && prices.len() == OFFERS as usize, "{prices:?}");
    }
}

proptest! {
    #[test]
    fn the_grid_agrees_with_a_naive_book(steps in prop::collection::vec(step(), 1..80)) {
        run(&steps);
    }
}
