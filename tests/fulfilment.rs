//! Orders on connected providers, against simulated ones that speak the real wire formats.

#![allow(clippy::unwrap_used, reason = "a failed step of a rig fails its test")]

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use nexnum::face::ops::metrics_page;
use nexnum::market::folder;
use nexnum::order::claim::Wish;
use nexnum::order::{Orders, Refusal, UpstreamError};
use nexnum::server::config::{Config, MarginConfig, Percent, ProviderConfig, Rate};
use nexnum::server::{self, ProviderSetup, Running};
use nexnum_driver::{Driver, Secret};
use nexnum_engine::account::Book;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::audit::audit;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::command::{Deposit, FailOrder, OpenAccount, Request};
use nexnum_engine::ids::{AccountId, CarrierId, OrderId, Product};
use nexnum_engine::limits::BUY_TIME_MS;
use nexnum_engine::money::Micros;
use nexnum_engine::order::{FailReason, Order, OrderStatus};
use nexnum_engine::state::State;
use nexnum_sandbox::{FaultKind, Sandbox, SandboxConfig};
use tempfile::TempDir;
use tokio::task::JoinSet;

const HANDLER: usize = 0;
const FIVESIM: usize = 1;
const SMSPOOL: usize = 2;
/// Far above what any step takes; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// A market of simulated providers and a customer with 10.00.
struct Rig {
    sandbox: Sandbox,
    running: Running,
    customer: AccountId,
    folder: TempDir,
    sellers: Vec<(usize, i64)>,
}

/// A market whose process has ended; its providers have not.
struct Closed {
    sandbox: Sandbox,
    customer: AccountId,
    folder: TempDir,
    sellers: Vec<(usize, i64)>,
}

impl Rig {
    /// Connects these providers, each selling the product at its cost in micros.
    async fn start(sellers: &[(usize, i64)]) -> Self {
        Self::start_with(sellers, 0).await
    }

    /// As [`Rig::start`], with messages that take so long.
    async fn start_with(sellers: &[(usize, i64)], sms_delay_ms: u64) -> Self {
        let config = SandboxConfig {
            min_cancel_age_ms: 0,
            sms_delay_ms: sms_delay_ms..=sms_delay_ms,
            ..SandboxConfig::small(7)
        };
        Self::start_on(config, sellers).await
    }

    async fn start_on(config: SandboxConfig, sellers: &[(usize, i64)]) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let folder = TempDir::new().unwrap();
        for (provider, cost) in sellers {
            assert!(sandbox.pin(*provider, product(), Micros(*cost), 5), "it is sold there");
        }
        folder::init(&folder.path().join("market")).unwrap();
        let running = run(&sandbox, &folder, sellers).await;
        let orders = Arc::clone(&running.rooms.orders);
        synced(&orders).await;
        let open = OpenAccount { name: "buyer".into(), credit_limit: Micros::ZERO };
        let customer = execute(&orders, open).await;
        let amount = Micros::units(10);
        execute(&orders, Deposit { account: customer, amount, reference: 1 }).await;
        Self { sandbox, running, customer, folder, sellers: sellers.to_vec() }
    }

    fn orders(&self) -> &Arc<Orders> {
        &self.running.rooms.orders
    }

    async fn buy(&self, limit: Option<i64>) -> Result<OrderId, Refusal> {
        let limit = limit.map(Micros);
        let wish = Wish { product: product(), carrier: CarrierId::ANY, limit };
        let placed = self.orders().place(self.customer, wish, None).await;
        placed.map(|placed| placed.order.id)
    }

    async fn order(&self, id: OrderId, done: impl Fn(&Order) -> bool) -> Arc<Order> {
        let order = self.orders().market.read_model.await_order(id, PATIENCE, &done).await.unwrap();
        let health: Vec<_> = self.orders().providers.list().iter().map(|p| p.health()).collect();
        assert!(done(&order), "{order:?}\n{health:?}");
        order
    }

    /// Available and escrow in micros.
    fn wallet(&self) -> (i64, i64) {
        let wallet = self.orders().market.read_model.account(self.customer).unwrap().wallet();
        (wallet.available.0, wallet.escrow.0)
    }

    async fn cancel(&self, id: OrderId) {
        let order = self.orders().cancel(self.customer, id).await.unwrap();
        assert_eq!(order.state, ActivationState::Cancelled);
    }

    /// Stops the market, not the providers.
    async fn close(self) -> Closed {
        let Self { sandbox, running, customer, folder, sellers } = self;
        running.stop().await.unwrap();
        Closed { sandbox, customer, folder, sellers }
    }

    async fn stop(self) {
        let Closed { sandbox, folder, .. } = self.close().await;
        sandbox.stop().await;
        folder.close().unwrap();
    }
}

