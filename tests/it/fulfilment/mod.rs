//! Orders on connected providers, against simulated ones that speak the real wire formats.

mod attention;
mod busy;
mod buying;
mod cancel;
mod doubt;
mod facts;
mod faults;
mod in_part;
mod last_terms;
mod missing;
mod numberless;
mod obtainable;
mod over;
mod overflow;
mod panicked;
mod refunded;
mod resend;
mod resold;
mod routing;
mod shared_account;
mod unlisted;
mod upstream;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use nexnum::clock::Clock;
use nexnum::market::folder::{self, Opened};
use nexnum::order::claim::Wish;
use nexnum::order::{Orders, Refusal};
use nexnum::server::config::Config;
use nexnum::server::{ProviderSetup, Running};
use nexnum::supply::config::{MarginConfig, Percent};
use nexnum_driver::Secret;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::{Deposit, NewPayment, OpenAccount, Pulse, Request};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, Number, OrderId, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_sandbox::{Sandbox, SandboxConfig};
use tempfile::TempDir;

use crate::rig::sandbox::{driver, product};
use crate::rig::until::until;
use crate::rig::{ledger, server};

const HANDLER: usize = 0;
const FIVESIM: usize = 1;
const SMSPOOL: usize = 2;
/// A second connection to the account at the provider that is FIVESIM.
const FIVESIM_AGAIN: usize = 4;
/// Far above what any step takes; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running market of simulated providers and a customer with 10.00.
struct Rig {
    running: Running,
    sandbox: Sandbox,
    customer: AccountId,
    folder: TempDir,
    sellers: Vec<(usize, i64)>,
}

/// A market whose process has ended or has not begun; its providers are there.
struct Closed {
    sandbox: Sandbox,
    customer: AccountId,
    folder: TempDir,
    sellers: Vec<(usize, i64)>,
    /// The handler provider has no key at the next start.
    keyless: bool,
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
        Self::start_reworded(config, sellers, &[]).await
    }

    /// As [`Rig::start_on`], with these words of the handler protocol's driver changed.
    async fn start_reworded(
        config: SandboxConfig,
        sellers: &[(usize, i64)],
        words: &[(&str, &str)],
    ) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let folder = TempDir::new().unwrap();
        for (provider, cost) in sellers {
            assert!(
                sandbox.pin(account(*provider), product(), Micros(*cost), 5),
                "it is sold there"
            );
        }
        folder::init(&folder.path().join("market")).unwrap();
        let (customer, sellers) = (AccountId(1), sellers.to_vec());
        let closed = Closed { sandbox, customer, folder, sellers, keyless: false };
        let setup_of = |(at, _): &(usize, i64)| setup(&closed.sandbox, *at, &closed.folder);
        let _drivers_are_written: Vec<_> = closed.sellers.iter().map(setup_of).collect();
        words.iter().for_each(|(from, to)| closed.reword("handler", from, to));
        let rig = closed.open().await;
        synced(rig.orders()).await;
        let open = OpenAccount { name: None, credit_limit: Micros::ZERO };
        assert_eq!(execute(rig.orders(), open).await, customer);
        let amount = Micros::units(10);
        let payment = NewPayment::new("bank", amount, 1);
        execute(rig.orders(), Deposit { account: customer, payment, sealed: None }).await;
        rig
    }

    fn orders(&self) -> &Arc<Orders> {
        &self.running.rooms.orders
    }

    async fn buy(&self, limit: Option<i64>) -> Result<OrderId, Refusal> {
        let limit = limit.map(Micros);
        let wish = Wish { product: product(), variant: VariantId::ANY, limit };
        let placed = self.orders().place(&Origin::SYSTEM, self.customer, wish.into()).await;
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
        let order = self.orders().cancel(&Origin::SYSTEM, self.customer, id).await.unwrap();
        assert_eq!(order.state, ActivationState::Cancelled);
    }

    /// The number of an order.
    fn number(&self, order: &Order) -> Number {
        let numbers = &self.orders().market.numbers;
        numbers.of(order.id, order.assignment.as_ref().unwrap()).unwrap()
    }

    /// Stops the market, not the providers.
    async fn close(self) -> Closed {
        let Self { sandbox, running, customer, folder, sellers } = self;
        running.stop().await.unwrap();
        Closed { sandbox, customer, folder, sellers, keyless: false }
    }

    async fn stop(self) {
        let Closed { sandbox, folder, .. } = self.close().await;
        sandbox.stop().await;
        folder.close().unwrap();
    }
}

impl Closed {
    /// Its folder.
    fn opened(&self) -> Opened {
        folder::open(&self.folder.path().join("market"), |_| {}).unwrap()
    }

