//! Where an activation can stand, and what can happen to it.

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
    /// True once nothing but a late message can come.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        match self {
            Self::Completed | Self::Cancelled | Self::TimedOut | Self::Failed => true,
            Self::Init | Self::Active | Self::Received => false,
        }
    }
}