impl Closed {
    /// What the ledger says.
    fn state(&self) -> State {
        let opened = folder::open(&self.folder.path().join("market"), |_| {}).unwrap();
        opened.engine.state().clone()
    }

    /// Changes the words of a driver.
    fn reword(&self, driver: &str, from: &str, to: &str) {
        let path = self.folder.path().join(format!("{driver}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replace(from, to)).unwrap();
    }

    /// Starts the market again.
    async fn reopen(self) -> Rig {
        let Self { sandbox, customer, folder, sellers } = self;
        let running = run(&sandbox, &folder, &sellers).await;
        Rig { sandbox, running, customer, folder, sellers }
    }
}

/// The market in the folder, with these providers connected.
async fn run(sandbox: &Sandbox, folder: &TempDir, sellers: &[(usize, i64)]) -> Running {
    let dir = folder.path().join("market");
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: dir.clone(),
        margin: MarginConfig { percent: Percent(20.into()), floor: Micros::ZERO },
        ..Config::default()
    };
    let setups = sellers.iter().map(|(at, _)| setup(sandbox, *at, folder)).collect();
    let opened = folder::open(&dir, |_| {}).unwrap();
    server::start(opened, &config, setups).await.unwrap()
}

/// Always among the products with stock.
fn product() -> Product {
    let catalog = Catalog::load();
    Product {
        country: catalog.find_country("ID").unwrap(),
        service: catalog.find_service("telegram").unwrap(),
    }
}

/// The shipped driver, but polling ten times a second. It is written once: a test may
/// change its words while the market is closed.
fn setup(sandbox: &Sandbox, at: usize, folder: &TempDir) -> ProviderSetup {
    let provider = &sandbox.providers()[at];
    let (_, text) = Driver::shipped().iter().find(|(name, _)| *name == provider.driver).unwrap();
    let slow = |line: &&str| line.starts_with("poll_interval_ms");
    let old = text.lines().find(slow).unwrap();
    let path = folder.path().join(format!("{}.toml", provider.driver));
    if !path.exists() {
        fs::write(&path, text.replace(old, "poll_interval_ms = 100")).unwrap();
    }
    ProviderSetup {
        config: ProviderConfig {
            name: provider.name.to_owned(),
            driver: path.to_str().unwrap().to_owned(),
            base_url: Some(provider.base_url.clone()),
            key_secret: None,
            key_env: None,
            enabled: true,
            priority: 0,
            margin: None,
            rate: Rate::default(),
            sync_interval_s: 3600,
        },
        key: Secret::new(provider.key.clone()),
        min_cancel_age_ms: Some(0),
    }
}

async fn execute<R: Request>(orders: &Orders, request: R) -> R::Answer {
    orders.market.handle.ask(request).await.unwrap().unwrap()
}

async fn until(done: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "it did not come to pass");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until every provider's list has come in: a fault set after it meets other calls.
async fn synced(orders: &Orders) {
    until(|| orders.providers.list().iter().all(|p| p.health().last_sync_at.is_some())).await;
}

fn received(order: &Order) -> bool {
    order.state == ActivationState::Received
}

async fn check_bought(seller: usize) {
    let rig = Rig::start(&[(seller, 100_000)]).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.price, order.cost), (1, Micros(120_000), Micros(100_000)));
    assert!(order.assignment.as_ref().unwrap().number.to_string().starts_with("62"));
    assert!(!order.messages[0].code.is_empty(), "its code was found");
    assert_eq!(rig.wallet(), (9_880_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_bought_over_the_handler_protocol_and_its_code_comes() {
    check_bought(HANDLER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_bought_from_the_rest_protocol_and_its_code_comes() {
    check_bought(FIVESIM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_bought_with_form_posts_and_its_code_comes() {
    check_bought(SMSPOOL).await;
}

async fn check_adopted(seller: usize) {
    let rig = Rig::start(&[(seller, 100_000)]).await;
    rig.sandbox.faults(seller).next(FaultKind::BoughtButReplyLost);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.in_doubt), (1, false));
    assert!(order.assignment.as_ref().unwrap().number.to_string().starts_with("62"));
    assert_eq!(rig.wallet(), (9_880_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_whose_reply_was_lost_is_adopted() {
    tokio::join!(check_adopted(HANDLER), check_adopted(FIVESIM), check_adopted(SMSPOOL));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_want_of_numbers_goes_on_to_the_next_ask_within_the_limit() {
    let rig = Rig::start(&[(HANDLER, 100_000), (SMSPOOL, 200_000)]).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::NoNumbers);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, received).await;
    let provider = rig.orders().providers.get(order.provider).unwrap();
    assert_eq!((provider.name(), order.attempt, order.price), ("Lagoon", 2, Micros(240_000)));
    assert_eq!(rig.wallet(), (9_760_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_no_ask_within_its_limit_fills_is_refunded() {
    let rig = Rig::start(&[(HANDLER, 100_000), (SMSPOOL, 200_000)]).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::NoNumbers);
    let refused = rig.buy(None).await;
    let Err(Refusal::NoNumbers { order: Some(id) }) = refused else { panic!("{refused:?}") };
    let order = rig.order(id, |order| order.state.is_closed()).await;
    assert_eq!((order.state, order.attempt), (ActivationState::Failed, 1));
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_was_never_made_is_found_out_and_the_next_ask_is_tried() {
    let rig = Rig::start(&[(HANDLER, 100_000), (SMSPOOL, 200_000)]).await;
    // Its answer says nothing, so that it may have been made.
    rig.sandbox.faults(HANDLER).next(FaultKind::Garbage);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.in_doubt, order.price), (2, false, Micros(240_000)));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_after_the_cancel_is_kept_and_marked_late() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 60_000).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::MessageAfterCancel);
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    rig.cancel(id).await;
    rig.sandbox.advance_ms(61_000);
    let order = rig.order(id, |order| !order.messages.is_empty()).await;
    assert_eq!(order.state, ActivationState::Cancelled);
    assert!(order.messages.iter().all(|message| message.late));
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

/// A sandbox whose 5sim account finished 300 purchases, the last of them so long ago.
fn busy_account(journals: &TempDir, orders: u32, ago_ms: u64) -> SandboxConfig {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at_ms = now.as_millis() as u64 - ago_ms;
    let Product { country, service } = product();
    let line = |id: u32| {
        format!(
            "{{\"event\":\"bought\",\"id\":{id},\"country\":{},\"service\":{},\"operator\":0,\
             \"cost\":100,\"number\":6281200000001,\"at_ms\":{at_ms}}}\n\
             {{\"event\":\"closed\",\"id\":{id},\"how\":\"finished\",\"at_ms\":{at_ms}}}\n",
            country.0, service.0
        )
    };
    // Above what the sandbox itself begins with: it forgets ids far below its next one.
    let lines: String = (640_000_001..=640_000_000 + orders).map(line).collect();
    fs::write(journals.path().join("fivesim.jsonl"), lines).unwrap();
    SandboxConfig {
        min_cancel_age_ms: 0,
        journal_dir: Some(journals.path().to_owned()),
        ..SandboxConfig::small(7)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_settled_on_an_account_whose_earlier_orders_fill_the_page() {
    let journals = TempDir::new().unwrap();
    check_settled(busy_account(&journals, 300, 600_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_is_settled_on_an_account_whose_new_orders_fill_pages() {
    let journals = TempDir::new().unwrap();
    check_settled(busy_account(&journals, 900, 1_000)).await;
}

/// A purchase whose answer is lost, and that was not made, is found out.
async fn check_settled(config: SandboxConfig) {
    let rig = Rig::start_on(config, &[(FIVESIM, 100_000)]).await;
    rig.sandbox.faults(FIVESIM).next(FaultKind::Garbage);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.in_doubt), (2, false), "another carrier's ask is next");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_too_many_new_orders_may_leave_out_is_not_bought_again() {
    let journals = TempDir::new().unwrap();
    let rig = Rig::start_on(busy_account(&journals, 6_500, 1_000), &[(FIVESIM, 100_000)]).await;
    rig.sandbox.faults(FIVESIM).next(FaultKind::Garbage);
    // Waits for a number longer than whole lists would need to be believed.
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.orders().market.read_model.order(id).unwrap();
    assert_eq!((order.state, order.attempt, order.in_doubt), (ActivationState::Init, 1, true));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unreadable_row_may_be_is_not_bought_again() {
    let sellers = [(HANDLER, 100_000), (SMSPOOL, 200_000)];
    let closed = Rig::start_with(&sellers, 600_000).await.close().await;
    let (read, unread) = (r#"number = "/phoneNumber", country"#, r#"number = "/none", country"#);
    closed.reword("handler", read, unread);
    stray(&closed.sandbox).await;
    let rig = closed.reopen().await;
    synced(rig.orders()).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::Garbage);
    // Waits for a number longer than whole lists would need to be believed.
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.orders().market.read_model.order(id).unwrap();
    assert_eq!((order.state, order.attempt, order.in_doubt), (ActivationState::Init, 1, true));
    let failures = rig.orders().providers.get(order.provider).unwrap().health().failures;
    let told = failures.iter().filter(|failure| failure.text.contains("could not be read"));
    assert_eq!(told.count(), 1, "{failures:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_in_doubt_at_a_restart_is_adopted_after_it() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::BoughtButReplyLost);
    // The list that would settle the doubt cannot be had either.
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    let id = rig.buy(None).await.unwrap();
    let closed = rig.close().await;
    let state = closed.state();
    let order = state.order(id).unwrap();
    assert_eq!((order.state, order.attempt), (ActivationState::Init, 1));

    closed.sandbox.faults(HANDLER).clear();
    let rig = closed.reopen().await;
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.in_doubt, order.price), (1, false, Micros(120_000)));
    assert_eq!(rig.wallet(), (9_880_000, 0));
    rig.stop().await;
}

/// Every provider misbehaves so often.
const FAULTY: f64 = 0.5;
/// For so long after the last order, so that lists and polls are hit too.
const FAULTY_FOR: Duration = Duration::from_secs(3);
/// Orders of one customer; some are refused when all providers look closed.
const ORDERS: usize = 4;
/// A pulse comes within this after a deadline, also on a busy machine.
const PULSE_MS: u64 = 5_000;
/// Above the time to buy, after which the engine ends an order whatever the providers do.
const STUCK: Duration = Duration::from_secs(200);

/// Orders while all providers show one fault: each gets its number or its money back in time.
async fn check_fault(kind: FaultKind) {
    let late = kind == FaultKind::MessageAfterCancel;
    let sellers = [(HANDLER, 100_000), (FIVESIM, 150_000), (SMSPOOL, 200_000)];
    let rig = Rig::start_with(&sellers, if late { 60_000 } else { 0 }).await;
    // A late message is no obstacle: every number gets one.
    let share = if late { 1.0 } else { FAULTY };
    sellers.iter().for_each(|(at, _)| rig.sandbox.faults(*at).set(kind, share));
    let bought = tokio::join!(
        rig.buy(Some(1_000_000)),
        rig.buy(Some(1_000_000)),
        rig.buy(Some(1_000_000)),
        rig.buy(Some(1_000_000))
    );
    let bought: [_; ORDERS] = bought.into();
    let placed: Vec<OrderId> = bought.into_iter().flatten().collect();
    assert!(!placed.is_empty(), "{kind:?}: no order was placed");
    tokio::time::sleep(FAULTY_FOR).await;
    sellers.iter().for_each(|(at, _)| rig.sandbox.faults(*at).clear());
    for id in &placed {
        let settled = |order: &Order| match order.state {
            ActivationState::Init => false,
            ActivationState::Active => late,
            ActivationState::Received
            | ActivationState::Completed
            | ActivationState::Cancelled
            | ActivationState::TimedOut
            | ActivationState::Failed => true,
        };
        let order = rig.orders().market.read_model.await_order(*id, STUCK, settled).await.unwrap();
        assert!(settled(&order), "{kind:?}: stuck: {order:?}");
        if order.state == ActivationState::Active {
            rig.cancel(*id).await;
        }
    }
    if late {
        rig.sandbox.advance_ms(61_000);
        for id in placed {
            rig.order(id, |order| order.messages.iter().any(|message| message.late)).await;
        }
    }
    let closed = rig.close().await;
    check_books(kind, &closed.state());
    closed.sandbox.stop().await;
}

/// Every order ended in time, delivered and paid or refunded, and the money adds up.
fn check_books(kind: FaultKind, state: &State) {
    audit(state).unwrap_or_else(|complaint| panic!("{kind:?}: {complaint}"));
    let mut paid = 0;
    for order in state.orders() {
        let given = order.assignment.as_ref().map(|given| given.cancel_from);
        let ended = given.or(order.closed_at);
        let ended = ended.unwrap_or_else(|| panic!("{kind:?}: stuck: {order:?}"));
        let deadline = order.placed_at.plus_ms(BUY_TIME_MS + PULSE_MS);
        assert!(ended <= deadline, "{kind:?}: too late: {order:?}");
        let texts: BTreeSet<_> = order.messages.iter().map(|message| &message.text).collect();
        assert_eq!(texts.len(), order.messages.len(), "{kind:?}: a message twice: {order:?}");
        match order.status {
            OrderStatus::Escrow => panic!("{kind:?}: neither paid nor refunded: {order:?}"),
            OrderStatus::Delivered => paid += order.price.0,
            OrderStatus::Refunded => assert_eq!(order.delivered().count(), 0),
        }
    }
    let book = |book| state.balance(book).0;
    let customer = AccountId(1);
    assert_eq!(book(Book::Escrow(customer)), 0, "{kind:?}");
    assert_eq!(book(Book::Available(customer)), 10_000_000 - paid, "{kind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_of_a_provider_keeps_an_order_or_its_money() {
    let mut checks: JoinSet<()> = FaultKind::ALL.into_iter().map(check_fault).collect();
    while let Some(checked) = checks.join_next().await {
        checked.unwrap();
    }
}

/// What the handler protocol's provider answers to a call that is not the market's.
async fn ask_handler(sandbox: &Sandbox, query: &str) -> String {
    let provider = &sandbox.providers()[HANDLER];
    let url = format!("{}?api_key={}&{query}", provider.base_url, provider.key);
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

/// Buys a number of the product that the market knows nothing of; gives its id.
async fn stray(sandbox: &Sandbox) -> String {
    let bought = ask_handler(sandbox, "action=getNumber&service=tg&country=6").await;
    let mut parts = bought.split(':');
    assert_eq!(parts.next(), Some("ACCESS_NUMBER"), "{bought}");
    parts.next().unwrap().to_owned()
}

async fn check_cancelled(sandbox: &Sandbox, id: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let query = format!("action=getStatus&id={id}");
    while ask_handler(sandbox, &query).await != "STATUS_CANCEL" {
        assert!(tokio::time::Instant::now() < deadline, "it was not given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_given_up_before_a_restart_goes_back_when_it_turns_up() {
    let rig = Rig::start_with(&[(HANDLER, 100_000), (SMSPOOL, 200_000)], 600_000).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::Garbage);
    let id = rig.buy(Some(1_000_000)).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    assert_eq!(order.attempt, 2, "the first was judged not to have bought anything");
    let closed = rig.close().await;
    let late = stray(&closed.sandbox).await;
    let rig = closed.reopen().await;
    check_cancelled(&rig.sandbox, &late).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_purchase_for_an_order_of_the_last_hour_goes_back_after_a_restart() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    let closed = rig.close().await;
    let second = stray(&closed.sandbox).await;
    let rig = closed.reopen().await;
    check_cancelled(&rig.sandbox, &second).await;
    let own = format!("action=getStatus&id={}", order.assignment.as_ref().unwrap().external_id);
    assert_eq!(ask_handler(&rig.sandbox, &own).await, "STATUS_WAIT_CODE");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_outlasts_a_hiccup_and_an_answer_that_was_lost() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, |order| order.state == ActivationState::Active).await;
    // A poll may meet one of them first: the cancel then meets fewer.
    rig.sandbox.faults(HANDLER).next(FaultKind::Http500);
    rig.sandbox.faults(HANDLER).next(FaultKind::TruncatedBody);
    rig.cancel(id).await;
    let own = format!("action=getStatus&id={}", order.assignment.as_ref().unwrap().external_id);
    assert_eq!(ask_handler(&rig.sandbox, &own).await, "STATUS_CANCEL");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_the_provider_did_not_answer_changes_nothing_and_may_be_repeated() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    let refused = rig.orders().cancel(rig.customer, id).await.unwrap_err();
    assert_eq!(refused, Refusal::Upstream(UpstreamError::Unavailable));
    rig.sandbox.faults(HANDLER).clear();
    let after = rig.orders().market.read_model.order(id).unwrap();
    assert_eq!(after.state, ActivationState::Active);
    assert_eq!(rig.wallet(), (9_880_000, 120_000));
    rig.cancel(id).await;
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_whose_time_is_over_goes_back_once_its_provider_answers() {
    let closed = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await.close().await;
    closed.reword("handler", "lifetime_ms = 1200000", "lifetime_ms = 2000");
    let rig = closed.reopen().await;
    let id = rig.buy(None).await.unwrap();
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    let order = rig.order(id, |order| order.state == ActivationState::TimedOut).await;
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.sandbox.faults(HANDLER).clear();
    check_cancelled(&rig.sandbox, &order.assignment.as_ref().unwrap().external_id).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_by_the_provider_that_was_asked() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let shown = metrics_page::render(rig.orders(), &rig.running.routes.router);
    let count = r#"nexnum_provider_requests_total{provider="Kestrel",op="prices",outcome="ok"}"#;
    assert!(shown.contains(count), "{shown}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_its_provider_takes_back_no_more_stays_open() {
    let config = SandboxConfig {
        min_cancel_age_ms: 600_000,
        sms_delay_ms: 60_000..=60_000,
        ..SandboxConfig::small(7)
    };
    let closed = Rig::start_on(config, &[(HANDLER, 100_000)]).await.close().await;
    // The simulated provider refuses a cancel in these words only.
    let rule = |word| format!(r#"{{ equals = "EARLY_CANCEL_DENIED", error = "{word}""#);
    closed.reword("handler", &rule("too_early"), &rule("too_late"));
    let rig = closed.reopen().await;

    let id = rig.buy(None).await.unwrap();
    rig.order(id, |order| order.state == ActivationState::Active).await;
    let refused = rig.orders().cancel(rig.customer, id).await.unwrap_err();
    assert_eq!(refused, Refusal::Upstream(UpstreamError::TooLate));
    assert_eq!(rig.wallet(), (9_880_000, 120_000), "nothing has changed");
    rig.sandbox.advance_ms(61_000);
    rig.order(id, received).await;
    assert_eq!(rig.wallet(), (9_880_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_shrank_while_the_market_was_closed_is_not_believed_at_once() {
    let mut closed = Rig::start(&[(HANDLER, 100_000)]).await.close().await;
    let few = SandboxConfig { offers: [100; 3], ..SandboxConfig::small(7) };
    std::mem::replace(&mut closed.sandbox, Sandbox::start(few).await.unwrap()).stop().await;
    let rig = closed.reopen().await;
    let health = || rig.orders().providers.list().first().unwrap().health();
    until(|| !health().failures.is_empty()).await;
    let health = health();
    assert!(health.failures[0].text.contains("shrank too much"), "{:?}", health.failures);
    assert_eq!((health.last_sync_at, health.offers), (None, 0));
    assert!(health.quarantined > 0, "all that it named");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_costs_more_than_its_price_is_sold_once_until_the_next_sync() {
    let rig = Rig::start(&[(FIVESIM, 100_000)]).await;
    // It knows no limit where a carrier is named, as the offers of its list do.
    assert!(rig.sandbox.pin(FIVESIM, product(), Micros(500_000), 5), "it is sold there");
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.price, order.cost), (Micros(120_000), Micros(500_000)));
    let stock = rig.orders().market.grid.ask(order.offer).map(|ask| ask.stock);
    assert_eq!(stock, Some(0));
    let health = rig.orders().providers.get(order.provider).unwrap().health();
    let failure = health.failures.back().unwrap();
    assert_eq!(failure.to_string(), "buy: charged 0.500000, sold for 0.120000");
    assert_eq!(failure.order, Some(id));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_off_comes_back_with_the_purchase() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::Garbage);
    let id = OrderId(1);
    let doubted = || rig.orders().market.read_model.order(id).is_some_and(|order| order.in_doubt);
    let give_up = async {
        until(doubted).await;
        let reason = FailReason::InDoubt;
        execute(rig.orders(), FailOrder { order: id, attempt: 1, reason }).await;
    };
    let _failed = tokio::join!(rig.buy(None), give_up);
    let provider = rig.orders().market.read_model.order(id).unwrap().provider;
    let late = stray(&rig.sandbox).await;
    check_cancelled(&rig.sandbox, &late).await;
    let closed = rig.close().await;
    let state = closed.state();
    let loss = state.balance(Book::Loss(provider));
    assert_eq!((loss, state.order(id).unwrap().status), (Micros::ZERO, OrderStatus::Refunded));
    closed.sandbox.stop().await;
}
