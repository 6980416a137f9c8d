use std::path::Path;

use nexnum_engine::ids::OrderId;

use super::*;
use crate::directory::faulty::{FaultyDirectory, Lies};

const LEDGER: LedgerId = LedgerId([0xAB; 16]);
const KEPT: KeyHandle = KeyHandle(1);
const DESTROYED: KeyHandle = KeyHandle(2);
const OWNER: KeyOwner = KeyOwner::Day(20_000);

fn master() -> MasterKey {
    MasterKey::from_bytes([5; 32])
}

fn over(directory: &FaultyDirectory) -> KeyFolder<FaultyDirectory> {
    KeyFolder { directory: directory.clone(), path: "keys".into(), ledger: LEDGER }
}

/// What was made and destroyed until the power went.
#[derive(Default)]
struct Run {
    /// What makes were said to be done, with the keys.
    usable: Vec<(KeyHandle, SealingKey)>,
    /// The wrapped key that has to go.
    secret: Vec<u8>,
    /// Its event is durable: the destruction was begun.
    doomed: bool,
    /// It was said to be done.
    destroyed: bool,
}

/// How a key is destroyed, and which syncs do nothing from the beginning, and from there on.
#[derive(Clone, Copy)]
struct Variant {
    made_with: Lies,
    destroyed_with: Lies,
    destroy: fn(&KeyFolder<FaultyDirectory>, KeyHandle) -> Result<(), StorageError>,
}

const HONEST: Lies = Lies { of_files: false, of_directory: false };
const SOUND: Variant =
    Variant { made_with: HONEST, destroyed_with: HONEST, destroy: KeyFolder::destroy };

/// Two keys are made and one of them is destroyed, until the power goes after `steps` operations.
fn run(directory: &FaultyDirectory, variant: Variant, steps: u64) -> Run {
    let folder = over(directory);
    directory.lie(variant.made_with);
    directory.cut_after(steps);
    let mut run = Run::default();
    for handle in [KEPT, DESTROYED] {
        let Ok(key) = folder.make(&master(), handle, OWNER) else { return run };
        run.usable.push((handle, key));
    }
    // What is secret of the file: the wrapped key, before the check.
    let written = directory.last_written();
    run.secret = written[written.len() - 52..written.len() - 4].to_vec();
    assert!(directory.holds_part_of(&run.secret) || variant.made_with != HONEST);
    run.doomed = true;
    directory.lie(variant.destroyed_with);
    run.destroyed = (variant.destroy)(&folder, DESTROYED).is_ok();
    run
}

/// Holds what a cut left against what was said before it.
fn check_left(left: &FaultyDirectory, run: &Run) -> Result<(), String> {
    let folder = over(left);
    for (handle, key) in &run.usable {
        if *handle == DESTROYED && run.doomed {
            continue;
        }
        match folder.read(&master(), *handle) {
            Ok(Some(read)) if read.expose() == key.expose() => {}
            other => return Err(format!("the key {handle} was usable and is {other:?}")),
        }
    }
    if run.destroyed {
        let found = folder.list().unwrap().handles;
        if found.contains(&DESTROYED) {
            return Err("the key was destroyed and has a file".to_owned());
        }
        if left.holds_part_of(&run.secret) {
            return Err("the key was destroyed and its bytes are on the medium".to_owned());
        }
    }
    Ok(())
}

/// What a start does: it destroys every key that does not live, be it destroyed or never used.
fn start(directory: &FaultyDirectory, run: &Run) -> Result<(), StorageError> {
    let folder = over(directory);
    let lives = |handle| handle == KEPT && !run.usable.is_empty();
    for handle in folder.list()?.handles.into_iter().filter(|handle| !lives(*handle)) {
        folder.destroy(handle)?;
    }
    Ok(())
}

/// The same after a start: what lives lives, and nothing else is there, nor its bytes.
fn check_started(left: &FaultyDirectory, run: &Run) -> Result<(), String> {
    check_left(left, run)?;
    let found = over(left).list().unwrap();
    let living: Vec<KeyHandle> = run.usable.iter().take(1).map(|(handle, _)| *handle).collect();
    // Of a key whose making was cut short bytes may stay in a file that never got its name durably.
    // Nothing was sealed under it.
    if run.doomed && left.holds_part_of(&run.secret) {
        return Err("a start left a doomed key: its bytes are on the medium".to_owned());
    }
    if found.handles == living { Ok(()) } else { Err(format!("a start left {found:?}")) }
}

