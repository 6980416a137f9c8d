//! The ledger's bytes, fixed: what was written once reads for ever. One line a value
//! in `records.txt`; a new variant adds lines, a changed line breaks old ledgers.

mod events;
mod money;
mod values;

use nexnum_engine::activation::{Assignment, MessageParts, NumberPlace, SealedParts};
use nexnum_engine::event::{
    AccountEvent, AccountName, Arrival, Event, MessageIdentity, MessageKind, MessageWay,
    MoneyEvent, MoveKind, OfferEvent, OrderEvent, Payment, Receipt,
};
use nexnum_engine::ids::{AccountId, LoadId, MessageId, OfferId, OrderId, RailId, Token};
use nexnum_engine::money::Micros;
use nexnum_engine::order::OrderRef;
use nexnum_engine::snapshot::Row;
use nexnum_engine::time::Time;
use nexnum_storage::record::{
    RecordError, WalletRow, decode_event, decode_order, decode_rows, decode_wallet_row,
    encode_event, encode_order, encode_row, encode_wallet_row,
};
use proptest::prelude::*;

use crate::events::events;
use crate::values::{NOW, ORDER, loaded, order, rows, sealed};

fn event_bytes(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_event(event, &mut bytes);
    bytes
}

/// The events that bytes hold one after the other.
fn decode_events(mut bytes: &[u8]) -> Result<Vec<Event>, RecordError> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        events.push(decode_event(&mut bytes)?);
    }
    Ok(events)
}

fn encode_events(events: &[Event]) -> Vec<u8> {
    events.iter().flat_map(event_bytes).collect()
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
    let (golden, written) = (include_str!("records.txt"), written());
    for (golden, written) in golden.lines().zip(written.lines()) {
        assert_eq!(written, golden);
    }
    assert_eq!(written, golden, "a record has no golden line, or a line no record");
}

#[test]
fn a_row_of_a_wallet_keeps_its_bytes_and_reads_back() {
    let (kind, amount) = (MoveKind::Spend, Micros(-500_000));
    for (order, expected) in
        [(Some(ORDER), "0d02bf843d01820180a0f1c2b134"), (None, "0b02bf843d0080a0f1c2b134")]
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
    assert_eq!(decode_events(&encode_events(&all)), Ok(all));
    for state in nexnum_engine::activation::STATES {
        assert_eq!(decode_order(&encode_order(&order(state))), Ok(order(state)));
    }
}

