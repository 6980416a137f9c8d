//! What is counted where it happens: commits, calls of providers, overcharges.
//!
//! A market has one value of these, handed to those who count; nothing is kept by the process.
//! Every family is bounded: no label names a customer, an order or a number. What the page
//! shows besides is read when it is asked for; the page itself is a face's.

use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::time::Time;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Seconds at which a commit's histogram is cut: a fast disk's sync to a stalled one.
const COMMIT_BUCKETS: [f64; 9] = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1.0];
/// Seconds at which the histogram of looks at the schedules of polls is cut.
const LOOK_BUCKETS: [f64; 8] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25];
/// Events at which a batch's histogram is cut.
const BATCH_BUCKETS: [f64; 8] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0];

/// The counters of one market; a clone counts into the same ones.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    commit_seconds: Histogram,
    commit_batch_events: Histogram,
    poll_look_seconds: Histogram,
    provider_requests: Family<ProviderCall, Counter>,
    provider_overcharges: Family<Provider, Counter>,
    callbacks: Family<CallbackLabels, Counter>,
    callbacks_refused: Family<RefusedLabels, Counter>,
    callbacks_refused_unkept: Family<Provider, Counter>,
    shown_unnoted: Counter,
    days_forgotten: Counter,
    loads_forgotten: Counter,
    retokened: Counter,
    day_closed: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallbackLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    source: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderCall {
    provider: String,
    op: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Provider {
    provider: String,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            commit_seconds: Histogram::new(COMMIT_BUCKETS),
            commit_batch_events: Histogram::new(BATCH_BUCKETS),
            poll_look_seconds: Histogram::new(LOOK_BUCKETS),
            provider_requests: Family::default(),
            provider_overcharges: Family::default(),
            callbacks: Family::default(),
            callbacks_refused: Family::default(),
            callbacks_refused_unkept: Family::default(),
            shown_unnoted: Counter::default(),
            days_forgotten: Counter::default(),
            loads_forgotten: Counter::default(),
            retokened: Counter::default(),
            day_closed: Gauge::default(),
        }
    }
}

impl Metrics {
    /// A batch became durable.
    pub fn committed(&self, events: usize, took: Duration) {
        self.0.commit_seconds.observe(took.as_secs_f64());
        self.0.commit_batch_events.observe(events as f64);
    }

    /// The poller looked at its schedules.
    pub fn polls_looked_at(&self, took: Duration) {
        self.0.poll_look_seconds.observe(took.as_secs_f64());
    }

    /// A provider was asked.
    pub fn provider_call(&self, provider: &str, operation: &'static str, outcome: &'static str) {
        let call = ProviderCall { provider: provider.to_owned(), op: operation, outcome };
        self.0.provider_requests.get_or_create(&call).inc();
    }

    /// A provider charged more for a number than it was sold for.
    pub fn overcharged(&self, provider: &str) {
        let provider = Provider { provider: provider.to_owned() };
        self.0.provider_overcharges.get_or_create(&provider).inc();
    }

    /// A callback was processed, or could not be.
    pub fn callback_processed(&self, outcome: &'static str) {
        self.0.callbacks.get_or_create(&CallbackLabels { outcome }).inc();
    }

    /// A callback was refused before it could be processed.
    pub fn callback_refused(&self, source: &'static str, reason: &'static str) {
        self.0.callbacks_refused.get_or_create(&RefusedLabels { source, reason }).inc();
    }

    /// Refused callbacks for a provider's numbers are not kept, or no longer.
    pub fn callbacks_unkept(&self, provider: &str, count: u64) {
        let provider = Provider { provider: provider.to_owned() };
        self.0.callbacks_refused_unkept.get_or_create(&provider).inc_by(count);
    }

    /// The key of a day was destroyed.
    pub fn day_forgotten(&self) {
        self.0.days_forgotten.inc();
    }

    /// The key of sold loads was destroyed.
    pub fn load_forgotten(&self) {
        self.0.loads_forgotten.inc();
    }

    /// So many numbers were found under a key that ended: they get tokens under that in use.
    pub fn retokened(&self, count: u32) {
        self.0.retokened.inc_by(count.into());
    }

    /// A buyer was shown a message, and there was no room to note it.
    pub fn shown_unnoted(&self) {
        self.0.shown_unnoted.inc();
    }

    /// The last day that is closed ended at this moment.
    pub fn day_closed(&self, ended: Time) {
        self.0.day_closed.set((ended.0 / 1000) as i64);
    }