/// Cuts the power after each step, in the run and in the start after it, with everything that may
/// be left then. Gives how many directories were looked at, or the first that is wrong.
fn check(variant: Variant) -> Result<usize, String> {
    let mut looked_at = 0;
    for steps in 0.. {
        let directory = FaultyDirectory::default();
        let run = run(&directory, variant, steps);
        for left in directory.survivors() {
            looked_at += 1;
            check_left(&left, &run).map_err(|wrong| format!("cut after {steps}: {wrong}"))?;
            looked_at += check_start(&left, &run)
                .map_err(|wrong| format!("cut after {steps}, then in a start: {wrong}"))?;
        }
        if !directory.is_cut() {
            return Ok(looked_at);
        }
    }
    unreachable!("a run has an end")
}

fn check_start(left: &FaultyDirectory, run: &Run) -> Result<usize, String> {
    let mut looked_at = 0;
    for steps in 0.. {
        let [directory] = &left.survivors()[..] else { unreachable!("all of it is durable") };
        directory.cut_after(steps);
        let started = start(directory, run);
        for twice in directory.survivors() {
            looked_at += 1;
            check_left(&twice, run)?;
            if started.is_err() {
                start(&twice, run).map_err(|error| error.to_string())?;
            }
            let [durable] = &twice.survivors()[..] else { unreachable!("a start syncs its work") };
            check_started(durable, run)?;
        }
        if !directory.is_cut() {
            return Ok(looked_at);
        }
    }
    unreachable!("a start has an end")
}

#[test]
fn a_usable_key_stays_and_a_destroyed_one_is_gone_whatever_a_cut_loses() {
    let looked_at = check(SOUND).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(looked_at > 500, "{looked_at} directories are too few to be all");
}

/// The name first: the bytes can no longer be reached to be overwritten.
fn remove_only(folder: &KeyFolder<FaultyDirectory>, handle: KeyHandle) -> Result<(), StorageError> {
    let removed = folder.directory.remove(&handle.to_string());
    removed.and_then(|()| folder.directory.sync()).map_err(|e| folder.failed("removing", "", e))
}

/// Overwritten, and the name goes before that is durable.
fn remove_unsynced(
    folder: &KeyFolder<FaultyDirectory>,
    handle: KeyHandle,
) -> Result<(), StorageError> {
    let file = folder.directory.open(&handle.to_string());
    let overwritten = file.and_then(|mut file| file.write(&[&[0; 120]]));
    overwritten.map_err(|e| folder.failed("overwriting", "", e))?;
    remove_only(folder, handle)
}

#[test]
fn a_broken_order_of_steps_is_caught() {
    let (of_files, of_directory) = (
        Lies { of_files: true, ..Lies::default() },
        Lies { of_directory: true, ..Lies::default() },
    );
    let there = "was usable and is";
    let on_medium = "its bytes are on the medium";
    for (name, variant, expected) in [
        (
            "a make without the directory's sync",
            Variant { made_with: of_directory, ..SOUND },
            there,
        ),
        ("a make without the file's sync", Variant { made_with: of_files, ..SOUND }, there),
        (
            "a destruction without the directory's sync",
            Variant { destroyed_with: of_directory, ..SOUND },
            "was destroyed and has a file",
        ),
        (
            "a destruction without the file's sync",
            Variant { destroyed_with: of_files, ..SOUND },
            on_medium,
        ),
        ("a name taken away alone", Variant { destroy: remove_only, ..SOUND }, on_medium),
        (
            "a name taken away before the bytes are synced",
            Variant { destroy: remove_unsynced, ..SOUND },
            on_medium,
        ),
    ] {
        let wrong = check(variant).expect_err(name);
        assert!(wrong.contains(expected), "{name}: {wrong}");
    }
}

fn folder_at(path: &Path) -> KeyFolder {
    KeyFolder::at(&path.join("keys"), LEDGER)
}

