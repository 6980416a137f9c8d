//! How an event and a row of state are written in bytes. This is the ledger's format:
//! what is written once must be readable for ever, so tags and field orders only grow.
//!
//! An enum is its tag, and a frame of what its variant holds; a struct is a frame of its fields;
//! frames and values are those of `wire`.

use nexnum_engine::activation::{
    ActivationState, Assignment, Message, MessageParts, NumberPlace, SealedParts, StockNumber,
};
use nexnum_engine::addresses::AccountAddresses;
use nexnum_engine::book::Book;
use nexnum_engine::callback::{Callback, CallbackFailure, CallbackOutcome};
use nexnum_engine::event::{
    AccountEvent, AccountName, Arrival, AttemptEnd, AttemptError, CallbackEvent, CatalogVersion,
    Charged, ClockJump, ClosedDay, Closing, Completion, DestroyReason, Epoch, Event, ForeignAmount,
    LedgerEvent, LedgerTerms, Leg, Legs, LoadedNumber, MemoryEvent, MessageIdentity, MessageKind,
    MessageWay, MoneyEvent, MoveKind, MoveReason, Moved, OfferEvent, OrderEvent, OrderToken,
    OrphanEnd, Payment, Placement, ProviderKind, ProviderWord, Receipt, Renamed, Routing, Scope,
    SealKeyEvent, ShownBy, SkipReason, SkippedAsk, SkippedAsks, Terms, UpstreamEnd, UpstreamEvent,
};
use nexnum_engine::group::{ActingFor, Actor, Idempotency, KeyUse, Made};
use nexnum_engine::ids::{
    AccountId, AddressNumber, CallbackId, CountryId, KeyId, LoadId, MessageId, OfferId, OrderId,
    OrderNumber, PersonId, Product, ProductKind, ProviderId, RailId, Seq, ServiceId, SourceId,
    Token, VariantId,
};
use nexnum_engine::loads::LoadPlace;
use nexnum_engine::money::Micros;
use nexnum_engine::order::{FailReason, Held, Order, OrderNotes, OrderRef, OrderStatus, Outlay};
use nexnum_engine::pricing::Margin;
use nexnum_engine::product::{LineType, OfferKey, Variant};
use nexnum_engine::replies::{ShortReply, StoredReply};
use nexnum_engine::sealed::{KeyHandle, KeyOwner, SealedValue};
use nexnum_engine::snapshot::Row;
use nexnum_engine::state::{
    Account, Counters, GivenUp, Key, NamedPurchase, Offer, Orphan, Paid, PaidTo, Provider,
    Quarantined, Seen, StockTerms, WriteOff,
};
use nexnum_engine::time::Time;

pub use crate::wire::RecordError;
use crate::wire::{Wire, put_frame, take_bytes, take_frame};

/// An event as bytes, appended to `out`.
pub fn encode_event(event: &Event, out: &mut Vec<u8>) {
    event.put(out);
}

/// Takes an event from the beginning of the bytes.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_event(input: &mut &[u8]) -> Result<Event, RecordError> {
    Event::take(input)
}

/// One row of state as bytes, appended to `out`.
pub fn encode_row(row: &Row, out: &mut Vec<u8>) {
    row.put(out);
}

/// Rows of state from bytes that hold nothing else; ends after the first error.
pub fn decode_rows(bytes: &[u8]) -> impl Iterator<Item = Result<Row, RecordError>> + '_ {
    let mut input = bytes;
    std::iter::from_fn(move || {
        if input.is_empty() {
            return None;
        }
        let row = Row::take(&mut input);
        if row.is_err() {
            input = &[];
        }
        Some(row)
    })
}

/// An order as bytes, for its row in history.
#[must_use]
pub fn encode_order(order: &Order) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    order.put(&mut out);
    out
}

/// An order from its row in history.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_order(bytes: &[u8]) -> Result<Order, RecordError> {
    decode(bytes)
}

/// What moved in a customer's wallet, for its row in history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalletRow {
    /// Why.
    pub kind: MoveKind,
    /// What it added to the wallet; negative took away.
    pub amount: Micros,
    /// For which order, where there is one.
    pub order: Option<OrderId>,
    /// When.
    pub at: Time,
}

/// A wallet's row as bytes.
#[must_use]
pub fn encode_wallet_row(row: &WalletRow) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    row.put(&mut out);
    out
}

/// A wallet's row from its bytes.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_wallet_row(bytes: &[u8]) -> Result<WalletRow, RecordError> {
    decode(bytes)
}

fn decode<T: Wire>(bytes: &[u8]) -> Result<T, RecordError> {
    let mut input = bytes;
    let value = T::take(&mut input)?;
    if input.is_empty() { Ok(value) } else { Err(RecordError::Trailing) }
}

/// Newtypes are what they wrap.
macro_rules! newtypes {
    ($($name:ident),*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
                Wire::take(input).map($name)
            }
        }
    )*};
}

/// Structs are a frame of their fields in this order; new ones go to the end.
macro_rules! structs {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                put_frame(out, |out| { $($field.put(out);)* });
            }

            fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
                take_frame(input, |frame| {
                    $(let $field = Wire::take(frame)?;)*
                    Ok(Self { $($field),* })
                })
            }
        }
    )*};
}

