//! History on a disk of its own: the server's follower without its thread, and what its
//! tables must hold of a ledger.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexnum::market::history::{Follow, Tallies};
use nexnum::market::read_model::ReadModel;
use nexnum_engine::book::Book;
use nexnum_engine::ids::{AccountId, OrderId, Seq};
use nexnum_engine::order::Order;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::history::{HistoryTables, PAGE_LEN_MAX};
use nexnum_storage::{Reader, StorageError, record};
use tokio::sync::{Notify, watch};

use crate::life::ID;

fn place() -> &'static Path {
    Path::new("simulated history.redb")
}

/// Makes empty tables on an empty disk.
pub(crate) fn create(disk: &FaultyDisk) -> Result<(), String> {
    HistoryTables::create_on(disk.clone(), place(), ID).map(drop).map_err(words)
}

/// What a crash has left, for a ledger that ends at `last`.
pub(crate) fn open(disk: &FaultyDisk, last: Seq) -> Result<HistoryTables, String> {
    let opened = HistoryTables::open_on(disk.clone(), place(), ID, last);
    opened.map_err(|error| format!("history does not open: {error}"))
}

fn words(error: StorageError) -> String {
    format!("history cannot be read: {error}")
}

/// Follows a ledger, from where the tables are.
pub(crate) fn follow(tables: HistoryTables, reader: Reader, read_model: Arc<ReadModel>) -> Follow {
    let (following, _) = watch::channel(tables.cursor());
    let (archived, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let fail = || unreachable!("the simulation counts no failures in a row");
    let tallies = Arc::new(Tallies::of(&tables));
    let follow = Follow { tables, tallies, reader, read_model, archived, following, asked, fail };
    follow.resume();
    follow
}

/// Up to when closed orders are in the tables and on disk.
pub(crate) fn archived(follow: &Follow) -> Time {
    // One thread: any ordering will do.
    Time(follow.archived.load(Ordering::Relaxed))
}

/// Every order is in memory or has a row.
///
/// # Errors
/// The first that is in neither.
pub(crate) fn holds_what_left(
    tables: &HistoryTables,
    state: &State,
    orders: &BTreeMap<OrderId, Order>,
) -> Result<(), String> {
    for id in orders.keys().filter(|id| state.order(**id).is_none()) {
        if tables.order(*id).map_err(words)?.is_none() {
            return Err(format!("order {id} is neither in memory nor in history"));
        }
    }
    Ok(())
}

/// Tables that have followed to the end: closed orders as they last stood, and wallets'
/// transactions that add up to the wallets.
///
/// # Errors
/// The first difference.
pub(crate) fn compare(
    tables: &HistoryTables,
    state: &State,
    orders: &BTreeMap<OrderId, Order>,
) -> Result<(), String> {
    if tables.cursor() != state.seq() {
        return Err(format!("history has come to {}, not {}", tables.cursor(), state.seq()));
    }
    for (id, order) in orders.iter().filter(|(_, order)| order.state.is_closed()) {
        let row = tables.order(*id).map_err(words)?;
        let row = row.ok_or_else(|| format!("order {id} has closed and is not in history"))?;
        let mut kept = record::decode_order(&row).map_err(|error| error.to_string())?;
        // History is never asked for a number by its token, and keeps the one that it came with.
        if let (Some(kept), Some(now)) = (&mut kept.assignment, &order.assignment) {
            kept.token = now.token;
        }
        if kept != *order {
            return Err(format!("order {id} is {order:?}, in history {kept:?}"));
        }
    }
    for (account, _) in state.accounts() {
        let (sum, is) = (wallet_sum(tables, account)?, state.balance(Book::Available(account)));
        if sum != i128::from(is.0) {
            return Err(format!("transactions of account {account} add up to {sum}, not {is}"));
        }
    }
    Ok(())
}

/// What the tables count of the providers' deliveries is what a follower counts that reads the
/// whole ledger at once.
///
/// # Errors
/// The tallies on both sides.
pub(crate) fn compare_tallies(
    tables: &HistoryTables,
    reader: Reader,
    read_model: Arc<ReadModel>,
) -> Result<(), String> {
    let (disk, end) = (FaultyDisk::new(0), read_model.position());
    create(&disk)?;
    let anew = follow(open(&disk, end)?, reader, read_model);
    anew.catch_up(end, false).map_err(|error| error.to_string())?;
    let (kept, expected) =
        (tables.tallies().map_err(words)?, anew.tables.tallies().map_err(words)?);
    if kept != expected {
        return Err(format!("tallies are {kept:?}, not {expected:?}"));
    }
    compare_days(tables, &anew.tables, end)
}

/// The trees of the days, and the positions of orders' events, are those of such a follower too.
fn compare_days(tables: &HistoryTables, anew: &HistoryTables, end: Seq) -> Result<(), String> {
    let mut from = 0;
    while let Some((day, expected)) = anew.day_from(from).map_err(words)? {
        let kept = tables.day_from(from).map_err(words)?;
        let nodes = (tables.day_nodes(day).map_err(words)?, anew.day_nodes(day).map_err(words)?);
        if kept != Some((day, expected)) || nodes.0 != nodes.1 {
            return Err(format!("the tree of day {day} is another at {end}"));
        }
        from = day + 1;
    }
    for order in 1.. {
        let positions = |of: &HistoryTables| of.positions_of(OrderId(order)).map_err(words);
        let (kept, expected) = (positions(tables)?, positions(anew)?);
        if kept != expected {
            return Err(format!("order {order} has events at {kept:?}, not at {expected:?}"));
        }
        if expected.is_empty() {
            break;
        }
    }
    Ok(())
}

/// What an account's transactions add up to, page by page.
fn wallet_sum(tables: &HistoryTables, account: AccountId) -> Result<i128, String> {
    let (mut sum, mut before) = (0, None);
    loop {
        let page = tables.transactions_of(account, before, PAGE_LEN_MAX).map_err(words)?;
        let Some((oldest, _)) = page.last() else { return Ok(sum) };
        before = Some(*oldest);
        for (_, row) in &page {
            let row = record::decode_wallet_row(row).map_err(|error| error.to_string())?;
            sum += i128::from(row.amount.0);
        }
    }
}
