//! Why a command of a room or a worker was not carried out.

use nexnum_engine::reject::Reject;

use super::sequencer::SendError;

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
