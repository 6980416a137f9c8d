//! Every variant of a movement of money.

use nexnum_engine::book::Book;
use nexnum_engine::event::{Legs, MoneyEvent, MoveKind, MoveReason, Moved};
use nexnum_engine::ids::{ProviderId, Seq};
use nexnum_engine::money::Micros;

use crate::values::{ACCOUNT, REFERENCE};

/// Every kind of movement and every reason once, and every book.
pub(crate) fn of_money() -> Vec<(&'static str, MoneyEvent)> {
    let moved = |kind, reason, order, reverses, all: &[(Book, i64)]| {
        let mut legs = Legs::default();
        all.iter().for_each(|(book, amount)| assert!(legs.push(*book, Micros(*amount))));
        MoneyEvent::Moved(Moved { kind, reason, order, reverses, legs })
    };
    let (order, provider) = (Some(REFERENCE), ProviderId(2));
    let deposit = [(Book::CashIn, -500_000), (Book::Available(ACCOUNT), 500_000)];
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
    let charge = [
        (Book::Prepaid(provider), 50_000),
        (Book::Payable(provider), 150_000),
        (Book::Receivable(provider), -200_000),
    ];
    let loss = [(Book::Payable(provider), 200_000), (Book::WriteOffs(provider), -200_000)];
    let recovery = loss.map(|(book, amount)| (book, -amount));
    let given_back = charge.map(|(book, amount)| (book, -amount));
    let others = [
        (Book::Hold(ACCOUNT), 1),
        (Book::Fees, 1),
        (Book::Adjustments, 1),
        (Book::ExchangeDifferences, -3),
    ];
    let (some, of) = (Some::<MoveReason>, Some(Seq(300)));
    vec![
        ("Moved Deposit", moved(MoveKind::Deposit, None, None, None, &deposit)),
        ("Moved others", moved(MoveKind::Deposit, None, None, None, &others)),
        ("Moved Spend", moved(MoveKind::Spend, None, order, None, &spend)),
        (
            "Moved Spend NextAttempt",
            moved(MoveKind::Spend, some(MoveReason::NextAttempt), order, None, &back),
        ),
        (
            "Moved Refund NoNumbers",
            moved(MoveKind::Refund, some(MoveReason::NoNumbers), order, None, &back),
        ),
        (
            "Moved Refund Cancelled",
            moved(MoveKind::Refund, some(MoveReason::Cancelled), order, None, &back),
        ),
        (
            "Moved Refund TimedOut",
            moved(MoveKind::Refund, some(MoveReason::TimedOut), order, None, &back),
        ),
        ("Moved Capture", moved(MoveKind::Capture, None, order, None, &capture)),
        (
            "Moved WriteOff InDoubt",
            moved(MoveKind::WriteOff, some(MoveReason::InDoubt), order, None, &loss),
        ),
        (
            "Moved WriteOff LateMessage",
            moved(MoveKind::WriteOff, some(MoveReason::LateMessage), order, None, &loss),
        ),
        (
            "Moved WriteOff FinishedEmpty",
            moved(MoveKind::WriteOff, some(MoveReason::FinishedEmpty), order, None, &loss),
        ),
        (
            "Moved WriteOff Stayed",
            moved(MoveKind::WriteOff, some(MoveReason::Stayed), order, None, &loss),
        ),
        ("Moved Recovery", moved(MoveKind::Recovery, None, order, of, &recovery)),
        ("Moved Charge", moved(MoveKind::Charge, None, order, None, &charge)),
        ("Moved Return", moved(MoveKind::Return, None, order, of, &given_back)),
    ]
}
