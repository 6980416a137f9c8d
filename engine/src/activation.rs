//! The activation's state machine: a total table of (state, input).

use crate::ids::{MessageId, Number};
use crate::reject::Reject;
use crate::time::Time;

/// Where an activation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActivationState {
    /// Paid for, no number yet.
    Init,
    /// Has a number, waits for a message.
    Active,
    /// A message came: the order is delivered, more may come.
    Received,
    /// Ended after a message.
    Completed,
    /// Ended without a message, at the buyer's or the provider's word.
    Cancelled,
    /// Ended without a message, at its deadline.
    TimedOut,
    /// No number could be had.
    Failed,
}

/// What can happen to an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A provider gave a number.
    Assign,
    /// No provider gave one.
    Fail,
    /// A message came in.
    Message,
    /// The buyer asks for another message.
    Another,
    /// The buyer or the provider ends it.
    Cancel,
    /// The buyer is done.
    Finish,
    /// Its deadline passed.
    Expire,
}

/// Every state, for tables and tests.
pub const STATES: [ActivationState; 7] = [
    ActivationState::Init,
    ActivationState::Active,
    ActivationState::Received,
    ActivationState::Completed,
    ActivationState::Cancelled,
    ActivationState::TimedOut,
    ActivationState::Failed,
];

/// Every input, for tables and tests.
pub const INPUTS: [Input; 7] = [
    Input::Assign,
    Input::Fail,
    Input::Message,
    Input::Another,
    Input::Cancel,
    Input::Finish,
    Input::Expire,
];

impl ActivationState {
    /// The state after `input`, or the refusal. A message to a closed activation
    /// leaves it closed: it is kept and marked late.
    ///
    /// # Errors
    /// The named refusal of that pair; nothing changes.
    pub fn after(self, input: Input) -> Result<Self, Reject> {
        use ActivationState as S;
        use Input as I;
        match (self, input) {
            (S::Init, I::Assign) => Ok(S::Active),
            (S::Init, I::Fail | I::Expire) => Ok(S::Failed),
            (S::Init, I::Message | I::Another | I::Cancel | I::Finish) => Err(Reject::NoNumberYet),

            (S::Active, I::Message) => Ok(S::Received),
            (S::Active, I::Cancel) => Ok(S::Cancelled),
            (S::Active, I::Expire) => Ok(S::TimedOut),
            (S::Active, I::Another | I::Finish) => Err(Reject::NoMessageYet),

            (S::Received, I::Message | I::Another) => Ok(S::Received),
            (S::Received, I::Finish | I::Expire) => Ok(S::Completed),
            (S::Received, I::Cancel) => Err(Reject::AlreadyReceived),

            (S::Active | S::Received, I::Assign | I::Fail) => Err(Reject::AlreadyAssigned),

            (S::Completed, I::Message) => Ok(S::Completed),
            (S::Cancelled, I::Message) => Ok(S::Cancelled),
            (S::TimedOut, I::Message) => Ok(S::TimedOut),
            (S::Failed, I::Message) => Ok(S::Failed),
            (
                S::Completed | S::Cancelled | S::TimedOut | S::Failed,
                I::Assign | I::Fail | I::Another | I::Cancel | I::Finish | I::Expire,
            ) => Err(Reject::ActivationClosed(self)),
        }
    }

    /// True once nothing but a late message can come.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        match self {
            Self::Completed | Self::Cancelled | Self::TimedOut | Self::Failed => true,
            Self::Init | Self::Active | Self::Received => false,
        }
    }
}

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
}

/// Prints no text and no code: messages stay out of logs.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({}, late: {})", self.id, self.late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_total_and_closed_states_stay_closed() {
        let mut table = String::new();
        for state in STATES {
            for input in INPUTS {
                let after = state.after(input);
                if let (true, Ok(next)) = (state.is_closed(), &after) {
                    assert_eq!(*next, state, "{state:?} is terminal");
                }
                let cell = match after {
                    Ok(next) => format!("{next:?}"),
                    Err(reject) => reject.code().to_owned(),
                };
                table.push_str(&format!("{state:?} {input:?} -> {cell}\n"));
            }
        }
        assert_eq!(table, include_str!("../tests/activation_table.txt"), "{table}");
    }
}
