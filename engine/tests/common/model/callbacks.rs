//! Callbacks: each kept once, until it is processed.

use nexnum_engine::callback::{CallbackFailure, CallbackOutcome};
use nexnum_engine::command::{Effect, ReceiveCallback, Reply};
use nexnum_engine::ids::CallbackId;
use nexnum_engine::limits::{
    CALLBACK_KEYS_MAX, CALLBACK_LEN_MAX, CALLBACK_REFUSED_LEN_MAX, CALLBACKS_FAILED_MAX,
    CALLBACKS_REFUSED_MAX, NAME_LEN_MAX,
};
use nexnum_engine::state::State;

use super::{Answer, Model, at, need, same};

/// How a callback stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Waits,
    Failed(CallbackFailure),
    Gone,
}

impl Standing {
    /// Whether it is kept as one that failed, or as one that was refused.
    fn is_kept(self, refused: bool) -> bool {
        matches!(self, Self::Failed(failure) if failure.is_refusal() == refused)
    }
}

impl Model {
    pub(super) fn receive_callback(&mut self, callback: &ReceiveCallback) -> Answer {
        at(&self.providers, callback.provider.0 as usize).ok_or("unknown_provider")?;
        let fits = callback.content_type.len() <= NAME_LEN_MAX;
        let len_max = match callback.failure {
            Some(failure) if failure.is_refusal() => CALLBACK_REFUSED_LEN_MAX,
            Some(_) | None => CALLBACK_LEN_MAX,
        };
        need(fits && callback.sealed.clear_len() <= len_max, "invalid_field")?;
        need(self.seals_days(&callback.sealed), "unknown_sealing_key")?;
        let first = self.callbacks.len().saturating_sub(CALLBACK_KEYS_MAX);
        // Known are the last ones, and those that are kept.
        let is_known = |(index, known): (usize, &(u128, Standing))| {
            known.0 == callback.key && (index >= first || known.1 != Standing::Gone)
        };
        let index = match self.callbacks.iter().enumerate().position(is_known) {
            Some(index) => index,
            None => {
                self.callbacks.push((callback.key, Standing::Waits));
                let id = CallbackId(self.callbacks.len() as u64);
                if let Some(failure) = callback.failure {
                    self.end_callback(id, CallbackOutcome::Failed(failure));
                }
                self.callbacks.len() - 1
            }
        };
        Ok(Reply::Callback(CallbackId(index as u64 + 1)))
    }

    pub(super) fn settle_callback(&mut self, id: CallbackId, outcome: CallbackOutcome) -> Answer {
        at(&self.callbacks, id.0 as usize).ok_or("unknown_callback")?;
        let changed = self.end_callback(id, outcome);
        Ok(Reply::Effect(if changed { Effect::Done } else { Effect::Unchanged }))
    }

    /// What became of a callback; true if that is new.
    pub(super) fn end_callback(&mut self, id: CallbackId, outcome: CallbackOutcome) -> bool {
        let Some((_, standing)) = self.callbacks.get_mut((id.0 as usize).wrapping_sub(1)) else {
            return false;
        };
        let next = match outcome {
            CallbackOutcome::Discarded if *standing == Standing::Waits => return false,
            CallbackOutcome::Accepted | CallbackOutcome::Duplicate | CallbackOutcome::Discarded => {
                Standing::Gone
            }
            CallbackOutcome::Failed(failure) => Standing::Failed(failure),
        };
        if *standing == Standing::Gone || *standing == next {
            return false;
        }
        *standing = next;
        for (refused, most) in [(false, CALLBACKS_FAILED_MAX), (true, CALLBACKS_REFUSED_MAX)] {
            let alike = |known: &(u128, Standing)| known.1.is_kept(refused);
            if self.callbacks.iter().filter(|known| alike(known)).count() > most {
                let oldest = self.callbacks.iter_mut().find(|known| alike(known)).unwrap();
                oldest.1 = Standing::Gone;
                self.callbacks_dropped += 1;
            }
        }
        true
    }

    pub(super) fn compare_callbacks(&self, state: &State) -> Result<(), String> {
        let ids = (1..).map(CallbackId).zip(&self.callbacks);
        for (id, (_, standing)) in ids.clone() {
            let known = match state.callbacks().get(id).map(|kept| kept.failure) {
                None => Standing::Gone,
                Some(None) => Standing::Waits,
                Some(Some(failure)) => Standing::Failed(failure),
            };
            same(&format!("callback {id}"), known, *standing)?;
        }
        let failed = ids.clone().filter(|(_, known)| known.1.is_kept(false)).count();
        same("callbacks that failed", state.callbacks().failed_len(), failed)?;
        let refused = ids.filter(|(_, known)| known.1.is_kept(true)).count();
        same("callbacks that were refused", state.callbacks().refused_len(), refused)?;
        same("callbacks dropped", state.callbacks().dropped(), self.callbacks_dropped)
    }
}
