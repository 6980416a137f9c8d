//! Every variant of a movement of money.

use nexnum_engine::book::Book;
use nexnum_engine::event::{ForeignAmount, Legs, MoneyEvent, MoveKind, MoveReason, Moved, Payment};
use nexnum_engine::ids::{ProviderId, RailId, Seq};
use nexnum_engine::money::Micros;
use nexnum_engine::order::OrderRef;
use nexnum_engine::sealed::{KeyHandle, SealedValue};

use crate::values::{ACCOUNT, DIGEST, REFERENCE};

fn moved(
    kind: MoveKind,
    reason: Option<MoveReason>,
    (order, reverses): (Option<OrderRef>, Option<Seq>),
    all: &[(Book, i64)],
) -> MoneyEvent {
    let mut legs = Legs::default();
    all.iter().for_each(|(book, amount)| assert!(legs.push(*book, Micros(*amount))));
    MoneyEvent::Moved(Moved { kind, reason, order, reverses, legs })
}

const ORDER: Option<OrderRef> = Some(REFERENCE);
const AGAIN: Option<Seq> = Some(Seq(300));

/// What moves between a customer's books and ours, every other book among them.
fn of_customers() -> Vec<(&'static str, MoneyEvent)> {
    let provider = ProviderId(2);
    let deposit = [(Book::Rail(RailId(2)), -500_000), (Book::Available(ACCOUNT), 500_000)];
    let spend = [
        (Book::Bonus(ACCOUNT), -200_000),
        (Book::Available(ACCOUNT), -300_000),
        (Book::EscrowBonus(ACCOUNT), 200_000),
        (Book::Escrow(ACCOUNT), 300_000),
    ];
    let back = spend.map(|(book, amount)| (book, -amount));
    let capture = [
        (Book::Escrow(ACCOUNT), -300_000),
        (Book::EscrowBonus(ACCOUNT), -200_000),
        (Book::Receivable(provider), 200_000),
        (Book::OwnStockCost, 100_000),
        (Book::Revenue, 200_000),
    ];
    let others = [
        (Book::Hold(ACCOUNT), 1),
        (Book::Fees, 1),
        (Book::Adjustments, 1),
        (Book::ExchangeDifferences, -3),
    ];
    vec![
        ("Moved Deposit", moved(MoveKind::Deposit, None, (None, None), &deposit)),
        ("Moved others", moved(MoveKind::Deposit, None, (None, None), &others)),
        ("Moved Spend", moved(MoveKind::Spend, None, (ORDER, None), &spend)),
        (
            "Moved Spend NextAttempt",
            moved(MoveKind::Spend, Some(MoveReason::NextAttempt), (ORDER, None), &back),
        ),
        (
            "Moved Refund NoNumbers",
            moved(MoveKind::Refund, Some(MoveReason::NoNumbers), (ORDER, None), &back),
        ),
        (
            "Moved Refund Cancelled",
            moved(MoveKind::Refund, Some(MoveReason::Cancelled), (ORDER, None), &back),
        ),
        (
            "Moved Refund TimedOut",
            moved(MoveKind::Refund, Some(MoveReason::TimedOut), (ORDER, None), &back),
        ),
        ("Moved Capture", moved(MoveKind::Capture, None, (ORDER, None), &capture)),
    ]
}

/// What moves between a provider's books and ours.
fn of_providers() -> Vec<(&'static str, MoneyEvent)> {
    let provider = ProviderId(2);
    let charge = [
        (Book::Prepaid(provider), 50_000),
        (Book::Payable(provider), 150_000),
        (Book::Receivable(provider), -200_000),
    ];
    let loss = [(Book::Payable(provider), 200_000), (Book::WriteOffs(provider), -200_000)];
    let recovery = loss.map(|(book, amount)| (book, -amount));
    let given_back = charge.map(|(book, amount)| (book, -amount));
    let payout = [
        (Book::Rail(RailId(2)), 500),
        (Book::Payable(provider), -200),
        (Book::Prepaid(provider), -300),
    ];
    vec![
        (
            "Moved WriteOff InDoubt",
            moved(MoveKind::WriteOff, Some(MoveReason::InDoubt), (ORDER, None), &loss),
        ),
        (
            "Moved WriteOff LateMessage",
            moved(MoveKind::WriteOff, Some(MoveReason::LateMessage), (ORDER, None), &loss),
        ),
        (
            "Moved WriteOff FinishedEmpty",
            moved(MoveKind::WriteOff, Some(MoveReason::FinishedEmpty), (ORDER, None), &loss),
        ),
        (
            "Moved WriteOff Stayed",
            moved(MoveKind::WriteOff, Some(MoveReason::Stayed), (ORDER, None), &loss),
        ),
        ("Moved Recovery", moved(MoveKind::Recovery, None, (ORDER, AGAIN), &recovery)),
        ("Moved ProviderPayment", moved(MoveKind::ProviderPayment, None, (None, None), &payout)),
        ("Moved Charge", moved(MoveKind::Charge, None, (ORDER, None), &charge)),
        ("Moved Return", moved(MoveKind::Return, None, (ORDER, AGAIN), &given_back)),
    ]
}

/// Payments in and out, and their rail.
fn of_payments() -> Vec<(&'static str, MoneyEvent)> {
    let provider = ProviderId(2);
    let payment = |foreign| Payment {
        rail: RailId(2),
        amount: Micros(1_000_000),
        foreign,
        reference: DIGEST,
    };
    let (amount, currency, rate) = ("0.00001234".into(), "BTC".into(), "81037.27".into());
    let foreign = Some(ForeignAmount { amount, currency, rate });
    let sealed = SealedValue {
        handle: KeyHandle(DIGEST),
        nonce: [7; 24],
        commitment: [8; 32],
        ciphertext: [9; 20].into(),
    };
    let paid = payment(None);
    vec![
        ("RailNamed", MoneyEvent::RailNamed { rail: RailId(2), name: "usdt-trc20".into() }),
        (
            "Deposited",
            MoneyEvent::Deposited {
                account: ACCOUNT,
                payment: payment(foreign),
                sealed: Some(sealed),
            },
        ),
        (
            "Deposited plain",
            MoneyEvent::Deposited { account: ACCOUNT, payment: payment(None), sealed: None },
        ),
        (
            "ProviderPaid",
            MoneyEvent::ProviderPaid { provider, payment: paid, text: "invoice".into() },
        ),
    ]
}

/// Every event of money.
pub(crate) fn of_money() -> Vec<(&'static str, MoneyEvent)> {
    [of_payments(), of_customers(), of_providers()].concat()
}
