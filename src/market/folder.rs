//! A data folder: what is in it, how it is made, how it is opened.
//!
//! Promises: `init` makes a folder and touches nothing that is there; `open` makes nothing.
//! The engine comes back as the newest valid snapshot and the rows after it say; a snapshot
//! that cannot be used costs time, a ledger that cannot be is an error that names where.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexnum_engine::Engine;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::command::{AcceptClock, BeginEpoch, Command, IssueKey, OpenLedger};
use nexnum_engine::decide::RULES;
use nexnum_engine::event::{ClockJump, Epoch, LedgerTerms};
use nexnum_engine::group::{Groups, Head};
use nexnum_engine::ids::Seq;
use nexnum_engine::limits::NAME_LEN_MAX;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_storage::history::{HistoryTables, Opening};
use nexnum_storage::secrets::Secrets;
use nexnum_storage::snapshot::{self, Snapshot};
use nexnum_storage::{
    CheckedLedger, Folder, Ledger, LedgerId, Manifest, Payload, Reader, RedbLedger, Salt,
    StorageError, record,
};

use crate::clock::Clock;
use crate::keys::{self, ApiKey, KeyKind};
use crate::market::replay::{Decoded, Replay};

pub use super::boot_error::{AcceptedKeys, BootError};
use super::index_key;

/// The configuration that `init` puts into a new folder.
pub const CONFIG_TEMPLATE: &str = include_str!("config.template.toml");

/// Its file.
const CONFIG: &str = "config.toml";

/// The currency of every ledger's money.
const CURRENCY: [u8; 3] = *b"USD";

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
    folder.init_beside(None, names).map_err(|error| match error {
        StorageError::AlreadyExists { path } if path == dir => BootError::NotEmpty { dir: path },
        StorageError::Io { path, source, .. } if path == dir => BootError::Io { path, source },
        error => error.into(),
    })?;
    // 2. What the ledger is, and the first admin key's hash.
    let (mut ledger, mut engine) = (folder.open_ledger()?, Engine::default());
    let clock = Clock::open(dir, Time(0));
    let at = clock.now();
    begin(&folder, &mut engine, &mut ledger, at, None)?;
    let admin_key = issue(&mut engine, &mut ledger, at)?;
    folder.note(ledger.id(), ledger.last())?;
    clock.keep();
    // 3. Last the configuration: a folder that was cut off before gets it with its next key.
    write_config(&folder)?;
    Ok(Created { id: ledger.id(), folder, admin_key })
}

