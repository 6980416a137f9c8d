//! History behind a running engine: what it holds, what it lets go, what brings it back.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexnum::clock::Clock;
use nexnum::market::folder;
use nexnum::market::history::{Follower, History, HistoryError};
use nexnum::market::read_model::ReadModel;
use nexnum::market::sequencer::{Handle, Sequencer, SequencerSetup};
use nexnum::market::verify::{Followed, verify};
use nexnum::metrics::Metrics;
use nexnum::supervisor::Supervisor;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Caller, Cancel, Command, Finish, Placed, Pulse, Request};
use nexnum_engine::event::MoveKind;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, OrderId, OrderNumber, TransactionId};
use nexnum_engine::time::Time;
use nexnum_storage::Reader;
use nexnum_storage::history::HistoryTables;

use crate::rig::ledger::{self, ACCOUNT, Furniture};

/// A market without faces.
struct Market {
    handle: Handle,
    sequencer: Sequencer,
    read_model: Arc<ReadModel>,
    history: Arc<History>,
    follower: Follower,
    archived: Arc<AtomicU64>,
}

impl Market {
    fn start(dir: &Path) -> Self {
        let opened = folder::open(dir, |_| {}).unwrap();
        let read_model = Arc::new(ReadModel::from_state(opened.engine.state()));
        let archived = Arc::new(AtomicU64::new(0));
        let (history, follower) =
            start_history(opened.history, opened.reader, &read_model, &archived);
        let shown = Arc::clone(&read_model);
        let (handle, sequencer) = Sequencer::start(
            SequencerSetup {
                engine: opened.engine,
                clock: Arc::new(Clock::not_before(opened.last_at)),
                archived: Arc::clone(&archived),
                ledger: opened.ledger,
                metrics: Metrics::default(),
                supervisor: Supervisor::default(),
            },
            move |change| shown.publish(&change),
            |error| panic!("{error}"),
        );
        Self { handle, sequencer, read_model, history, follower, archived }
    }

    fn stop(self) {
        drop(self.handle);
        self.sequencer.stop();
        self.follower.stop();
    }

    async fn ask<R: Request>(&self, request: R) -> R::Answer {
        self.handle.ask(&Origin::SYSTEM, request).await.unwrap().unwrap()
    }

    async fn furnish(&self) {
        let Furniture { keys, account, deposit, provider, offers, stock } = ledger::furniture(50);
        for key in keys {
            self.ask(key).await;
        }
        self.ask(account).await;
        self.ask(deposit).await;
        self.ask(provider).await;
        self.ask(offers).await;
        self.ask(stock).await;
    }

    async fn order(&self) -> OrderId {
        match self.ask(ledger::order()).await {
            Placed::Filled(id) => id,
            other => panic!("{other:?}"),
        }
    }

    async fn cancel(&self, order: OrderId) {
        self.ask(Cancel { order, caller: Caller::Account(ACCOUNT) }).await;
    }

    async fn message(&self, order: OrderId, digest: u128) {
        self.ask(ledger::message(order, digest)).await;
    }

    async fn states(
        &self,
        before: Option<OrderNumber>,
        limit: usize,
    ) -> Vec<(u64, ActivationState)> {
        let page = self.history.orders_of(ACCOUNT, before, limit).await.unwrap();
        page.iter().map(|order| (order.number.0, order.state)).collect()
    }
}

