//! The keys that values are sealed under: which may be made, and which destroyed.

mod common;

use common::arbitrary::START;
use common::proof::Recorded;
use common::sealed::sealed_under;
use nexnum_engine::Engine;
use nexnum_engine::command::{Command, DestroySealKey, Effect, MakeSealKey, Reply};
use nexnum_engine::event::DestroyReason;
use nexnum_engine::group::{Groups, Head, Origin};
use nexnum_engine::ids::{AccountId, OfferId};
use nexnum_engine::sealed::{KeyHandle, KeyOwner};

#[test]
fn a_sealing_key_is_made_once_for_an_owner_that_has_none_and_destroyed_once() {
    let mut recorded = Recorded::default();
    let mut answer =
        |command: Command| recorded.execute(START, &command).map_err(|reject| reject.code());
    let make = |handle, owner| MakeSealKey { handle: KeyHandle(handle), owner }.into();
    let destroy = |handle| {
        let (handle, why) = (KeyHandle(handle), DestroyReason::Retention);
        Command::DestroySealKey(DestroySealKey { handle, why })
    };
    let (done, unchanged) = (Ok(Reply::Effect(Effect::Done)), Ok(Reply::Effect(Effect::Unchanged)));
    let (day, load) = (KeyOwner::Day(20_000), KeyOwner::Load(OfferId(1)));
    assert_eq!(answer(make(1, day)), done);
    assert_eq!(answer(make(1, day)), unchanged);
    assert_eq!(answer(make(1, load)), Err("out_of_order"), "the handle is given");
    assert_eq!(answer(make(2, day)), Err("out_of_order"), "the day has its key");
    assert_eq!([answer(make(2, load)), answer(make(3, load))], [done, done], "loads end apart");
    assert_eq!(
        [answer(destroy(1)), answer(destroy(1)), answer(destroy(9))],
        [done, unchanged, unchanged]
    );
    assert_eq!(answer(make(4, day)), done);
    recorded.prove().unwrap();
    let keys = recorded.state().seal_keys();
    assert_eq!(keys.iter().map(|(handle, _)| handle.0).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(keys.of(load).collect::<Vec<_>>(), [KeyHandle(2), KeyHandle(3)]);
    assert_eq!((keys.owner(KeyHandle(4)), keys.owner(KeyHandle(1))), (Some(day), None));
}

#[test]
fn a_reason_is_taken_only_as_long_as_its_key_lives_and_seals_reasons() {
    let (mut engine, mut groups) = (Engine::default(), Groups::new());
    let mut execute = |reason: Option<(u128, usize)>, command: Command| {
        let reason = reason.map(|(handle, len)| Box::new(sealed_under(KeyHandle(handle), len)));
        let head = Head::new(START, Origin { reason, ..Origin::SYSTEM });
        engine.execute(head, &command, &mut groups).map_err(|reject| reject.code())
    };
    let make = |handle, owner| MakeSealKey { handle: KeyHandle(handle), owner }.into();
    let owners = [
        (1, KeyOwner::Day(20_000)),
        (2, KeyOwner::Identity(AccountId(1))),
        (3, KeyOwner::Money(AccountId(1))),
        (4, KeyOwner::Lookup(227)),
    ];
    for (handle, owner) in owners {
        execute(None, make(handle, owner)).expect("it has no key");
    }
    let refused = ["unknown_sealing_key"; 3];
    let found = [9, 3, 4].map(|handle| execute(Some((handle, 5)), make(5, KeyOwner::Day(1))));
    assert_eq!(found, refused.map(Err));
    let long = execute(Some((1, 2_001)), make(5, KeyOwner::Day(1)));
    assert_eq!(long, Err("invalid_field"));
    for (handle, key) in [(1, 5), (2, 6)] {
        let made = execute(Some((handle, 2_000)), make(key, KeyOwner::Day(key as u32)));
        assert_eq!(made, Ok(Reply::Effect(Effect::Done)));
    }
    let reasons = groups.iter().filter(|(head, _)| head.origin.reason.is_some());
    assert_eq!(reasons.count(), 2);
}
