//! The page at `/metrics`, in the Prometheus text format: the market's counters, and what is
//! read when the page is asked for.

use std::fmt;

use nexnum_engine::ids::ProviderId;
use nexnum_engine::time::Time;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::attention::AttentionKind;
use crate::http::Router;
use crate::http::route::Replies;
use crate::market::history::Measured;
use crate::market::read_model::ProviderView;
use crate::order::Orders;
use crate::provider::connected::Health;
use crate::supervisor::LoopAge;

/// The media type of the page.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Everything that is measured. Takes some locks that are held shortly, and never waits.
///
/// # Panics
/// Never: a string takes everything.
#[must_use]
pub fn render(orders: &Orders, router: &Router) -> String {
    let mut registry = Registry::default();
    orders.market.metrics.register(&mut registry);
    registry.register_collector(Box::new(Reading::of(orders, router)));
    let mut page = String::with_capacity(16 * 1024);
    prometheus_text::encode(&mut page, &registry).expect("a string takes everything");
    page
}

/// A gauge without labels: name, explanation, value.
type Gauge = (&'static str, &'static str, u64);

/// What was read for one page.
#[derive(Debug)]
struct Reading {
    gauges: Vec<Gauge>,
    providers: Vec<(String, OfProvider)>,
    deliveries: Vec<(String, Measured)>,
    replies: Vec<Replies>,
    loops: Vec<LoopAge>,
    attention: Vec<(AttentionKind, u64)>,
}

/// The values of one provider, in the order of [`OF_PROVIDERS`]; `None` where not known.
type OfProvider = [Option<i64>; OF_PROVIDERS.len()];

/// Reads one measure of a provider.
type Measure = fn(&Health, &ProviderView, Time) -> Option<i64>;

/// Reads one measure of a provider's deliveries, which own stock has too.
type Delivery = fn(&Measured) -> Option<i64>;

const OF_DELIVERIES: [(&str, &str, Delivery); 3] = [
    (
        "nexnum_provider_recent_numbers",
        "Numbers that the provider gave to orders; a day halves the count.",
        |measured| i64::try_from(measured.numbers()).ok(),
    ),
    (
        "nexnum_provider_recent_codes",
        "Of those numbers, the ones that got a code; a day halves the count.",
        |measured| i64::try_from(measured.codes()).ok(),
    ),
    (
        "nexnum_provider_time_to_code_milliseconds",
        "Average time from a number to its code, over those codes.",
        |measured| measured.time_to_code_ms().and_then(|ms| i64::try_from(ms).ok()),
    ),
];

const OF_PROVIDERS: [(&str, &str, Measure); 17] = [
    (
        "nexnum_provider_enabled",
        "1 while the provider is enabled, so that orders may buy from it.",
        |health, _, _| Some(i64::from(health.enabled)),
    ),
    ("nexnum_provider_on_sale", "1 while the provider's offers can be bought.", |health, _, _| {
        Some(i64::from(health.on_sale))
    }),
    (
        "nexnum_provider_breaker_open",
        "1 while the provider's circuit breaker is open or half open.",
        |health, _, _| Some(i64::from(!health.breaker.is_closed())),
    ),
    (
        "nexnum_provider_balance_micros",
        "Balance that the provider reported last, in micros.",
        |health, _, _| health.balance.map(|balance| balance.0),
    ),
    (
        "nexnum_provider_balance_low",
        "1 while the provider's balance is zero, or lower than low_balance in the configuration.",
        |health, _, _| Some(i64::from(health.balance_low)),
    ),
    (
        "nexnum_provider_sync_age_seconds",
        "Seconds since the provider's last complete price list.",
        |health, _, now| health.last_sync_at.map(|at| now.ms_since(at) as i64 / 1000),
    ),
    ("nexnum_provider_offers", "Offers in the provider's last price list.", |health, _, _| {
        Some(health.offers as i64)
    }),
    (
        "nexnum_provider_misfits",
        "Rows of the provider's last price list that could not be used.",
        |health, _, _| Some(health.misfits as i64),
    ),
    (
        "nexnum_provider_quarantined",
        "Rows of the provider's last price list that are held back because their price jumped.",
        |health, _, _| Some(health.quarantined as i64),
    ),
    (
        "nexnum_provider_overcharged_offers",
        "Offers that are not sold because a number of theirs cost more than its customer paid.",
        |health, _, _| Some(health.overcharged as i64),
    ),
    (
        "nexnum_provider_too_cheap_offers",
        "Offers that are not sold for a while because purchases at their cost are refused as too cheap.",
        |health, _, _| Some(health.too_cheap as i64),
    ),
    (
        "nexnum_provider_unobtainable_offers",
        "Offers that are not sold for a while because purchases find none of the listed numbers.",
        |health, _, _| Some(health.unobtainable as i64),
    ),
    (
        "nexnum_provider_unattributed",
        "Activations on the account that may be ours or another program's and are left alone.",
        |health, _, _| Some(health.unattributed as i64),
    ),
    (
        "nexnum_provider_written_off_micros",
        "What a provider charged in vain, less what it took back, in micros.",
        |_, known, _| Some(known.books.loss.0),
    ),
    (
        "nexnum_provider_prepaid_micros",
        "What a provider was paid ahead and has not charged yet, by the ledger's books, in micros.",
        |_, known, _| Some(known.books.prepaid.0),
    ),
    (
        "nexnum_provider_payable_micros",
        "What a provider has charged beyond what it was paid, in micros.",
        |_, known, _| Some(known.books.payable.0),
    ),
    (
        "nexnum_provider_receivable_micros",
        "What a provider charged for numbers that are open or not known to be given back, in micros.",
        |_, known, _| Some(known.books.receivable.0),
    ),
];

