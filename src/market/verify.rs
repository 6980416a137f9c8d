//! Proof of a data folder: everything that can be checked without the process that wrote it.
//!
//! One walk over the ledger, from zero: each row's checksum and place in the chain, each
//! event through the engine, the root of each day that was closed against its rows, the audit now
//! and then and at the end; then each page of its
//! file against its checksum; each snapshot's state
//! hash against the replay's at its position; the manifest and the tip against the ledger;
//! history page by page and row by row, its cursor against the ledger; every secret against
//! the key that opens it, where the folder has that key; the file of each sealing key, which
//! needs none. Where a writer was killed, its file is recovered in memory: nothing is written.

use std::collections::BTreeMap;
use std::path::Path;

use nexnum_engine::audit;
use nexnum_engine::ids::Seq;
use nexnum_engine::state::State;
use nexnum_storage::history;
use nexnum_storage::secrets::Secrets;
use nexnum_storage::snapshot::{self, SnapshotHeader};
use nexnum_storage::{Folder, Hash, LedgerId, Position, Reader, RedbLedger, StorageError};

use super::day_check::DayCheck;
use super::index_key;
use crate::market::folder::{self, BootError, Progress, state_of};
use crate::market::replay::{Decoded, Replay};
use crate::market::seal_keys::{self, KeyCounts};

/// Events between two audits: one takes as long as some ten thousand of them.
const AUDIT_EVERY: u64 = 200_000;

/// Why a folder is not proven.
#[derive(Debug, thiserror::Error)]
pub enum Finding {
    /// It is damaged.
    #[error("{reason}")]
    Damage {
        /// The sequence number where it breaks, if it is the ledger that does.
        seq: Option<Seq>,
        /// In words; they name the sequence number or the file.
        reason: String,
    },
    /// It could not be looked at.
    #[error(transparent)]
    Unreadable(BootError),
}

impl From<StorageError> for Finding {
    fn from(error: StorageError) -> Self {
        if !error.is_damage() {
            return Self::Unreadable(error.into());
        }
        let seq = match &error {
            StorageError::Damaged { seq, .. } => Some(*seq),
            StorageError::Behind { last, .. } => Some(Seq(last.0 + 1)),
            _ => None,
        };
        Self::Damage { seq, reason: error.to_string() }
    }
}

impl From<BootError> for Finding {
    fn from(error: BootError) -> Self {
        match error {
            BootError::Storage(error) => error.into(),
            BootError::NotInitialised { .. }
            | BootError::NotEmpty { .. }
            | BootError::Io { .. }
            | BootError::Rejected(_)
            | BootError::OtherCatalog { .. }
            | BootError::ClockGap(_)
            | BootError::NoRandomness(_)
            | BootError::MasterKey { .. } => Self::Unreadable(error),
            BootError::LostKeys(_) | BootError::IndexKeyMissing { .. } => {
                Self::Damage { seq: None, reason: error.to_string() }
            }
        }
    }
}

/// What was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Which ledger.
    pub ledger: LedgerId,
    /// Its end.
    pub end: Position,
    /// Its rows.
    pub rows: u64,
    /// The hash of the state at its end.
    pub state_hash: Hash,
    /// How often the state was audited.
    pub audits: u64,
    /// How many days were closed: the root of each is that of its rows.
    pub days: u64,
    /// Positions of the snapshots that were compared.
    pub snapshots: Vec<Seq>,
    /// Why the tip vouches for nothing, where it does not: it may be lost.
    pub tip_passed_over: Option<String>,
    /// How many secrets opened with the folder's key: all of them; `None` where the folder has no
    /// key, so that the pages of their file alone were checked.
    pub secrets: Option<usize>,
    /// The sealing keys: the file of each that lives is there and whole.
    pub sealing_keys: KeyCounts,
    /// How far history has followed.
    pub history: Followed,
}

/// What can be said of history, which is derived from the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It speaks of the ledger up to here.
    To(Seq),
    /// There is none: the next start makes it.
    Absent,
}

/// Checks the data folder at `dir`. `progress` is called after every row.
///
/// # Errors
/// The first [`Finding`].
pub fn verify(dir: &Path, progress: impl FnMut(Progress)) -> Result<Proof, Finding> {
    // 1. What the folder is known to hold.
    let folder = Folder::at(dir);
    let (manifest, tip_passed_over) = folder::manifest_and_tip(&folder)?;
    let reader = folder::open_reader(&folder, &manifest)?;
    // 2. Every row from the first on: chain, root, replay, audits, and each snapshot at its position.
    let mut walk = Walk {
        total: total(&reader, manifest.known),
        manifest: manifest.known,
        snapshots: read_snapshots(&folder, reader.id())?,
        rows: 0,
        audits: 0,
        days: DayCheck::default(),
        compared: Vec::new(),
        end: Position { seq: Seq(0), hash: reader.id().genesis() },
        progress,
    };
    let mut replay = Replay::default();
    replay.run_checked(&reader, |row, state| walk.step(row, state))?;
    let proof = walk.finish(&reader, replay.state())?;
    drop(reader);
    // 3. Every page of the ledger's file against its checksum.
    RedbLedger::check(&folder.ledger()).map_err(|error| error.knowing(proof.end.seq))?;
    // 4. The other files: each secret opens, history is whole and not ahead.
    let secrets = open_secrets(&folder, replay.state())?;
    let sealing_keys = seal_keys::check(&folder, proof.ledger, replay.state())?;
    let history = follows(&folder, &proof)?;
    Ok(Proof { tip_passed_over, secrets, sealing_keys, history, ..proof })
}

