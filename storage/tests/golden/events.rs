//! Every variant of an event, with every variant of what it carries.

use nexnum_engine::callback::{CallbackFailure, CallbackOutcome};
use nexnum_engine::event::{
    AccountEvent, Arrival, AttemptEnd, AttemptError, CallbackEvent, Charged, ClockJump, Closing,
    Completion, DestroyReason, Event, LedgerEvent, MemoryEvent, MessageIdentity as By,
    MessageKind as Kind, MessageWay as Way, OfferEvent, OrderEvent, OrderToken, OrphanEnd,
    Placement, ProviderKind, ProviderWord, Receipt, Renamed, Routing, Scope, SealKeyEvent, ShownBy,
    SkipReason, SkippedAsk, SkippedAsks, UpstreamEnd, UpstreamEvent,
};
use nexnum_engine::ids::{
    AccountId, AddressNumber, CallbackId, KeyId, LoadId, MessageId, OfferId, PersonId, ProviderId,
    SourceId, Token, VariantId,
};
use nexnum_engine::money::Micros;
use nexnum_engine::order::FailReason;
use nexnum_engine::pricing::Margin;
use nexnum_engine::product::{LineType, OfferKey, Variant};
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use nexnum_engine::time::Time;

use crate::money::of_money;
use crate::values::{
    ACCOUNT, DIGEST, LEDGER, NOW, NUMBER, ORDER, PRODUCT, REFERENCE, TERMS, TOKEN, account_name,
    assignment, closed_day, epoch, loaded, notes, said, sealed,
};

pub(crate) fn events() -> Vec<(&'static str, Event)> {
    let retired =
        MemoryEvent::Retired { orders_before: NOW, replies_before: Time(0), short_before: Time(1) };
    let accounts = of_accounts().into_iter().map(|(name, event)| (name, Event::Account(event)));
    let offers = of_offers().into_iter().map(|(name, event)| (name, Event::Offer(event)));
    let orders = [of_orders(), of_errors(), of_activations()]
        .concat()
        .into_iter()
        .map(|(name, event)| (name, Event::Order(event)));
    let heard = MemoryEvent::MessagesRemembered { order: ORDER };
    let memory = [("Retired", retired), ("MessagesRemembered", heard)];
    let memory = memory.into_iter().map(|(name, event)| (name, Event::Memory(event)));
    let upstream = of_upstream().into_iter().map(|(name, event)| (name, Event::Upstream(event)));
    let callbacks = of_callbacks().into_iter().map(|(name, event)| (name, Event::Callback(event)));
    let ledger = of_ledger().into_iter().map(|(name, event)| (name, Event::Ledger(event)));
    let events = accounts.chain(offers).chain(memory).chain(orders).chain(callbacks);
    let keys = of_seal_keys().into_iter().map(|(name, event)| (name, Event::SealKey(event)));
    let money = of_money().into_iter().map(|(name, event)| (name, Event::Money(event)));
    events.chain(upstream).chain(ledger).chain(keys).chain(money).collect()
}

fn of_seal_keys() -> Vec<(&'static str, SealKeyEvent)> {
    let handle = KeyHandle(DIGEST);
    let made = |owner| SealKeyEvent::KeyMade { handle, owner };
    let destroyed = |why| SealKeyEvent::KeyDestroyed { handle, why };
    vec![
        ("KeyMade Day", made(KeyOwner::Day(20_000))),
        ("KeyMade Identity", made(KeyOwner::Identity(ACCOUNT))),
        ("KeyMade Money", made(KeyOwner::Money(ACCOUNT))),
        ("KeyMade Person", made(KeyOwner::Person(PersonId(u32::MAX)))),
        ("KeyMade Load", made(KeyOwner::Load(OfferId(7)))),
        ("KeyMade Rental", made(KeyOwner::Rental(ORDER))),
        ("KeyMade Lookup", made(KeyOwner::Lookup(20_000))),
        ("KeyDestroyed Retention", destroyed(DestroyReason::Retention)),
        ("KeyDestroyed Erasure", destroyed(DestroyReason::Erasure)),
        ("KeyDestroyed Lost", destroyed(DestroyReason::Lost)),
        ("KeyDestroyed Unused", destroyed(DestroyReason::Unused)),
        ("Retokened", retokened()),
    ]
}

fn retokened() -> SealKeyEvent {
    let stock = vec![
        Renamed { old: Token(20_001), new: Token(u64::MAX) },
        Renamed { old: Token(u64::MAX - 1), new: Token(0) },
    ];
    SealKeyEvent::Retokened { stock, orders: vec![OrderToken { order: ORDER, new: Token(30_001) }] }
}

