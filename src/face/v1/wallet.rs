//! The wallet and what moved in it.

use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::account::TransactionKind;
use nexnum_engine::ids::TransactionId;

use super::{PAGE_DEFAULT, PAGE_MAX, State, wire};
use crate::clock::rfc3339;
use crate::face::auth::Trader;
use crate::face::{CURRENCY, parse, problems};
use crate::http::{Call, Json, Problem, Response, reply};

pub(super) fn get(state: &State, trader: Trader, call: &Call) -> Result<Response, Problem> {
    call.query(&[])?;
    let wallet = state.money.wallet(trader.account);
    let wallet = wallet.ok_or_else(|| Problem::not_found("no such account"))?;
    let mut body = Json::with_capacity(96);
    body.object(|o| {
        o.amount("balance", wallet.available);
        o.amount("escrow", wallet.escrow);
        o.text("currency", CURRENCY);
    });
    Ok(reply::json_written(StatusCode::OK, body))
}

pub(super) async fn transactions(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let query = call.query(&["cursor", "limit"])?;
    let limit = query.number("limit", 1..=PAGE_MAX, PAGE_DEFAULT)? as usize;
    let before = parse::cursor(query.get("cursor"))?.map(TransactionId);
    let page = state.money.transactions(trader.account, before, limit).await;
    let page = page.map_err(problems::of_history)?;
    let mut body = Json::with_capacity(160 * page.rows.len() + 64);
    body.object(|o| {
        o.array("transactions", |list| {
            for row in &page.rows {
                list.object(|o| {
                    o.number_text("id", row.id.0);
                    o.text("kind", kind_word(row.kind));
                    o.amount("amount", row.amount);
                    o.text("currency", CURRENCY);
                    match row.order {
                        Some(order) => o.number_text("order_id", u64::from(order.0)),
                        None => o.null("order_id"),
                    }
                    o.text("at", &rfc3339(row.at));
                });
            }
        });
        wire::next_cursor(o, page.next.map(|next| next.0));
    });
    Ok(reply::json_written(StatusCode::OK, body))
}

const fn kind_word(kind: TransactionKind) -> &'static str {
    match kind {
        TransactionKind::Deposit => "DEPOSIT",
        TransactionKind::Spend => "SPEND",
        TransactionKind::Refund => "REFUND",
        TransactionKind::Capture => "CAPTURE",
        TransactionKind::WriteOff => "WRITE_OFF",
        TransactionKind::Recovery => "RECOVERY",
    }
}
