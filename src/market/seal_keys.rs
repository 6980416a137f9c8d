//! The folder of sealing keys at a start: it holds what the ledger says, and nothing else.
//!
//! Promises: a key that lives has a file that opens, or the start is refused with the key's name and
//! nothing written; the operator may accept that the key is lost, and the ledger says so then. Every
//! other key's file is destroyed: of a key that was destroyed before, as after a crash or where a
//! copy was put back, and of one that never got its event, under which nothing is sealed. Making
//! keys, and when they end, is left to others.

use std::collections::BTreeSet;

use nexnum_engine::command::{DestroySealKey, MakeSealKey};
use nexnum_engine::event::DestroyReason;
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_storage::keys::{KeyFiles, KeyFolder, draw_handle};
use nexnum_storage::{Folder, LedgerId, StorageError};

use super::boot_error::{AcceptedKeys, BootError, LostKeys, NAMED_MAX};
use super::folder::{Opened, write};

/// What is said beside a lost key that numbers are found by.
const NOT_ACCEPTED: &str = ": it is what numbers are found by, so that its loss cannot be accepted";

fn keys_of(folder: &Folder, ledger: LedgerId) -> KeyFolder {
    KeyFolder::at(&folder.keys(), ledger)
}

/// What is in the folder of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// Keys that live; each has its file, whole.
    pub living: usize,
    /// Keys that do not live and have a file, which the next start destroys.
    pub left_over: usize,
}

/// Looks whether each key that lives has its file, whole, and which files are others'. The master key
/// is not needed.
///
/// # Errors
/// [`BootError::LostKeys`]; a file of another ledger or of a newer version; or the failure.
pub(super) fn check(
    folder: &Folder,
    ledger: LedgerId,
    state: &State,
) -> Result<KeyCounts, BootError> {
    let lost = lost(folder, ledger, state)?;
    if !lost.is_empty() {
        return Err(BootError::LostKeys(LostKeys { path: folder.keys(), lost }));
    }
    let (living, keys) = (state.seal_keys().iter().count(), keys_of(folder, ledger));
    Ok(KeyCounts { living, left_over: left_over(&keys.list()?, state).count() })
}

/// The keys that have a file and do not live.
fn left_over<'a>(found: &'a KeyFiles, state: &'a State) -> impl Iterator<Item = KeyHandle> + 'a {
    let living = state.seal_keys();
    found.handles.iter().copied().filter(|handle| living.owner(*handle).is_none())
}

/// The keys that live and have no whole file of their own, each with why.
fn lost(
    folder: &Folder,
    ledger: LedgerId,
    state: &State,
) -> Result<Vec<(KeyHandle, String)>, BootError> {
    let keys = keys_of(folder, ledger);
    let mut lost = Vec::new();
    for (handle, owner) in state.seal_keys().iter() {
        let why = match keys.owner(handle) {
            Ok(Some(found)) if found == owner => continue,
            Ok(Some(_)) => "its file is of another owner".to_owned(),
            Ok(None) => "it has no file".to_owned(),
            Err(StorageError::DamagedFile { reason, .. }) => reason,
            Err(error) => return Err(error.into()),
        };
        let why =
            if matches!(owner, KeyOwner::Lookup(_)) { format!("{why}{NOT_ACCEPTED}") } else { why };
        lost.push((handle, why));
    }
    Ok(lost)
}

/// Looks whether a start may use the keys. Nothing is written. Gives those that are lost, which the
/// operator accepts.
///
/// # Errors
/// As [`check`]; a key that the master key does not open, or no master key.
pub fn look(opened: &Opened) -> Result<Vec<KeyHandle>, BootError> {
    let (folder, ledger, state) = (&opened.folder, opened.ledger.id(), opened.engine.state());
    let (lost, AcceptedKeys { named, count }) =
        (lost(folder, ledger, state)?, &opened.accepted_keys);
    let are_all = count.is_some_and(|count| count.get() == lost.len());
    let is_accepted = |handle: &KeyHandle| {
        let is_lookup = matches!(state.seal_keys().owner(*handle), Some(KeyOwner::Lookup(_)));
        !is_lookup && (are_all || named.contains(handle))
    };
    if !lost.iter().all(|(handle, _)| is_accepted(handle)) {
        return Err(BootError::LostKeys(LostKeys { path: folder.keys(), lost }));
    }
    let accepted: BTreeSet<KeyHandle> = lost.into_iter().map(|(handle, _)| handle).collect();
    let (keys, master) = (keys_of(folder, ledger), folder.read_master_key()?);
    let living = state.seal_keys().iter().map(|(handle, _)| handle);
    for handle in living.filter(|handle| !accepted.contains(handle)) {
        let _usable = keys.read(&master, handle)?;
    }
    Ok(accepted.into_iter().collect())
}

/// Makes the first lookup key.
fn make_lookup(opened: &mut Opened, at: Time) -> Result<(), BootError> {
    let is_lookup = |(_, owner)| matches!(owner, KeyOwner::Lookup(_));
    if opened.engine.state().seal_keys().iter().any(is_lookup) {
        return Ok(());
    }
    let (handle, owner) = (draw_handle()?, KeyOwner::Lookup(at.day()));
    let keys = keys_of(&opened.folder, opened.ledger.id());
    keys.make(&opened.folder.read_master_key()?, handle, owner)?;
    let made = MakeSealKey { handle, owner }.into();
    write(&mut opened.engine, &mut opened.ledger, at, &[made])
}

/// Says in the ledger which keys are lost, makes the first lookup key, and destroys the file of every key
/// that does not live. The event first: a start that is cut short in between destroys the file the next time.
///
/// # Errors
/// The ledger took nothing, or a file could not be destroyed.
pub fn settle(opened: &mut Opened, lost: &[KeyHandle], at: Time) -> Result<(), BootError> {
    // 1. What the operator accepted.
    let why = DestroyReason::Lost;
    let commands = lost.iter().map(|handle| DestroySealKey { handle: *handle, why }.into());
    let commands: Vec<_> = commands.collect();
    if !commands.is_empty() {
        write(&mut opened.engine, &mut opened.ledger, at, &commands)?;
        let what = "what is sealed is forgotten, and own stock under them is for sale no more";
        let named = &lost[..lost.len().min(NAMED_MAX)];
        tracing::warn!(count = lost.len(), ?named, "sealing keys are lost, as accepted: {what}");
    }
    // 2. What numbers are found by, if nothing is yet.
    make_lookup(opened, at)?;
    // 3. What does not live.
    let keys = keys_of(&opened.folder, opened.ledger.id());
    let found = keys.list()?;
    let mut destroyed = 0;
    for handle in left_over(&found, opened.engine.state()) {
        keys.destroy(handle)?;
        destroyed += 1;
    }
    if destroyed > 0 {
        tracing::info!(destroyed, "files of sealing keys that do not live were destroyed");
    }
    if !found.others.is_empty() {
        let path = opened.folder.keys();
        tracing::warn!(path = %path.display(), others = ?found.others, "files in the folder of sealing keys are no keys and are left as they are");
    }
    Ok(())
}
