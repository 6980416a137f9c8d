//! The sequencer without its threads: commands into an open batch, a sealed batch
//! onto the disk, and only then to the readers and to the callers.
//!
//! The threads in `mod.rs` and the deterministic simulation run exactly this code.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::Engine;
use nexnum_engine::command::{Command, Placed, Reply};
use nexnum_engine::event::{Event, LOADED_NUMBER_LEN_MAX, Moved};
use nexnum_engine::group::{Groups, Head, Origin};
use nexnum_engine::ids::{AccountId, OrderId, Seq};
use nexnum_engine::limits::{NAME_LEN_MAX, PULSE_MAX, RETIRED_MAX, ROWS_MAX, TEXT_LEN_MAX};
use nexnum_engine::reject::Reject;
use nexnum_engine::reservation::Claim;
use nexnum_engine::sealed::{SEALED_LEN_MAX, TAG_LEN};
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_storage::format::PAYLOAD_LEN_MAX;
use nexnum_storage::ledger::Ledger;
use nexnum_storage::{Payload, Salt, StorageError};
use tokio::sync::oneshot;

use super::writer::LedgerWriter;
use crate::clock;
use crate::market::change::{Change, Wallet};
use crate::metrics::Metrics;

/// Commands in one batch: bounds the pause of a commit.
pub const BATCH_MAX: usize = 4_096;
/// Bytes of events at which a batch takes no more: with the command that reaches it, a
/// batch stays far below what a row of the ledger holds.
pub const BATCH_LEN_MAX: usize = 8 << 20;
/// The longest one event is in the ledger, but for its lists and texts: some fifty integers.
const EVENT_LEN_MAX: usize = 512;
/// The longest a group's head is, but for a reason: an id of a request, two digests, some integers.
const HEAD_LEN_MAX: usize = 192;
/// The longest a reason is, with what it says of its key.
const REASON_LEN_MAX: usize = TEXT_LEN_MAX + TAG_LEN + SEALED_LEN_MAX;
/// The longest one row of an event's list is: two tokens, or what an offer is of, in a frame.
const ROW_LEN_MAX: usize = 32;
/// How many events a pulse has at most: four of each order that ends (its end, two movements, and
/// the rest of its number, also for another service), one of each number that has rested, and what
/// leaves memory.
const PULSE_EVENTS_MAX: usize = 5 * PULSE_MAX + RETIRED_MAX + 2;
/// The longest one command's events are: a full load of own stock, or all of a pulse.
const COMMAND_LEN_MAX: usize = ROWS_MAX * LOADED_NUMBER_LEN_MAX
    + PULSE_EVENTS_MAX * EVENT_LEN_MAX
    + HEAD_LEN_MAX
    + REASON_LEN_MAX;

/// Events of pulses at which a batch takes no more of those: what time brings has this share beside
/// the commands', so that it waits for none of them, nor they for it. The next batch goes on. An
/// order's end and its money are three.
pub const PULSED_MAX: usize = BATCH_MAX;

const _: () = assert!(
    BATCH_LEN_MAX + PULSED_MAX * (EVENT_LEN_MAX + HEAD_LEN_MAX) + 2 * COMMAND_LEN_MAX
        <= PAYLOAD_LEN_MAX
);
const _: () = assert!(COMMAND_LEN_MAX >= EVENT_LEN_MAX + TEXT_LEN_MAX + 2 * NAME_LEN_MAX);

/// An accepted command's answer, given once its events are durable and published.
#[derive(Debug)]
pub struct Accepted<T = Reply> {
    /// What the engine said.
    pub reply: T,
    /// The claim of an order that still has to be bought upstream.
    pub claim: Option<Claim>,
}

/// The answer to a command.
pub type Answer<T = Reply> = Result<Accepted<T>, Reject>;