fn new_folder() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    folder::init(temp.path()).unwrap();
    ledger::make_key_files(&folder::open(temp.path(), |_| {}).unwrap());
    temp
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_joins_open_and_closed_orders_newest_first() {
    let temp = new_folder();
    let market = Market::start(temp.path());
    market.furnish().await;
    for _ in 0..4 {
        market.order().await;
    }
    market.cancel(OrderId(2)).await;
    market.message(OrderId(4), 1).await;
    let caller = Caller::Account(ACCOUNT);
    market.ask(Finish { order: OrderId(4), caller }).await;
    use ActivationState::{Active, Cancelled, Completed};
    let all = [(4, Completed), (3, Active), (2, Cancelled), (1, Active)];
    assert_eq!(market.states(None, 10).await, all);
    assert_eq!(market.states(None, 2).await, all[..2]);
    assert_eq!(market.states(Some(OrderNumber(3)), 10).await, all[2..]);
    assert_eq!(market.states(Some(OrderNumber(1)), 10).await, []);
    let others = market.history.orders_of(AccountId(9), None, 10).await.unwrap();
    assert!(others.is_empty());
    market.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_wallet_is_a_transaction_and_they_sum_to_the_balance() {
    let temp = new_folder();
    let market = Market::start(temp.path());
    market.furnish().await;
    let (first, second) = (market.order().await, market.order().await);
    market.cancel(first).await;
    market.message(second, 1).await;
    let page = market.history.transactions(ACCOUNT, None, 10).await.unwrap();
    let shown: Vec<_> = page.iter().map(|row| (row.kind, row.amount.0, row.order)).collect();
    use MoveKind::{Deposit, Refund, Spend};
    assert_eq!(
        shown,
        [
            (Refund, 100_000, Some(first)),
            (Spend, -100_000, Some(second)),
            (Spend, -100_000, Some(first)),
            (Deposit, 10_000_000, None),
        ]
    );
    let sum: i64 = page.iter().map(|row| row.amount.0).sum();
    let account = market.read_model.account(ACCOUNT).unwrap();
    assert_eq!(sum, account.wallet().available.0);
    let ids: Vec<TransactionId> = page.iter().map(|row| row.id).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first: {ids:?}");
    let rest = market.history.transactions(ACCOUNT, Some(ids[1]), 1).await.unwrap();
    assert_eq!(rest, page[2..3]);
    market.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_flushes_and_a_start_knows_what_may_leave_memory() {
    let temp = new_folder();
    let market = Market::start(temp.path());
    market.furnish().await;
    let order = market.order().await;
    market.cancel(order).await;
    let closed_at = market.read_model.order(order).unwrap().closed_at.unwrap();
    let published = *market.read_model.published().borrow();
    market.stop();
    assert_eq!(verify(temp.path(), |_| {}).unwrap().history, Followed::To(published));

    let market = Market::start(temp.path());
    assert_eq!(market.history.cursor(), published, "nothing is left to do");
    market.order().await;
    let archived = Arc::clone(&market.archived);
    market.stop();
    let before = archived.load(Ordering::Acquire);
    assert!(before + 1 >= closed_at.0, "{before} is long before {closed_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_was_lost_or_damaged_is_built_anew_from_the_ledger() {
    let temp = new_folder();
    let market = Market::start(temp.path());
    market.furnish().await;
    for _ in 0..5 {
        let order = market.order().await;
        market.cancel(order).await;
        market.message(order, u128::from(order.0)).await;
    }
    let orders = market.history.orders_of(ACCOUNT, None, 50).await.unwrap();
    let money = market.history.transactions(ACCOUNT, None, 50).await.unwrap();
    assert!(orders.iter().all(|order| order.messages.len() == 1 && order.messages[0].late));
    market.stop();

    let path = temp.path().join("history.redb");
    type Harm = fn(&Path);
    let harms: [Harm; 3] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, "no history").unwrap(),
        |path| fs::write(path, "").unwrap(),
    ];
    for harm in harms {
        harm(&path);
        let market = Market::start(temp.path());
        assert_eq!(market.history.orders_of(ACCOUNT, None, 50).await.unwrap(), orders);
        assert_eq!(market.history.transactions(ACCOUNT, None, 50).await.unwrap(), money);
        market.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_delivered_is_counted_alike_after_any_restart() {
    let temp = new_folder();
    let market = Market::start(temp.path());
    market.furnish().await;
    for _ in 0..4 {
        let order = market.order().await;
        if order.0 == 1 {
            market.cancel(order).await;
        }
        market.message(order, u128::from(order.0)).await;
        market.message(order, 100 + u128::from(order.0)).await;
    }
    let counted = async |market: &Market| {
        assert!(market.history.caught_up(market.read_model.position()).await);
        let order = market.history.order(OrderId(1)).await.unwrap().unwrap();
        let key = (order.provider, order.product);
        market.history.tallies().measured(key, order.placed_at)
    };
    let before = counted(&market).await;
    assert_eq!((before.numbers(), before.codes()), (4, 3), "late messages are no codes");
    assert_eq!(before.delivered_permille(), Some(750));
    market.stop();
    let market = Market::start(temp.path());
    assert_eq!(counted(&market).await, before);
    market.stop();
    retire(temp.path());
    fs::remove_file(temp.path().join("history.redb")).unwrap();
    let market = Market::start(temp.path());
    assert_eq!(counted(&market).await, before, "from the ledger alone");
    market.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_have_left_memory_come_back_from_the_tables_and_from_a_lost_file() {
    let temp = new_folder();
    let market = Market::start(temp.path());
    market.furnish().await;
    let order = market.order().await;
    market.cancel(order).await;
    let shown = market.history.orders_of(ACCOUNT, None, 50).await.unwrap();
    market.stop();
    retire(temp.path());

    let market = Market::start(temp.path());
    assert!(market.read_model.order(order).is_none(), "it has left memory");
    assert_eq!(market.history.order(order).await.unwrap().as_ref(), shown.first());
    assert_eq!(market.history.order(OrderId(99)).await.unwrap(), None);
    market.stop();

    fs::remove_file(temp.path().join("history.redb")).unwrap();
    let market = Market::start(temp.path());
    assert_eq!(market.history.orders_of(ACCOUNT, None, 50).await.unwrap(), shown);
    market.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_not_missing_while_history_lacks_it() {
    let temp = new_folder();
    let market = Market::start(temp.path());
    market.furnish().await;
    let order = market.order().await;
    market.cancel(order).await;
    market.stop();
    retire(temp.path());

    // History begins anew, and has no ledger to follow.
    let elsewhere = new_folder();
    let empty = folder::open(elsewhere.path(), |_| {}).unwrap();
    let opened = folder::open(temp.path(), |_| {}).unwrap();
    let read_model = Arc::new(ReadModel::from_state(opened.engine.state()));
    assert!(read_model.order(order).is_none(), "it has left memory");
    let (history, follower) =
        start_history(empty.history, empty.reader, &read_model, &Arc::default());
    assert_eq!(history.order(order).await, Err(HistoryError::Behind));
    for never in [0, order.0 + 1, u64::MAX] {
        assert_eq!(history.order(OrderId(never)).await, Ok(None), "{never}");
    }
    follower.stop();
}

/// A later group may have the moment of the last one on disk: what closed then stays in memory.
#[tokio::test(flavor = "multi_thread")]
async fn what_closed_in_the_last_moment_on_disk_stays_in_memory() {
    let temp = new_folder();
    let market = Market::start(temp.path());
    market.furnish().await;
    let order = market.order().await;
    market.cancel(order).await;
    market.stop();

    let opened = folder::open(temp.path(), |_| {}).unwrap();
    let last = opened.reader.last().unwrap().seq;
    let row = opened.reader.read(last).unwrap().next().unwrap().unwrap();
    let read_model = Arc::new(ReadModel::from_state(opened.engine.state()));
    let archived = Arc::default();
    let (history, follower) = start_history(opened.history, opened.reader, &read_model, &archived);
    assert!(history.caught_up(last).await);
    for _ in 0..200 {
        if archived.load(Ordering::Acquire) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(archived.load(Ordering::Acquire), row.header.at.0 - 1);
    follower.stop();
}

/// History that follows the ledger of `reader`, and may not fail to be written.
fn start_history(
    tables: HistoryTables,
    reader: Reader,
    read_model: &Arc<ReadModel>,
    archived: &Arc<AtomicU64>,
) -> (Arc<History>, Follower) {
    History::start(
        tables,
        reader,
        Arc::clone(read_model),
        Arc::clone(archived),
        &Supervisor::default(),
        || panic!("history can be written"),
    )
}

/// Lets two hours pass in the ledger.
fn retire(dir: &Path) {
    let mut opened = folder::open(dir, |_| {}).unwrap();
    let at = opened.last_at.plus_ms(2 * 60 * 60 * 1000);
    let pulse = Command::Pulse(Pulse { archived: opened.last_at, unasked: Time(0) });
    ledger::append(&mut opened, at, &pulse);
}
