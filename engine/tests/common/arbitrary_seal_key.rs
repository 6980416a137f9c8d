//! Arbitrary commands for the keys that values are sealed under.

use nexnum_engine::command::{Command, DestroySealKey, MakeSealKey};
use nexnum_engine::event::DestroyReason;
use nexnum_engine::ids::{AccountId, OfferId, OrderId, PersonId};
use nexnum_engine::sealed::{KeyHandle, KeyOwner};

use super::Rng;

/// A making or a destruction, of few handles and owners.
pub(super) fn command(rng: &mut Rng) -> Command {
    let handle = KeyHandle(rng.below(12).into());
    if rng.once_in(3) {
        use DestroyReason as Why;
        let reasons = [Why::Retention, Why::Erasure, Why::Lost, Why::Unused];
        return Command::DestroySealKey(DestroySealKey { handle, why: rng.pick(&reasons) });
    }
    let which = rng.below(2) as u32;
    let owner = match rng.below(7) {
        0 => KeyOwner::Day(which),
        1 => KeyOwner::Identity(AccountId(which)),
        2 => KeyOwner::Money(AccountId(which)),
        3 => KeyOwner::Person(PersonId(which)),
        4 => KeyOwner::Rental(OrderId(which.into())),
        5 => KeyOwner::Lookup(which),
        _ => KeyOwner::Load(OfferId(which)),
    };
    Command::MakeSealKey(MakeSealKey { handle, owner })
}
