//! A new folder, its keys, and who may open it.

use std::fs;
use std::path::Path;

use nexnum::keys::{self, KeyKind};
use nexnum::market::folder::{self, BootError};
use nexnum::market::verify::{Finding, verify};
use nexnum_engine::command::{Command, RevokeKey};
use nexnum_engine::event::Scope;
use nexnum_engine::ids::KeyId;
use nexnum_storage::secrets::{SECRET_LEN_MAX, SecretBytes};
use nexnum_storage::{Folder, Ledger, Manifest, StorageError};

use super::{append, folder_with_trade, opened};
use crate::rig::process::nexnum;

#[test]
fn a_new_folder_holds_the_hash_of_the_admin_key_and_the_key_is_nowhere_in_it() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("deep/data");
    let created = folder::init(&dir).unwrap();
    let key = created.admin_key.reveal();
    assert_eq!(keys::check(key), Some(KeyKind::Admin));
    let opened = opened(&dir);
    let issued: Vec<_> = opened.engine.state().keys().map(|(_, key)| key).collect();
    let [admin] = issued[..] else { panic!("{issued:?}") };
    assert_eq!((admin.scope, admin.hash), (Scope::Admin, keys::sha256(key)));
    assert_eq!(&*admin.prefix, created.admin_key.shown());
    for entry in fs::read_dir(&dir).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()));
    }
}

#[cfg(unix)]
#[test]
fn a_new_folder_and_all_files_in_it_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("data");
    folder::init(&dir).unwrap();
    // What an opening and a server's keepers write besides.
    let mut live = opened(&dir);
    folder::begin_epoch(&mut live).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let mut files = 0;
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 8, "{files} files");
}

#[test]
fn init_takes_an_empty_folder_and_leaves_any_other_as_it_is() {
    let temp = tempfile::tempdir().unwrap();
    folder::init(temp.path()).unwrap();
    let manifest = fs::read(Folder::at(temp.path()).manifest()).unwrap();
    assert!(matches!(folder::init(temp.path()), Err(BootError::NotEmpty { .. })));
    assert_eq!(fs::read(Folder::at(temp.path()).manifest()).unwrap(), manifest);

    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("letter.txt"), "dear").unwrap();
    assert!(matches!(folder::init(other.path()), Err(BootError::NotEmpty { .. })));
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);

    let file = other.path().join("letter.txt");
    assert!(matches!(folder::init(&file), Err(BootError::Io { .. })));
}

#[test]
fn a_stopped_folder_gets_another_admin_key_whatever_became_of_the_first() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let lost = Command::RevokeKey(RevokeKey { key: KeyId(1) });
    append(&mut opened(temp.path()), [lost]);
    let key = folder::issue_admin_key(opened(temp.path())).unwrap();
    let open = opened(temp.path());
    assert!(folder::open(temp.path(), |_| {}).is_err(), "a server has it open");
    let works = |key: &(_, &nexnum_engine::state::Key)| !key.1.revoked;
    let valid: Vec<_> = open.engine.state().keys().filter(works).collect();
    let [(_, admin)] = valid[..] else { panic!("{valid:?}") };
    assert_eq!((admin.scope, admin.hash), (Scope::Admin, key.sha256()));
    let end = open.ledger.last();
    drop(open);
    assert_eq!(Manifest::read(&folder.manifest()).unwrap().known, end);
    verify(temp.path(), |_| {}).unwrap();
}

#[test]
fn an_init_that_was_cut_short_before_its_key_is_finished_by_issuing_one() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::at(temp.path());
    folder.init(None).unwrap();
    let key = folder::issue_admin_key(opened(temp.path())).unwrap();
    let open = opened(temp.path());
    let hashes: Vec<_> = open.engine.state().keys().map(|(_, key)| key.hash).collect();
    assert_eq!(hashes, [key.sha256()]);
    assert!(folder::config_path(&folder).exists());
}

