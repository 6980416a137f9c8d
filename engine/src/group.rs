//! What one command brought: its head, which says who had it carried out and when, and its events.
//!
//! Heads and events have positions in the ledger alike: a group is its head and then its events,
//! one after the other.

use crate::event::Event;
use crate::ids::{AccountId, AddressNumber, KeyId, OrderId, PersonId, ProviderId, Seq};
use crate::sealed::SealedValue;
use crate::time::Time;

/// Who had a command carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The market itself: what time brings, and what an operator does on a stopped folder.
    System,
    /// The holder of an API key.
    Key(KeyId),
    /// A person who has signed in.
    Person(PersonId),
    /// A worker, on the word of a provider.
    Worker(ProviderId),
}

/// For whom an actor acts, if it is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActingFor {
    /// A person has signed in as this account.
    Account(AccountId),
    /// The account spends from this one, its parent.
    Parent(AccountId),
    /// A key carries out a plan that this person has approved.
    Plan(PersonId),
}

/// Who had a command carried out, as it comes with the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who.
    pub actor: Actor,
    /// For whom, if for another.
    pub acting_for: Option<ActingFor>,
    /// The id of the request that brought the command, 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub request: Option<Box<str>>,
    /// From which of the addresses of its key's account the caller came, where that is recorded.
    pub address: Option<AddressNumber>,
    /// Why, in the words of the person who had it carried out, sealed under the key of the account that
    /// it is about, or of a day.
    pub reason: Option<Box<SealedValue>>,
}

impl Origin {
    /// The market itself.
    pub const SYSTEM: Self = Self::of(Actor::System);

    /// Of an actor alone.
    #[must_use]
    pub const fn of(actor: Actor) -> Self {
        Self { actor, acting_for: None, request: None, address: None, reason: None }
    }
}

impl From<Actor> for Origin {
    fn from(actor: Actor) -> Self {
        Self::of(actor)
    }
}

impl From<&Self> for Origin {
    fn from(origin: &Self) -> Self {
        origin.clone()
    }
}

/// A request's idempotency: digests of its key and of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Idempotency {
    /// Digest of the key.
    pub key: u128,
    /// Digest of the request.
    pub fingerprint: u128,
}

/// What a command made that its answer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Made {
    /// An order.
    Order(OrderId),
}

/// An idempotency key that a command came with, and what its repetition is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyUse {
    /// Whose key it is: accounts do not share keys.
    pub account: AccountId,
    /// The key and the request.
    pub used: Idempotency,
    /// What the command made.
    pub made: Made,
}

/// The head of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// When the command was decided.
    pub at: Time,
    /// Who had it carried out.
    pub origin: Origin,
    /// The idempotency key that it came with, where it had one.
    pub key_use: Option<KeyUse>,
}

impl Head {
    /// Of a command that its origin brings at a moment; it has no idempotency key yet.
    #[must_use]
    pub const fn new(at: Time, origin: Origin) -> Self {
        Self { at, origin, key_use: None }
    }

    /// Of what an actor has carried out, at a moment.
    #[must_use]
    pub const fn of(actor: Actor, at: Time) -> Self {
        Self::new(at, Origin::of(actor))
    }

    /// Of what the market does by itself, at a moment.
    #[must_use]
    pub const fn system(at: Time) -> Self {
        Self::of(Actor::System, at)
    }
}

/// Groups one after the other, as a batch brings them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// Each head, with the number of its events.
    heads: Vec<(Head, u32)>,
    events: Vec<Event>,
}

/// An event with the head of its group, and its position.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// Where it stands in the ledger.
    pub seq: Seq,
    /// The head of its group.
    pub head: &'a Head,
    /// The event.
    pub event: &'a Event,
}