#[test]
fn a_key_is_made_read_and_destroyed_on_a_disk() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, path) = (folder_at(temp.path()), temp.path().join("keys"));
    assert_eq!(folder.list().unwrap(), KeyFiles::default());
    folder.destroy(KEPT).unwrap();
    assert!(!path.exists(), "only a making makes the folder");
    let owner = KeyOwner::Rental(OrderId(7));
    let made = folder.make(&master(), KEPT, owner).unwrap();
    let read = folder.read(&master(), KEPT).unwrap().unwrap();
    assert_eq!((read.expose(), read.handle()), (made.expose(), KEPT));
    assert_eq!(folder.owner(KEPT).unwrap(), Some(owner));
    assert!(folder.read(&master(), DESTROYED).unwrap().is_none());
    assert_eq!(folder.list().unwrap().handles, [KEPT]);
    #[cfg(unix)]
    for (path, expected) in [(&path, 0o700), (&path.join(KEPT.to_string()), 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, expected);
    }
    for _ in 0..2 {
        folder.destroy(KEPT).unwrap();
        assert!(folder.read(&master(), KEPT).unwrap().is_none());
        assert_eq!(folder.list().unwrap(), KeyFiles::default());
    }
}

#[test]
fn a_key_is_never_written_over() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_at(temp.path());
    let made = folder.make(&master(), KEPT, OWNER).unwrap();
    let refused = folder.make(&master(), KEPT, OWNER).unwrap_err();
    assert!(matches!(refused, StorageError::AlreadyExists { .. }), "{refused}");
    assert_eq!(folder.read(&master(), KEPT).unwrap().unwrap().expose(), made.expose());
}

#[test]
fn files_that_are_no_whole_key_of_this_ledger_are_refused_by_name() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_at(temp.path());
    folder.make(&master(), KEPT, OWNER).unwrap();
    let path = temp.path().join("keys").join(KEPT.to_string());
    let sound = std::fs::read(&path).unwrap();
    let torn = &sound[..sound.len() - 1];
    for (bytes, expected) in [
        (&b""[..], "is damaged: it is not the file of a key: put it back"),
        (torn, "is damaged: its check does not fit its bytes: put it back"),
        (&[0; 600], "is damaged: it is too long for a key: move it out"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = folder.read(&master(), KEPT).unwrap_err();
        assert!(error.to_string().contains(expected) && error.is_damage(), "{error}");
        assert!(error.to_string().contains(&KEPT.to_string()), "{error}");
    }
    std::fs::write(&path, &sound).unwrap();
    let error = folder.read(&MasterKey::from_bytes([6; 32]), KEPT).unwrap_err();
    assert!(matches!(error, StorageError::WrongKey { .. }), "{error}");
    // Another ledger's key is neither read nor destroyed.
    let stranger = KeyFolder::at(&temp.path().join("keys"), LedgerId([1; 16]));
    for error in [stranger.owner(KEPT).map(|_| ()), stranger.destroy(KEPT)] {
        let error = error.unwrap_err();
        assert!(matches!(error, StorageError::OtherLedger { .. }), "{error}");
    }
    // Nor is a key read under another's name.
    std::fs::rename(&path, temp.path().join("keys").join(DESTROYED.to_string())).unwrap();
    let error = folder.read(&master(), DESTROYED).unwrap_err().to_string();
    assert!(error.contains("it holds the key 00000000000000000000000000000001"), "{error}");
}

#[test]
fn what_a_crash_left_is_listed_once_and_destroyed_and_what_is_no_key_is_left() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, path) = (folder_at(temp.path()), temp.path().join("keys"));
    folder.make(&master(), KEPT, OWNER).unwrap();
    for name in [&*temporary(KEPT), &*temporary(DESTROYED), "README", "1.tmp"] {
        std::fs::write(path.join(name), "x").unwrap();
    }
    let found = folder.list().unwrap();
    assert_eq!(found.handles, [KEPT, DESTROYED]);
    assert_eq!(found.others, ["1.tmp", "README"]);
    folder.destroy(KEPT).unwrap();
    folder.destroy(DESTROYED).unwrap();
    let others = found.others;
    assert_eq!(folder.list().unwrap(), KeyFiles { handles: Vec::new(), others });
}

#[test]
fn handles_are_drawn_and_keys_are_not_shown() {
    assert_ne!(draw_handle().unwrap(), draw_handle().unwrap());
    let folder = folder_at(Path::new("data"));
    assert_eq!(format!("{folder:?}"), "KeyFolder { path: \"data/keys\", .. }");
}
