//! Single rules at their edges: each of these tests failed once.

mod common;

use common::arbitrary::{Arbitrary, START};
use common::proof::Recorded;
use nexnum_engine::command::{Command, PlaceOrder, Reply, Timings};
use nexnum_engine::event::{OfferTerms, Terms};
use nexnum_engine::ids::{
    AccountId, CountryId, OfferId, OperatorId, OrderId, Product, ProviderId, ServiceId,
};
use nexnum_engine::money::{COST_MAX, Micros};
use nexnum_engine::reject::Reject;

fn market() -> Recorded {
    let mut recorded = Recorded::default();
    for command in Arbitrary::market() {
        recorded.execute(START, &command).expect("a market may be opened");
    }
    recorded
}

fn order(terms: Terms, limit: Micros) -> Command {
    Command::PlaceOrder(PlaceOrder {
        account: AccountId(1),
        product: Product { country: CountryId(1), service: ServiceId(1) },
        operator: OperatorId::ANY,
        limit,
        terms,
        timings: Timings { lifetime_ms: 1_000, min_cancel_age_ms: 0 },
        idempotency: None,
    })
}

const TERMS: Terms =
    Terms { offer: OfferId(2), provider: ProviderId(2), price: Micros(50), cost: Micros(30) };

#[test]
fn terms_that_name_an_offer_twice_mean_the_last() {
    let mut recorded = market();
    let terms =
        |stock| OfferTerms { offer: OfferId(2), cost: Micros(30), price: Micros(50), stock };
    let command =
        Command::PriceOffers { provider: ProviderId(2), terms: vec![terms(100), terms(9)] };
    assert_eq!(recorded.execute(START, &command), Ok(Reply::Changed(0)));
    assert_eq!(recorded.state().stock(OfferId(2)), 9);
}

#[test]
fn a_pulse_counts_its_own_events_whatever_the_batch_holds() {
    let mut recorded = market();
    recorded.execute(START, &order(TERMS, Micros(50))).unwrap();
    let (mut engine, mut events) = (recorded.engine, Vec::new());
    let deposit = Command::Deposit { account: AccountId(1), amount: Micros(1), reference: 99 };
    engine.execute(START, &deposit, &mut events).unwrap();
    let now = START.plus_ms(180_000);
    assert_eq!(
        engine.execute(now, &Command::Pulse { archived: now }, &mut events),
        Ok(Reply::Changed(1))
    );
    assert_eq!(
        engine.execute(now, &Command::Pulse { archived: now }, &mut events),
        Ok(Reply::Changed(0))
    );
}

#[test]
fn absurd_terms_are_refused_before_they_overflow_a_book() {
    let mut recorded = market();
    for (price, cost, field) in [
        (Micros(50), Micros(i64::MAX), "cost"),
        (Micros(50), Micros(-1), "cost"),
        (Micros(COST_MAX.0 + 1), Micros(30), "price"),
        (Micros(50), Micros(COST_MAX.0 + 1), "cost"),
        (Micros(i64::MIN), Micros(30), "price"),
        (Micros(0), Micros(0), "price"),
    ] {
        let command = order(Terms { price, cost, ..TERMS }, Micros(i64::MAX));
        let refused = Err(Reject::AmountOutOfRange(field));
        assert_eq!(recorded.execute(START, &command), refused, "{price} {cost}");
    }
    assert_eq!(recorded.state().order(OrderId(1)), None);
}