/// A command on its way, with the claim that it books.
#[derive(Debug)]
pub struct Envelope {
    /// Who has it carried out.
    pub origin: Origin,
    /// What is asked.
    pub command: Command,
    /// Phase 1 of an order or of its next attempt.
    pub claim: Option<Claim>,
    /// Where the answer goes; `None` for the sequencer's own pulse.
    pub answer_to: Option<oneshot::Sender<Answer>>,
}

/// A batch that takes no more commands.
#[derive(Debug)]
pub struct Sealed {
    /// `None` if all its commands were refused or changed nothing.
    change: Option<Change>,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
}

/// The engine and its open batch.
#[derive(Debug)]
pub struct Core {
    engine: Engine,
    /// When the last command was decided.
    at: Time,
    groups: Groups,
    /// The longest that what the open batch's commands brought is in the ledger.
    len_max: usize,
    /// The events that its pulses brought.
    pulsed: usize,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
}

impl Core {
    /// Goes on from a replayed engine.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        let groups = Groups::new();
        Self { engine, at: Time(0), groups, len_max: 0, pulsed: 0, answers: Vec::new() }
    }

    /// What the engine knows, ahead of the disk: not for readers.
    #[must_use]
    pub const fn state(&self) -> &State {
        self.engine.state()
    }

    /// Whether the open batch has anything to be sealed for.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        !self.answers.is_empty() || !self.groups.is_empty()
    }

    /// Whether the open batch has to be sealed before a command that is decided at `now`.
    #[must_use]
    pub fn is_full(&self, now: Time) -> bool {
        let brought = self.groups.events().len() - self.pulsed;
        let is_long = self.answers.len().max(brought) >= BATCH_MAX || self.len_max >= BATCH_LEN_MAX;
        is_long || self.is_of_day_before(now)
    }

    /// Whether the open batch takes another pulse at `now`, full or not.
    #[must_use]
    pub fn takes_pulses(&self, now: Time) -> bool {
        self.pulsed < PULSED_MAX && !self.is_of_day_before(now)
    }

    /// A batch is of one day: so its row is of the day of all its groups, and one that tells that a day
    /// is over is of a later day.
    fn is_of_day_before(&self, now: Time) -> bool {
        !self.groups.is_empty() && self.at.day() < now.day()
    }

    /// Executes a command. It is decided at `now`, or with the one before if that is later.
    ///
    /// # Panics
    /// If the batch is full, or takes no pulse and this is one: its row would outgrow the ledger's
    /// bound, or be of two days.
    pub fn execute(&mut self, now: Time, envelope: Envelope) {
        let Envelope { origin, command, claim, answer_to } = envelope;
        let is_pulse = matches!(command, Command::Pulse(_));
        let has_room = if is_pulse { self.takes_pulses(now) } else { !self.is_full(now) };
        assert!(has_room, "a full batch is sealed before the next command");
        self.at = self.at.max(now);
        let before = self.groups.events().len();
        let reason_len = origin.reason.as_ref().map_or(0, |reason| reason.wire_len_max());
        let head = Head::new(self.at, origin);
        let decided = self.engine.execute(head, &command, &mut self.groups);
        let brought = &self.groups.events()[before..];
        let head_len = if brought.is_empty() { 0 } else { HEAD_LEN_MAX + reason_len };
        let grown = head_len + brought.iter().map(len_max).sum::<usize>();
        debug_assert!(grown <= COMMAND_LEN_MAX, "{grown} bytes of one command");
        if is_pulse {
            self.pulsed += brought.len();
        } else {
            self.len_max += grown;
        }
        let answer = decided.map(|reply| Accepted { reply, claim: settle(reply, claim) });
        if let Some(sender) = answer_to {
            self.answers.push((sender, answer));
        }
    }

    /// Closes the open batch.
    pub fn seal(&mut self) -> Sealed {
        let groups = std::mem::take(&mut self.groups);
        (self.len_max, self.pulsed) = (0, 0);
        let change = (!groups.is_empty()).then(|| self.change(groups));
        Sealed { change, answers: std::mem::take(&mut self.answers) }
    }

    fn change(&self, groups: Groups) -> Change {
        let (state, events) = (self.engine.state(), groups.events());
        let touched: BTreeSet<OrderId> =
            events.iter().filter_map(Event::order).map(|order| order.id).collect();
        let moved = events.iter().filter_map(Event::moved);
        let accounts: BTreeSet<AccountId> = moved.flat_map(Moved::accounts).collect();
        let wallet = |id: &AccountId| (*id, Wallet::of(state, *id));
        let orders = touched.iter().filter_map(|id| state.order(*id));
        Change {
            first: Seq(state.seq().0 + 1 - groups.len() as u64),
            orders: orders.map(|order| Arc::new(order.clone())).collect(),
            wallets: accounts.iter().map(wallet).collect(),
            groups,
        }
    }
}

