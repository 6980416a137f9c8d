//! The grid's claims against a book that a child could check: claims, bookings, releases,
//! expiries, own stock, syncs whole and in part, closed providers.

#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nexnum_engine::grid::{Coverage, Grid, Listing};
use nexnum_engine::ids::{CountryId, OfferId, OperatorId, Product, ProviderId, ServiceId};
use nexnum_engine::money::Micros;
use nexnum_engine::reservation::{Claim, ClaimRefusal};

/// Two providers, two countries, each offer in its own place.
const OFFERS: u32 = 6;

#[derive(Arbitrary, Debug)]
enum Step {
    Claim {
        offer: u8,
        price_max: u8,
        deadline: u8,
    },
    ClaimOpen {
        offer: u8,
        deadline: u8,
    },
    Book {
        which: u8,
    },
    Release {
        which: u8,
    },
    /// Time passes: claims behind their deadline are given back.
    Expire {
        ms: u8,
    },
    Add {
        offer: u8,
        units: u8,
    },
    Exhaust {
        offer: u8,
    },
    Reprice {
        offer: u8,
        price: u8,
    },
    Sync {
        second: bool,
        whole: bool,
        rows: Vec<(u8, u8, u8)>,
    },
    Switch {
        second: bool,
        open: bool,
    },
    Prefer {
        second: bool,
        priority: u8,
    },
}

#[derive(Clone, Copy, Debug)]
struct Line {
    listed: bool,
    price: i64,
    offered: u32,
    claimed: u32,
}

struct Market {
    grid: Arc<Grid>,
    lines: [Line; OFFERS as usize],
    open: [bool; 2],
    priority: [u8; 2],
    claims: Vec<(u64, Claim)>,
    now: u64,
}

fn id(offer: u8) -> u32 {
    u32::from(offer) % OFFERS + 1
}

/// Odd offers are the first provider's.
fn provider(offer: u32) -> usize {
    (offer as usize + 1) % 2
}

fn listing(offer: u32, price: i64, stock: u32) -> Listing {
    Listing {
        offer: OfferId(offer),
        product: product(offer),
        operator: OperatorId(offer as u16 / 4),
        cost: Micros(price / 2),
        price: Micros(price),
        stock,
    }
}

fn product(offer: u32) -> Product {
    Product { country: CountryId(u16::from(offer > 4)), service: ServiceId(1) }
}