#[test]
fn a_record_cut_anywhere_is_refused() {
    for (name, event) in events() {
        let bytes = event_bytes(&event);
        for len in 1..bytes.len() {
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
fn an_integer_has_one_way_to_be_written() {
    let doubted = |order: &[u8]| {
        let name = [&[4 + order.len() as u8], order, &[7, 1, 2, 0]].concat();
        decode_events(&[&[12, name.len() as u8 + 1], &name[..], &[0]].concat())
    };
    let (id, account) = (OrderId(5), AccountId(7));
    let order = OrderRef { id, account, line: 1, attempt: 2, assignment: 0 };
    assert_eq!(
        doubted(&[0x05]),
        Ok(vec![Event::Order(OrderEvent::OrderDoubted { order, ended: None })])
    );
    assert_eq!(doubted(&[0x85, 0x00]), Err(RecordError::OutOfRange));
    assert_eq!(doubted(&[0x80; 11]), Err(RecordError::OutOfRange));
    // An account has 32 bits.
    let account = [1, 5, 0xff, 0xff, 0xff, 0xff, 0x1f];
    assert_eq!(decode_events(&account), Err(RecordError::OutOfRange));
}

#[test]
fn newer_records_and_lying_lengths_are_named() {
    for (bytes, expected) in [
        (&[0u8][..], RecordError::NewerTag),
        // A tag that is kept for an event to come, and those of events that are written no more.
        (&[41], RecordError::NewerTag),
        (&[4], RecordError::NewerTag),
        (&[22], RecordError::NewerTag),
        (&[255], RecordError::NewerTag),
        // A kind of product that is not known, in an offer that is listed.
        (&[7, 11, 2, 7, 1, 7, 3, 62, 5, 2, 0, 0, 0], RecordError::NewerTag),
        // A scope that is not known, in an event that is.
        (&[2, 5, 1, 3, 9, 0, 0], RecordError::NewerTag),
        // An order in doubt, and one byte more behind it, or within its name.
        (&[12, 8, 5, 5, 7, 1, 2, 0, 0, 0], RecordError::NewerField),
        (&[12, 8, 6, 5, 7, 1, 2, 0, 0, 0], RecordError::NewerField),
        (&[6, 0xff, 0xff, 0xff, 0xff, 0x0f, 65], RecordError::Truncated),
        (&[6, 8, 1, 6, 1, 0xff, 0xff, 0xff, 0xff, 0x0f], RecordError::Truncated),
        (&[6, 7, 1, 5, 1, 1, 0xff, 0, 0], RecordError::NotText),
    ] {
        assert_eq!(decode_events(bytes), Err(expected), "{bytes:?}");
    }
}

#[test]
fn more_skipped_asks_than_are_known_are_a_newer_program_s() {
    let started = |count: u8| {
        let asks = [2, 7, 1].repeat(count.into());
        let routing = [&[0, 0, count][..], &asks, &[0]].concat();
        let fields =
            [&[5, 5, 7, 1, 2, 0, 4, 1, 1, 2, 2][..], &[routing.len() as u8], &routing, &[0]];
        let fields = fields.concat();
        decode_events(&[&[11, fields.len() as u8], &fields[..]].concat())
    };
    assert!(started(8).is_ok(), "{:?}", started(8));
    assert_eq!(started(9), Err(RecordError::NewerField));
}

#[test]
fn a_frame_that_is_longer_than_known_is_newer_and_a_shorter_one_is_damage() {
    for (name, event) in events() {
        let bytes = event_bytes(&event);
        // A tag, and a length of one or two bytes.
        let (at, len) = match bytes[1..] {
            [low, high, ..] if low >= 0x80 => (3, usize::from(low & 0x7f) | usize::from(high) << 7),
            [len, ..] => (2, usize::from(len)),
            [] => unreachable!("every event has a frame"),
        };
        assert_eq!(bytes.len(), at + len, "{name}");
        let framed = |fields: &[u8]| {
            let len = fields.len() as u16;
            let len =
                if len < 0x80 { vec![len as u8] } else { vec![len as u8 | 0x80, (len >> 7) as u8] };
            decode_events(&[&bytes[..1], &len, fields].concat())
        };
        assert_eq!(framed(&bytes[at..]), Ok(vec![event]), "{name}");
        let longer = [&bytes[at..], &[0]].concat();
        assert_eq!(framed(&longer), Err(RecordError::NewerField), "{name}");
        for cut in 0..len {
            assert_eq!(framed(&bytes[at..at + cut]), Err(RecordError::Truncated), "{name} {cut}");
        }
    }
}

/// What decodes encodes to the same bytes: no two ledgers read alike.
fn check_events(bytes: &[u8]) {
    if let Ok(events) = decode_events(bytes) {
        assert_eq!(hex(&encode_events(&events)), hex(bytes));
    }
    let _ = decode_order(bytes);
    assert!(decode_rows(bytes).count() <= bytes.len());
}

fn text() -> impl Strategy<Value = Box<str>> {
    "\\PC{0,20}".prop_map(Into::into)
}

const ARRIVAL: Arrival = Arrival {
    way: MessageWay::Status,
    kind: MessageKind::Sms,
    identity: MessageIdentity::Text,
    names_service: false,
};

fn named(order: u64) -> OrderRef {
    let (id, account) = (OrderId(order), AccountId(order as u32));
    OrderRef { id, account, line: 1, attempt: order as u8, assignment: order as u16 }
}

fn arbitrary_event() -> impl Strategy<Value = Event> {
    let numbers = prop::collection::vec(any::<u64>().prop_map(|n| loaded(Token(n))), 0..20);
    prop_oneof![
        (any::<u32>(), any::<Option<u128>>(), any::<i64>()).prop_map(|(account, digest, limit)| {
            let name = digest.map(|digest| AccountName { digest, sealed: loaded(Token(1)).sealed });
            Event::Account(AccountEvent::AccountOpened {
                account: AccountId(account),
                name,
                credit_limit: Micros(limit),
            })
        }),
        (any::<u32>(), any::<i64>(), any::<u128>()).prop_map(|(account, amount, reference)| {
            let (rail, amount, foreign) = (RailId(account as u16), Micros(amount), None);
            let payment = Payment { rail, amount, foreign, reference };
            let (account, sealed) = (AccountId(account), None);
            Event::Money(MoneyEvent::Deposited { account, payment, sealed })
        }),
        (any::<u32>(), numbers).prop_map(|(offer, numbers)| Event::Offer(
            OfferEvent::StockLoaded {
                load: LoadId(offer),
                offer: OfferId(offer),
                cost: Micros(1),
                price: Micros(2),
                numbers
            }
        )),
        (any::<[u64; 3]>(), any::<u128>(), text(), any::<bool>(), any::<bool>()).prop_map(
            |([order, message, _], digest, text, late, delivers)| {
                let has = MessageParts { sender: late, text: true, code: delivers };
                let said = SealedParts { has, sealed: sealed(text.as_bytes()) };
                Event::Order(OrderEvent::MessageReceived(Receipt {
                    order: named(order),
                    message: MessageId(message),
                    digest,
                    said,
                    late,
                    delivers,
                    arrival: ARRIVAL,
                }))
            }
        ),
        (any::<[u64; 3]>(), any::<i64>(), text()).prop_map(
            |([from, number, order], cost, external_id)| Event::Order(OrderEvent::NumberAssigned {
                order: named(order),
                assignment: Assignment {
                    token: Token(number),
                    place: NumberPlace::Load(LoadId(7), number as u32),
                    external_id,
                    cancel_from: Time(from),
                    expires_at: Time(number),
                },
                cost: Micros(cost),
                charged: None,
                carrier: None,
            })
        ),
        prop::sample::select(events()).prop_map(|(_, event)| event),
    ]
}

proptest! {
    #[test]
    fn any_batch_reads_back_as_itself(batch in prop::collection::vec(arbitrary_event(), 0..8)) {
        prop_assert_eq!(decode_events(&encode_events(&batch)), Ok(batch));
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
        for mut bytes in [encode_events(&batch), row_bytes(&row.1)] {
            for (index, byte) in &flips {
                let index = index.index(bytes.len());
                bytes[index] ^= byte;
            }
            check_events(&bytes);
            check_events(&bytes[..cut.index(bytes.len())]);
        }
    }
}
