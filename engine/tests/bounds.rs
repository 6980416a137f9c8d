//! Single rules at their edges: each of these tests failed once.

mod common;

use common::arbitrary::{Arbitrary, START};
use common::model::Model;
use common::proof::Recorded;
use common::sealed::sealed;
use nexnum_engine::callback::{CallbackFailure, CallbackOutcome};
use nexnum_engine::command::{
    AcceptClock, BeginEpoch, CloseDay, Command, Deposit, Effect, FailOrder, NewPayment, OpenLedger,
    PlaceOrder, Pulse, ReceiveCallback, RecordClockStep, Reply, SettleCallback, Timings,
};
use nexnum_engine::event::{
    CatalogVersion, ClockJump, ClosedDay, Epoch, LedgerTerms, Routing, Terms,
};
use nexnum_engine::group::{Groups, Head, Idempotency};
use nexnum_engine::ids::{
    AccountId, CallbackId, CountryId, OfferId, OrderId, Product, ProviderId, ServiceId, VariantId,
};
use nexnum_engine::limits::{
    CALLBACK_KEYS_MAX, CALLBACKS_REFUSED_A_MINUTE, CALLBACKS_REFUSED_MAX, REPLIES_KEPT_MS,
    RETIRED_MAX,
};
use nexnum_engine::money::{COST_MAX, Micros};
use nexnum_engine::order::FailReason;
use nexnum_engine::reject::Reject;
use nexnum_engine::time::Time;

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
        product: Product::activation(CountryId(1), ServiceId(1)),
        variant: VariantId::ANY,
        limit,
        terms,
        max_price: None,
        routing: Routing::default(),
        timings: Timings { lifetime_ms: 1_000, min_cancel_age_ms: 0 },
        idempotency: None,
        notes: None,
    })
}

const TERMS: Terms =
    Terms { offer: OfferId(2), provider: ProviderId(2), price: Micros(50), cost: Micros(30) };

