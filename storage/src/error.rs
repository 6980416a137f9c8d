//! Every way in which storage can let its caller down.
//!
//! Promises: each message names what was attempted and where (a path, a row, a
//! sequence number). No message holds a payload, a secret or a key. What to do
//! about a failure is left to the caller; for the ledger it is always the same:
//! stop acknowledging and end the process.

use std::io;
use std::path::{Path, PathBuf};

use nexnum_engine::ids::Seq;
use thiserror::Error;

use crate::wire::RecordError;

/// A failure of storage, or its refusal to take what would damage it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The operating system refused an operation on a file or folder.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as the start of a sentence.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The embedded database failed.
    #[error("{action} {}: {source}", place.display())]
    Database {
        /// What was attempted, as the start of a sentence.
        action: &'static str,
        /// The database file.
        place: PathBuf,
        /// What the database said.
        source: Box<redb::Error>,
    },
    /// Another process has the file open.
    #[error("{} is open in another process: one process a data folder", place.display())]
    InUse {
        /// The database file.
        place: PathBuf,
    },
    /// The ledger does not hold what was once acknowledged.
    #[error("the ledger is damaged at sequence {seq}: {reason}")]
    Damaged {
        /// The first event that cannot be vouched for.
        seq: Seq,
        /// What is wrong there.
        reason: String,
    },
    /// A file other than the ledger does not hold what was written to it.
    #[error("{} is damaged: {reason}", path.display())]
    DamagedFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that an initialised data folder has is not there.
    #[error("{} is missing: an initialised data folder has one, and only `init` creates it", path.display())]
    Missing {
        /// The file or folder.
        path: PathBuf,
    },
    /// Something is where a new one was to be made.
    #[error("{} already exists and is left as it is", path.display())]
    AlreadyExists {
        /// The file or folder.
        path: PathBuf,
    },
    /// A database file is empty, or a ledger without an identity: `init` leaves none like that.
    #[error("{} is empty: what it held was lost; it is left as it is", path.display())]
    EmptyLedger {
        /// The file.
        path: PathBuf,
    },
    /// The ledger ends before a sequence number that the manifest or the tip vouches for.
    #[error(
        "the ledger ends at sequence {last}, but is known to have reached {known}: events were lost or an older copy was put back"
    )]
    Behind {
        /// The last sequence number in the ledger.
        last: Seq,
        /// The last one that is known.
        known: Seq,
    },
    /// What was derived from the ledger goes further than the ledger itself.
    #[error(
        "{} follows the ledger up to sequence {cursor}, but the ledger ends at {last}: events were lost or an older copy was put back; put back a ledger that reaches {cursor}, or move this file away to go on with what is there", path.display()
    )]
    Ahead {
        /// The derived file.
        path: PathBuf,
        /// How far it goes.
        cursor: Seq,
        /// The last sequence number in the ledger.
        last: Seq,
    },
    /// The ledger cannot be opened, although it once held what is known of it.
    #[error("{source}; the ledger had reached sequence {known} when that was noted last")]
    Lost {
        /// Why it cannot be opened.
        source: Box<StorageError>,
        /// The last sequence number that the manifest or the tip knows.
        known: Seq,
    },
    /// The file belongs to another ledger.
    #[error("{} belongs to ledger {found}, not to {expected}", path.display())]
    OtherLedger {
        /// The file.
        path: PathBuf,
        /// The ledger it should belong to.
        expected: String,
        /// The ledger that it names.
        found: String,
    },
    /// The file was written by a later version of this program.
    #[error("{} has format {found}, this program reads up to {known}: use a newer version", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format it names.
        found: u32,
        /// The newest format that this program reads.
        known: u32,
    },
    /// The file was written by a version before the first release.
    #[error(
        "{} has format {found}, of a version before the first release; this program reads {known}, and nothing turns one into the other: begin anew with `nexnum init`", path.display()
    )]
    OlderFormat {
        /// The file.
        path: PathBuf,
        /// The format it names.
        found: u32,
        /// The format that this program reads.
        known: u32,
    },
    /// A row of the ledger was written by a later version of this program: it is whole, and says
    /// what this one cannot read.
    #[error(
        "the ledger at sequence {seq} was written by a newer version: {reason}; use that version"
    )]
    NewerLedger {
        /// The first event of the row.
        seq: Seq,
        /// What this version cannot read.
        reason: String,
    },
    /// The writer's idea of the ledger's end or epoch is not the ledger's: another writer has begun.
    /// Nothing was written.
    #[error(
        "a batch was refused: its writer, of epoch {epoch}, expected the ledger to end at sequence \
         {expected}, but it ends at {last} in epoch {current}; only the writer that began last may \
         append: stop this process, or the other one and start this one again"
    )]
    Fenced {
        /// The writer's epoch.
        epoch: u64,
        /// The ledger's.
        current: u64,
        /// Where the writer expected the end.
        expected: Seq,
        /// Where the ledger ends.
        last: Seq,
    },
    /// A batch may be in the ledger or not.
    #[error(
        "whether the batch at sequence {first} is in the ledger is not known: {source}; the next \
         start finds it whole or absent, under the hash {id}"
    )]
    Ambiguous {
        /// Its first sequence number.
        first: Seq,
        /// The hash of its row.
        id: String,
        /// Why.
        source: Box<StorageError>,
    },
    /// A batch that no ledger takes: it leaves a gap, is empty or is too large.
    #[error("a batch at sequence {first} was refused: {reason}")]
    BadBatch {
        /// The batch's first sequence number.
        first: Seq,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An earlier operation failed. What is on disk is unknown until the ledger is reopened.
    #[error("the ledger at {} failed before and takes nothing until it is reopened", place.display())]
    Poisoned {
        /// The database file.
        place: PathBuf,
    },
    /// The key does not open this store of secrets.
    #[error("the master key does not open {}", path.display())]
    WrongKey {
        /// The store's file.
        path: PathBuf,
    },
    /// A sealed secret does not open, although the key is right: it was altered or moved.
    #[error("the secret {name:?} does not open: it was altered")]
    Tampered {
        /// The secret's name.
        name: String,
    },
    /// A name or a secret outside the store's bounds.
    #[error("the secret's {what} must have 1 to {max} bytes, not {len}")]
    SecretLength {
        /// `name` or `text`.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    NoRandomness(getrandom::Error),
}

impl StorageError {
    /// Whether what is on disk is not what was written, as opposed to not being readable
    /// now, or not by us.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::DamagedFile { .. }
            | Self::Missing { .. }
            | Self::EmptyLedger { .. }
            | Self::Behind { .. }
            | Self::Ahead { .. }
            | Self::Lost { .. }
            | Self::OtherLedger { .. }
            | Self::WrongKey { .. }
            | Self::Tampered { .. } => true,
            Self::Database { source, .. } => !matches!(
                &**source,
                redb::Error::Io(error) if !matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData
                        | io::ErrorKind::UnexpectedEof
                        | io::ErrorKind::InvalidInput
                )
            ),
            Self::Ambiguous { source, .. } => source.is_damage(),
            Self::Io { .. }
            | Self::InUse { .. }
            | Self::AlreadyExists { .. }
            | Self::NewerFormat { .. }
            | Self::OlderFormat { .. }
            | Self::NewerLedger { .. }
            | Self::Fenced { .. }
            | Self::BadBatch { .. }
            | Self::Poisoned { .. }
            | Self::SecretLength { .. }
            | Self::NoRandomness(_) => false,
        }
    }

    /// Adds what the manifest knows to damage that does not say where in the ledger it is.
    #[must_use]
    pub fn knowing(self, known: Seq) -> Self {
        let placeless = matches!(
            self,
            Self::DamagedFile { .. }
                | Self::Missing { .. }
                | Self::EmptyLedger { .. }
                | Self::Database { .. }
        );
        if placeless && self.is_damage() {
            Self::Lost { source: Box::new(self), known }
        } else {
            self
        }
    }

    /// Wraps a system error; `NotFound` becomes [`StorageError::Missing`].
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::AlreadyExists => Self::AlreadyExists { path },
            _ => Self::Io { action, path, source },
        }
    }

    /// Wraps any error of the database.
    pub(crate) fn database(
        action: &'static str,
        place: &Path,
        source: impl Into<redb::Error>,
    ) -> Self {
        let place = place.to_owned();
        match source.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse { place },
            source => Self::Database { action, place, source: Box::new(source) },
        }
    }

    /// A row of the ledger, whole by its checksum, whose events cannot be read.
    #[must_use]
    pub fn unread(seq: Seq, error: RecordError) -> Self {
        let reason = error.to_string();
        if error.is_newer() {
            Self::NewerLedger { seq, reason }
        } else {
            Self::Damaged { seq, reason }
        }
    }

    /// A damaged place in the ledger.
    pub(crate) fn damaged(seq: Seq, reason: impl Into<String>) -> Self {
        Self::Damaged { seq, reason: reason.into() }
    }

    /// A damaged file.
    pub(crate) fn damaged_file(path: &Path, reason: impl Into<String>) -> Self {
        Self::DamagedFile { path: path.to_owned(), reason: reason.into() }
    }
}
