//! Callers' addresses: which get a number, when they are known again, and what a head may name.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::arbitrary::START;
use common::proof::{Recorded, replay};
use common::sealed::sealed_under;
use nexnum_engine::command::{Command, IssueKey, MakeSealKey, NumberAddress, OpenAccount, Reply};
use nexnum_engine::event::{AccountEvent, Event};
use nexnum_engine::group::{Actor, Head, Origin};
use nexnum_engine::ids::{AccountId, AddressNumber, KeyId};
use nexnum_engine::limits::ADDRESSES_MAX;
use nexnum_engine::money::Micros;
use nexnum_engine::sealed::{KeyHandle, KeyOwner};

const ANN: AccountId = AccountId(1);
const OPERATORS: AccountId = AccountId(0);

fn make(handle: u128, owner: KeyOwner) -> Command {
    MakeSealKey { handle: KeyHandle(handle), owner }.into()
}

fn number(account: AccountId, digest: u128, handle: u128) -> Command {
    let sealed = sealed_under(KeyHandle(handle), 9);
    NumberAddress { account, digest, sealed }.into()
}

/// An account with its identity key, 1, and that of operators, 2.
fn market() -> Recorded {
    let mut market = Recorded::default();
    for command in [
        OpenAccount { name: None, credit_limit: Micros::ZERO }.into(),
        IssueKey { account: Some(ANN), hash: [1; 32], prefix: "nx_live_".into() }.into(),
        make(1, KeyOwner::Identity(ANN)),
        make(2, KeyOwner::Identity(OPERATORS)),
    ] {
        market.execute(START, &command).expect("it is allowed");
    }
    market
}

#[test]
fn an_address_gets_a_number_of_its_account_and_is_known_again_under_the_same_key() {
    let mut market = market();
    let mut answer =
        |command: Command| market.execute(START, &command).map_err(|reject| reject.code());
    let numbered = |n| Ok(Reply::Address(AddressNumber(n)));
    assert_eq!(answer(number(ANN, 7, 1)), numbered(1));
    assert_eq!(answer(number(ANN, 7, 9)), numbered(1), "no key is needed to know it");
    assert_eq!(
        [answer(number(ANN, 8, 1)), answer(number(OPERATORS, 7, 2))],
        [numbered(2), numbered(1)]
    );
    assert_eq!(answer(number(AccountId(2), 7, 1)), Err("unknown_account"));
    assert_eq!(answer(number(ANN, 9, 2)), Err("unknown_sealing_key"), "another's key");
    let long = sealed_under(KeyHandle(1), 46);
    let long = NumberAddress { account: ANN, digest: 9, sealed: long };
    assert_eq!(answer(long.into()), Err("invalid_field"));
    answer(make(3, KeyOwner::Lookup(227))).expect("it is allowed");
    assert_eq!(answer(number(ANN, 7, 1)), numbered(3), "its digest is another by now");
    market.prove().expect("it is allowed");
}

#[test]
fn the_last_addresses_of_an_account_are_known_again() {
    let mut market = market();
    let mut number = |digest: usize, of: AccountId, handle| {
        let command = number(of, digest as u128, handle);
        match market.execute(START, &command).expect("it is allowed") {
            Reply::Address(number) => number.0 as usize,
            other => panic!("{other:?}"),
        }
    };
    for n in 1..=ADDRESSES_MAX {
        assert_eq!(number(n, ANN, 1), n);
    }
    assert_eq!(number(1, ANN, 1), 1, "all are known");
    assert_eq!(number(ADDRESSES_MAX + 1, ANN, 1), ADDRESSES_MAX + 1);
    assert_eq!(number(2, ANN, 1), 2);
    assert_eq!(number(1, ANN, 1), ADDRESSES_MAX + 2, "the oldest made room");
    assert_eq!(number(1, OPERATORS, 2), 1, "each account has its own");
    market.prove().unwrap_or_else(|complaint| panic!("{complaint}"));
}

#[test]
fn a_head_with_an_address_that_has_no_number_is_noticed() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut market = market();
    market.execute(START, &number(ANN, 7, 1)).expect("it is allowed");
    let groups: Vec<_> =
        market.groups.iter().map(|(head, events)| (head.clone(), events.to_vec())).collect();
    let origin =
        |actor, address| Origin { address: Some(AddressNumber(address)), ..Origin::of(actor) };
    let is_refused = |origin| {
        let mut groups = groups.clone();
        let (account, name) = (AccountId(2), None);
        let opened = AccountEvent::AccountOpened { account, name, credit_limit: Micros::ZERO };
        groups.push((Head::new(START, origin), vec![Event::Account(opened)]));
        catch_unwind(AssertUnwindSafe(|| replay(&groups))).is_err()
    };
    let key = Actor::Key(KeyId(1));
    let found = [
        is_refused(origin(key, 1)),
        is_refused(origin(key, 2)),
        is_refused(origin(key, 0)),
        is_refused(origin(Actor::Key(KeyId(2)), 1)),
        is_refused(origin(Actor::System, 1)),
    ];
    let _ = std::panic::take_hook();
    assert_eq!(found, [false, true, true, true, true]);
}
