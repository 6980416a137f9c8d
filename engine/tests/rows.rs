//! States from rows that do not fit each other: each is refused, and the row is named.

mod common;

use common::arbitrary::{Arbitrary, START};
use common::proof::Recorded;
use common::sealed::loaded;
use nexnum_engine::command::{
    ClearDoubt, Command, DoubtOrder, IssueKey, LoadStock, PlaceOrder, Pulse, Timings,
};
use nexnum_engine::event::{Routing, Terms};
use nexnum_engine::group::{Idempotency, Made};
use nexnum_engine::ids::{
    AccountId, CountryId, OfferId, OrderId, Product, ProviderId, ServiceId, SourceId, Token,
    VariantId,
};
use nexnum_engine::limits::CLOSED_KEPT_MS;
use nexnum_engine::money::Micros;
use nexnum_engine::snapshot::Row;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

/// A market with a key, a pool, an open order on each provider, a reply, and a purchase
/// given up.
fn market() -> Recorded {
    let mut recorded = Recorded::default();
    let mut run = |command: Command| {
        recorded.execute(START, &command).expect("it is allowed");
    };
    Arbitrary::market().into_iter().for_each(&mut run);
    run(Command::IssueKey(IssueKey {
        account: Some(AccountId(1)),
        hash: [1; 32],
        prefix: "nx".into(),
    }));
    for first in [20_000, 35_000] {
        let numbers = loaded(OfferId(1), (first..first + 12_500).map(Token));
        run(Command::LoadStock(LoadStock {
            offer: OfferId(1),
            cost: Micros(1),
            price: Micros(50),
            numbers,
            others: Vec::new(),
        }));
    }
    for (offer, provider) in [(1, 1), (2, 2)] {
        run(Command::PlaceOrder(PlaceOrder {
            account: AccountId(1),
            product: Product::activation(CountryId(1), ServiceId(1)),
            variant: VariantId::ANY,
            limit: Micros(50),
            terms: Terms {
                offer: OfferId(offer),
                provider: ProviderId(provider),
                price: Micros(50),
                cost: Micros(30),
            },
            max_price: None,
            routing: Routing::default(),
            timings: Timings { lifetime_ms: 60_000, min_cancel_age_ms: 0 },
            idempotency: Some(Idempotency { key: u128::from(offer), fingerprint: 1 }.into()),
            notes: None,
        }));
    }
    run(Command::DoubtOrder(DoubtOrder { order: OrderId(2), attempt: 1, ended: None }));
    run(Command::ClearDoubt(ClearDoubt { order: OrderId(2), attempt: 1 }));
    recorded
}

fn rows() -> Vec<Row> {
    market().state().rows().collect()
}

/// The complaint about the market's rows after a change of each.
#[track_caller]
fn refused(change: impl FnMut(&mut Row), expected: &str) {
    let mut rows = rows();
    rows.iter_mut().for_each(change);
    let state = State::from_rows(rows.into_iter().map(Ok::<_, String>));
    assert_eq!(state.map(|_| "a state"), Err(expected.to_owned()));
}

#[test]
fn a_large_pool_is_many_rows_and_one_pool_again() {
    market().prove().expect("the same state comes back");
    let len = |row: &Row| {
        let Row::Pool(id, _, numbers) = row else { return None };
        Some((id.0, numbers.len()))
    };
    let pools: Vec<_> = rows().iter().filter_map(len).collect();
    assert_eq!(pools, [(1, 10_000), (1, 10_000), (1, 4_999)]);
}

#[test]
fn a_purchase_given_up_is_known_until_its_moment_retires() {
    let mut market = market();
    let given_up = |market: &Recorded| {
        let all = market.state().given_up();
        all.map(|it| (it.at, it.order.0, it.attempt, it.provider.0)).collect::<Vec<_>>()
    };
    assert_eq!(given_up(&market), [(START, 2, 1, 2)]);
    let ended = START.plus_ms(600_000);
    market
        .execute(ended, &Command::Pulse(Pulse { archived: ended, unasked: Time(0) }))
        .expect("a pulse is allowed");
    // What may have begun by the deadline is unknown as well.
    assert_eq!(given_up(&market), [(START, 2, 1, 2), (ended, 2, 1, 2)]);
    market.prove().expect("the same state comes back");
    let retired = ended.plus_ms(CLOSED_KEPT_MS);
    market
        .execute(retired, &Command::Pulse(Pulse { archived: ended, unasked: Time(0) }))
        .expect("a pulse is allowed");
    assert_eq!(given_up(&market), []);
    market.prove().expect("the same state comes back");
}

