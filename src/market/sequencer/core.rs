//! The sequencer without its threads: commands into an open batch, a sealed batch
//! onto the disk, and only then to the readers and to the callers.
//!
//! The threads in `mod.rs` and the deterministic simulation run exactly this code.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::Engine;
use nexnum_engine::account::Book;
use nexnum_engine::command::{Command, Placed, Reply};
use nexnum_engine::event::Event;
use nexnum_engine::ids::{AccountId, OrderId, Seq};
use nexnum_engine::limits::{NAME_LEN_MAX, PULSE_MAX, ROWS_MAX, TEXT_LEN_MAX};
use nexnum_engine::reject::Reject;
use nexnum_engine::reservation::Claim;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_storage::Batch;
use nexnum_storage::StorageError;
use nexnum_storage::format::PAYLOAD_LEN_MAX;
use nexnum_storage::ledger::Ledger;
use nexnum_storage::record;
use tokio::sync::oneshot;

use crate::clock;
use crate::market::change::{Change, Wallet};
use crate::metrics::Metrics;

/// Commands in one batch: bounds the pause of a commit.
pub const BATCH_MAX: usize = 4_096;
/// Bytes of events at which a batch takes no more: with the command that reaches it, a
/// batch stays far below what a row of the ledger holds.
pub const BATCH_LEN_MAX: usize = 8 << 20;
/// The longest one event is in the ledger, but for its lists and messages: some twenty
/// integers and a name.
const EVENT_LEN_MAX: usize = 512;
/// The longest one row of an event's list is: an offer's terms, four integers.
const ROW_LEN_MAX: usize = 30;
/// The longest one command's events are: a full list, or all that a pulse ends, puts to rest
/// and releases.
const COMMAND_LEN_MAX: usize = ROWS_MAX * ROW_LEN_MAX + (3 * PULSE_MAX + 2) * EVENT_LEN_MAX;

const _: () = assert!(BATCH_LEN_MAX + COMMAND_LEN_MAX <= PAYLOAD_LEN_MAX);
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
    at: Time,
    events: Vec<Event>,
    /// The longest that the open batch's events are in the ledger.
    len_max: usize,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
}

impl Core {
    /// Goes on from a replayed engine.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine, at: Time(0), events: Vec::new(), len_max: 0, answers: Vec::new() }
    }

    /// What the engine knows, ahead of the disk: not for readers.
    #[must_use]
    pub const fn state(&self) -> &State {
        self.engine.state()
    }

    /// Commands answered in the open batch.
    #[must_use]
    pub fn open_len(&self) -> usize {
        self.answers.len().max(self.events.len())
    }

    /// Whether the open batch has to be sealed before the next command.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.open_len() >= BATCH_MAX || self.len_max >= BATCH_LEN_MAX
    }

    /// Executes a command. All commands of one batch happen at the time of its first.
    ///
    /// # Panics
    /// If the batch is full: its row would outgrow the ledger's bound.
    pub fn execute(&mut self, now: Time, envelope: Envelope) {
        assert!(!self.is_full(), "a full batch is sealed before the next command");
        let Envelope { command, claim, answer_to } = envelope;
        if self.open_len() == 0 {
            self.at = now;
        }
        let before = self.events.len();
        let decided = self.engine.execute(self.at, &command, &mut self.events);
        let grown = self.events[before..].iter().map(len_max).sum::<usize>();
        debug_assert!(grown <= COMMAND_LEN_MAX, "{grown} bytes of one command");
        self.len_max += grown;
        let answer = decided.map(|reply| Accepted { reply, claim: settle(reply, claim) });
        if let Some(sender) = answer_to {
            self.answers.push((sender, answer));
        }
    }

    /// Closes the open batch.
    pub fn seal(&mut self) -> Sealed {
        let events = std::mem::take(&mut self.events);
        self.len_max = 0;
        let change = (!events.is_empty()).then(|| self.change(events));
        Sealed { change, answers: std::mem::take(&mut self.answers) }
    }

    fn change(&self, events: Vec<Event>) -> Change {
        let state = self.engine.state();
        let touched: BTreeSet<OrderId> = events.iter().filter_map(Event::order).collect();
        let moved = events.iter().flat_map(Event::transactions).flatten();
        let accounts: BTreeSet<AccountId> =
            moved.flat_map(|moved| moved.accounts().collect::<Vec<_>>()).collect();
        let wallet = |id: &AccountId| {
            let available = state.balance(Book::Available(*id));
            (*id, Wallet { available, escrow: state.balance(Book::Escrow(*id)) })
        };
        let orders = touched.iter().filter_map(|id| state.order(*id));
        Change {
            first: Seq(state.seq().0 + 1 - events.len() as u64),
            at: self.at,
            orders: orders.map(|order| Arc::new(order.clone())).collect(),
            wallets: accounts.iter().map(wallet).collect(),
            events,
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
        | Reply::Provider(_)
        | Reply::Carrier(_)
        | Reply::Listed(_)
        | Reply::Changed(_)
        | Reply::Effect(_)
        | Reply::Callback(_) => None,
    }
}

impl Sealed {
    /// Makes the batch durable, shows it to the readers, then answers, in this order.
    ///
    /// # Errors
    /// The ledger's failure: nothing was published and no caller was answered.
    pub fn commit(
        self,
        ledger: &mut impl Ledger,
        metrics: &Metrics,
        publish: impl FnOnce(Change),
    ) -> Result<(), StorageError> {
        if let Some(change) = self.change {
            let started_ns = clock::monotonic_ns();
            let mut payload = Vec::with_capacity(64 * change.events.len());
            record::encode_events(&change.events, &mut payload);
            let count = change.events.len() as u32;
            debug_assert!(payload.len() <= change.events.iter().map(len_max).sum());
            let batch = Batch { first: change.first, at: change.at, count, payload: &payload };
            ledger.append(&batch, Seq(change.first.0 - 1))?;
            let took = Duration::from_nanos(clock::monotonic_ns() - started_ns);
            metrics.committed(change.events.len(), took);
            publish(change);
        }
        for (sender, answer) in self.answers {
            // The caller may have gone; the events stand all the same.
            let _gone = sender.send(answer);
        }
        Ok(())
    }
}