/// Issues another admin key in a folder that no server has open: the way in when the last
/// one is lost, or when `init` was cut short before the first.
///
/// # Errors
/// As [`begin_epoch`]; or the failure.
pub fn issue_admin_key(mut opened: Opened) -> Result<ApiKey, BootError> {
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
/// [`BootError::ClockGap`], with nothing written; the failure, or no random bytes for a ledger that
/// is new.
pub fn begin_epoch(opened: &mut Opened) -> Result<Time, BootError> {
    let clock = &opened.clock;
    clock.advance_to(opened.last_at);
    let accepted = match (clock.gap(), opened.accepts_clock) {
        (Some(gap), false) => return Err(BootError::ClockGap(gap)),
        (None, false) => None,
        (gap, true) => gap.or_else(|| clock.follow()),
    };
    if let Some(jump) = accepted {
        // A clock that is ahead has been followed already where nothing else says the time.
        let _followed = clock.accept(jump);
    }
    let at = clock.now();
    begin(&opened.folder, &mut opened.engine, &mut opened.ledger, at, accepted)?;
    opened.last_at = at;
    clock.keep();
    Ok(at)
}

/// Whether a start would be refused for the machine's clock.
///
/// # Errors
/// [`BootError::ClockGap`], or the ledger's end cannot be read.
pub fn check_clock(folder: &Folder, reader: &Reader) -> Result<(), BootError> {
    let last = reader.last()?.seq;
    let last_at = Decoded::holding(reader, last)?.map_or(Time(0), |row| row.last_at());
    match Clock::open(folder.path(), last_at).gap() {
        Some(gap) => Err(BootError::ClockGap(gap)),
        None => Ok(()),
    }
}

fn write_config(folder: &Folder) -> Result<(), BootError> {
    Ok(folder.write(CONFIG, CONFIG_TEMPLATE)?)
}

/// Where `init` puts the configuration.
#[must_use]
pub fn config_path(folder: &Folder) -> PathBuf {
    folder.path().join(CONFIG)
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

/// Says in the ledger that a writer begins, what the ledger is if it is new, and which jump of the
/// clock the operator accepts.
fn begin(
    folder: &Folder,
    engine: &mut Engine,
    ledger: &mut RedbLedger,
    at: Time,
    accepted: Option<ClockJump>,
) -> Result<(), BootError> {
    let mut commands = Vec::new();
    if engine.state().ledger().is_none() {
        let (permutation, index_check) =
            (keys::random_bytes()?, index_key::begin(&secrets(folder)?)?.check());
        let terms = LedgerTerms { currency: CURRENCY, permutation, index_check };
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
    commands.extend(accepted.map(|jump| AcceptClock { jump }.into()));
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
pub(super) fn write(
    engine: &mut Engine,
    ledger: &mut RedbLedger,
    at: Time,
    commands: &[Command],
) -> Result<(), BootError> {
    let mut groups = Groups::new();
    for command in commands {
        engine.execute(Head::system(at), command, &mut groups).map_err(BootError::Rejected)?;
    }
    let last = ledger.last();
    let payload = Payload::of(&groups, &Salt::draw()?, Seq(last.seq.0 + 1));
    ledger.append(&payload.batch(), last, ledger.epoch())?;
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
    /// The time.
    pub clock: Arc<Clock>,
    /// Whether the operator accepts what the machine's clock shows, however far it is.
    pub accepts_clock: bool,
    /// Sealing keys that the operator accepts to be lost, if they are.
    pub accepted_keys: AcceptedKeys,
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
/// in the ledger, by its sequence number. The ledger's file is written to only when each of its
/// pages fits its checksum, everything after the snapshot has been replayed and it ends where it
/// is known to have ended, so one that is damaged there stays as it is, byte for byte. What is
/// before the snapshot is for `verify` to look at.
pub fn open(dir: &Path, mut progress: impl FnMut(Progress)) -> Result<Opened, BootError> {
    // 1. What the folder is known to hold.
    let folder = Folder::at(dir);
    let manifest = manifest(&folder)?;
    // 2. The ledger: each page must fit its checksum. Nothing reaches the file yet.
    let checked =
        CheckedLedger::open(&folder.ledger()).map_err(|error| placed(error, &folder, &manifest))?;
    let reader = checked.reader();
    // 3. The state: the newest snapshot, and the rows after it.
    let mut replay = newest(&folder, &reader)?;
    let snapshot = replay.state().seq();
    // A damaged end is for the walk to name.
    let total = reader.last().map_or(manifest.known.seq, |last| last.seq);
    replay.run(&reader, |row, _| {
        progress(Progress { done: row.position().seq, total });
        Ok::<(), StorageError>(())
    })?;
    check_catalog(replay.state())?;
    // 4. The end must be the known one. Only now the file is written to.
    let ledger = checked.into_ledger(&manifest)?.noting_tip(&folder.tip())?;
    // 5. History, which its follower brings to the ledger's end later.
    let history = open_history(&folder, &ledger)?;
    let last_at = replay.at();
    let engine = replay.into_engine();
    // 6. The time, from there on.
    let clock = Arc::new(Clock::open(folder.path(), last_at));
    let (accepts_clock, accepted_keys) = (false, AcceptedKeys::default());
    Ok(Opened {
        folder,
        engine,
        ledger,
        reader,
        history,
        last_at,
        snapshot,
        clock,
        accepts_clock,
        accepted_keys,
    })
}

/// What is wrong with a ledger of which a page is altered, by the row at which a walk comes upon it:
/// the database itself knows no rows.
fn placed(error: StorageError, folder: &Folder, manifest: &Manifest) -> StorageError {
    let walk = || {
        let reader = open_reader(folder, manifest)?;
        newest(folder, &reader)?.run(&reader, |_, _| Ok::<(), StorageError>(()))?;
        reader.check_end(manifest)
    };
    let found = match walk() {
        Err(found) if error.is_damage() && found.is_damage() => found,
        Ok(()) | Err(_) => error,
    };
    found.knowing(manifest.known.seq)
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
