//! A data folder: what is in it, how it is made, how it is opened.
//!
//! Promises: `init` makes a folder and touches nothing that is there; `open` makes nothing.
//! The engine comes back as the newest valid snapshot and the rows after it say; a snapshot
//! that cannot be used costs time, a ledger that cannot be is an error that names where.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nexnum_engine::Engine;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::command::{BeginEpoch, Command, IssueKey, OpenLedger};
use nexnum_engine::decide::RULES;
use nexnum_engine::event::{CatalogVersion, Epoch, LedgerTerms};
use nexnum_engine::group::{Groups, Head};
use nexnum_engine::ids::Seq;
use nexnum_engine::limits::NAME_LEN_MAX;
use nexnum_engine::reject::Reject;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_storage::history::{HistoryTables, Opening};
use nexnum_storage::secrets::Secrets;
use nexnum_storage::snapshot::{self, Snapshot};
use nexnum_storage::{
    Folder, Ledger, LedgerId, Manifest, Payload, Reader, RedbLedger, Salt, StorageError, record,
};

use crate::clock::Clock;
use crate::keys::{self, ApiKey, KeyKind, NoRandomness};
use crate::market::replay::{Decoded, Replay};

/// The configuration that `init` puts into a new folder.
pub const CONFIG_TEMPLATE: &str = include_str!("config.template.toml");

/// The currency of every ledger's money.
const CURRENCY: [u8; 3] = *b"USD";

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
    /// No key could be drawn.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl BootError {
    /// Whether the folder is damaged, as opposed to not being one, in use or out of reach.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_damage(),
            Self::NotInitialised { .. }
            | Self::NotEmpty { .. }
            | Self::Io { .. }
            | Self::Rejected(_)
            | Self::OtherCatalog { .. }
            | Self::NoRandomness(_) => false,
        }
    }
}

/// What `init` made.
#[derive(Debug)]
pub struct Created {
    /// Where.
    pub folder: Folder,
    /// Which ledger.
    pub id: LedgerId,
    /// The first admin key; the ledger holds its hash.
    pub admin_key: ApiKey,
}

/// Makes a data folder: what storage puts there, the first admin key's hash in the ledger,
/// and a configuration to begin with.
///
/// # Errors
/// [`BootError::NotEmpty`], leaving everything as it is; or the failure.
pub fn init(dir: &Path) -> Result<Created, BootError> {
    init_beside(dir, &[])
}

/// As [`init`], in a folder that may have files of these names in it.
///
/// # Errors
/// As [`init`].
pub fn init_beside(dir: &Path, names: &[&str]) -> Result<Created, BootError> {
    // 1. The folder, with an empty ledger, the master key and the manifest.
    let folder = Folder::at(dir);
    make_private(dir)?;
    folder.init_beside(None, names).map_err(|error| match error {
        StorageError::AlreadyExists { path } if path == dir => BootError::NotEmpty { dir: path },
        error => error.into(),
    })?;
    // 2. What the ledger is, and the first admin key's hash.
    let (mut ledger, mut engine) = (folder.open_ledger()?, Engine::default());
    let at = Clock::default().now();
    begin(&mut engine, &mut ledger, at)?;
    let admin_key = issue(&mut engine, &mut ledger, at)?;
    folder.note(ledger.id(), ledger.last())?;
    // 3. Last the configuration: a folder that was cut off before gets it with its next key.
    write_config(&folder)?;
    Ok(Created { id: ledger.id(), folder, admin_key })
}

/// Issues another admin key in a folder that no server has open: the way in when the last
/// one is lost, or when `init` was cut short before the first.
///
/// # Errors
/// As [`open`]; or the failure.
pub fn issue_admin_key(dir: &Path) -> Result<ApiKey, BootError> {
    let mut opened = open(dir, |_| {})?;
    let unfinished = opened.ledger.last().seq == Seq(0);
    let at = begin_epoch(&mut opened)?;
    let admin_key = issue(&mut opened.engine, &mut opened.ledger, at)?;
    close(&opened.folder, &opened.reader)?;
    if unfinished && !config_path(&opened.folder).exists() {
        write_config(&opened.folder)?;
    }
    Ok(admin_key)
}

/// Says in the ledger that a writer begins: before everything that an opening writes. Gives the
/// moment.
///
/// # Errors
/// The failure, or no random bytes for a ledger that is new.
pub fn begin_epoch(opened: &mut Opened) -> Result<Time, BootError> {
    let at = Clock::not_before(opened.last_at).now();
    begin(&mut opened.engine, &mut opened.ledger, at)?;
    opened.last_at = at;
    Ok(at)
}

fn write_config(folder: &Folder) -> Result<(), BootError> {
    let path = config_path(folder);
    fs::write(&path, CONFIG_TEMPLATE).map_err(|source| BootError::Io { path, source })
}

/// Where `init` puts the configuration.
#[must_use]
pub fn config_path(folder: &Folder) -> PathBuf {
    folder.path().join("config.toml")
}

