//! When purchases in doubt were made, as a start reads it from the ledger.

use nexnum::market::attempts::{AttemptTimes, Attempts};
use nexnum::market::folder;
use nexnum_engine::command::{
    ClearDoubt, Command, DoubtOrder, ListOffers, NameVariant, NextAttempt, RegisterProvider,
};
use nexnum_engine::event::{ProviderKind, Terms};
use nexnum_engine::ids::{OfferId, OrderId, ProviderId, VariantId};
use nexnum_engine::product::OfferKey;
use nexnum_engine::time::Time;

use super::opened;
use crate::rig::ledger::{self, Furniture};

const PROVIDER: ProviderId = ProviderId(1);

#[test]
fn a_start_knows_when_each_attempt_in_doubt_began_and_ended() {
    let temp = tempfile::tempdir().unwrap();
    folder::init(temp.path()).unwrap();
    let mut opened = opened(temp.path());
    let placed = ledger::order();
    // 1. A provider with two offers.
    let begun = opened.last_at;
    let after = |seconds: u64| begun.plus_ms(seconds * 1_000);
    let mut append = |at: Time, command: Command| {
        ledger::append(&mut opened, at, &command);
    };
    let Furniture { account, deposit, .. } = ledger::furniture(0);
    let second = VariantId(1);
    let of = |offer: u32| Terms { offer: OfferId(offer), ..placed.terms };
    append(begun, account.into());
    append(begun, deposit.into());
    let (name, kind) = ("driven".into(), ProviderKind::Driven);
    append(begun, RegisterProvider { name, kind }.into());
    append(begun, NameVariant::of_carrier("other".into()).into());
    let offers = [VariantId::ANY, second].map(|it| OfferKey::of(placed.product, it)).to_vec();
    append(begun, ListOffers { provider: PROVIDER, offers }.into());
    // 2. An order whose first purchase was given up, and whose second was under way when the
    // process ended; one that was in doubt.
    let order = |id| OrderId(id);
    append(after(10), placed.clone().into());
    append(after(12), DoubtOrder { order: order(1), attempt: 1, ended: None }.into());
    append(after(13), placed.clone().into());
    append(after(50), ClearDoubt { order: order(1), attempt: 1 }.into());
    let next = NextAttempt {
        order: order(1),
        refused: 1,
        terms: of(2),
        routing: placed.routing,
        ended: None,
        timings: placed.timings,
    };
    append(after(51), next.into());
    append(after(70), DoubtOrder { order: order(2), attempt: 1, ended: None }.into());
    drop(opened);
    // 3. What a start reads of it.
    let opened = super::opened(temp.path());
    let attempts = Attempts::of(&opened.reader, opened.engine.state());
    let times = |id, attempt| attempts.times(order(id), attempt);
    let known = |began, ended: Option<u64>| {
        Some(AttemptTimes { began: after(began), ended: ended.map(after) })
    };
    assert_eq!(times(1, 1), known(10, Some(12)));
    assert_eq!(times(1, 2), known(51, None));
    assert_eq!(times(2, 1), known(13, Some(70)));
    assert_eq!((times(2, 2), times(3, 1)), (None, None));
}
