//! Starts on a folder whose sealing keys are there, destroyed, unused or lost; and the master key
//! kept elsewhere.

use std::fs;
use std::io::{BufRead, BufReader};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nexnum::market::folder::{self, BootError};
use nexnum::market::seal_keys::{self, KeyCounts};
use nexnum::market::snapshot;
use nexnum::market::verify::{Finding, verify};
use nexnum_engine::command::{DestroySealKey, MakeSealKey};
use nexnum_engine::event::{DestroyReason, Event, SealKeyEvent};
use nexnum_engine::ids::Seq;
use nexnum_engine::sealed::{KeyHandle, KeyOwner};
use nexnum_storage::keys::KeyFolder;
use nexnum_storage::secrets::MasterKey;
use nexnum_storage::{Folder, Ledger};

use super::{append, opened};
use crate::rig::process::{KilledOnDrop, nexnum};

const LIVING: [KeyHandle; 3] = [KeyHandle(1), KeyHandle(2), LOOKUP];
/// What numbers are found by: a start makes one where none lives.
const LOOKUP: KeyHandle = KeyHandle(9);
const DESTROYED: KeyHandle = KeyHandle(3);
const UNUSED: KeyHandle = KeyHandle(4);

const fn owner(handle: KeyHandle) -> KeyOwner {
    match handle {
        // In use, and not due to be followed by another.
        LOOKUP => KeyOwner::Lookup(4_000_000),
        KeyHandle(handle) => KeyOwner::Day(handle as u32),
    }
}

fn keys(folder: &Folder) -> KeyFolder {
    KeyFolder::at(&folder.keys(), opened(folder.path()).ledger.id())
}

/// A folder with keys that live; one whose destruction was cut short after its event; and one
/// that was made and never got its event.
fn with_keys(dir: &Path) -> Folder {
    let created = folder::init(dir).unwrap();
    fs::write(folder::config_path(&created.folder), "listen = \"127.0.0.1:0\"\n").unwrap();
    let (keys, master) = (keys(&created.folder), created.folder.read_master_key().unwrap());
    let mut live = opened(dir);
    for handle in [LIVING[0], LIVING[1], LOOKUP, DESTROYED, UNUSED] {
        keys.make(&master, handle, owner(handle)).unwrap();
        if handle != UNUSED {
            append(&mut live, [MakeSealKey { handle, owner: owner(handle) }.into()]);
        }
    }
    let why = DestroyReason::Retention;
    append(&mut live, [DestroySealKey { handle: DESTROYED, why }.into()]);
    created.folder
}

/// What a start does with the keys before anything else.
fn start(dir: &Path, accepted: &[KeyHandle]) -> Result<(), BootError> {
    let mut live = opened(dir);
    live.accepted_keys.named.extend(accepted);
    let lost = seal_keys::look(&live)?;
    let at = folder::begin_epoch(&mut live)?;
    seal_keys::settle(&mut live, &lost, at)
}

/// The keys that the ledger says were lost.
fn lost(dir: &Path) -> Vec<KeyHandle> {
    let mut found = Vec::new();
    for row in opened(dir).reader.read(Seq(1)).unwrap() {
        let row = nexnum::market::replay::Decoded::from_row(&row.unwrap()).unwrap();
        for event in row.groups.events() {
            if let Event::SealKey(SealKeyEvent::KeyDestroyed { handle, why }) = event
                && *why == DestroyReason::Lost
            {
                found.push(*handle);
            }
        }
    }
    found
}

#[test]
fn a_start_destroys_every_key_that_does_not_live_and_no_other() {
    let temp = tempfile::tempdir().unwrap();
    let folder = with_keys(temp.path());
    let counted = |left_over| KeyCounts { living: LIVING.len(), left_over };
    assert_eq!(verify(temp.path(), |_| {}).unwrap().sealing_keys, counted(2));
    let (half, foreign) = (format!("{UNUSED}.tmp"), folder.keys().join("README"));
    fs::write(folder.keys().join(half), "cut short").unwrap();
    fs::write(&foreign, "not a key").unwrap();
    for _ in 0..2 {
        start(temp.path(), &[]).unwrap();
        let found = keys(&folder).list().unwrap();
        assert_eq!((found.handles, found.others), (LIVING.to_vec(), vec!["README".to_owned()]));
    }
    assert_eq!(verify(temp.path(), |_| {}).unwrap().sealing_keys, counted(0));
    // A copy that was put back has the destroyed key again. It goes again, also where the start reads
    // no event of it but begins from a snapshot.
    snapshot::write(&folder, &opened(temp.path()).reader).unwrap();
    let (keys, master) = (keys(&folder), folder.read_master_key().unwrap());
    keys.make(&master, DESTROYED, owner(DESTROYED)).unwrap();
    assert!(opened(temp.path()).snapshot > Seq(0));
    start(temp.path(), &[]).unwrap();
    assert_eq!(keys.list().unwrap().handles, LIVING);
    assert_eq!(lost(temp.path()), []);
}