impl Reading {
    fn of(orders: &Orders, router: &Router) -> Self {
        let now = orders.market.clock.now();
        let known = orders.market.read_model.directory().providers();
        let providers = known.iter().filter_map(|(id, view)| {
            let health = orders.providers.get(*id)?.figures();
            let values = OF_PROVIDERS.map(|(_, _, measure)| measure(&health, view, now));
            Some((view.name.to_string(), values))
        });
        let measured = orders.market.history.tallies().of_providers(now);
        let delivered = |(id, view): &(ProviderId, ProviderView)| {
            Some((view.name.to_string(), *measured.get(id)?))
        };
        Self {
            gauges: gauges(orders),
            deliveries: known.iter().filter_map(delivered).collect(),
            providers: providers.collect(),
            replies: router.replies(),
            loops: orders.market.supervisor.ages(),
            attention: orders.market.attention.counts(),
        }
    }
}

impl Collector for Reading {
    fn encode(&self, mut page: DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = ("nexnum_build_info", "The version that runs.");
        let mut info = page.encode_descriptor(name, help, None, MetricType::Gauge)?;
        info.encode_family(&[("version", env!("CARGO_PKG_VERSION"))])?.encode_gauge(&1_u64)?;
        for (name, help, value) in &self.gauges {
            page.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(value)?;
        }
        for (at, (name, help, _)) in OF_PROVIDERS.iter().enumerate() {
            let mut family = page.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (provider, values) in &self.providers {
                if let Some(value) = values[at] {
                    let labels = [("provider", provider.as_str())];
                    family.encode_family(&labels)?.encode_gauge(&value)?;
                }
            }
        }
        for (name, help, delivery) in OF_DELIVERIES {
            let mut family = page.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (provider, measured) in &self.deliveries {
                if let Some(value) = delivery(measured) {
                    let labels = [("provider", provider.as_str())];
                    family.encode_family(&labels)?.encode_gauge(&value)?;
                }
            }
        }
        let (name, help) = ("nexnum_http_requests", "HTTP replies by route and status class.");
        let mut family = page.encode_descriptor(name, help, None, MetricType::Counter)?;
        for Replies { method, template, class, count } in &self.replies {
            let class = format!("{class}xx");
            let labels = [("method", *method), ("route", *template), ("status_class", &class)];
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(count, None)?;
        }
        let (name, help) = ("nexnum_attention", "Conditions that need the operator's attention.");
        let mut family = page.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (kind, count) in &self.attention {
            family.encode_family(&[("kind", kind.word())])?.encode_gauge(count)?;
        }
        self.encode_loops(page)
    }
}

