//! The engine's one entry: decide, then apply.

use crate::command::{Command, Reply};
use crate::decide::decide;
use crate::event::Event;
use crate::policy::Policy;
use crate::reject::Reject;
use crate::state::State;
use crate::time::Time;

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

    /// Executes a command: its events are appended to `events` and applied.
    ///
    /// # Errors
    /// The refusal; the state and `events` are unchanged.
    pub fn execute(
        &mut self,
        at: Time,
        command: &Command,
        events: &mut Vec<Event>,
    ) -> Result<Reply, Reject> {
        let first = events.len();
        let reply = decide(&self.state, &self.policy, at, command, events);
        assert!(reply.is_ok() || events.len() == first, "a refusal has no events");
        for event in &events[first..] {
            self.state.apply(at, event);
        }
        reply
    }

    /// Applies an event that was decided before: replay.
    pub fn replay(&mut self, at: Time, event: &Event) {
        self.state.apply(at, event);
    }
}
