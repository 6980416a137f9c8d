//! Replay: the ledger's rows through the engine again.
//!
//! Promises: every event is applied once, in order, without a gap; a row that does not
//! decode or does not fit the state is damage, named by its sequence number. Reading and
//! decoding run ahead on a thread of their own, so that a restart takes as long as the
//! slower of the two.

use std::panic::{self, AssertUnwindSafe};
use std::thread;

use crossbeam::channel::{self, Receiver, Sender};
use nexnum_engine::Engine;
use nexnum_engine::group::{Groups, Recorded};
use nexnum_engine::ids::Seq;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_storage::{Hash, LedgerRow, Position, Reader, StorageError, payload};

/// Decoded rows that wait for the engine: enough to smooth their sizes, few enough to keep
/// small what is in memory twice.
const AHEAD_MAX: usize = 16;

/// A row with its groups.
#[derive(Debug)]
pub struct Decoded {
    /// The position of the first group's head.
    pub first: Seq,
    /// The row's hash, which stands for all rows up to it.
    pub hash: Hash,
    /// What happened.
    pub groups: Groups,
}

impl Decoded {
    /// Decodes a row's groups.
    ///
    /// # Errors
    /// Damage, or a newer version's row, by the row's first sequence number.
    pub fn from_row(row: &LedgerRow) -> Result<Self, StorageError> {
        Ok(Self { first: row.header.first, hash: row.hash, groups: payload::groups_of(row)? })
    }

    /// The row that holds a position; `None` behind the ledger's end.
    ///
    /// # Errors
    /// As [`Decoded::from_row`], and where the ledger cannot be read.
    pub fn holding(ledger: &Reader, at: Seq) -> Result<Option<Self>, StorageError> {
        ledger.read(at)?.next().map(|row| Self::from_row(&row?)).transpose()
    }

    /// As [`Decoded::from_row`], held against the root in the row's header.
    ///
    /// # Errors
    /// As [`Decoded::from_row`]; damage if the root is another.
    pub fn from_row_checked(row: &LedgerRow) -> Result<Self, StorageError> {
        let groups = payload::checked_groups_of(row)?;
        Ok(Self { first: row.header.first, hash: row.hash, groups })
    }

    /// The events with their heads and positions.
    pub fn recorded(&self) -> impl Iterator<Item = Recorded<'_>> {
        self.groups.recorded(self.first)
    }

    /// The time of the row: that of its first group.
    #[must_use]
    pub fn at(&self) -> Time {
        self.groups.iter().next().map_or(Time(0), |(head, _)| head.at)
    }

    /// When the last of them happened.
    #[must_use]
    pub fn last_at(&self) -> Time {
        self.groups.last().map_or(Time(0), |(head, _)| head.at)
    }

    /// Where the ledger stands after this row.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { seq: Seq(self.first.0 + self.groups.len() as u64 - 1), hash: self.hash }
    }
}

/// How a row is decoded.
type Decode = fn(&LedgerRow) -> Result<Decoded, StorageError>;

/// An engine on its way through the ledger.
#[derive(Debug, Default)]
pub struct Replay {
    engine: Engine,
    at: Time,
}

impl Replay {
    /// Goes on from a state; `at` is when its last event happened.
    #[must_use]
    pub const fn from_state(state: State, at: Time) -> Self {
        Self { engine: Engine::from_state(state), at }
    }

    /// What the engine knows by now.
    #[must_use]
    pub const fn state(&self) -> &State {
        self.engine.state()
    }

    /// When the last event happened.
    #[must_use]
    pub const fn at(&self) -> Time {
        self.at
    }

    /// The engine, ready for commands.
    #[must_use]
    pub fn into_engine(self) -> Engine {
        self.engine
    }

    /// Applies the next row.
    ///
    /// # Errors
    /// Damage: a gap, a time that runs back, an event that does not fit the state. The
    /// replay is of no use then.
    pub fn apply(&mut self, row: &Decoded) -> Result<(), StorageError> {
        let damaged = |seq, reason| Err(StorageError::Damaged { seq, reason });
        let next = Seq(self.state().seq().0 + 1);
        if row.first != next {
            return damaged(next, format!("the next row begins at {}", row.first));
        }
        let Self { engine, at } = self;
        let applied = panic::catch_unwind(AssertUnwindSafe(|| {
            for (head, events) in row.groups.iter() {
                if head.at < *at {
                    return Err(format!("its time {} is before {at}", head.at));
                }
                *at = head.at;
                engine.replay(head, events);
            }
            Ok(())
        }));
        // The engine counts an event before it applies it, so its count names the misfit.
        let seq = self.state().seq();
        match applied {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => damaged(Seq(seq.0 + 1), reason),
            Err(misfit) => {
                let reason = format!("the event does not fit the state: {}", words(&*misfit));
                damaged(seq, reason)
            }
        }
    }

    /// Applies all rows after the state's position, as they are now; `each` sees every row
    /// and the state after it.
    ///
    /// # Errors
    /// The first damage or failure, from the ledger or from `each`.
    pub fn run<E: From<StorageError>>(
        &mut self,
        reader: &Reader,
        each: impl FnMut(&Decoded, &State) -> Result<(), E>,
    ) -> Result<(), E> {
        self.run_decoding(reader, Decoded::from_row, each)
    }

    /// As [`Replay::run`], with each row held against the root in its header.
    ///
    /// # Errors
    /// As [`Replay::run`].
    pub fn run_checked<E: From<StorageError>>(
        &mut self,
        reader: &Reader,
        each: impl FnMut(&Decoded, &State) -> Result<(), E>,
    ) -> Result<(), E> {
        self.run_decoding(reader, Decoded::from_row_checked, each)
    }

    fn run_decoding<E: From<StorageError>>(
        &mut self,
        reader: &Reader,
        decode: Decode,
        mut each: impl FnMut(&Decoded, &State) -> Result<(), E>,
    ) -> Result<(), E> {
        let from = Seq(self.state().seq().0 + 1);
        let (decoded, rows) = channel::bounded(AHEAD_MAX);
        thread::scope(|scope| {
            scope.spawn(move || decode_ahead(reader, from, decode, &decoded));
            self.apply_all(rows, &mut each)
        })
    }

    fn apply_all<E: From<StorageError>>(
        &mut self,
        rows: Receiver<Result<Decoded, StorageError>>,
        each: &mut impl FnMut(&Decoded, &State) -> Result<(), E>,
    ) -> Result<(), E> {
        for row in rows {
            let row = row?;
            self.apply(&row)?;
            each(&row, self.engine.state())?;
        }
        Ok(())
    }
}

/// Sends what it reads until the end, the first error, or until the receiver is dropped.
fn decode_ahead(
    reader: &Reader,
    from: Seq,
    decode: Decode,
    decoded: &Sender<Result<Decoded, StorageError>>,
) {
    let rows = match reader.read(from) {
        Ok(rows) => rows,
        Err(error) => {
            // A receiver that is gone has returned an error of its own.
            let _gone = decoded.send(Err(error));
            return;
        }
    };
    for row in rows {
        if decoded.send(row.and_then(|row| decode(&row))).is_err() {
            return;
        }
    }
}

fn words(misfit: &(dyn std::any::Any + Send)) -> &str {
    let text = misfit.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| misfit.downcast_ref::<&str>().copied()).unwrap_or("it says no more")
}
