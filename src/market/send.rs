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
        self.send_whole_until(request.clone(), until).await
    }

    /// As [`Market::send_until`], of a command that is too long to be copied.
    ///
    /// # Errors
    /// As [`Market::send_until`].
    pub async fn send_whole_until<R: Request>(
        &self,
        request: R,
        until: Time,
    ) -> Result<Result<R::Answer, Reject>, SendError> {
        let mut next = BUSY_PAUSE;
        let pause = || {
            let pause = next;
            next = (2 * next).min(BUSY_PAUSE_MAX);
            (self.clock.now() < until).then_some(pause)
        };
        self.handle.ask_again(request, pause).await
    }
}