impl Reading {
    fn encode_loops(&self, mut page: DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = (
            "nexnum_loop_age_seconds",
            "Seconds since the last round of a thread or loop; of several with one name, the oldest.",
        );
        let mut family = page.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for LoopAge { name, age_ms, .. } in &self.loops {
            let age_s = *age_ms as f64 / 1000.0;
            family.encode_family(&[("loop", *name)])?.encode_gauge(&age_s)?;
        }
        let (name, help) = ("nexnum_loop_panics", "Panics of a thread or loop that was restarted.");
        let mut family = page.encode_descriptor(name, help, None, MetricType::Counter)?;
        for LoopAge { name, panics, .. } in &self.loops {
            let labels = [("loop", *name)];
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(panics, None)?;
        }
        Ok(())
    }
}

/// What stands at this moment, of the whole market and its process.
fn gauges(orders: &Orders) -> Vec<Gauge> {
    let (seq, unknown) = (orders.market.read_model.position().0, orders.doubts.count());
    let now = orders.market.clock.now();
    let age_s = |since: Option<Time>| since.map_or(0, |since| now.ms_since(since) / 1000);
    let mut gauges = vec![
        ("nexnum_ledger_seq", "Sequence number of the last durable event that readers see.", seq),
        (
            "nexnum_history_lag_events",
            "Events that history.redb has not taken in yet.",
            seq.saturating_sub(orders.market.history.cursor().0),
        ),
        (
            "nexnum_orders_in_memory",
            "Orders in memory: open ones and recently closed ones.",
            orders.market.read_model.orders_len() as u64,
        ),
        (
            "nexnum_orders_upstream",
            "Open orders whose number is a provider's, not own stock.",
            orders.market.read_model.driven_len() as u64,
        ),
        (
            "nexnum_orders_in_doubt",
            "Orders whose purchase has an unknown outcome.",
            unknown.in_doubt as u64,
        ),
        (
            "nexnum_order_doubt_oldest_seconds",
            "Age of the oldest purchase with an unknown outcome, 0 without one.",
            age_s(unknown.oldest),
        ),
        (
            "nexnum_purchases_given_up",
            "Purchases given up within the last hour that the provider may have made all the same.",
            unknown.given_up as u64,
        ),
        (
            "nexnum_orphans",
            "Purchases without an order that were given back within the last hour.",
            unknown.orphans as u64,
        ),
        (
            "nexnum_commit_queue_depth",
            "Commands in the engine's inbox.",
            orders.market.handle.waiting() as u64,
        ),
        (
            "nexnum_clock_off_seconds",
            "Seconds between the machine's clock and the ledger's time, which does not follow a jump.",
            orders.market.clock.off_ms().unsigned_abs() / 1000,
        ),
        ("nexnum_grid_offers", "Offers in the grid.", orders.market.grid.offers_len() as u64),
        ("nexnum_grid_bytes", "Memory of the grid.", orders.market.grid.bytes() as u64),
    ];
    gauges.extend(of_callbacks(orders));
    let resident = resident_bytes();
    let help = "Resident memory of the process.";
    gauges.extend(resident.map(|bytes| ("process_resident_memory_bytes", help, bytes)));
    gauges
}

/// What stands of callbacks that are kept.
fn of_callbacks(orders: &Orders) -> [Gauge; 4] {
    let callbacks = orders.market.read_model.callbacks(|callbacks| {
        let (failed, refused) = (callbacks.failed_len(), callbacks.refused_len());
        [failed as u64, refused as u64, callbacks.waiting_len() as u64, callbacks.dropped()]
    });
    let [failed, refused, waiting, dropped] = callbacks;
    [
        ("nexnum_callbacks_failed", "Callbacks kept that could not be processed.", failed),
        ("nexnum_callbacks_refused_kept", "Callbacks kept that were refused.", refused),
        ("nexnum_callbacks_waiting", "Callbacks that have not been processed yet.", waiting),
        (
            "nexnum_callbacks_dropped",
            "Callbacks that could not be processed, or were refused, and made room for newer ones.",
            dropped,
        ),
    ]
}

/// The resident memory of the process, where the system has /proc.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
