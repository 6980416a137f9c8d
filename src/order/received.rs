//! What an order has received, as far as it says that a message is one of those.

use std::ops::Deref;
use std::sync::Arc;

use nexnum_engine::activation::{Message, MessageParts};
use nexnum_engine::ids::OrderId;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use super::texts::Texts;
use crate::market::Market;
use crate::message::extract::Readable;
use crate::message::identity::{self, Parts, StatedParts};
use crate::message::unseen::is_placeholder;
use nexnum_storage::said::Said;

/// An order with what its messages say.
#[derive(Debug)]
pub(super) struct Received {
    order: Arc<Order>,
    pub texts: Texts,
}

impl Received {
    pub(super) fn new(market: &Market, order: Arc<Order>) -> Self {
        let texts = Texts::of(&market.sealing, &order);
        Self { order, texts }
    }

    /// An order in memory.
    pub(super) fn of(market: &Market, id: OrderId) -> Option<Self> {
        Some(Self::new(market, market.read_model.order(id)?))
    }

    /// The order.
    pub(super) fn order(&self) -> Arc<Order> {
        Arc::clone(&self.order)
    }

    /// What a message says that has come; nothing of one that is forgotten.
    fn stated(&self, message: &Message) -> Option<StatedParts<'_>> {
        let Said { sender, text, code } = self.texts.get(message.id)?;
        Some(StatedParts { sender, text, code })
    }

    /// Whether a message that has come is the same as far as both are stated.
    fn is_alike(&self, stated: StatedParts<'_>, known: &Message) -> bool {
        self.stated(known).is_some_and(|known| identity::is_alike(stated, known))
    }
}

impl Deref for Received {
    type Target = Order;

    fn deref(&self) -> &Order {
        &self.order
    }
}

/// When an order received a digest.
pub(super) fn at(order: &Order, digest: u128) -> Option<Time> {
    let known = order.messages.iter().find(|known| known.digest == digest);
    known.map(|known| known.received_at)
}

/// When an order received what is posted with this digest. The source may have given an id with
/// the message and leave it out when it repeats it.
pub(super) fn posted_at(
    order: &Received,
    digest: u128,
    parts: &Parts<'_>,
    readable: &Readable<'_>,
) -> Option<Time> {
    let is_first = parts.id.is_none() && digest == identity::first(parts);
    at(order, digest).or_else(|| {
        let stated = stated(parts.sender, readable);
        let alike = |known: &&Message| order.is_alike(stated, known);
        let known = order.messages.iter().filter(|_| is_first).filter(alike);
        known.map(|known| known.received_at).max()
    })
}

/// The message of an order that lacks a part that a reply shows of it; none where it may be one
/// of several.
pub(super) fn partial<'a>(
    order: &'a Received,
    parts: &Parts<'_>,
    readable: &Readable<'_>,
) -> Option<&'a Message> {
    let (digest, shown) = (identity::first(parts), [parts.sender, &readable.text, &readable.code]);
    let stated = stated(parts.sender, readable);
    let mut same = order.messages.iter().filter(|known| {
        known.digest == digest || parts.id.is_none() && order.is_alike(stated, known)
    });
    let known = same.next().filter(|_| same.next().is_none())?;
    let MessageParts { sender, text, code } = known.has();
    let lacks = [!sender, !text, !code];
    let fills = lacks.into_iter().zip(shown).any(|(lacks, shown)| lacks && !is_placeholder(shown));
    fills.then_some(known)
}

/// The digest of a message of an order that is the same, as far as both state it.
pub(super) fn alike(order: &Received, sender: &str, readable: &Readable<'_>) -> Option<u128> {
    let stated = stated(sender, readable);
    let known = order.messages.iter().find(|known| order.is_alike(stated, known));
    known.map(|known| known.digest)
}

/// What a message says that comes.
fn stated<'a>(sender: &'a str, readable: &'a Readable<'_>) -> StatedParts<'a> {
    StatedParts { sender, text: &readable.text, code: &readable.code }
}