/// Makes the folder, for its owner alone; one that is there is left as it is.
///
/// # Errors
/// The failure.
pub fn make_private(dir: &Path) -> Result<(), BootError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|source| BootError::Io { path: dir.to_owned(), source })
}

/// Refuses a folder that `init` never made. With a ledger or a manifest it was one, and
/// what is missing from it has its own error.
fn must_be_made(folder: &Folder) -> Result<(), BootError> {
    if folder.is_initialised() || folder.ledger().exists() {
        Ok(())
    } else {
        Err(BootError::NotInitialised { dir: folder.path().to_owned() })
    }
}

/// The manifest, with the position that the tip knows if it is later, and the word that
/// this is a data folder.
///
/// # Errors
/// [`BootError::NotInitialised`], or what is wrong with it.
pub fn manifest(folder: &Folder) -> Result<Manifest, BootError> {
    let (manifest, passed_over) = manifest_and_tip(folder)?;
    if let Some(reason) = passed_over {
        let path = folder.tip();
        tracing::warn!(path = %path.display(), "the file TIP is not used: {reason}");
    }
    Ok(manifest)
}

/// As [`manifest`], with the reason why the tip was passed over, if it was.
///
/// # Errors
/// As [`manifest`].
pub fn manifest_and_tip(folder: &Folder) -> Result<(Manifest, Option<String>), BootError> {
    must_be_made(folder)?;
    let manifest = Manifest::read(&folder.manifest())?;
    Ok(match manifest.with_tip(&folder.tip()) {
        Ok(known) => (known, None),
        Err((manifest, reason)) => (manifest, Some(reason)),
    })
}

/// Opens the ledger for reading alone.
///
/// # Errors
/// As [`Reader::open`]; where it is lost as a whole, with what the manifest knows of it.
pub fn open_reader(folder: &Folder, manifest: &Manifest) -> Result<Reader, StorageError> {
    let opened = Reader::open(&folder.ledger(), manifest);
    opened.map_err(|error| error.knowing(manifest.known.seq))
}

/// Opens the secret store. It is locked while it is open: read what is needed, drop it.
///
/// # Errors
/// It or its key is missing, damaged or in use.
pub fn secrets(folder: &Folder) -> Result<Secrets, BootError> {
    must_be_made(folder)?;
    Ok(folder.open_secrets()?)
}

/// The snapshots' files, oldest first.
///
/// # Errors
/// The folder cannot be listed; one that is not there holds none.
pub fn snapshot_files(folder: &Folder) -> Result<Vec<PathBuf>, BootError> {
    let path = folder.snapshots();
    let failed = |source| BootError::Io { path: path.clone(), source };
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed));
    let mut files = paths.collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "nxs"));
    files.sort();
    Ok(files)
}

/// Draws an operator's key; the ledger gets its hash.
fn issue(engine: &mut Engine, ledger: &mut RedbLedger, at: Time) -> Result<ApiKey, BootError> {
    let key = keys::generate(KeyKind::Admin)?;
    let command = Command::IssueKey(IssueKey {
        account: None,
        hash: key.sha256(),
        prefix: key.shown().into(),
    });
    write(engine, ledger, at, &[command])?;
    Ok(key)
}

/// Says in the ledger that a writer begins, and what the ledger is if it is new.
fn begin(engine: &mut Engine, ledger: &mut RedbLedger, at: Time) -> Result<(), BootError> {
    let mut commands = Vec::new();
    if engine.state().ledger().is_none() {
        let terms = LedgerTerms { currency: CURRENCY, permutation: keys::random_bytes()? };
        commands.push(OpenLedger { terms }.into());
    }
    let epoch = Epoch {
        epoch: ledger.epoch(),
        node: node().into(),
        program: env!("CARGO_PKG_VERSION").into(),
        rules: RULES,
        catalog: Catalog::load().version(u16::MAX, u16::MAX),
    };
    commands.push(BeginEpoch { epoch }.into());
    write(engine, ledger, at, &commands)
}

/// The machine's name.
fn node() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    let fits = !name.is_empty() && name.len() <= NAME_LEN_MAX && !name.contains(char::is_control);
    if fits { name.to_owned() } else { "unknown".to_owned() }
}

/// Decides commands and makes durable what they bring, as one row.
fn write(
    engine: &mut Engine,
    ledger: &mut RedbLedger,
    at: Time,
    commands: &[Command],
) -> Result<(), BootError> {
    let mut groups = Groups::new();
    for command in commands {
        engine.execute(Head::system(at), command, &mut groups).map_err(BootError::Rejected)?;
    }
    let last = ledger.last().seq;
    let payload = Payload::of(&groups, &Salt::draw()?, Seq(last.0 + 1));
    ledger.append(&payload.batch(), last)?;
    Ok(())
}