/// Opens every secret with the folder's own key and counts them. The key may be kept elsewhere: the
/// file's pages are checked without it.
fn open_secrets(folder: &Folder, state: &State) -> Result<Option<usize>, Finding> {
    if !folder.master_key().exists() {
        Secrets::check_pages(&folder.secrets())?;
        return Ok(None);
    }
    let secrets = folder.check_secrets()?;
    let names = secrets.names()?;
    for name in &names {
        secrets.get(name)?;
    }
    if state.ledger().is_some() {
        let _known = index_key::of(&secrets, folder, state)?;
    }
    Ok(Some(names.len()))
}

/// History's cursor, which is never ahead of the ledger. History itself is whole then; that
/// its rows are what the ledger says is not compared: it is derived, and can be rebuilt
/// from the ledger.
fn follows(folder: &Folder, proof: &Proof) -> Result<Followed, Finding> {
    let end = proof.end.seq;
    match history::check(&folder.history(), proof.ledger)? {
        None => Ok(Followed::Absent),
        Some(cursor) if cursor <= end => Ok(Followed::To(cursor)),
        Some(ahead) => {
            let reason = format!("history speaks of sequence {ahead}, the ledger ends at {end}");
            Err(Finding::Damage { seq: None, reason })
        }
    }
}

/// The end as far as it can be told: a damaged last row is for the walk to name.
fn total(reader: &Reader, known: Position) -> Seq {
    reader.last().map_or(known.seq, |last| last.seq)
}

/// All snapshots by their position, each whole and with rows that make a state.
fn read_snapshots(folder: &Folder, id: LedgerId) -> Result<BTreeMap<Seq, SnapshotHeader>, Finding> {
    let mut headers = BTreeMap::new();
    for path in folder::snapshot_files(folder)? {
        let damage =
            |reason| Finding::Damage { seq: None, reason: format!("{}: {reason}", path.display()) };
        let found = snapshot::read(&path)?;
        if found.header.id != id {
            return Err(damage(format!("it belongs to ledger {}", found.header.id)));
        }
        let state = state_of(&found).map_err(damage)?;
        if audit::state_hash(&state) != found.header.state_hash {
            return Err(damage("its state does not have the hash it says".to_owned()));
        }
        headers.insert(found.header.position.seq, found.header);
    }
    Ok(headers)
}

struct Walk<P> {
    total: Seq,
    manifest: Position,
    /// Those not yet come to.
    snapshots: BTreeMap<Seq, SnapshotHeader>,
    rows: u64,
    audits: u64,
    days: DayCheck,
    compared: Vec<Seq>,
    end: Position,
    progress: P,
}

impl<P: FnMut(Progress)> Walk<P> {
    fn step(&mut self, row: &Decoded, state: &State) -> Result<(), Finding> {
        let before = self.end.seq.0;
        self.end = row.position();
        self.rows += 1;
        self.days.step(row)?;
        if before / AUDIT_EVERY != self.end.seq.0 / AUDIT_EVERY {
            self.audit(state)?;
        }
        if self.manifest.seq == self.end.seq && self.manifest.hash != self.end.hash {
            return Err(damaged(self.end.seq, "its hash is not the one that was noted".to_owned()));
        }
        if let Some(header) = self.snapshots.remove(&self.end.seq) {
            self.compare(&header, state)?;
        }
        (self.progress)(Progress { done: self.end.seq, total: self.total });
        Ok(())
    }

    fn audit(&mut self, state: &State) -> Result<(), Finding> {
        self.audits += 1;
        audit::audit(state)
            .map_err(|reason| damaged(self.end.seq, format!("the audit fails: {reason}")))
    }

    fn compare(&mut self, header: &SnapshotHeader, state: &State) -> Result<(), Finding> {
        let seq = self.end.seq;
        if header.position.hash != self.end.hash {
            return Err(damaged(seq, "the snapshot there is of another chain".to_owned()));
        }
        if header.state_hash != audit::state_hash(state) {
            return Err(damaged(seq, "the snapshot's state is not the replay's".to_owned()));
        }
        self.compared.push(seq);
        Ok(())
    }

    fn finish(mut self, reader: &Reader, state: &State) -> Result<Proof, Finding> {
        self.audit(state)?;
        let known = self.manifest.seq;
        if known > self.end.seq {
            return Err(StorageError::Behind { last: self.end.seq, known }.into());
        }
        if known != Seq(0) && reader.hash_at(known)? != Some(self.manifest.hash) {
            return Err(damaged(known, "no row ends here with the hash that was noted".to_owned()));
        }
        if let Some((seq, _)) = self.snapshots.pop_first() {
            return Err(damaged(
                seq,
                "a snapshot stands where no row of the ledger ends".to_owned(),
            ));
        }
        Ok(Proof {
            ledger: reader.id(),
            end: self.end,
            rows: self.rows,
            state_hash: Hash(audit::state_hash(state)),
            audits: self.audits,
            days: self.days.closed(),
            snapshots: self.compared,
            tip_passed_over: None,
            secrets: None,
            sealing_keys: KeyCounts::default(),
            history: Followed::Absent,
        })
    }
}

fn damaged(seq: Seq, reason: String) -> Finding {
    StorageError::Damaged { seq, reason }.into()
}
