//! Measures for `/metrics`: names, units and where they come from.
//!
//! Rare events go through the `metrics` facade; what changes with every request is
//! counted where it happens and read when somebody asks. No label names a customer.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds at which a commit's histogram is cut: a fast disk's sync to a stalled one.
const COMMIT_BUCKETS: [f64; 9] = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1.0];
/// Events at which a batch's histogram is cut.
const BATCH_BUCKETS: [f64; 8] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder, once a process. Without it measures are dropped, not kept.
pub fn install() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("commit_seconds".into()), &COMMIT_BUCKETS)
            .and_then(|b| {
                b.set_buckets_for_metric(Matcher::Suffix("batch_events".into()), &BATCH_BUCKETS)
            });
        match builder.map(PrometheusBuilder::install_recorder) {
            Ok(Ok(handle)) => Some(handle),
            Ok(Err(error)) | Err(error) => {
                tracing::warn!(%error, "measures are not recorded");
                None
            }
        }
    });
}

/// A batch became durable.
pub fn committed(events: usize, took: Duration) {
    histogram!("nexnum_commit_seconds").record(took.as_secs_f64());
    histogram!("nexnum_commit_batch_events").record(events as f64);
}

/// A provider was asked.
pub fn provider_call(provider: &str, operation: &'static str, outcome: &'static str) {
    let provider = provider.to_owned();
    counter!("nexnum_provider_requests_total", "provider" => provider, "op" => operation, "outcome" => outcome)
        .increment(1);
}

/// A provider charged more for a number than it was sold for.
pub fn overcharged(provider: &str) {
    let provider = provider.to_owned();
    counter!("nexnum_provider_overcharges_total", "provider" => provider).increment(1);
}

/// What was counted so far, in the Prometheus text format.
#[must_use]
pub fn recorded() -> String {
    RECORDER.get().and_then(Option::as_ref).map_or_else(String::new, |recorder| {
        recorder.run_upkeep();
        recorder.render()
    })
}
