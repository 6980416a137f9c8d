//! How a call comes to its turn at the dispatcher.

use nexnum_driver::Op;
use tokio::time::Instant;

use super::dispatch::{Admission, Dispatcher, Lane, Limited, Turn};

/// How a call comes to its turn.
#[derive(Debug)]
pub(super) enum Way {
    /// By the queue of its lane.
    Lane(Lane),
    /// As a poll that is the last look at an activation.
    Last,
    /// By that of a lane, for a caller that comes back with the same key if it is refused.
    Promised(Lane, u64),
    /// As a purchase; one that was admitted goes first.
    Admitted(Option<Admission>, Exchange),
}

/// What is known of the exchange of a purchase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Exchange {
    /// When it had its turn: nothing was sent before.
    pub(super) began: Option<Instant>,
    /// A whole reply came, and not one that a front end gives for a server that may be at work.
    pub(super) answered: bool,
    /// A whole reply came.
    pub(super) replied: bool,
}

impl Way {
    /// The lane that it waits in.
    pub(super) const fn lane(&self) -> Lane {
        match self {
            Self::Lane(lane) | Self::Promised(lane, _) => *lane,
            Self::Last => Lane::Poll,
            Self::Admitted(..) => Lane::Buy,
        }
    }

    /// Waits for the turn, as long as calls of the lane may.
    pub(super) async fn turn(&mut self, dispatcher: &Dispatcher) -> Result<Turn, Limited> {
        let until = Instant::now() + dispatcher.patience(self.lane());
        match self {
            Self::Lane(lane) => dispatcher.turn(*lane, until).await,
            Self::Last => dispatcher.last_turn(until).await,
            Self::Promised(lane, key) => dispatcher.promised_turn(*lane, until, *key).await,
            Self::Admitted(admission, exchange) => {
                let turn = match admission.take() {
                    Some(admission) => dispatcher.admitted_turn(admission, until).await,
                    None => dispatcher.turn(Lane::Buy, until).await,
                };
                exchange.began = Some(Instant::now());
                turn
            }
        }
    }

    /// What is known of a purchase's exchange; nothing of other calls.
    pub(super) fn exchange(&self) -> Exchange {
        match self {
            Self::Admitted(_, exchange) => *exchange,
            Self::Lane(_) | Self::Last | Self::Promised(..) => Exchange::default(),
        }
    }

    /// Notes that a whole reply of this status came.
    pub(super) const fn replied(&mut self, status: u16) {
        match self {
            Self::Admitted(_, exchange) => {
                exchange.answered = !matches!(status, 408 | 500..);
                exchange.replied = true;
            }
            Self::Lane(_) | Self::Last | Self::Promised(..) => {}
        }
    }
}

/// The lane that pauses when an operation is not to be asked for: one activation and the list of
/// all of them apart, whatever lane they went in.
pub(super) const fn asked_in(op: Op, lane: Lane) -> Lane {
    match op {
        Op::ListActive => Lane::List,
        Op::Status => Lane::Poll,
        Op::Balance | Op::Prices | Op::Buy | Op::Cancel | Op::Finish | Op::Resend => lane,
    }
}
