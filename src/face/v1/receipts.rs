//! Receipts of orders, and the roots that they are checked against.

use std::sync::Arc;

use hyper::StatusCode;

use super::orders;
use super::page::Limit;
use super::state::State;
use crate::face::auth::{Stranger, Trader};
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation, Reply, Tag};
use crate::face::query::{Cursor, parameters};
use crate::face::{parse, problems};
use crate::http::{Call, Problem, Response, reply};
use crate::market::receipt::{DayRoot, DayRootPage, OrderReceipt};

/// Bytes of a receipt: an order with all the messages that it may have, in the longest rows, is
/// below this.
const RECEIPT_LEN_MAX: usize = 2 << 20;

pub(super) const GET: Operation = Operation::new(
    "getOrderReceipt",
    Tag::Orders,
    "Give what proves an order to others",
    &[Reply::json::<OrderReceipt>(
        200,
        "The order's records in the ledger, with what leads from them to the roots of their days",
        r#"{"format": 1, "ledger": "5f0c2d7a9be14c6688d3f1a2b4c5d6e7", "order": 17, "rows": [
            {"first": 8101, "time": 1795771800000, "count": 3, "epoch": 4,
             "previous": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA", "payload_len": 163,
             "records": [
                {"seq": 8101, "time": 1795771800000,
                 "salt": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA", "bytes": "AAUAAQE",
                 "says": "by provider 2 at 2026-11-27T09:30:00.000Z"},
                {"seq": 8102, "time": 1795771800000,
                 "salt": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA", "bytes": "EAkHEQEBAQE",
                 "says": "AnotherRequested"}],
             "path": ["q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"],
             "day": "2026-11-27",
             "proof": {"index": 0, "path": []}}],
            "keys": []}"#,
    )],
)
.details(
    "A receipt has the order's records as they stand in the ledger. `nexnum receipt verify` checks \
     it against the roots of the days that `GET /api/v1/day-roots` lists, without a server and \
     without a key: give both to whom you want to prove the order. The records of a day that is not \
     closed yet have no `proof`: ask again once its root is published, soon after midnight UTC.\n\n\
     A receipt proves that what it shows was recorded when it says. It has the messages of the \
     order, the number if a provider gave it, your reference, and what the number cost the \
     market; of other orders it has hashes alone, and of the end user nothing that can be read. A \
     message that came after the order's end is not in it, nor what is past its time and \
     forgotten.",
)
.path(&[orders::ID])
.problems(&[Code::InternalError, Code::Overloaded]);

pub(super) async fn get(
    state: Arc<State>,
    trader: Trader,
    call: Call,
) -> Result<Response, Problem> {
    let id = parse::order_id(&call, &state.market.ids)?;
    let find = || state.orders.find(trader.account, id);
    find().await.map_err(problems::of_refusal)?;
    let made = state.money.receipt(id).await.map_err(problems::of_receipt)?;
    let body = reply::to_json(&made.receipt);
    if body.len() > RECEIPT_LEN_MAX {
        let len = body.len();
        return Err(Problem::internal(format_args!("the receipt of order {id} has {len} bytes")));
    }
    // What it shows is recorded as shown: the messages in it, and none that came since.
    let mut shown = (*find().await.map_err(problems::of_refusal)?).clone();
    shown.messages.retain(|message| made.messages.contains(&message.id));
    orders::see(&state, trader.viewer(&call), || trader.asker(&call), &shown);
    Ok(reply::json_bytes(StatusCode::OK, body))
}

parameters! {
    /// A page of the roots of days.
    pub(super) struct DayRootsQuery {
        /// How many rows the page has at most.
        limit: Limit,
        /// The `next_cursor` of the previous page; left out for the first page.
        cursor: Option<Cursor>,
    }
}

pub(super) const DAY_ROOTS: Operation = Operation::new(
    "listDayRoots",
    Tag::Orders,
    "List the roots of the days that are closed",
    &[Reply::json::<DayRootPage>(
        200,
        "A page of roots, newest first",
        r#"{"ledger": "5f0c2d7a9be14c6688d3f1a2b4c5d6e7", "day_roots": [
            {"day": "2026-11-27", "root": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA",
             "rows": 40817}], "next_cursor": null}"#,
    )],
)
.details(
    "A root stands for all that was recorded on a day of UTC and tells nothing of it. Receipts of \
     orders are checked against these roots; keep them where the market cannot change them. A day \
     on which nothing was recorded has none. No key is needed.",
)
.query::<DayRootsQuery>()
.problems(&[Code::InternalError, Code::Overloaded]);

pub(super) async fn day_roots(
    state: Arc<State>,
    _: Stranger,
    call: Call,
) -> Result<Response, Problem> {
    let DayRootsQuery { limit, cursor } = DayRootsQuery::read(&call)?;
    // A number beyond all days begins at the newest, as none does.
    let before = cursor.and_then(|cursor| u32::try_from(cursor.0).ok());
    let rows = limit.0 as usize;
    // One more than fits says that there is another page.
    let found = state.market.history.with_tables(move |it| it.closed_days(before, rows + 1)).await;
    let mut found = found.map_err(problems::of_history)?;
    let is_cut = found.len() > rows;
    found.truncate(rows);
    let next_cursor = found.last().filter(|_| is_cut).map(|last| last.day.to_string());
    let ledger = state.money.ledger.id().to_string();
    let day_roots = found.into_iter().map(DayRoot::from).collect();
    Ok(reply::json(StatusCode::OK, &DayRootPage { ledger, day_roots, next_cursor }))
}