/// A data folder in use.
#[derive(Debug)]
pub struct Opened {
    /// Where.
    pub folder: Folder,
    /// The engine, at the ledger's end.
    pub engine: Engine,
    /// The ledger, for the sequencer.
    pub ledger: RedbLedger,
    /// The ledger, for all that only read it.
    pub reader: Reader,
    /// What has left memory, as far as it was written.
    pub history: HistoryTables,
    /// When the last event happened.
    pub last_at: Time,
    /// The snapshot that was begun from; 0 without one.
    pub snapshot: Seq,
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The position replayed.
    pub done: Seq,
    /// The ledger's end.
    pub total: Seq,
}

/// Opens a data folder and brings the engine to the ledger's end. `progress` is called after
/// every row.
///
/// # Errors
/// [`BootError::NotInitialised`]; a file that is missing, in use or of another ledger; damage
/// in the ledger, by its sequence number. The ledger is opened for writing only when
/// everything after the snapshot has been replayed and it ends where it is known to have
/// ended, so one that is damaged there stays as it is, byte for byte. What is before the
/// snapshot is for `verify` to look at.
pub fn open(dir: &Path, mut progress: impl FnMut(Progress)) -> Result<Opened, BootError> {
    // 1. What the folder is known to hold.
    let folder = Folder::at(dir);
    let manifest = manifest(&folder)?;
    // 2. The state: the newest snapshot, and the rows after it, read without writing.
    let unwritten = open_reader(&folder, &manifest)?;
    let mut replay = newest(&folder, &unwritten)?;
    let snapshot = replay.state().seq();
    // A damaged end is for the walk to name.
    let total = unwritten.last().map_or(manifest.known.seq, |last| last.seq);
    let mut each = |row: &Decoded, _: &State| {
        progress(Progress { done: row.position().seq, total });
        Ok::<(), StorageError>(())
    };
    replay.run(&unwritten, &mut each)?;
    check_catalog(replay.state())?;
    // 3. The end must be the known one, and each page must fit its checksum.
    unwritten.check_end(&manifest)?;
    drop(unwritten);
    RedbLedger::check(&folder.ledger()).map_err(|error| error.knowing(manifest.known.seq))?;
    // 4. Only now the ledger is opened for writing.
    let ledger = folder.open_ledger_knowing(&manifest)?;
    let reader = ledger.reader();
    // Nothing, unless another process wrote between the two openings.
    replay.run(&reader, each)?;
    // 5. History, which its follower brings to the ledger's end later.
    let history = open_history(&folder, &ledger)?;
    let last_at = replay.at();
    let engine = replay.into_engine();
    Ok(Opened { folder, engine, ledger, reader, history, last_at, snapshot })
}

/// Refuses a ledger whose ids of countries and services are not this program's.
fn check_catalog(state: &State) -> Result<(), BootError> {
    let Some(Epoch { catalog: known, program, .. }) = state.epoch() else { return Ok(()) };
    if Catalog::load().version(known.countries, known.services) == *known {
        return Ok(());
    }
    Err(BootError::OtherCatalog { known: *known, program: program.clone() })
}

fn open_history(folder: &Folder, ledger: &RedbLedger) -> Result<HistoryTables, StorageError> {
    let last = ledger.last().seq;
    let (history, opening) = HistoryTables::open(&folder.history(), ledger.id(), last)?;
    if let Opening::SetAside { to, reason } = opening {
        tracing::warn!(to = %to.display(), "history was set aside and is rebuilt from the ledger: {reason}");
    }
    Ok(history)
}

/// The newest state that a snapshot gives; the empty one where none can be used. A warning
/// is logged for each that is not used.
///
/// # Errors
/// The ledger cannot be read.
pub fn newest(folder: &Folder, reader: &Reader) -> Result<Replay, StorageError> {
    let understand = |found: Snapshot| {
        let state = state_of(&found).map_err(|reason| format!("holds no state: {reason}"))?;
        Ok(Replay::from_state(state, found.header.at))
    };
    let (found, passed_over) = snapshot::newest_valid(&folder.snapshots(), reader, understand)?;
    for file in passed_over {
        tracing::warn!(path = %file.path.display(), "a snapshot is not used: it {}", file.reason);
    }
    Ok(found.unwrap_or_default())
}

/// The state in a snapshot.
///
/// # Errors
/// Why its rows are not the state it speaks of.
pub fn state_of(snapshot: &Snapshot) -> Result<State, String> {
    let rows = record::decode_rows(&snapshot.payload);
    let state = State::from_rows(rows.map(|row| row.map_err(|error| error.to_string())))?;
    let (held, said) = (state.seq(), snapshot.header.position.seq);
    if held == said {
        Ok(state)
    } else {
        Err(format!("its rows hold {held} events, its header says {said}"))
    }
}

/// Says in the manifest where the ledger ends: at a clean stop, when nothing writes any more.
///
/// # Errors
/// The ledger could not be read or the manifest not written; the old one is there then.
pub fn close(folder: &Folder, reader: &Reader) -> Result<(), StorageError> {
    folder.note(reader.id(), reader.last()?)
}
