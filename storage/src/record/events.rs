//! The one table of events: their tags and fields.

use nexnum_engine::event::{
    AccountEvent, CallbackEvent, Event, LedgerEvent, MemoryEvent, MoneyEvent, OfferEvent,
    OrderEvent, SealKeyEvent, UpstreamEvent,
};

use crate::wire::{RecordError, Wire, put_frame, take_bytes, take_frame};

/// Events have one flat table of tags, whatever their subjects are. Each is a tag and a frame;
/// one that is a struct has that struct's.
macro_rules! events {
    ($($tag:literal $subject:ident($of:ident::$variant:ident)
        $({ $($field:ident),* })? $(($item:ident))?),* $(,)?) => {
        impl Wire for Event {
            fn put(&self, out: &mut Vec<u8>) {
                match self {$(
                    Self::$subject($of::$variant $({ $($field),* })? $(($item))?) => {
                        out.push($tag);
                        $(put_frame(out, |out| { $($field.put(out);)* });)?
                        $($item.put(out);)?
                    }
                )*}
            }

            fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
                match take_bytes(input, 1)?[0] {
                    $($tag => {
                        $(take_frame(input, |frame| {
                            $(let $field = Wire::take(frame)?;)*
                            Ok(Self::$subject($of::$variant { $($field),* }))
                        }))?
                        $(Wire::take(input).map(|$item| Self::$subject($of::$variant($item))))?
                    })*
                    _ => Err(RecordError::NewerTag),
                }
            }
        }
    };
}

events! {
    1 Account(AccountEvent::AccountOpened) { account, name, credit_limit },
    2 Account(AccountEvent::KeyIssued) { key, account, scope, hash, prefix },
    3 Account(AccountEvent::KeyRevoked) { key },
    5 Offer(OfferEvent::ProviderRegistered) { provider, name, kind },
    6 Offer(OfferEvent::VariantNamed) { variant, parts },
    7 Offer(OfferEvent::OffersListed) { provider, first, offers },
    9 Offer(OfferEvent::StockLoaded) { load, offer, cost, price, numbers },
    10 Order(OrderEvent::OrderPlaced)(placement),
    11 Order(OrderEvent::AttemptStarted) { order, terms, routing, ended },
    12 Order(OrderEvent::OrderDoubted) { order, ended },
    13 Order(OrderEvent::NumberAssigned) { order, assignment, cost, charged, carrier },
    14 Order(OrderEvent::OrderFailed) { order, reason, provider, ended },
    15 Order(OrderEvent::MessageReceived)(receipt),
    16 Order(OrderEvent::AnotherRequested) { order },
    17 Order(OrderEvent::ActivationClosed) { order, closing },
    18 Memory(MemoryEvent::Retired) { orders_before, replies_before, short_before },
    19 Order(OrderEvent::DoubtCleared) { order },
    20 Order(OrderEvent::NumberQuarantined) { order, until },
    21 Offer(OfferEvent::NumberReleased) { offer, number, until },
    23 Offer(OfferEvent::NumberHeldBack) { offer, number, rested, until },
    60 Offer(OfferEvent::StockTakenBack) { load, offer, in_stock, resting },
    24 Memory(MemoryEvent::MessagesRemembered) { order },
    25 Callback(CallbackEvent::CallbackReceived) { callback, provider, key, content_type, sealed },
    26 Callback(CallbackEvent::CallbackProcessed) { callback, outcome, dropped },
    29 Upstream(UpstreamEvent::OrphanFound) { order, provider, external_id, from, cost },
    30 Upstream(UpstreamEvent::OrphanSettled) { order, provider, external_id, end },
    31 Upstream(UpstreamEvent::EndedUpstream) { order, end },
    32 Upstream(UpstreamEvent::EndedByProvider) { order, word },
    33 Order(OrderEvent::MessageCompleted)(completion),
    43 Order(OrderEvent::MessageShown) { order, message, by, key },
    35 Ledger(LedgerEvent::LedgerOpened)(terms),
    36 Ledger(LedgerEvent::EpochBegan)(epoch),
    115 Ledger(LedgerEvent::ClockStepped)(jump),
    116 Ledger(LedgerEvent::ClockAccepted)(jump),
    117 Ledger(LedgerEvent::DayClosed)(closed),
    118 Account(AccountEvent::AddressSeen) { account, address, digest, sealed },
    112 SealKey(SealKeyEvent::KeyMade) { handle, owner },
    113 SealKey(SealKeyEvent::KeyDestroyed) { handle, why },
    114 SealKey(SealKeyEvent::Retokened) { stock, orders },
    37 Money(MoneyEvent::RailNamed) { rail, name },
    38 Money(MoneyEvent::Deposited) { account, payment, sealed },
    39 Money(MoneyEvent::ProviderPaid) { provider, payment, text },
    40 Money(MoneyEvent::Moved)(moved),
    34 Upstream(UpstreamEvent::PurchaseNamed) { order, provider, external_id, cost },
}
