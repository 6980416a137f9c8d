//! The wallet and what moved in it.

use hyper::StatusCode;
use nexnum_engine::account::TransactionKind;
use nexnum_engine::ids::TransactionId;

use super::{PAGE_DEFAULT, PAGE_MAX, wire};
use crate::app::App;
use crate::clock::rfc3339;
use crate::http::{Call, Json, Problem, Response, auth, problems, reply};

pub(super) fn get(call: &Call<App>) -> Result<Response, Problem> {
    let id = auth::account(call)?;
    call.query(&[])?;
    let account = call.state.read_model.account(id);
    let wallet = account.ok_or_else(|| Problem::not_found("no such account"))?.wallet();
    let mut body = Json::with_capacity(96);
    body.object(|o| {
        o.amount("balance", wallet.available);
        o.amount("escrow", wallet.escrow);
        o.text("currency", wire::CURRENCY);
    });
    Ok(reply::json_written(StatusCode::OK, body))
}

pub(super) async fn transactions(call: Call<App>) -> Result<Response, Problem> {
    let account = auth::account(&call)?;
    let query = call.query(&["cursor", "limit"])?;
    let limit = query.number("limit", 1..=PAGE_MAX, PAGE_DEFAULT)? as usize;
    let before = wire::parse_cursor(query.get("cursor"))?.map(TransactionId);
    let rows = call.state.history.transactions(account, before, limit).await;
    let rows = rows.map_err(problems::of_history)?;
    let next = if rows.len() == limit { rows.last().map(|row| row.id) } else { None };
    let mut body = Json::with_capacity(160 * rows.len() + 64);
    body.object(|o| {
        o.array("transactions", |list| {
            for row in &rows {
                list.object(|o| {
                    o.number_text("id", row.id.0);
                    o.text("kind", kind_word(row.kind));
                    o.amount("amount", row.amount);
                    o.text("currency", wire::CURRENCY);
                    match row.order {
                        Some(order) => o.number_text("order_id", u64::from(order.0)),
                        None => o.null("order_id"),
                    }
                    o.text("at", &rfc3339(row.at));
                });
            }
        });
        match next {
            Some(next) => o.number_text("next_cursor", next.0),
            None => o.null("next_cursor"),
        }
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
