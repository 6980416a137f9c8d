//! Looking at what no other loop looks at as a whole: purchases that stay in doubt, activations
//! whose provider is not connected or has not answered about them, the machine's clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::event::{ClockJump, ProviderKind};
use nexnum_engine::ids::ProviderId;
use nexnum_engine::limits::LAST_LOOK_MS;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use tokio::sync::watch;

use super::pause::stopped_within;
use crate::attention::{AttentionKind, AttentionSubject};
use crate::clock::{self, rfc3339};
use crate::market::{Market, Refused};
use crate::order::doubt::Unknown;
use crate::order::{Orders, UNENDED};
use crate::supervisor::Beat;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Looks from one at activations whose provider is not connected to the next.
const LEFT_EVERY: u64 = 10;
/// Activations that are looked at without a break: well below a millisecond's work.
const LOOKED_MAX: usize = 1_000;
/// Doubts at a provider that answers are settled within this.
const DOUBT_MS: u64 = 30_000;

/// Tells the operator while a purchase is in doubt for too long, activations have no provider, or
/// the machine's clock is off.
pub(super) async fn attend(orders: Arc<Orders>, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
    let (mut look, mut unrecorded) = (0_u64, None);
    let (attention, clock) = (&orders.market.attention, &orders.market.clock);
    while !stopped_within(&mut stop, LOOK).await {
        beat.round();
        let old = old_doubts(orders.doubts.count(), clock.now());
        attention.report(AttentionKind::DoubtsOld, AttentionSubject::default(), old);
        unrecorded = follow_clock(&orders.market, unrecorded).await;
        tell_left_unended(&orders);
        if look.is_multiple_of(LEFT_EVERY) {
            report_left(&orders).await;
            forget_ended(&orders);
        }
        keep(&orders).await;
        look += 1;
    }
    keep(&orders).await;
}

/// Looks at the machine's clock: the ledger's time follows it, and a jump is told and recorded.
/// Gives one that the engine had no room for.
async fn follow_clock(market: &Market, unrecorded: Option<ClockJump>) -> Option<ClockJump> {
    let unrecorded = market.clock.follow().or(unrecorded);
    let apart = market.clock.jump().as_ref().map(clock_text);
    market.attention.report(AttentionKind::ClockApart, AttentionSubject::default(), apart);
    let jump = unrecorded?;
    match market.record_clock_step(jump).await {
        Ok(()) => None,
        Err(Refused::Busy) => Some(jump),
        Err(Refused::Stopped) => None,
        Err(Refused::Rejected(reject)) => {
            tracing::error!(code = reject.code(), "a jump of the clock was not recorded");
            None
        }
    }
}

/// Has written into the data folder what a later start shows again, where that has changed.
async fn keep(orders: &Arc<Orders>) {
    let orders = Arc::clone(orders);
    let keep = move || {
        orders.market.attention.keep();
        orders.market.clock.keep();
        let now = orders.market.clock.now();
        orders.providers.list().iter().for_each(|connected| connected.keep(now));
    };
    if let Err(error) = tokio::task::spawn_blocking(keep).await {
        tracing::error!("what a later start shows again was not kept: {error}");
    }
}

/// Tells the operator of activations whose orders have left memory before their ends were taken;
/// what was tried tells more, and goes first.
fn tell_left_unended(orders: &Orders) {
    let (market, left) = (&orders.market, orders.market.read_model.take_left_unended());
    if left.is_empty() {
        return;
    }
    let names: BTreeMap<_, _> = market.read_model.directory().providers().into_iter().collect();
    for (order, provider) in left {
        if let Some(known) = names.get(&provider) {
            market.attention.recall(AttentionKind::EndLeft, (&*known.name, order), UNENDED);
        }
    }
}

/// Takes the ends off the attention list that have come about, or are tried no longer: one that was
/// refused before a start is shown from then on, and its next try knows nothing of it.
fn forget_ended(orders: &Orders) {
    let (market, kind) = (&orders.market, AttentionKind::EndRefused);
    let refused = market.attention.subjects(kind);
    if refused.is_empty() {
        return;
    }
    let orphans = market.read_model.orphans().into_iter();
    let mut left: BTreeSet<_> = orphans.map(|(.., orphan)| orphan.order).collect();
    left.extend(market.read_model.unended());
    let is_over = |about: &AttentionSubject| about.order.is_none_or(|order| !left.contains(&order));
    refused.into_iter().filter(is_over).for_each(|about| market.attention.clear(kind, about));
}

/// Activations that are left at a provider.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    /// Open, at a provider that cannot be asked.
    open: usize,
    /// Ended here and not there, at such a provider.
    unended: usize,
    /// Purchases that no order has, at such a provider.
    orphans: usize,
    /// Their time is over, and the provider has not answered about them since.
    unanswered: usize,
}