    /// What its ledger says.
    fn state(&self) -> State {
        self.opened().engine.state().clone()
    }

    /// Lets so many hours pass in the ledger: what has ended leaves memory.
    fn retire(&self, hours: u64) {
        let mut opened = folder::open(&self.folder.path().join("market"), |_| {}).unwrap();
        let at = opened.last_at.plus_ms(hours * 60 * 60 * 1000);
        let pulse = Pulse { archived: opened.last_at, unasked: Time(0) };
        ledger::append(&mut opened, at, &pulse.into());
    }

    /// Sets the machine's clock forward: nothing is decided between the last event and then.
    fn advance_ms(&self, ms: u64) {
        let mut opened = folder::open(&self.folder.path().join("market"), |_| {}).unwrap();
        let at = Clock::not_before(opened.last_at).now().plus_ms(ms);
        ledger::append(&mut opened, at, &ledger::account().into());
    }

    /// Changes the words of a driver.
    fn reword(&self, driver: &str, from: &str, to: &str) {
        let path = self.folder.path().join(format!("{driver}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replace(from, to)).unwrap();
    }

    /// Starts the market in the folder, with the sellers connected.
    async fn open(self) -> Rig {
        let Self { sandbox, customer, folder, sellers, keyless } = self;
        let config = Config {
            margin: MarginConfig { percent: Percent(20.into()), floor: Micros::ZERO },
            ..server::config(&folder.path().join("market"))
        };
        let setup = |at| {
            let setup = setup(&sandbox, at, &folder);
            let key = if keyless && at == HANDLER { Secret::new(String::new()) } else { setup.key };
            ProviderSetup { key, ..setup }
        };
        let setups = sellers.iter().map(|(at, _)| setup(*at)).collect();
        let running = server::start(&config, setups).await;
        Rig { running, sandbox, customer, folder, sellers }
    }
}

/// Providers that take no number back in its first ten minutes and have no code in eighteen.
fn late_cancels() -> SandboxConfig {
    SandboxConfig {
        min_cancel_age_ms: 600_000,
        sms_delay_ms: 1_100_000..=1_100_000,
        ..SandboxConfig::small(7)
    }
}

/// The provider whose account a connection uses.
const fn account(at: usize) -> usize {
    at % 3
}

/// The shipped driver, but polling ten times a second. It is written once: a test may
/// change its words while the market is closed.
fn setup(sandbox: &Sandbox, at: usize, folder: &TempDir) -> ProviderSetup {
    let provider = &sandbox.providers()[account(at)];
    let path = folder.path().join(format!("{}.toml", provider.driver));
    if !path.exists() {
        fs::write(&path, driver(provider.driver)).unwrap();
    }
    let document = path.to_str().unwrap();
    let name = if account(at) == at { provider.name } else { "Again" };
    let setup = server::provider(name, document, &provider.base_url, &provider.key);
    ProviderSetup { min_cancel_age_ms: Some(0), ..setup }
}

async fn execute<R: Request>(orders: &Orders, request: R) -> R::Answer {
    orders.market.handle.ask(&Origin::SYSTEM, request).await.unwrap().unwrap()
}

/// Waits until every provider's list has come in: a fault set after it meets other calls.
async fn synced(orders: &Orders) {
    until(|| orders.providers.list().iter().all(|p| p.health().last_sync_at.is_some())).await;
}

fn received(order: &Order) -> bool {
    order.state == ActivationState::Received
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

/// The same at the provider that dates its rows.
async fn dated_stray(sandbox: &Sandbox) -> String {
    let bought = ask_fivesim(sandbox, "buy/activation/indonesia/any/telegram").await;
    let bought: serde_json::Value = serde_json::from_str(&bought).expect(&bought);
    bought["id"].to_string()
}

/// What the 5sim protocol's provider answers to a call that is not the market's.
async fn ask_fivesim(sandbox: &Sandbox, path: &str) -> String {
    let provider = &sandbox.providers()[FIVESIM];
    let url = format!("{}/user/{path}", provider.base_url);
    let request = reqwest::Client::new().get(url).bearer_auth(&provider.key);
    request.send().await.unwrap().text().await.unwrap()
}

async fn check_dated_cancelled(sandbox: &Sandbox, id: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !ask_fivesim(sandbox, &format!("check/{id}")).await.contains("CANCELED") {
        assert!(tokio::time::Instant::now() < deadline, "it was not given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn check_cancelled(sandbox: &Sandbox, id: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let query = format!("action=getStatus&id={id}");
    while ask_handler(sandbox, &query).await != "STATUS_CANCEL" {
        assert!(tokio::time::Instant::now() < deadline, "it was not given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