/// What is made of the fields of a frame, or of nothing.
macro_rules! taken {
    ($input:ident, $made:expr) => {
        Ok($made)
    };
    ($input:ident, $made:expr, $($item:ident),+) => {
        take_frame($input, |frame| {
            $(let $item = Wire::take(frame)?;)+
            Ok($made($($item),+))
        })
    };
}

/// Enums are a tag, and a frame of what the variant holds; tags are never used again.
macro_rules! enums {
    ($($name:ident { $($tag:literal $variant:ident $(( $($item:ident),* ))?),* $(,)? })*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self {$(
                    Self::$variant $(( $($item),* ))? => {
                        out.push($tag);
                        $(put_frame(out, |out| { $($item.put(out);)* });)?
                    }
                )*}
            }

            fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
                match take_bytes(input, 1)?[0] {
                    $($tag => taken!(input, Self::$variant $(, $($item),*)?),)*
                    _ => Err(RecordError::NewerTag),
                }
            }
        }
    )*};
}

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

newtypes!(
    AccountId,
    AddressNumber,
    CallbackId,
    CountryId,
    KeyId,
    LoadId,
    MessageId,
    Micros,
    OfferId,
    VariantId,
    SourceId,
    OrderId,
    OrderNumber,
    PersonId,
    ProviderId,
    RailId,
    Seq,
    ServiceId,
    Time,
    KeyHandle
);

/// Of a fixed width: its bits are spread over all of it.
impl Wire for Token {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.0.to_le_bytes());
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        Ok(Self(u64::from_le_bytes(Wire::take(input)?)))
    }
}

/// As a list.
impl Wire for SkippedAsks {
    fn put(&self, out: &mut Vec<u8>) {
        (self.iter().count() as u64).put(out);
        self.iter().for_each(|ask| ask.put(out));
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        let mut skipped = Self::default();
        for ask in <Vec<SkippedAsk> as Wire>::take(input)? {
            // A newer program may keep more of them.
            if !skipped.push(ask) {
                return Err(RecordError::NewerField);
            }
        }
        Ok(skipped)
    }
}

/// As a list.
impl Wire for Legs {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        self.iter().for_each(|leg| leg.put(out));
    }

    fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
        let mut legs = Self::default();
        for Leg { book, amount } in <Vec<Leg> as Wire>::take(input)? {
            // A newer program's movements may have more of them.
            if !legs.push(book, amount) {
                return Err(RecordError::NewerField);
            }
        }
        Ok(legs)
    }
}

structs! {
    Product { country, service, kind }
    OfferKey { product, variant, source, step }
    Variant { carrier, line, area }
    LedgerTerms { currency, permutation, index_check }
    CatalogVersion { countries, services, hash }
    Epoch { epoch, node, program, rules, catalog }
    ClockJump { from, to }
    ClosedDay { day, root, rows }
    Terms { offer, provider, price, cost }
    Idempotency { key, fingerprint }
    KeyUse { account, used, made }
    OrderRef { id, account, line, attempt, assignment }
    SkippedAsk { offer, reason }
    Routing { document, turn, skipped, margin }
    Margin { share_ppm, floor }
    AttemptEnd { error, word }
    Charged { amount, currency, rate }
    Placement {
        order, number, product, variant, limit, terms, deadline, assignment, max_price, routing,
        notes
    }
    Arrival { way, kind, identity, names_service }
    MessageParts { sender, text, code }
    SealedParts { has, sealed }
    Receipt { order, message, digest, said, late, delivers, arrival }
    Completion { order, message, said }
    Assignment { token, place, external_id, cancel_from, expires_at }
    StockNumber { token, load, index } LoadPlace { at, key, for_sale }
    OrderNotes { reference, end_user }
    LoadedNumber { token, sealed }
    Renamed { old, new } OrderToken { order, new }
    Leg { book, amount }
    Moved { kind, reason, order, reverses, legs }
    ForeignAmount { amount, currency, rate }
    Payment { rail, amount, foreign, reference }
    Paid { to, amount, foreign }
    Held { paid, bonus }
    Outlay { amount, moved }
    Message { id, digest, said, received_at, late, shown }
    Order {
        id, account, number, product, variant, limit, price, cost, held, outlay, offer, provider,
        attempt, in_doubt, placed_at, deadline, status, state, awaits_another, assignment, messages,
        closed_at, notes
    }
    Counters { seq, account, key, provider, variant, order, message, load, rail }
    AccountName { digest, sealed }
    Account { name, credit_limit, opened_at, orders }
    Key { account, scope, hash, prefix, revoked }
    Provider { name, kind }
    Offer { provider, product, variant, source, step }
    StockTerms { cost, price }
    StoredReply { at, seq, key_use }
    ShortReply { at, seq, bits }
    GivenUp { at, order, attempt, provider, product, placed_at }
    Quarantined { until, offer, number }
    Seen { last, digests }
    Callback { provider, received_at, content_type, sealed, failure }
    WriteOff { provider, amount, reason, moved, reversed }
    Orphan { order, attempt, from, cost }
    NamedPurchase { provider, external_id, cost, is_orphan }
    WalletRow { kind, amount, order, at }
    SealedValue { handle, nonce, commitment, ciphertext }
    AccountAddresses { last, known }
}

