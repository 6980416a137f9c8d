//! Whether a server has begun to stop.

use std::sync::Arc;

use tokio::sync::watch;

/// A flag that is raised once, and can be awaited.
#[derive(Clone, Debug)]
pub struct Stopping {
    raised: Arc<watch::Sender<bool>>,
}

impl Default for Stopping {
    fn default() -> Self {
        Self { raised: Arc::new(watch::Sender::new(false)) }
    }
}

impl Stopping {
    /// Says that the server stops.
    pub fn raise(&self) {
        self.raised.send_replace(true);
    }

    /// Whether the server is stopping.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        *self.raised.borrow()
    }

    /// Resolves when the server begins to stop, so that long polls return then.
    pub async fn wait(&self) {
        let mut raised = self.raised.subscribe();
        // The sender is this value's own: it cannot be gone.
        let _raised = raised.wait_for(|raised| *raised).await;
    }
}
