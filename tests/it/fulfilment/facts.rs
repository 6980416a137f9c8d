//! What the ledger keeps of an order: its attempts, its number and its message, by the events
//! alone. Claims, statements and streams will read them.

use nexnum::market::folder;
use nexnum::market::replay::Decoded;
use nexnum_engine::event::{
    Arrival, AttemptError, Event, MessageKind, MessageWay, OrderEvent, Receipt, SkipReason,
};
use nexnum_engine::ids::Seq;
use nexnum_engine::money::Micros;
use nexnum_engine::order::OrderRef;
use nexnum_engine::pricing::sell_price;
use nexnum_sandbox::FaultKind;

use super::{Closed, HANDLER, Rig, SMSPOOL, received};

/// The events of orders in a stopped market's ledger.
fn order_events(closed: &Closed) -> Vec<OrderEvent> {
    let opened = folder::open(&closed.folder.path().join("market"), |_| {}).unwrap();
    let rows = opened.ledger.reader().read(Seq(1)).unwrap();
    let groups = rows.map(|row| Decoded::from_row(&row.unwrap()).unwrap().groups);
    let events = groups.flat_map(|groups| groups.events().to_vec());
    let of_order = |event| if let Event::Order(event) = event { Some(event) } else { None };
    events.filter_map(of_order).collect()
}

fn kinds(events: &[OrderEvent]) -> Vec<&'static str> {
    events.iter().map(OrderEvent::kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_tells_how_each_attempt_came_about_and_what_it_brought() {
    let rig = Rig::start(&[(HANDLER, 100_000), (SMSPOOL, 200_000)]).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::NoNumbers);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, received).await;
    let events = order_events(&rig.close().await);
    let [
        OrderEvent::OrderPlaced(placed),
        OrderEvent::AttemptStarted { order: second, routing, ended, .. },
        OrderEvent::NumberAssigned { order: given, charged, .. },
        OrderEvent::MessageReceived(Receipt { order: got, arrival, .. }),
    ] = &events[..]
    else {
        panic!("{:?}", kinds(&events))
    };
    // 1. The first attempt: what the buyer named, and by which document the provider was asked.
    let named = OrderRef { id, account: order.account, line: 1, attempt: 1, assignment: 0 };
    assert_eq!((placed.order, placed.max_price), (named, Some(Micros(1_000_000))));
    assert!(placed.routing.document.is_some() && placed.routing.skipped.iter().next().is_none());
    let margin = placed.routing.margin.unwrap();
    assert_eq!(sell_price(placed.terms.cost, margin), Some(placed.terms.price));
    // 2. Its end, in the provider's word, and the second one, which passed its offer over.
    let ended = ended.as_ref().unwrap();
    assert_eq!((ended.error, &*ended.word), (AttemptError::NoNumbers, "NO_NUMBERS"));
    assert_eq!(*second, OrderRef { attempt: 2, ..named });
    let skipped: Vec<_> = routing.skipped.iter().map(|ask| (ask.offer, ask.reason)).collect();
    assert_eq!(skipped, [(placed.terms.offer, SkipReason::Tried)]);
    assert_ne!(routing.document, placed.routing.document);
    // 3. The number: what the provider itself says that it costs.
    let charged = charged.as_ref().unwrap();
    assert_eq!((charged.amount, charged.rate.as_deref()), (Micros(200_000), Some("1")));
    assert_eq!(*given, OrderRef { attempt: 2, assignment: 1, ..named });
    // 4. The message.
    let Arrival { way, kind, .. } = *arrival;
    assert!(matches!(way, MessageWay::Status | MessageWay::List), "{way:?}");
    assert_eq!((kind, got), (MessageKind::Sms, given));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_without_a_number_tells_why_its_last_attempt_ended() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::NoNumbers);
    rig.buy(None).await.unwrap_err();
    let events = order_events(&rig.close().await);
    let [OrderEvent::OrderPlaced(placed), OrderEvent::OrderFailed { ended, .. }] = &events[..]
    else {
        panic!("{:?}", kinds(&events))
    };
    assert_eq!(placed.max_price, None);
    assert_eq!(ended.as_ref().map(|it| it.error), Some(AttemptError::NoNumbers));
}
