//! Faults of simulated providers, at half of their calls: no order and no money is kept.

use std::collections::BTreeSet;
use std::time::Duration;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::audit::audit;
use nexnum_engine::book::Book;
use nexnum_engine::ids::{AccountId, OrderId};
use nexnum_engine::limits::BUY_TIME_MS;
use nexnum_engine::order::{Order, OrderStatus};
use nexnum_engine::state::State;
use nexnum_sandbox::FaultKind;
use tokio::task::JoinSet;

use super::{FIVESIM, HANDLER, Rig, SMSPOOL};
use crate::rig::texts::said;
use nexnum::market::sealing::Sealing;

/// Those that all wire formats show in few orders; the chaos run shows all kinds.
const KINDS: [FaultKind; 9] = [
    FaultKind::TimeOut,
    FaultKind::Http500,
    FaultKind::Http429RetryAfter,
    FaultKind::Garbage,
    FaultKind::TruncatedBody,
    FaultKind::BoughtButReplyLost,
    FaultKind::NoNumbers,
    FaultKind::DuplicateMessage,
    FaultKind::MessageAfterCancel,
];
/// Every provider misbehaves so often.
const FAULTY: f64 = 0.5;
/// For so long after the last order, so that lists and polls are hit too.
const FAULTY_FOR: Duration = Duration::from_secs(3);
/// Orders of one customer; some are refused when all providers look closed.
const ORDERS: usize = 4;
/// A pulse comes within this after a deadline, also on a busy machine.
const PULSE_MS: u64 = 5_000;
/// Above the time to buy, after which the engine ends an order whatever the providers do.
const STUCK: Duration = Duration::from_secs(200);

/// Orders while all providers show one fault: each gets its number or its money back in time.
async fn check_fault(kind: FaultKind) {
    let late = kind == FaultKind::MessageAfterCancel;
    let sellers = [(HANDLER, 100_000), (FIVESIM, 150_000), (SMSPOOL, 200_000)];
    let rig = Rig::start_with(&sellers, if late { 60_000 } else { 0 }).await;
    // A late message is no obstacle: every number gets one.
    let share = if late { 1.0 } else { FAULTY };
    sellers.iter().for_each(|(at, _)| rig.sandbox.faults(*at).set(kind, share));
    let bought = tokio::join!(
        rig.buy(Some(1_000_000)),
        rig.buy(Some(1_000_000)),
        rig.buy(Some(1_000_000)),
        rig.buy(Some(1_000_000))
    );
    let bought: [_; ORDERS] = bought.into();
    let placed: Vec<OrderId> = bought.into_iter().flatten().collect();
    assert!(!placed.is_empty(), "{kind:?}: no order was placed");
    tokio::time::sleep(FAULTY_FOR).await;
    sellers.iter().for_each(|(at, _)| rig.sandbox.faults(*at).clear());
    for id in &placed {
        let settled = |order: &Order| match order.state {
            ActivationState::Init => false,
            ActivationState::Active => late,
            ActivationState::Received
            | ActivationState::Completed
            | ActivationState::Cancelled
            | ActivationState::TimedOut
            | ActivationState::Failed => true,
        };
        let order = rig.orders().market.read_model.await_order(*id, STUCK, settled).await.unwrap();
        assert!(settled(&order), "{kind:?}: stuck: {order:?}");
        if order.state == ActivationState::Active {
            rig.cancel(*id).await;
        }
    }
    if late {
        rig.sandbox.advance_ms(61_000);
        for id in placed {
            rig.order(id, |order| order.messages.iter().any(|message| message.late)).await;
        }
    }
    let closed = rig.close().await;
    let opened = closed.opened();
    check_books(kind, &Sealing::open(&opened).unwrap(), opened.engine.state());
    drop(opened);
    closed.sandbox.stop().await;
}

/// Every order ended in time, delivered and paid or refunded, and the money adds up.
fn check_books(kind: FaultKind, sealing: &Sealing, state: &State) {
    audit(state).unwrap_or_else(|complaint| panic!("{kind:?}: {complaint}"));
    let mut paid = 0;
    for order in state.orders() {
        let given = order.assignment.as_ref().map(|given| given.cancel_from);
        let ended = given.or(order.closed_at);
        let ended = ended.unwrap_or_else(|| panic!("{kind:?}: stuck: {order:?}"));
        let deadline = order.placed_at.plus_ms(BUY_TIME_MS + PULSE_MS);
        assert!(ended <= deadline, "{kind:?}: too late: {order:?}");
        let texts: BTreeSet<_> = said(sealing, order).into_iter().map(|said| said.text).collect();
        assert_eq!(texts.len(), order.messages.len(), "{kind:?}: a message twice: {order:?}");
        match order.status {
            OrderStatus::Escrow => panic!("{kind:?}: neither paid nor refunded: {order:?}"),
            OrderStatus::Delivered => paid += order.price.0,
            OrderStatus::Refunded => assert_eq!(order.delivered().count(), 0),
        }
    }
    let book = |book| state.balance(book).0;
    let customer = AccountId(1);
    assert_eq!(book(Book::Escrow(customer)), 0, "{kind:?}");
    assert_eq!(book(Book::Available(customer)), 10_000_000 - paid, "{kind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_of_a_provider_keeps_an_order_or_its_money() {
    let mut checks: JoinSet<()> = KINDS.into_iter().map(check_fault).collect();
    while let Some(checked) = checks.join_next().await {
        checked.unwrap();
    }
}
