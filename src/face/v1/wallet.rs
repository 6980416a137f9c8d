//! The wallet and what moved in it.

use nexnum_engine::event::{ForeignAmount, MoveKind};
use nexnum_engine::ids::TransactionId;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

use hyper::StatusCode;

use super::page::PageQuery;
use super::state::State;
use crate::face::auth::Trader;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, Reply, Tag};
use crate::face::wire::{Currency, CursorRef, Moment, Money, OrderRef, TransactionRef};
use crate::face::{parse, problems};
use crate::http::{Call, Problem, Response, reply};
use crate::money::PaymentView;

pub(super) const GET: Operation = Operation::new(
    "getWallet",
    Tag::Wallet,
    "Show the account's balance",
    &[Reply::json::<Wallet>(
        200,
        "What the account can spend, and what its open orders hold",
        r#"{"balance": "999.600000", "escrow": "0.400000", "currency": "USD"}"#,
    )],
);

pub(super) fn get(state: &State, trader: Trader, _: &Call) -> Result<Response, Problem> {
    let wallet = state.money.wallet(trader.account);
    let wallet = wallet.ok_or_else(|| Problem::not_found("no such account"))?;
    let (balance, escrow) = (Money(wallet.available), Money(wallet.escrow));
    Ok(reply::json(StatusCode::OK, &Wallet { balance, escrow, currency: Currency::Usd }))
}

pub(super) const TRANSACTIONS: Operation = Operation::new(
    "listTransactions",
    Tag::Wallet,
    "List the movements of the account's money",
    &[Reply::json::<TransactionPage>(
        200,
        "A page of transactions, newest first",
        r#"{"transactions": [{"id": "txn_0a6g3m9xk1rv4", "kind": "SPEND",
            "amount": "-0.400000", "currency": "USD",
            "order_id": "ord_08p3xq5n7t2ma", "payment": null, "at": "2026-11-20T09:30:00.000Z"}], "next_cursor": null}"#,
    )],
)
.query::<PageQuery>()
.problems(&[Code::InternalError, Code::Overloaded]);

pub(super) async fn transactions(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let query = PageQuery::read(&call)?;
    let ids = &state.market.ids;
    let before = parse::list_cursor(query.cursor.as_ref().map(|it| &*it.0), |text| {
        ids.read_transactions_cursor(trader.account, text)
    })?;
    let page = state.money.transactions(trader.account, before, query.limit.0 as usize).await;
    let page = page.map_err(problems::of_history)?;
    let mut transactions = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        let payment = match row.kind {
            MoveKind::Deposit => payment(&state, row.id).await,
            _ => None,
        };
        transactions.push(Transaction {
            id: TransactionRef(ids.transaction(row.id)),
            kind: row.kind.into(),
            amount: Money(row.amount),
            currency: Currency::Usd,
            order_id: row.order.map(|order| OrderRef(ids.order(order))),
            payment,
            at: Moment(row.at),
        });
    }
    let next_cursor =
        page.next.map(|next| CursorRef(ids.transactions_cursor(trader.account, next)));
    Ok(reply::json(StatusCode::OK, &TransactionPage { transactions, next_cursor }))
}

/// A payment as it is shown; one that cannot be read leaves the page as it is without it.
async fn payment(state: &State, id: TransactionId) -> Option<Payment> {
    let found = state.money.payment_of(id).await;
    let shown = found.inspect_err(|error| {
        tracing::error!(%error, "the payment of a transaction cannot be read");
    });
    let PaymentView { rail, foreign, reference } = shown.ok()?;
    let paid = foreign.map(|ForeignAmount { amount, currency, rate }| PaidAmount {
        amount: amount.into(),
        currency: currency.into(),
        rate: rate.into(),
    });
    Some(Payment { rail: rail.as_deref().unwrap_or_default().to_owned(), reference, paid })
}

/// The account's money.
#[derive(Debug, Serialize, JsonSchema)]
struct Wallet {
    /// What it can spend; below zero where it uses credit.
    balance: Money,
    /// What its open orders hold.
    escrow: Money,
    /// The currency of both.
    currency: Currency,
}

/// A page of transactions, newest first.
#[derive(Debug, Serialize, JsonSchema)]
struct TransactionPage {
    /// The transactions.
    #[schemars(length(max = 100))]
    transactions: Vec<Transaction>,
    /// The `cursor` of the next page; `null` on the last one.
    next_cursor: Option<CursorRef>,
}

/// A movement of the account's money.
#[derive(Debug, Serialize, JsonSchema)]
struct Transaction {
    /// Its id.
    id: TransactionRef,
    /// Why the money moved.
    kind: TransactionKind,
    /// The change of the balance; below zero where money left it.
    amount: Money,
    /// The currency of the amount.
    currency: Currency,
    /// The order that it belongs to; `null` for a deposit.
    order_id: Option<OrderRef>,
    /// The payment of a deposit; `null` for other kinds, and while it cannot be read.
    payment: Option<Payment>,
    /// When it happened.
    at: Moment,
}

/// A payment that filled the wallet.
#[derive(Debug, Serialize, JsonSchema)]
struct Payment {
    /// The way that it took, as the operator calls it.
    rail: String,
    /// Its reference, as the operator stated it; `null` where it has been forgotten.
    reference: Option<String>,
    /// What was paid, where that was another currency.
    paid: Option<PaidAmount>,
}

/// An amount in another currency.
#[derive(Debug, Serialize, JsonSchema)]
struct PaidAmount {
    /// How much: a decimal number.
    amount: String,
    /// The currency.
    currency: String,
    /// Units of the ledger's currency for one unit of it, as they were credited.
    rate: String,
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum TransactionKind {
    /// A payment was credited to the account.
    Deposit,
    /// The price of an order moved from the balance to escrow, or a part of it back where a
    /// cheaper offer served.
    Spend,
    /// The price moved from escrow back to the balance.
    Refund,
    /// Another movement, which a later version of this description names.
    Other,
}

impl From<MoveKind> for TransactionKind {
    fn from(kind: MoveKind) -> Self {
        match kind {
            MoveKind::Deposit => Self::Deposit,
            MoveKind::Spend => Self::Spend,
            MoveKind::Refund => Self::Refund,
            // They move no wallet's money.
            MoveKind::Capture
            | MoveKind::WriteOff
            | MoveKind::Recovery
            | MoveKind::Charge
            | MoveKind::Return
            | MoveKind::ProviderPayment => Self::Other,
        }
    }
}
