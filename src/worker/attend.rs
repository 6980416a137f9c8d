//! Looking at what no other loop looks at as a whole: purchases that stay in doubt.

use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::time::Time;
use tokio::sync::watch;

use super::pause::stopped_within;
use crate::attention::{AttentionKind, AttentionSubject};
use crate::order::Orders;
use crate::order::doubt::Unknown;
use crate::supervisor::Beat;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Doubts at a provider that answers are settled within this.
const DOUBT_MS: u64 = 30_000;

/// Tells the operator while a purchase is in doubt for too long.
pub(super) async fn attend(orders: Arc<Orders>, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
    while !stopped_within(&mut stop, LOOK).await {
        beat.round();
        let old = old_doubts(orders.doubts.count(), orders.market.clock.now());
        let subject = AttentionSubject::default();
        orders.market.attention.report(AttentionKind::DoubtsOld, subject, old);
    }
}

/// What there is to tell of the purchases whose outcome is unknown.
fn old_doubts(unknown: Unknown, now: Time) -> Option<String> {
    let age_ms = now.ms_since(unknown.oldest?);
    (age_ms > DOUBT_MS).then(|| {
        format!(
            "{} purchases have an unknown outcome, the oldest for {} s: their providers cannot be \
             asked, or do not answer",
            unknown.in_doubt,
            age_ms / 1000
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubts_are_told_when_they_are_old() {
        let now = Time(1_000_000);
        let unknown = |age_ms: u64| Unknown {
            in_doubt: 2,
            oldest: Some(Time(now.0 - age_ms)),
            given_up: 0,
            orphans: 0,
        };
        assert_eq!(old_doubts(unknown(DOUBT_MS), now), None);
        let told = old_doubts(unknown(31_000), now).unwrap();
        assert!(told.starts_with("2 purchases") && told.contains("for 31 s"), "{told}");
        let none = Unknown { oldest: None, in_doubt: 0, ..unknown(0) };
        assert_eq!(old_doubts(none, now), None);
    }
}
