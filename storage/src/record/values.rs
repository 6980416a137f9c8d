//! What events carry, much of which rows of state keep.

use nexnum_engine::activation::{Assignment, MessageParts, NumberPlace, SealedParts, StockNumber};
use nexnum_engine::book::Book;
use nexnum_engine::callback::{CallbackFailure, CallbackOutcome};
use nexnum_engine::event::{
    AccountName, Arrival, AttemptEnd, AttemptError, CatalogVersion, Charged, ClockJump, ClosedDay,
    Closing, Completion, DestroyReason, Epoch, ForeignAmount, LedgerTerms, Leg, Legs, LoadedNumber,
    MessageIdentity, MessageKind, MessageWay, MoveKind, MoveReason, Moved, OrderToken, OrphanEnd,
    Payment, Placement, ProviderKind, ProviderWord, Receipt, Renamed, Routing, Scope, ShownBy,
    SkipReason, SkippedAsk, SkippedAsks, Terms, UpstreamEnd,
};
use nexnum_engine::group::{ActingFor, Actor, Idempotency, KeyUse, Made};
use nexnum_engine::ids::{
    AccountId, AddressNumber, CallbackId, CountryId, KeyId, LoadId, MessageId, OfferId, OrderId,
    OrderNumber, PersonId, Product, ProductKind, ProviderId, RailId, Seq, ServiceId, SourceId,
    Token, VariantId,
};
use nexnum_engine::money::Micros;
use nexnum_engine::order::{FailReason, OrderNotes, OrderRef};
use nexnum_engine::pricing::Margin;
use nexnum_engine::product::{LineType, OfferKey, Variant};
use nexnum_engine::sealed::{KeyHandle, KeyOwner, SealedValue};
use nexnum_engine::time::Time;

use crate::wire::{RecordError, Wire, put_frame, take_bytes, take_frame};

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
    StockNumber { token, load, index }
    OrderNotes { reference, end_user }
    LoadedNumber { token, sealed }
    Renamed { old, new }
    OrderToken { order, new }
    Leg { book, amount }
    Moved { kind, reason, order, reverses, legs }
    ForeignAmount { amount, currency, rate }
    Payment { rail, amount, foreign, reference }
    AccountName { digest, sealed }
    SealedValue { handle, nonce, commitment, ciphertext }
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
    Book {
        1 Available(account), 2 Escrow(account), 3 Payable(provider), 4 WriteOffs(provider),
        5 Revenue, 6 Rail(rail), 7 Bonus(account), 8 EscrowBonus(account), 9 Hold(account),
        10 Prepaid(provider), 11 Receivable(provider), 12 Fees, 13 Adjustments,
        14 ExchangeDifferences, 15 OwnStockCost
    }
}
