//! The ledger's bytes, fixed: what was written once reads for ever. One line a value
//! in `golden/records.txt`; a new variant adds lines, a changed line breaks old ledgers.

use nexnum_engine::account::{Book, Sale, TransactionKind};
use nexnum_engine::activation::{ActivationState, Assignment, Message};
use nexnum_engine::event::{Closing, Event, Idempotency, OfferTerms, ProviderKind, Scope, Terms};
use nexnum_engine::ids::{
    AccountId, CountryId, KeyId, MessageId, Number, OfferId, OperatorId, OrderId, Product,
    ProviderId, Seq, ServiceId,
};
use nexnum_engine::money::Micros;
use nexnum_engine::order::{FailReason, Order, OrderStatus};
use nexnum_engine::replies::StoredReply;
use nexnum_engine::snapshot::Row;
use nexnum_engine::state::{Account, Counters, GivenUp, Key, Offer, Provider, Quarantined};
use nexnum_engine::time::Time;
use nexnum_storage::record::{
    RecordError, WalletRow, decode_events, decode_order, decode_rows, decode_wallet_row,
    encode_events, encode_order, encode_row, encode_wallet_row,
};
use proptest::prelude::*;

const PRODUCT: Product = Product { country: CountryId(62), service: ServiceId(300) };
const TERMS: Terms =
    Terms { offer: OfferId(7), provider: ProviderId(2), price: Micros(500_000), cost: Micros(1) };
const DIGEST: u128 = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10;
const ACCOUNT: AccountId = AccountId(3);
const ORDER: OrderId = OrderId(130);
const NOW: Time = Time(1_800_000_000_000);

fn assignment() -> Assignment {
    Assignment {
        number: Number(6_281_234_567_890),
        external_id: "x9".into(),
        cancel_from: NOW,
        expires_at: NOW.plus_ms(1_200_000),
    }
}

const SALE: Sale = Sale {
    account: ACCOUNT,
    provider: ProviderId(2),
    price: Micros(500_000),
    cost: Micros(300_000),
};

fn message() -> Message {
    Message {
        id: MessageId(5),
        digest: DIGEST,
        sender: "Telegram".into(),
        text: "Код 12345".into(),
        code: "12345".into(),
        received_at: NOW,
        late: true,
    }
}

fn order(state: ActivationState) -> Order {
    let closed = state.is_closed();
    Order {
        id: ORDER,
        account: ACCOUNT,
        product: PRODUCT,
        operator: OperatorId(4),
        limit: Micros(600_000),
        price: Micros(500_000),
        cost: Micros(300_000),
        offer: OfferId(7),
        provider: ProviderId(2),
        attempt: 2,
        in_doubt: state == ActivationState::Init,
        placed_at: NOW,
        deadline: NOW.plus_ms(180_000),
        status: match state {
            ActivationState::Init | ActivationState::Active => OrderStatus::Escrow,
            ActivationState::Received | ActivationState::Completed => OrderStatus::Delivered,
            ActivationState::Cancelled | ActivationState::TimedOut | ActivationState::Failed => {
                OrderStatus::Refunded
            }
        },
        state,
        awaits_another: state == ActivationState::Received,
        assignment: (state != ActivationState::Init).then(assignment),
        messages: if closed { vec![message()] } else { Vec::new() },
        closed_at: closed.then_some(NOW),
    }
}

/// Every variant of an event, with every variant of what it carries.
fn events() -> Vec<(&'static str, Event)> {
    [events_of_tables(), events_of_orders()].concat()
}

fn events_of_tables() -> Vec<(&'static str, Event)> {
    let key = |account, scope| Event::KeyIssued {
        key: KeyId(1),
        account: AccountId(account),
        scope,
        hash: [0xab; 32],
        prefix: "nx_live_".into(),
    };
    let register =
        |kind| Event::ProviderRegistered { provider: ProviderId(2), name: "sims".into(), kind };
    let (provider, offer) = (ProviderId(2), OfferId(7));
    let new = OfferTerms { offer, cost: Micros(1), price: Micros(-1), stock: u32::MAX };
    vec![
        (
            "AccountOpened",
            Event::AccountOpened {
                account: ACCOUNT,
                name: "ann".into(),
                credit_limit: Micros(i64::MAX),
            },
        ),
        ("KeyIssued Trade", key(3, Scope::Trade)),
        ("KeyIssued Admin", key(0, Scope::Admin)),
        ("KeyRevoked", Event::KeyRevoked { key: KeyId(u32::MAX) }),
        (
            "Deposited",
            Event::Deposited { account: ACCOUNT, amount: Micros(1_000_000), reference: DIGEST },
        ),
        ("ProviderRegistered Own", register(ProviderKind::Own)),
        ("ProviderRegistered Driven", register(ProviderKind::Driven)),
        (
            "OperatorNamed",
            Event::OperatorNamed { operator: OperatorId(u16::MAX), name: "telkomsel".into() },
        ),
        (
            "OffersListed",
            Event::OffersListed {
                provider,
                first: offer,
                offers: vec![(PRODUCT, OperatorId::ANY), (PRODUCT, OperatorId(4))],
            },
        ),
        ("OffersPriced", Event::OffersPriced { provider, terms: vec![new] }),
        (
            "StockLoaded",
            Event::StockLoaded { offer, numbers: vec![Number(15_551), Number(u64::MAX)] },
        ),
        ("NumberReleased", Event::NumberReleased { offer, number: Number(15_551), until: NOW }),
        ("Retired", Event::Retired { orders_before: NOW, replies_before: Time(0) }),
    ]
}

