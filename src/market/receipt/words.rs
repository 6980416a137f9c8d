//! What a record says, in a line for a person. The words are part of a receipt's format: they are
//! held against the record's bytes.

use nexnum_engine::activation::{MessageParts, NumberPlace};
use nexnum_engine::catalog::Catalog;
use nexnum_engine::event::{Event, LedgerEvent, Leg, MoneyEvent, Moved, OrderEvent, Placement};
use nexnum_engine::group::{Actor, Head};
use nexnum_engine::ids::OrderId;
use nexnum_engine::order::OrderNotes;
use nexnum_engine::sealed::{Purpose, SealedValue};
use nexnum_storage::payload::ReadRecord;

use crate::clock::rfc3339;
use nexnum_storage::said::Said;

/// Characters of a text that the words have.
const TEXT_MAX: usize = 200;

/// What a record says.
pub(super) fn words(record: &ReadRecord) -> String {
    match record {
        ReadRecord::Head(head) => of_head(head),
        ReadRecord::Event(event) => {
            let said = of_event(event);
            if said.is_empty() {
                event.kind().to_owned()
            } else {
                format!("{}: {said}", event.kind())
            }
        }
    }
}

/// The sealed values of an event: what each is, and the order that it is sealed for. A value that an
/// event comes to have stands here too, so that receipts hand out its key.
pub(super) fn sealed_in(event: &Event) -> Vec<(Purpose, Option<OrderId>, &SealedValue)> {
    match event {
        Event::Money(MoneyEvent::Deposited { sealed, .. }) => {
            sealed.iter().map(|value| (Purpose::Reference, None, value)).collect()
        }
        Event::Money(
            MoneyEvent::RailNamed { .. } | MoneyEvent::ProviderPaid { .. } | MoneyEvent::Moved(_),
        )
        // Those of accounts are no order's.
        | Event::Account(_)
        | Event::Offer(_)
        | Event::Memory(_)
        | Event::Upstream(_)
        | Event::Callback(_)
        | Event::Ledger(_)
        | Event::SealKey(_) => Vec::new(),
        // Sealed before the order had an id.
        Event::Order(OrderEvent::OrderPlaced(Placement { notes, .. })) => {
            // For whom it was bought is none of those whom the receipt is shown.
            let reference = notes.as_deref().and_then(|OrderNotes { reference, .. }| reference.as_ref());
            reference.into_iter().map(|value| (Purpose::OrderReference, None, value)).collect()
        }
        Event::Order(event) => {
            let id = event.order().id;
            of_order_event(event).map(|(purpose, value)| (purpose, Some(id), value)).collect()
        }
    }
}

/// The same of an order's events. A number of own stock is sealed with its load, of which the order
/// has nothing to show.
fn of_order_event(event: &OrderEvent) -> impl Iterator<Item = (Purpose, &SealedValue)> {
    let value = match event {
        OrderEvent::NumberAssigned { assignment, .. } => match &assignment.place {
            NumberPlace::Here(sealed) => Some((Purpose::Number, &**sealed)),
            NumberPlace::Load(..) => None,
        },
        OrderEvent::MessageReceived(receipt) => Some((Purpose::Message, &receipt.said.sealed)),
        OrderEvent::MessageCompleted(completion) => {
            Some((Purpose::Message, &completion.said.sealed))
        }
        OrderEvent::OrderPlaced(_)
        | OrderEvent::AttemptStarted { .. }
        | OrderEvent::OrderDoubted { .. }
        | OrderEvent::DoubtCleared { .. }
        | OrderEvent::OrderFailed { .. }
        | OrderEvent::MessageShown { .. }
        | OrderEvent::ActivationClosed { .. }
        | OrderEvent::NumberQuarantined { .. }
        | OrderEvent::AnotherRequested { .. } => None,
    };
    value.into_iter()
}

