//! Looking at what no other loop looks at as a whole: purchases that stay in doubt, activations
//! whose provider is not connected, the machine's clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::event::ProviderKind;
use nexnum_engine::ids::ProviderId;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use tokio::sync::watch;

use super::pause::stopped_within;
use crate::attention::{AttentionKind, AttentionSubject};
use crate::clock;
use crate::order::Orders;
use crate::order::doubt::Unknown;
use crate::provider::connected::Connected;
use crate::supervisor::Beat;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Looks from one at activations whose provider is not connected to the next.
const LEFT_EVERY: u64 = 10;
/// Doubts at a provider that answers are settled within this.
const DOUBT_MS: u64 = 30_000;

/// Tells the operator while a purchase is in doubt for too long, activations have no provider, or
/// the machine's clock is off.
pub(super) async fn attend(orders: Arc<Orders>, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
    let mut look = 0_u64;
    while !stopped_within(&mut stop, LOOK).await {
        beat.round();
        let (attention, clock) = (&orders.market.attention, &orders.market.clock);
        let old = old_doubts(orders.doubts.count(), clock.now());
        attention.report(AttentionKind::DoubtsOld, AttentionSubject::default(), old);
        let apart = clock.is_apart().then(|| clock_text(clock.off_ms()));
        attention.report(AttentionKind::ClockApart, AttentionSubject::default(), apart);
        if look.is_multiple_of(LEFT_EVERY) {
            report_left(&orders);
        }
        look += 1;
    }
}

/// Tells the operator of open activations at providers that are not connected, or have no key:
/// none is asked about, given back or finished.
fn report_left(orders: &Orders) {
    let market = &orders.market;
    let is_mute = |connected: &Connected| connected.key_problem().is_some();
    let is_left = |id: &ProviderId| orders.providers.get(*id).is_none_or(|it| is_mute(&it));
    let driven = market.read_model.directory().providers();
    let driven = driven.into_iter().filter(|(_, known)| known.kind == ProviderKind::Driven);
    let mut left: BTreeMap<_, _> = driven.map(|(id, known)| (id, (known.name, 0_usize))).collect();
    if left.keys().any(is_left) {
        for order in market.read_model.driven() {
            let order = market.read_model.order(order);
            let is_left =
                |order: &Arc<Order>| orders.providers.of_order(order).is_none_or(|it| is_mute(&it));
            let order = order.filter(is_left);
            if let Some((_, count)) = order.and_then(|order| left.get_mut(&order.provider)) {
                *count += 1;
            }
        }
    }
    for (id, (name, count)) in left {
        let (why, way_out) = if orders.providers.get(id).is_some() {
            ("its key is missing", "Give it its key")
        } else {
            ("no provider of that name is set up", "Set it up again under this name")
        };
        let text = (count > 0).then(|| {
            format!(
                "{count} open activations are at this provider, and {why}: they get no messages and \
                 are not ended there. {way_out} until they have ended"
            )
        });
        market.attention.report(AttentionKind::ActivationsLeft, &*name, text);
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

/// What there is to tell of a machine's clock that is off by so much.
fn clock_text(off_ms: i64) -> String {
    let way = if off_ms < 0 { "behind" } else { "ahead of" };
    format!(
        "the machine's clock is {} s {way} the market's: it was set, or was behind the ledger at the \
         start; time goes on without the step, and the two agree in {} minutes",
        off_ms.unsigned_abs() / 1000,
        clock::steered_for(off_ms).as_secs().div_ceil(60)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_with_the_time_until_it_agrees() {
        let told = [600_000, -61_000].map(clock_text);
        assert!(told[0].contains("600 s ahead of") && told[0].contains("in 2560 minutes"));
        assert!(told[1].contains("61 s behind") && told[1].contains("in 261 minutes"));
    }

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
