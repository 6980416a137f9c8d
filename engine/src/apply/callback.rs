//! What an event of callbacks does to the state.

use crate::event::CallbackEvent;
use crate::state::State;
use crate::time::Time;

impl State {
    pub(super) fn apply_callback(&mut self, at: Time, event: &CallbackEvent) {
        if let CallbackEvent::CallbackReceived { provider, .. } = event {
            assert!(self.providers.contains(*provider), "a callback is for a provider");
        }
        let _lost = self.callbacks.follow(at, event);
    }
}
