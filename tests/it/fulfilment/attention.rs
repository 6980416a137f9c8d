//! What needs the operator's attention while a provider fails, and after it.

use nexnum::attention::AttentionKind;
use nexnum_sandbox::FaultKind;

use super::{HANDLER, Rig, until};

impl Rig {
    /// How many rows of this kind there are.
    fn noticed(&self, kind: AttentionKind) -> usize {
        let (rows, _) = self.orders().market.attention.rows(usize::MAX);
        rows.iter().filter(|row| row.kind == kind).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_list_that_fails_needs_attention_until_one_comes() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    let provider = rig.orders().providers.list().remove(0);
    assert_eq!(rig.noticed(AttentionKind::PriceListFailed), 0);
    rig.sandbox.faults(HANDLER).set(FaultKind::Http500, 1.0);
    provider.sync_now();
    until(|| rig.noticed(AttentionKind::PriceListFailed) == 1).await;
    rig.sandbox.faults(HANDLER).clear();
    provider.sync_now();
    until(|| rig.noticed(AttentionKind::PriceListFailed) == 0).await;
    rig.stop().await;
}
