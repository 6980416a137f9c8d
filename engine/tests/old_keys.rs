//! Idempotency keys after their first hour: 64 bits and a position, and what the ledger says there.

mod common;

use common::arbitrary::{Arbitrary, START};
use common::proof::Recorded;
use nexnum_engine::command::{
    Command, Deposit, FailOrder, NewPayment, PlaceOrder, Placed, Pulse, Reply, Timings,
};
use nexnum_engine::event::{Routing, Terms};
use nexnum_engine::group::{Groups, Head, Idempotency};
use nexnum_engine::ids::{
    AccountId, CountryId, OfferId, OrderId, Product, ProviderId, Seq, ServiceId, VariantId,
};
use nexnum_engine::limits::{CLOSED_KEPT_MS, REPLIES_KEPT_MS, REPLIES_WHOLE_MAX_MS};
use nexnum_engine::money::Micros;
use nexnum_engine::order::FailReason;
use nexnum_engine::reject::Reject;
use nexnum_engine::replies::AskedKey;
use nexnum_engine::snapshot::Row;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

const A: AccountId = AccountId(1);
const B: AccountId = AccountId(2);

fn order(account: AccountId, idempotency: AskedKey) -> Command {
    let terms =
        Terms { offer: OfferId(2), provider: ProviderId(2), price: Micros(50), cost: Micros(30) };
    Command::PlaceOrder(PlaceOrder {
        account,
        product: Product::activation(CountryId(1), ServiceId(1)),
        variant: VariantId::ANY,
        limit: Micros(50),
        terms,
        max_price: None,
        routing: Routing::default(),
        timings: Timings { lifetime_ms: 1_000, min_cancel_age_ms: 0 },
        idempotency: Some(idempotency),
        notes: None,
    })
}

fn keyed(account: AccountId, key: u128, fingerprint: u128) -> Command {
    order(account, Idempotency { key, fingerprint }.into())
}

/// Order 1 of account 1 with key 7, which failed at once.
fn failed() -> Recorded {
    let mut recorded = Recorded::default();
    for command in Arbitrary::market() {
        recorded.execute(START, &command).expect("a market may be opened");
    }
    for (number, account) in [(1, A), (2, B)] {
        let payment = NewPayment::new("bank", Micros(1_000), number);
        let deposit = Command::Deposit(Deposit { account, payment, sealed: None });
        recorded.execute(START, &deposit).expect("a deposit");
    }
    recorded.execute(START, &keyed(A, 7, 1)).expect("an order");
    let (order, reason) = (OrderId(1), FailReason::NoNumbers);
    let failed = Command::FailOrder(FailOrder { order, attempt: 1, reason, ended: None });
    recorded.execute(START, &failed).expect("it has no number");
    assert_eq!(recorded.state().replies().counts(), [1, 1]);
    recorded
}

/// The same an hour later; what has ended is retired.
fn an_hour_later() -> (Recorded, Time) {
    let (mut recorded, later) = (failed(), START.plus_ms(CLOSED_KEPT_MS));
    pulse(&mut recorded, later);
    assert_eq!(recorded.state().replies().counts(), [1, 0]);
    recorded.prove().expect("the state is sound");
    (recorded, later)
}

fn pulse(recorded: &mut Recorded, at: Time) {
    let pulse = Command::Pulse(Pulse { archived: at, unasked: Time(0) });
    recorded.execute(at, &pulse).expect("time passes");
}

/// A command as it is, without what the ledger says.
fn execute_unread(recorded: &mut Recorded, at: Time, command: &Command) -> Result<Reply, Reject> {
    let mut groups = Groups::new();
    let answer = recorded.engine.execute(Head::system(at), command, &mut groups);
    assert!(answer.is_ok() || groups.is_empty(), "a refusal changes nothing");
    answer
}

#[test]
fn an_old_key_has_its_first_effect_once_the_ledger_was_read() {
    let (mut recorded, at) = an_hour_later();
    let unread = execute_unread(&mut recorded, at, &keyed(A, 7, 1));
    assert_eq!(unread, Err(Reject::IdempotencyUnread));
    let again = recorded.execute(at, &keyed(A, 7, 1));
    assert_eq!(again, Ok(Reply::Placed(Placed::Replayed(OrderId(1)))));
    assert_eq!(recorded.execute(at, &keyed(A, 7, 2)), Err(Reject::IdempotencyMismatch));
    recorded.prove().expect("the state is sound");
}

