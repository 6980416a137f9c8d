//! A data folder from `init` to what `serve` refuses.

use std::fs;

use nexnum_engine::ids::Seq;
use nexnum_storage::secrets::{MasterKey, SecretBytes, Secrets};
use nexnum_storage::{Folder, Ledger, Manifest, StorageError};

use crate::run::{append_run, check_content};

fn new_folder() -> (tempfile::TempDir, Folder) {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::at(parent.path().join("a/new/folder"));
    folder.init(None).unwrap();
    (parent, folder)
}

#[test]
fn a_new_folder_opens_and_keeps_what_is_put_into_it() {
    let (_parent, folder) = new_folder();
    assert!(folder.is_initialised());
    let mut ledger = folder.open_ledger().unwrap();
    append_run(&mut ledger, 5);
    folder.note(ledger.id(), ledger.last()).unwrap();
    append_run(&mut ledger, 5);
    let last = ledger.last();
    drop(ledger);
    assert_eq!(folder.open_reader().unwrap().verify(|_, _| {}).unwrap(), last);
    check_content(&folder.open_ledger().unwrap()).unwrap();
    folder.open_secrets().unwrap().put("a", &SecretBytes::new(b"b".to_vec())).unwrap();
    assert_eq!(folder.open_secrets().unwrap().names().unwrap(), ["a"]);
}

#[test]
fn every_file_that_making_a_folder_leaves_is_named() {
    let (_parent, folder) = new_folder();
    append_run(&mut folder.open_ledger().unwrap(), 1);
    let named = folder.files_of_init();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        assert!(named.contains(&path) || path == folder.snapshots(), "{}", path.display());
    }
    for name in ["TIP.new", "MANIFEST.tmp", "master.key.tmp"] {
        assert!(named.contains(&folder.path().join(name)), "{name}");
    }
}

#[test]
fn a_folder_with_anything_in_it_is_not_initialised_again() {
    let (_parent, folder) = new_folder();
    let before = folder.open_ledger().unwrap().id();
    for _ in 0..2 {
        let error = folder.init(None).unwrap_err();
        assert!(matches!(error, StorageError::AlreadyExists { .. }), "{error}");
        let _ = fs::remove_file(folder.master_key());
    }
    assert_eq!(folder.open_ledger().unwrap().id(), before);
}

#[test]
fn a_folder_that_lost_a_part_says_which() {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::at(parent.path().join("nothing"));
    let error = folder.open_ledger().unwrap_err().to_string();
    assert!(error.contains("nothing is missing"), "{error}");
    assert!(!folder.path().exists());

    let (_parent, folder) = new_folder();
    fs::remove_file(folder.manifest()).unwrap();
    let error = folder.open_ledger().unwrap_err().to_string();
    assert!(error.contains("MANIFEST is missing"), "{error}");

    let (_parent, folder) = new_folder();
    fs::remove_file(folder.ledger()).unwrap();
    let error = folder.open_ledger().unwrap_err().to_string();
    assert!(error.contains("ledger.redb is missing"), "{error}");
    assert!(!folder.ledger().exists());

    let (_parent, folder) = new_folder();
    fs::remove_file(folder.master_key()).unwrap();
    let error = folder.open_secrets().unwrap_err().to_string();
    assert!(error.contains("master.key is missing"), "{error}");
}

#[test]
fn a_ledger_that_was_put_back_from_an_older_copy_is_noticed() {
    let (_parent, folder) = new_folder();
    let mut ledger = folder.open_ledger().unwrap();
    append_run(&mut ledger, 3);
    drop(ledger);
    let copy = fs::read(folder.ledger()).unwrap();
    let mut ledger = folder.open_ledger().unwrap();
    append_run(&mut ledger, 3);
    folder.note(ledger.id(), ledger.last()).unwrap();
    drop(ledger);
    fs::write(folder.ledger(), copy).unwrap();
    let error = folder.open_ledger().unwrap_err();
    assert!(matches!(error, StorageError::Behind { .. }), "{error}");
}

#[test]
fn an_older_end_is_noticed_after_a_kill_by_the_tip_and_the_ledger_stays_as_it_is() {
    let (_parent, folder) = new_folder();
    let mut ledger = folder.open_ledger().unwrap();
    append_run(&mut ledger, 3);
    let copy = fs::read(folder.ledger()).unwrap();
    append_run(&mut ledger, 1);
    let known = ledger.last().seq;
    // The manifest is left as it is.
    drop(ledger);
    fs::write(folder.ledger(), &copy).unwrap();
    let manifest = Manifest::read(&folder.manifest()).unwrap();
    assert_eq!(manifest.known.seq, Seq(0));
    let manifest = manifest.with_tip(&folder.tip()).unwrap();
    let reader = folder.open_reader().unwrap();
    let error = reader.check_end(&manifest).unwrap_err();
    assert!(matches!(error, StorageError::Behind { known: k, .. } if k == known), "{error}");
    drop(reader);
    assert!(fs::read(folder.ledger()).unwrap() == copy, "a reader writes nothing");
    assert!(matches!(folder.open_ledger(), Err(StorageError::Behind { .. })));
}

#[test]
fn a_key_that_the_operator_keeps_is_not_written_into_the_folder() {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::at(parent.path().join("data"));
    let key = MasterKey::from_bytes([5; 32]);
    folder.init(Some(&key)).unwrap();
    assert!(!folder.master_key().exists());
    Secrets::open(&folder.secrets(), &key).unwrap();
}
