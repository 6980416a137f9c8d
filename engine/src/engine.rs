//! The engine's one entry: decide, then apply.

use crate::command::{Command, Reply};
use crate::decide::{check_reason, decide};
use crate::event::Event;
use crate::group::{Groups, Head};
use crate::policy::Policy;
use crate::reject::Reject;
use crate::state::State;

/// A state and the way to change it. The same commands at the same times under the same
/// policy give the same events and the same state, byte for byte.
#[derive(Debug, Default)]
pub struct Engine {
    state: State,
    policy: Policy,
}

impl Engine {
    /// An engine that goes on from `state`, under the default policy.
    #[must_use]
    pub const fn from_state(state: State) -> Self {
        Self { state, policy: Policy { quarantine_ms: 0 } }
    }

    /// The same engine under another policy.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// What it knows.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Executes a command that its origin brings at a moment: its head and events, if it has any,
    /// are added to `groups` and applied.
    ///
    /// # Errors
    /// The refusal; the state and `groups` are unchanged.
    pub fn execute(
        &mut self,
        head: Head,
        command: &Command,
        groups: &mut Groups,
    ) -> Result<Reply, Reject> {
        if let Some(reason) = &head.origin.reason {
            check_reason(&self.state, reason)?;
        }
        let before = groups.len();
        let (at, policy) = (head.at, &self.policy);
        let decided = groups.add(head, |events| decide(&self.state, policy, at, command, events));
        let is_changed = groups.len() > before;
        assert!(decided.is_ok() || !is_changed, "a refusal has no events");
        let key_use = decided.as_ref().ok().and_then(|reply| command.key_use(reply));
        if let Some(key_use) = key_use.filter(|_| is_changed) {
            groups.note(key_use);
        }
        if let Some((head, events)) = groups.last().filter(|_| is_changed) {
            self.state.apply(head, events);
        }
        decided
    }

    /// Applies a group that was decided before: replay.
    pub fn replay(&mut self, head: &Head, events: &[Event]) {
        self.state.apply(head, events);
    }
}
