//! An activation: its states and their transitions, its number, its messages.

mod message;
pub(crate) mod state;
mod table;

pub use message::{Message, MessageParts, SealedParts};
pub use state::{ActivationState, INPUTS, Input, STATES};

use std::sync::Arc;

use crate::ids::{LoadId, Token};
use crate::sealed::SealedValue;
use crate::time::Time;

/// Where a number can be read that stands for itself by its token alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NumberPlace {
    /// With its assignment, sealed for the order.
    Here(Arc<SealedValue>),
    /// In a load of own stock: which of its numbers it is, from 0.
    Load(LoadId, u32),
}

/// A number of own stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StockNumber {
    /// What stands for it.
    pub token: Token,
    /// The load that it came with.
    pub load: LoadId,
    /// Which of that load's numbers it is, from 0.
    pub index: u32,
}

/// A number given to an activation, and its terms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Assignment {
    /// What stands for the number.
    pub token: Token,
    /// Where the number is.
    pub place: NumberPlace,
    /// The provider's own id of the purchase; empty for own stock.
    pub external_id: Box<str>,
    /// From when on the buyer may cancel.
    pub cancel_from: Time,
    /// When it ends by itself.
    pub expires_at: Time,
}

impl Assignment {
    /// The number, of own stock.
    pub(crate) const fn stock(&self) -> Option<StockNumber> {
        match self.place {
            NumberPlace::Load(load, index) => Some(StockNumber { token: self.token, load, index }),
            NumberPlace::Here(_) => None,
        }
    }
}
