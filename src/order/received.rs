//! What an order has received, as far as it says that a message is one of those.

use nexnum_engine::activation::Message;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use crate::message::extract::Readable;
use crate::message::identity::{self, Parts, StatedParts};
use crate::message::unseen::is_placeholder;

/// When an order received a digest.
pub(super) fn at(order: &Order, digest: u128) -> Option<Time> {
    let known = order.messages.iter().find(|known| known.digest == digest);
    known.map(|known| known.received_at)
}

/// When an order received what is posted with this digest. The source may have given an id with
/// the message and leave it out when it repeats it.
pub(super) fn posted_at(
    order: &Order,
    digest: u128,
    parts: &Parts<'_>,
    readable: &Readable<'_>,
) -> Option<Time> {
    let is_first = parts.id.is_none() && digest == identity::first(parts);
    at(order, digest).or_else(|| {
        let stated = stated(parts.sender, readable);
        let alike = |known: &&Message| identity::is_alike(stated, stated_of(known));
        let known = order.messages.iter().filter(|_| is_first).filter(alike);
        known.map(|known| known.received_at).max()
    })
}

/// The message of an order that lacks a part that a reply shows of it; none where it may be one
/// of several.
pub(super) fn partial<'a>(
    order: &'a Order,
    parts: &Parts<'_>,
    readable: &Readable<'_>,
) -> Option<&'a Message> {
    let (digest, shown) = (identity::first(parts), [parts.sender, &readable.text, &readable.code]);
    let stated = stated(parts.sender, readable);
    let mut same = order.messages.iter().filter(|known| {
        known.digest == digest || parts.id.is_none() && identity::is_alike(stated, stated_of(known))
    });
    let known = same.next().filter(|_| same.next().is_none())?;
    let lacks = [&known.sender, &known.text, &known.code].map(|part| part.is_empty());
    let fills = lacks.into_iter().zip(shown).any(|(lacks, shown)| lacks && !is_placeholder(shown));
    fills.then_some(known)
}

/// The digest of a message of an order that is the same, as far as both state it.
pub(super) fn alike(order: &Order, sender: &str, readable: &Readable<'_>) -> Option<u128> {
    let stated = stated(sender, readable);
    let known = order.messages.iter().find(|known| identity::is_alike(stated, stated_of(known)));
    known.map(|known| known.digest)
}

/// What a message says that comes.
fn stated<'a>(sender: &'a str, readable: &'a Readable<'_>) -> StatedParts<'a> {
    StatedParts { sender, text: &readable.text, code: &readable.code }
}

/// What a message says that has come.
fn stated_of(message: &Message) -> StatedParts<'_> {
    StatedParts { sender: &message.sender, text: &message.text, code: &message.code }
}
