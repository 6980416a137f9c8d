//! What happens to the keys that values are sealed under. The keys themselves are not in the ledger.

use super::bulk::Bulk;
use crate::ids::{OrderId, Token};
use crate::sealed::{KeyHandle, KeyOwner};

/// Why a key was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DestroyReason {
    /// What is sealed under it was kept for as long as it is kept.
    Retention,
    /// Its account or person was erased.
    Erasure,
    /// Its file was missing or damaged at a start, and the operator accepted that.
    Lost,
    /// What it was made for was refused: nothing that is kept is sealed under it.
    Unused,
}

/// What stands for a number of own stock from now on, in place of what did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// Under an older key of tokens.
    pub old: Token,
    /// Under the newer one.
    pub new: Token,
}

/// What stands for the number that a provider gave an order, from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderToken {
    /// The order.
    pub order: OrderId,
    /// Under the newer key.
    pub new: Token,
}

/// An event of a key that values are sealed under, or that tokens are made under. None moves money.
#[derive(Clone, PartialEq, Eq)]
pub enum SealKeyEvent {
    /// A key was made: it is durable already, and values may be sealed under it from now on.
    KeyMade {
        /// Its name.
        handle: KeyHandle,
        /// Whose values it seals.
        owner: KeyOwner,
    },
    /// A key is destroyed: its file goes after this event, and what is sealed under it is forgotten.
    /// The loads under it were taken back, or none of their numbers was used.
    KeyDestroyed {
        /// Which.
        handle: KeyHandle,
        /// Why.
        why: DestroyReason,
    },
    /// Numbers have new tokens.
    Retokened {
        /// Of own stock: in stock, at rest, of orders in memory, each in all its places at once.
        stock: Vec<Renamed>,
        /// Of providers; with those of stock at most [`ROWS_MAX`](crate::limits::ROWS_MAX).
        orders: Vec<OrderToken>,
    },
}

impl SealKeyEvent {
    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::KeyMade { .. } => "KeyMade",
            Self::KeyDestroyed { .. } => "KeyDestroyed",
            Self::Retokened { .. } => "Retokened",
        }
    }

    pub(super) const fn bulk(&self) -> Bulk {
        match self {
            Self::KeyMade { .. } | Self::KeyDestroyed { .. } => Bulk::NONE,
            Self::Retokened { stock, orders } => Bulk::rows(stock.len() + orders.len()),
        }
    }
}