/// `/dev/full` fails each write as a full disk does.
#[test]
fn an_admin_key_that_cannot_be_printed_is_an_error_that_says_how_to_get_another() {
    let temp = tempfile::tempdir().unwrap();
    for (name, json) in [("plain", None), ("json", Some("--json"))] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let dir = temp.path().join(name);
        let ended = nexnum().arg("init").arg(&dir).args(json).stdout(full).output().unwrap();
        let error = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{error}");
        let way_out = format!("nexnum key create --admin --data {}", dir.display());
        assert!(error.contains("could not be printed") && error.contains(&way_out), "{error}");
    }
}

#[test]
fn a_folder_that_was_never_made_is_refused_and_not_made() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("data");
    let message = folder::open(&dir, |_| {}).unwrap_err().to_string();
    assert!(message.ends_with(&format!("run `nexnum init {}`", dir.display())), "{message}");
    assert!(!dir.exists());
    assert!(matches!(folder::secrets(&Folder::at(&dir)), Err(BootError::NotInitialised { .. })));
    let found = verify(&dir, |_| {});
    assert!(matches!(found, Err(Finding::Unreadable(BootError::NotInitialised { .. }))));
}

#[test]
fn a_folder_is_open_in_one_process() {
    let temp = tempfile::tempdir().unwrap();
    folder_with_trade(temp.path());
    let first = opened(temp.path());
    assert!(folder::open(temp.path(), |_| {}).is_err());
    drop(first);
    opened(temp.path());
}

#[test]
fn a_secret_is_kept_and_opens_with_the_folder_s_key_alone() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder::init(temp.path()).unwrap().folder;
    let secret = SecretBytes::new(b"s3cr3t".to_vec());
    folder::secrets(&folder).unwrap().put("5sim", &secret).unwrap();
    assert_eq!(folder::secrets(&folder).unwrap().get("5sim").unwrap(), Some(secret));

    let other = tempfile::tempdir().unwrap();
    let stranger = folder::init(other.path()).unwrap().folder;
    fs::copy(stranger.master_key(), folder.master_key()).unwrap();
    let error = folder::secrets(&folder).unwrap_err();
    assert!(matches!(error, BootError::Storage(StorageError::WrongKey { .. })), "{error}");
}

#[test]
fn a_provider_s_key_is_stored_whole_or_refused() {
    let temp = tempfile::tempdir().unwrap();
    let created = folder::init(temp.path()).unwrap();
    let set = |key: &str| {
        let (input, key) = (temp.path().join("key"), format!("{key}\r\n"));
        fs::write(&input, key).unwrap();
        let mut command = nexnum();
        command.args(["provider", "set-key", "a", "--data"]).arg(temp.path());
        let done = command.stdin(fs::File::open(&input).unwrap()).output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let longest = "k".repeat(SECRET_LEN_MAX);
    assert_eq!(set(&longest), (Some(0), String::new()));
    for wrong in [format!("{longest}k"), longest.repeat(3), String::new()] {
        let (code, said) = set(&wrong);
        assert!(code == Some(1) && said.contains("bytes"), "{}: {said}", wrong.len());
    }
    let stored = folder::secrets(&created.folder).unwrap().get("a").unwrap().unwrap();
    assert_eq!(stored.expose(), longest.as_bytes(), "as the refused ones found it");
}

#[test]
fn the_callback_is_printed_as_a_whole_url() {
    let temp = tempfile::tempdir().unwrap();
    let created = folder::init(temp.path()).unwrap();
    let printed = |more: &[&str]| {
        let mut command = nexnum();
        command.args(["provider", "callback", "--data"]).arg(temp.path()).args(more);
        let done = command.env_remove("NEXNUM_URL").output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    };
    let path = "/hooks/providers/own/";
    assert!(printed(&[]).starts_with(&format!("http://127.0.0.1:8080{path}")));
    fs::write(folder::config_path(&created.folder), "listen = \"0.0.0.0:9000\"").unwrap();
    assert!(printed(&[]).starts_with(&format!("http://127.0.0.1:9000{path}")));
    let told = printed(&["--url", "https://sms.example/"]);
    assert!(told.starts_with(&format!("https://sms.example{path}")), "{told}");
}
