//! Why a data folder was not made or opened.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use nexnum_engine::event::{CatalogVersion, ClockJump};
use nexnum_engine::reject::Reject;
use nexnum_engine::sealed::KeyHandle;
use nexnum_storage::StorageError;

use crate::clock::rfc3339;
use crate::keys::NoRandomness;

/// Why a data folder was not made or opened.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// There is no data folder here.
    #[error("{} is not a data folder: run `nexnum init {}`", dir.display(), dir.display())]
    NotInitialised {
        /// Where.
        dir: PathBuf,
    },
    /// `init` was asked for a folder with something in it.
    #[error("{} is not empty: `init` makes a new folder and leaves others as they are", dir.display())]
    NotEmpty {
        /// Where.
        dir: PathBuf,
    },
    /// The folder could not be made or read.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file in the folder is missing, damaged, in use, or failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The engine refused what a start writes, or another key.
    #[error("the ledger takes nothing: {}", .0.code())]
    Rejected(Reject),
    /// The ids of countries and services in the ledger are of a catalogue that this program does
    /// not have.
    #[error(
        "the ledger was written by version {program} with {} countries and {} services, and this \
         program does not have all of them: use that version, or a newer one",
        known.countries,
        known.services
    )]
    OtherCatalog {
        /// Which rows it has.
        known: CatalogVersion,
        /// The version that wrote last.
        program: Box<str>,
    },
    /// The key of the digests by which payments are told apart is not among the secrets: with
    /// another one they would be credited again.
    #[error(
        "{} does not have the key by which this ledger tells payments apart: put the file back that \
         belongs to it, from a backup",
        path.display()
    )]
    IndexKeyMissing {
        /// The file of secrets.
        path: PathBuf,
    },
    /// The machine's clock is too far from the ledger's last event to be believed by itself.
    #[error("{}", gap_text(.0))]
    ClockGap(ClockJump),
    /// No key could be drawn.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The configured source of the master key gave none.
    #[error("there is no master key from {source_name}: {reason}")]
    MasterKey {
        /// Where it was looked for.
        source_name: String,
        /// Why there is none.
        reason: String,
    },
    /// Keys that values are sealed under cannot be used.
    #[error("{0}")]
    LostKeys(LostKeys),
}

impl BootError {
    /// Whether the folder is damaged, as opposed to not being one, in use or out of reach.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_damage(),
            Self::LostKeys(_) | Self::IndexKeyMissing { .. } => true,
            Self::NotInitialised { .. }
            | Self::NotEmpty { .. }
            | Self::Io { .. }
            | Self::Rejected(_)
            | Self::OtherCatalog { .. }
            | Self::ClockGap(_)
            | Self::NoRandomness(_)
            | Self::MasterKey { .. } => false,
        }
    }
}

/// How many keys a message names.
pub(super) const NAMED_MAX: usize = 10;

/// Keys that live and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostKeys {
    /// The folder of keys.
    pub path: PathBuf,
    /// Each with why, by handle.
    pub lost: Vec<(KeyHandle, String)>,
}

/// Lost keys that the operator accepts; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptedKeys {
    /// These.
    pub named: BTreeSet<KeyHandle>,
    /// All, if they are so many.
    pub count: Option<NonZeroUsize>,
}

impl fmt::Display for LostKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, path) = (self.lost.len(), self.path.display());
        write!(
            f,
            "{count} of the sealing keys in {path} cannot be used, and the ledger does not say \
             that they were destroyed:"
        )?;
        for (handle, why) in self.lost.iter().take(NAMED_MAX) {
            write!(f, " {handle} ({why})")?;
        }
        if count > NAMED_MAX {
            write!(f, " and {} more", count - NAMED_MAX)?;
        }
        f.write_str(
            "; put them back from a copy of the data folder, or, if they are lost, start once with \
             `--accept-missing-key HANDLE` for each",
        )?;
        if count > 1 {
            write!(f, ", or with `--accept-missing-keys {count}` for all of them")?;
        }
        f.write_str(": what is sealed under a lost key is forgotten for good")
    }
}

fn gap_text(ClockJump { from, to }: &ClockJump) -> String {
    let way = if to < from { "before" } else { "after" };
    let hours = from.0.abs_diff(to.0) / (60 * 60 * 1000);
    format!(
        "the machine's clock shows {}, {hours} hours {way} the server last ran at {}: more than 24 \
         hours are not believed of the clock alone, and the file CLOCK is not of this boot of the \
         machine. Set the clock right, or, if it is right, start once with `--accept-clock`",
        rfc3339(*to),
        rfc3339(*from)
    )
}