fn events_of_orders() -> Vec<(&'static str, Event)> {
    let place = |idempotency, assignment| Event::OrderPlaced {
        order: ORDER,
        account: ACCOUNT,
        product: PRODUCT,
        operator: OperatorId::ANY,
        limit: Micros(600_000),
        terms: TERMS,
        deadline: NOW,
        idempotency,
        assignment,
    };
    let fail = |reason, loss| Event::OrderFailed {
        order: ORDER,
        account: ACCOUNT,
        refund: Micros(500_000),
        reason,
        provider: ProviderId(2),
        loss: Micros(loss),
    };
    let receive = |late, capture| Event::MessageReceived {
        order: ORDER,
        message: MessageId(5),
        digest: DIGEST,
        sender: "".into(),
        text: "Код 12345".into(),
        code: "12345".into(),
        late,
        capture,
    };
    let close = |closing, refund| Event::ActivationClosed {
        order: ORDER,
        account: ACCOUNT,
        closing,
        refund: Micros(refund),
    };
    let idempotency = Idempotency { key: DIGEST, fingerprint: 1 };
    let change = Micros(-64);
    vec![
        ("OrderPlaced", place(None, None)),
        ("OrderPlaced Own", place(Some(idempotency), Some(assignment()))),
        (
            "AttemptStarted",
            Event::AttemptStarted {
                order: ORDER,
                account: ACCOUNT,
                attempt: 2,
                terms: TERMS,
                change,
            },
        ),
        ("OrderDoubted", Event::OrderDoubted { order: ORDER }),
        ("DoubtCleared", Event::DoubtCleared { order: ORDER }),
        (
            "NumberAssigned",
            Event::NumberAssigned { order: ORDER, assignment: assignment(), cost: Micros(127) },
        ),
        ("OrderFailed NoNumbers", fail(FailReason::NoNumbers, 0)),
        ("OrderFailed InDoubt", fail(FailReason::InDoubt, 300_000)),
        ("MessageReceived", receive(false, Some(SALE))),
        ("MessageReceived late", receive(true, None)),
        ("AnotherRequested", Event::AnotherRequested { order: ORDER }),
        ("ActivationClosed Completed", close(Closing::Completed, 0)),
        ("ActivationClosed Cancelled", close(Closing::Cancelled, 500_000)),
        ("ActivationClosed TimedOut", close(Closing::TimedOut, 500_000)),
        ("NumberQuarantined", Event::NumberQuarantined { order: ORDER, until: NOW }),
        (
            "LossRecovered",
            Event::LossRecovered { order: ORDER, provider: ProviderId(2), amount: Micros(300_000) },
        ),
    ]
}

