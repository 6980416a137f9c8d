//! What a provider's lists show of activations that are not ours.

use nexnum::attention::AttentionKind;
use nexnum_engine::activation::ActivationState;
use nexnum_sandbox::FaultKind;

use super::{HANDLER, Rig, ask_handler, stray};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_poll_has_seen_is_older_than_the_next_purchase() {
    let rig = Rig::start_with(&[(HANDLER, 100_000)], 600_000).await;
    // Two that wait are polled by lists, which show what else is on the account.
    for _ in 0..2 {
        rig.buy(None).await.unwrap();
    }
    let foreign = stray(&rig.sandbox).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    // Nothing is bought, and it is not known.
    rig.sandbox.faults(HANDLER).next(FaultKind::Garbage);
    let id = rig.buy(None).await;
    let began = std::time::Instant::now();
    if let Ok(id) = id {
        rig.order(id, |order| order.state != ActivationState::Init).await;
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
    let own = format!("action=getStatus&id={foreign}");
    assert_eq!(ask_handler(&rig.sandbox, &own).await, "STATUS_WAIT_CODE", "it is left alone");
    let (rows, _) = rig.orders().market.attention.rows(99);
    let is_told = rows.iter().any(|row| row.kind == AttentionKind::UnattributedPurchase);
    assert!(!is_told, "it is known to be older: {rows:?}");
    rig.stop().await;
}
