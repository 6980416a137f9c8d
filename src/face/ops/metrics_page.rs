//! The metrics page: what was counted, and what stands at this moment.

use std::borrow::Cow;
use std::fmt::Write as _;

use nexnum_engine::time::Time;

use crate::http::Router;
use crate::market::read_model::ProviderView;
use crate::metrics;
use crate::order::Orders;
use crate::provider::connected::Health;

/// Everything, in the Prometheus text format.
#[must_use]
pub fn render(orders: &Orders, router: &Router) -> String {
    let mut text = metrics::recorded();
    for (name, help, value) in gauges(orders) {
        family(&mut text, name, "gauge", help);
        line(&mut text, format_args!("{name} {value}\n"));
    }
    render_providers(&mut text, orders);
    render_replies(&mut text, router);
    text
}

/// What stands at this moment, of the whole server.
fn gauges(orders: &Orders) -> Vec<(&'static str, &'static str, u64)> {
    let (seq, unknown) = (orders.market.read_model.position().0, orders.doubts.count());
    let now = orders.market.clock.now();
    let age_s = |since: Option<Time>| since.map_or(0, |since| now.ms_since(since) / 1000);
    vec![
        ("nexnum_ledger_seq", "Events durable and published.", seq),
        (
            "nexnum_history_lag_events",
            "Events that history has not taken in.",
            seq.saturating_sub(orders.market.history.cursor().0),
        ),
        (
            "nexnum_orders_in_memory",
            "Orders that have not been retired.",
            orders.market.read_model.orders_len() as u64,
        ),
        (
            "nexnum_orders_upstream",
            "Open orders at providers.",
            orders.market.read_model.driven_len() as u64,
        ),
        (
            "nexnum_orders_in_doubt",
            "Orders whose purchase has an unknown outcome.",
            unknown.in_doubt as u64,
        ),
        (
            "nexnum_order_doubt_oldest_seconds",
            "Age of the oldest doubt, 0 without one.",
            age_s(unknown.oldest),
        ),
        (
            "nexnum_purchases_given_up",
            "Purchases given up within the hour that may still turn up.",
            unknown.given_up as u64,
        ),
        (
            "nexnum_orphans",
            "Numbers of nobody that went back within the hour.",
            unknown.orphans as u64,
        ),
        (
            "nexnum_commit_queue_depth",
            "Commands that wait for the engine.",
            orders.market.handle.waiting() as u64,
        ),
        ("nexnum_grid_offers", "Offers listed.", orders.market.grid.offers_len() as u64),
        ("nexnum_grid_bytes", "Bytes that the grid holds.", orders.market.grid.bytes() as u64),
    ]
}

/// One measure of a provider; `None` where it is not known.
type OfProvider = fn(&Health, &ProviderView, Time) -> Option<i64>;

const OF_PROVIDERS: [(&str, &str, OfProvider); 8] = [
    ("nexnum_provider_enabled", "Whether it is bought from.", |health, _, _| {
        Some(i64::from(health.enabled))
    }),
    ("nexnum_provider_breaker_open", "Whether its breaker keeps buyers away.", |health, _, _| {
        Some(i64::from(health.breaker != "closed"))
    }),
    ("nexnum_provider_balance_micros", "Its balance, as it said last.", |health, _, _| {
        health.balance.map(|balance| balance.0)
    }),
    ("nexnum_provider_sync_age_seconds", "Since its last whole list.", |health, _, now| {
        health.last_sync_at.map(|at| now.ms_since(at) as i64 / 1000)
    }),
    ("nexnum_provider_offers", "Offers of its last list.", |health, _, _| {
        Some(health.offers as i64)
    }),
    ("nexnum_provider_misfits", "Rows of it that could not be read.", |health, _, _| {
        Some(health.misfits as i64)
    }),
    ("nexnum_provider_quarantined", "Rows kept out for their price.", |health, _, _| {
        Some(health.quarantined as i64)
    }),
    (
        "nexnum_provider_written_off_micros",
        "Purchases lost in doubt and not recovered.",
        |_, known, _| Some(known.loss.0),
    ),
];

fn render_providers(text: &mut String, orders: &Orders) {
    let now = orders.market.clock.now();
    let known = orders.market.read_model.directory().providers();
    let connected: Vec<(Health, &ProviderView)> = known
        .iter()
        .filter_map(|(id, view)| Some((orders.providers.get(*id)?.figures(), view)))
        .collect();
    for (name, help, measure) in OF_PROVIDERS {
        family(text, name, "gauge", help);
        for (health, view) in &connected {
            if let Some(value) = measure(health, view, now) {
                let provider = escaped(&view.name);
                line(text, format_args!("{name}{{provider=\"{provider}\"}} {value}\n"));
            }
        }
    }
}

fn render_replies(text: &mut String, router: &Router) {
    let name = "nexnum_http_requests_total";
    family(text, name, "counter", "Replies by route and class of status.");
    for reply in router.replies() {
        let (method, route, class) = (reply.method, reply.template, reply.class);
        line(
            text,
            format_args!(
                "{name}{{method=\"{method}\",route=\"{route}\",status_class=\"{class}xx\"}} {}\n",
                reply.count
            ),
        );
    }
}

/// A label's value: the operator names a provider as he likes.
fn escaped(value: &str) -> Cow<'_, str> {
    if !value.contains(['\\', '"', '\n']) {
        return value.into();
    }
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into()
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    line(text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes everything");
}
