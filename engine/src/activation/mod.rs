//! An activation: its states and their transitions, its number, its messages.

pub(crate) mod state;
mod table;

pub use state::{ActivationState, INPUTS, Input, STATES};

use crate::ids::{MessageId, Number};
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

/// A received message.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Message {
    /// Dense id.
    pub id: MessageId,
    /// What makes it the same message when it comes again.
    pub digest: u128,
    /// Who sent it, as the provider says; may be empty.
    pub sender: Box<str>,
    /// The text; may be empty where a provider gives only the code.
    pub text: Box<str>,
    /// The code in it; empty where none was found.
    pub code: Box<str>,
    /// When it came in here.
    pub received_at: Time,
    /// It came after the end: kept, not delivered.
    pub late: bool,
    /// Its buyer has been shown it.
    pub shown: bool,
}

/// Prints no text and no code: messages stay out of logs.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({}, late: {})", self.id, self.late)
    }
}