/// Tells the operator of activations at providers that are not connected, or have no key: none is
/// asked about, given back or finished; and of those that ran out without an answer.
async fn report_left(orders: &Orders) {
    let (market, now) = (&orders.market, orders.market.clock.now());
    let (driven, unended) = (market.read_model.driven(), market.read_model.unended());
    let mut left: BTreeMap<ProviderId, Left> = BTreeMap::new();
    for (looked, id) in driven.into_iter().chain(unended).enumerate() {
        if looked % LOOKED_MAX == LOOKED_MAX - 1 {
            tokio::task::yield_now().await;
        }
        let Some(order) = market.read_model.order(id) else { continue };
        let is_mute = orders.providers.of_order(&order).is_none_or(|it| it.key_problem().is_some());
        let left = left.entry(order.provider).or_default();
        match (is_mute, order.closed_at.is_some()) {
            (true, false) => left.open += 1,
            (true, true) => left.unended += 1,
            (false, _) => left.unanswered += usize::from(is_unanswered(&order, now)),
        }
    }
    for (provider, ..) in market.read_model.orphans() {
        let connected = orders.providers.get(provider);
        let is_mute = connected.is_none_or(|it| it.key_problem().is_some());
        left.entry(provider).or_default().orphans += usize::from(is_mute);
    }
    let providers = market.read_model.directory().providers().into_iter();
    for (id, known) in providers.filter(|(_, known)| known.kind == ProviderKind::Driven) {
        let is_set_up = orders.providers.get(id).is_some();
        let text = left.get(&id).and_then(|left| left_text(*left, is_set_up));
        market.attention.report(AttentionKind::ActivationsLeft, &*known.name, text);
    }
}

/// Whether an activation ran out and its provider did not answer in the time that it has for
/// that: one that it answers about ends before.
fn is_unanswered(order: &Order, now: Time) -> bool {
    let Some(assignment) = &order.assignment else { return false };
    let ended = match order.state {
        ActivationState::Active => now,
        ActivationState::TimedOut => order.closed_at.unwrap_or(now),
        ActivationState::Init
        | ActivationState::Received
        | ActivationState::Completed
        | ActivationState::Cancelled
        | ActivationState::Failed => return false,
    };
    ended >= assignment.expires_at.plus_ms(LAST_LOOK_MS)
}

/// What there is to tell of activations that are left at a provider.
fn left_text(Left { open, unended, orphans, unanswered }: Left, is_set_up: bool) -> Option<String> {
    if open + unended + orphans > 0 {
        let (why, way_out) = if is_set_up {
            ("its key is missing", "Give it its key")
        } else {
            ("no provider of that name is set up", "Set it up again under this name")
        };
        return Some(format!(
            "{open} open activations, {unended} that ended here and {orphans} purchases without an order \
             are at this provider, and {why}: they get no messages and are not ended there. {way_out} \
             until they have ended"
        ));
    }
    (unanswered > 0).then(|| {
        format!(
            "{unanswered} activations ran out while this provider did not answer: it is asked about \
             them until it does. A buyer who was refunded meanwhile does not get a code that came, \
             and the provider may charge it"
        )
    })
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

/// What there is to tell of a machine's clock that jumped.
fn clock_text(ClockJump { from, to }: &ClockJump) -> String {
    let seconds = (from.0.abs_diff(to.0) + 500) / 1000;
    let (way, then) = if to < from {
        let minutes = clock::slewed_for(1000 * seconds as i64).as_secs().div_ceil(60);
        ("behind", format!("time is slowed until the two agree in {minutes} minutes"))
    } else {
        ("ahead of", "time goes there at once, and what is due by then ends".to_owned())
    };
    format!(
        "the machine's clock jumped: it shows {}, {seconds} s {way} the ledger's time, which does not \
         follow it. Set it right; or accept it with `nexnum clock accept`: then {then}",
        rfc3339(*to)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumped_is_told_with_what_can_be_done() {
        let told = |to| clock_text(&ClockJump { from: Time(700_000), to: Time(to) });
        let (ahead, behind) = (told(1_300_000), told(100_000));
        assert!(ahead.contains("600 s ahead of") && ahead.contains("at once"), "{ahead}");
        assert!(behind.contains("600 s behind") && behind.contains("in 2560 minutes"), "{behind}");
        assert!(ahead.contains("nexnum clock accept") && ahead.len() < 400, "{ahead}");
    }

    #[test]
    fn activations_are_told_that_cannot_be_asked_about_or_were_not_answered() {
        let told = |left: Left, is_set_up| left_text(left, is_set_up).unwrap_or_default();
        assert_eq!(told(Left::default(), true), "");
        let left = Left { open: 1, unended: 2, orphans: 4, unanswered: 3 };
        let counts = "1 open activations, 2 that ended here and 4 purchases without an order";
        assert!(told(left, true).starts_with(counts));
        assert!(told(left, true).contains("its key is missing"));
        assert!(told(Left { open: 0, ..left }, false).contains("no provider of that name"));
        let unanswered = Left { unanswered: 3, ..Left::default() };
        assert!(told(unanswered, true).starts_with("3 activations ran out while"));
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
