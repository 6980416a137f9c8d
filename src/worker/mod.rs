//! What runs by the clock: polling, settling doubts, syncing.
//!
//! Each worker looks at the durable world again and again and does the difference, so
//! that a crash at any point is repaired by the next look. Nothing here decides what is
//! allowed: that is the engine's, and every outcome goes to it as a command.

mod poll;
mod reconcile;
mod sync;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::market::own_stock::OpenClaim;
use crate::order::Orders;

/// The running workers.
#[derive(Debug)]
pub struct Workers {
    orders: Arc<Orders>,
    stop: watch::Sender<bool>,
    loops: JoinSet<()>,
}

impl Workers {
    /// Starts the workers, before an order can be placed: what is without a number now was
    /// under way when the last process ended, and is in doubt. `open` are the claims of
    /// those orders.
    #[must_use]
    pub fn start(orders: &Arc<Orders>, open: Vec<OpenClaim>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut loops = JoinSet::new();
        orders.take_up(open);
        for connected in orders.providers.iter() {
            let reconciler = reconcile::Reconciler::new(orders, connected);
            loops.spawn(reconciler.run(stopped.clone()));
            loops.spawn(sync::Syncer::new(&orders.market, connected).run(stopped.clone()));
        }
        loops.spawn(poll::Poller::new(orders).run(stopped));
        Self { orders: Arc::clone(orders), stop, loops }
    }

    /// Ends the workers: calls under way get `grace` to end, then they are cut, as a crash
    /// would, and found in doubt at the next start.
    pub async fn stop(mut self, grace: Duration) {
        self.stop.send_replace(true);
        let ended = async {
            while self.loops.join_next().await.is_some() {}
            self.orders.tasks.ended().await;
        };
        let _cut = tokio::time::timeout(grace, ended).await;
        self.orders.tasks.abort().await;
        self.loops.shutdown().await;
    }
}

/// Sleeps, or returns at once and for good when the workers are to stop.
async fn stopped_within(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    let stopping = stop.wait_for(|stop| *stop);
    // An error says that no more work can be asked for.
    tokio::time::timeout(pause, stopping).await.is_ok()
}
