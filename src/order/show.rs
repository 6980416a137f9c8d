//! What buyers were shown: noted for the ledger beside the answer, which does not wait for it.
//!
//! Promises: the first time that a message is shown is recorded once, within moments, by the key
//! that it was shown to. A crash in between loses it, and the next look records that one. What a
//! buyer sees first after the order has left memory is not recorded.

use nexnum_engine::command::ShowMessages;
use nexnum_engine::event::ShownBy;
use nexnum_engine::ids::KeyId;
use nexnum_engine::order::Order;

use super::Orders;
use super::shown::{Asker, ShownNote};

impl Orders {
    /// Notes what an answer shows of an order for the first time.
    pub fn note_shown(
        &self,
        order: &Order,
        (by, key): (ShownBy, Option<KeyId>),
        asker: impl FnOnce() -> Asker,
    ) {
        let unseen = order.shown().filter(|message| !message.shown).map(|message| message.id);
        let Some(up_to) = unseen.max() else { return };
        if self.market.read_model.order(order.id).is_none() {
            return;
        }
        let shown = ShowMessages { order: order.id, up_to, by, key };
        let note = ShownNote { asker: asker(), shown };
        if !self.shown_notes.take(note) {
            self.market.metrics.shown_unnoted();
        }
    }
}
