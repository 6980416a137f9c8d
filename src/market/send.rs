//! Commands from rooms and workers: sent once, or until the engine takes them.

use std::time::Duration;

use nexnum_engine::command::Request;
use nexnum_engine::reject::Reject;
use nexnum_engine::time::Time;

use super::Market;
use super::sequencer::SendError;

/// First pause before a command is sent again to a full inbox: it drains in milliseconds.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause before a command is sent again.
pub const BUSY_PAUSE_MAX: Duration = Duration::from_millis(500);

/// Why a command did nothing, or is not known to have done anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The engine refused.
    Rejected(Reject),
    /// Too many commands are waiting: nothing happened.
    Busy,
    /// The engine has stopped: the outcome is unknown.
    Stopped,
}

impl From<SendError> for Refused {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Busy => Self::Busy,
            SendError::Stopped => Self::Stopped,
        }
    }
}

impl From<Reject> for Refused {
    fn from(reject: Reject) -> Self {
        Self::Rejected(reject)
    }
}

impl Market {
    /// Sends a command once and gives its answer.
    ///
    /// # Errors
    /// The engine's refusal, or why it did not take the command.
    pub async fn execute<R: Request>(&self, request: R) -> Result<R::Answer, Refused> {
        Ok(self.handle.ask(request).await??)
    }

    /// Sends a command until the engine takes it; a full inbox is tried again until `until`.
    ///
    /// # Errors
    /// [`SendError::Busy`] when the time is over, [`SendError::Stopped`] at once.
    pub async fn send_until<R: Request + Clone>(
        &self,
        request: &R,
        until: Time,
    ) -> Result<Result<R::Answer, Reject>, SendError> {
        let mut pause = BUSY_PAUSE;
        loop {
            match self.handle.ask(request.clone()).await {
                Err(SendError::Busy) if self.clock.now() < until => {}
                outcome @ (Ok(_) | Err(SendError::Busy | SendError::Stopped)) => return outcome,
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(BUSY_PAUSE_MAX);
        }
    }
}
