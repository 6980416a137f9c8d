//! Whether a message has come before: its identity, as a digest under a key, which the ledger keeps.
//!
//! Where the source gives an id, the id is the message. Without one an equal text with a code
//! is the same message, since a source repeats what it sent after an outage; until the buyer
//! asks for another, for services send a code that is still valid again. An equal text without
//! a code is another message of the same buyer after two minutes. A message that comes again as
//! another one has its number of occurrence in its digest. Leaves to others: who is asked, who is charged. The
//! engine refuses each digest that the number has received, whatever is found here.

use nexnum_engine::event::MessageWay;
use nexnum_engine::time::Time;
use nexnum_storage::lookup_key::{LookedUp, LookupKey};

use crate::digest;

/// How long an equal text without a code is the same message.
pub(super) const REPEATED_MS: u64 = 120_000;
/// How long a source repeats what was refused, or what it could not send: as long as the orders
/// stay in memory that had it.
pub(super) const RETRIED_MS: u64 = 60 * 60 * 1000;
/// Occurrences of one message that are told apart; a number keeps as many messages.
pub const OCCURRENCES_MAX: u32 = 100;

/// What of a message makes it the same.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// Under which its digest is.
    pub key: &'a LookupKey,
    /// The source's own id.
    pub id: Option<&'a str>,
    /// Who sent it.
    pub sender: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The code, from a source that looks for it.
    pub code: Option<&'a str>,
    /// Whether it has a code, stated or found.
    pub has_code: bool,
}

/// What a message says, as far as its source states it; what it does not state is empty.
#[derive(Clone, Copy)]
pub struct StatedParts<'a> {
    /// Who sent it.
    pub sender: &'a str,
    /// What it says.
    pub text: &'a str,
    /// Its code, stated or found.
    pub code: &'a str,
}

/// What a message is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has come before.
    Repeat,
    /// It is new, with this digest.
    New(u128),
    /// A list of messages cannot tell: a status call of its own does.
    Unclear,
}

/// A reply of a provider, as far as it says that an equal message is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollReply {
    /// How it was asked for.
    pub look: Look,
    /// The buyer had asked for another message, and the provider had confirmed it, before this
    /// reply was asked for.
    pub awaited: bool,
    /// The provider says that a message is there, not that it waits for another.
    pub received: bool,
    /// What else it says of the message, where it is for this one activation.
    pub signs: Signs,
}

/// What tells a single call that shows an equal message anew from one that shows the old
/// message still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// The provider was told of the wish: its protocol has a call for it.
    pub told: bool,
    /// A word of the provider says that the message is there, which is another one while one
    /// is awaited.
    pub by_word: bool,
    /// It has been seen to wait since the wish.
    pub waited: bool,
}

impl Signs {
    /// True if the message is a new one: for two of the three. A provider that knows of no wish
    /// goes on to show what it had; so does one whose state is that a message exists.
    const fn are_enough(self) -> bool {
        let Self { told, by_word, waited } = self;
        told && (by_word || waited) || by_word && waited
    }
}

/// How a provider was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// For this one activation.
    Single,
    /// For a page of activations: a list shows old messages as it shows new ones.
    List,
}

impl Look {
    /// The way of the messages that it brings.
    #[must_use]
    pub const fn way(self) -> MessageWay {
        match self {
            Self::Single => MessageWay::Status,
            Self::List => MessageWay::List,
        }
    }
}

/// The digest of a message that has not come before.
// Digests are in the ledger: which parts make one does not change.
pub fn first(parts: &Parts<'_>) -> u128 {
    let &Parts { key, id, sender, text, code, has_code: _ } = parts;
    let (sender, text) = (sender.as_bytes(), text.as_bytes());
    let digest = |parts: &[&[u8]]| key.digest(LookedUp::Message, parts);
    match (id, code) {
        (Some(id), _) => digest(&[b"message id", id.as_bytes()]),
        (None, Some(code)) => digest(&[b"message", sender, text, code.as_bytes()]),
        (None, None) => digest(&[b"message", sender, text]),
    }
}

/// The digest of a message under another key, of the same occurrence; `None` of one that has a digest
/// of what is alike.
pub fn under(parts: &Parts<'_>, digest: u128, other: &LookupKey) -> Option<u128> {
    let own = first(parts);
    let n = (0..OCCURRENCES_MAX).find(|n| occurrence(own, *n) == digest)?;
    Some(occurrence(first(&Parts { key: other, ..*parts }), n))
}

/// The digest of a message that comes for the n-th time, from 0 on, as another one.
fn occurrence(first: u128, n: u32) -> u128 {
    match n {
        0 => first,
        n => digest::of(&[b"message again", &first.to_le_bytes(), &n.to_le_bytes()]),
    }
}

/// How often a message has come, as one of its own each time, and when last.
fn occurrences(first: u128, came: impl Fn(u128) -> Option<Time>) -> (u32, Option<Time>) {
    let mut last = None;
    for n in 0..OCCURRENCES_MAX {
        let Some(at) = came(occurrence(first, n)) else { return (n, last) };
        last = last.max(Some(at));
    }
    (OCCURRENCES_MAX, last)
}

/// How a number received a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// When.
    pub at: Time,
    /// It came to the order that is asked for, not to another one of the number.
    pub here: bool,
}

