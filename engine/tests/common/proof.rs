//! An engine that keeps its events, and what must hold of it at any moment.

use super::key_uses::KeyUses;
use nexnum_engine::Engine;
use nexnum_engine::audit::{audit, state_hash};
use nexnum_engine::command::{Command, Reply};
use nexnum_engine::event::Event;
use nexnum_engine::group::{Groups, Head};
use nexnum_engine::ids::Seq;
use nexnum_engine::policy::Policy;
use nexnum_engine::reject::Reject;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;

/// An engine with its ledger in memory.
#[derive(Default)]
pub struct Recorded {
    pub engine: Engine,
    /// The groups, one a command.
    pub groups: Groups,
}

impl Recorded {
    /// An engine with this policy.
    pub fn new(policy: Policy) -> Self {
        Self { engine: Engine::default().with_policy(policy), ..Self::default() }
    }

    /// From now on the engine has this policy.
    pub fn set_policy(&mut self, policy: Policy) {
        self.engine = std::mem::take(&mut self.engine).with_policy(policy);
    }

    /// Executes a command and keeps its events.
    /// What the recorded groups say of its idempotency key is brought with it.
    pub fn execute(&mut self, at: Time, command: &Command) -> Result<Reply, Reject> {
        let command = self.with_key_uses(command);
        self.engine.execute(Head::system(at), &command, &mut self.groups)
    }

    /// A command with what the ledger says of the keys that its own may be.
    pub fn with_key_uses(&self, command: &Command) -> Command {
        let (mut command, mut uses) = (command.clone(), KeyUses::default());
        if matches!(&command, Command::PlaceOrder(order) if order.idempotency.is_some()) {
            uses.follow(&self.groups, Seq(1));
            uses.bring(self.state().replies(), &mut command);
        }
        command
    }

    /// The state.
    pub fn state(&self) -> &State {
        self.engine.state()
    }

    /// The same state comes from the events and from the rows, and it is sound.
    pub fn prove(&self) -> Result<(), String> {
        audit(self.state())?;
        let mut replayed = Engine::default();
        self.groups.iter().for_each(|(head, events)| replayed.replay(head, events));
        let rows = self.state().rows().map(Ok::<_, String>);
        let rebuilt = State::from_rows(rows)?;
        for (state, way) in [(replayed.state(), "replayed"), (&rebuilt, "rebuilt from rows")] {
            if state_hash(state) != state_hash(self.state()) {
                return Err(format!("the {way} state has another hash"));
            }
            if state != self.state() {
                return Err(format!("the {way} state differs in an index"));
            }
        }
        Ok(())
    }
}

/// A group: its head, and its events.
pub type Group = (Head, Vec<Event>);

/// An engine that has only seen the groups.
pub fn replay(groups: &[Group]) -> Engine {
    let mut engine = Engine::default();
    groups.iter().for_each(|(head, events)| engine.replay(head, events));
    engine
}