#[test]
fn a_key_with_the_bits_of_an_old_one_is_new_once_the_ledger_was_read() {
    let (mut recorded, at) = an_hour_later();
    // What is not kept of the two differs.
    let unread = execute_unread(&mut recorded, at, &keyed(A, 8, 1));
    assert_eq!(unread, Err(Reject::IdempotencyUnread));
    let placed = recorded.execute(at, &keyed(A, 8, 1));
    assert_eq!(placed, Ok(Reply::Placed(Placed::Waiting(OrderId(2)))));
    // The two stand beside each other, one short and one whole.
    for (key, order) in [(7, 1), (8, 2)] {
        let again = recorded.execute(at, &keyed(A, key, 1));
        assert_eq!(again, Ok(Reply::Placed(Placed::Replayed(OrderId(order)))), "{key}");
    }
    recorded.prove().expect("the state is sound");
}

#[test]
fn what_was_read_elsewhere_does_not_stand_for_a_position() {
    let (mut recorded, at) = an_hour_later();
    let used = Idempotency { key: 7, fingerprint: 1 };
    let replies = recorded.state().replies();
    let position = replies.short().next().expect("it is kept short").seq;
    let head = recorded.groups.heads(Seq(1)).find(|(seq, _)| *seq == position);
    let key_use = head.and_then(|(_, head)| head.key_use).expect("it is the head of an order");
    let asked = AskedKey { used: used.into(), read: vec![(Seq(position.0 + 1), key_use)] };
    let unread = execute_unread(&mut recorded, at, &order(A, asked));
    assert_eq!(unread, Err(Reject::IdempotencyUnread));
}

#[test]
fn another_account_with_the_same_key_asks_for_no_position() {
    let (mut recorded, at) = an_hour_later();
    let placed = execute_unread(&mut recorded, at, &keyed(B, 7, 1));
    assert_eq!(placed, Ok(Reply::Placed(Placed::Waiting(OrderId(2)))));
}

#[test]
fn an_old_key_is_free_again_after_two_days() {
    let (mut recorded, _) = an_hour_later();
    let end = START.plus_ms(REPLIES_KEPT_MS);
    pulse(&mut recorded, Time(end.0 - 1));
    assert_eq!(recorded.state().replies().counts(), [1, 0]);
    pulse(&mut recorded, end);
    assert_eq!(recorded.state().replies().counts(), [0, 0]);
    let placed = execute_unread(&mut recorded, end, &keyed(A, 7, 2));
    assert_eq!(placed, Ok(Reply::Placed(Placed::Waiting(OrderId(2)))));
}

#[test]
fn a_short_row_that_fits_no_ledger_is_damage() {
    let (recorded, _) = an_hour_later();
    let mut rows: Vec<Row> = recorded.state().rows().collect();
    let build = |rows: Vec<Row>| State::from_rows(rows.into_iter().map(Ok::<_, String>));
    let short = rows.iter().position(|row| matches!(row, Row::ShortReply(_)));
    let short = short.expect("the key is kept short");
    let Row::ShortReply(reply) = rows[short] else { unreachable!() };
    let mut twice = rows.clone();
    twice.insert(short, rows[short].clone());
    let complaint = format!("a reply at {0} follows one at {0}", reply.seq);
    assert_eq!(build(twice).map(|_| "a state"), Err(complaint));
    let mut changed = |seq: Seq, complaint: &str| {
        let Row::ShortReply(reply) = &mut rows[short] else { unreachable!() };
        reply.seq = seq;
        assert_eq!(build(rows.clone()).map(|_| "a state"), Err(complaint.to_owned()));
    };
    changed(Seq(0), "a reply at 0 follows one at 0");
    let ahead = Seq(recorded.state().seq().0 + 1);
    changed(ahead, &format!("a reply at {ahead} is of no group"));
}

#[test]
fn a_key_is_kept_short_where_no_order_leaves_memory() {
    let mut recorded = failed();
    // History does not go on.
    let stuck = Command::Pulse(Pulse { archived: Time(0), unasked: Time(0) });
    let end = START.plus_ms(REPLIES_WHOLE_MAX_MS);
    assert_eq!(recorded.state().next_pulse(Time(0)), Some(end));
    for (at, counts) in [(Time(end.0 - 1), [1, 1]), (end, [1, 0])] {
        recorded.execute(at, &stuck).expect("time passes");
        assert_eq!(recorded.state().replies().counts(), counts);
    }
    assert_eq!(recorded.state().orders().count(), 1);
}
