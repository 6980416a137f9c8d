//! Which ids the refused callbacks have that are kept.
//!
//! Promises: the body of each is read once, however many callbacks are held against it; as many
//! are remembered as are kept. Leaves to others: what follows from an id.

use std::collections::BTreeMap;

use nexnum_engine::callback::CallbackFailure;
use nexnum_engine::ids::CallbackId;
use nexnum_engine::time::Time;
use parking_lot::Mutex;

use super::texts::callback_body;
use crate::market::Market;
use crate::message::callback;
use crate::message::repeated;

/// What each stands for by its number and id, if it has both, and when it came.
#[derive(Debug, Default)]
pub(super) struct RefusedIds(Mutex<BTreeMap<CallbackId, (Option<u128>, Time)>>);

impl RefusedIds {
    /// When a message came first, as far as refused callbacks are kept that have its id.
    pub(super) fn first_came(&self, market: &Market, wanted: u128) -> Option<Time> {
        let mut known = self.0.lock();
        let unread: Vec<_> = market.read_model.callbacks(|callbacks| {
            let failure = |id: &CallbackId| callbacks.get(*id).and_then(|kept| kept.failure);
            known.retain(|id, _| failure(id).is_some_and(CallbackFailure::is_refusal));
            let unread = callbacks.refused().filter(|(id, _)| !known.contains_key(id));
            unread.map(|(id, kept)| (id, kept.clone())).collect()
        });
        for (id, kept) in unread {
            let body = callback_body(&market.sealing, &kept);
            let read = body.map(|body| callback::read(&kept.content_type, body.expose()));
            let posted = read.and_then(Result::ok);
            let said = posted.and_then(|posted| repeated::id_key(market.sealing.index(), &posted));
            known.insert(id, (said, kept.received_at));
        }
        // Oldest first.
        let mut all = known.values();
        all.find(|(said, _)| *said == Some(wanted)).map(|(_, came)| *came)
    }
}