/// The longest that an event is in the ledger.
fn len_max(event: &Event) -> usize {
    let bulk = event.bulk();
    EVENT_LEN_MAX + bulk.rows * ROW_LEN_MAX + bulk.text_len
}

/// Ends phase 1: a filled order books its unit, one to be bought upstream keeps its
/// claim until the provider has answered, anything else gives it back.
fn settle(reply: Reply, claim: Option<Claim>) -> Option<Claim> {
    match reply {
        Reply::Placed(Placed::Filled(_)) => {
            if let Some(claim) = claim {
                claim.book();
            }
            None
        }
        Reply::Placed(Placed::Waiting(_)) => claim,
        Reply::Placed(Placed::Replayed(_))
        | Reply::Account(_)
        | Reply::Key(_)
        | Reply::Address(_)
        | Reply::Provider(_)
        | Reply::Variant(_)
        | Reply::Listed(_)
        | Reply::Changed(_)
        | Reply::Effect(_)
        | Reply::Callback(_)
        | Reply::KeyEnded(_) => None,
    }
}

impl Sealed {
    /// Makes the batch durable, shows it to the readers, then answers, in this order. The row's salt
    /// is drawn here, once: whatever a ledger repeats to make the batch durable are the same bytes,
    /// and have the same id.
    ///
    /// # Errors
    /// The ledger's failure: nothing was published and no caller was answered. Whether the batch
    /// is in the ledger ([`StorageError::Ambiguous`]) is for the next start to find out.
    pub fn commit(
        self,
        writer: &mut LedgerWriter<impl Ledger>,
        metrics: &Metrics,
        publish: impl FnOnce(Change),
    ) -> Result<(), StorageError> {
        if let Some(change) = self.change {
            let started_ns = clock::monotonic_ns();
            let payload = Payload::of(&change.groups, &Salt::draw()?, change.first);
            writer.append(&payload)?;
            let took = Duration::from_nanos(clock::monotonic_ns() - started_ns);
            metrics.committed(change.events().len(), took);
            publish(change);
        }
        for (sender, answer) in self.answers {
            // The caller may have gone; the events stand all the same.
            let _gone = sender.send(answer);
        }
        Ok(())
    }

    /// When each of its groups was decided.
    #[cfg(test)]
    pub(super) fn times(&self) -> Vec<Time> {
        let groups = self.change.iter().flat_map(|change| change.groups.iter());
        groups.map(|(head, _)| head.at).collect()
    }
}

#[cfg(test)]
mod tests {
    use nexnum_engine::activation::{Assignment, NumberPlace};
    use nexnum_engine::event::{
        AccountEvent, OrderEvent, Placement, Routing, SKIPPED_MAX, SkipReason, SkippedAsk,
        SkippedAsks, Terms,
    };
    use nexnum_engine::group::{ActingFor, Actor, Idempotency, KeyUse, Made};
    use nexnum_engine::ids::{
        AddressNumber, CountryId, KeyId, LoadId, OfferId, OrderNumber, Product, ProviderId,
        ServiceId, Token, VariantId,
    };
    use nexnum_engine::money::Micros;
    use nexnum_engine::order::OrderRef;
    use nexnum_engine::pricing::Margin;
    use nexnum_engine::sealed::{KeyHandle, SealedValue};
    use nexnum_storage::merkle::SALT_LEN;
    use nexnum_storage::{Payload, Salt};