fn remove_all_but_lookup(file: &Path) {
    for entry in fs::read_dir(file.parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with(LOOKUP.to_string()) {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn the_loss_of_the_key_that_numbers_are_found_by_is_not_accepted() {
    let temp = tempfile::tempdir().unwrap();
    let folder = with_keys(temp.path());
    fs::remove_file(folder.keys().join(LOOKUP.to_string())).unwrap();
    let error = start(temp.path(), &[LOOKUP]).unwrap_err().to_string();
    assert!(error.contains(&LOOKUP.to_string()) && error.contains("cannot be accepted"), "{error}");
}

#[test]
fn a_lost_key_is_refused_by_name_until_it_is_accepted_once() {
    type Lose = fn(&Path);
    let cases: [(Lose, &str); 3] = [
        (|file| fs::remove_file(file).unwrap(), "it has no file"),
        (|file| fs::write(file, "torn").unwrap(), "it is not the file of a key"),
        (remove_all_but_lookup, "it has no file"),
    ];
    for (lose, expected) in cases {
        let temp = tempfile::tempdir().unwrap();
        let folder = with_keys(temp.path());
        lose(&folder.keys().join(LIVING[1].to_string()));
        let last = opened(temp.path()).ledger.last();
        // Accepting another key is no answer to this one.
        let error = start(temp.path(), &[DESTROYED]).unwrap_err();
        let said = error.to_string();
        for word in [&*LIVING[1].to_string(), expected, "--accept-missing-key HANDLE"] {
            assert!(said.contains(word) && error.is_damage(), "{word}: {said}");
        }
        assert_eq!(opened(temp.path()).ledger.last(), last, "it was written to");
        let Err(Finding::Damage { seq: None, reason }) = verify(temp.path(), |_| {}) else {
            panic!("{expected} was not found")
        };
        assert_eq!(reason, said);
        // Where most of the folder is lost, so is the other key.
        let gone: Vec<KeyHandle> =
            LIVING.into_iter().filter(|handle| said.contains(&handle.to_string())).collect();
        start(temp.path(), &gone).unwrap();
        assert_eq!(lost(temp.path()), gone);
        start(temp.path(), &[]).unwrap();
        let living = opened(temp.path()).engine.state().seal_keys().iter().count();
        let files = keys(&folder).list().unwrap().handles.len();
        assert_eq!((living, files), (LIVING.len() - gone.len(), living));
        verify(temp.path(), |_| {}).unwrap();
    }
}

#[test]
fn all_lost_keys_are_accepted_by_their_count() {
    let temp = tempfile::tempdir().unwrap();
    let folder = with_keys(temp.path());
    remove_all_but_lookup(&folder.keys().join(LIVING[0].to_string()));
    let start_with = |count| {
        let mut live = opened(temp.path());
        live.accepted_keys.count = NonZeroUsize::new(count);
        seal_keys::look(&live)
    };
    let lost = LIVING.len() - 1;
    let said = start_with(lost - 1).unwrap_err().to_string();
    assert!(said.contains(&format!("`--accept-missing-keys {lost}` for all")), "{said}");
    start_with(lost + 1).unwrap_err();
    assert_eq!(start_with(lost).unwrap().len(), lost);
    // That which numbers are found by is in no such count.
    fs::remove_file(folder.keys().join(LOOKUP.to_string())).unwrap();
    start_with(lost + 1).unwrap_err();
}

#[test]
fn a_key_under_another_master_key_is_not_lost_but_refused() {
    let temp = tempfile::tempdir().unwrap();
    let folder = with_keys(temp.path());
    let file = folder.keys().join(LIVING[0].to_string());
    fs::remove_file(&file).unwrap();
    let stranger = MasterKey::from_bytes([9; 32]);
    keys(&folder).make(&stranger, LIVING[0], owner(LIVING[0])).unwrap();
    let said = start(temp.path(), &[LIVING[0]]).unwrap_err().to_string();
    assert!(said.contains("the master key does not open") && said.contains("01"), "{said}");
    assert!(file.exists());
}

fn serve(dir: &Path, more: &[&str]) -> Command {
    let mut command = nexnum();
    command.args(["serve", "--config"]).arg(dir.join("config.toml")).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn serves(mut command: Command) {
    let mut serving = KilledOnDrop(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on http://"), "{line}");
}

#[track_caller]
fn refuses(mut command: Command, code: i32, word: &str) {
    let done = command.output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.code() == Some(code) && said.contains(word), "{:?} {said}", done.status);
}

#[test]
fn serve_refuses_a_lost_key_and_takes_the_operator_s_word() {
    let temp = tempfile::tempdir().unwrap();
    let folder = with_keys(temp.path());
    fs::remove_file(folder.keys().join(LIVING[0].to_string())).unwrap();
    let handle = LIVING[0].to_string();
    refuses(serve(temp.path(), &[]), 3, &handle);
    refuses(serve(temp.path(), &["--accept-missing-key", "1"]), 2, "32 hexadecimal digits");
    serves(serve(temp.path(), &["--accept-missing-key", &handle]));
    serves(serve(temp.path(), &[]));
    assert_eq!(lost(temp.path()), [LIVING[0]]);
    fs::remove_file(folder.keys().join(LIVING[1].to_string())).unwrap();
    refuses(serve(temp.path(), &["--accept-missing-keys", "0"]), 2, "--accept-missing-keys");
    refuses(serve(temp.path(), &["--accept-missing-keys", "2"]), 3, "1 of the sealing keys");
    serves(serve(temp.path(), &["--accept-missing-keys", "1"]));
    assert_eq!(lost(temp.path()), [LIVING[0], LIVING[1]]);
    // A server also makes the key of the next day shortly before midnight.
    let files = keys(&folder).list().unwrap().handles;
    let there = LIVING.map(|handle| files.contains(&handle));
    assert_eq!(there, [false, false, true], "{files:?}");
}

#[test]
fn a_master_key_may_be_kept_elsewhere_and_verify_needs_none() {
    let temp = tempfile::tempdir().unwrap();
    let (data, elsewhere) = (temp.path().join("data"), temp.path().join("key"));
    let folder = with_keys(&data);
    fs::rename(folder.master_key(), &elsewhere).unwrap();
    let key = fs::read_to_string(&elsewhere).unwrap();
    let configure = |section: &str| {
        let text = format!("listen = \"127.0.0.1:0\"\n[master_key]\n{section}\n");
        fs::write(data.join("config.toml"), text).unwrap();
    };
    // 1. The proof needs no key; serving does.
    let proof = verify(&data, |_| {}).unwrap();
    assert_eq!((proof.secrets, proof.sealing_keys.living), (None, LIVING.len()));
    refuses(serve(&data, &[]), 3, "master.key is missing");
    // 2. Each source, also for a provider's secret.
    let command = format!("command = [\"cat\", {:?}]", PathBuf::from(&elsewhere));
    for section in ["file = \"../key\"", "env = \"NEXNUM_TEST_KEY\"", &command] {
        configure(section);
        let keyed = |mut command: Command| {
            command.env("NEXNUM_TEST_KEY", &key);
            command
        };
        serves(keyed(serve(&data, &[])));
        let checked = keyed(serve(&data, &["--check-config"])).output().unwrap();
        let shown = String::from_utf8(checked.stdout).unwrap();
        assert!(checked.status.success() && !shown.contains(key.trim()), "{shown}");
        let mut callback = nexnum();
        callback.args(["provider", "callback", "--data"]).arg(&data);
        assert!(keyed(callback).output().unwrap().status.success(), "{section}");
    }
    // 3. A source without one.
    configure("env = \"NEXNUM_TEST_NO_KEY\"");
    refuses(
        serve(&data, &[]),
        1,
        "no master key from the variable NEXNUM_TEST_NO_KEY: it is not set",
    );
    configure("command = [\"false\"]");
    refuses(serve(&data, &["--check-config"]), 1, "the command \"false\"");
    configure("file = \"a\"\nenv = \"B\"");
    refuses(serve(&data, &[]), 1, "more than one of file, env and command");
}
