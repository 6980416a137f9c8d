//! Providers are added, replaced, disabled and removed while the server runs.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use nexnum::attention::AttentionKind;
use nexnum::market::folder;
use nexnum::order::claim::Wish;
use nexnum::order::{Orders, Refusal};
use nexnum::server::config::{Config, ProviderConfig};
use nexnum::server::{ProviderSetup, Running, StartError};
use nexnum_driver::Secret;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::OpenAccount;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, OrderId, ProviderId, VariantId};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_sandbox::{FaultKind, Sandbox, SandboxConfig};
use tempfile::TempDir;

use crate::rig::sandbox::{driver, product};
use crate::rig::server;

/// The sandbox's provider of the handler protocol.
const HANDLER: usize = 0;
/// Far above what any step takes; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);
/// How a message is read in the shipped document.
const READS: &str = "^STATUS_OK:";

/// A server that was started without a provider, and a provider.
struct Rig {
    sandbox: Sandbox,
    running: Running,
    buyer: AccountId,
    folder: TempDir,
}

impl Rig {
    async fn start() -> Self {
        let config = SandboxConfig {
            min_cancel_age_ms: 0,
            sms_delay_ms: 60_000..=60_000,
            ..SandboxConfig::small(7)
        };
        let (sandbox, folder) = (Sandbox::start(config).await.unwrap(), TempDir::new().unwrap());
        assert!(sandbox.pin(HANDLER, product(), Micros(100_000), 50), "it is sold there");
        let dir = folder.path().join("market");
        folder::init(&dir).unwrap();
        let running = server::start(&server::config(&dir), Vec::new()).await;
        let open = OpenAccount { name: None, credit_limit: Micros::units(10) };
        let buyer = running.rooms.market.handle.ask(&Origin::SYSTEM, open).await.unwrap().unwrap();
        Self { sandbox, running, buyer, folder }
    }

    fn orders(&self) -> &Arc<Orders> {
        &self.running.rooms.orders
    }

    /// Connects the provider under a document that reads messages so.
    async fn connect(&self, reads: &str) -> ProviderId {
        let id = self.begin_to_connect(reads, 3600).await.unwrap();
        self.synced(id).await;
        id
    }

    /// As [`Rig::connect`], without waiting for the first list.
    async fn begin_to_connect(
        &self,
        reads: &str,
        sync_interval_s: u64,
    ) -> Result<ProviderId, StartError> {
        self.running.providers.connect(self.setup(reads, sync_interval_s)).await
    }

    /// The provider under a document that reads messages so.
    fn setup(&self, reads: &str, sync_interval_s: u64) -> ProviderSetup {
        let provider = &self.sandbox.providers()[HANDLER];
        let path = self.folder.path().join("handler.toml");
        fs::write(&path, driver("handler").replace(READS, reads)).unwrap();
        let document = path.to_str().unwrap();
        let setup = server::provider("kestrel", document, &provider.base_url, &provider.key);
        let config = ProviderConfig { sync_interval_s, ..setup.config };
        ProviderSetup { config, min_cancel_age_ms: Some(0), ..setup }
    }