/// What an opened value says.
pub(super) fn opened(purpose: Purpose, bytes: &[u8]) -> String {
    match (purpose, Said::from_bytes(bytes)) {
        (Purpose::Message, Some(Said { sender, text, code })) => message(&sender, &text, &code),
        _ => format!("{:?}", cut(&String::from_utf8_lossy(bytes))),
    }
}

/// Which parts a message has.
fn parts(has: MessageParts) -> String {
    let MessageParts { sender, text, code } = has;
    let named = [(sender, "sender"), (text, "text"), (code, "code")];
    let named = named.into_iter().filter(|(has, _)| *has).map(|(_, name)| name);
    named.collect::<Vec<_>>().join(", ")
}

fn of_head(head: &Head) -> String {
    let by = match head.origin.actor {
        Actor::System => "the market".to_owned(),
        Actor::Key(key) => format!("key {key}"),
        Actor::Person(person) => format!("person {person}"),
        Actor::Worker(provider) => format!("provider {provider}"),
    };
    let request = head.origin.request.as_ref();
    let request = request.map_or(String::new(), |request| format!(", request {request:?}"));
    let address = head.origin.address;
    let address = address.map_or(String::new(), |address| format!(", from address {address}"));
    let reason = if head.origin.reason.is_some() { ", with a sealed reason" } else { "" };
    format!("by {by} at {}{request}{address}{reason}", rfc3339(head.at))
}

fn of_event(event: &Event) -> String {
    match event {
        Event::Order(event) => of_order(event),
        Event::Money(MoneyEvent::Moved(moved)) => of_moved(moved),
        Event::Ledger(LedgerEvent::DayClosed(closed)) => format!("{} rows", closed.rows),
        Event::Money(_)
        | Event::Account(_)
        | Event::Offer(_)
        | Event::Memory(_)
        | Event::Upstream(_)
        | Event::Callback(_)
        | Event::Ledger(_)
        | Event::SealKey(_) => String::new(),
    }
}

fn of_order(event: &OrderEvent) -> String {
    match event {
        OrderEvent::OrderPlaced(placement) => of_placement(placement),
        OrderEvent::AttemptStarted { order, terms, .. } => {
            format!("attempt {}, price {}", order.attempt, terms.price)
        }
        OrderEvent::OrderDoubted { order, .. } | OrderEvent::DoubtCleared { order } => {
            format!("attempt {}", order.attempt)
        }
        OrderEvent::NumberAssigned { assignment, .. } => {
            format!("until {}", rfc3339(assignment.expires_at))
        }
        OrderEvent::OrderFailed { reason, .. } => format!("{reason:?}"),
        OrderEvent::MessageReceived(receipt) => {
            let late = if receipt.late { ", late" } else { "" };
            format!("{}{late}", parts(receipt.said.has))
        }
        OrderEvent::MessageCompleted(completion) => parts(completion.said.has),
        OrderEvent::MessageShown { by, .. } => format!("{by:?}"),
        OrderEvent::ActivationClosed { closing, .. } => format!("{closing:?}"),
        OrderEvent::NumberQuarantined { until, .. } => format!("until {}", rfc3339(*until)),
        OrderEvent::AnotherRequested { .. } => String::new(),
    }
}

fn of_placement(placement: &Placement) -> String {
    let catalog = Catalog::load();
    let Placement { order, number, product, limit, terms, assignment, .. } = placement;
    let country = catalog.country(product.country).map_or("?", |country| country.iso2);
    let service = catalog.service(product.service).map_or("?", |service| service.slug);
    let given =
        assignment.as_ref().map(|given| format!(", a number until {}", rfc3339(given.expires_at)));
    format!(
        "order {} of account {}, its number {number}: {country} {service}, price {}, at most {limit}{}",
        order.id,
        order.account,
        terms.price,
        given.unwrap_or_default()
    )
}

fn of_moved(moved: &Moved) -> String {
    let legs = moved.legs.iter().map(|Leg { book, amount }| format!("{book:?} {amount}"));
    format!("{:?}, {}", moved.kind, legs.collect::<Vec<_>>().join(", "))
}