enums! {
    Actor { 1 System, 2 Key(id), 3 Person(id), 4 Worker(provider) }
    Made { 1 Order(order) }
    NumberPlace { 1 Here(sealed), 2 Load(load, index) }
    ActingFor { 1 Account(id), 2 Parent(id), 3 Plan(person) }
    Scope { 1 Trade, 2 Admin }
    ProviderKind { 1 Own, 2 Driven }
    ProductKind { 1 Activation }
    LineType { 1 Mobile, 2 Voip, 3 Landline }
    Closing { 1 Completed, 2 Cancelled, 3 TimedOut }
    SkipReason {
        1 OtherVariant, 2 Tried, 3 Closed, 4 OutOfStock, 5 AboveLimit, 6 CannotPay, 7 Busy, 8 PriceMoved
    }
    AttemptError {
        1 NoNumbers, 2 NoBalance, 3 BadKey, 4 BadService, 5 BadCountry, 6 PriceTooLow, 7 Banned,
        8 WrongCurrency, 9 RateLimited, 10 Temporary, 11 Unsupported, 12 Unmapped, 13 Other,
        14 NotSent, 15 UnfitNumber, 16 NoNumberYet, 17 NoAnswer, 18 Failed
    }
    MessageWay { 1 Callback, 2 Status, 3 List }
    ShownBy { 1 Poll, 2 Webhook, 3 Stream, 4 Session }
    MessageKind { 1 Sms, 2 Voice, 3 FlashCall }
    MessageIdentity { 1 SourceId, 2 TextWithCode, 3 Text }
    FailReason { 1 NoNumbers, 2 InDoubt }
    CallbackOutcome { 1 Accepted, 2 Duplicate, 3 Failed(failure), 4 Discarded }
    CallbackFailure {
        1 Unreadable, 2 InvalidField, 3 InvalidNumber, 4 UnknownService, 5 UnknownNumber,
        6 Ambiguous, 7 TooManyMessages, 8 InvalidSignature, 9 ExpiredToken,
        10 OtherService
    }
    UpstreamEnd { 1 GivenBack, 2 Charged, 3 Unknown }
    OrphanEnd { 1 GivenBack, 2 Stayed, 3 Gone }
    ProviderWord { 1 Cancelled, 2 Expired, 3 Finished, 4 Missing }
    MoveKind {
        1 Deposit, 2 Spend, 3 Refund, 4 Capture, 5 WriteOff, 6 Recovery, 7 Charge, 8 Return,
        9 ProviderPayment
    }
    MoveReason {
        1 NextAttempt, 2 NoNumbers, 3 InDoubt, 4 Cancelled, 5 TimedOut, 6 LateMessage,
        7 FinishedEmpty, 8 Stayed
    }
    KeyOwner {
        1 Day(day), 2 Identity(account), 3 Money(account), 4 Person(person), 5 Load(offer),
        6 Rental(order), 7 Lookup(day)
    }
    DestroyReason { 1 Retention, 2 Erasure, 3 Lost, 4 Unused }
    PaidTo { 1 Account(id), 2 Provider(id) }
    OrderStatus { 1 Escrow, 2 Delivered, 3 Refunded }
    ActivationState {
        1 Init, 2 Active, 3 Received, 4 Completed, 5 Cancelled, 6 TimedOut, 7 Failed
    }
    Book {
        1 Available(account), 2 Escrow(account), 3 Payable(provider), 4 WriteOffs(provider),
        5 Revenue, 6 Rail(rail), 7 Bonus(account), 8 EscrowBonus(account), 9 Hold(account),
        10 Prepaid(provider), 11 Receivable(provider), 12 Fees, 13 Adjustments,
        14 ExchangeDifferences, 15 OwnStockCost
    }
    Row {
        1 Counters(counters),
        2 Account(id, account),
        3 Book(book, amount),
        4 Key(id, key),
        5 Payment(rail, reference, paid),
        6 Provider(id, provider),
        7 Variant(id, parts),
        8 Offer(offer),
        9 Pool(id, terms, numbers),
        10 Order(order),
        11 Reply(reply),
        12 GivenUp(given_up),
        14 Quarantined(resting),
        15 Seen(provider, number, seen),
        16 Callback(id, callback),
        17 Callbacks(last, dropped, recent),
        18 WrittenOff(id, attempt, written),
        19 Orphan(provider, external_id, orphan),
        20 EndedUpstream(id),
        21 EndedByProvider(id, word),
        22 Named(id, attempt, named),
        23 Ledger(terms),
        24 Epoch(epoch),
        25 SealKey(handle, owner),
        26 Rail(id, name),
        27 Load(id, place), 31 LoadKey(handle, last),
        28 ClosedDay(closed),
        29 Addresses(account, addresses), 30 ShortReply(reply),
    }
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
    15 Order(OrderEvent::MessageReceived)(receipt), 16 Order(OrderEvent::AnotherRequested) { order },
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
