//! A look at a provider's list of open activations: one call brings what many polls would, and
//! shows what is on our account.

use std::sync::Arc;

use nexnum_driver::{ActiveRow, ErrorKind, ExternalOutcome, ExternalState, Op, StatusReport};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;
use tokio::task::JoinSet;

use super::visit::{conclude, due_by};
use crate::attention::AttentionKind;
use crate::message::identity::Look;
use crate::order::Orders;
use crate::provider::active::Depth;
use crate::provider::connected::Connected;
use crate::provider::consequence;
use crate::provider::dispatch::Lane;
use crate::provider::server_clock::Look as ClockLook;

/// Activations whose messages are brought in side by side: one commit takes many.
const TOGETHER: usize = 64;
/// How far back the lists go where closed activations are in them as well: a little further
/// than the young are old, and beyond that one by one.
const NEAR_REACH_MS: u64 = 10_000;
const FAR_REACH_MS: u64 = 5 * 60 * 1000;

/// How old a list may be, as some providers keep theirs for a while.
const STALE_MS: u64 = 10_000;

/// What a list showed.
#[derive(Debug)]
pub(super) struct Looked {
    /// The activations that it told enough of.
    pub(super) shown: Vec<OrderId>,
}

/// Why no list came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unlisted {
    /// The provider's limits allowed no call in time: a list is worth more than ever.
    NoTurn,
    /// It cannot be had now.
    Failed,
}

/// Asks for the list, brings in its messages and draws the conclusions.
///
/// # Errors
/// Why it could not be had.
pub(super) async fn look(
    orders: Arc<Orders>,
    connected: Arc<Connected>,
    depth: Depth,
    began: Time,
) -> Result<Looked, Unlisted> {
    if connected.has_none_to_list(began) {
        return Err(Unlisted::Failed);
    }
    let client = connected.client();
    let back = |ms: u64| Time(began.0.saturating_sub(ms));
    let since = match depth {
        Depth::Near => back(NEAR_REACH_MS),
        Depth::Far => back(FAR_REACH_MS),
    };
    let list = match client.list_open(depth, since).await {
        Ok(listed) => {
            let answered = orders.market.clock.now();
            connected.saw(listed, ClockLook { asked: began, answered }).list
        }
        Err(error) => {
            let now = orders.market.clock.now();
            connected.has_no_list(now, &error);
            if consequence::of(error.kind).is_noted {
                connected.note_error(now, Op::ListActive, None, &error);
            }
            let dispatcher = client.room().dispatcher();
            // In a pause of lists polls go on one by one.
            let pauses = [Lane::List, Lane::Poll].iter().any(|lane| dispatcher.is_paused(*lane));
            let is_limited = error.kind == ErrorKind::NoTurn && !pauses;
            return Err(if is_limited { Unlisted::NoTurn } else { Unlisted::Failed });
        }
    };
    let room = client.room();
    note_telling(&orders, &connected, &list.rows, began);
    let is_believed = room.tells();
    let (mut shown, mut coming) = (Vec::new(), JoinSet::new());
    for row in &list.rows {
        let Some(id) = orders.market.read_model.purchase(connected.id(), &row.external_id) else {
            continue;
        };
        let Some(report) = report(row) else { continue };
        let order = orders.market.read_model.order(id);
        let is_last = order.and_then(|it| due_by(&it)).is_some_and(|due| due <= began);
        if report.messages.is_empty() && report.state.outcome() == ExternalOutcome::Open {
            // One that leaves a code out would refund it: the last look is a call of its own.
            if !is_last && is_believed {
                shown.push(id);
            }
            continue;
        }
        if coming.len() >= TOGETHER {
            shown.extend(coming.join_next().await.and_then(Result::ok).flatten());
        }
        coming.spawn(bring(Arc::clone(&orders), Arc::clone(&connected), (id, began), report));
    }
    while let Some(brought) = coming.join_next().await {
        shown.extend(brought.ok().flatten());
    }
    Ok(Looked { shown })
}

/// Notes whether a list tells of messages. One that was asked for a while after a code came by
/// another way shows that too, unless it leaves codes out.
fn note_telling(orders: &Orders, connected: &Connected, rows: &[ActiveRow], began: Time) {
    let (room, now) = (connected.client().room(), orders.market.clock.now());
    let of = |row: &ActiveRow| row.messages.as_ref().map(Vec::len);
    if rows.iter().any(|row| of(row).is_some_and(|messages| messages > 0)) {
        room.note_told(now);
    }
    let left_out = rows.iter().filter(|row| of(row) == Some(0)).filter(|row| {
        let id = orders.market.read_model.purchase(connected.id(), &row.external_id);
        let order = id.and_then(|id| orders.market.read_model.order(id));
        let order = order.filter(|it| it.state == ActivationState::Received && !it.awaits_another);
        order.is_some_and(|order| {
            let mut codes = order.messages.iter().filter(|message| message.has().code);
            codes.any(|message| message.received_at.plus_ms(STALE_MS) < began)
        })
    });
    match left_out.count() {
        0 => {}
        codes => room.note_left_out(codes, now),
    }
}

/// Whether an order has a message with a code.
pub(super) fn has_code(orders: &Orders, id: OrderId) -> bool {
    let order = orders.market.read_model.order(id);
    order.is_some_and(|order| order.messages.iter().any(|message| message.has().code))
}

/// Tells the operator whether a provider's lists leave codes out.
pub(super) fn report_left_out(orders: &Orders, connected: &Connected, leaves_out: bool) {
    let text = leaves_out.then(|| {
        "its list of open activations leaves their codes out: each activation is asked about by a \
         call of its own, and fewer can be open at a time"
            .to_owned()
    });
    let (kind, name) = (AttentionKind::ListLeavesOut, connected.name());
    orders.market.attention.report(kind, name, text);
}

/// What a row says of its activation, if it says enough: a list that only says that a message
/// is there leaves the question to a poll.
fn report(row: &ActiveRow) -> Option<StatusReport> {
    let messages = row.messages.clone()?;
    let state = row.state.unwrap_or(ExternalState::Waiting);
    Some(StatusReport { state, messages, number: row.number, by_word: false, unread: None })
}

/// Brings in the messages of one activation that the list of that moment shows; `None` where a poll has to do it again.
async fn bring(
    orders: Arc<Orders>,
    connected: Arc<Connected>,
    (id, began): (OrderId, Time),
    report: StatusReport,
) -> Option<OrderId> {
    let order = orders.market.read_model.order(id)?;
    // The list shows the message that is there, not whether another one came.
    if order.awaits_another {
        return None;
    }
    let state = orders.take_in(&connected, &order, &report, Look::List).await.ok()?;
    conclude(&orders, &connected, &order, began, state).await;
    Some(id)
}
