//! Secrets on disk: sealed, bound to their names, useless without the key.

use std::fs;
use std::path::PathBuf;

use nexnum_storage::StorageError;
use nexnum_storage::secrets::{MasterKey, NAME_LEN_MAX, SECRET_LEN_MAX, SecretBytes, Secrets};
use redb::{Database, ReadableDatabase, TableDefinition};

const KEY: [u8; 32] = [0x42; 32];

fn new_store() -> (tempfile::TempDir, PathBuf, Secrets) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.redb");
    let secrets = Secrets::create(&path, &MasterKey::from_bytes(KEY)).unwrap();
    (folder, path, secrets)
}

fn secret(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes().to_vec())
}

#[test]
fn a_secret_comes_back_after_a_reopening_and_is_nowhere_in_clear() {
    let (_folder, path, secrets) = new_store();
    secrets.put("provider/5sim", &secret("an old key to be replaced")).unwrap();
    secrets.put("provider/5sim", &secret("sk-very-secret-value")).unwrap();
    secrets.put("hook/7", &secret("another")).unwrap();
    drop(secrets);
    let bytes = fs::read(&path).unwrap();
    for text in [&b"sk-very-secret"[..], b"an old key"] {
        assert!(!bytes.windows(text.len()).any(|window| window == text));
    }
    let secrets = Secrets::open(&path, &MasterKey::from_bytes(KEY)).unwrap();
    assert_eq!(secrets.get("provider/5sim").unwrap(), Some(secret("sk-very-secret-value")));
    assert_eq!(secrets.get("provider/none").unwrap(), None);
    assert_eq!(secrets.names().unwrap(), ["hook/7", "provider/5sim"]);
    assert!(secrets.remove("hook/7").unwrap());
    assert!(!secrets.remove("hook/7").unwrap());
    assert_eq!(secrets.get("hook/7").unwrap(), None);
}

#[test]
fn the_wrong_key_is_noticed_when_the_store_is_opened() {
    let (_folder, path, secrets) = new_store();
    secrets.put("a", &secret("b")).unwrap();
    drop(secrets);
    let error = Secrets::open(&path, &MasterKey::from_bytes([1; 32])).unwrap_err();
    assert!(matches!(error, StorageError::WrongKey { .. }), "{error}");
    Secrets::open(&path, &MasterKey::from_bytes(KEY)).unwrap();
}

#[test]
fn a_secret_that_was_altered_or_moved_to_another_name_does_not_open() {
    let (_folder, path, secrets) = new_store();
    secrets.put("mine", &secret("one")).unwrap();
    secrets.put("yours", &secret("two")).unwrap();
    drop(secrets);
    let table = TableDefinition::<&str, &[u8]>::new("sealed");
    {
        let database = Database::open(&path).unwrap();
        let read = database.begin_read().unwrap();
        let mine = read.open_table(table).unwrap().get("mine").unwrap().unwrap().value().to_vec();
        let mut altered = mine.clone();
        altered[30] ^= 1;
        let write = database.begin_write().unwrap();
        {
            let mut table = write.open_table(table).unwrap();
            table.insert("yours", &mine[..]).unwrap();
            table.insert("mine", &altered[..]).unwrap();
            table.insert("short", &mine[..10]).unwrap();
        }
        write.commit().unwrap();
    }
    let secrets = Secrets::open(&path, &MasterKey::from_bytes(KEY)).unwrap();
    for name in ["mine", "yours", "short"] {
        let error = secrets.get(name).unwrap_err();
        assert!(matches!(error, StorageError::Tampered { .. }), "{name}: {error}");
    }
}

#[test]
fn names_and_secrets_outside_their_bounds_are_refused() {
    let (_folder, _path, secrets) = new_store();
    let long = "n".repeat(NAME_LEN_MAX + 1);
    for (name, len) in [("", 1), (&long, 1), ("name", 0), ("name", SECRET_LEN_MAX + 1)] {
        let error = secrets.put(name, &SecretBytes::new(vec![1; len])).unwrap_err();
        assert!(matches!(error, StorageError::SecretLength { .. }), "{error}");
    }
    assert!(secrets.get("").is_err());
    secrets.put(&long[1..], &SecretBytes::new(vec![1; SECRET_LEN_MAX])).unwrap();
    assert_eq!(secrets.names().unwrap().len(), 1);
}

#[test]
fn nothing_prints_a_secret_or_a_key() {
    let (_folder, path, secrets) = new_store();
    secrets.put("name", &secret("visible?")).unwrap();
    let shown = format!("{:?} {:?} {secrets:?}", secret("visible?"), MasterKey::from_bytes(KEY));
    // The folder's random name may have the key's digits.
    let shown = shown.replace(path.to_str().unwrap(), "");
    assert!(
        !shown.contains("visible") && !shown.contains("66") && !shown.contains("42"),
        "{shown}"
    );
}

#[test]
fn the_master_key_is_made_once_and_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    assert!(matches!(MasterKey::read(&path), Err(StorageError::Missing { .. })));
    let key = MasterKey::create(&path).unwrap();
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let before = fs::read(&path).unwrap();
    assert!(matches!(MasterKey::create(&path), Err(StorageError::AlreadyExists { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let store = folder.path().join("secrets.redb");
    Secrets::create(&store, &key).unwrap().put("a", &secret("b")).unwrap();
    let again = MasterKey::read(&path).unwrap();
    assert_eq!(Secrets::open(&store, &again).unwrap().get("a").unwrap(), Some(secret("b")));

    fs::write(&path, "not a key").unwrap();
    let error = MasterKey::read(&path).unwrap_err().to_string();
    assert!(error.contains("master.key is damaged"), "{error}");
}
