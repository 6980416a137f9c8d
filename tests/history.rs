//! History behind a running engine: what it holds, what it lets go, what brings it back.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails fails the test")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexnum::clock::Clock;
use nexnum::market::folder;
use nexnum::market::history::{Follower, History};
use nexnum::market::read_model::ReadModel;
use nexnum::market::sequencer::{Handle, Sequencer, SequencerSetup};
use nexnum::market::verify::{Followed, verify};
use nexnum::metrics::Metrics;
use nexnum::supervisor::Supervisor;
use nexnum_engine::account::TransactionKind;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{
    Actor, Cancel, Command, Deposit, Finish, Incoming, IngestMessage, ListOffers, LoadStock,
    OpenAccount, PlaceOrder, Placed, Pulse, RegisterProvider, Request, Timings,
};
use nexnum_engine::event::{ProviderKind, Terms};
use nexnum_engine::ids::{
    AccountId, CarrierId, CountryId, Number, OfferId, OrderId, Product, ProviderId, ServiceId,
    TransactionId,
};
use nexnum_engine::money::Micros;

const ACCOUNT: AccountId = AccountId(1);
const OFFER: OfferId = OfferId(1);
const PRODUCT: Product = Product { country: CountryId(3), service: ServiceId(5) };
const PRICE: Micros = Micros(100_000);

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
        let (history, follower) = History::start(
            opened.history,
            opened.reader,
            Arc::clone(&read_model),
            Arc::clone(&archived),
            &Supervisor::default(),
            || panic!("history can be written"),
        );
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
        self.handle.ask(request).await.unwrap().unwrap()
    }

    async fn furnish(&self) {
        let offers = vec![(PRODUCT, CarrierId::ANY)];
        let numbers = (0..50).map(|n| Number(6_281_200_000_000 + n)).collect();
        self.ask(OpenAccount { name: "acme".into(), credit_limit: Micros::ZERO }).await;
        self.ask(Deposit { account: ACCOUNT, amount: Micros::units(10), reference: 1 }).await;
        self.ask(RegisterProvider { name: "own".into(), kind: ProviderKind::Own }).await;
        self.ask(ListOffers { provider: ProviderId(1), offers }).await;
        self.ask(LoadStock { offer: OFFER, cost: PRICE, price: PRICE, numbers }).await;
    }

    async fn order(&self) -> OrderId {
        let terms = Terms { offer: OFFER, provider: ProviderId(1), price: PRICE, cost: PRICE };
        let order = PlaceOrder {
            account: ACCOUNT,
            product: PRODUCT,
            carrier: CarrierId::ANY,
            limit: PRICE,
            terms,
            timings: Timings { lifetime_ms: 1_200_000, min_cancel_age_ms: 0 },
            idempotency: None,
        };
        match self.ask(order).await {
            Placed::Filled(id) => id,
            other => panic!("{other:?}"),
        }
    }

    async fn cancel(&self, order: OrderId) {
        self.ask(Cancel { order, actor: Actor::Account(ACCOUNT) }).await;
    }

    async fn message(&self, order: OrderId, digest: u128) {
        let (sender, text, code) = ("Telegram".into(), "code 12345".into(), "12345".into());
        let message = Incoming { digest, sender, text, code };
        self.ask(IngestMessage { order, message }).await;
    }

    async fn states(&self, before: Option<OrderId>, limit: usize) -> Vec<(u32, ActivationState)> {
        let page = self.history.orders_of(ACCOUNT, before, limit).await.unwrap();
        page.iter().map(|order| (order.id.0, order.state)).collect()
    }
}

fn new_folder() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    folder::init(temp.path()).unwrap();
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
    let actor = Actor::Account(ACCOUNT);
    market.ask(Finish { order: OrderId(4), actor }).await;
    use ActivationState::{Active, Cancelled, Completed};
    let all = [(4, Completed), (3, Active), (2, Cancelled), (1, Active)];
    assert_eq!(market.states(None, 10).await, all);
    assert_eq!(market.states(None, 2).await, all[..2]);
    assert_eq!(market.states(Some(OrderId(3)), 10).await, all[2..]);
    assert_eq!(market.states(Some(OrderId(1)), 10).await, []);
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
    use TransactionKind::{Deposit, Refund, Spend};
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

/// Lets two hours pass in the ledger.
fn retire(dir: &Path) {
    use nexnum_storage::{Batch, Ledger, record};
    let mut opened = folder::open(dir, |_| {}).unwrap();
    let at = opened.last_at.plus_ms(2 * 60 * 60 * 1000);
    let mut events = Vec::new();
    let pulse = Command::Pulse(Pulse { archived: opened.last_at });
    opened.engine.execute(at, &pulse, &mut events).unwrap();
    let last = opened.ledger.last().seq;
    let mut payload = Vec::new();
    record::encode_events(&events, &mut payload);
    let first = nexnum_engine::ids::Seq(last.0 + 1);
    let count = events.len() as u32;
    assert!(count > 0, "something was retired");
    opened.ledger.append(&Batch { first, at, count, payload: &payload }, last).unwrap();
}