#[test]
fn a_pool_whose_rows_have_no_sound_terms_in_common_is_refused() {
    refused(
        |row| {
            if let Row::Pool(_, terms, numbers) = row {
                terms.price.0 += i64::from(numbers.len() < 5_000);
            }
        },
        "the pool of offer 1 has other terms",
    );
    refused(
        |row| {
            if let Row::Pool(_, terms, _) = row {
                terms.cost.0 = terms.price.0 + 1;
            }
        },
        "the pool of offer 1 has other terms",
    );
}

#[test]
fn an_offer_of_a_variant_or_a_source_that_is_not_there_is_refused() {
    refused(
        |row| {
            if let Row::Offer(offer) = row {
                offer.variant = VariantId(9);
            }
        },
        "offer 1 is for variant 9, which is unknown",
    );
    refused(
        |row| {
            if let Row::Offer(offer) = row {
                offer.source = SourceId(3);
            }
        },
        "offer 1 is from source 3, which is unknown",
    );
}

#[test]
fn a_row_that_names_what_is_not_there_is_refused() {
    refused(
        |row| {
            if let Row::Key(_, key) = row {
                key.account = AccountId(9);
            }
        },
        "key 1 is for account 9, which is unknown",
    );
    refused(
        |row| {
            if let Row::Offer(offer) = row {
                offer.provider = ProviderId(9);
            }
        },
        "offer 1 is of provider 9, which is unknown",
    );
    refused(
        |row| {
            if let Row::Pool(id, ..) = row {
                *id = OfferId(2);
            }
        },
        "the pool of offer 2 has no offer",
    );
    refused(
        |row| {
            if let Row::Order(order) = row {
                order.account = AccountId(9);
            }
        },
        "order 1 is of account 9, which is unknown",
    );
    refused(
        |row| {
            if let Row::Order(order) = row {
                order.provider = ProviderId(3);
            }
        },
        "order 1 is on offer 1, which is not its provider's",
    );
    refused(
        |row| {
            if let Row::Reply(reply) = row {
                reply.key_use.made = Made::Order(OrderId(3));
            }
        },
        "a reply to account 1 is for no account or of no order",
    );
    refused(
        |row| {
            if let Row::GivenUp(given_up) = row {
                given_up.provider = ProviderId(1);
            }
        },
        "a purchase given up of order 2 is at provider 1, which is not driven",
    );
}

#[test]
fn an_id_that_no_counter_gave_is_refused() {
    refused(
        |row| {
            if let Row::Account(id, _) = row {
                id.0 = u32::MAX;
            }
        },
        "account 4294967295 follows account 0: ids are dense",
    );
    refused(
        |row| {
            if let Row::Order(order) = row {
                order.id.0 += 1;
            }
        },
        "order 3 is out of place, or beyond the counters",
    );
    refused(
        |row| {
            if let Row::Counters(counters) = row {
                counters.account.0 += 1;
            }
        },
        "the counters count rows that are not there",
    );
}

#[test]
fn rows_that_come_twice_or_out_of_place_are_refused() {
    let all = rows();
    for (index, row) in all.iter().enumerate() {
        let mut doubled = all.clone();
        doubled.insert(index + 1, row.clone());
        assert!(State::from_rows(doubled.into_iter().map(Ok::<_, String>)).is_err(), "{row:?}");
    }
    let without_counters = all[1..].iter().cloned().map(Ok::<_, String>);
    let complaint = "row 1 is out of place: the counters come first, once".to_owned();
    assert_eq!(State::from_rows(without_counters).err(), Some(complaint));
}
