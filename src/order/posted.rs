//! What an order has received of what is posted for its number: sources give an id with all of
//! their messages, with some or with none.

use nexnum_engine::activation::Message;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use super::Orders;
use super::received::{self, Received};
use crate::message::extract::Readable;
use crate::message::identity::{self, Came, Parts, Verdict};
use nexnum_storage::said::Said;

impl Orders {
    /// True if a posted message with a code may be another one though it is equal to one that came:
    /// the buyer has asked for another, and no code has come since. A text without a code does not
    /// answer that, as far as memory has it.
    pub(super) fn awaits_code(&self, order: &Order) -> bool {
        order.awaits_another || self.kept_wishes.has(order)
    }

    /// When an order received what is posted with this digest, whether with an id or without.
    pub(super) fn posted_at(
        &self,
        order: &Received,
        digest: u128,
        parts: &Parts<'_>,
        readable: &Readable<'_>,
        now: Time,
    ) -> Option<Time> {
        // Its messages are under the key of its day.
        let lookups = self.market.sealing.lookups();
        let key = lookups.on(order.placed_at.day());
        let digest = identity::under(parts, digest, key).unwrap_or(digest);
        let parts = &Parts { key, ..*parts };
        let known = received::posted_at(order, digest, parts, readable);
        known.or_else(|| self.came_without_id(order, digest, parts, now))
    }

    /// True if an order has a posted message, and none that is equal would be another.
    pub(super) fn has_posted(
        &self,
        order: &Received,
        parts: &Parts<'_>,
        readable: &Readable<'_>,
        now: Time,
    ) -> bool {
        let came = |digest| {
            let at = self.posted_at(order, digest, parts, readable, now);
            at.map(|at| Came { at, here: true })
        };
        identity::of_posted(parts, came, self.awaits_code(order), now) == Verdict::Repeat
    }

    /// When an order received a message without the id that it has now.
    fn came_without_id(
        &self,
        order: &Received,
        digest: u128,
        parts: &Parts<'_>,
        now: Time,
    ) -> Option<Time> {
        // What an open wish may be answered by is another message.
        let may_be_another = parts.has_code && self.awaits_code(order);
        if parts.id.is_none() || digest != identity::first(parts) || may_be_another {
            return None;
        }
        let is_bare = |known: &&Message| {
            let Some(Said { sender, .. }) = order.texts.get(known.id) else { return false };
            let bare = Parts { id: None, sender, ..*parts };
            let is_sender = sender.is_empty()
                || parts.sender.is_empty()
                || parts.has_code
                || **sender == *parts.sender;
            is_sender && known.digest == identity::first(&bare)
        };
        let known = order.messages.iter().rfind(is_bare)?;
        let is_repeat = parts.has_code || identity::is_soon(known.received_at, now);
        (is_repeat && self.numbered.is(order.id, known.digest, digest)).then_some(known.received_at)
    }
}
