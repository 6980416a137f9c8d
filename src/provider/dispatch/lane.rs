//! The lanes of a dispatcher: what calls are for, what share each has, how long each waits.

use std::time::Duration;

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A customer waits for the number.
    Buy,
    /// A customer cancels, or asks for another message.
    Change,
    /// Polls of activations, one by one or by lists that carry their messages.
    Poll,
    /// Lists of activations by which doubts are settled alone.
    List,
    /// Ends of activations that no customer waits for: finishing, giving back.
    End,
    /// Price lists and balances.
    Sync,
}

/// All lanes, in the order of their queues.
pub(super) const LANES: [Lane; 6] =
    [Lane::Buy, Lane::Change, Lane::Poll, Lane::List, Lane::End, Lane::Sync];

/// The longest a provider can make us pause with one answer.
pub const PAUSE_MAX: Duration = Duration::from_secs(600);

/// What the shares are counted in: a multiple of every weight.
pub(super) const STRIDE: u64 = 24;

impl Lane {
    /// How long its calls may wait for their turn where calls are not far apart.
    pub(super) const fn patience(self) -> Duration {
        Duration::from_secs(match self {
            // With the exchange it must be over before the customer's first answer is due.
            Self::Buy => 8,
            // A cancel is answered within three seconds, the exchange included.
            Self::Change => 2,
            Self::Poll => 10,
            // A doubt is settled within half a minute.
            Self::List => 25,
            Self::End => 30,
            // A list may be twice its interval old, and a provider of a few calls a minute makes
            // it wait for two of them.
            Self::Sync => 55,
        })
    }

    /// So many calls may have their turn before its own, where they are far apart. Customers wait
    /// for no more than they are told.
    pub(super) const fn turns(self) -> u32 {
        match self {
            Self::Buy | Self::Change => 0,
            Self::Poll | Self::List | Self::End | Self::Sync => 6,
        }
    }

    /// Its share while all lanes wait.
    pub(super) const fn weight(self) -> u64 {
        match self {
            Self::End => 2,
            // Admission keeps purchases back; those that were paid for get their turn.
            Self::Buy => 6,
            Self::Change | Self::Poll => 8,
            Self::List => 4,
            Self::Sync => 3,
        }
    }

    /// How many of `places` its calls may hold: so that slow answers in one lane do not keep
    /// the others from the provider.
    pub(super) const fn places(self, places: usize) -> usize {
        let quarters = match self {
            Self::Change => 3,
            Self::Buy | Self::Poll => 2,
            Self::List | Self::End | Self::Sync => 1,
        };
        let share = places * quarters / 4;
        if share == 0 { 1 } else { share }
    }

    /// For how long it may have had no turn while it waits before the next turn is its own,
    /// whatever its share: where a provider allows a few calls a minute, that comes too late for
    /// a list that settles doubts, and for a price list, and purchases that are cancelled at once
    /// leave too little to polls. Of other lanes the share is all.
    pub(super) const fn overdue(self) -> Option<Duration> {
        match self {
            Self::Poll => Some(Duration::from_secs(5)),
            Self::List => Some(Duration::from_secs(10)),
            Self::Sync => Some(Duration::from_secs(15)),
            Self::End => Some(Duration::from_secs(20)),
            Self::Buy | Self::Change => None,
        }
    }

    /// For how long its first call may have waited before purchases give way to it.
    pub(super) const fn tolerance(self) -> Duration {
        Duration::from_millis(match self {
            Self::Buy => u64::MAX,
            Self::Change => 300,
            Self::Poll => 1_000,
            Self::List | Self::Sync => 2_000,
            Self::End => 5_000,
        })
    }
}
