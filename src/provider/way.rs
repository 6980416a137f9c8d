//! How a call comes to its turn at the dispatcher.

use tokio::time::Instant;

use super::dispatch::{Admission, Dispatcher, Lane, Limited, Turn};

/// How a call comes to its turn.
#[derive(Debug)]
pub(super) enum Way {
    /// By the queue of its lane.
    Lane(Lane),
    /// By that of a lane, for a caller that comes back with the same key if it is refused.
    Promised(Lane, u64),
    /// As a purchase; one that was admitted goes first.
    Admitted(Option<Admission>),
}

impl Way {
    /// The lane that it waits in.
    pub(super) const fn lane(&self) -> Lane {
        match self {
            Self::Lane(lane) | Self::Promised(lane, _) => *lane,
            Self::Admitted(_) => Lane::Buy,
        }
    }

    /// Waits for the turn, as long as calls of the lane may.
    pub(super) async fn turn(&mut self, dispatcher: &Dispatcher) -> Result<Turn, Limited> {
        let until = Instant::now() + self.lane().patience();
        match self {
            Self::Lane(lane) => dispatcher.turn(*lane, until).await,
            Self::Promised(lane, key) => dispatcher.promised_turn(*lane, until, *key).await,
            Self::Admitted(admission) => match admission.take() {
                Some(admission) => dispatcher.admitted_turn(admission, until).await,
                None => dispatcher.turn(Lane::Buy, until).await,
            },
        }
    }
}