    /// Puts all of them on a page that is about to be written. The format adds `_total` to
    /// counters and a full stop to each explanation.
    pub fn register(&self, page: &mut Registry) {
        self.register_traffic(page);
        let Counters {
            day_closed,
            commit_seconds,
            commit_batch_events,
            shown_unnoted,
            days_forgotten,
            loads_forgotten,
            retokened,
            ..
        } = &*self.0;
        page.register(
            "nexnum_day_closed_seconds",
            "When the last closed day ended, in seconds since 1970; 0 if none is closed",
            day_closed.clone(),
        );
        page.register(
            "nexnum_commit_seconds",
            "Seconds from handing a batch to the ledger until it is durable",
            commit_seconds.clone(),
        );
        page.register(
            "nexnum_commit_batch_events",
            "Events in a committed batch",
            commit_batch_events.clone(),
        );
        page.register(
            "nexnum_shown_unnoted",
            "Answers that showed a message for the first time and could not be noted in the ledger",
            shown_unnoted.clone(),
        );
        page.register(
            "nexnum_days_forgotten",
            "Days whose messages, callbacks and numbers were forgotten",
            days_forgotten.clone(),
        );
        page.register(
            "nexnum_loads_forgotten",
            "Loads of own stock whose numbers were sold and forgotten",
            loads_forgotten.clone(),
        );
        page.register(
            "nexnum_numbers_retokened",
            "Numbers found under a key that ended, in looks at all of them",
            retokened.clone(),
        );
    }

    /// Those of calls to providers and of callbacks.
    fn register_traffic(&self, page: &mut Registry) {
        let Counters {
            poll_look_seconds,
            provider_requests,
            provider_overcharges,
            callbacks,
            callbacks_refused,
            callbacks_refused_unkept,
            ..
        } = &*self.0;
        page.register(
            "nexnum_poll_look_seconds",
            "Seconds that a look at the schedules of polls takes",
            poll_look_seconds.clone(),
        );
        page.register(
            "nexnum_provider_requests",
            "Calls to a provider by operation and outcome",
            provider_requests.clone(),
        );
        page.register(
            "nexnum_provider_overcharges",
            "Numbers that cost more at the provider than the customer paid",
            provider_overcharges.clone(),
        );
        page.register(
            "nexnum_callbacks",
            "Callbacks for own stock by what became of them",
            callbacks.clone(),
        );
        page.register(
            "nexnum_callbacks_refused",
            "Callbacks refused before they could be processed, by source and reason",
            callbacks_refused.clone(),
        );
        page.register(
            "nexnum_callbacks_refused_unkept",
            "Refused callbacks that found no room to be kept, or made room for newer ones",
            callbacks_refused_unkept.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::prometheus_text;

    fn page(metrics: &Metrics) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        metrics.register(&mut registry);
        prometheus_text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn each_market_counts_for_itself() {
        let (one, other) = (Metrics::default(), Metrics::default());
        one.clone().committed(3, Duration::from_millis(3));
        one.provider_call("a", "buy", "ok");
        one.provider_call("a", "buy", "ok");
        one.overcharged("a");
        one.polls_looked_at(Duration::from_micros(700));
        let shown = page(&one);
        for line in [
            "# TYPE nexnum_commit_seconds histogram",
            "nexnum_commit_seconds_bucket{le=\"0.002\"} 0",
            "nexnum_commit_seconds_bucket{le=\"0.005\"} 1",
            "nexnum_commit_seconds_bucket{le=\"+Inf\"} 1",
            "nexnum_commit_seconds_sum 0.003",
            "nexnum_commit_batch_events_bucket{le=\"1\"} 0",
            "nexnum_commit_batch_events_bucket{le=\"4\"} 1",
            "nexnum_commit_batch_events_count 1",
            "nexnum_poll_look_seconds_bucket{le=\"0.0005\"} 0",
            "nexnum_poll_look_seconds_bucket{le=\"0.001\"} 1",
            "# TYPE nexnum_provider_requests_total counter",
            "nexnum_provider_requests_total{provider=\"a\",op=\"buy\",outcome=\"ok\"} 2",
            "nexnum_provider_overcharges_total{provider=\"a\"} 1",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
        }
        assert!(!page(&other).contains("provider=\"a\""));
    }

    #[test]
    fn a_page_that_is_never_asked_for_costs_no_memory() {
        let metrics = Metrics::default();
        metrics.committed(1, Duration::from_millis(1));
        let before = page(&metrics).len();
        (0..10_000).for_each(|_| metrics.committed(1, Duration::from_millis(1)));
        assert!(page(&metrics).len() < before + 100, "only digits are added");
    }
}
