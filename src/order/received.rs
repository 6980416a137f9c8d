//! What an order has received, as far as it says that a message is one of those.

use nexnum_engine::activation::Message;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use crate::message::extract::Readable;
use crate::message::identity::{self, Came, Parts, StatedParts, Verdict};
use crate::message::unseen::is_placeholder;

/// When an order received a digest.
pub(super) fn at(order: &Order, digest: u128) -> Option<Time> {
    let known = order.messages.iter().find(|known| known.digest == digest);
    known.map(|known| known.received_at)
}

/// True if a message is told from others by what it says alone: it has a code and no id.
pub(super) fn is_told_by_text(parts: &Parts<'_>) -> bool {
    parts.id.is_none() && parts.has_code
}

/// When an order received what is posted with this digest. The source may have given an id with
/// the message and leave it out when it repeats it.
pub(super) fn posted_at(
    order: &Order,
    digest: u128,
    parts: &Parts<'_>,
    readable: &Readable<'_>,
) -> Option<Time> {
    let is_first = || is_told_by_text(parts) && digest == identity::first(parts);
    let known = || alike(order, parts.sender, readable).filter(|_| is_first());
    at(order, digest).or_else(|| at(order, known()?))
}

/// True if an order has a posted message, and none that is equal would be another.
pub(super) fn has(order: &Order, parts: &Parts<'_>, readable: &Readable<'_>, now: Time) -> bool {
    let came = |digest| posted_at(order, digest, parts, readable).map(|at| Came { at, here: true });
    identity::of_posted(parts, came, order.awaits_another, now) == Verdict::Repeat
}

/// The message of an order that lacks a part that a reply shows of it; none where it may be one
/// of several.
pub(super) fn partial<'a>(
    order: &'a Order,
    parts: &Parts<'_>,
    readable: &Readable<'_>,
) -> Option<&'a Message> {
    let (digest, shown) = (identity::first(parts), [parts.sender, &readable.text, &readable.code]);
    let stated = StatedParts { sender: parts.sender, text: &readable.text, code: &readable.code };
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
    let stated = StatedParts { sender, text: &readable.text, code: &readable.code };
    let known = order.messages.iter().find(|known| identity::is_alike(stated, stated_of(known)));
    known.map(|known| known.digest)
}

/// What a message says that has come.
fn stated_of(message: &Message) -> StatedParts<'_> {
    StatedParts { sender: &message.sender, text: &message.text, code: &message.code }
}