#[test]
fn a_pulse_counts_its_own_events_whatever_the_batch_holds() {
    let mut recorded = market();
    recorded.execute(START, &order(TERMS, Micros(50))).unwrap();
    let (mut engine, mut groups) = (recorded.engine, Groups::new());
    let payment = NewPayment::new("bank", Micros(1), 99);
    let deposit = Command::Deposit(Deposit { account: AccountId(1), payment, sealed: None });
    engine.execute(Head::system(START), &deposit, &mut groups).unwrap();
    let now = START.plus_ms(180_000);
    for expected in [1, 0] {
        let pulse = Command::Pulse(Pulse { archived: now, unasked: Time(0) });
        let reply = engine.execute(Head::system(now), &pulse, &mut groups);
        assert_eq!(reply, Ok(Reply::Changed(expected)));
    }
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

#[test]
fn a_pulse_retires_few_at_once_and_the_next_goes_on() {
    let mut recorded = market();
    let (mut model, count) = (Model::default(), RETIRED_MAX as u32 + 500);
    for command in Arbitrary::market() {
        model.execute(START, &command).expect("a market may be opened");
    }
    let mut both = |at: Time, command: &Command| {
        let answer = recorded.execute(at, command).expect("it is allowed");
        assert_eq!(model.execute(at, command), Ok(answer), "{command:?}");
        (answer, recorded.state().orders().count(), recorded.state().replies().counts()[0])
    };
    let payment = NewPayment::new("bank", Micros(1_000_000), 7);
    both(START, &Command::Deposit(Deposit { account: AccountId(1), payment, sealed: None }));
    let mut end = START;
    for id in 1..=count {
        let Command::PlaceOrder(mut place) = order(TERMS, Micros(50)) else { unreachable!() };
        let key = u128::MAX / u128::from(id);
        place.idempotency = Some(Idempotency { key, fingerprint: 1 }.into());
        both(end, &Command::PlaceOrder(place));
        let (order, reason) = (OrderId(u64::from(id)), FailReason::NoNumbers);
        both(end, &Command::FailOrder(FailOrder { order, attempt: 1, reason, ended: None }));
        end = end.plus_ms(u64::from(id % 2 == 0));
    }
    let now = end.plus_ms(REPLIES_KEPT_MS);
    let pulse = Command::Pulse(Pulse { archived: now, unasked: Time(0) });
    assert_eq!(both(now, &pulse), (Reply::Changed(1), 500, 500));
    assert_eq!(both(now, &pulse), (Reply::Changed(1), 0, 0));
    assert_eq!(both(now, &pulse), (Reply::Changed(0), 0, 0));
    recorded.prove().expect("the state is sound");
}

#[test]
fn refused_callbacks_fill_neither_the_ledger_nor_the_place_of_those_that_failed() {
    let mut recorded = market();
    let mut key = 0;
    let mut post = |recorded: &mut Recorded, at: Time, failure| {
        key += 1;
        let (content_type, sealed) = ("".into(), sealed(1));
        let received =
            ReceiveCallback { provider: ProviderId(1), key, content_type, sealed, failure };
        recorded.execute(at, &received.into())
    };
    let forged = Some(CallbackFailure::InvalidSignature);
    post(&mut recorded, START, None).unwrap();
    // 1. So many of a minute, of all senders together; what is proven finds its place all the same.
    for _ in 0..CALLBACKS_REFUSED_A_MINUTE {
        post(&mut recorded, START, forged).unwrap();
    }
    assert_eq!(post(&mut recorded, START, forged), Err(Reject::Exhausted("callbacks")));
    post(&mut recorded, START, None).unwrap();
    // 2. Of all of them the newest are kept.
    for minute in 1..10 {
        for _ in 0..CALLBACKS_REFUSED_A_MINUTE {
            post(&mut recorded, START.plus_ms(60_000 * minute), forged).unwrap();
        }
    }
    let callbacks = recorded.state().callbacks();
    assert_eq!((callbacks.waiting_len(), callbacks.refused_len()), (2, CALLBACKS_REFUSED_MAX));
    let came = 10 * CALLBACKS_REFUSED_A_MINUTE;
    assert_eq!(callbacks.dropped(), (came - CALLBACKS_REFUSED_MAX) as u64);
}

#[test]
fn a_callback_that_is_kept_is_known_by_its_key_however_many_come_after_it() {
    let mut recorded = market();
    let post = |recorded: &mut Recorded, key: u64, failure| {
        let (content_type, sealed) = ("".into(), sealed(1));
        let key = u128::from(key);
        let received =
            ReceiveCallback { provider: ProviderId(1), key, content_type, sealed, failure };
        recorded.execute(START, &received.into()).unwrap()
    };
    let settle = |recorded: &mut Recorded, callback, outcome| {
        let settle = SettleCallback { callback: CallbackId(callback), outcome };
        assert_eq!(recorded.execute(START, &settle.into()), Ok(Reply::Effect(Effect::Done)));
    };
    let failed = Some(CallbackFailure::UnknownNumber);
    post(&mut recorded, 1, failed);
    post(&mut recorded, 2, Some(CallbackFailure::InvalidSignature));
    for key in 3..CALLBACK_KEYS_MAX as u64 + 10 {
        post(&mut recorded, key, None);
        settle(&mut recorded, key, CallbackOutcome::Duplicate);
    }
    // 1. Those that are kept are the same, and an old one that was processed is another.
    for key in [1, 2] {
        assert_eq!(post(&mut recorded, key, failed), Reply::Callback(CallbackId(key)));
    }
    let last = recorded.state().callbacks().last().0;
    assert_eq!(post(&mut recorded, 3, failed), Reply::Callback(CallbackId(last + 1)));
    // 2. What is kept no longer is known no longer.
    settle(&mut recorded, 1, CallbackOutcome::Discarded);
    assert_eq!(post(&mut recorded, 1, failed), Reply::Callback(CallbackId(last + 2)));
    recorded.prove().expect("the state is sound");
}

#[test]
fn a_ledger_is_begun_once_before_all_else_and_its_terms_follow_one_another() {
    let open = |currency: &[u8; 3]| {
        let terms = LedgerTerms { currency: *currency, permutation: [7; 16], index_check: 9 };
        Command::OpenLedger(OpenLedger { terms })
    };
    let begin = |number, node: &str| {
        let (program, catalog) = ("0".into(), CatalogVersion::default());
        let epoch = Epoch { epoch: number, node: node.into(), program, rules: 1, catalog };
        Command::BeginEpoch(BeginEpoch { epoch })
    };
    let mut recorded = Recorded::default();
    let mut answer = |command: Command| {
        recorded.execute(START, &command).map(drop).map_err(|reject| reject.code())
    };
    assert_eq!(answer(begin(1, "a")), Err("out_of_order"), "there is no ledger yet");
    let jump = ClockJump { from: Time(1), to: Time(2) };
    assert_eq!(answer(AcceptClock { jump }.into()), Err("out_of_order"));
    assert_eq!(answer(open(b"usd")), Err("invalid_field"));
    assert_eq!(answer(open(b"USD")), Ok(()));
    assert_eq!(answer(open(b"EUR")), Err("out_of_order"));
    assert_eq!(answer(begin(3, "a")), Ok(()));
    assert_eq!(answer(begin(3, "b")), Err("out_of_order"));
    assert_eq!(answer(begin(4, "")), Err("invalid_field"));
    assert_eq!(answer(begin(9, "b")), Ok(()));
    let jump = |to| ClockJump { from: START, to };
    let [same, later] = [jump(START), jump(START.plus_ms(1))];
    assert_eq!(answer(RecordClockStep { jump: same }.into()), Err("invalid_field"));
    assert_eq!(answer(AcceptClock { jump: same }.into()), Err("invalid_field"));
    assert_eq!(answer(RecordClockStep { jump: later }.into()), Ok(()));
    assert_eq!(answer(AcceptClock { jump: later }.into()), Ok(()));
    // A day is closed once it is over, after those before it, and only if it has rows.
    let today = START.day();
    let close = |day, rows| {
        let closed = ClosedDay { day, root: [9; 32], rows };
        Command::CloseDay(CloseDay { closed })
    };
    assert_eq!(answer(close(today, 5)), Err("out_of_order"), "it goes on");
    assert_eq!(answer(close(today - 3, 0)), Err("invalid_field"));
    assert_eq!(answer(close(today - 3, 5)), Ok(()));
    assert_eq!(answer(close(today - 3, 5)), Err("out_of_order"), "it is closed");
    assert_eq!(answer(close(today - 1, 1)), Ok(()), "the day between had no rows");
    assert_eq!(answer(close(today - 2, 1)), Err("out_of_order"));
    let mut at = |ms: u64| recorded.execute(Time(ms), &close(today, 5)).map(drop);
    let end = Time::of_day(today + 1).0;
    assert_eq!(at(end - 1).map_err(|reject| reject.code()), Err("out_of_order"));
    assert_eq!(at(end), Ok(()));
    recorded.prove().unwrap();
    let state = recorded.state();
    assert_eq!(state.closed_day().map(|closed| (closed.day, closed.rows)), Some((today, 5)));
    assert_eq!(state.ledger().unwrap().currency, *b"USD");
    assert_eq!(state.epoch().map(|last| (last.epoch, &*last.node)), Some((9, "b")));
}