fn of_ledger() -> [(&'static str, LedgerEvent); 5] {
    let jump = ClockJump { from: NOW, to: Time(NOW.0 + 3_600_000) };
    [
        ("LedgerOpened", LedgerEvent::LedgerOpened(LEDGER)),
        ("EpochBegan", LedgerEvent::EpochBegan(epoch())),
        ("ClockStepped", LedgerEvent::ClockStepped(jump)),
        ("ClockAccepted", LedgerEvent::ClockAccepted(jump)),
        ("DayClosed", LedgerEvent::DayClosed(closed_day())),
    ]
}

fn of_callbacks() -> Vec<(&'static str, CallbackEvent)> {
    let callback = CallbackId(300);
    let processed =
        |outcome, dropped| CallbackEvent::CallbackProcessed { callback, outcome, dropped };
    let failed = |failure| processed(CallbackOutcome::Failed(failure), 2);
    vec![
        (
            "CallbackReceived",
            CallbackEvent::CallbackReceived {
                callback,
                provider: ProviderId(2),
                key: DIGEST,
                content_type: "text/plain".into(),
                sealed: sealed(&[0, 0x7f, 0xff]),
            },
        ),
        ("CallbackProcessed Accepted", processed(CallbackOutcome::Accepted, 0)),
        ("CallbackProcessed Duplicate", processed(CallbackOutcome::Duplicate, 0)),
        ("CallbackProcessed Discarded", processed(CallbackOutcome::Discarded, 0)),
        ("CallbackProcessed Unreadable", failed(CallbackFailure::Unreadable)),
        ("CallbackProcessed InvalidField", failed(CallbackFailure::InvalidField)),
        ("CallbackProcessed InvalidNumber", failed(CallbackFailure::InvalidNumber)),
        ("CallbackProcessed UnknownService", failed(CallbackFailure::UnknownService)),
        ("CallbackProcessed UnknownNumber", failed(CallbackFailure::UnknownNumber)),
        ("CallbackProcessed Ambiguous", failed(CallbackFailure::Ambiguous)),
        ("CallbackProcessed TooManyMessages", failed(CallbackFailure::TooManyMessages)),
        ("CallbackProcessed InvalidSignature", failed(CallbackFailure::InvalidSignature)),
        ("CallbackProcessed ExpiredToken", failed(CallbackFailure::ExpiredToken)),
        ("CallbackProcessed OtherService", failed(CallbackFailure::OtherService)),
    ]
}

fn of_accounts() -> Vec<(&'static str, AccountEvent)> {
    let key = |account, scope| AccountEvent::KeyIssued {
        key: KeyId(1),
        account: AccountId(account),
        scope,
        hash: [0xab; 32],
        prefix: "nx_live_".into(),
    };
    let opened = |name| {
        let credit_limit = Micros(i64::MAX);
        AccountEvent::AccountOpened { account: ACCOUNT, name, credit_limit }
    };
    vec![
        ("AccountOpened", opened(Some(account_name()))),
        ("AccountOpened bare", opened(None)),
        ("KeyIssued Trade", key(3, Scope::Trade)),
        ("KeyIssued Admin", key(0, Scope::Admin)),
        ("KeyRevoked", AccountEvent::KeyRevoked { key: KeyId(u32::MAX) }),
        (
            "AddressSeen",
            AccountEvent::AddressSeen {
                account: ACCOUNT,
                address: AddressNumber(300),
                digest: DIGEST,
                sealed: sealed(b"203.0.113.9"),
            },
        ),
    ]
}

fn of_offers() -> Vec<(&'static str, OfferEvent)> {
    let register = |kind| OfferEvent::ProviderRegistered {
        provider: ProviderId(2),
        name: "sims".into(),
        kind,
    };
    let line = |line| OfferEvent::VariantNamed {
        variant: VariantId(4),
        parts: Variant { carrier: None, line: Some(line), area: Some("212".into()) },
    };
    let (provider, offer) = (ProviderId(2), OfferId(7));
    vec![
        ("ProviderRegistered Own", register(ProviderKind::Own)),
        ("ProviderRegistered Driven", register(ProviderKind::Driven)),
        (
            "VariantNamed of a carrier",
            OfferEvent::VariantNamed {
                variant: VariantId(u16::MAX),
                parts: Variant::of_carrier("telkomsel".into()),
            },
        ),
        ("VariantNamed Mobile", line(LineType::Mobile)),
        ("VariantNamed Voip", line(LineType::Voip)),
        ("VariantNamed Landline", line(LineType::Landline)),
        (
            "OffersListed",
            OfferEvent::OffersListed {
                provider,
                first: offer,
                offers: vec![
                    OfferKey::of(PRODUCT, VariantId::ANY),
                    OfferKey {
                        source: SourceId(3),
                        step: 2,
                        ..OfferKey::of(PRODUCT, VariantId(4))
                    },
                ],
            },
        ),
        (
            "StockLoaded",
            OfferEvent::StockLoaded {
                load: LoadId(3),
                offer,
                cost: Micros(1),
                price: Micros(64),
                numbers: vec![loaded(TOKEN), loaded(Token(u64::MAX))],
            },
        ),
        ("NumberReleased", OfferEvent::NumberReleased { offer, number: TOKEN, until: NOW }),
        (
            "NumberHeldBack",
            OfferEvent::NumberHeldBack { offer, number: TOKEN, rested: None, until: NOW },
        ),
        (
            "NumberHeldBack Rested",
            OfferEvent::NumberHeldBack { offer, number: TOKEN, rested: Some(Time(1)), until: NOW },
        ),
        (
            "StockTakenBack",
            OfferEvent::StockTakenBack { load: LoadId(3), offer, in_stock: 300, resting: 2 },
        ),
    ]
}

const SKIPS: [SkipReason; 8] = [
    SkipReason::OtherVariant,
    SkipReason::Tried,
    SkipReason::Closed,
    SkipReason::OutOfStock,
    SkipReason::AboveLimit,
    SkipReason::CannotPay,
    SkipReason::Busy,
    SkipReason::PriceMoved,
];

/// An order in doubt for each error.
fn of_errors() -> Vec<(&'static str, OrderEvent)> {
    let doubted = |(name, error)| {
        let ended = Some(AttemptEnd { error, word: "".into() });
        (name, OrderEvent::OrderDoubted { order: REFERENCE, ended })
    };
    ERRORS.into_iter().map(doubted).collect()
}

const ERRORS: [(&str, AttemptError); 18] = [
    ("OrderDoubted NoNumbers", AttemptError::NoNumbers),
    ("OrderDoubted NoBalance", AttemptError::NoBalance),
    ("OrderDoubted BadKey", AttemptError::BadKey),
    ("OrderDoubted BadService", AttemptError::BadService),
    ("OrderDoubted BadCountry", AttemptError::BadCountry),
    ("OrderDoubted PriceTooLow", AttemptError::PriceTooLow),
    ("OrderDoubted Banned", AttemptError::Banned),
    ("OrderDoubted WrongCurrency", AttemptError::WrongCurrency),
    ("OrderDoubted RateLimited", AttemptError::RateLimited),
    ("OrderDoubted Temporary", AttemptError::Temporary),
    ("OrderDoubted Unsupported", AttemptError::Unsupported),
    ("OrderDoubted Unmapped", AttemptError::Unmapped),
    ("OrderDoubted Other", AttemptError::Other),
    ("OrderDoubted NotSent", AttemptError::NotSent),
    ("OrderDoubted UnfitNumber", AttemptError::UnfitNumber),
    ("OrderDoubted NoNumberYet", AttemptError::NoNumberYet),
    ("OrderDoubted NoAnswer", AttemptError::NoAnswer),
    ("OrderDoubted Failed", AttemptError::Failed),
];

fn of_orders() -> Vec<(&'static str, OrderEvent)> {
    let mut skipped = SkippedAsks::default();
    for (offer, reason) in (1..).zip(SKIPS) {
        assert!(skipped.push(SkippedAsk { offer: OfferId(offer), reason }));
    }
    let margin = Some(Margin { share_ppm: 200_000, floor: Micros(10_000) });
    let routing = Routing { document: Some(u64::MAX), turn: Some(300), skipped, margin };
    let place = |assignment, routing, noted: bool| {
        OrderEvent::OrderPlaced(Placement {
            order: REFERENCE,
            number: NUMBER,
            product: PRODUCT,
            variant: VariantId::ANY,
            limit: Micros(600_000),
            terms: TERMS,
            deadline: NOW,
            assignment,
            max_price: Some(Micros(600_000)),
            routing,
            notes: noted.then(|| Box::new(notes())),
        })
    };
    let end = |error| Some(AttemptEnd { error, word: "NO_NUMBERS".into() });
    let fail = |reason| OrderEvent::OrderFailed {
        order: REFERENCE,
        reason,
        provider: ProviderId(2),
        ended: end(AttemptError::NoNumbers),
    };
    vec![
        ("OrderPlaced", place(None, routing, false)),
        ("OrderPlaced Own", place(Some(assignment()), Routing::default(), false)),
        ("OrderPlaced Noted", place(None, Routing::default(), true)),
        (
            "AttemptStarted",
            OrderEvent::AttemptStarted { order: REFERENCE, terms: TERMS, routing, ended: None },
        ),
        ("OrderDoubted", OrderEvent::OrderDoubted { order: REFERENCE, ended: None }),
        ("DoubtCleared", OrderEvent::DoubtCleared { order: REFERENCE }),
        (
            "NumberAssigned",
            OrderEvent::NumberAssigned {
                order: REFERENCE,
                assignment: assignment(),
                cost: Micros(127),
                charged: Some(Charged {
                    amount: Micros(12_500_000),
                    currency: Some(*b"RUB"),
                    rate: Some("0.0105".into()),
                }),
                carrier: Some("telkomsel".into()),
            },
        ),
        ("OrderFailed NoNumbers", fail(FailReason::NoNumbers)),
        ("OrderFailed InDoubt", fail(FailReason::InDoubt)),
    ]
}

fn of_activations() -> Vec<(&'static str, OrderEvent)> {
    let receive = |late, delivers, way, kind, identity| {
        OrderEvent::MessageReceived(Receipt {
            order: REFERENCE,
            message: MessageId(5),
            digest: DIGEST,
            said: said(true),
            late,
            delivers,
            arrival: Arrival { way, kind, identity, names_service: !late },
        })
    };
    let show =
        |by, key| OrderEvent::MessageShown { order: REFERENCE, message: MessageId(5), by, key };
    let close = |closing| OrderEvent::ActivationClosed { order: REFERENCE, closing };
    vec![
        ("MessageReceived", receive(false, true, Way::Callback, Kind::Sms, By::SourceId)),
        ("MessageReceived late", receive(true, false, Way::Status, Kind::Voice, By::TextWithCode)),
        ("MessageReceived list", receive(false, false, Way::List, Kind::FlashCall, By::Text)),
        (
            "MessageCompleted",
            OrderEvent::MessageCompleted(Completion {
                order: REFERENCE,
                message: MessageId(5),
                said: said(false),
            }),
        ),
        ("MessageShown Poll", show(ShownBy::Poll, Some(KeyId(2)))),
        ("MessageShown Webhook", show(ShownBy::Webhook, None)),
        ("MessageShown Stream", show(ShownBy::Stream, None)),
        ("MessageShown Session", show(ShownBy::Session, None)),
        ("AnotherRequested", OrderEvent::AnotherRequested { order: REFERENCE }),
        ("ActivationClosed Completed", close(Closing::Completed)),
        ("ActivationClosed Cancelled", close(Closing::Cancelled)),
        ("ActivationClosed TimedOut", close(Closing::TimedOut)),
        ("NumberQuarantined", OrderEvent::NumberQuarantined { order: REFERENCE, until: NOW }),
    ]
}

fn of_upstream() -> Vec<(&'static str, UpstreamEvent)> {
    let (order, provider) = (REFERENCE, ProviderId(2));
    let settle =
        |end| UpstreamEvent::OrphanSettled { order, provider, external_id: "x9".into(), end };
    let end = |word| UpstreamEvent::EndedByProvider { order, word };
    let ended = |end| UpstreamEvent::EndedUpstream { order, end };
    vec![
        (
            "OrphanFound",
            UpstreamEvent::OrphanFound {
                order,
                provider,
                external_id: "x9".into(),
                from: NOW,
                cost: Micros(300_000),
            },
        ),
        ("OrphanSettled GivenBack", settle(OrphanEnd::GivenBack)),
        ("OrphanSettled Stayed", settle(OrphanEnd::Stayed)),
        ("OrphanSettled Gone", settle(OrphanEnd::Gone)),
        (
            "PurchaseNamed",
            UpstreamEvent::PurchaseNamed {
                order,
                provider,
                external_id: "x9".into(),
                cost: Micros(300_000),
            },
        ),
        ("EndedUpstream GivenBack", ended(UpstreamEnd::GivenBack)),
        ("EndedUpstream Charged", ended(UpstreamEnd::Charged)),
        ("EndedUpstream Unknown", ended(UpstreamEnd::Unknown)),
        ("EndedByProvider Cancelled", end(ProviderWord::Cancelled)),
        ("EndedByProvider Expired", end(ProviderWord::Expired)),
        ("EndedByProvider Finished", end(ProviderWord::Finished)),
        ("EndedByProvider Missing", end(ProviderWord::Missing)),
    ]
}
