//! The stock cell under the interleavings and reorderings that the memory model
//! allows, for two or three threads of a few steps each.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p nexnum-engine --test loom_cell --release --target-dir target/loom`
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use loom::sync::Arc;
use loom::thread;
use nexnum_engine::grid::cell::{Cell, CellRefusal, CellTerms, Place, Spare};
use nexnum_engine::ids::{Product, ProviderId, VariantId};
use nexnum_engine::money::{AMOUNT_MAX, Micros};

const PLACE: Place = Place {
    product: Product::activation(
        nexnum_engine::ids::CountryId(1),
        nexnum_engine::ids::ServiceId(2),
    ),
    provider: ProviderId(3),
    variant: VariantId::ANY,
};

/// The price is always twice the cost, so that torn terms show.
const fn terms(cost: i64) -> CellTerms {
    CellTerms { cost: Micros(cost), price: Micros(cost * 2) }
}

#[derive(Default)]
struct Market {
    spare: Spare,
    cell: Cell,
    other: Cell,
}

impl Market {
    fn listed(offered: u32) -> Arc<Self> {
        let market = Arc::new(Self::default());
        market.cell.list(PLACE, terms(1), offered);
        market.other.list(PLACE, terms(1), offered);
        market
    }

    fn claim(&self) -> Result<CellTerms, CellRefusal> {
        self.cell.claim(&self.spare, AMOUNT_MAX)
    }

    fn available(&self) -> u32 {
        self.cell.read(&self.spare).1
    }
}

/// Forced switches between threads in one run. Without a bound one publish beside one
/// claim takes minutes; within this one, a cell with any ordering weakened, the second
/// look at the version left out, or the spare not read is found out.
/// `NEXNUM_LOOM_PREEMPTIONS` sets another.
const PREEMPTIONS_DEFAULT: usize = 3;

fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    let asked = std::env::var("NEXNUM_LOOM_PREEMPTIONS");
    let bound = asked.map_or(PREEMPTIONS_DEFAULT, |text| text.parse().expect("a number"));
    builder.preemption_bound = Some(bound);
    builder.check(run);
}

/// Runs the buyer or reader on a thread of its own. The writer stays on the first
/// thread, which loom runs first: it finds the other orders from a load that comes
/// after a store, but not from a store that comes after two threads' loads.
fn beside<T: 'static>(
    market: &Arc<Market>,
    run: impl FnOnce(&Market) -> T + 'static,
) -> thread::JoinHandle<T> {
    let market = Arc::clone(market);
    thread::spawn(move || run(&market))
}

#[test]
fn of_three_claims_on_one_unit_one_wins() {
    model(|| {
        let market = Market::listed(1);
        let others = [(); 2].map(|()| beside(&market, |market| market.claim().is_ok()));
        let mut won = u32::from(market.claim().is_ok());
        for other in others {
            won += u32::from(other.join().unwrap());
        }
        assert_eq!((won, market.available()), (1, 0));
    });
}

#[test]
fn a_unit_given_back_is_there_for_the_next_and_a_unit_booked_is_not() {
    model(|| {
        let market = Market::listed(1);
        let buyer = beside(&market, |market| market.claim().map(|_| market.cell.book()).is_ok());
        if market.claim().is_ok() {
            market.cell.release();
        }
        let booked = buyer.join().unwrap();
        assert_eq!(market.available(), if booked { 0 } else { 1 });
        assert_eq!(market.claim().is_ok(), !booked);
    });
}

#[test]
fn a_sync_forgets_no_claim() {
    model(|| {
        let market = Market::listed(1);
        let buyer = beside(&market, |market| market.claim().is_ok());
        market.cell.set_offered(2);
        assert!(buyer.join().unwrap());
        assert_eq!(market.available(), 1);
        market.cell.book();
        assert_eq!(market.available(), 1);
    });
}

#[test]
fn an_exhausted_offer_sells_only_what_was_claimed_before_and_no_count_wraps() {
    model(|| {
        let market = Market::listed(2);
        market.claim().unwrap();
        let buyer = beside(&market, |market| match market.claim() {
            Ok(_) => market.cell.book(),
            Err(refusal) => assert_eq!(refusal, CellRefusal::SoldOut),
        });
        market.cell.set_offered(0);
        market.cell.release();
        buyer.join().unwrap();
        assert_eq!(market.available(), 0);
        assert_eq!(market.cell.add(1), 1);
    });
}

#[test]
fn stock_that_is_added_while_others_claim_is_all_there() {
    model(|| {
        let market = Market::listed(1);
        let buyer = beside(&market, |market| {
            u32::from(market.claim().is_ok()) + u32::from(market.claim().is_ok())
        });
        market.cell.add(1);
        let claimed = buyer.join().unwrap();
        assert!(claimed >= 1);
        assert_eq!(market.available(), 2 - claimed);
    });
}

#[test]
fn a_reader_never_sees_torn_terms_while_two_cells_share_the_spare() {
    model(|| {
        let market = Market::listed(1);
        let reader = beside(&market, |market| market.cell.read(&market.spare).0);
        market.cell.set(&market.spare, terms(2), 1);
        market.other.set(&market.spare, terms(3), 1);
        market.cell.set(&market.spare, terms(4), 1);
        let seen = reader.join().unwrap();
        assert!([1, 2, 4].map(terms).contains(&seen), "{seen:?}");
        assert_eq!(market.cell.read(&market.spare), (terms(4), 1));
        assert_eq!(market.other.read(&market.spare), (terms(3), 1));
    });
}

#[test]
fn a_claim_has_the_price_and_the_stock_of_one_publish() {
    model(|| {
        let market = Market::listed(0);
        let buyer = beside(&market, Market::claim);
        market.cell.set(&market.spare, terms(2), 1);
        market.cell.set(&market.spare, terms(3), 0);
        // Only the second of three publishes has a unit, so its price is the one claimed at.
        match buyer.join().unwrap() {
            Ok(taken) => assert_eq!(taken, terms(2)),
            Err(refusal) => assert_eq!(refusal, CellRefusal::SoldOut),
        }
        assert_eq!(market.available(), 0);
    });
}

#[test]
fn a_claim_takes_nothing_above_its_price_and_says_a_price_that_was_asked() {
    model(|| {
        let market = Market::listed(1);
        let buyer = beside(&market, |market| market.cell.claim(&market.spare, Micros(2)));
        market.cell.set(&market.spare, terms(2), 1);
        match buyer.join().unwrap() {
            Ok(taken) => assert_eq!((taken, market.available()), (terms(1), 0)),
            Err(refusal) => {
                assert_eq!(refusal, CellRefusal::PriceMoved(Micros(4)));
                assert_eq!(market.available(), 1);
            }
        }
    });
}

#[test]
fn an_offer_seen_listed_has_its_terms_and_its_stock() {
    model(|| {
        let market = Arc::new(Market::default());
        let reader = beside(&market, |market| {
            market.cell.place().map(|place| (place, market.cell.read(&market.spare)))
        });
        market.cell.list(PLACE, terms(7), 3);
        if let Some(seen) = reader.join().unwrap() {
            assert_eq!(seen, (PLACE, (terms(7), 3)));
        }
    });
}
