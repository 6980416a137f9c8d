//! Arbitrary commands for the keys that values are sealed under, and for what is sealed of accounts.

use nexnum_engine::command::{Command, DestroySealKey, EndLoadKey, MakeSealKey, NumberAddress};
use nexnum_engine::event::{AccountName, DestroyReason};
use nexnum_engine::ids::{AccountId, OfferId, OrderId, PersonId};
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

use super::Rng;
use super::sealed::{self, load_key, sealed_under};

/// A making or a destruction, of few handles and owners, or an address of a caller.
pub(super) fn command(rng: &mut Rng, state: &State) -> Command {
    if rng.once_in(4) {
        return number_address(rng, state);
    }
    let mut handle = KeyHandle(rng.below(12).into());
    if rng.once_in(4) {
        let closed = state.orders().find_map(|order| order.closed_at).unwrap_or_default();
        let before = rng.pick(&[closed, Time(closed.0 + 1), Time(u64::MAX)]);
        return EndLoadKey { before }.into();
    }
    if rng.once_in(3) {
        // Those that numbers are loaded under, too.
        if rng.once_in(4) {
            handle = load_key(rng.pick(&[OfferId(1), OfferId(4)]));
        }
        use DestroyReason as Why;
        let reasons = [Why::Retention, Why::Erasure, Why::Lost, Why::Unused];
        return Command::DestroySealKey(DestroySealKey { handle, why: rng.pick(&reasons) });
    }
    let which = rng.below(2) as u32;
    let owner = match rng.below(7) {
        0 => KeyOwner::Day(which),
        // Accounts that are there, and those that are next.
        1 => KeyOwner::Identity(AccountId(rng.below(6) as u32)),
        2 => KeyOwner::Money(AccountId(which)),
        3 => KeyOwner::Person(PersonId(which)),
        4 => KeyOwner::Rental(OrderId(which.into())),
        5 => KeyOwner::Lookup(which),
        _ => KeyOwner::Load(rng.pick(&[OfferId(0), OfferId(1), OfferId(4)])),
    };
    Command::MakeSealKey(MakeSealKey { handle, owner })
}

/// A name for the next account, mostly under its own key where that is there.
pub(super) fn named(rng: &mut Rng, state: &State, name: &str) -> AccountName {
    let next = KeyOwner::Identity(AccountId(state.counters().account.0 + 1));
    let own = state.seal_keys().of(next).next().filter(|_| !rng.once_in(8));
    sealed::named(own.unwrap_or(KeyHandle(rng.below(12).into())), name)
}

/// An address, mostly sealed under its account's key, where that has one.
fn number_address(rng: &mut Rng, state: &State) -> Command {
    let account = AccountId(rng.below(3) as u32);
    let own = state.seal_keys().of(KeyOwner::Identity(account)).next();
    let handle = own.filter(|_| !rng.once_in(6)).unwrap_or(KeyHandle(rng.below(12).into()));
    let len = rng.pick(&[7, 9, 15, 45, 46]);
    NumberAddress { account, digest: rng.below(8).into(), sealed: sealed_under(handle, len) }.into()
}