    use super::*;

    /// Bytes of a group's records, whose row is as old as can be.
    fn len_of(head: Head, event: Event) -> usize {
        let mut groups = Groups::new();
        groups.add(Head::system(Time(0)), |all| all.push(event.clone()));
        let before = Payload::of(&groups, &Salt([0; SALT_LEN]), Seq(1)).batch().payload.len();
        groups.add(head, |all| all.push(event));
        Payload::of(&groups, &Salt([0; SALT_LEN]), Seq(1)).batch().payload.len() - before
    }

    #[test]
    fn the_longest_head_and_the_longest_event_without_texts_are_within_their_bounds() {
        let (account, key) = (AccountId(u32::MAX), KeyId(u32::MAX));
        let revoked = Event::Account(AccountEvent::KeyRevoked { key });
        let head = Head {
            at: Time(u64::MAX),
            origin: Origin {
                actor: Actor::Key(key),
                acting_for: Some(ActingFor::Parent(account)),
                request: Some("x".repeat(64).into()),
                address: Some(AddressNumber(u32::MAX)),
                reason: None,
            },
            key_use: Some(KeyUse {
                account,
                used: Idempotency { key: u128::MAX, fingerprint: u128::MAX },
                made: Made::Order(OrderId(u64::MAX)),
            }),
        };
        let revoked_len = 2 + 5;
        let reasoned = {
            let ciphertext = vec![0; TEXT_LEN_MAX + TAG_LEN].into();
            let (handle, nonce, commitment) = (KeyHandle(u128::MAX), [0; 24], [0; 32]);
            let reason = SealedValue { handle, nonce, commitment, ciphertext };
            Head {
                origin: Origin { reason: Some(Box::new(reason)), ..head.origin.clone() },
                ..head.clone()
            }
        };
        let reasoned_len = len_of(reasoned, revoked.clone()) - revoked_len;
        let reasoned_max = HEAD_LEN_MAX + REASON_LEN_MAX;
        assert!((TEXT_LEN_MAX + 200..=reasoned_max).contains(&reasoned_len), "{reasoned_len}");
        let head_len = len_of(head, revoked) - revoked_len;
        assert!((129..=HEAD_LEN_MAX).contains(&head_len), "{head_len}");
        let mut skipped = SkippedAsks::default();
        for _ in 0..SKIPPED_MAX {
            skipped.push(SkippedAsk { offer: OfferId(u32::MAX), reason: SkipReason::Busy });
        }
        let (id, most) = (OrderId(u64::MAX), Micros(i64::MIN));
        let placed = Event::Order(OrderEvent::OrderPlaced(Placement {
            order: OrderRef { id, account, line: u16::MAX, attempt: 255, assignment: u16::MAX },
            number: OrderNumber(u64::MAX),
            product: Product::activation(CountryId(u16::MAX), ServiceId(u16::MAX)),
            variant: VariantId(u16::MAX),
            limit: most,
            terms: Terms {
                offer: OfferId(u32::MAX),
                provider: ProviderId(u16::MAX),
                price: most,
                cost: most,
            },
            deadline: Time(u64::MAX),
            assignment: Some(Assignment {
                token: Token(u64::MAX),
                place: NumberPlace::Load(LoadId(u32::MAX), u32::MAX),
                external_id: "".into(),
                cancel_from: Time(u64::MAX),
                expires_at: Time(u64::MAX),
            }),
            max_price: Some(most),
            routing: Routing {
                document: Some(u64::MAX),
                turn: Some(u64::MAX),
                skipped,
                margin: Some(Margin { share_ppm: u32::MAX, floor: most }),
            },
            notes: None,
        }));
        let placed_len = len_of(Head::system(Time(0)), placed);
        assert!((200..=EVENT_LEN_MAX).contains(&placed_len), "{placed_len}");
    }
}
