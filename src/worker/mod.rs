//! What runs in the background: buying upstream, settling doubts, polling, syncing.
//!
//! Each worker looks at the durable world again and again and does the difference, so
//! that a crash at any point is repaired by the next look. Nothing here decides what is
//! allowed: that is the engine's, and every outcome goes to it as a command.

pub mod asks;
pub mod buy;
pub mod doubt;
mod matching;
mod orphan;
mod poll;
mod price_list;
mod reconcile;
pub mod snapshot;
mod sync;
pub mod tasks;
pub mod upstream;

use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::Request;
use nexnum_engine::reject::Reject;
use nexnum_engine::time::Time;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::market::OpenClaim;
use crate::sequencer::SendError;

/// First and longest pause before a full inbox is tried again: it drains in milliseconds.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
const BUSY_PAUSE_MAX: Duration = Duration::from_millis(500);

/// The running workers.
#[derive(Debug)]
pub struct Workers {
    app: Arc<App>,
    stop: watch::Sender<bool>,
    loops: JoinSet<()>,
}

impl Workers {
    /// Starts the workers, before anybody can place an order: what is without a number
    /// now was under way when the last process ended, and is in doubt. `open` are the
    /// claims of those orders.
    #[must_use]
    pub fn start(app: &Arc<App>, open: Vec<OpenClaim>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut loops = JoinSet::new();
        doubt_interrupted(app, open);
        for connected in app.providers.iter() {
            let reconciler = reconcile::Reconciler::new(app, connected);
            loops.spawn(reconciler.run(stopped.clone()));
            loops.spawn(sync::Syncer::new(app, connected).run(stopped.clone()));
        }
        loops.spawn(poll::Poller::new(app).run(stopped));
        Self { app: Arc::clone(app), stop, loops }
    }

    /// Ends the workers: calls under way get `grace` to end, then they are cut, as a crash
    /// would, and found in doubt at the next start.
    pub async fn stop(mut self, grace: Duration) {
        self.stop.send_replace(true);
        let ended = async {
            while self.loops.join_next().await.is_some() {}
            self.app.tasks.ended().await;
        };
        let _cut = tokio::time::timeout(grace, ended).await;
        self.app.tasks.abort().await;
        self.loops.shutdown().await;
    }
}

/// Puts every driven order without a number in doubt, with its claim where there is one.
fn doubt_interrupted(app: &Arc<App>, open: Vec<OpenClaim>) {
    let mut claims: std::collections::BTreeMap<_, _> =
        open.into_iter().map(|open| (open.order, open.claim)).collect();
    for id in app.read_model.driven() {
        let Some(order) = app.read_model.order(id) else { continue };
        if order.state == ActivationState::Init {
            let claim = claims.remove(&id);
            let tried = vec![order.offer];
            app.tasks.spawn(buy::doubt(Arc::clone(app), order, claim, tried));
        }
    }
    doubt::remember_given_up(app);
}

/// Sends a command until the engine takes it; a full inbox is tried again until `until`.
///
/// # Errors
/// [`SendError::Busy`] when the time is over, [`SendError::Stopped`] at once.
pub(crate) async fn insist<R: Request + Clone>(
    app: &App,
    request: &R,
    until: Time,
) -> Result<Result<R::Answer, Reject>, SendError> {
    let mut pause = BUSY_PAUSE;
    loop {
        match app.handle.ask(request.clone()).await {
            Err(SendError::Busy) if app.clock.now() < until => {}
            outcome @ (Ok(_) | Err(SendError::Busy | SendError::Stopped)) => return outcome,
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(BUSY_PAUSE_MAX);
    }
}

/// Sleeps, or returns at once and for good when the workers are to stop.
pub(crate) async fn stopped_within(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    let stopping = stop.wait_for(|stop| *stop);
    // An error says that nobody can ask for more work.
    tokio::time::timeout(pause, stopping).await.is_ok()
}