fn message(sender: &str, text: &str, code: &str) -> String {
    format!("from {:?}, text {:?}, code {:?}", cut(sender), cut(text), cut(code))
}

/// The beginning of a text.
fn cut(text: &str) -> String {
    let mut letters = text.chars();
    let mut cut: String = letters.by_ref().take(TEXT_MAX).collect();
    cut.extend(letters.next().map(|_| '…'));
    cut
}

#[cfg(test)]
mod tests {
    use nexnum_engine::book::Book;
    use nexnum_engine::event::{Closing, Legs, MoveKind};
    use nexnum_engine::group::Origin;
    use nexnum_engine::ids::{AccountId, AddressNumber, KeyId, ProviderId};
    use nexnum_engine::money::Micros;
    use nexnum_engine::order::OrderRef;
    use nexnum_engine::sealed::KeyHandle;
    use nexnum_engine::time::Time;

    use super::*;

    #[test]
    fn words_are_part_of_the_format() {
        let order =
            OrderRef { id: OrderId(7), account: AccountId(1), line: 1, attempt: 2, assignment: 0 };
        let said = |event: OrderEvent| words(&ReadRecord::Event(Event::Order(event)));
        let closed = OrderEvent::ActivationClosed { order, closing: Closing::TimedOut };
        assert_eq!(said(closed), "ActivationClosed: TimedOut");
        assert_eq!(said(OrderEvent::AnotherRequested { order }), "AnotherRequested");
        assert_eq!(said(OrderEvent::DoubtCleared { order }), "DoubtCleared: attempt 2");
        let mut legs = Legs::default();
        assert!(legs.push(Book::Available(AccountId(1)), Micros(-300_000)));
        assert!(legs.push(Book::Escrow(AccountId(1)), Micros(300_000)));
        let (kind, reason, reverses) = (MoveKind::Spend, None, None);
        let moved = MoneyEvent::Moved(Moved { kind, reason, order: Some(order), reverses, legs });
        assert_eq!(
            words(&ReadRecord::Event(Event::Money(moved))),
            "Moved: Spend, Available(AccountId(1)) -0.300000, Escrow(AccountId(1)) 0.300000"
        );
        let head = |actor| Head::new(Time(1_795_771_800_000), Origin::of(actor));
        let mut asked = head(Actor::Key(KeyId(3)));
        asked.origin.request = Some("r-1".into());
        assert_eq!(
            words(&ReadRecord::Head(asked)),
            r#"by key 3 at 2026-11-27T09:30:00.000Z, request "r-1""#
        );
        let ciphertext = [0; 20].as_slice().into();
        let (handle, nonce, commitment) = (KeyHandle(1), [0; 24], [0; 32]);
        let reason = SealedValue { handle, nonce, commitment, ciphertext };
        let mut reasoned = head(Actor::Key(KeyId(1)));
        reasoned.origin.address = Some(AddressNumber(2));
        reasoned.origin.reason = Some(Box::new(reason));
        assert_eq!(
            words(&ReadRecord::Head(reasoned)),
            "by key 1 at 2026-11-27T09:30:00.000Z, from address 2, with a sealed reason"
        );
        let told = words(&ReadRecord::Head(head(Actor::Worker(ProviderId(2)))));
        assert_eq!(told, "by provider 2 at 2026-11-27T09:30:00.000Z");
    }

    #[test]
    fn a_text_is_cut_and_shows_no_control_character() {
        assert_eq!(message("a", "one\u{1b}[2J", ""), r#"from "a", text "one\u{1b}[2J", code """#);
        let long = cut(&"é".repeat(TEXT_MAX + 1));
        assert_eq!((long.chars().count(), long.chars().last()), (TEXT_MAX + 1, Some('…')));
        assert_eq!(cut(&"é".repeat(TEXT_MAX)).chars().count(), TEXT_MAX);
    }
}
