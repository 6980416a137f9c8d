//! An activation: its states and their transitions, its number, its messages.

mod message;
pub(crate) mod state;
mod table;

pub use message::{Message, MessageParts, SealedParts};
pub use state::{ActivationState, INPUTS, Input, STATES};

use crate::ids::Number;
use crate::time::Time;

/// A number given to an activation, and its terms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Assignment {
    /// The number.
    pub number: Number,
    /// The provider's own id of the purchase; empty for own stock.
    pub external_id: Box<str>,
    /// From when on the buyer may cancel.
    pub cancel_from: Time,
    /// When it ends by itself.
    pub expires_at: Time,
}