impl Groups {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { heads: Vec::new(), events: Vec::new() }
    }

    /// Adds a group of all events that `bring` pushes; nothing if it pushes none.
    pub fn add<T>(&mut self, head: Head, bring: impl FnOnce(&mut Vec<Event>) -> T) -> T {
        let before = self.events.len();
        let brought = bring(&mut self.events);
        let count = self.events.len() - before;
        if count > 0 {
            self.heads.push((head, count as u32));
        }
        brought
    }

    /// Notes in the last group's head which idempotency key its command came with.
    pub(crate) fn note(&mut self, key_use: KeyUse) {
        let (head, _) = self.heads.last_mut().expect("the command has a group");
        head.key_use = Some(key_use);
    }

    /// Begins a group, to which events are pushed next: groups as they are read back.
    pub fn begin(&mut self, head: Head) {
        self.heads.push((head, 0));
    }

    /// Adds an event to the last group; false if there is none.
    #[must_use]
    pub fn push(&mut self, event: Event) -> bool {
        let Some((_, count)) = self.heads.last_mut() else { return false };
        *count += 1;
        self.events.push(event);
        true
    }

    /// Forgets them, and keeps the memory for others.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.events.clear();
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// How many positions in the ledger they take: one a head and one an event.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.heads.len() + self.events.len()
    }

    /// The events of all groups.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The groups: each head with its events.
    pub fn iter(&self) -> impl Iterator<Item = (&Head, &[Event])> {
        let mut rest = &self.events[..];
        self.heads.iter().map(move |(head, count)| {
            let (events, after) = rest.split_at(*count as usize);
            rest = after;
            (head, events)
        })
    }

    /// The last group.
    #[must_use]
    pub fn last(&self) -> Option<(&Head, &[Event])> {
        let (head, count) = self.heads.last()?;
        Some((head, &self.events[self.events.len() - *count as usize..]))
    }

    /// Each head with its position; the first one is at `first`.
    pub fn heads(&self, first: Seq) -> impl Iterator<Item = (Seq, &Head)> {
        let mut next = first.0;
        self.heads.iter().map(move |(head, count)| {
            let seq = Seq(next);
            next += 1 + u64::from(*count);
            (seq, head)
        })
    }

    /// Each event with its head and position; the first head is at `first`.
    pub fn recorded(&self, first: Seq) -> impl Iterator<Item = Recorded<'_>> {
        let mut next = first.0;
        self.iter().flat_map(move |(head, events)| {
            let begin = next + 1;
            next = begin + events.len() as u64;
            let numbered = (begin..).zip(events);
            numbered.map(move |(seq, event)| Recorded { seq: Seq(seq), head, event })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AccountEvent, MemoryEvent};

    #[test]
    fn heads_and_events_have_positions_one_after_the_other() {
        let revoked = |key| Event::Account(AccountEvent::KeyRevoked { key: KeyId(key) });
        let mut groups = Groups::default();
        let of = |at| Head::of(Actor::Key(KeyId(7)), Time(at));
        groups.add(of(1), |events| events.extend([revoked(1), revoked(2)]));
        let refused = groups.add(of(2), |_| "refused");
        assert_eq!((refused, groups.len()), ("refused", 3));
        let last = Event::Memory(MemoryEvent::MessagesRemembered { order: OrderId(1) });
        groups.add(of(3), |events| events.push(last.clone()));
        assert!(!groups.is_empty() && groups.len() == 5 && groups.events().len() == 3);
        let seen: Vec<_> =
            groups.recorded(Seq(10)).map(|it| (it.seq.0, it.head.at.0, it.event.clone())).collect();
        assert_eq!(seen, [(11, 1, revoked(1)), (12, 1, revoked(2)), (14, 3, last)]);
        let heads: Vec<_> = groups.heads(Seq(10)).map(|(seq, head)| (seq.0, head.at.0)).collect();
        assert_eq!(heads, [(10, 1), (13, 3)]);
        let counts: Vec<_> = groups.iter().map(|(head, of)| (head.at.0, of.len())).collect();
        assert_eq!(counts, [(1, 2), (3, 1)]);
        assert_eq!(groups.last(), groups.iter().last());
        assert_eq!(Groups::new().last(), None);
    }
}
