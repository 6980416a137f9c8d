//! The activation's state machine: a total table of (state, input).

use super::state::{ActivationState, Input};
use crate::reject::Reject;

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
}

#[cfg(test)]
mod tests {
    use super::super::state::{INPUTS, STATES};

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
        assert_eq!(table, include_str!("../../tests/activation_table.txt"), "{table}");
    }
}