/// Every variant of a row.
fn rows() -> Vec<(String, Row)> {
    let counters = Counters {
        seq: Seq(u64::MAX),
        account: ACCOUNT,
        key: KeyId(2),
        provider: ProviderId(2),
        operator: OperatorId(4),
        order: ORDER,
        message: MessageId(5),
    };
    let account = Account { name: "ann".into(), credit_limit: Micros(i64::MIN), opened_at: NOW };
    let key = Key {
        account: ACCOUNT,
        scope: Scope::Trade,
        hash: [0xab; 32],
        prefix: "nx_live_".into(),
        revoked: true,
    };
    let provider = Provider { name: "sims".into(), kind: ProviderKind::Own };
    let offer = Offer {
        provider: ProviderId(2),
        product: PRODUCT,
        operator: OperatorId(4),
        cost: Micros(1),
        price: Micros(2),
        stock: 3,
    };
    let reply = StoredReply { fingerprint: 1, order: ORDER, at: NOW };
    let mut rows = vec![
        ("Counters".to_owned(), Row::Counters(counters)),
        ("Account".to_owned(), Row::Account(ACCOUNT, account)),
        ("Key".to_owned(), Row::Key(KeyId(2), key)),
        ("Deposit".to_owned(), Row::Deposit(ACCOUNT, DIGEST, Micros(1_000_000))),
        ("Provider".to_owned(), Row::Provider(ProviderId(2), provider)),
        ("Operator".to_owned(), Row::Operator(OperatorId(4), "telkomsel".into())),
        ("Offer".to_owned(), Row::Offer(offer)),
        ("Pool".to_owned(), Row::Pool(OfferId(7), vec![Number(15_551)])),
        ("Reply".to_owned(), Row::Reply(ACCOUNT, DIGEST, reply)),
    ];
    let books = [
        Book::Available(ACCOUNT),
        Book::Escrow(ACCOUNT),
        Book::Payable(ProviderId(2)),
        Book::Loss(ProviderId(2)),
        Book::Revenue,
        Book::CashIn,
    ];
    rows.extend(books.map(|book| (format!("Book {book:?}"), Row::Book(book, Micros(-1)))));
    let states = nexnum_engine::activation::STATES;
    rows.extend(
        states.map(|state| (format!("Order {state:?}"), Row::Order(Box::new(order(state))))),
    );
    let given_up = GivenUp {
        at: NOW.plus_ms(180_000),
        order: ORDER,
        attempt: 2,
        provider: ProviderId(2),
        product: PRODUCT,
        placed_at: NOW,
    };
    rows.push(("GivenUp".to_owned(), Row::GivenUp(given_up)));
    rows.push(("WrittenOff".to_owned(), Row::WrittenOff(ORDER, Micros(300_000))));
    let resting = Quarantined { until: NOW, offer: OfferId(7), number: Number(15_551) };
    rows.push(("Quarantined".to_owned(), Row::Quarantined(resting)));
    rows
}

fn event_bytes(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_events(std::slice::from_ref(event), &mut bytes);
    bytes
}

fn row_bytes(row: &Row) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_row(row, &mut bytes);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The golden text as this code writes it.
fn written() -> String {
    let mut text = String::new();
    for (name, event) in events() {
        text.push_str(&format!("event {name}: {}\n", hex(&event_bytes(&event))));
    }
    for (name, row) in rows() {
        text.push_str(&format!("row {name}: {}\n", hex(&row_bytes(&row))));
    }
    text
}

#[test]
fn every_record_has_its_golden_bytes() {
    let (golden, written) = (include_str!("golden/records.txt"), written());
    for (golden, written) in golden.lines().zip(written.lines()) {
        assert_eq!(written, golden);
    }
    assert_eq!(written, golden, "a record has no golden line, or a line no record");
}

#[test]
fn a_row_of_a_wallet_keeps_its_bytes_and_reads_back() {
    let (kind, amount) = (TransactionKind::Spend, Micros(-500_000));
    for (order, expected) in
        [(Some(ORDER), "02bf843d01820180a0f1c2b134"), (None, "02bf843d0080a0f1c2b134")]
    {
        let row = WalletRow { kind, amount, order, at: NOW };
        let bytes = encode_wallet_row(&row);
        assert_eq!(hex(&bytes), expected);
        assert_eq!(decode_wallet_row(&bytes), Ok(row));
        for len in 0..bytes.len() {
            assert_eq!(decode_wallet_row(&bytes[..len]), Err(RecordError::Truncated));
        }
    }
}

#[test]
fn every_record_reads_back_as_itself() {
    for (name, event) in events() {
        assert_eq!(decode_events(&event_bytes(&event)), Ok(vec![event]), "{name}");
    }
    for (name, row) in rows() {
        let read: Vec<_> = decode_rows(&row_bytes(&row)).collect();
        assert_eq!(read, [Ok(row)], "{name}");
    }
    let all: Vec<Event> = events().into_iter().map(|(_, event)| event).collect();
    let mut bytes = Vec::new();
    encode_events(&all, &mut bytes);
    assert_eq!(decode_events(&bytes), Ok(all));
    for state in nexnum_engine::activation::STATES {
        assert_eq!(decode_order(&encode_order(&order(state))), Ok(order(state)));
    }
}

#[test]
fn a_record_cut_anywhere_is_refused() {
    for (name, event) in events() {
        let bytes = event_bytes(&event);
        for len in 0..bytes.len() {
            assert_eq!(decode_events(&bytes[..len]), Err(RecordError::Truncated), "{name} {len}");
        }
    }
    for (name, row) in rows() {
        let bytes = row_bytes(&row);
        for len in 1..bytes.len() {
            let read: Vec<_> = decode_rows(&bytes[..len]).collect();
            assert_eq!(read, [Err(RecordError::Truncated)], "{name} {len}");
        }
    }
}

