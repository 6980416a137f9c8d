//! Purchases in doubt at a provider that has no list of open activations.

use nexnum::attention::AttentionKind;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::ids::OrderId;
use nexnum_engine::order::Order;
use nexnum_sandbox::{FaultKind, SandboxConfig};

use super::{HANDLER, Rig, synced, until};
use crate::rig::sandbox::driver;

/// A purchase whose answer was lost ends within half a minute of it, and the operator is told of
/// nothing late, though no list can tell of it.
async fn check_ended(words: &[(&str, &str)]) {
    let config = SandboxConfig { min_cancel_age_ms: 0, ..SandboxConfig::small(7) };
    let rig = Rig::start_reworded(config, &[(HANDLER, 100_000)], words).await;
    synced(rig.orders()).await;
    rig.sandbox.faults(HANDLER).next_purchase(FaultKind::Garbage);
    let (id, doubts) = (OrderId(1), &rig.orders().doubts);
    let doubted = async {
        until(|| doubts.count().in_doubt == 1).await;
        doubts.count().oldest.expect("the doubt is open")
    };
    let (bought, since) = tokio::join!(rig.buy(None), doubted);
    drop(bought);
    let order = rig.order(id, |order| order.state == ActivationState::Failed).await;
    let waited_ms = order.closed_at.unwrap().ms_since(since);
    assert!((20_000..30_000).contains(&waited_ms), "{waited_ms}");
    // It is not counted as open any longer than its order is.
    until(|| doubts.count().in_doubt == 0).await;
    assert_eq!(doubts.count().given_up, 1, "what turns up of it goes back");
    let (rows, _) = rig.orders().market.attention.rows(usize::MAX);
    assert!(!rows.iter().any(|row| row.kind == AttentionKind::DoubtsOld), "{rows:?}");
    assert_eq!(rig.wallet(), (10_000_000, 0));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_ends_within_half_a_minute_where_the_list_is_refused() {
    check_ended(&[(r#"action = "getActiveActivations""#, r#"action = "getNothing""#)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_ends_within_half_a_minute_where_no_list_is_known() {
    let whole = driver("handler");
    let from = whole.find("[operations.list_active]").unwrap();
    let len = whole[from..].find("\n[").unwrap_or(whole.len() - from);
    check_ended(&[(&whole[from..from + len], "")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_stays_while_the_provider_is_down() {
    let config = SandboxConfig { min_cancel_age_ms: 0, ..SandboxConfig::small(7) };
    let rig = Rig::start_on(config, &[(HANDLER, 100_000)]).await;
    rig.sandbox.faults(HANDLER).next(FaultKind::BoughtButReplyLost);
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    let old = || {
        let (rows, _) = rig.orders().market.attention.rows(usize::MAX);
        rows.iter().any(|row| row.kind == AttentionKind::DoubtsOld)
    };
    let (bought, ()) = tokio::join!(rig.buy(None), until(old));
    drop(bought);
    rig.sandbox.faults(HANDLER).clear();
    let active = |order: &Order| order.assignment.is_some();
    assert_eq!(rig.order(OrderId(1), active).await.attempt, 1);
    rig.stop().await;
}