/// What a message that was posted is. `came` says how the number received a digest, for any of
/// its buyers; `awaited` that its buyer has asked for another message and none has come since.
/// What has come to another order is never a new message of this one, unless nothing in it can be a
/// code: such a text is another message once it has come to no other buyer for an hour. To the same
/// buyer a text without a code is another one after two minutes.
pub fn of_posted(
    parts: &Parts<'_>,
    came: impl Fn(u128) -> Option<Came>,
    awaited: bool,
    now: Time,
) -> Verdict {
    let first = first(parts);
    let (times, last) = occurrences(first, |digest| came(digest).map(|came| came.at));
    let others = (0..times).filter_map(|n| came(occurrence(first, n)).filter(|came| !came.here));
    let last_elsewhere = others.map(|came| came.at).max();
    let is_others =
        last_elsewhere.is_some_and(|at| may_hold_code(parts.text) || now.ms_since(at) < RETRIED_MS);
    let is_new = match last {
        None => true,
        Some(_) if parts.id.is_some() => false,
        Some(_) if parts.has_code => awaited && last_elsewhere.is_none(),
        Some(last) => !is_soon(last, now) && !is_others,
    };
    if is_new && times < OCCURRENCES_MAX {
        Verdict::New(occurrence(first, times))
    } else {
        Verdict::Repeat
    }
}

/// True if a message that a reply shows of an activation is what another one of its number
/// received at a moment, as far as what it says tells that. An equal code is another one only
/// once its buyer has asked for another message; a text in which nothing can be a code, once an
/// hour has passed.
pub fn is_anothers(parts: &Parts<'_>, came: Time, awaited: bool, now: Time) -> bool {
    let is_retried = now.ms_since(came) < RETRIED_MS;
    if parts.has_code { !awaited } else { may_hold_code(parts.text) || is_retried }
}

/// True while an equal text without a code is the same message.
pub fn is_soon(at: Time, now: Time) -> bool {
    now.ms_since(at) < REPEATED_MS
}

/// True if a code may stand in a text in which none was found: it has figures, or a link.
pub(super) fn may_hold_code(text: &str) -> bool {
    text.contains(char::is_numeric) || text.contains("://")
}

/// True if two messages without an id are one, of which each source states what it has: the
/// same text, or the same code, beside a part that one of them leaves out. Of an equal text with an
/// equal code the sender says nothing more: gateways spell it in several ways.
pub fn is_alike(one: StatedParts<'_>, other: StatedParts<'_>) -> bool {
    let fits = |a: &str, b: &str| a == b || a.is_empty() || b.is_empty();
    let same = |a: &str, b: &str| a == b && !a.is_empty();
    let shares = same(one.text, other.text) || same(one.code, other.code);
    let parts = [(one.sender, other.sender), (one.text, other.text), (one.code, other.code)];
    let is_told = same(one.text, other.text) && same(one.code, other.code);
    is_told || shares && parts.into_iter().all(|(a, b)| fits(a, b))
}

/// A message of a provider's reply beside what the activation has received.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Its digest as the first of its kind.
    pub first: u128,
    /// How often it has come, as one of its own each time.
    times: u32,
    /// When last.
    last: Option<Time>,
    /// How often the reply shows it, if it has come and has no id.
    copies: usize,
}

impl Counted {
    /// The message at `at` of a reply whose messages are all `shown`. `came` says when the
    /// activation received a digest; `known` which digest a message has that it received and that
    /// is like the one at a place of the reply.
    pub fn of(
        shown: &[Parts<'_>],
        at: usize,
        came: impl Fn(u128) -> Option<Time>,
        known: impl Fn(usize) -> Option<u128>,
    ) -> Self {
        // Several sources of one provider state different parts of a message.
        let first_of = |at: usize| {
            let (digest, has_id) = (first(&shown[at]), shown[at].id.is_some());
            let is_known = has_id || came(digest).is_some();
            if is_known { digest } else { known(at).unwrap_or(digest) }
        };
        let first = first_of(at);
        let (times, last) = occurrences(first, &came);
        // Only of what came before without an id: to count takes a look at the whole reply.
        let is_counted = last.is_some() && shown[at].id.is_none();
        let alike = |other: &usize| is_counted && first_of(*other) == first;
        let copies = (0..shown.len()).filter(alike).count();
        Self { first, times, last, copies }
    }

    /// True if the activation has not received it.
    pub const fn is_first(&self) -> bool {
        self.last.is_none()
    }

    /// How many more of it the reply shows than have come.
    pub const fn spare(&self) -> usize {
        self.copies.saturating_sub(self.times as usize)
    }
}

/// What the message at `at` of a provider's reply is, whose messages are all `shown`. `spare` is
/// how many more of it replies showed than were taken for messages: those are repeats for good.
pub fn of_polled(
    shown: &[Parts<'_>],
    at: usize,
    counted: Counted,
    spare: usize,
    reply: PollReply,
    now: Time,
) -> Verdict {
    let parts = &shown[at];
    let Counted { first, times, last, .. } = counted;
    let Some(last) = last else { return Verdict::New(first) };
    if parts.id.is_some() || times >= OCCURRENCES_MAX {
        return Verdict::Repeat;
    }
    let is_more = counted.spare() > spare;
    let again = Verdict::New(occurrence(first, times));
    if !parts.has_code {
        let is_late = is_more && !is_soon(last, now);
        return if is_late { again } else { Verdict::Repeat };
    }
    // While another is awaited a single call of a provider that can tell shows one code: the
    // old one with a state that waits, or the new one.
    match (reply.awaited, is_more, reply.look) {
        (false, _, _) => Verdict::Repeat,
        (true, true, _) => again,
        (true, false, Look::Single)
            if reply.received && reply.signs.are_enough() && shown.len() == 1 =>
        {
            again
        }
        (true, false, Look::List) if reply.received => Verdict::Unclear,
        (true, false, Look::Single | Look::List) => Verdict::Repeat,
    }
}

/// True if a message of a reply that is found to be a repeat is one for good: no wish is open that
/// it may answer.
pub const fn settles(parts: &Parts<'_>, reply: PollReply) -> bool {
    !(parts.has_code && reply.awaited)
}

#[cfg(test)]
mod tests;