#[test]
fn bytes_behind_a_record_are_refused() {
    for (name, event) in events() {
        let mut bytes = event_bytes(&event);
        bytes.push(0);
        assert_eq!(decode_events(&bytes), Err(RecordError::Trailing), "{name}");
    }
}

#[test]
fn an_integer_has_one_way_to_be_written() {
    let doubted = |order: &[u8]| decode_events(&[&[1, 12], order].concat());
    assert_eq!(doubted(&[0x05]), Ok(vec![Event::OrderDoubted { order: OrderId(5) }]));
    assert_eq!(doubted(&[0x85, 0x00]), Err(RecordError::OutOfRange));
    assert_eq!(doubted(&[0x80; 11]), Err(RecordError::OutOfRange));
    assert_eq!(doubted(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(RecordError::OutOfRange));
}

#[test]
fn unknown_tags_and_lying_lengths_are_named() {
    for (bytes, expected) in [
        (&[1u8, 0][..], RecordError::UnknownTag),
        (&[1, 23], RecordError::UnknownTag),
        (&[1, 255], RecordError::UnknownTag),
        (&[0xff, 0xff, 0xff, 0xff, 0x0f], RecordError::Truncated),
        (&[1, 6, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 65], RecordError::Truncated),
        (&[1, 6, 1, 1, 0xff], RecordError::NotText),
    ] {
        assert_eq!(decode_events(bytes), Err(expected), "{bytes:?}");
    }
}

/// What decodes encodes to the same bytes: no two ledgers read alike.
fn check_events(bytes: &[u8]) {
    if let Ok(events) = decode_events(bytes) {
        let mut again = Vec::new();
        encode_events(&events, &mut again);
        assert_eq!(hex(&again), hex(bytes));
    }
    let _ = decode_order(bytes);
    assert!(decode_rows(bytes).count() <= bytes.len());
}

fn text() -> impl Strategy<Value = Box<str>> {
    "\\PC{0,20}".prop_map(Into::into)
}

fn arbitrary_event() -> impl Strategy<Value = Event> {
    let numbers = prop::collection::vec(any::<u64>().prop_map(Number), 0..20);
    let sale = (any::<u32>(), any::<u16>(), any::<i64>(), any::<i64>()).prop_map(|(a, p, x, y)| {
        Sale { account: AccountId(a), provider: ProviderId(p), price: Micros(x), cost: Micros(y) }
    });
    prop_oneof![
        (any::<u32>(), text(), any::<i64>()).prop_map(|(account, name, limit)| {
            Event::AccountOpened { account: AccountId(account), name, credit_limit: Micros(limit) }
        }),
        (any::<u32>(), any::<i64>(), any::<u128>()).prop_map(|(account, amount, reference)| {
            Event::Deposited { account: AccountId(account), amount: Micros(amount), reference }
        }),
        (any::<u32>(), numbers)
            .prop_map(|(offer, numbers)| Event::StockLoaded { offer: OfferId(offer), numbers }),
        (any::<[u64; 3]>(), any::<u128>(), text(), text(), any::<bool>(), prop::option::of(sale))
            .prop_map(|([order, message, _], digest, sender, text, late, capture)| {
                Event::MessageReceived {
                    order: OrderId(order as u32),
                    message: MessageId(message),
                    digest,
                    code: sender.clone(),
                    sender,
                    text,
                    late,
                    capture,
                }
            }),
        (any::<[u64; 2]>(), any::<u32>(), any::<i64>(), text()).prop_map(
            |([from, number], order, cost, external_id)| Event::NumberAssigned {
                order: OrderId(order),
                assignment: Assignment {
                    number: Number(number),
                    external_id,
                    cancel_from: Time(from),
                    expires_at: Time(number),
                },
                cost: Micros(cost),
            }
        ),
        prop::sample::select(events()).prop_map(|(_, event)| event),
    ]
}

proptest! {
    #[test]
    fn any_batch_reads_back_as_itself(batch in prop::collection::vec(arbitrary_event(), 0..8)) {
        let mut bytes = Vec::new();
        encode_events(&batch, &mut bytes);
        prop_assert_eq!(decode_events(&bytes), Ok(batch));
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_events(&bytes);
    }

    #[test]
    fn damaged_records_never_panic(
        batch in prop::collection::vec(arbitrary_event(), 1..4),
        row in prop::sample::select(rows()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        encode_events(&batch, &mut bytes);
        for mut bytes in [bytes, row_bytes(&row.1)] {
            for (index, byte) in &flips {
                let index = index.index(bytes.len());
                bytes[index] ^= byte;
            }
            check_events(&bytes);
            check_events(&bytes[..cut.index(bytes.len())]);
        }
    }
}
