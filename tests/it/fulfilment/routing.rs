//! Which of several providers an order buys from.

use std::collections::BTreeMap;

use nexnum::face::ops::metrics_page;
use nexnum::order::claim::{Skip, Wish};
use nexnum::order::quote::Quote;
use nexnum::server::config::ProviderConfig;
use nexnum_engine::ids::VariantId;
use nexnum_engine::money::Micros;
use nexnum_sandbox::SandboxConfig;

use super::{HANDLER, Rig, SMSPOOL, received, setup, synced};
use crate::rig::sandbox::product;

impl Rig {
    /// Connects a seller again under another configuration.
    async fn configure(&self, seller: usize, change: impl Fn(&mut ProviderConfig)) {
        let mut setup = setup(&self.sandbox, seller, &self.folder);
        change(&mut setup.config);
        self.running.providers.connect(setup).await.unwrap();
        synced(self.orders()).await;
    }

    fn quote(&self) -> Quote {
        let wish = Wish { product: product(), variant: VariantId::ANY, limit: None };
        self.orders().quote(&wish, 10)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_asks_share_the_orders_by_weight_as_quotes_foretell() {
    let rig = Rig::start(&[(HANDLER, 100_000), (SMSPOOL, 100_000)]).await;
    for (seller, weight) in [(HANDLER, 3), (SMSPOOL, 1)] {
        assert!(rig.sandbox.pin(seller, product(), Micros(100_000), 50), "it is sold there");
        rig.configure(seller, |config| config.weight = weight).await;
    }
    let mut bought = BTreeMap::<_, usize>::new();
    for _ in 0..12 {
        let quote = rig.quote();
        let taken = quote.asks.iter().find(|ask| ask.taken).unwrap().ask;
        let id = rig.buy(None).await.unwrap();
        let order = rig.order(id, |_| true).await;
        assert_eq!((order.provider, order.offer), (taken.provider, taken.offer));
        let provider = rig.orders().providers.get(order.provider).unwrap();
        *bought.entry(provider.name().to_owned()).or_default() += 1;
    }
    assert_eq!(bought.len(), 2, "{bought:?}");
    assert!((8..=10).contains(&bought["Kestrel"]), "{bought:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_spill_to_the_next_provider_while_the_first_is_busy() {
    for priority in [0, 9] {
        let rig = Rig::start(&[(HANDLER, 100_000), (SMSPOOL, 100_000)]).await;
        let first = |config: &mut ProviderConfig| {
            (config.weight, config.priority) = (100, priority);
        };
        rig.configure(HANDLER, first).await;
        let busy = rig.orders().providers.by_name("Kestrel").unwrap();
        let taken = || {
            let quote = rig.quote();
            let skip = quote.asks.iter().find(|ask| ask.ask.provider == busy.id()).unwrap().skip;
            let taken = quote.asks.iter().find(|ask| ask.taken).unwrap().ask.provider;
            (skip, rig.orders().providers.get(taken).unwrap().name().to_owned())
        };
        assert_eq!(taken(), (None, "Kestrel".to_owned()));
        let admit = || busy.client().room().admit().ok();
        let all: Vec<_> = std::iter::from_fn(admit).take(100_000).collect();
        assert_eq!(taken(), (Some(Skip::Busy), "Lagoon".to_owned()));
        let id = rig.buy(None).await.unwrap();
        let order = rig.order(id, received).await;
        assert_eq!((order.attempt, order.price), (1, Micros(120_000)));
        assert_ne!(order.provider, busy.id());
        drop(all);
        assert_eq!(taken(), (None, "Kestrel".to_owned()));
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_gives_and_delivers_is_counted_from_the_number_on() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 700).await;
    let first = rig.buy(None).await.unwrap();
    let order = rig.order(first, received).await;
    let second = rig.buy(None).await.unwrap();
    rig.cancel(second).await;
    let market = &rig.orders().market;
    assert!(market.history.caught_up(market.read_model.position()).await);
    let key = (order.provider, order.product);
    let measured = market.history.tallies().measured(key, market.clock.now());
    assert_eq!((measured.numbers(), measured.codes()), (2, 1));
    let time_ms = measured.time_to_code_ms().unwrap();
    assert!((600..30_000).contains(&time_ms), "{time_ms}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_pay_for_a_number_is_passed_over_without_a_call() {
    let config = SandboxConfig {
        min_cancel_age_ms: 0,
        sms_delay_ms: 0..=0,
        balance: Micros(150_000),
        ..SandboxConfig::small(7)
    };
    let rig = Rig::start_on(config, &[(HANDLER, 100_000), (SMSPOOL, 120_000)]).await;
    rig.configure(HANDLER, |config| config.low_balance = Micros(60_000)).await;
    let health = || rig.orders().providers.by_name("Kestrel").unwrap().health();
    assert_eq!((health().spendable, health().balance_low), (Some(Micros(150_000)), false));
    let id = rig.buy(None).await.unwrap();
    assert_eq!(rig.order(id, received).await.price, Micros(120_000));
    assert_eq!((health().spendable, health().balance_low), (Some(Micros(50_000)), true));
    assert_eq!(health().balance, Some(Micros(150_000)), "as it was read");
    let quote = rig.quote();
    let skips: Vec<_> = quote.asks.iter().take(2).map(|ask| (ask.skip, ask.taken)).collect();
    assert_eq!(skips, [(Some(Skip::CannotPay), false), (None, true)]);
    let id = rig.buy(None).await.unwrap();
    let order = rig.order(id, received).await;
    assert_eq!((order.attempt, order.price), (1, Micros(144_000)));
    let shown = metrics_page::render(rig.orders(), &rig.running.routes.router);
    assert!(shown.contains("nexnum_provider_balance_low{provider=\"Kestrel\"} 1"), "{shown}");
    rig.stop().await;
}