impl Market {
    fn line(&mut self, offer: u32) -> &mut Line {
        &mut self.lines[offer as usize - 1]
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Claim { offer, price_max, deadline } => {
                self.claim(id(offer), i64::from(price_max), deadline);
            }
            Step::ClaimOpen { offer, deadline } => {
                let offer = id(offer);
                let claimed = self.grid.claim_open(OfferId(offer));
                if self.line(offer).listed {
                    self.line(offer).claimed += 1;
                    let claim = claimed.expect("an open reservation is claimed again");
                    self.claims.push((self.now + u64::from(deadline), claim));
                } else {
                    assert_eq!(claimed.err(), Some(ClaimRefusal::UnknownOffer));
                }
            }
            Step::Book { which } | Step::Release { which } if !self.claims.is_empty() => {
                let (_, claim) = self.claims.swap_remove(usize::from(which) % self.claims.len());
                let line = self.line(claim.offer().0);
                line.claimed -= 1;
                if matches!(step, Step::Book { .. }) {
                    line.offered = line.offered.saturating_sub(1);
                    claim.book();
                }
            }
            Step::Book { .. } | Step::Release { .. } => {}
            Step::Expire { ms } => self.expire(ms),
            Step::Add { offer, units } => {
                let (offer, units) = (id(offer), u32::from(units));
                let added = self.grid.add_stock(OfferId(offer), units);
                let line = self.line(offer);
                assert_eq!(added.is_some(), line.listed);
                if line.listed {
                    line.offered += units;
                }
            }
            Step::Exhaust { offer } => {
                self.grid.exhaust(OfferId(id(offer)));
                self.line(id(offer)).offered = 0;
            }
            Step::Reprice { offer, price } => {
                let (offer, price) = (id(offer), i64::from(price));
                let done = self.grid.reprice(OfferId(offer), Micros(price / 2), Micros(price));
                let line = self.line(offer);
                assert_eq!(done.is_some(), line.listed);
                line.price = if line.listed { price } else { line.price };
            }
            Step::Sync { second, whole, ref rows } => self.sync(usize::from(second), whole, rows),
            Step::Switch { second, open } => {
                self.open[usize::from(second)] = open;
                let provider = ProviderId(u16::from(second) + 1);
                if open {
                    self.grid.open_provider(provider);
                } else {
                    self.grid.close_provider(provider);
                }
            }
            Step::Prefer { second, priority } => {
                self.priority[usize::from(second)] = priority;
                self.grid.set_priority(ProviderId(u16::from(second) + 1), priority);
            }
        }
    }

    fn claim(&mut self, offer: u32, price_max: i64, deadline: u8) {
        let (open, now) = (self.open[provider(offer)], self.now);
        let claimed = self.grid.claim(OfferId(offer), Micros(price_max));
        let line = self.line(offer);
        let expected = if !line.listed {
            Some(ClaimRefusal::UnknownOffer)
        } else if !open {
            Some(ClaimRefusal::Closed)
        } else if line.offered <= line.claimed {
            Some(ClaimRefusal::SoldOut)
        } else if line.price > price_max {
            Some(ClaimRefusal::PriceMoved(Micros(line.price)))
        } else {
            None
        };
        match claimed {
            Err(refusal) => assert_eq!(expected, Some(refusal)),
            Ok(claim) => {
                assert_eq!(expected, None);
                line.claimed += 1;
                assert!(line.claimed <= line.offered, "a unit was sold twice");
                let (price, cost) = (line.price, line.price / 2);
                assert_eq!((claim.price().0, claim.cost().0), (price, cost));
                assert_eq!(usize::from(claim.provider().0), provider(offer) + 1);
                self.claims.push((now + u64::from(deadline), claim));
            }
        }
    }

    fn expire(&mut self, ms: u8) {
        self.now += u64::from(ms);
        let (kept, over): (Vec<_>, Vec<_>) =
            self.claims.drain(..).partition(|(deadline, _)| *deadline > self.now);
        self.claims = kept;
        for (_, claim) in over {
            self.line(claim.offer().0).claimed -= 1;
        }
    }

    fn sync(&mut self, provided: usize, whole: bool, rows: &[(u8, u8, u8)]) {
        let mut list: Vec<Listing> = Vec::new();
        for &(offer, price, stock) in rows {
            let offer = id(offer);
            if provider(offer) == provided && list.iter().all(|row| row.offer.0 != offer) {
                list.push(listing(offer, i64::from(price), u32::from(stock)));
            }
        }
        let coverage = if whole { Coverage::Whole } else { Coverage::Delta };
        let id = ProviderId(provided as u16 + 1);
        self.grid.publish(id, &list, coverage).expect("the rows are in range");
        for offer in (1..=OFFERS).filter(|offer| provider(*offer) == provided) {
            let row = list.iter().find(|row| row.offer.0 == offer);
            let line = self.line(offer);
            match row {
                Some(row) => {
                    (line.listed, line.price, line.offered) = (true, row.price.0, row.stock);
                }
                None if whole => line.offered = 0,
                None => {}
            }
        }
    }

    fn check(&self) {
        for (offer, line) in (1..).zip(&self.lines) {
            let ask = self.grid.ask(OfferId(offer));
            assert_eq!(ask.is_some(), line.listed, "offer {offer}");
            let Some(ask) = ask else { continue };
            assert_eq!(ask.stock, line.offered.saturating_sub(line.claimed), "offer {offer}");
            assert_eq!(ask.open, self.open[provider(offer)]);
        }
        for product in [product(1), product(OFFERS)] {
            let rank = |ask: nexnum_engine::grid::Ask| {
                let priority = self.priority[usize::from(ask.provider.0) - 1];
                (ask.price, std::cmp::Reverse(priority), ask.offer)
            };
            let shown: Vec<_> = self.grid.asks(product).map(rank).collect();
            assert!(shown.is_sorted(), "{shown:?}");
        }
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let line = Line { listed: false, price: 0, offered: 0, claimed: 0 };
    let mut market = Market {
        grid: Arc::new(Grid::new(2, 2)),
        lines: [line; OFFERS as usize],
        open: [true; 2],
        priority: [0; 2],
        claims: Vec::new(),
        now: 0,
    };
    for step in &steps {
        market.step(step);
        market.check();
    }
    market.expire(u8::MAX);
    market.check();
});
