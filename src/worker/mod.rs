//! What runs by the clock: polling, settling doubts, syncing.
//!
//! Each worker looks at the durable world again and again and does the difference, so
//! that a crash at any point is repaired by the next look. Nothing here decides what is
//! allowed: that is the engine's, and every outcome goes to it as a command.

mod attend;
mod callbacks;
mod days;
mod ends;
mod forget;
mod look;
mod pace;
mod pause;
mod poll;
mod reconcile;
mod rotate;
pub mod schedule;
mod shown;
mod sync;
mod terms;
mod visit;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::market::UnderWay;
use crate::market::retention::RetentionConfig;
use crate::order::Orders;
use crate::provider::connected::Connected;
use crate::supervisor::Beat;

/// Price lists that are taken in at a time: each is some tens of MB at its largest, and keeps a
/// thread and the engine busy.
const INTAKES_MAX: usize = 2;

/// The running workers: one poller, one look at what is in doubt for long, one that closes days, one
/// that writes the last terms, and for each connected provider a syncer, a reconciler and what ends
/// activations there. A loop that panics is restarted.
#[derive(Debug)]
pub struct Workers {
    orders: Arc<Orders>,
    stop: watch::Sender<bool>,
    loops: Mutex<JoinSet<()>>,
    intakes: Arc<Semaphore>,
}

impl Workers {
    /// Starts the workers, before an order can be placed: what is without a number now was
    /// under way when the last process ended, and is in doubt.
    #[must_use]
    pub fn start(orders: &Arc<Orders>, under_way: UnderWay, retention: RetentionConfig) -> Self {
        orders.take_up(under_way);
        let (stop, _) = watch::channel(false);
        let (loops, intakes) = (Mutex::default(), Arc::new(Semaphore::new(INTAKES_MAX)));
        let workers = Self { orders: Arc::clone(orders), stop, loops, intakes };
        for connected in orders.providers.list() {
            workers.watch_over(&connected);
        }
        let (orders, stopped) = (Arc::clone(orders), workers.stop.subscribe());
        workers
            .begin("poll", "", move |beat| poll::Poller::new(&orders).run(stopped.clone(), beat));
        let (orders, stopped) = (Arc::clone(&workers.orders), workers.stop.subscribe());
        workers.begin("attend", "", move |beat| {
            attend::attend(Arc::clone(&orders), stopped.clone(), beat)
        });
        let (orders, stopped) = (Arc::clone(&workers.orders), workers.stop.subscribe());
        workers.begin("callbacks", "", move |beat| {
            callbacks::run(Arc::clone(&orders), stopped.clone(), beat)
        });
        let (orders, stopped) = (Arc::clone(&workers.orders), workers.stop.subscribe());
        workers.begin("forget", "", move |beat| {
            forget::run(Arc::clone(&orders), retention, stopped.clone(), beat)
        });
        let (orders, stopped) = (Arc::clone(&workers.orders), workers.stop.subscribe());
        workers.begin("rotate", "", move |beat| {
            rotate::run(Arc::clone(&orders), retention, stopped.clone(), beat)
        });
        let (orders, stopped) = (Arc::clone(&workers.orders), workers.stop.subscribe());
        workers
            .begin("shown", "", move |beat| shown::run(Arc::clone(&orders), stopped.clone(), beat));
        let (market, stopped) = (workers.orders.market.clone(), workers.stop.subscribe());
        workers.begin("days", "", move |beat| days::run(market.clone(), stopped.clone(), beat));
        let (market, stopped) = (workers.orders.market.clone(), workers.stop.subscribe());
        workers.begin("terms", "", move |beat| terms::run(market.clone(), stopped.clone(), beat));
        workers
    }

    /// Starts the loops of a connected provider; they end when it is replaced or removed,
    /// the reconciler and what ends activations once no order in memory was bought under it.
    pub fn watch_over(&self, connected: &Arc<Connected>) {
        let (orders, each) = (Arc::clone(&self.orders), Arc::clone(connected));
        let stopped = self.stop.subscribe();
        self.begin("reconcile", connected.name(), move |beat| {
            let reconciler = reconcile::Reconciler::new(&orders, &each);
            reconciler.run(stopped.clone(), beat)
        });
        let (orders, each) = (Arc::clone(&self.orders), Arc::clone(connected));
        let stopped = self.stop.subscribe();
        self.begin("ends", connected.name(), move |beat| {
            ends::Ender::new(&orders, &each).run(stopped.clone(), beat)
        });
        let (market, each) = (self.orders.market.clone(), Arc::clone(connected));
        let (stopped, intakes) = (self.stop.subscribe(), Arc::clone(&self.intakes));
        self.begin("sync", connected.name(), move |beat| {
            sync::Syncer::new(&market, &each, &intakes).run(stopped.clone(), beat)
        });
    }

    /// Begins a loop; `of` names the provider that it is for.
    fn begin<F>(
        &self,
        name: &'static str,
        of: &str,
        begin: impl FnMut(Arc<Beat>) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut loops = self.loops.lock();
        // Those of providers that were replaced or removed.
        while loops.try_join_next().is_some() {}
        self.orders.market.supervisor.restarting_loop(&mut loops, (name, of.to_owned()), begin);
    }

    /// Ends the workers: calls under way get `grace` to end, then they are cut, as a crash
    /// would, and found in doubt at the next start.
    pub async fn stop(&self, grace: Duration) {
        self.stop.send_replace(true);
        let mut loops = std::mem::take(&mut *self.loops.lock());
        let ended = async {
            while loops.join_next().await.is_some() {}
            self.orders.tasks.ended().await;
        };
        let _cut = tokio::time::timeout(grace, ended).await;
        self.orders.tasks.abort().await;
        loops.shutdown().await;
        // What was bought and listed meanwhile is among the last terms.
        let market = self.orders.market.clone();
        let _logged = tokio::task::spawn_blocking(move || market.keep_terms()).await;
    }
}