    async fn synced(&self, id: ProviderId) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let listed = || self.orders().providers.get(id)?.health().last_sync_at;
        while listed().is_none() {
            assert!(tokio::time::Instant::now() < deadline, "no list came");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn buy(&self) -> Result<OrderId, Refusal> {
        let wish = Wish { product: product(), variant: VariantId::ANY, limit: None };
        Ok(self.orders().place(&Origin::SYSTEM, self.buyer, wish.into()).await?.order.id)
    }

    async fn order(&self, id: OrderId, done: impl Fn(&Order) -> bool) -> Arc<Order> {
        let read_model = &self.running.rooms.market.read_model;
        let order = read_model.await_order(id, PATIENCE, &done).await.unwrap();
        assert!(done(&order), "{order:?}");
        order
    }

    async fn stop(self) {
        let panics = self.running.rooms.market.supervisor.ages();
        assert!(panics.iter().all(|age| age.panics == 0), "{panics:?}");
        self.running.stop().await.unwrap();
        self.sandbox.stop().await;
    }
}

fn has_code(order: &Order) -> bool {
    order.state == ActivationState::Received
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_keeps_the_document_that_it_was_bought_under() {
    let rig = Rig::start().await;
    assert_eq!(rig.buy().await, Err(Refusal::NoNumbers { order: None }), "no provider yet");
    let id = rig.connect(READS).await;
    let first = rig.buy().await.unwrap();

    // The second document does not know a message when it sees one, but in the list.
    assert_eq!(rig.connect("^NOT_IN_THESE_WORDS:").await, id, "a name keeps its id");
    let second = rig.buy().await.unwrap();
    assert_eq!(rig.connect(READS).await, id);
    let third = rig.buy().await.unwrap();

    rig.sandbox.advance_ms(61_000);
    rig.order(first, has_code).await;
    rig.order(third, has_code).await;
    let providers = &rig.orders().providers;
    let under = |id| providers.bought_under(id, 1).unwrap();
    assert!(!Arc::ptr_eq(&under(second), &under(third)));
    assert!(under(second).is_retired() && !under(third).is_retired());
    // The poll that brings the second order its message fails in the words of its document.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let failed = || under(second).health().failures.iter().any(|each| each.order == Some(second));
    while !failed() {
        assert!(tokio::time::Instant::now() < deadline, "its poll did not fail");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rig.order(second, has_code).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_replaced_sells_nothing_before_its_first_list() {
    let rig = Rig::start().await;
    let id = rig.connect(READS).await;
    rig.buy().await.unwrap();
    // No list comes: what is on sale has the old prices, and nothing of it may be sold.
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    rig.begin_to_connect(READS, 3600).await.unwrap();
    assert_eq!(rig.buy().await, Err(Refusal::NoNumbers { order: None }));
    rig.sandbox.faults(HANDLER).clear();
    rig.orders().providers.get(id).unwrap().sync_now();
    rig.synced(id).await;
    rig.buy().await.unwrap();
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_set_up_keeps_no_other_from_selling() {
    let rig = Rig::start().await;
    let Rig { sandbox, running, folder, .. } = rig;
    running.stop().await.unwrap();
    let broken = folder.path().join("broken.toml");
    fs::write(&broken, "name = \"broken\"").unwrap();
    let alien = folder.path().join("alien.toml");
    fs::write(&alien, driver("handler").replace("dialect = \"handler_api\"", "dialect = \"x\""))
        .unwrap();
    let provider = &sandbox.providers()[HANDLER];
    let good = || server::provider("good", "handler", &provider.base_url, &provider.key);
    let wrong = |name: &str, driver: &str, base: &str, enabled| {
        let setup = server::provider(name, driver, base, &provider.key);
        ProviderSetup { config: ProviderConfig { enabled, ..setup.config }, ..setup }
    };
    let url = &*provider.base_url;
    let setups = vec![
        wrong("unknown", "no such driver", url, true),
        wrong("broken", broken.to_str().unwrap(), url, true),
        wrong("off", broken.to_str().unwrap(), url, false),
        wrong("alien", alien.to_str().unwrap(), url, true),
        wrong("nowhere", "handler", "http://", true),
        good(),
    ];
    let dir = folder.path().join("market");
    let section = "[[providers]]\nname = \"ruled\"\ndriver = \"handler\"\nrate = \"0\"";
    let faulty_providers = Config::parse(section, &dir).unwrap().faulty_providers;
    let config = Config { faulty_providers, ..server::config(&dir) };
    let running = server::start(&config, setups).await;
    let market = &running.rooms.market;
    let names: Vec<_> =
        market.read_model.directory().providers().iter().map(|(_, k)| k.name.to_string()).collect();
    assert_eq!(names, ["own", "good"], "what cannot be set up leaves no name");
    let (rows, _) = market.attention.rows(99);
    let told = |name: &str, word: &str| {
        let row = rows.iter().find(|row| row.subject.provider.as_deref() == Some(name)).unwrap();
        assert_eq!(row.kind, AttentionKind::ProviderNotSetUp, "{row:?}");
        assert!(row.text.contains(word), "{row:?}");
    };
    told("unknown", "no driver \"no such driver\"");
    told("broken", "the driver \"");
    told("off", "the driver \"");
    told("alien", "the dialect \"x\"");
    told("nowhere", "base address");
    told("ruled", "line 4: rate: \"0\" is not a rate above 0");
    let synced = || running.rooms.orders.providers.list()[0].health().last_sync_at.is_some();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !synced() {
        assert!(tokio::time::Instant::now() < deadline, "the good one is not synced");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop().await.unwrap();
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_orders_of_a_provider_whose_section_breaks_a_rule_wait_for_the_right_one() {
    let mut rig = Rig::start().await;
    rig.connect(READS).await;
    let open = rig.buy().await.unwrap();
    rig.order(open, |order| order.state == ActivationState::Active).await;
    let good = rig.setup(READS, 3600);
    rig.running.stop().await.unwrap();
    // 1. With a fault in its section it sells nothing, and its open order is told and left.
    let config = server::config(&rig.folder.path().join("market"));
    let section = "[[providers]]\nname = \"kestrel\"\ndriver = \"handler\"\nweight = 0";
    let faulty_providers = Config::parse(section, rig.folder.path()).unwrap().faulty_providers;
    let faulty = Config { faulty_providers, ..config.clone() };
    rig.running = server::start(&faulty, Vec::new()).await;
    assert_eq!(rig.buy().await, Err(Refusal::NoNumbers { order: None }));
    let attention = rig.running.rooms.market.attention.clone();
    let told = |kind| attention.rows(99).0.iter().any(|row| row.kind == kind);
    assert!(told(AttentionKind::ProviderNotSetUp));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !told(AttentionKind::ActivationsLeft) {
        assert!(tokio::time::Instant::now() < deadline, "the open order is not told");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rig.order(open, |order| order.state == ActivationState::Active).await;
    rig.running.stop().await.unwrap();
    // 2. With the right section its code comes.
    rig.running = server::start(&config, vec![good]).await;
    rig.sandbox.advance_ms(61_000);
    rig.order(open, has_code).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_without_its_key_is_not_on_sale_and_is_told() {
    let rig = Rig::start().await;
    let id = rig.connect(READS).await;
    rig.buy().await.unwrap();
    let keyless = |key_secret: Option<&str>, key: &str| {
        let provider = &rig.sandbox.providers()[HANDLER];
        let setup = server::provider("kestrel", "handler", &provider.base_url, key);
        let key_secret = key_secret.map(str::to_owned);
        ProviderSetup { config: ProviderConfig { key_secret, ..setup.config }, ..setup }
    };
    let attention = &rig.running.rooms.market.attention;
    let missing = || {
        let (rows, _) = attention.rows(99);
        let row = rows.into_iter().find(|row| row.kind == AttentionKind::KeyMissing);
        row.map(|row| row.text).unwrap_or_default()
    };
    for (setup, words) in [
        (keyless(Some("k1"), ""), "store the key as \"k1\""),
        (keyless(None, ""), "`key_secret` or `key_env`"),
    ] {
        assert_eq!(rig.running.providers.connect(setup).await.unwrap(), id);
        let health = rig.orders().providers.get(id).unwrap().health();
        assert!(!health.enabled && !health.on_sale, "{health:?}");
        assert!(missing().contains(words), "{}", missing());
        assert_eq!(rig.buy().await, Err(Refusal::NoNumbers { order: None }));
        // Nothing is asked of it, and enabling it does not change that.
        assert!(rig.running.providers.set_enabled(id, true));
        assert_eq!(rig.buy().await, Err(Refusal::NoNumbers { order: None }));
        assert!(rig.running.providers.set_enabled(id, false));
        assert_eq!(missing(), "", "a provider that is not wanted needs no key");
    }
    rig.connect(READS).await;
    assert_eq!(missing(), "");
    rig.buy().await.unwrap();
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_connected_only_under_the_rules_of_the_configuration() {
    let rig = Rig::start().await;
    let refused = rig.begin_to_connect(READS, 0).await.unwrap_err().to_string();
    assert_eq!(refused, "sync_interval_s of provider \"kestrel\" is 0: it must be from 5 to 86400");
    assert_eq!(rig.orders().providers.list().len(), 0);
    assert_eq!(rig.running.rooms.market.read_model.directory().providers().len(), 1, "own stock");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_disabled_or_removed_sells_nothing_and_serves_its_open_orders() {
    let rig = Rig::start().await;
    let id = rig.connect(READS).await;
    let [first, second] = [rig.buy().await.unwrap(), rig.buy().await.unwrap()];

    assert!(rig.running.providers.set_enabled(id, false));
    assert_eq!(rig.buy().await, Err(Refusal::NoNumbers { order: None }));
    assert!(rig.running.providers.set_enabled(id, true));
    let third = rig.buy().await.unwrap();

    assert!(rig.running.providers.remove(id));
    assert!(!rig.running.providers.remove(id), "it is gone");
    assert!(!rig.running.providers.set_enabled(id, true), "it is gone");
    assert_eq!(rig.buy().await, Err(Refusal::NoNumbers { order: None }));
    let cancelled = rig.orders().cancel(&Origin::SYSTEM, rig.buyer, first).await.unwrap();
    assert_eq!(cancelled.state, ActivationState::Cancelled);
    rig.sandbox.advance_ms(61_000);
    rig.order(second, has_code).await;
    rig.order(third, has_code).await;

    assert_eq!(rig.connect(READS).await, id, "it comes back under its id");
    rig.buy().await.unwrap();
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_of_an_unknown_dialect_comes_with_its_codes() {
    let rig = Rig::start().await;
    let provider = &rig.sandbox.providers()[HANDLER];
    let document = rig.folder.path().join("newprovider.toml");
    let text = driver("handler").replace("\"handler_api\"", "\"newprovider\"");
    fs::write(&document, text).unwrap();
    let connect = async |codes: Option<&str>| {
        let driver = document.to_str().unwrap();
        let setup = server::provider("new", driver, &provider.base_url, &provider.key);
        let codes = codes.map(|name| rig.folder.path().join(name).display().to_string());
        let config = ProviderConfig { codes, ..setup.config };
        let connected = rig.running.providers.connect(ProviderSetup { config, ..setup }).await;
        connected.map_err(|error| error.to_string())
    };
    let header = "dialect,kind,canonical,external\n";
    let rows = "newprovider,country,ID,6\nnewprovider,service,telegram,tg\n";
    let beside = rig.folder.path().join("newprovider.csv");
    let other = rig.folder.path().join("other.csv");
    // Each refusal says which file, and where in it.
    let refused = connect(None).await.unwrap_err();
    assert!(refused.contains("\"newprovider\"") && refused.contains("`codes`"), "{refused}");
    let refused = connect(Some("other.csv")).await.unwrap_err();
    assert!(refused.contains("cannot read the codes in") && refused.contains("other.csv"));
    fs::write(&beside, format!("{header}newprovider,country,XX,6\n")).unwrap();
    let refused = connect(None).await.unwrap_err();
    let place = "newprovider.csv: line 2, column 21: the catalogue has no \"XX\"";
    assert!(refused.ends_with(place), "{refused}");
    fs::write(&beside, format!("{header}another,country,ID,6\n")).unwrap();
    let refused = connect(None).await.unwrap_err();
    assert!(refused.contains("of the dialect \"newprovider\""), "{refused}");
    fs::write(&beside, vec![b'x'; 5 << 20]).unwrap();
    let refused = connect(None).await.unwrap_err();
    assert!(refused.contains("it is above 4194304 bytes"), "{refused}");
    assert!(rig.orders().providers.list().is_empty());

    fs::write(&beside, format!("{header}{rows}")).unwrap();
    let id = connect(None).await.unwrap();
    rig.synced(id).await;
    rig.buy().await.unwrap();
    fs::remove_file(&beside).unwrap();
    fs::write(&other, format!("{header}{rows}")).unwrap();
    assert_eq!(connect(Some("other.csv")).await, Ok(id));
    rig.synced(id).await;
    rig.buy().await.unwrap();
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_and_a_password_come_from_the_configuration() {
    let rig = Rig::start().await;
    let provider = &rig.sandbox.providers()[HANDLER];
    let document = rig.folder.path().join("account.toml");
    let text = driver("handler");
    let auth = text.lines().find(|line| line.starts_with("auth = ")).unwrap();
    let more = auth.replace(
        "]",
        ", { place = \"query\", name = \"login\", value = \"{login}\" }, \
         { place = \"query\", name = \"password\", value = \"{password}\" }]",
    );
    fs::write(&document, text.replace(auth, &more)).unwrap();
    let connect = async |login: Option<&str>, password: Option<&str>| {
        let driver = document.to_str().unwrap();
        let setup = server::provider("account", driver, &provider.base_url, &provider.key);
        let password_env = Some("ACCOUNT_PASSWORD".to_owned());
        let login = login.map(str::to_owned);
        let config = ProviderConfig { login, password_env, ..setup.config };
        let password = password.map(Secret::new);
        let setup = ProviderSetup { config, password, ..setup };
        rig.running.providers.connect(setup).await.map_err(|error| error.to_string())
    };
    let refused = connect(None, Some("p")).await.unwrap_err();
    assert!(refused.contains("needs a login") && refused.contains("set `login`"), "{refused}");
    let refused = connect(Some("acme"), None).await.unwrap_err();
    assert!(refused.contains("needs a password"), "{refused}");
    assert!(refused.contains("the variable ACCOUNT_PASSWORD"), "{refused}");
    let id = connect(Some("acme"), Some("p")).await.unwrap();
    rig.synced(id).await;
    rig.buy().await.unwrap();
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_has_timeouts_and_a_proxy_of_its_own() {
    let rig = Rig::start().await;
    let provider = &rig.sandbox.providers()[HANDLER];
    let setup = || server::provider("kestrel", "handler", &provider.base_url, &provider.key);
    let attention = &rig.running.rooms.market.attention;
    let fails = async |words: &str| {
        let deadline = tokio::time::Instant::now() + PATIENCE / 3;
        loop {
            let (rows, _) = attention.rows(99);
            if rows.iter().any(|row| row.text.contains(words)) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "no {words:?} in {rows:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // The usual time of a price list is longer than this waits.
    rig.sandbox.faults(HANDLER).set(FaultKind::TimeOut, 1.0);
    let (call, prices) = (Some(1), Some(1));
    let config =
        ProviderConfig { call_timeout_s: call, prices_timeout_s: prices, ..setup().config };
    rig.running.providers.connect(ProviderSetup { config, ..setup() }).await.unwrap();
    fails("no answer in time").await;
    rig.sandbox.faults(HANDLER).clear();
    // The discard port: nothing listens there.
    let proxy = Some("http://127.0.0.1:9".to_owned());
    let config = ProviderConfig { proxy, ..setup().config };
    rig.running.providers.connect(ProviderSetup { config, ..setup() }).await.unwrap();
    fails("proxy").await;
    let proxy_env = Some("NO_SUCH_PROXY".to_owned());
    let config = ProviderConfig { proxy_env, ..setup().config };
    let without = ProviderSetup { config, ..setup() };
    let refused = rig.running.providers.connect(without.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("NO_SUCH_PROXY of `proxy_env`"), "{refused}");
    let proxy = Some(Secret::new("http://name:word@127.0.0.1:9"));
    rig.running.providers.connect(ProviderSetup { proxy, ..without }).await.unwrap();
    fails("proxy").await;
    let (rows, _) = attention.rows(99);
    assert!(!format!("{rows:?}").contains("word"), "{rows:?}");
    rig.stop().await;
}
