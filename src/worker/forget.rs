//! The keys of days and of loads of own stock: that of the next day is made in time, and those that are
//! past their time are destroyed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::pause::stopped_within;
use crate::market::Market;
use crate::market::retention::RetentionConfig;
use crate::market::sealing::SealingError;
use crate::order::Orders;
use crate::supervisor::Beat;

/// Between two looks: a day is forgotten within this after its time.
const LOOK: Duration = Duration::from_secs(60);

/// Looks again and again, at first at once.
pub(super) async fn run(
    orders: Arc<Orders>,
    retention: RetentionConfig,
    mut stop: watch::Receiver<bool>,
    beat: Arc<Beat>,
) {
    loop {
        beat.round();
        let market = &orders.market;
        if let Err(error) = market.prepare_next_day().await {
            tracing::warn!(%error, "the key of the next day could not be made");
        }
        if let Some(first_kept) = retention.first_kept(market.clock.now()) {
            let days = market.forget_days_before(first_kept.min(market.first_needed())).await;
            let loads = forget_loads(market, first_kept, &stop, &beat).await;
            for error in [days, loads].into_iter().filter_map(Result::err) {
                // The next look tries again.
                tracing::warn!(%error, "what is past its time could not be forgotten");
            }
        }
        if stopped_within(&mut stop, LOOK).await {
            return;
        }
    }
}

/// One load after the other: they may be many.
async fn forget_loads(
    market: &Market,
    first_kept: u32,
    stop: &watch::Receiver<bool>,
    beat: &Beat,
) -> Result<(), SealingError> {
    while !*stop.borrow() && market.forget_load_before(first_kept).await? {
        beat.round();
    }
    Ok(())
}
